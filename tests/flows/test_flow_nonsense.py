"""A card that answers nonsense, at every command of a visit: the patient is told what to do, and no try is lost."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from flow_rig import BRIDGE, CTI, NONCE, FlowRig, MemoryTray
from nonsense import Nonsense, every_kind

from board.contracts import Frame
from board.demo.visits import CONSENTS, METHOD, PAD
from board.sim.card.data import COUNTERS, CardData
from firmware.card.apdu import Ins
from firmware.flows.kiosk import Outcome
from firmware.flows.pipe import Message
from firmware.screens.drawn import Screen
from firmware.screens.face_failed import FaceFailed
from firmware.screens.face_not_possible import FaceNotPossible
from firmware.screens.pin_locked import PinLocked
from firmware.token.anchors import TrustAnchors
from firmware.token.claims import Method
from firmware.token.evidence import (
    FaceEvidence,
    binding,
    decode,
    verify_authentication_certificate,
    verify_card_key,
    verify_photo,
    verify_pin_signature,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")

FEW = ("63c0 alone", "6f00 alone", "00 as data", "256 bytes and 6100 for ever")
"""Each makes a visit of its own of every command."""
KINDS = [kind for kind in every_kind() if kind.name in FEW]

TYPED = ("0000", "1234")
"""The patient's first PIN is wrong."""
LEAST_TRIES = {"0018": 2, "0012": 10}
"""Left after that, by file; number B is read rightly."""
LAST_WORDS = {"done", "card_problem", "card_forgotten", "cannot_check", "turn_card"}
STOP: dict[str, Screen] = {
    "enter_pin": PAD,
    "pin_locked": PinLocked(face=True),
    "face_failed": FaceFailed(0, pin=True),
    "face_not_possible": FaceNotPossible("locked", pin=True),
}
"""Where the patient gives up."""
REASONS = (
    "card_damaged: ",
    "card_fault: ",
    "card_refused: ",
    "not_my_number_card",
    "number_b_blocked",
    "number_b_wrong",
    "photo_unusable: ",
    "pin_blocked",
    "pin_wrong",
)


class NonsenseTray(MemoryTray):
    """A tray whose card answers one command, or all from one on, with nonsense."""

    def __init__(self, nonsense: Nonsense | None = None, first: int = 0) -> None:
        super().__init__()
        self.commands = 0
        self.presented: list[bytes] = []
        """What each VERIFY carried, of those that carried something."""
        self._nonsense = nonsense
        self._first = first
        self._folders: list[Path] = []

    def place(self, folder: Path, change: Callable[[CardData], CardData] = lambda data: data) -> None:
        super().place(folder, change)
        self._folders.append(folder)

    def answer(self, apdu: bytes, loop: asyncio.AbstractEventLoop) -> bytes:
        number, self.commands = self.commands, self.commands + 1
        if apdu[1] == Ins.VERIFY and len(apdu) > 5:
            self.presented.append(apdu[5:])
        right = super().answer(apdu, loop)
        nonsense = self._nonsense
        if nonsense is None or number < self._first or (number > self._first and not nonsense.lasting):
            return right
        return nonsense.answer(right)

    def tries(self) -> dict[str, int]:
        """Tries left on the first card that lay here, by file, of those that were presented."""
        file = self._folders[0] / COUNTERS
        kept = json.loads(file.read_text("utf-8")) if file.exists() else {}
        return {name.rpartition("/")[2]: left for name, left in kept.items()}


async def play(rig: FlowRig, tray: NonsenseTray, way: str) -> tuple[Outcome, list[Message]]:
    """A whole visit by somebody who goes on as the screens say, and gives up where they lead nowhere."""
    rig = rig.fresh(tray=tray)
    await rig.open()
    typed = iter(TYPED)
    rig.place("adult")
    while (name := rig.pictures[-1][0] if rig.pictures else "") not in LAST_WORDS:
        if name == METHOD.name:
            await rig.tap_at_once(METHOD, way)
        elif name == CONSENTS.name:
            await rig.tap_at_once(CONSENTS, "agree_all")
        elif name == PAD.name and (pin := next(typed, None)):
            await rig.enter_pin(pin)
        elif name in STOP:
            await rig.tap_at_once(STOP[name], "stop")
        else:
            await rig.next_picture()
    outcome = await rig.ended()
    await rig.close()
    return outcome, rig.terminal.delivered


def judge(delivery: Message, anchors: TrustAnchors) -> None:
    """As the terminal does. Raises TokenRefused."""
    evidence = decode(delivery["evidence"])
    certificate = verify_authentication_certificate(evidence.certificate, anchors)
    bound = binding(BRIDGE, NONCE, CTI, delivery["consents"], Method(delivery["method"]))
    if isinstance(evidence, FaceEvidence):
        signed = (evidence.group1, evidence.group2_hash, evidence.photo_hash, evidence.photo_signature)
        verify_card_key(verify_photo(evidence.issuer_certificate, *signed, anchors), bound, evidence.card_signature)
    else:
        verify_pin_signature(certificate, bound, evidence.signature)


@pytest.mark.parametrize("way", ["pin", "face"])
async def test_nonsense_at_any_command_ends_with_a_screen_that_says_what_to_do_and_costs_no_try(
    rig: FlowRig, anchors: TrustAnchors, patient: Frame, way: str
) -> None:
    rig.show_to_camera(patient)
    await rig.close()
    sound = NonsenseTray()
    outcome, (delivery,) = await play(rig, sound, way)
    assert outcome.acknowledged
    judge(delivery, anchors)
    for nonsense in KINDS:
        for first in range(sound.commands):
            case = f"{nonsense.name}, to command {first}"
            tray = NonsenseTray(nonsense, first)
            outcome, delivered = await play(rig, tray, way)
            assert outcome.acknowledged == bool(delivered), case
            assert outcome.acknowledged or (outcome.refused or "").startswith(REASONS), f"{case}: {outcome.refused}"
            for delivery in delivered:
                judge(delivery, anchors)
            assert tray.presented == sound.presented[: len(tray.presented)], case
            assert all(left >= LEAST_TRIES[file] for file, left in tray.tries().items()), case
