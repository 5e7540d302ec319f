import io
import json
import os
import re
import signal
import stat
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest
from bridge_rig import CONFIG, config
from cryptography.exceptions import InvalidTag
from visit_samples import World

import host_bridge
from firmware.policy import FacilityKind
from host_bridge.alone import alone
from host_bridge.config import Config, ConfigError
from host_bridge.eligibility import CertificateStatus, EligibilityUnavailable, Prescription, QualificationValidity
from host_bridge.eligibility_simulator import EligibilitySimulator, PeopleMalformed
from host_bridge.events import open_log
from host_bridge.identity import BridgeIdentity, IdentityUnusable, create_bridge
from host_bridge.keys import Seal, load_or_create
from host_bridge.outlets.face_folder import FaceFolder


def test_configuration_is_read_with_paths_beside_the_file(tmp_path: Path) -> None:
    loaded = Config.load(config(tmp_path, CONFIG))
    assert loaded.facility is FacilityKind.DENTAL
    assert loaded.demo is True
    assert loaded.face == tmp_path / "oqs/face"


def test_the_readme_s_configuration_can_be_pasted_and_its_table_names_every_key(tmp_path: Path) -> None:
    page = (Path(host_bridge.__file__).parent / "README.md").read_text("utf-8")
    pasted = dedent(page.split("<<END\n")[1].split("   END\n")[0])
    assert Config.load(config(tmp_path, pasted)).identity == tmp_path / "identity"
    first_cells = re.findall(r"^\| (`.*?) \|", page, re.MULTILINE)
    assert sorted(re.findall(r"`(\w+)`", " ".join(first_cells))) == sorted(Config.__dataclass_fields__)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("1312345670", "131234567", "institution_code: 値がないか、正しくありません / expected ten digits"),
        ("dental", "school", "facility: 値がないか、正しくありません / expected medical | dental | pharmacy"),
        ("demo = true", "demo = 1", "demo: 値がないか、正しくありません / expected true | false"),
        ('port = "terminal"', "", "port: 値がないか、正しくありません / expected a path"),
        ("prescriptions = true", "", "prescriptions: 値がないか、正しくありません / expected true | false"),
        ('maker_revoked = "maker_revoked.pem"', "", "maker_revoked: 値がないか、正しくありません / expected a path"),
        ('port = "terminal"', "port = 3", "port: 値がないか、正しくありません / expected a path"),
        ("window = 0", "", "window: 値がないか、正しくありません / expected a port from 0"),
        ("window = 0", "window = true", "window: 値がないか、正しくありません / expected a port from 0"),
        ("window = 0", "window = 65536", "window: 値がないか、正しくありません / expected a port from 0"),
        ("demo = true", "demo = true\nmode = 2", "unknown key mode"),
        ("demo = true", "demo", "bridge.toml"),
    ],
)
def test_a_mistake_is_named_with_file_key_and_what_is_allowed(tmp_path: Path, old: str, new: str, says: str) -> None:
    with pytest.raises(ConfigError) as error:
        Config.load(config(tmp_path, CONFIG.replace(old, new)))
    assert says in str(error.value)
    assert "bridge.toml" in str(error.value)


def test_a_key_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    key = load_or_create(tmp_path / "some.key")
    assert load_or_create(tmp_path / "some.key") == key
    assert load_or_create(tmp_path / "other.key") != key
    assert stat.S_IMODE((tmp_path / "some.key").stat().st_mode) == 0o600
    assert len(list(tmp_path.iterdir())) == 2
    (tmp_path / "some.key").write_bytes(b"short")
    with pytest.raises(ValueError, match="5 bytes"):
        load_or_create(tmp_path / "some.key")


def test_what_is_sealed_opens_only_with_its_key_in_its_place() -> None:
    seal = Seal(bytes(32))
    sealed = seal.close(b"lookup key", b"visit 1")
    assert seal.open(sealed, b"visit 1") == b"lookup key"
    assert seal.close(b"lookup key", b"visit 1") != sealed
    for key, place, content in (
        (bytes(32), b"visit 2", sealed),
        (bytes(31) + b"\1", b"visit 1", sealed),
        (bytes(32), b"visit 1", sealed[:-1] + bytes([sealed[-1] ^ 1])),
    ):
        with pytest.raises(InvalidTag):
            Seal(key).open(content, place)


