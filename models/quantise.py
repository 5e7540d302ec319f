"""Makes smaller numbers of a recogniser's: float16 weights, or weights of 8 bits that are calculated with as such.

In and out stay float32, so a file takes the place of the one it was made from. The same input gives the same bytes.

Eight bits, by TensorFlow Lite's specification of its quantisation: the weights of each channel of a full convolution
are multiples of one scale of their own, and the runtime puts what comes in into 8 bits by the range that it just has.
Ranges fixed beforehand are hardly faster and up to three times as far from float32 (observed). What rounding the
weights adds to a sum on average goes off its bias (Nagel et al., Data-Free Quantization, 2019); without that, a
recogniser whose convolutions have few inputs each strays seven times as far (observed).
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import tflite

from firmware.tflite import Floats
from models.tflite_file import Operator, Scaling, Step, Stored, write
from models.tflite_read import GraphError, read

_FLOAT16_TO_FLOAT32 = Operator(tflite.BuiltinOperator.DEQUANTIZE, 3)
_CONV_2D_OF_INT8 = Operator(tflite.BuiltinOperator.CONV_2D, 5)
_LARGEST = 127


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


def to_int8(model: bytes, means: Mapping[str, Floats]) -> bytes:
    """The model with full convolutions of 8 bits. `means`: of each channel of a value, by the name of its tensor.

    Raises GraphError.
    """
    graph = read(model)
    tensors, steps = list(graph.tensors), []
    for step in graph.steps:
        if step.operator.code == tflite.BuiltinOperator.CONV_2D:
            given, weights, bias = step.inputs
            tensors[weights], tensors[bias] = _rounded(tensors[given], tensors[weights], tensors[bias], means)
            step = replace(step, operator=_CONV_2D_OF_INT8)
        steps.append(step)
    return write(tensors, steps, graph.inputs, graph.outputs)


def convolved(model: bytes) -> bytes:
    """The model with what its full convolutions are given as results too, after its own: the values whose means
    `to_int8` wants. Raises GraphError."""
    graph = read(model)
    given = {step.inputs[0] for step in graph.steps if step.operator.code == tflite.BuiltinOperator.CONV_2D}
    return write(graph.tensors, graph.steps, graph.inputs, [*graph.outputs, *sorted(given - {*graph.inputs})])


def _rounded(given: Stored, weights: Stored, bias: Stored, means: Mapping[str, Floats]) -> tuple[Stored, Stored]:
    """Weights, outputs x height x width x inputs, as multiples of scales; and the bias that makes up for it."""
    mean = means.get(given.name)
    if mean is None:
        raise GraphError(f"{given.name}: the means of its channels are not known; run `python -m models measure`")
    if mean.shape != given.shape[3:] or not np.isfinite(mean).all():
        raise GraphError(f"{given.name}: not one mean for each of {given.shape[3]} channels")
    old = np.frombuffer(weights.data, "<f4").astype(np.float64).reshape(weights.shape)
    scales = np.abs(old).max((1, 2, 3)) / _LARGEST
    scales = np.where(scales > 0, scales, 1).astype(np.float32)
    by_channel = scales.astype(np.float64)[:, None, None, None]
    numbers = np.round(old / by_channel).clip(-_LARGEST, _LARGEST)
    added = ((numbers * by_channel - old) * mean.astype(np.float64)).sum((1, 2, 3))
    return (
        replace(
            weights,
            kind=tflite.TensorType.INT8,
            data=numbers.astype(np.int8).tobytes(),
            scaling=Scaling(tuple(scales.tolist())),
        ),
        replace(bias, data=(np.frombuffer(bias.data, "<f4") - added).astype("<f4").tobytes()),
    )
