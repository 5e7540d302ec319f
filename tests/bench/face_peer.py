"""What face_recognition makes of pictures, with all its defaults; of several faces the largest counts.

Runs in the environment of requirements-face-peer.txt. A line of JSON in, one out:

    python face_peer.py embed     path -> 128 numbers, or null where it finds no face; a process per core
    python face_peer.py compare   [reference path, live path] -> {"seconds", "distance": null where it finds no face}
"""

import json
import os
import sys
import time
from collections.abc import Iterable, Iterator
from multiprocessing import Pool
from typing import Any

import face_recognition
import numpy as np
from numpy.typing import NDArray


def vector(path: str) -> NDArray[np.float64] | None:
    """Of the largest face that the default detector finds. Raises OSError where `path` is no picture."""
    picture = face_recognition.load_image_file(path)
    places = face_recognition.face_locations(picture)
    if not places:
        return None
    largest = max(places, key=lambda place: (place[2] - place[0]) * (place[1] - place[3]))
    (found,) = face_recognition.face_encodings(picture, [largest])
    return found


def embed(paths: Iterable[str]) -> Iterator[list[float] | None]:
    with Pool(len(os.sched_getaffinity(0))) as pool:
        for found in pool.imap(vector, paths, chunksize=4):
            yield None if found is None else found.tolist()


def compare(pairs: Iterable[tuple[str, str]]) -> Iterator[dict[str, Any]]:
    for reference, live in pairs:
        since = time.perf_counter()
        left, right = vector(reference), vector(live)
        seen = left is not None and right is not None
        distance = float(face_recognition.face_distance([left], right)[0]) if seen else None
        yield {"seconds": time.perf_counter() - since, "distance": distance}


def main() -> None:
    given = (json.loads(line) for line in sys.stdin)
    try:
        for answer in {"embed": embed, "compare": compare}[sys.argv[1]](given):
            print(json.dumps(answer), flush=True)
    except (OSError, ValueError) as error:
        sys.exit(f"face_peer: {error}")


if __name__ == "__main__":
    main()
