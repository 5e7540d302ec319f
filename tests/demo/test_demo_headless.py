"""The demo as `make demo HEADLESS=1` runs it: every program of the house, and what it leaves for others to check."""

import hashlib
import json
import shlex
import shutil
import sqlite3
import sys
import xml.etree.ElementTree as ElementTree
from contextlib import closing
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from demo_run import Run, run_demo
from permitted import assert_permitted
from PIL import Image

from board.demo.portraits import chip_photo, load_faces
from board.sim.card.authority import Authority
from board.sim.card.issue import issue_personas
from firmware.token.claims import AttackDetection, DebugStatus
from firmware.token.cose import verify_token

VERIFIED = {"a_face", "c_pin", "d_wrong_pin_first", "e_cable_pulled", "f_bridge_killed", "h_next_visit"}


def test_every_visit_ends_as_its_story_says(demo: Run) -> None:
    assert demo.status == 0, demo.said
    assert demo.report is not None
    assert {visit["name"] for visit in demo.report["visits"] if visit["verified"]} == VERIFIED
    assert (demo.report["pcsc"], demo.report["lost"], demo.report["duplicates"]) == (True, 0, 0)
    assert [visit["stored"] for visit in demo.report["visits"]] == [1, 0, 1, 1, 1, 1, 0, 1]


def test_faces_are_told_apart_by_their_scores(demo: Run) -> None:
    same, other = demo.visit("a_face"), demo.visit("b_face_of_another")
    assert same["score"] > same["threshold"] > other["score"]
    assert (other["refused"], other["token_id"]) == ("face_mismatch", None)


def test_every_token_left_behind_verifies_from_its_own_files(demo: Run) -> None:
    bridge_id = (demo.out / "tokens" / "bridge_id").read_bytes()
    tokens = list((demo.out / "tokens").glob("*.cbor"))
    assert len(tokens) == len(VERIFIED)
    counters = []
    for token in tokens:
        first, issuer = x509.load_pem_x509_certificates(token.with_suffix(".chain.pem").read_bytes())
        first.verify_directly_issued_by(issuer)
        certificate = first.public_bytes(Encoding.DER)
        claims = verify_token(token.read_bytes(), bridge_id, token.with_suffix(".nonce").read_bytes(), certificate)
        assert claims.cti.hex() == token.stem
        assert (claims.debug, claims.pad) == (DebugStatus.ENABLED, AttackDetection.NONE)
        counters.append(claims.counter)
    assert sorted(counters) == list(range(1, len(VERIFIED) + 1))


def test_a_killed_bridge_hears_of_the_token_again_and_stores_it_once(demo: Run) -> None:
    cti = demo.visit("f_bridge_killed")["token_id"]
    events = [json.loads(line) for line in (demo.out / "bridge.jsonl").read_text("utf-8").splitlines()]
    of_token = [event["event"] for event in events if event.get("cti") == cti]
    assert of_token.count("token_stored") == 1
    assert "token_repeated" in of_token


def test_each_visit_has_one_file_for_the_receipt_computer_in_its_character_set(demo: Run) -> None:
    names = set()
    for name in VERIFIED:
        file = Path(demo.visit(name)["face_xml"])
        root = ElementTree.fromstring(file.read_bytes().decode("cp932").split("?>", 1)[1])
        assert root.findtext("MessageHeader/ReferenceClassification") == "1"
        assert root.findtext(".//Name") in ("見本 花子", "見本 太郎")
        names.add(file.name)
    assert len(names) == len(VERIFIED) == len(list((demo.out / "bridge" / "face").iterdir()))


def test_nothing_personal_is_in_a_log_a_token_or_a_database(demo: Run) -> None:
    secrets = {"見本", "花子", "太郎", "ﾐﾎﾝ"}
    for persona in ("adult", "pin_person"):
        card = json.loads((demo.out / "cards" / persona / "card.json").read_text("utf-8"))
        secrets |= {card["number_b"], f'"{card["pin"]}"', card["pin"].encode().hex()}
    needles = [secret.encode() for secret in secrets] + [b"\xff\x4f\xff\x51", b"jP  \r\n"]  # JPEG 2000
    logs = [demo.out / name for name in ("reader.jsonl", "bridge.jsonl", "apdu.log")]
    kept = [*logs, *(demo.out / "tokens").iterdir(), *(demo.out / "bridge" / "state").glob("journal.db*")]
    kept += [path for path in (demo.out / "reader").rglob("*") if path.is_file()]
    verified = [line for line in (demo.out / "apdu.log").read_text("utf-8").splitlines() if " 0020" in line]
    assert any("**" in line for line in verified)
    for path in kept:
        content = path.read_bytes()
        found = [needle for needle in needles if needle in content]
        assert not found, f"{path.name} holds {found}"


