"""How long the reader takes for one verification, and for what: `python face_clock.py MODELS MANIFEST THREADS`.

In the environment of any runtime that firmware/tflite.py knows; tells its name first. Then a line of JSON
[reference path, live path] in, one out: {"seconds", "steps": {name: seconds}}, or null where no face was found.
Both start with the file, as with face_recognition; of ours, only the reference would be one.
"""

import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from firmware import tflite
from firmware.face.engine import FaceEngine, PhotoError
from firmware.face.manifest import Manifest, load_manifest


class FaceClock:
    """The reader's engine, with a stopwatch at each step."""

    def __init__(self, models_dir: Path, manifest: Path, threads: int) -> None:
        described = load_manifest(manifest)
        self._engine = engine = FaceEngine(described, models_dir)
        use_threads(engine, described, models_dir, threads)
        self._spent: dict[str, float] = defaultdict(float)
        self._watch(engine._detector, "find", "detect")
        self._watch(engine._mesher, "points", "mesh")
        self._watch(engine._embedder, "embed", "embed")
        for recogniser, interpreter in engine._embedder._recognisers:
            self._watch(interpreter, "run", Path(recogniser.file.name).stem)
        self._watch(engine, "decide", "cohort and decision")

    def verify(self, reference: Path, live: Path) -> dict[str, Any] | None:
        self._spent.clear()
        since = time.perf_counter()
        try:
            card = self._engine.reference(reference.read_bytes())
        except PhotoError:
            return None
        with Image.open(live) as picture:
            frame = np.asarray(picture.convert("RGB"))
        sighting = self._engine.look(frame)
        if sighting.mesh is None:
            return None
        self._engine.decide(card, [self._engine.live(frame, sighting)])
        return {"seconds": time.perf_counter() - since, "steps": self._steps(time.perf_counter() - since)}

    def _steps(self, total: float) -> dict[str, float]:
        steps = dict(self._spent)
        embed = steps.pop("embed")
        rest = total - embed - sum(steps[name] for name in ("detect", "mesh", "cohort and decision"))
        runs = sum(seconds for name, seconds in steps.items() if name.startswith("face_embedder"))
        return {"decode both pictures, and quality": rest, **steps, "warp, and feed the recognisers": embed - runs}

    def _watch(self, part: Any, method: str, step: str) -> None:
        call: Callable[..., Any] = getattr(part, method)

        def timed(*arguments: Any) -> Any:
            since = time.perf_counter()
            result = call(*arguments)
            self._spent[step] += time.perf_counter() - since
            return result

        setattr(part, method, timed)


def use_threads(engine: FaceEngine, manifest: Manifest, models_dir: Path, threads: int) -> None:
    """The reader runs every model on one thread and has no switch for it: the engine gets the runtime's own
    interpreters of the same models in place of those that it made."""
    parts = [(engine._detector._interpreter, manifest.detector), (engine._mesher._interpreter, manifest.mesh)]
    parts += [(interpreter, recogniser.file) for recogniser, interpreter in engine._embedder._recognisers]
    for interpreter, file in parts:
        runtime = tflite._runtime.Interpreter(model_content=file.read(models_dir), num_threads=threads)
        runtime.allocate_tensors()
        interpreter._interpreter = runtime


def main() -> None:
    models_dir, manifest, threads = sys.argv[1:]
    clock = FaceClock(Path(models_dir), Path(manifest), int(threads))
    print(json.dumps(tflite.runtime_name()), flush=True)
    for line in sys.stdin:
        reference, live = json.loads(line)
        print(json.dumps(clock.verify(Path(reference), Path(live))), flush=True)


if __name__ == "__main__":
    main()
