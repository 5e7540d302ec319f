"""Names that two rooms must agree on: a missing one would end a visit in the middle."""

import io
import tomllib
from importlib.resources import files
from pathlib import Path

import pytest

from firmware.face.decide import Reason
from firmware.face.quality import Guidance
from firmware.flows.events import EventLog
from firmware.flows.face_worker import NO_CAMERA
from firmware.policy import rules
from firmware.screens.ask_one_consent import AskOneConsent
from firmware.screens.consent_item import ConsentItem
from firmware.screens.look import Look
from firmware.screens.samples import GUIDANCE


def test_every_guidance_of_the_camera_has_its_words() -> None:
    assert {guidance.value for guidance in Guidance} | {NO_CAMERA} == set(GUIDANCE)


def test_every_reason_of_a_face_not_matched_has_words_in_both_languages_of_the_demo() -> None:
    words = (Path(__file__).parents[2] / "board/demo/page/static/words.js").read_text("utf-8")
    for reason in set(Reason) - {Reason.MATCH}:
        assert words.count(f"reason_face_{reason.value}: ") == 2


@pytest.mark.parametrize("language", ["ja", "en"])
def test_every_consent_of_the_rules_can_be_asked(language: str) -> None:
    table = tomllib.loads(files(rules.__package__ or "").joinpath("rules.toml").read_text("utf-8"))
    keys = {rule["key"] for rule in table["rule"]}
    assert keys
    for key in keys:
        drawn = AskOneConsent(ConsentItem(key, 3), 1, 1).draw(Look(language=language))  # type: ignore[arg-type]
        assert {"agree", "disagree"} <= drawn.areas.keys()


def test_the_event_log_writes_only_what_its_catalogue_knows() -> None:
    stream = io.StringIO()
    log = EventLog(stream)
    for event, facts in (("patient_named", {}), ("link_up", {"name": "見本 花子"})):
        with pytest.raises(ValueError, match="catalogue"):
            log.write(event, **facts)
    assert stream.getvalue() == ""
