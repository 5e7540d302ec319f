"""`python -m models`: build, verify, calibrate, evaluate or measure the models."""

import argparse
import sys
from pathlib import Path

from firmware.face.manifest import ModelError
from models.build import MANIFEST, BuildError, build, verify
from models.calibrate import calibrate
from models.convert_graph import ConversionError
from models.crossfit import CalibrationError
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


def main() -> int:
    """Runs the subcommand given; 0 if all is well."""
    parser = argparse.ArgumentParser(prog="python -m models", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in (
        ("build", "download the packages and make the models that are missing"),
        ("verify", "say which models are missing or altered"),
        ("calibrate", "make the cohort's statistics and the thresholds from pictures"),
        ("evaluate", "measure error rates on a list of pairs of pictures"),
        ("measure", "measure what recognisers calculate with on pictures, for their forms of 8 bits"),
    ):
        command = commands.add_parser(name, help=text)
        command.add_argument("--out", type=Path, default=Path("build/models"), help="folder of the models")
        command.add_argument("--manifest", type=Path, default=MANIFEST, help="what describes them")
        if name in ("calibrate", "evaluate"):
            command.add_argument("--pairs", type=Path, required=True, help="CSV: path_a,path_b,same,group")
        if name in ("calibrate", "measure"):
            command.add_argument("--cohort", type=Path, required=True, help="folder of pictures of people in general")
        if name == "evaluate":
            command.add_argument("--json", type=Path, required=True, help="file for the rates")
            command.add_argument(
                "--plots", type=Path, help="folder for plots and a sheet of the worst errors, which shows people"
            )
    arguments = parser.parse_args()
    try:
        return _run(arguments)
    except _ERRORS as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _run(arguments: argparse.Namespace) -> int:
    out, manifest = arguments.out, arguments.manifest
    if arguments.command == "calibrate":
        print("\n".join(calibrate(arguments.pairs, arguments.cohort, out, manifest, _to_stderr)))
        return 0
    if arguments.command == "evaluate":
        figures = evaluate(arguments.pairs, out, manifest, arguments.json, arguments.plots, _to_stderr)
        print("\n".join(table(figures)))
        return 0
    if arguments.command == "measure":
        measure(out, manifest, arguments.cohort, _to_stderr)
        return 0
    if arguments.command == "build":
        build(out, print, manifest)
    faults = list(verify(out, manifest))
    for line in faults:
        print(f"error: {line}", file=sys.stderr)
    if not faults:
        print(f"models in {out} are those of the manifest")
    return 1 if faults else 0


def _to_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
