"""Faces for the demo: public-domain portraits, or your own, as a card's photo and before a camera.

`python -m board.demo.portraits` takes the portraits out of a pinned package into build/portraits.
"""

import argparse
import hashlib
import io
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from board.contracts import Frame
from firmware.face.detect import Detector, Face
from firmware.face.manifest import load_manifest
from firmware.tflite import Interpreter
from models.packages import PackageError, extract, fetch

LABEL = "public domain, US federal government photographs"
_PACKAGE = "face_recognition==1.3.0"
_MEMBERS = "face_recognition-1.3.0/tests/test_images"
_PORTRAITS: Mapping[str, str] = {
    "obama.jpg": "0930e3aa8cae5920329c0c8cbc6a2ab70f47b0e67b432875beaa95cbf7e741f6",
    "obama2.jpg": "a7efcc907375274796f39646510704aa86672d59f6d5469d69af3c85590976a6",
    "obama3.jpg": "76ac6bf97c36dc2da0ad16a537d6a5ac1b10f48d49aac29a0cca9a17cdbc3ca3",
    "biden.jpg": "3c17508bb91554c637a2eabddfae790e5bb1caba93130814fc2ac50be9760c4c",
}
_ROLES: Mapping[str, str] = {"card": "obama2.jpg", "patient": "obama.jpg", "other": "biden.jpg"}
_ROOT = Path(__file__).parents[2]
_FOLDER = _ROOT / "build/portraits"
_SUFFIXES = (".jpg", ".jpeg", ".png")

_CHIP_SIZE = (320, 400)
_CHIP_RATE = 25
"""Compression of the JPEG 2000: 384,000 bytes of pixels become about 15,000."""
_CHIP_FACE = 0.45
"""Detector's box, brows to chin, over the photo's height: a whole head with some shoulder."""
_CAMERA_FACE = 0.4


class PortraitError(Exception):
    """A picture is missing, or shows no face."""


@dataclass(frozen=True)
class Faces:
    """RGB pictures: of the person on the card, of that person on another day, and of somebody else."""

    card: Image.Image
    patient: Image.Image
    other: Image.Image


def extract_portraits(out: Path = _FOLDER) -> None:
    """Puts the public-domain portraits and their label into `out`. Raises PackageError."""
    out.mkdir(parents=True, exist_ok=True)
    missing = {name: sha256 for name, sha256 in _PORTRAITS.items() if _hash(out / name) != sha256}
    if missing:
        archive = fetch(_PACKAGE)
        for name, sha256 in missing.items():
            (out / name).write_bytes(extract(archive, f"{_MEMBERS}/{name}", sha256))
    (out / "LABEL").write_text(f"{LABEL}\n", "utf-8")


def load_faces(folder: Path | None = None) -> Faces:
    """The pictures card.*, patient.* and other.* of `folder`; the public-domain portraits without one.

    Raises PortraitError.
    """
    if folder is None:
        paths = {role: _FOLDER / name for role, name in _ROLES.items()}
    else:
        paths = {role: _picture(folder, role) for role in _ROLES}
    return Faces(**{role: _open(path) for role, path in paths.items()})


def chip_photo(image: Image.Image) -> bytes:
    """The face in `image` as a card carries it: a colour JP2 of 320 x 400 pixels, about 15 KB. Raises PortraitError."""
    photo = _framed(image, _CHIP_SIZE, _CHIP_FACE)
    file = io.BytesIO()
    photo.save(file, "JPEG2000", no_jp2=False, irreversible=True, quality_mode="rates", quality_layers=[_CHIP_RATE])
    return file.getvalue()


def before_camera(role: str, picture: Image.Image) -> Frame:
    """The person of `picture` before the camera. Raises PortraitError, which names the role."""
    try:
        return camera_frame(picture)
    except PortraitError as error:
        raise PortraitError(f"{role}: {error}") from error


def camera_frame(image: Image.Image, size: tuple[int, int] = (640, 480)) -> Frame:
    """The person in `image` before a camera: the face in the middle, 40 % of the height. Raises PortraitError."""
    return np.asarray(_framed(image, size, _CAMERA_FACE))


def _framed(image: Image.Image, size: tuple[int, int], face_height: float) -> Image.Image:
    """A picture of `size` around the largest face in `image`; beyond the edges, the colour of the upper edge."""
    face = max(_detector().find(image), key=lambda face: face.width, default=None)
    if face is None:
        raise PortraitError("no face in the picture")
    left, top, right, bottom = _box(face, size, face_height)
    scale = size[1] / (bottom - top)
    background = tuple(int(value) for value in np.median(np.asarray(image)[0], axis=0))
    framed = Image.new("RGB", size, background)
    inside = (max(0.0, left), max(0.0, top), min(float(image.width), right), min(float(image.height), bottom))
    width, height = round((inside[2] - inside[0]) * scale), round((inside[3] - inside[1]) * scale)
    part = image.resize((max(1, width), max(1, height)), Image.Resampling.BICUBIC, box=inside)
    framed.paste(part, (round((inside[0] - left) * scale), round((inside[1] - top) * scale)))
    return framed


def _box(face: Face, size: tuple[int, int], face_height: float) -> tuple[float, float, float, float]:
    """Left, top, right, bottom of the part of the picture to show."""
    height = face.height / face_height
    width = height * size[0] / size[1]
    x, y = (float(value) for value in face.centre)
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


@cache
def _detector() -> Detector:
    manifest = load_manifest(_ROOT / "models/manifest.toml")
    return Detector(Interpreter(manifest.detector.read(_ROOT / "build/models")))


def _picture(folder: Path, role: str) -> Path:
    for path in sorted(folder.glob(f"{role}.*")):
        if path.suffix.lower() in _SUFFIXES:
            return path
    raise PortraitError(f"{folder} has no {role}.jpg or {role}.png")


def _open(path: Path) -> Image.Image:
    try:
        with Image.open(path) as picture:
            return ImageOps.exif_transpose(picture).convert("RGB")
    except OSError as error:
        raise PortraitError(f"{path} cannot be opened; for the portraits run python -m board.demo.portraits") from error


def _hash(path: Path) -> str | None:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None


def main() -> int:
    """Extracts the portraits; 0 if all is well."""
    parser = argparse.ArgumentParser(
        prog="python -m board.demo.portraits", description="Extracts the demo's portraits."
    )
    parser.add_argument("--out", type=Path, default=_FOLDER)
    arguments = parser.parse_args()
    try:
        extract_portraits(arguments.out)
    except PackageError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"portraits in {arguments.out} ({LABEL})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