def test_the_bridge_has_erased_every_lookup_key_once_its_file_is_in_place(demo: Run) -> None:
    with closing(sqlite3.connect(demo.out / "bridge" / "state" / "journal.db")) as database:
        kept = database.execute("SELECT count(*) FROM outbox WHERE lookup_key_sealed IS NOT NULL").fetchone()
    assert kept == (0,)


def test_the_apdu_trace_never_meets_the_twelve_digit_number(demo: Run) -> None:
    trace = (demo.out / "apdu.log").read_text("utf-8").splitlines()
    assert any(line.endswith("券面事項確認AP / card surface") for line in trace)  # it does show what is read
    assert_permitted(trace)


def test_every_screen_of_the_visits_is_a_picture_in_the_size_of_the_panel(demo: Run) -> None:
    pictures = list((demo.out / "screens").glob("*.png"))
    shown = {picture.stem.split("-", 2)[2] for picture in pictures}
    assert {"place_card", "choose_method", "look_at_camera", "enter_pin", "ask_consents", "checking", "done"} <= shown
    for picture in pictures:
        with Image.open(picture) as opened:
            assert opened.size == (1280, 800)


def test_other_portraits_change_the_outcome(tmp_path: Path) -> None:
    faces = load_faces()
    folder = tmp_path / "faces"
    folder.mkdir()
    faces.card.save(folder / "card.png")
    faces.other.save(folder / "patient.png")
    faces.patient.save(folder / "other.png")
    run = run_demo(tmp_path / "out", "--faces", str(folder))
    assert run.status == 1
    assert run.visit("a_face")["refused"] == "face_mismatch"
    assert run.visit("a_face")["token_id"] is None
    assert run.visit("b_face_of_another")["verified"], "it is the person on the card this time"
    assert run.visit("c_pin")["verified"]


def test_a_card_that_is_not_ours_is_refused_or_taken_by_its_issuer(tmp_path: Path) -> None:
    authority = Authority.create()
    authority.save(tmp_path / "authority")
    issue_personas(tmp_path / "cards", authority, {"adult": chip_photo(load_faces().card)})
    card = tmp_path / "cards" / "adult"
    known = json.loads((card / "card.json").read_text("utf-8"))
    command = shlex.join([sys.executable, "-m", "board.sim.card", "serve", "--card", str(card)])
    options = ("--card", command, "--number-b", known["number_b"], "--pin", known["pin"])
    stranger = run_demo(tmp_path / "out", *options)
    assert stranger.status == 1
    for visit in ("a_face", "c_pin"):
        assert stranger.visit(visit)["refused"] == "card_refused: certificate_untrusted"
    trusted = run_demo(tmp_path / "out", *options, "--authority", str(tmp_path / "authority"))
    assert trusted.status == 0, trusted.said


def test_a_folder_that_cannot_be_written_ends_in_one_line_that_says_so() -> None:
    run = run_demo(Path("/dev/null/demo"))
    assert run.status == 2
    assert run.said.splitlines()[-1].startswith("demo: /dev/null/demo: ")
    assert "--out" in run.said


def test_an_altered_model_keeps_the_reader_shut(tmp_path: Path) -> None:
    models = tmp_path / "models"
    shutil.copytree("build/models", models)
    altered = models / "face_landmark.tflite"
    content = bytearray(altered.read_bytes())
    content[1000] ^= 1
    altered.write_bytes(content)
    run = run_demo(tmp_path / "out", "--models", str(models))
    assert run.status == 2
    assert "M01" in run.said and "face_landmark.tflite" in run.said
    assert hashlib.sha256(content).hexdigest() not in run.said
    (picture,) = (tmp_path / "out" / "screens").glob("*out_of_order.png")
    assert picture.stat().st_size > 0


@pytest.mark.parametrize("missing", ["--number-b", "--pin"])
def test_a_card_of_ones_own_needs_what_is_printed_on_it_and_its_pin(tmp_path: Path, missing: str) -> None:
    options = {"--card": "true", "--number-b": "0" * 14, "--pin": "1234"}
    del options[missing]
    run = run_demo(tmp_path / "out", *(word for option in options.items() for word in option))
    assert run.status == 2
    assert "--card needs --number-b and --pin" in run.said