def test_people_file_answers_by_certificate_and_serial(tmp_path: Path) -> None:
    known = bytes(range(32))
    file = tmp_path / "people.json"
    person = {"certificate": known.hex(), "registered": True, "validity": 3, "results": [{"Name": "見本 花子"}]}
    file.write_text(json.dumps({"people": [person], "revoked": ["0abc"]}))
    simulator = EligibilitySimulator(file)
    assert simulator.qualification(known).validity is QualificationValidity.REPLACED
    assert simulator.qualification(bytes(32)).validity is QualificationValidity.NONE
    assert simulator.revocation(known, 1) is CertificateStatus.GOOD
    assert simulator.revocation(known, 0xABC) is CertificateStatus.REVOKED
    assert simulator.revocation(bytes(32), 1) is CertificateStatus.UNKNOWN


def test_people_file_has_prescriptions_disaster_and_passcode_and_may_change_while_it_is_used(tmp_path: Path) -> None:
    known = bytes(range(32))
    file = tmp_path / "people.json"
    prescription = {"id": "E-0001", "day": "20260901", "issuer": "見本内科"}
    person = {"certificate": known.hex(), "registered": True, "validity": 1, "results": []}
    file.write_text(json.dumps({"people": [person], "revoked": []}))
    simulator = EligibilitySimulator(file)
    assert (simulator.prescriptions(known), simulator.disaster(), simulator.passcode()) == ((), False, None)
    people = [{**person, "prescriptions": [prescription]}]
    file.write_text(json.dumps({"people": people, "revoked": [], "disaster": True, "passcode": "4649"}))
    assert simulator.prescriptions(known) == (Prescription("E-0001", "20260901", "見本内科"),)
    assert (simulator.prescriptions(bytes(32)), simulator.disaster(), simulator.passcode()) == ((), True, "4649")
    file.write_text("[")
    with pytest.raises(EligibilityUnavailable):
        simulator.disaster()
    for content in (b"\xff\xfe{}", b"[" * 100_000):
        file.write_bytes(content)
        with pytest.raises(EligibilityUnavailable):
            simulator.disaster()
    file.unlink()
    with pytest.raises(EligibilityUnavailable):
        simulator.qualification(known)


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "[",
        '{"people": [{"certificate": "zz"}], "revoked": []}',
        '{"people": [{"certificate": "00", "registered": true, "validity": 9, "results": []}], "revoked": []}',
        '{"people": [{"certificate": "00", "registered": true, "validity": 1, "results": [{"Nick": "Hana"}]}],'
        ' "revoked": []}',
        '{"people": [], "revoked": [], "disaster": 1}',
        '{"people": [], "revoked": [], "passcode": 4649}',
        '{"people": [], "revoked": [], "passcode": "Hana"}',
        '{"people": [{"certificate": "00", "registered": true, "validity": 1, "results": [], "prescriptions":'
        ' [{"id": "1", "day": "20260931", "issuer": "Hana"}]}], "revoked": []}',
    ],
)
def test_a_people_file_of_another_form_is_declared_without_its_content(tmp_path: Path, text: str) -> None:
    (tmp_path / "people.json").write_text(text)
    with pytest.raises(PeopleMalformed) as error:
        EligibilitySimulator(tmp_path / "people.json")
    assert "Hana" not in str(error.value)


def test_only_catalogued_events_and_facts_reach_the_log() -> None:
    stream = io.StringIO()
    log = open_log(stream)
    log.info("token_refused", cti="00", reason="signature", pin="PIN 4321")
    log.info("patient 見本 花子", name="見本 花子")
    log.warning("reception_called", device="TEST-0001")
    refused, unknown, called = map(json.loads, stream.getvalue().splitlines())
    assert (refused["event"], refused["reason"], refused["dropped"]) == ("token_refused", "signature", ["pin"])
    assert unknown["event"] == "event_not_catalogued"
    assert called["device"] == "TEST-0001"
    assert "PIN" not in stream.getvalue()
    assert "花子" not in stream.getvalue() + json.dumps(unknown, ensure_ascii=False)


def ready_to_start(folder: Path, world: World) -> list[str]:
    """The command line of a bridge that has all it needs."""
    create_bridge(folder / "identity")
    (folder / "authority").mkdir()
    for name, content in world.authority.files().items():
        (folder / "authority" / name).write_bytes(content)
    (folder / "people.json").write_text('{"people": [], "revoked": []}')
    return [sys.executable, "-m", "host_bridge", "run", "--config", str(config(folder, CONFIG))]


