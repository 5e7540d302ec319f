"""The wire's code and its plain tests in a real MicroPython (its WebAssembly port, under Node)."""

import ast
import re
import subprocess
from pathlib import Path

import firmware.wire

ROOT = Path(firmware.wire.__file__).parents[2]
MICROPYTHON = ROOT / "build/micropython/node_modules/@micropython/micropython-webassembly-pyscript"
RUNNER = ROOT / "tests/micropython/run.mjs"
WIRE = [file for file in sorted((ROOT / "firmware/wire").glob("*.py")) if file.name != "tls.py"]
CPYTHON_ONLY = {
    "test_wire_channel_faults",
    "test_wire_cobs_package",
    "test_wire_foreign_host",
    "test_wire_micropython",
    "test_wire_properties",
    "test_wire_protocol_page",
    "test_wire_subset",
    "test_wire_tls",
    "test_wire_vectors_secured",
}
"""Test modules that need pytest, hypothesis, TLS, or a file of the project. All others must run in MicroPython."""
HELPERS = [ROOT / "tests/wire/plain.py", ROOT / "tests/wire/channel_world.py"]
PLAIN = [file for file in sorted((ROOT / "tests/wire").glob("test_wire_*.py")) if file.stem not in CPYTHON_ONLY]


def run(files: list[Path], folder: Path = ROOT) -> "subprocess.CompletedProcess[str]":
    assert MICROPYTHON.is_dir(), "MicroPython is not installed: make test does it"
    names = [str(file.relative_to(folder)) for file in files]
    return subprocess.run(
        ["node", RUNNER, MICROPYTHON, *names], cwd=folder, capture_output=True, text=True, timeout=120
    )


def test_every_plain_test_of_the_wire_passes_in_micropython() -> None:
    package = [ROOT / "firmware/__init__.py"]
    vectors = sorted((ROOT / "firmware/wire/vectors").glob("*.json"))
    result = run([*package, *WIRE, *vectors, *HELPERS, *PLAIN])
    defined = sum(
        isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
        for file in PLAIN
        for node in ast.parse(file.read_text()).body
    )
    assert defined > 90
    assert result.stdout.splitlines()[-1] == f"{defined} of {defined} passed", result.stdout + result.stderr


def test_every_module_of_the_wire_is_imported_by_a_plain_test() -> None:
    imported = set(
        re.findall(r"\bfirmware\.wire\.(\w+)|\bfirmware\.wire import (.+)", "".join(map(Path.read_text, PLAIN)))
    )
    names = {name for dotted, listed in imported for name in [dotted, *listed.split(", ")]}
    assert {file.stem for file in WIRE} - {"__init__"} <= names


def test_a_test_that_fails_in_micropython_is_told_and_so_is_one_that_cannot_be_imported(tmp_path: Path) -> None:
    failing = tmp_path / "test_failing.py"
    failing.write_text("def test_good():\n    pass\n\ndef test_bad():\n    assert [].copy() == [1]\n")
    foreign = tmp_path / "test_foreign.py"
    foreign.write_text("import dataclasses\n\ndef test_good():\n    pass\n")
    result = run([failing, foreign], tmp_path)
    assert result.returncode == 1
    assert "FAILED test_failing.test_bad" in result.stdout
    assert "FAILED test_foreign: " in result.stdout
    assert result.stdout.splitlines()[-1] == "1 of 3 passed"
