"""What a visit asks of the terminal, through the process that owns the link and the reader's keys."""

from dataclasses import dataclass
from datetime import date

from firmware.flows.pipe import Caller, Message
from firmware.link.answers import CertificateStatus, Standing
from firmware.policy import Consent, Facility, FacilityKind
from firmware.token.claims import Method


class HostSilent(Exception):
    """The terminal cannot be reached, or did not answer in its time."""


@dataclass(frozen=True)
class Appointment:
    """The terminal's side of one visit: what the card's signature and the token must answer."""

    bridge_id: bytes
    nonce: bytes
    cti: bytes
    facility: Facility
    today: date


@dataclass(frozen=True)
class Delivery:
    """The terminal's last word: `accepted` means the token is on its disk."""

    accepted: bool
    refusal: str | None
    token_ms: float
    host_ms: float


@dataclass(frozen=True)
class Readiness:
    """Whether a visit can end well, as far as is known."""

    up: bool
    """The terminal is connected."""
    keeps: bool
    """The reader's journal takes records."""


class Host:
    """The terminal, seen from a visit. Each call raises HostSilent, or PipeBroken when the reader is stopping."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    async def open_visit(self) -> Appointment:
        """Ask for a nonce; the terminal has it on disk when this returns."""
        answer = await self._call("open_visit")
        return Appointment(
            answer["bridge_id"],
            answer["nonce"],
            answer["cti"],
            Facility(FacilityKind(answer["facility"])),
            date.fromisoformat(answer["today"]),
        )

    async def identify(self, cti: bytes, certificate: bytes) -> Standing:
        """Ask what is known of the holder of `certificate` (DER)."""
        answer = await self._call("identify", cti=cti, certificate=certificate)
        return Standing(
            answer["registered"],
            CertificateStatus(answer["certificate"]),
            answer["validity"],
            answer["ask_consents"],
            answer["ask_prescriptions"],
        )

    async def deliver(self, cti: bytes, method: Method, consents: dict[Consent, bool], evidence: bytes) -> Delivery:
        """Have the token signed and delivered. Returns once the terminal has it on disk, however long that takes;
        when this is cancelled the delivery goes on without the visit."""
        answer = await self._call(
            "deliver",
            cti=cti,
            method=method.value,
            consents={item.number: given for item, given in consents.items()},
            evidence=evidence,
        )
        return Delivery(answer["accepted"], answer["refusal"], answer["token_ms"], answer["host_ms"])

    async def call_reception(self) -> bool:
        """Tell the reception that the patient asks for somebody; False where the terminal is out of reach."""
        try:
            await self._call("call_reception")
        except HostSilent:
            return False
        return True

    async def readiness(self) -> Readiness:
        """Whether a visit can end well."""
        answer = await self._call("readiness")
        return Readiness(answer["up"], answer["keeps"])

    async def _call(self, what: str, **arguments: object) -> Message:
        answer = await self._caller.call(what, **arguments)
        if "silent" in answer:
            raise HostSilent(answer["silent"])
        return answer
