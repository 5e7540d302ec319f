"""Scores of listed pairs, with the models, the cohort and the decision's rule that the reader uses."""

import os
from collections.abc import Callable, Iterator, Sequence
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
from firmware.face.manifest import load_manifest
from firmware.face.photo import PhotoError, open_photo
from firmware.face.vision import FaceVision
from firmware.tflite import Floats
from models.evaluate_pairs import Pairs, PairsError

_BLOCK = 256
"""References that are compared at a time."""
_REPORT_EVERY = 5.0
"""Seconds between lines of progress."""


def embed_pictures(pairs: Pairs, manifest: Path, models_dir: Path, report: Callable[[str], None]) -> dict[int, Floats]:
    """Vectors of all pictures of the list in which there is a face, each embedded once, in a process per core.

    A .jp2 file is taken for the photo of a card, anything else for a picture of the camera. Raises PairsError.
    """
    vectors = {}
    begun = told = monotonic()
    count = len(pairs.pictures)
    for picture, result in enumerate(_results(pairs, manifest, models_dir)):
        if isinstance(result, str):
            reason = f"{pairs.path(picture)} {result}: replace the picture, or remove its lines"
            raise PairsError(pairs.file, pairs.line_of(picture), reason)
        if result is not None:
            vectors[picture] = result
        if (now := monotonic()) - told > _REPORT_EVERY or picture + 1 == count:
            told = now
            left = (now - begun) / (picture + 1) * (count - picture - 1)
            report(f"embedded {picture + 1} of {count} pictures, {left:.0f} s to go")
    return vectors


def score_pairs(pairs: Pairs, vectors: dict[int, Floats], cohort: Cohort) -> NDArray[np.float64]:
    """P scores; minus infinity where a picture shows no face, because the reader then finds no match."""
    found: NDArray[np.float64] = np.full(pairs.left.size, -np.inf)
    seen = np.isin(np.arange(len(pairs.pictures)), list(vectors))
    usable = np.flatnonzero(seen[pairs.left] & seen[pairs.right])
    if not usable.size:
        return found
    references = np.unique(pairs.left[usable])
    for block in np.array_split(references, -(-references.size // _BLOCK)):
        chosen = usable[np.isin(pairs.left[usable], block)]
        lives, column = np.unique(pairs.right[chosen], return_inverse=True)
        cross = scores(cohort, _stack(block, vectors), _stack(lives, vectors))
        found[chosen] = cross[np.searchsorted(block, pairs.left[chosen]), column]
    return found


def _stack(pictures: NDArray[np.intp], vectors: dict[int, Floats]) -> Floats:
    return np.stack([vectors[int(picture)] for picture in pictures])


def _results(pairs: Pairs, manifest: Path, models_dir: Path) -> Iterator[Floats | str | None]:
    """Of each picture its vector, None where no face is found, or what is wrong with the file."""
    paths: Sequence[Path] = [pairs.path(picture) for picture in range(len(pairs.pictures))]
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
    """Errors are returned as text: not all of them can be sent from one process to another."""
    try:
        if path.suffix.lower() == ".jp2":
            return _embed_photo(path.read_bytes())
        with Image.open(path) as picture:
            if picture.mode.startswith(("I", "F")):
                return "has more than 8 bits a colour, which no camera of the reader gives"
            frame = np.asarray(ImageOps.exif_transpose(picture).convert("RGB"))
    except PhotoError as error:
        return f"cannot serve as a card's photo ({error.reason})"
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        return f"cannot be read ({type(error).__name__})"
    sighting = _vision.look(frame)
    return None if sighting.mesh is None else _vision.live(frame, sighting).vector


def _embed_photo(jp2: bytes) -> Floats | None:
    open_photo(jp2)  # a photo that opens and is refused all the same shows no face
    try:
        return _vision.reference(jp2).vector
    except PhotoError:
        return None
