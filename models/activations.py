"""What the recognisers' convolutions are given when they look at faces: by it, 8 bits are made to come out right.

`activations.npz` has the mean of each channel over all faces of the cohort's general group together, and nothing about
any one of them.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from firmware.tflite import Floats

_FILE = Path(__file__).with_name("activations.npz")


def read_activations(file: str) -> dict[str, Floats]:
    """Means of the recogniser `file` by the names of its tensors; nothing where it was not measured."""
    with np.load(_FILE) as arrays:
        return {
            name.removeprefix(f"{file}/"): means.astype(np.float32)
            for name, means in arrays.items()
            if name.startswith(f"{file}/")
        }


def write_activations(means: Mapping[str, Mapping[str, Floats]]) -> None:
    """Replaces all of it: the means of each recogniser, by file and tensor."""
    arrays = {
        f"{file}/{name}": values.astype(np.float16)
        for file, by_tensor in means.items()
        for name, values in by_tensor.items()
    }
    np.savez_compressed(_FILE, **arrays)
