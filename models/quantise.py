"""Makes smaller numbers of a recogniser's: float16 weights, or whole numbers of 8 bits to calculate with.

In and out stay float32, so a file takes the place of the one it was made from. The same input gives the same bytes.

Eight bits, by TensorFlow Lite's specification of its quantisation: a channel's weights are multiples of one scale of
their own, a value is (number - zero) x scale over the range that it was seen to take, sums have 32 bits. What comes
before the second full convolution and after the last stays float32: that costs next to nothing, and the first values
spread over so wide a range that 8 bits lose the small ones. What rounding the weights adds to a sum on average goes
off its bias (Nagel et al., Data-Free Quantization, 2019): else one filter for each channel strays far (observed).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import tflite
from numpy.typing import NDArray

from models.tflite_file import Operator, Scaling, Step, Stored, write
from models.tflite_read import GraphError, GraphFile, read

Floats = NDArray[np.float32]

_FLOAT16_TO_FLOAT32 = Operator(tflite.BuiltinOperator.DEQUANTIZE, 3)
_INT8_TO_FLOAT32 = Operator(tflite.BuiltinOperator.DEQUANTIZE, 2)
_FLOAT32_TO_INT8 = Operator(tflite.BuiltinOperator.QUANTIZE, 1)
_CONVOLUTIONS = {tflite.BuiltinOperator.CONV_2D: 0, tflite.BuiltinOperator.DEPTHWISE_CONV_2D: 3}
"""With the axis of their weights along which the channels of the result lie."""
_VERSIONS = {
    tflite.BuiltinOperator.CONV_2D: 3,
    tflite.BuiltinOperator.DEPTHWISE_CONV_2D: 3,
    tflite.BuiltinOperator.ADD: 2,
    tflite.BuiltinOperator.PAD: 2,
    tflite.BuiltinOperator.MAX_POOL_2D: 2,
    tflite.BuiltinOperator.AVERAGE_POOL_2D: 2,
}
"""Of the operations that can calculate with 8 bits, when they do so."""
_LARGEST = 127
_LARGEST_SUM = 2**30
"""Of a bias, which leaves as much for the products."""
_SHARING = (tflite.BuiltinOperator.PAD, tflite.BuiltinOperator.MAX_POOL_2D, tflite.BuiltinOperator.AVERAGE_POOL_2D)
"""Operations whose result has the scale of what they are given."""


@dataclass(frozen=True, eq=False)
class Seen:
    """What a value in the graph was like when the model looked at faces."""

    low: float
    high: float
    means: Floats
    """Of each channel."""


def to_float16(model: bytes) -> bytes:
    """The model with weights of half the size, which the runtime unfolds when it loads them. Raises GraphError."""
    graph = read(model)
    tensors, unfolding = list(graph.tensors), []
    for index, tensor in enumerate(graph.tensors):
        if tensor.kind == tflite.TensorType.FLOAT32 and tensor.data:
            halves = np.frombuffer(tensor.data, "<f4").astype("<f2")
            unfolding.append(Step(_FLOAT16_TO_FLOAT32, (len(tensors),), index, None, {}))
            tensors.append(Stored(f"{tensor.name}_half", tensor.shape, tflite.TensorType.FLOAT16, halves.tobytes()))
            tensors[index] = replace(tensor, data=b"")
    return write(tensors, [*unfolding, *graph.steps], graph.inputs, graph.outputs)


def every_value(model: bytes) -> bytes:
    """The model with all that it calculates on the way as results, by the names that `to_int8` wants. For
    measurements. Raises GraphError."""
    graph = read(model)
    return write(graph.tensors, graph.steps, graph.inputs, [step.output for step in graph.steps])


def to_int8(model: bytes, seen: Mapping[str, Seen]) -> bytes:
    """The model calculating with 8 bits. `seen`: each value by its tensor's name. Raises GraphError."""
    return _ToInt8(read(model), seen).file()


