"""A visit as the reception sees it: whom, how confirmed, what was agreed to, what the insurance says, what to do now.

Of the eligibility system's answer only what the reception needs is kept: no address, no sex, no telephone.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final

from firmware.policy import Facility, consents_for
from firmware.token.claims import Claims
from host_bridge.eligibility import CertificateStatus, QualificationValidity
from host_bridge.outlets.oqs_face import CONSENT_LIFE, Result
from host_bridge.refused import Ground, ground_of


class Inquiry(StrEnum):
    """How far the question about insurance has come."""

    ASKING = "asking"
    UNAVAILABLE = "unavailable"
    """The eligibility system cannot be asked; the bridge asks again by itself."""
    ANSWERED = "answered"
    AWAY = "away"
    """Answered before the bridge started, and the receipt computer has taken the answer."""


class Todo(StrEnum):
    """What the reception has to do now."""

    WAIT = "wait"
    RECEIVE = "receive"
    CHECK_INSURANCE = "check_insurance"
    CHECK_NEW_INSURANCE = "check_new_insurance"
    CHOOSE_INSURANCE = "choose_insurance"
    CHECK_ASSISTANCE = "check_assistance"
    REGISTER = "register"
    CHECK_CARD = "check_card"
    """Nobody could say whether its certificate holds; the reader sends the patient to the reception."""
    ASK_FOR_CERTIFICATE = "ask_for_certificate"
    """Of qualification (資格確認書): the card or the system says nothing that helps."""
    LOOK_AT_RECEIPT_COMPUTER = "look_at_receipt_computer"
    PLACE_CARD_AGAIN = "place_card_again"
    CALL_TECHNICIAN = "call_technician"


@dataclass(frozen=True)
class Answer:
    """What the patient said to one question."""

    key: str
    """Of the consent, as in firmware.policy."""
    agreed: bool
    elements: tuple[str, ...]
    """Names in the result file, without their endings."""


@dataclass(frozen=True)
class Person:
    """Who came."""

    name: str
    kana: str
    birth: str
    """yyyymmdd."""


@dataclass(frozen=True)
class Insurance:
    """One qualification. Texts as the eligibility system gives them, "" where it says nothing; days are yyyymmdd."""

    insurer: str
    insurer_number: str
    symbol: str
    number: str
    branch: str
    family: str
    """PersonalFamilyClassification: 1 insured, 2 family."""
    ratio: str
    """Share that the patient pays, three digits in percent."""
    limit: str
    """LimitApplicationCertificateClassificationFlag (OQSCD012)."""
    since: str
    until: str
    lost: str
    """Day on which the qualification was lost."""


@dataclass(frozen=True)
class Standing:
    """The eligibility system's answer."""

    validity: QualificationValidity
    registered: bool | None
    """Whether the card is registered for use as an insurance card; None where that is not known any more."""
    person: Person | None
    insurances: tuple[Insurance, ...]


@dataclass(frozen=True)
class File:
    """The file for the receipt computer."""

    name: str
    written_at: int | None
    """Seconds since 1970; None while it is not in the receipt computer's folder."""
    taken: bool = False


@dataclass(frozen=True)
class Visit:
    """One row of the list: a stored visit, or a token that was refused."""

    id: str
    """cti in hexadecimal digits for a stored visit."""
    arrived_at: int
    """At the bridge, seconds since 1970."""
    visited_at: int
    reader: str
    method: str | None = None
    """Value of firmware.token.claims.Method."""
    certificate: str | None = None
    """Value of CertificateStatus: what was known of the patient's certificate when the visit came."""
    answers: tuple[Answer, ...] | None = None
    inquiry: Inquiry = Inquiry.ASKING
    standing: Standing | None = None
    file: File | None = None
    file_failed: bool = False
    """The last attempt to write the file failed; the bridge tries again by itself."""
    refusal: str | None = None
    """Value of firmware.token.refusal.Refusal."""

    @property
    def ends_at(self) -> int:
        """When the facility may no longer look at what was agreed to; the visit is forgotten then."""
        return self.visited_at + int(CONSENT_LIFE.total_seconds())

    @property
    def todo(self) -> Todo:
        if self.refusal is not None:
            return _TODO_WHERE_REFUSED[ground_of(self.refusal)]
        if self.standing is None:
            return _TODO_WITHOUT_ANSWER[self.inquiry]
        if self.standing.registered is False and self.standing.validity == QualificationValidity.VALID:
            return Todo.REGISTER
        todo = _TODO[self.standing.validity]
        return Todo.CHECK_CARD if todo is Todo.RECEIVE and self.certificate == CertificateStatus.UNKNOWN else todo

    def shown(self) -> dict[str, Any]:
        """For the page: values of JSON."""
        ground = None if self.refusal is None else ground_of(self.refusal)
        return {**asdict(self), "ends_at": self.ends_at, "todo": self.todo, "ground": ground}


