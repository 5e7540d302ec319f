"""Builds a TensorFlow Lite graph of the handful of operations that an embedder needs.

Tensors are 1 x height x width x channels, float32, the weights too: as float16 they halve the file, but the
runtime keeps both in memory, 20 MB more for three embedders, and takes longer to load them (observed). The same
calls give the same bytes.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import tflite
from numpy.typing import NDArray

from models.tflite_file import Operator, Shape, Step, Stored, write

Floats = NDArray[np.float32]

_ADD = Operator(tflite.BuiltinOperator.ADD, 1)
_SUB = Operator(tflite.BuiltinOperator.SUB, 1)
_MUL = Operator(tflite.BuiltinOperator.MUL, 1)
_PAD = Operator(tflite.BuiltinOperator.PAD, 1)
_CONV_2D = Operator(tflite.BuiltinOperator.CONV_2D, 1)
_DEPTHWISE_CONV_2D = Operator(tflite.BuiltinOperator.DEPTHWISE_CONV_2D, 1)
_MAX_POOL_2D = Operator(tflite.BuiltinOperator.MAX_POOL_2D, 1)
_AVERAGE_POOL_2D = Operator(tflite.BuiltinOperator.AVERAGE_POOL_2D, 1)
_FULLY_CONNECTED = Operator(tflite.BuiltinOperator.FULLY_CONNECTED, 1)
_PRELU = Operator(tflite.BuiltinOperator.PRELU, 1)


class Activation(IntEnum):
    """What follows an operation at no cost."""

    NONE = tflite.ActivationFunctionType.NONE
    RELU = tflite.ActivationFunctionType.RELU
    RELU6 = tflite.ActivationFunctionType.RELU6
    """Clipped to 0-6."""


@dataclass(frozen=True)
class Tensor:
    """A value in the graph."""

    index: int
    shape: Shape


class Graph:
    """A graph under construction; each method adds one operation and returns its result.

    Padding is `same`, which gives ceil(size / stride) with the odd zero below and to the right, or none.
    """

    def __init__(self) -> None:
        self._tensors: list[Stored] = []
        self._steps: list[Step] = []
        self._inputs: list[Tensor] = []

    def input(self, name: str, shape: Shape) -> Tensor:
        """A picture given at run time."""
        tensor = self._store(name, shape)
        self._inputs.append(tensor)
        return tensor

    def subtract(self, value: Tensor, constant: Floats) -> Tensor:
        """`value` minus a constant per channel."""
        return self._arithmetic(_SUB, "SubOptions", value, constant)

    def multiply(self, value: Tensor, constant: Floats) -> Tensor:
        """`value` times a constant per channel."""
        return self._arithmetic(_MUL, "MulOptions", value, constant)

    def add(self, left: Tensor, right: Tensor, activation: Activation = Activation.NONE) -> Tensor:
        """Sum of two tensors of one shape."""
        if left.shape != right.shape:
            raise ValueError(f"shapes differ: {left.shape}, {right.shape}")
        return self._step(_ADD, (left, right), left.shape, "AddOptions", _activation(activation))

    def convolve(
        self, value: Tensor, weights: Floats, bias: Floats, stride: int, same: bool, activation: Activation
    ) -> Tensor:
        """Cross-correlation with `weights`, outputs x height x width x inputs."""
        shape = (1, *_windows(value.shape, weights.shape, stride, same), weights.shape[0])
        settings = _sliding(stride, same) | _activation(activation) | _UNDILATED
        inputs = (value, self._constant(weights), self._constant(bias))
        return self._step(_CONV_2D, inputs, shape, "Conv2DOptions", settings)

    def convolve_depthwise(
        self, value: Tensor, weights: Floats, bias: Floats, stride: int, same: bool, activation: Activation
    ) -> Tensor:
        """Cross-correlation of each channel with its own plane of `weights`, 1 x height x width x channels."""
        shape = (1, *_windows(value.shape, weights.shape, stride, same), value.shape[3])
        settings = _sliding(stride, same) | _activation(activation) | _UNDILATED | {"DepthMultiplier": 1}
        inputs = (value, self._constant(weights), self._constant(bias))
        return self._step(_DEPTHWISE_CONV_2D, inputs, shape, "DepthwiseConv2DOptions", settings)

    def prelu(self, value: Tensor, slopes: Floats) -> Tensor:
        """Negative values times the slope of their channel."""
        slope = self._constant(slopes.reshape(1, 1, -1))
        return self._step(_PRELU, (value, slope), value.shape, None, {})

    def max_pool(self, value: Tensor, window: int, stride: int) -> Tensor:
        """Maximum over windows without padding."""
        return self._pool(_MAX_POOL_2D, value, (window, window), stride)

    def average_pool(self, value: Tensor, window: int, stride: int) -> Tensor:
        """Mean over windows without padding."""
        return self._pool(_AVERAGE_POOL_2D, value, (window, window), stride)

    def average(self, value: Tensor) -> Tensor:
        """Mean of each channel."""
        return self._pool(_AVERAGE_POOL_2D, value, value.shape[1:3], 1)

    def pad(self, value: Tensor, before: Shape, after: Shape) -> Tensor:
        """`value` with as many zeros before and after it, by axis."""
        amounts = np.array([before, after], "<i4").T
        paddings = self._store("paddings", amounts.shape, tflite.TensorType.INT32, amounts.tobytes())
        shape = tuple(int(size) for size in np.array(value.shape) + amounts.sum(1))
        return self._step(_PAD, (value, paddings), shape, "PadOptions", {})

    def fully_connect(self, value: Tensor, weights: Floats, bias: Floats) -> Tensor:
        """Product of `weights`, outputs x inputs, with `value` laid out as one row."""
        inputs = (value, self._constant(weights), self._constant(bias))
        settings = _activation(Activation.NONE)
        return self._step(_FULLY_CONNECTED, inputs, (1, weights.shape[0]), "FullyConnectedOptions", settings)

    def finish(self, output: Tensor) -> bytes:
        """The file, with `output` as the graph's only result."""
        return write(self._tensors, self._steps, [tensor.index for tensor in self._inputs], [output.index])

    def _arithmetic(self, operator: Operator, options: str, value: Tensor, constant: Floats) -> Tensor:
        inputs = (value, self._constant(constant))
        return self._step(operator, inputs, value.shape, options, _activation(Activation.NONE))

    def _pool(self, operator: Operator, value: Tensor, window: Shape, stride: int) -> Tensor:
        shape = (1, *_windows(value.shape, (1, *window, 1), stride, same=False), value.shape[3])
        settings = _sliding(stride, same=False) | _activation(Activation.NONE)
        settings |= {"FilterWidth": window[1], "FilterHeight": window[0]}
        return self._step(operator, (value,), shape, "Pool2DOptions", settings)

    def _constant(self, values: Floats) -> Tensor:
        return self._store("constant", values.shape, tflite.TensorType.FLOAT32, values.astype("<f4").tobytes())

    def _store(self, name: str, shape: Shape, kind: int = tflite.TensorType.FLOAT32, data: bytes = b"") -> Tensor:
        index = len(self._tensors)
        self._tensors.append(Stored(f"{name}_{index}", shape, kind, data))
        return Tensor(index, shape)

    def _step(
        self,
        operator: Operator,
        inputs: tuple[Tensor, ...],
        shape: Shape,
        options: str | None,
        settings: dict[str, int],
    ) -> Tensor:
        output = self._store("value", shape)
        self._steps.append(Step(operator, tuple(t.index for t in inputs), output.index, options, settings))
        return output


_UNDILATED = {"DilationWFactor": 1, "DilationHFactor": 1}


def _activation(activation: Activation) -> dict[str, int]:
    return {"FusedActivationFunction": int(activation)}


def _sliding(stride: int, same: bool) -> dict[str, int]:
    padding = tflite.Padding.SAME if same else tflite.Padding.VALID
    return {"Padding": int(padding), "StrideW": stride, "StrideH": stride}


def _windows(value: Shape, window: Shape, stride: int, same: bool) -> tuple[int, int]:
    """Rows and columns that a window takes in a value, both 1 (or outputs) x height x width x channels."""
    inside = [0 if same else size - 1 for size in window[1:3]]
    rows, columns = (-(-(size - less) // stride) for size, less in zip(value[1:3], inside, strict=True))
    return rows, columns
