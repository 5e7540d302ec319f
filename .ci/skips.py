"""Fails if a test of pytest's JUnit report was skipped without an excuse.

Excuses: a reason that says "missing hardware", or that names READER_FACE_DATA while that variable is not set.
"""

import os
import sys
from pathlib import Path
from xml.etree import ElementTree


def excused(reason: str) -> bool:
    """Whether a test may be skipped for `reason`."""
    return "missing hardware" in reason or ("READER_FACE_DATA" in reason and "READER_FACE_DATA" not in os.environ)


def main(report: Path) -> int:
    """Exit status: 0, or 1 if there is no report, no test in it, or a skip without an excuse."""
    if not report.is_file():
        print(f"skips: no report at {report}", file=sys.stderr)
        return 1
    cases = ElementTree.parse(report).findall(".//testcase")
    skips = [(case, skip.get("message", "")) for case in cases for skip in case.findall("skipped")]
    unexcused = [f"{case.get('classname')}::{case.get('name')}: {why}" for case, why in skips if not excused(why)]
    for line in unexcused:
        print(f"skips: no excuse: {line}", file=sys.stderr)
    return 1 if unexcused or not cases else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
