"""Reads a file of `oqs_face` back: after a restart it alone still knows who came."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from xml.etree import ElementTree

from host_bridge.eligibility import QualificationValidity
from host_bridge.outlets.oqs_face import Result

SIZE_CAP: Final = 1 << 20
"""Bytes; a file of ours has a few thousand."""
_DEPTH: Final = 1
"""Groups within a result that are read; those within them hold nothing for the reception."""


class NotAFaceFile(ValueError):
    """The file is not one that this bridge wrote; the text does not tell its content."""


@dataclass(frozen=True)
class FaceAnswer:
    """The eligibility system's answer in a face file."""

    validity: QualificationValidity
    results: tuple[Result, ...]


def from_xml(content: bytes) -> FaceAnswer:
    """Raises NotAFaceFile, also for a document type declaration: entities of its own are nothing of ours."""
    try:
        if len(content) > SIZE_CAP:
            raise NotAFaceFile("too long")
        text = content.decode("cp932")
        if "<!" in text:
            raise NotAFaceFile("declarations")
        body = ElementTree.fromstring(text.partition("?>")[2]).find("MessageBody")
        if body is None:
            raise NotAFaceFile("no body")
        validity = QualificationValidity(int(body.findtext("QualificationValidity", "")))
        found = body.findall("ResultList/ResultOfQualificationConfirmation")
    except (ElementTree.ParseError, UnicodeDecodeError, ValueError) as error:
        raise NotAFaceFile(type(error).__name__) from None
    return FaceAnswer(validity, tuple(_group(result, _DEPTH) for result in found))


def _group(element: ElementTree.Element, depth: int) -> Result:
    """Elements by name; of a name that comes twice, the first."""
    values: dict[str, str | Result | Sequence[Result]] = {}
    for child in element:
        if len(child) == 0:
            values.setdefault(child.tag, child.text or "")
        elif depth:
            values.setdefault(child.tag, _group(child, depth - 1))
    return values
