"""The physical world around the virtual reader, as a visitor of the demo handles it: cards, people, light, plugs."""

import asyncio
import contextlib
import io
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum

import numpy as np
from PIL import Image, ImageOps

from board.contracts import CameraFault, Frame
from board.demo.cards import IssuedCards
from board.demo.page.viewer import Screen
from board.demo.portraits import PortraitError, camera_frame
from board.demo.program import StageFault
from board.demo.stage import Stage
from board.demo.wallet import Wallet
from board.sim.card.server import TrayRefused

CAMERA_SIZE = (640, 480)
PICTURE_CAP = 24_000_000
"""Pixels of a picture that a visitor may give; a JPEG is made smaller while it is decoded."""
ENOUGH = (2048, 2048)
"""A JPEG is decoded no larger than it takes to have this many pixels both ways."""
FORMATS = ("JPEG", "PNG", "WEBP")
"""What is decoded; others of Pillow's decoders run programs, or keep files of their own."""
DARK = 0.12
"""Light in a dimmed room."""
STREAM_STALLS_S = 2.0
"""A stream that gives no picture for so long is a camera that has stalled."""
SLIP_BYTES = 3000
"""A card that slips is gone in the middle of the photo."""
_WATCH_S = 0.2
_NOISE = 4000


class Sight(StrEnum):
    """What stands before the camera."""

    PATIENT = "patient"
    OTHER = "other"
    BOTH = "both"
    NOBODY = "nobody"
    PICTURE = "picture"
    """A picture that the visitor gave."""
    STREAM = "stream"
    """Pictures that the visitor's browser sends: a clip, or a webcam."""
    UNPLUGGED = "unplugged"
    STALLED = "stalled"


BROKEN = frozenset({Sight.UNPLUGGED, Sight.STALLED})


class Power(StrEnum):
    """A program of the house, seen from its switch."""

    OFF = "off"
    STARTING = "starting"
    ON = "on"


