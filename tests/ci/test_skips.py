"""The gate of `.ci/run`: which skipped tests it lets through."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / ".ci/skips.py"
PASSED = '<testcase classname="test_a" name="test_b"/>'


def skipped(reason: str) -> str:
    """A test case of the report that was skipped for `reason`."""
    return f'<testcase classname="test_c" name="test_d"><skipped type="pytest.skip" message="{reason}"/></testcase>'


def gate(folder: Path, cases: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run the script over a report of these cases."""
    report = folder / "report.xml"
    report.write_text(f"<testsuites><testsuite>{cases}</testsuite></testsuites>")
    return subprocess.run(
        [sys.executable, str(SCRIPT), str(report)], env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("cases", [PASSED, PASSED + skipped("missing hardware: TPM")])
def test_passed_and_excused_tests_go_through(tmp_path: Path, cases: str) -> None:
    assert gate(tmp_path, cases, {}).returncode == 0


def test_skip_for_another_reason_fails_and_is_named(tmp_path: Path) -> None:
    result = gate(tmp_path, PASSED + skipped("flaky"), {})
    assert result.returncode == 1
    assert "test_c::test_d: flaky" in result.stderr


def test_missing_pictures_excuse_only_where_none_were_given(tmp_path: Path) -> None:
    cases = PASSED + skipped("READER_FACE_DATA is not set")
    assert gate(tmp_path, cases, {}).returncode == 0
    assert gate(tmp_path, cases, {"READER_FACE_DATA": "faces"}).returncode == 1


def test_report_without_a_test_fails(tmp_path: Path) -> None:
    assert gate(tmp_path, "", {}).returncode == 1
