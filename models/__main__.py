"""`python -m models`: build, verify, calibrate, measure or evaluate the models."""

import argparse
import os
import sys
from pathlib import Path

from firmware.face.manifest import ModelError
from models.build import MANIFEST, BuildError, build, verify
from models.calibrate import CalibrationError, calibrate
from models.convert_graph import ConversionError
from models.evaluate import EvaluationError, evaluate, table
from models.evaluate_pairs import PairsError
from models.measure import measure
from models.packages import PackageError
from models.tfjs_graph import GraphModelError
from models.tflite_read import GraphError

_ERRORS = (
    PackageError,
    BuildError,
    ConversionError,
    GraphModelError,
    GraphError,
    ModelError,
    CalibrationError,
    PairsError,
    EvaluationError,
    OSError,
)

_ON_PICTURES = {"calibrate": calibrate, "measure": measure}


def main() -> int:
    """Runs the subcommand given; 0 if all is well."""
    parser = argparse.ArgumentParser(prog="python -m models", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in (
        ("build", "download the packages and make the models that are missing"),
        ("verify", "say which models are missing or altered"),
        ("calibrate", "make the cohort's statistics and the thresholds from pictures"),
        ("measure", "make the statistics from pictures with which recognisers are put into 8 bits"),
    ):
        command = commands.add_parser(name, help=text)
        command.add_argument("--out", type=Path, default=Path("build/models"), help="folder of the models")
        if name in _ON_PICTURES:
            folder = os.environ.get("READER_FACE_DATA")
            command.add_argument("--pictures", type=Path, default=folder, help="default: READER_FACE_DATA")
    command = commands.add_parser("evaluate", help="measure error rates on a list of pairs of pictures")
    command.add_argument("--pairs", type=Path, required=True, help="CSV: path_a,path_b,same,group")
    command.add_argument("--json", type=Path, required=True, help="file for the rates")
    command.add_argument(
        "--plots", type=Path, help="folder for plots and a sheet of the worst errors, which shows people"
    )
    command.add_argument("--out", type=Path, default=Path("build/models"), help="folder of the models")
    arguments = parser.parse_args()
    try:
        return _run(arguments)
    except _ERRORS as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _run(arguments: argparse.Namespace) -> int:
    if arguments.command == "build":
        build(arguments.out, print)
    if arguments.command in _ON_PICTURES:
        if arguments.pictures is None:
            raise CalibrationError("no pictures: give --pictures or set READER_FACE_DATA")
        _ON_PICTURES[arguments.command](arguments.out, MANIFEST, arguments.pictures, print)
        return 0
    if arguments.command == "evaluate":
        figures = evaluate(arguments.pairs, arguments.out, MANIFEST, arguments.json, arguments.plots, _to_stderr)
        print("\n".join(table(figures)))
        return 0
    faults = list(verify(arguments.out))
    for line in faults:
        print(f"error: {line}; run `python -m models build`", file=sys.stderr)
    if not faults:
        print(f"models in {arguments.out} are those of the manifest")
    return 1 if faults else 0


def _to_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
