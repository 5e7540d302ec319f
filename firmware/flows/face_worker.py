"""The camera and the face decision, in a process of their own that ends with the visit.

`work` is the worker's side, `FaceWorker` the visit's side. The worker holds the photo, the frames and the
embeddings; what leaves it is the camera's preview for the screen, one word of guidance, and the decision.
"""

import asyncio
import contextlib
import socket
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from PIL import Image

from board.contracts import Camera, CameraFault, Frame
from firmware.face.decide import Reason
from firmware.face.embed import Embedding
from firmware.face.engine import FaceEngine
from firmware.face.photo import PhotoError
from firmware.face.quality import Guidance
from firmware.face.vision import FrameError
from firmware.flows.pipe import BlockingPipe, Message, PipeBroken
from firmware.flows.process import Child

FRAMES_FUSED = 5
"""Good frames that one decision rests on."""
FRAME_TIMEOUT_S = 2.0
FAULT_PAUSE_S = 0.1
"""A camera that is gone says so at once, however often it is asked."""
PREVIEW_SIDE = 1280
"""Pixels at most; the screen shows fewer, and a message of the pipe is capped."""
READY_S = 60.0
"""Loading the models takes no longer, whatever else the board does."""
SILENCE_S = 5.0
"""A worker that says nothing for so long hangs, in its camera's driver say: it owes a word each FRAME_TIMEOUT_S."""
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1"}
"""numpy's small matrices gain nothing from threads, and lose much to their waiting (observed)."""
NO_CAMERA = "camera_gone"
"""Guidance shown when the camera gives no frame."""


class FaceUnavailable(Exception):
    """The worker ended or hangs, or its camera or models cannot be used. `reason` is for the event log."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class PhotoUnusable(Exception):
    """The card's photo cannot serve as a reference. `reason` is for the event log."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Sight:
    """What the camera sees now: a preview, one word of guidance, and how far the decision is (0-1)."""

    preview: Image.Image | None
    guidance: str
    progress: float


@dataclass(frozen=True)
class FaceOutcome:
    """The decision over one look: `reason`, `score` and `threshold` in the recogniser's own units, `ms` from the first
    good frame to the decision."""

    reason: Reason
    score: float
    threshold: float
    ms: float


def work(open_camera: Callable[[], Camera], engine: FaceEngine, end: socket.socket) -> None:
    """Serve one visit over `end`, then return; everything it knew goes with it.

    The camera is opened at the first look: until then the visit before may have it. One that cannot be opened
    (OSError) or gives frames of a kind that cannot be looked at ends the worker, which says why.
    """
    pipe = BlockingPipe(end)
    camera: Camera | None = None
    reference: Embedding | None = None
    pipe.send({"ready": True})
    try:
        while True:
            order = pipe.receive()
            match order.get("do"):
                case "reference":
                    if reference is not None:
                        reference.wipe()
                        reference = None
                    try:
                        reference = engine.reference(order["photo"])
                    except PhotoError as error:
                        pipe.send({"reference": error.reason})
                    else:
                        pipe.send({"reference": "ok"})
                case "look" if reference is not None:
                    camera = camera or open_camera()
                    _look(camera, engine, reference, pipe)
                case "rest":  # it crossed our decision on the way
                    pipe.send({"resting": True})
                case _:
                    raise PipeBroken("an order that this worker does not know")
    except PipeBroken:
        return
    except (FrameError, OSError) as error:
        with contextlib.suppress(PipeBroken):
            refuse(end, f"camera: {error}")
    finally:
        if reference is not None:
            reference.wipe()
        if camera is not None:
            camera.close()


