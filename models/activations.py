"""What the values inside the recognisers are like when they look at faces: what 8 bits have to hold.

`activations.npz` has, of each value on the way, the lowest and the highest seen, and the mean of each channel: over
all faces of the cohort's general group together, and nothing about any one of them.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from models.quantise import Seen

_FILE = Path(__file__).with_name("activations.npz")


def read_activations(file: str) -> dict[str, Seen]:
    """What was seen in the recogniser `file`, by the names of its tensors; nothing where it was not measured."""
    with np.load(_FILE) as arrays:
        return {
            name.removeprefix(f"{file}/"): Seen(float(values[0]), float(values[1]), values[2:].astype(np.float32))
            for name, values in arrays.items()
            if name.startswith(f"{file}/")
        }


def write_activations(seen: Mapping[str, Mapping[str, Seen]]) -> None:
    """Replaces all of it: what was seen in each recogniser, by file and tensor."""
    arrays = {
        f"{file}/{name}": np.array([value.low, value.high, *value.means], np.float16)
        for file, values in seen.items()
        for name, value in values.items()
    }
    np.savez_compressed(_FILE, **arrays)
