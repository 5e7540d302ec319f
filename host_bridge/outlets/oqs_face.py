"""The file by which a receipt computer learns of a card at the reader: OQSsiquc01res_face_*.xml.

Elements and their order follow the layout that public readers and writers of these files agree on (external
interface specification, attachment 3-1); the specification itself is given to registered vendors only.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, TypeAlias
from xml.sax.saxutils import escape

from firmware.policy import JST

Schema = tuple[str | tuple[str, "Schema"], ...]
"""Element names in order; a pair is a group and what it holds."""

Result: TypeAlias = "Mapping[str, str | Result | Sequence[Result]]"
"""One qualification: element name -> text, group, or several of the same group."""

CONSENT_LIFE: Final = timedelta(hours=24)
"""How long the facility may look at what was agreed to."""

_UNPRINTABLE: Final = "●"
"""Stands for a character outside the file's character set, as in the files of the eligibility system."""

_CP932_TWINS: Final = {
    0x301C: 0xFF5E,  # wave dash
    0x2212: 0xFF0D,  # minus
    0x2016: 0x2225,  # double vertical line
    0x2014: 0x2015,  # em dash
    0x00A2: 0xFFE0,  # cent
    0x00A3: 0xFFE1,  # pound
    0x00AC: 0xFFE2,  # not
}
"""The same characters under the code points that cp932 knows."""


def _consent(name: str) -> tuple[str, str, str]:
    return f"{name}ConsFlg", f"{name}ConsTime", f"{name}AvailableTime"


RESULT: Final[Schema] = (
    "InsuredCardClassification",
    "InsurerNumber",
    "InsuredCardSymbol",
    "InsuredIdentificationNumber",
    "InsuredBranchNumber",
    "PersonalFamilyClassification",
    "InsuredName",
    "Name",
    "NameOfOther",
    "NameKana",
    "NameOfOtherKana",
    "Sex1",
    "Sex2",
    "Birthdate",
    "Address",
    "PostNumber",
    "QualificationDate",
    "DisqualificationDate",
    "InsuredCertificateIssuanceDate",
    "InsuredCardValidDate",
    "InsuredCardExpirationDate",
    "InsuredPartialContributionRatio",
    "PreschoolClassification",
    "ReasonOfLoss",
    "InsurerName",
    (
        "ElderlyRecipientCertificateInfo",
        (
            "ElderlyRecipientCertificateDate",
            "ElderlyRecipientValidStartDate",
            "ElderlyRecipientValidEndDate",
            "ElderlyRecipientContributionRatio",
        ),
    ),
    "LimitApplicationCertificateRelatedConsFlg",
    "LimitApplicationCertificateRelatedConsTime",
    (
        "LimitApplicationCertificateRelatedInfo",
        (
            "LimitApplicationCertificateClassification",
            "LimitApplicationCertificateClassificationFlag",
            "LimitApplicationCertificateDate",
            "LimitApplicationCertificateValidStartDate",
            "LimitApplicationCertificateValidEndDate",
            "LimitApplicationCertificateLongTermDate",
        ),
    ),
    "SpecificDiseasesCertificateRelatedConsFlg",
    "SpecificDiseasesCertificateRelatedConsTime",
    (
        "SpecificDiseasesCertificateList",
        (
            (
                "SpecificDiseasesCertificateInfo",
                (
                    "SpecificDiseasesDiseaseCategory",
                    "SpecificDiseasesCertificateDate",
                    "SpecificDiseasesValidStartDate",
                    "SpecificDiseasesValidEndDate",
                    "SpecificDiseasesSelfPay",
                ),
            ),
        ),
    ),
    (
        "PublicExpenseResultList",
        (
            (
                "MedicalTicketInfo",
                (
                    "TicketType",
                    "MedicalTicketValidDate",
                    "MedicalTicketExpirationDate",
                    "IssueNumber",
                    "MedicalTreatmentMonth",
                    "DesignatedMedicalInstitutionCode",
                    "DesignatedMedicalInstitutionFlag",
                    "DesignatedMedicalInstitutionName",
                    "PrescriptionIssuerMedicalInstitutionCode",
                    "PrescriptionIssuerMedicalInstitutionName",
                    "InjuryName1",
                    "InjuryName2",
                    "InjuryName3",
                    "MedicalTreatmentType",
                    "SelfPayAmount",
                    "DistrictContactName",
                    "HandlingContactName",
                    "SingleOrCombinedUse",
                    "StatusOfSocialInsurance",
                    "ConsistencyFlag",
                    "StatusOfInfecton",
                    "StatusOfElderlyMedicalCare",
                    "StatusOfPrefecturalExpenses",
                    "Remarks1",
                    "Remarks2",
                    "Remarks3",
                ),
            ),
        ),
    ),
    *_consent("SpecificHealthCheckupsInfo"),
    *_consent("PharmacistsInfo"),
    *_consent("DiagnosisInfo"),
    *_consent("OperationInfo"),
    *_consent("DiagnosisName"),
    *_consent("InfectiousInfo"),
    *_consent("AllergyInfo"),
    *_consent("ContraindicationInfo"),
    *_consent("TestInfo"),
    *_consent("PrescriptionInfo"),
    "ArbitraryIdentifier",
    "ReferenceNumber",
)
"""ResultOfQualificationConfirmation."""