class Refused(Exception):
    """That cannot be done; `reason` is a key of the page's words."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class State:
    """The world as it is; what the page shows."""

    card: str | None = None
    """Persona whose card lies on the tray."""
    turned: bool = False
    """Its printed face looks down: the camera over the tray sees nothing to read."""
    slipping: bool = False
    sight: Sight = Sight.PATIENT
    dark: bool = False
    plugged: bool = True
    reader: Power = Power.STARTING
    """On once it has put a picture on its screen."""
    bridge: Power = Power.ON
    broken: bool = False
    """A simulated part has ended."""


class World:
    """Everything that hands can do. Methods raise Refused."""

    def __init__(
        self, stage: Stage[IssuedCards], wallet: Wallet, people: Mapping[Sight, Frame], screen: Screen
    ) -> None:
        """`people`: what the camera sees for PATIENT, OTHER, BOTH, NOBODY; `screen` is told of every new state."""
        self.state = State(reader=Power.ON if screen.name else Power.STARTING)
        self._stage = stage
        self._wallet = wallet
        self._people = people
        self._screen = screen
        self._number_b: str | None = None  # of the card on the tray
        self._before_fault: tuple[Sight, Frame | CameraFault] = (Sight.PATIENT, people[Sight.PATIENT])
        self._hands = asyncio.Lock()  # one thing after the other
        self._eyes = asyncio.Lock()  # one picture at a time: they are large, and the detector is one
        self._stall: asyncio.TimerHandle | None = None
        self._watching: asyncio.Task[None] | None = None
        stage.dock.sees = people[Sight.PATIENT]
        stage.dock.on_show = self._show
        stage.reader.on_end = self._reader_ended
        stage.bridge.on_end = lambda: self._change(bridge=Power.OFF)

    async def place(self, persona: str) -> None:
        """Lay the card of `persona` on the tray."""
        async with self._hands:
            if self.state.card is not None:
                raise Refused("tray_full")
            if persona not in self._wallet.personas:
                raise Refused("no_such_card")
            if persona == Wallet.OWN and self._wallet.surface_of(persona) is None:
                raise Refused("make_it_first")
            try:
                self._number_b = await self._stage.cards.place(persona, self._wallet.surface_of(persona))
            except (TrayRefused, OSError) as error:
                raise Refused("tray_fault") from error
            self._change(card=persona)
            self._show_number_b()

    async def lift(self) -> None:
        """Take the card away."""
        async with self._hands:
            try:
                await self._stage.cards.lift()
            except (TrayRefused, OSError) as error:
                raise Refused("tray_fault") from error
            self._lifted()

    def turn(self) -> None:
        """Turn the card over: the chip is still read, the printed face is not."""
        self._change(turned=not self.state.turned)
        self._show_number_b()

    async def slip(self) -> None:
        """The card will slip off the tray while its photo is read."""
        async with self._hands:
            if self.state.card is None:
                raise Refused("no_card")
            try:
                await self._stage.cards.tray.lift_after_bytes(SLIP_BYTES)
            except (TrayRefused, OSError) as error:
                raise Refused("tray_fault") from error
            self._change(slipping=True)
            self._watching = asyncio.create_task(self._watch_tray())

    def unlock(self, persona: str) -> None:
        """What the municipal office does: the PIN's tries are full again."""
        if self.state.card == persona:
            raise Refused("lift_first")
        if persona not in self._wallet.personas:
            raise Refused("no_such_card")
        try:
            self._wallet.unlock(persona)
        except OSError as error:
            raise Refused("disk_fault") from error

    async def make_card(self, photo: bytes) -> None:
        """Give the visitor's own card another photo; it is kept in memory alone."""
        if self.state.card == Wallet.OWN:
            raise Refused("lift_first")
        if self._eyes.locked():
            raise Refused("one_picture")
        async with self._eyes:
            picture = await asyncio.to_thread(_opened, photo)
            try:
                made = await asyncio.to_thread(self._wallet.made_own, picture)
            except (PortraitError, ValueError) as error:
                raise Refused("no_face_in_photo") from error
        async with self._hands:
            if self.state.card == Wallet.OWN:
                raise Refused("lift_first")
            self._wallet.take_own(made)
        self._screen.tell({"cards": self._wallet.shown()})

    def look_at(self, sight: Sight) -> None:
        """Somebody, or nobody, stands before the camera, or its cable is out."""
        faults = {
            Sight.UNPLUGGED: CameraFault.GONE,
            Sight.STALLED: CameraFault.STALLED,
            Sight.STREAM: CameraFault.STALLED,  # until its first picture
        }
        if sight in faults:
            if self.state.sight not in BROKEN:
                lasting = self.state.sight is not Sight.STREAM  # the browser ends one that nobody looks at
                self._before_fault = (
                    (self.state.sight, self._stage.dock.sees) if lasting else (Sight.NOBODY, self._people[Sight.NOBODY])
                )
            self._see(sight, faults[sight])
        elif sight in self._people:
            self._see(sight, self._people[sight])
        else:
            raise Refused("not_understood")

    def connect_camera(self) -> None:
        """A camera that was unplugged or stalled sees again what it saw before."""
        if self.state.sight in BROKEN:
            self._see(*self._before_fault)

    async def look_at_picture(self, picture: bytes) -> None:
        """The person of a picture stands before the camera; a picture without a face is seen as it is."""
        if self._eyes.locked():
            raise Refused("one_picture")
        async with self._eyes:
            opened = await asyncio.to_thread(_opened, picture)
            self._see(Sight.PICTURE, await asyncio.to_thread(_before_camera, opened))

    def stream(self, jpeg: bytes) -> None:
        """The next picture of a clip or webcam, a JPEG of CAMERA_SIZE; one that comes when something else is looked
        at was on its way, and is dropped."""
        if self.state.sight is Sight.STREAM:
            self._see(Sight.STREAM, np.asarray(_opened(jpeg, CAMERA_SIZE)))
            self._stall = asyncio.get_running_loop().call_later(STREAM_STALLS_S, self._stream_stalled)

    def dim(self, dark: bool) -> None:
        """Switch the room's light."""
        self._stage.dock.light = DARK if dark else 1.0
        self._change(dark=dark)

    async def plug(self, plugged: bool) -> None:
        """Pull the USB cable, or plug it in."""
        async with self._hands:
            try:
                await (self._stage.cable.plug() if plugged else self._stage.cable.unplug())
            except OSError as error:
                raise Refused("cable_fault") from error
            self._change(plugged=plugged)

    async def noise(self) -> None:
        """Interference: random bytes on the cable, both ways."""
        async with self._hands:
            try:
                await self._stage.cable.noise(_NOISE)
            except OSError as error:
                raise Refused("cable_fault") from error

    def part_ended(self) -> None:
        """A simulated part, the card's daemon or the cable, has ended: only a new start of the demo brings it back."""
        self._change(broken=True)

    async def switch_reader(self, on: bool) -> None:
        """The reader's power, without any warning."""
        async with self._hands:
            if on and self.state.reader is Power.OFF:
                self._change(reader=Power.STARTING)
                await self._stage.reader.start()
            elif not on:
                await self._stage.reader.kill()

    async def switch_bridge(self, on: bool) -> None:
        """The bridge's process: killed, or started again."""
        bridge = self._stage.bridge
        if on and self.state.bridge is Power.OFF:
            self._change(bridge=Power.STARTING)
            since = len(bridge.log.events)
            await bridge.start()
            try:
                await bridge.wait("bridge_started", since)
            except StageFault as fault:
                raise Refused("did_not_start") from fault
            self._change(bridge=Power.ON)
        elif not on:
            await bridge.kill()

    def _show(self, name: str, picture: Image.Image) -> None:
        """A picture has come to the panel."""
        if self.state.reader is Power.OFF:  # it was on its way when the power went
            return
        self._screen.show(name, picture)
        if self.state.reader is Power.STARTING:
            self._change(reader=Power.ON)

    def _reader_ended(self) -> None:
        self._change(reader=Power.OFF)
        self._screen.go_dark()

    def _see(self, sight: Sight, sees: Frame | CameraFault) -> None:
        if self._stall is not None:
            self._stall.cancel()
        self._stage.dock.sees = sees
        if sight is not self.state.sight:
            self._change(sight=sight)

    def _stream_stalled(self) -> None:
        self._stage.dock.sees = CameraFault.STALLED

    def _show_number_b(self) -> None:
        """To the camera over the tray."""
        lies, turned = self.state.card, self.state.turned
        self._stage.dock.number_b = None if lies is None or turned else self._number_b

    async def _watch_tray(self) -> None:
        """Until the card has slipped off, or somebody has taken it."""
        with contextlib.suppress(TrayRefused, OSError):
            while self.state.slipping:
                await asyncio.sleep(_WATCH_S)
                if (await self._stage.cards.tray.status()).card is None:
                    self._lifted()

    def _lifted(self) -> None:
        self._change(card=None, slipping=False)
        self._show_number_b()

    def _change(self, **what: object) -> None:
        self.state = replace(self.state, **what)  # type: ignore[arg-type]
        self._screen.tell({"state": asdict(self.state)})


def _opened(content: bytes, size: tuple[int, int] | None = None) -> Image.Image:
    """An RGB picture, upright, of `size` where one is given. Raises Refused."""
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as picture:
            picture.draft("RGB", ENOUGH)
            if picture.width * picture.height > PICTURE_CAP:
                raise Refused("picture_too_large")
            if size not in (None, picture.size):
                raise Refused("not_understood")
            return ImageOps.exif_transpose(picture).convert("RGB")
    except Refused:
        raise
    except Exception as error:  # whatever a decoder makes of bytes that come from outside
        raise Refused("no_picture") from error


def _before_camera(picture: Image.Image) -> Frame:
    try:
        return camera_frame(picture)
    except PortraitError:
        return np.asarray(ImageOps.fit(picture, CAMERA_SIZE))
