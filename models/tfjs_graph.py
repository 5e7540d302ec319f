"""Reads a TensorFlow.js graph model: operations by name in a JSON file, weights in a binary file beside it.

Source: the TensorFlow.js converter's documentation of the graph model and of its quantised weights. Weights lie
one after the other in the order of the manifest, little endian: as they are, as float16, or as unsigned whole
numbers of which value = number x scale + minimum.
"""

import base64
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

_KINDS: Mapping[str, np.dtype[Any]] = {
    "float32": np.dtype("<f4"),
    "float16": np.dtype("<f2"),
    "int32": np.dtype("<i4"),
    "uint8": np.dtype("u1"),
}


class GraphModelError(Exception):
    """The files are not a graph model that this project can read; the text says where."""


@dataclass(frozen=True)
class Node:
    """One operation: names of the nodes it reads, and its settings."""

    name: str
    operation: str
    inputs: tuple[str, ...]
    settings: Mapping[str, Any]

    def numbers(self, setting: str) -> tuple[int, ...]:
        """A setting that is a list of whole numbers."""
        return tuple(int(number) for number in self.settings[setting]["list"]["i"])

    def text(self, setting: str) -> str:
        """A setting that is a text."""
        return base64.b64decode(self.settings[setting]["s"]).decode()


@dataclass(frozen=True)
class GraphModel:
    """Operations and constants by name."""

    nodes: Mapping[str, Node]
    constants: Mapping[str, Floats]


def read_graph_model(description: bytes, weights: bytes) -> GraphModel:
    """The model in a pair of files. Raises GraphModelError."""
    try:
        model = json.loads(description)
        nodes = [
            Node(node["name"], node["op"], tuple(_name(read) for read in node.get("input", ())), node.get("attr", {}))
            for node in model["modelTopology"]["node"]
        ]
        constants = read_weights(model["weightsManifest"], weights)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise GraphModelError(f"not a graph model: {error!r}") from error
    return GraphModel({node.name: node for node in nodes}, constants)


def read_weights(manifest: Iterable[Mapping[str, Any]], weights: bytes) -> dict[str, Floats]:
    """Tensors by name, whole numbers as float32 too. Raises GraphModelError, KeyError."""
    tensors: dict[str, Floats] = {}
    at = 0
    for entry in (entry for group in manifest for entry in group["weights"]):
        shape, packing = tuple(int(size) for size in entry["shape"]), entry.get("quantization", {})
        kind = _KINDS[packing.get("dtype", entry["dtype"])]
        end = at + kind.itemsize * int(np.prod(shape))
        if min(shape, default=0) < 0 or end > len(weights):
            raise GraphModelError(f"weights end before {entry['name']}")
        stored = np.frombuffer(weights[at:end], kind).reshape(shape)
        if "scale" in packing:
            stored = stored * packing["scale"] + packing["min"]
        tensors[entry["name"]] = stored.astype(np.float32)
        at = end
    if at != len(weights):
        raise GraphModelError("more weights than the manifest names")
    return tensors


def _name(read: str) -> str:
    """The node that an input names: "node", or "node:0" for its first and here only result."""
    return read.removesuffix(":0")
