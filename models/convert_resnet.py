"""Turns the face-api copy of dlib's face recognition ResNet into a TensorFlow Lite file, without a training framework.

The copy is weights by name and nothing else; the layers are those of dlib's published network definition
(examples/dnn_face_recognition_ex.cpp): a stem, residual blocks of two convolutions, the mean, a projection. A block
whose name ends in "down" or "down_out" halves the picture and widens the channels; its shortcut is a mean over 2 x 2,
and zeros fill up whichever of the two is smaller.
"""

import json

import numpy as np

from models.convert_graph import ConversionError
from models.tfjs_graph import Floats, read_weights
from models.tflite_graph import Activation, Graph, Tensor

_SIDE = 150
_MEAN = (122.782, 117.001, 104.298)
"""Of each colour, taken away from the picture."""
_SCALE = 1 / 255
"""What the copy's weights were made for (dlib's own: 1 / 256)."""
_STEM = "conv32_down"
_PROJECTION = "fc"


def convert_resnet(manifest: bytes, weights: bytes) -> bytes:
    """The .tflite of the copy: 1 x 150 x 150 x 3 RGB 0-255 in, 1 x 128 out, not normalised.

    Raises GraphModelError, ConversionError.
    """
    try:
        tensors = read_weights(json.loads(manifest), weights)
        return _converted(tensors)
    except (KeyError, ValueError, TypeError) as error:
        raise ConversionError(str(error), "is missing or misshapen") from error


def _converted(tensors: dict[str, Floats]) -> bytes:
    graph = Graph()
    picture = graph.input("face", (1, _SIDE, _SIDE, 3))
    value = graph.multiply(graph.subtract(picture, np.array(_MEAN, np.float32)), np.full(3, _SCALE, np.float32))
    value = graph.max_pool(_convolve(graph, value, tensors, _STEM, 2, Activation.RELU), 3, 2)
    blocks = dict.fromkeys(name.split("/")[0] for name in tensors)
    for block in blocks:
        if block not in (_STEM, _PROJECTION):
            value = _block(graph, value, tensors, block)
    projection = tensors[_PROJECTION].T
    return graph.finish(graph.fully_connect(graph.average(value), projection, np.zeros(len(projection), np.float32)))


def _block(graph: Graph, value: Tensor, tensors: dict[str, Floats], block: str) -> Tensor:
    shortcut = value
    stride = 2 if "_down" in block else 1
    value = _convolve(graph, value, tensors, f"{block}/conv1", stride, Activation.RELU)
    value = _convolve(graph, value, tensors, f"{block}/conv2", 1, Activation.NONE)
    if stride > 1:
        shortcut = graph.average_pool(shortcut, 2, 2)
    larger = np.maximum(value.shape, shortcut.shape)
    value, shortcut = (
        side if side.shape == tuple(larger) else graph.pad(side, (0,) * 4, tuple((larger - side.shape).tolist()))
        for side in (value, shortcut)
    )
    return graph.add(value, shortcut, Activation.RELU)


def _convolve(
    graph: Graph, value: Tensor, tensors: dict[str, Floats], layer: str, stride: int, activation: Activation
) -> Tensor:
    """The convolution with the scale and shift after it folded into its weights; padded where it keeps the size."""
    scale, shift = tensors[f"{layer}/scale/weights"], tensors[f"{layer}/scale/biases"]
    filters: Floats = (tensors[f"{layer}/conv/filters"] * scale).transpose(3, 0, 1, 2)
    bias: Floats = tensors[f"{layer}/conv/bias"] * scale + shift
    return graph.convolve(value, filters, bias, stride, stride == 1, activation)