@dataclass(frozen=True)
class FaceFile:
    """One visit as the receipt computer shall see it."""

    institution_code: str
    """Ten digits."""
    visited_at: int
    """When the patient agreed, seconds since 1970."""
    written_at: int
    validity: int
    """QualificationValidity, OQSCD006."""
    results: tuple[Result, ...]
    consents: Mapping[str, bool]
    """Element name without its ending (such as PharmacistsInfo) -> the patient's answer."""


FILE_PREFIX: Final = "OQSsiquc01res_face_"
"""Begins the name of every such file."""


def file_name(institution_code: str, unique: str, written_at: int) -> str:
    """OQSsiquc01res_face_<institution code><20 hexadecimal digits>_<yyyyMMddHHmmss>.xml"""
    if not re.fullmatch(r"[0-9]{10}", institution_code) or not re.fullmatch(r"[0-9a-f]{20}", unique):
        raise ValueError("ten digits and twenty hexadecimal digits expected")
    return f"{FILE_PREFIX}{institution_code}{unique}_{_moment(written_at)}.xml"


def to_xml(file: FaceFile) -> bytes:
    """The file's bytes: XML in cp932 (called Shift_JIS); a character outside it becomes ●.

    Raises ValueError for an element that the layout does not have.
    """
    consents = dict(_consent_elements(file))
    results = [{**result, **consents} for result in file.results]
    document: Result = {
        "MessageHeader": {
            "ProcessExecutionTime": _moment(file.written_at),
            "QualificationConfirmationDate": _moment(file.visited_at)[:8],
            "MedicalInstitutionCode": file.institution_code,
            "ReferenceClassification": "1",
            "SegmentOfResult": "1",
            "CharacterCodeIdentifier": "1",
        },
        "MessageBody": {
            "ProcessingResultStatus": "1",
            "QualificationValidity": str(int(file.validity)),
            "ResultList": {"ResultOfQualificationConfirmation": results},
        },
    }
    lines = ['<?xml version="1.0" encoding="Shift_JIS" standalone="no"?>', "<XmlMsg>"]
    lines += [*_elements(document, _DOCUMENT), "</XmlMsg>", ""]
    return "\r\n".join(lines).encode("cp932")


def check_result(result: Result) -> None:
    """Raises ValueError where a qualification does not fit the layout."""
    for _ in _elements(result, RESULT):
        pass


_DOCUMENT: Final[Schema] = (
    (
        "MessageHeader",
        (
            "ProcessExecutionTime",
            "QualificationConfirmationDate",
            "MedicalInstitutionCode",
            "ReferenceClassification",
            "SegmentOfResult",
            "CharacterCodeIdentifier",
        ),
    ),
    (
        "MessageBody",
        (
            "ProcessingResultStatus",
            "QualificationValidity",
            ("ResultList", (("ResultOfQualificationConfirmation", RESULT),)),
        ),
    ),
)


def _consent_elements(file: FaceFile) -> Iterator[tuple[str, str]]:
    """ConsFlg 1 with its times for a yes, ConsFlg 0 for a no, nothing for what was not asked (OQSCD016)."""
    for name, agreed in file.consents.items():
        flag, given, until = _consent(name)
        yield flag, "1" if agreed else "0"
        if agreed:
            yield given, _moment(file.visited_at)
            yield until, _moment(file.visited_at + int(CONSENT_LIFE.total_seconds()))


def _elements(values: Result, schema: Schema) -> Iterator[str]:
    """Lines of XML in the order of `schema`; absent elements are left out."""
    unknown = values.keys() - {entry if isinstance(entry, str) else entry[0] for entry in schema}
    if unknown:
        raise ValueError(f"no such element here: {sorted(unknown)[0]}")
    for entry in schema:
        name, inner = (entry, None) if isinstance(entry, str) else entry
        if name not in values:
            continue
        value = values[name]
        if inner is None:
            if not isinstance(value, str):
                raise ValueError(f"text expected: {name}")
            yield f"<{name}>{escape(_printable(value))}</{name}>"
            continue
        if isinstance(value, str):
            raise ValueError(f"group expected: {name}")
        for group in [value] if isinstance(value, Mapping) else value:
            yield f"<{name}>"
            yield from _elements(group, inner)
            yield f"</{name}>"


def _printable(text: str) -> str:
    return "".join(
        character if unicodedata.category(character) != "Cc" and _in_cp932(character) else _UNPRINTABLE
        for character in text.translate(_CP932_TWINS)
    )


def _in_cp932(character: str) -> bool:
    try:
        character.encode("cp932")
    except UnicodeEncodeError:
        return False
    return True


def _moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, JST).strftime("%Y%m%d%H%M%S")