def _look(camera: Camera, engine: FaceEngine, reference: Embedding, pipe: BlockingPipe) -> None:
    """Stream sightings until the decision is made or the visit says anything."""
    lives: list[Embedding] = []
    good_since = 0.0
    try:
        while len(lives) < FRAMES_FUSED:
            if pipe.waiting():  # "rest": it is read and answered by `work`
                return
            frame = camera.frame(FRAME_TIMEOUT_S)
            if isinstance(frame, CameraFault):
                pipe.send({"guidance": NO_CAMERA, "progress": 0.0})
                pipe.waiting(FAULT_PAUSE_S)
                continue
            sighting = engine.look(frame)
            if sighting.guidance is Guidance.GOOD:
                good_since = good_since or time.monotonic()
                lives.append(engine.live(frame, sighting))
            pipe.send(
                {
                    "guidance": sighting.guidance.value,
                    "progress": len(lives) / FRAMES_FUSED,
                    **_preview(frame),
                }
            )
        decision = engine.decide(reference, lives)
        pipe.send(
            {
                "reason": decision.reason.value,
                "score": decision.score,
                "threshold": decision.threshold,
                "ms": (time.monotonic() - good_since) * 1000,
            }
        )
    finally:
        for live in lives:
            live.wipe()


def _preview(frame: Frame) -> Message:
    """A frame, with fewer pixels where it has too many."""
    every = -(-max(frame.shape) // PREVIEW_SIDE)
    picture = frame[::every, ::every]
    height, width, _ = picture.shape
    return {"width": width, "height": height, "preview": picture.tobytes()}


def refuse(end: socket.socket, reason: str) -> None:
    """What a worker says that cannot begin: `reason` is for the event log."""
    BlockingPipe(end).send({"error": reason})


class FaceWorker:
    """The visit's side: starts the worker's process and speaks with it."""

    def __init__(self, child: Child) -> None:
        self._child = child

    @classmethod
    async def start(cls, command: Sequence[str]) -> "FaceWorker":
        """Start `command`; `work` runs at the other end of its pipe."""
        return cls(await Child.start(command, ONE_THREAD))

    async def ready(self) -> None:
        """Wait until the models are loaded. Raises FaceUnavailable."""
        await self._receive(READY_S)

    async def reference(self, photo: bytes) -> None:
        """Hand over the card's photo (JPEG 2000). Raises PhotoUnusable, FaceUnavailable."""
        await self._send({"do": "reference", "photo": photo})
        answer = await self._receive()
        if answer.get("reference") != "ok":
            raise PhotoUnusable(str(answer.get("reference")))

    async def look(self, on_sight: Callable[[Sight], Awaitable[None]]) -> FaceOutcome:
        """Look until a decision is made; `on_sight` is awaited for each frame. When cancelled the worker rests.

        Raises FaceUnavailable.
        """
        await self._send({"do": "look"})
        try:
            while True:
                message = await self._receive()
                if "reason" in message:
                    reason = Reason(message["reason"])
                    return FaceOutcome(reason, message["score"], message["threshold"], message["ms"])
                await on_sight(_sight(message))
        except FaceUnavailable:
            raise  # nobody is left who could rest
        except BaseException:
            with contextlib.suppress(FaceUnavailable):  # the next order finds out
                await asyncio.shield(self._rest())
            raise

    async def end(self) -> None:
        """Hang up, and see the worker's process gone."""
        await self._child.end()

    async def _rest(self) -> None:
        await self._send({"do": "rest"})
        while "resting" not in await self._receive():
            pass  # sightings, or the decision, that were on their way

    async def _send(self, message: Message) -> None:
        try:
            await self._child.pipe.send(message)
        except PipeBroken as broken:
            raise FaceUnavailable("worker ended") from broken

    async def _receive(self, patience_s: float = SILENCE_S) -> Message:
        try:
            async with asyncio.timeout(patience_s):
                message = await self._child.pipe.receive()
        except PipeBroken as broken:
            raise FaceUnavailable("worker ended") from broken
        except TimeoutError as late:
            self._child.pipe.close()  # what it says later would be taken for the answer to something else
            raise FaceUnavailable("worker hangs") from late
        if "error" in message:
            raise FaceUnavailable(str(message["error"]))
        return message


def _sight(message: Message) -> Sight:
    preview = None
    if "preview" in message:
        preview = Image.frombuffer("RGB", (message["width"], message["height"]), message["preview"])
    return Sight(preview, message["guidance"], message["progress"])