_TODO: Final = {
    QualificationValidity.VALID: Todo.RECEIVE,
    QualificationValidity.INVALID: Todo.CHECK_INSURANCE,
    QualificationValidity.REPLACED: Todo.CHECK_NEW_INSURANCE,
    QualificationValidity.NONE: Todo.CHECK_INSURANCE,
    QualificationValidity.SEVERAL: Todo.CHOOSE_INSURANCE,
    QualificationValidity.VALID_UNREGISTERED: Todo.CHECK_ASSISTANCE,
}
_TODO_WITHOUT_ANSWER: Final = {
    Inquiry.ASKING: Todo.WAIT,
    Inquiry.UNAVAILABLE: Todo.ASK_FOR_CERTIFICATE,
    Inquiry.ANSWERED: Todo.CHECK_INSURANCE,
    Inquiry.AWAY: Todo.LOOK_AT_RECEIPT_COMPUTER,
}
_TODO_WHERE_REFUSED: Final = {
    Ground.CARD_EXPIRED: Todo.ASK_FOR_CERTIFICATE,
    Ground.CARD_REVOKED: Todo.ASK_FOR_CERTIFICATE,
    Ground.CONSENT_NOT_ALLOWED: Todo.PLACE_CARD_AGAIN,
    Ground.CARD_NOT_GENUINE: Todo.ASK_FOR_CERTIFICATE,
    Ground.READER_EXPIRED: Todo.CALL_TECHNICIAN,
    Ground.READER_NOT_KNOWN: Todo.CALL_TECHNICIAN,
    Ground.READER_FOR_DEMO: Todo.CALL_TECHNICIAN,
    Ground.READER_NOT_FOR_DEMO: Todo.CALL_TECHNICIAN,
    Ground.TOO_LATE: Todo.PLACE_CARD_AGAIN,
    Ground.REPEATED: Todo.PLACE_CARD_AGAIN,
    Ground.DAMAGED: Todo.PLACE_CARD_AGAIN,
}


def answers_of(claims: Claims, facility: Facility) -> tuple[Answer, ...]:
    """Each question that was asked, under the rules that the reader asked by."""
    asked = (rule for rule in consents_for(facility, claims.policy_date) if rule.number in claims.consents)
    return tuple(Answer(rule.key, claims.consents[rule.number], rule.elements) for rule in asked)


def standing_of(validity: QualificationValidity, registered: bool | None, results: Sequence[Result]) -> Standing:
    """What the reception needs of the eligibility system's results; the first names the person."""
    return Standing(
        validity, registered, _person(results[0]) if results else None, tuple(_insurance(result) for result in results)
    )


def _person(result: Result) -> Person:
    return Person(
        _text(result, "Name"),
        unicodedata.normalize("NFKC", _text(result, "NameKana")),  # half-width in the files, hard to read
        _text(result, "Birthdate"),
    )


def _insurance(result: Result) -> Insurance:
    elderly = _group(result, "ElderlyRecipientCertificateInfo")
    return Insurance(
        insurer=_text(result, "InsurerName"),
        insurer_number=_text(result, "InsurerNumber"),
        symbol=_text(result, "InsuredCardSymbol"),
        number=_text(result, "InsuredIdentificationNumber"),
        branch=_text(result, "InsuredBranchNumber"),
        family=_text(result, "PersonalFamilyClassification"),
        ratio=_text(elderly, "ElderlyRecipientContributionRatio") or _text(result, "InsuredPartialContributionRatio"),
        limit=_text(
            _group(result, "LimitApplicationCertificateRelatedInfo"), "LimitApplicationCertificateClassificationFlag"
        ),
        since=_text(result, "QualificationDate"),
        until=_text(result, "InsuredCardExpirationDate"),
        lost=_text(result, "DisqualificationDate"),
    )


def _text(result: Result, element: str) -> str:
    value = result.get(element, "")
    return value if isinstance(value, str) else ""


def _group(result: Result, element: str) -> Result:
    value = result.get(element, {})
    return value if isinstance(value, Mapping) else {}