def test_the_bridge_starts_waits_for_its_cable_and_stops(tmp_path: Path, world: World) -> None:
    argv = ready_to_start(tmp_path, world)
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        started = json.loads(program.stdout.readline())
        program.send_signal(signal.SIGTERM)
        events = [json.loads(line)["event"] for line in program.stdout]
    assert program.returncode == 0
    assert (started["event"], started["facility"], started["demo"]) == ("bridge_started", "dental", True)
    assert events[-1] == "bridge_stopped"
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700
    assert {path.name for path in (tmp_path / "oqs").iterdir()} == {"face", "work", "index"}


def test_what_a_bridge_writes_is_its_users_alone_whatever_the_folder_s_mode_was(tmp_path: Path, world: World) -> None:
    argv = ready_to_start(tmp_path, world)
    (tmp_path / "state").mkdir()
    (tmp_path / "state").chmod(0o755)
    with subprocess.Popen(argv, stdout=subprocess.PIPE, umask=0o022) as program:
        assert program.stdout is not None
        program.stdout.readline()
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "state").iterdir()}
        program.send_signal(signal.SIGTERM)
    assert modes.keys() >= {"journal.db", "lock", "journal.key"}
    assert set(modes.values()) == {0o600}
    for folder in (tmp_path / "oqs").iterdir():
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_a_visit_s_file_is_readable_by_the_receipt_computers_group_and_nobody_else(tmp_path: Path, umask: int) -> None:
    folder = FaceFolder.prepare(tmp_path / "face", tmp_path / "work", tmp_path / "index")
    before = os.umask(umask)
    try:
        folder.finish("OQS.xml", b"visit", {"reader": "READER-0001"})
    finally:
        os.umask(before)
    folder.hand_over("OQS.xml")
    assert stat.S_IMODE((folder.face / "OQS.xml").stat().st_mode) == 0o640
    assert stat.S_IMODE((folder.index / "OQS.xml.json").stat().st_mode) == 0o600


@pytest.mark.parametrize("folder", ["/sys/bridge", __file__, f"{__file__}/bridge"])
def test_a_folder_that_no_bridge_can_be_made_in_is_told_with_what_to_do(folder: str) -> None:
    argv = [sys.executable, "-m", "host_bridge", "init", "--identity", folder]
    program = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert (program.returncode, program.stderr.count("\n")) == (1, 1)
    assert "別のフォルダーにしてください / " in program.stderr and "kiosk-bridge init" not in program.stderr


def test_a_file_of_the_configuration_that_is_away_is_named(tmp_path: Path, world: World) -> None:
    argv = ready_to_start(tmp_path, world)
    (tmp_path / "authority" / "jpki_ca.pem").unlink()
    program = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert (program.returncode, program.stderr.count("\n")) == (1, 1)
    assert "jpki_ca.pem': ありません。設定を確かめてください / not there" in program.stderr


def test_an_identity_is_made_where_there_is_none_and_restored_where_a_part_is_missing(tmp_path: Path) -> None:
    with pytest.raises(
        IdentityUnusable, match=r"kiosk-bridge init --identity .*作ってください / there is no bridge yet"
    ):
        BridgeIdentity.load(tmp_path / "identity")
    folder = create_bridge(tmp_path / "identity").folder
    (folder / "record.key").unlink()
    with pytest.raises(IdentityUnusable, match=r"record\.key: .*バックアップ.* / missing; restore"):
        BridgeIdentity.load(folder)
    (folder / "record.key").mkdir()
    with pytest.raises(IdentityUnusable, match=r"cannot be read \(Is a directory\); restore"):
        BridgeIdentity.load(folder)


def test_a_bridge_that_cannot_start_says_why_in_one_line(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "host_bridge", "run", "--config", str(tmp_path / "missing.toml")]
    program = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert program.returncode == 1
    assert program.stderr.startswith("kiosk-bridge: ")
    assert program.stderr.count("\n") == 1


def test_a_second_bridge_on_the_same_folder_is_refused(tmp_path: Path) -> None:
    with alone(tmp_path), pytest.raises(ConfigError, match="another bridge"):
        alone(tmp_path)
    alone(tmp_path).close()
