"""Graphs with other numbers: near the float32 ones they were made from, and nothing but such graphs is taken."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from firmware.face.engine import FaceEngine
from firmware.tflite import Interpreter
from models.build import MANIFEST
from models.measure import Watched
from models.quantise import convolved, to_float16, to_int8
from models.tflite_file import write
from models.tflite_graph import Activation, Graph
from models.tflite_read import GraphError, read
from models.variants import make_variants

BUILT = Path(__file__).parents[2] / "build/models"
SIDE = 12


def pictures(seed: int, count: int) -> list[np.ndarray]:
    return list(np.random.default_rng(seed).uniform(0, 1, (count, 1, SIDE, SIDE, 3)).astype(np.float32))


def embedder() -> bytes:
    """A small one of all the operations that recognisers A and B consist of."""
    generator = np.random.default_rng(5)

    def drawn(*shape: int) -> np.ndarray:
        return generator.normal(0, 1 / np.sqrt(np.prod(shape[1:])), shape).astype(np.float32)

    graph = Graph()
    value = graph.subtract(graph.input("face", (1, SIDE, SIDE, 3)), np.full(3, 0.5, np.float32))
    value = graph.convolve(value, drawn(8, 3, 3, 3), drawn(8), 1, True, Activation.RELU6)
    value = graph.convolve(value, drawn(16, 3, 3, 8), drawn(16), 1, True, Activation.RELU)
    value = graph.max_pool(value, 2, 2)
    planes = generator.normal(0, 0.3, (1, 3, 3, 16)).astype(np.float32)
    side = graph.convolve_depthwise(value, planes, drawn(16), 2, True, Activation.RELU6)
    shortcut = graph.pad(graph.average_pool(value, 2, 2), (0,) * 4, (0, 0, 0, 8))
    value = graph.add(graph.pad(side, (0,) * 4, (0, 0, 0, 8)), shortcut, Activation.RELU)
    value = graph.convolve(value, drawn(24, 1, 1, 24), drawn(24), 1, True, Activation.NONE)
    return graph.finish(graph.fully_connect(graph.average(value), drawn(10, 24), drawn(10)))


def run(graph_file: bytes, value: np.ndarray) -> np.ndarray:
    (result,) = Interpreter(graph_file).run(value).values()
    return result.reshape(-1)


def means_of(graph_file: bytes, values: list[np.ndarray]) -> dict[str, np.ndarray]:
    watched = Watched(graph_file)
    for value in values:
        watched.run(value)
    return watched.means


def as_int8(graph_file: bytes) -> bytes:
    return to_int8(graph_file, means_of(graph_file, pictures(1, 20)))


@pytest.mark.parametrize(("changed", "least"), [(to_float16, 0.999999), (as_int8, 0.999)])
def test_changed_graph_gives_nearly_the_same(changed: Callable[[bytes], bytes], least: float) -> None:
    original = embedder()
    for picture in pictures(2, 5):
        ours, theirs = run(changed(original), picture), run(original, picture)
        assert ours @ theirs / np.linalg.norm(ours) / np.linalg.norm(theirs) > least
        assert not np.array_equal(ours, theirs)


@pytest.mark.parametrize("changed", [to_float16, as_int8])
def test_changing_gives_the_same_bytes_each_time(changed: Callable[[bytes], bytes]) -> None:
    assert changed(embedder()) == changed(embedder())


def test_changed_recogniser_is_a_half_and_a_quarter_of_the_size() -> None:
    graph = Graph()
    value, bias = graph.input("x", (1, 1, 1, 256)), np.zeros(256, np.float32)
    for seed in (1, 2, 3):
        weights = np.random.default_rng(seed).normal(0, 0.1, (256, 1, 1, 256)).astype(np.float32)
        value = graph.convolve(value, weights, bias, 1, True, Activation.NONE)
    whole = graph.finish(value)
    assert len(to_float16(whole)) == pytest.approx(len(whole) / 2, rel=0.05)
    assert len(as_int8_of_ones(whole)) == pytest.approx(len(whole) / 4, rel=0.1)


def as_int8_of_ones(graph_file: bytes) -> bytes:
    return to_int8(graph_file, means_of(graph_file, [np.ones((1, 1, 1, 256), np.float32)]))


def convolution(weights: np.ndarray, bias: float) -> bytes:
    """One channel of `weights`, 1 x 1 x 1 x channels."""
    graph = Graph()
    value = graph.input("x", (1, 1, 1, weights.shape[3]))
    return graph.finish(graph.convolve(value, weights, np.full(1, bias, np.float32), 1, True, Activation.NONE))


def test_watched_model_gives_its_result_and_the_means_of_what_its_convolutions_are_given() -> None:
    graph = Graph()
    value = graph.subtract(graph.input("x", (1, 1, 2, 3)), np.array([1, 2, 3], np.float32))
    sums = np.array([[[[1, 1, 1]]]], np.float32)
    watched = Watched(graph.finish(graph.convolve(value, sums, np.zeros(1, np.float32), 1, True, Activation.NONE)))
    for given, result in ((0, -6), (5, 9)):
        (found,) = watched.run(np.full((1, 1, 2, 3), given, np.float32)).values()
        assert found.tolist() == [[[[result], [result]]]]
    assert {(name, *means) for name, means in watched.means.items()} == {
        ("x_0", 2.5, 2.5, 2.5),
        ("value_2", 1.5, 0.5, -0.5),
    }


def test_what_rounding_the_weights_takes_away_on_average_is_given_back() -> None:
    weights = np.full((1, 1, 1, 33), 0.4, np.float32)
    weights[..., 0] = 127
    file = convolution(weights, 0)
    value = np.ones((1, 1, 1, 33), np.float32)
    value[..., 0] = 0
    assert run(to_int8(file, means_of(file, [value])), value)[0] == pytest.approx(0.4 * 32)


@pytest.mark.parametrize("weight", [0.0, 1e-30])
def test_channel_of_next_to_nothing_but_bias_gives_the_bias(weight: float) -> None:
    file = convolution(np.full((1, 1, 1, 2), weight, np.float32), 3)
    value = np.ones((1, 1, 1, 2), np.float32)
    assert run(to_int8(file, means_of(file, [value])), value)[0] == pytest.approx(3)


@pytest.mark.parametrize(
    ("altered", "reason"),
    [
        (None, "the means of its channels are not known"),
        (np.zeros(7), "not one mean for each of 8 channels"),
        (np.full(8, np.nan), "not one mean for each of 8 channels"),
    ],
)
def test_value_without_sound_means_is_named(altered: np.ndarray | None, reason: str) -> None:
    file = embedder()
    means = means_of(file, pictures(1, 2))
    name = read(file).tensors[read(file).steps[1].output].name
    del means[name]
    with pytest.raises(GraphError, match=f"{name}: {reason}"):
        to_int8(file, means if altered is None else means | {name: altered})


@pytest.mark.parametrize("change", [to_float16, convolved, read])
def test_graph_of_another_tool_is_refused(change: Callable[[bytes], object]) -> None:
    with pytest.raises(GraphError, match=r"not a graph.*python -m models build"):
        change((BUILT / "face_landmark.tflite").read_bytes())


@pytest.mark.parametrize("changed", [to_float16, as_int8])
def test_graph_that_was_changed_already_is_refused(changed: Callable[[bytes], bytes]) -> None:
    with pytest.raises(GraphError, match="not a graph"):
        to_float16(changed(embedder()))


def test_damaged_graph_is_refused_or_read_as_what_it_says() -> None:
    file = embedder()
    for length in range(0, len(file), 97):
        with pytest.raises(GraphError, match="not a graph"):
            read(file[:length])
    for place in range(0, len(file), 41):
        damaged = bytearray(file)
        damaged[place] ^= 0xFF
        try:
            graph = read(bytes(damaged))
        except GraphError:
            continue
        assert write(graph.tensors, graph.steps, graph.inputs, graph.outputs) == damaged


def test_engine_runs_with_every_variant(tmp_path: Path) -> None:
    said: list[str] = []
    folders = make_variants(MANIFEST, BUILT, tmp_path, said.append)
    assert list(folders) == ["float32", "float16", "int8"] == [line.split(":")[0] for line in said]
    sizes = [sum(file.stat().st_size for file in folder.glob("face_embedder_*")) for folder in folders.values()]
    assert sizes[1] == pytest.approx(sizes[0] / 2, rel=0.01)
    assert sizes[2] < sizes[0] / 3
    for folder in folders.values():
        FaceEngine.load(folder, folder / "manifest.toml")
