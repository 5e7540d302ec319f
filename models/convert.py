"""Turns dlib's face recognition ResNet into a TensorFlow Lite file, without a training framework."""

from collections.abc import Sequence

import numpy as np

from models.dlib_stream import (
    AddShortcut,
    Affine,
    Convolution,
    Floats,
    Layer,
    Network,
    Pool,
    Projection,
    Relu,
    read_network,
)
from models.tflite_graph import Graph, Tensor

_INPUT_SCALE = 1 / 256
"""What dlib's input layer multiplies by after it took the mean away."""


class ConversionError(Exception):
    """The network has a layer where this conversion expects another."""


def convert_embedder(stream: bytes) -> bytes:
    """The .tflite of the network in dlib's `stream`: 1 x 150 x 150 x 3 RGB 0-255 in, 1 x 128 out, not normalised.

    Raises StreamError, ConversionError.
    """
    network = read_network(stream)
    graph = Graph()
    value = _normalised(graph, network)
    *blocks, tail = _blocks(network.layers)
    value = _stem(graph, value, blocks[0])
    for block in blocks[1:]:
        value = _block(graph, value, block)
    return graph.finish(_tail(graph, value, tail))


def _blocks(layers: Sequence[Layer]) -> list[list[Layer]]:
    """Splits at the ends of the stem (its pool) and of each residual block (the rectifier after the sum)."""
    blocks: list[list[Layer]] = [[]]
    for before, layer in zip([None, *layers], layers, strict=False):
        blocks[-1].append(layer)
        if (isinstance(layer, Pool) and layer.maximum) or (isinstance(layer, Relu) and isinstance(before, AddShortcut)):
            blocks.append([])
    return blocks


def _normalised(graph: Graph, network: Network) -> Tensor:
    picture = graph.input("face", (1, network.side, network.side, 3))
    centred = graph.subtract(picture, np.array(network.mean, np.float32))
    return graph.multiply(centred, np.full(3, _INPUT_SCALE, np.float32))


def _stem(graph: Graph, value: Tensor, layers: Sequence[Layer]) -> Tensor:
    match layers:
        case [Convolution() as convolution, Affine() as affine, Relu(), Pool(maximum=True) as pool]:
            value = _convolve(graph, value, convolution, affine, relu=True)
            return graph.max_pool(value, pool.window, pool.stride)
    raise ConversionError("stem")


def _block(graph: Graph, value: Tensor, layers: Sequence[Layer]) -> Tensor:
    shortcut = value
    match layers:
        case [
            Convolution() as first,
            Affine() as first_affine,
            Relu(),
            Convolution() as second,
            Affine() as second_affine,
            *pools,
            AddShortcut(),
            Relu(),
        ]:
            value = _convolve(graph, value, first, first_affine, relu=True)
            value = _convolve(graph, value, second, second_affine, relu=False)
        case _:
            raise ConversionError("residual block")
    match pools:
        case []:
            pass
        case [Pool(maximum=False) as pool]:
            shortcut = graph.average_pool(shortcut, pool.window, pool.stride)
        case _:
            raise ConversionError("shortcut")
    larger = tuple(max(sizes) for sizes in zip(value.shape, shortcut.shape, strict=True))
    return graph.add(graph.pad(value, larger), graph.pad(shortcut, larger), relu=True)


def _tail(graph: Graph, value: Tensor, layers: Sequence[Layer]) -> Tensor:
    match layers:
        case [Pool(maximum=False, window=0), Projection() as projection]:
            pooled = graph.average_pool(value, value.shape[1], 1)
            return graph.fully_connect(pooled, np.ascontiguousarray(projection.weights.T))
    raise ConversionError("tail")


def _convolve(graph: Graph, value: Tensor, convolution: Convolution, affine: Affine, relu: bool) -> Tensor:
    """The convolution with the affine layer after it folded into its weights."""
    if convolution.padding not in (0, convolution.weights.shape[2] // 2):
        raise ConversionError("padding")
    weights: Floats = convolution.weights * affine.gamma[:, None, None, None]
    bias: Floats = convolution.bias * affine.gamma + affine.beta
    return graph.convolve(
        value, weights.transpose(0, 2, 3, 1), bias, convolution.stride, same=convolution.padding > 0, relu=relu
    )
