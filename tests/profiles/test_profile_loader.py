"""Profiles: what ships loads, and every mistake is answered with file, key and what is allowed."""

import re
from pathlib import Path

import pytest

from board.profiles import CameraKind, HostPortKind, ProfileError, load_profile

SIM = (Path(__file__).parents[2] / "board/profiles/sim.toml").read_text()


def changed(folder: Path, line: str, into: str) -> str:
    """A profile file like sim.toml with one line changed."""
    assert SIM.count(line) == 1, line
    file = folder / "board.toml"
    file.write_text(SIM.replace(line, into))
    return str(file)


def test_virtual_reader_is_described() -> None:
    sim = load_profile("sim")
    assert (sim.name, sim.demo, sim.hwmodel, len(sim.oemid)) == ("sim", True, "face-card-reader-sim", 16)
    assert (sim.screen.size, sim.camera.size) == ((1280, 800), (640, 480))
    assert (sim.camera.kind, sim.host_port.kind) == (CameraKind.RGB, HostPortKind.SERIAL)
    assert sim.card_reader.name == "Virtual PCD"
    assert sim.card_reader.extended_apdus is True
    assert sim.screen.px_per_mm == pytest.approx(5.9, abs=0.01)
    assert sim.screen.height_px / sim.screen.height_mm == pytest.approx(sim.screen.px_per_mm, rel=0.01)


def test_profile_is_found_by_path_and_named_after_its_file(tmp_path: Path) -> None:
    assert load_profile(changed(tmp_path, "width_mm = 217", "width_mm = 300")).name == "board"


def test_unknown_name_lists_the_names_there_are() -> None:
    with pytest.raises(ProfileError, match="no such profile; there are: sim"):
        load_profile("rpi9")


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match=re.escape(f"{tmp_path}/none.toml: No such file")):
        load_profile(f"{tmp_path}/none.toml")


@pytest.mark.parametrize(
    ("line", "into", "key", "allowed"),
    [
        ("width_mm = 217", "", "screen.width_mm", "missing"),
        ("width_mm = 217", "width_mm = 0", "screen.width_mm", "from 1 to 2000"),
        ("width_mm = 217", "width_mm = true", "screen.width_mm", "whole number"),
        ("width_px = 1280", 'width_px = "1280"', "screen.width_px", "from 1 to 16384"),
        ("width_px = 1280", "width_px = 1280\ndepth = 3", "screen.depth", "known here: width_px, height_px"),
        ('kind = "rgb"', 'kind = "lidar"', "camera.kind", "one of: 'rgb'"),
        ('kind = "serial"', "kind = 3", "host_port.kind", "one of: 'serial'"),
        ('name = "Virtual PCD"', 'name = ""', "card_reader.name", "1 to 128 ASCII"),
        ("extended_apdus = true", "extended_apdus = 1", "card_reader.extended_apdus", "true or false"),
        ("demo = true", 'demo = "no"', "demo", "true or false"),
        ("demo = true", "demo = true\ncolour = 1", "colour", "unknown key"),
        ("blue = 22", "blue = 17", "status_light", "a pin each"),
        ("[host_port]", "[cable]", "host_port", "missing"),
        ('oemid = "', 'oemid = "zz', "oemid", "32 hexadecimal digits"),
        ('oemid = "', 'oemid = "00', "oemid", "32 hexadecimal digits"),
    ],
)
def test_mistake_names_file_key_and_what_is_allowed(
    tmp_path: Path, line: str, into: str, key: str, allowed: str
) -> None:
    file = changed(tmp_path, line, into)
    with pytest.raises(ProfileError) as error:
        load_profile(file)
    assert (error.value.file, error.value.key) == (file, key)
    assert allowed in str(error.value)


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"screen = [", "not TOML"), (b"\xff\xfe", "not TOML"), (b"#" * 70_000, "larger than 65536 bytes")],
)
def test_file_that_is_no_profile_is_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    file = tmp_path / "board.toml"
    file.write_bytes(content)
    with pytest.raises(ProfileError) as error:
        load_profile(str(file))
    assert (error.value.file, error.value.key) == (str(file), "")
    assert reason in str(error.value)
