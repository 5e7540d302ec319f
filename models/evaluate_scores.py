"""Vectors of pictures and scores of listed pairs, with the models and the decision's rule that the reader uses."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path
from time import monotonic

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from firmware.face.cohort import Cohort
from firmware.face.decide import scores
from firmware.face.manifest import ModelError, load_manifest
from firmware.face.photo import PhotoError, open_photo
from firmware.face.vision import MAX_FRAME_SIDE, FaceVision
from firmware.tflite import Floats
from models.evaluate_pairs import Indices, Pairs, PairsError

_BLOCK = 256
"""References that are compared at a time."""
_MAX_PIXELS = 64_000_000
"""Of a picture: a process takes 4 bytes and more for each."""
_REPORT_EVERY = 5.0
"""Seconds between lines of progress."""


class PictureError(Exception):
    """A file cannot be used as a picture: `picture` is its number, `reason` what is wrong with it."""

    def __init__(self, picture: int, reason: str) -> None:
        super().__init__(reason)
        self.picture = picture
        self.reason = reason


def embed_pairs(pairs: Pairs, manifest: Path, models_dir: Path, report: Callable[[str], None]) -> dict[int, Floats]:
    """Vectors of all pictures of the list in which there is a face, by number. Raises PairsError."""
    paths = [pairs.path(picture) for picture in range(len(pairs.pictures))]
    try:
        return embed_pictures(paths, manifest, models_dir, report)
    except PictureError as error:
        reason = f"{paths[error.picture]} {error.reason}: replace the picture, or remove its lines"
        raise PairsError(pairs.file, pairs.line_of(error.picture), reason) from error


def embed_pictures(
    paths: Sequence[Path], manifest: Path, models_dir: Path, report: Callable[[str], None]
) -> dict[int, Floats]:
    """Vectors of the pictures in which there is a face, by their number in `paths`, made in a process per core.

    A .jp2 file is taken for the photo of a card, anything else for a picture of the camera. Raises PictureError, and
    ModelError where a recogniser gives what is no number.
    """
    vectors = {}
    begun = told = monotonic()
    count = len(paths)
    for picture, result in enumerate(_results(paths, manifest, models_dir)):
        if isinstance(result, str):
            raise PictureError(picture, result)
        if result is not None:
            if not np.isfinite(result).all():  # such a score is below no threshold, and would count as a match
                raise ModelError(manifest.name, "a recogniser gives what is no number: correct `subtract` or `divide`")
            vectors[picture] = result
        if (now := monotonic()) - told > _REPORT_EVERY or picture + 1 == count:
            told = now
            left = (now - begun) / (picture + 1) * (count - picture - 1)
            report(f"embedded {picture + 1} of {count} pictures, {left:.0f} s to go")
    return vectors


def score_pairs(pairs: Pairs, chosen: Indices, vectors: Mapping[int, Floats], cohort: Cohort) -> NDArray[np.float64]:
    """Scores of the chosen pairs; minus infinity where a picture has no vector, because the reader finds no match."""
    found: NDArray[np.float64] = np.full(chosen.size, -np.inf)
    seen = np.isin(np.arange(len(pairs.pictures)), list(vectors))
    left, right = pairs.left[chosen], pairs.right[chosen]
    usable = np.flatnonzero(seen[left] & seen[right])
    if not usable.size:
        return found
    references = np.unique(left[usable])
    for block in np.array_split(references, -(-references.size // _BLOCK)):
        at = usable[np.isin(left[usable], block)]
        lives, column = np.unique(right[at], return_inverse=True)
        cross = scores(cohort, _stack(block, vectors), _stack(lives, vectors))
        found[at] = cross[np.searchsorted(block, left[at]), column]
    return found


def _stack(pictures: Indices, vectors: Mapping[int, Floats]) -> Floats:
    return np.stack([vectors[int(picture)] for picture in pictures])


def _results(paths: Sequence[Path], manifest: Path, models_dir: Path) -> Iterator[Floats | str | None]:
    """Of each picture its vector, None where no face is found, or what is wrong with the file."""
    workers = len(os.sched_getaffinity(0))
    pool = ProcessPoolExecutor(workers, get_context("spawn"), _start, (manifest.resolve(), models_dir.resolve()))
    try:
        yield from pool.map(_embed, paths, chunksize=8)
    except BrokenProcessPool as error:
        raise OSError(
            "a process that embeds was ended from outside: is there memory for one of 200 MB a core?"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


_vision: FaceVision
"""Of this process, where it is one that embeds."""


def _start(manifest: Path, models_dir: Path) -> None:
    global _vision
    _vision = FaceVision(load_manifest(manifest), models_dir)


def _embed(path: Path) -> Floats | str | None:
    return embed_picture(_vision, path)


def embed_picture(vision: FaceVision, path: Path) -> Floats | str | None:
    """The vector, None where no face is found, or what is wrong with the file.

    Errors are returned as text: not all of them can be sent from one process to another.
    """
    try:
        if path.suffix.lower() == ".jp2":
            return _embed_photo(vision, path.read_bytes())
        with Image.open(path) as picture:
            if picture.width * picture.height > _MAX_PIXELS:
                return "has more than 64 million pixels"
            if picture.mode.startswith(("I", "F")):
                return "has more than 8 bits a colour, which no camera of the reader gives"
            picture.thumbnail((MAX_FRAME_SIDE, MAX_FRAME_SIDE))
            frame = np.asarray(ImageOps.exif_transpose(picture).convert("RGB"))
    except PhotoError as error:
        return f"cannot serve as a card's photo ({error.reason})"
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        return f"cannot be read ({type(error).__name__})"
    sighting = vision.look(frame)
    return None if sighting.mesh is None else vision.live(frame, sighting).vector


def _embed_photo(vision: FaceVision, jp2: bytes) -> Floats | None:
    open_photo(jp2)  # a photo that opens and is refused all the same shows no face
    try:
        return vision.reference(jp2).vector
    except PhotoError:
        return None
