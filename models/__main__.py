"""`python -m models`: build, verify or calibrate the models."""

import argparse
import os
import sys
from pathlib import Path

from firmware.face.manifest import ModelError
from models.build import MANIFEST, BuildError, build, verify
from models.calibrate import CalibrationError, calibrate
from models.convert import ConversionError
from models.dlib_stream import StreamError
from models.packages import PackageError


def main() -> int:
    """Runs the subcommand given; 0 if all is well."""
    parser = argparse.ArgumentParser(prog="python -m models", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in (
        ("build", "download the packages and make the models that are missing"),
        ("verify", "say which models are missing or altered"),
        ("calibrate", "make the cohort's statistics and the thresholds from pictures"),
    ):
        command = commands.add_parser(name, help=text)
        command.add_argument("--out", type=Path, default=Path("build/models"), help="folder of the models")
        if name == "calibrate":
            folder = os.environ.get("READER_FACE_DATA")
            command.add_argument("--pictures", type=Path, default=folder, help="default: READER_FACE_DATA")
    arguments = parser.parse_args()
    try:
        return _run(arguments)
    except (PackageError, BuildError, ConversionError, StreamError, ModelError, CalibrationError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _run(arguments: argparse.Namespace) -> int:
    if arguments.command == "build":
        build(arguments.out, print)
    if arguments.command == "calibrate":
        if arguments.pictures is None:
            raise CalibrationError("no pictures: give --pictures or set READER_FACE_DATA")
        calibrate(arguments.out, MANIFEST, arguments.pictures, print)
        return 0
    faults = list(verify(arguments.out))
    for line in faults:
        print(f"error: {line}; run `python -m models build`", file=sys.stderr)
    if not faults:
        print(f"models in {arguments.out} are those of the manifest")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