class _ToInt8:
    """Rewrites step after step; a value is there as float32, as int8, or both once both were asked for."""

    def __init__(self, graph: GraphFile, seen: Mapping[str, Seen]) -> None:
        self._graph, self._seen = graph, seen
        self._tensors: list[Stored] = []
        self._steps: list[Step] = []
        self._floats: dict[int, int] = {}
        """Where a tensor of the old graph is in the new one as it was."""
        self._int8s: dict[int, int] = {}
        """And where as whole numbers."""

    def file(self) -> bytes:
        full = [n for n, step in enumerate(self._graph.steps) if step.operator.code == tflite.BuiltinOperator.CONV_2D]
        if len(full) < 2:
            raise GraphError("has fewer than two full convolutions: nothing to calculate with 8 bits")
        for index in self._graph.inputs:
            self._floats[index] = self._store(self._graph.tensors[index])
        for number, step in enumerate(self._graph.steps):
            if full[1] <= number <= full[-1] and step.operator.code in _VERSIONS:
                self._whole(step)
            else:
                self._unchanged(step)
        outputs = [self._float(index) for index in self._graph.outputs]
        return write(self._tensors, self._steps, [self._floats[index] for index in self._graph.inputs], outputs)

    def _unchanged(self, step: Step) -> None:
        inputs = tuple(self._float(index) for index in step.inputs)
        self._floats[step.output] = self._store(self._graph.tensors[step.output])
        self._steps.append(replace(step, inputs=inputs, output=self._floats[step.output]))

    def _whole(self, step: Step) -> None:
        first = self._int8(step.inputs[0])
        inputs: tuple[int, ...]
        if step.operator.code in _CONVOLUTIONS:
            inputs = (first, *self._weights(step, cast(Scaling, self._tensors[first].scaling).scales[0]))
        elif step.operator.code == tflite.BuiltinOperator.PAD:
            inputs = (first, self._float(step.inputs[1]))
        else:
            inputs = (first, *(self._int8(index) for index in step.inputs[1:]))
        scaling = self._tensors[first].scaling if step.operator.code in _SHARING else self._scaling(step.output)
        output = self._int8s[step.output] = self._store_int8(step.output, scaling)
        operator = Operator(step.operator.code, _VERSIONS[step.operator.code])
        self._steps.append(replace(step, operator=operator, inputs=inputs, output=output))

    def _weights(self, step: Step, scale: float) -> tuple[int, int]:
        """Weights and bias of a convolution whose input has `scale`."""
        given, old_weights, old_bias = (self._graph.tensors[index] for index in step.inputs)
        axis = _CONVOLUTIONS[step.operator.code]
        weights = np.frombuffer(old_weights.data, "<f4").astype(np.float64).reshape(old_weights.shape)
        bias = np.frombuffer(old_bias.data, "<f4").astype(np.float64)
        along = tuple(other for other in range(weights.ndim) if other != axis)
        scales = np.maximum(np.abs(weights).max(along) / _LARGEST, np.abs(bias) / scale / _LARGEST_SUM)
        scales = np.where(scales > 0, scales, 1).astype(np.float32).astype(np.float64)
        by_channel = np.expand_dims(scales, along)
        numbers = np.round(weights / by_channel).clip(-_LARGEST, _LARGEST)
        means = self._look_up(given).means.astype(np.float64)
        if means.shape != (given.shape[3],) or not np.isfinite(means).all():
            raise GraphError(f"{given.name}: not one mean for each of {given.shape[3]} channels")
        added = ((numbers * by_channel - weights) * means).sum(along)
        sums = np.round((bias - added) / (scales * scale))
        return (
            self._constant(
                old_weights, tflite.TensorType.INT8, numbers.astype(np.int8), Scaling(_tuple(scales), 0, axis)
            ),
            self._constant(
                old_bias, tflite.TensorType.INT32, sums.astype("<i4"), Scaling(_tuple(scales * scale), 0, 0)
            ),
        )

    def _scaling(self, index: int) -> Scaling:
        tensor = self._graph.tensors[index]
        seen = self._look_up(tensor)
        low, high = min(seen.low, 0.0), max(seen.high, 0.0)
        if not 0 < high - low < np.inf:
            raise GraphError(f"{tensor.name}: {low} to {high} is no range")
        scale = float(np.float32((high - low) / 255))
        return Scaling((scale,), int(np.clip(round(-128 - low / scale), -128, 127)), 0)

    def _look_up(self, tensor: Stored) -> Seen:
        if tensor.name not in self._seen:
            raise GraphError(f"{tensor.name}: nothing is known of its values; run `python -m models measure`")
        return self._seen[tensor.name]

    def _float(self, index: int) -> int:
        """The tensor as float32, or as whatever the old graph has."""
        if index not in self._floats:
            self._floats[index] = self._store(self._graph.tensors[index])
            if index in self._int8s:
                self._steps.append(Step(_INT8_TO_FLOAT32, (self._int8s[index],), self._floats[index], None, {}))
        return self._floats[index]

    def _int8(self, index: int) -> int:
        if index not in self._int8s:
            value = self._float(index)
            self._int8s[index] = self._store_int8(index, self._scaling(index))
            self._steps.append(Step(_FLOAT32_TO_INT8, (value,), self._int8s[index], None, {}))
        return self._int8s[index]

    def _constant(self, old: Stored, kind: int, numbers: NDArray[np.integer[Any]], scaling: Scaling) -> int:
        return self._store(Stored(old.name, old.shape, kind, numbers.tobytes(), scaling))

    def _store_int8(self, index: int, scaling: Scaling | None) -> int:
        old = self._graph.tensors[index]
        return self._store(Stored(f"{old.name}_int8", old.shape, tflite.TensorType.INT8, b"", scaling))

    def _store(self, tensor: Stored) -> int:
        self._tensors.append(tensor)
        return len(self._tensors) - 1


def _tuple(scales: NDArray[np.float64]) -> tuple[float, ...]:
    return tuple(scales.tolist())
