"""Writes a TensorFlow Lite file with the handful of operations that an embedder needs.

Layout: the public flatbuffer schema of TensorFlow Lite (schema version 3). Tensors are 1 x height x width
x channels, float32; weights are stored as float16 and widened by a DEQUANTIZE operation, which halves the
file. The same calls give the same bytes.
"""

from dataclasses import dataclass
from enum import Enum

import flatbuffers
import numpy as np
import tflite
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Shape = tuple[int, ...]

_SCHEMA_VERSION = 3
_HEADROOM = 1 << 16
"""Bytes for everything but the weights; the builder grows if they do not do."""
_ALIGNMENT = 16
"""Bytes; the schema forces it on the contents of buffers."""


class Operator(Enum):
    """Operations in use: schema code and version."""

    ADD = (tflite.BuiltinOperator.ADD, 1)
    SUB = (tflite.BuiltinOperator.SUB, 1)
    MUL = (tflite.BuiltinOperator.MUL, 1)
    PAD = (tflite.BuiltinOperator.PAD, 1)
    CONV_2D = (tflite.BuiltinOperator.CONV_2D, 1)
    MAX_POOL_2D = (tflite.BuiltinOperator.MAX_POOL_2D, 1)
    AVERAGE_POOL_2D = (tflite.BuiltinOperator.AVERAGE_POOL_2D, 1)
    FULLY_CONNECTED = (tflite.BuiltinOperator.FULLY_CONNECTED, 1)
    DEQUANTIZE = (tflite.BuiltinOperator.DEQUANTIZE, 3)


@dataclass(frozen=True)
class Tensor:
    """A value in the graph."""

    index: int
    shape: Shape


@dataclass(frozen=True)
class _Stored:
    name: str
    shape: Shape
    kind: int
    data: bytes


@dataclass(frozen=True)
class _Step:
    operator: Operator
    inputs: tuple[int, ...]
    output: int
    options: str
    settings: dict[str, int]


class Graph:
    """A graph under construction; each method adds one operation and returns its result."""

    def __init__(self) -> None:
        self._tensors: list[_Stored] = []
        self._steps: list[_Step] = []
        self._inputs: list[Tensor] = []

    def input(self, name: str, shape: Shape) -> Tensor:
        """A picture given at run time."""
        tensor = self._store(name, shape)
        self._inputs.append(tensor)
        return tensor

    def subtract(self, value: Tensor, constant: Floats) -> Tensor:
        """`value` minus a constant per channel."""
        return self._arithmetic(Operator.SUB, "SubOptions", value, constant)

    def multiply(self, value: Tensor, constant: Floats) -> Tensor:
        """`value` times a constant per channel."""
        return self._arithmetic(Operator.MUL, "MulOptions", value, constant)

    def add(self, left: Tensor, right: Tensor, relu: bool) -> Tensor:
        """Sum of two tensors of one shape."""
        if left.shape != right.shape:
            raise ValueError(f"shapes differ: {left.shape}, {right.shape}")
        return self._step(Operator.ADD, (left, right), left.shape, "AddOptions", _activation(relu))

    def convolve(self, value: Tensor, weights: Floats, bias: Floats, stride: int, same: bool, relu: bool) -> Tensor:
        """Cross-correlation with `weights`, outputs x height x width x inputs; `same` pads to keep the size."""
        outputs, height, width, _ = weights.shape
        rows, columns = value.shape[1:3] if same else _windows(value.shape, height, width, stride)
        if same and stride != 1:
            raise ValueError("padding with a stride is not centred")
        settings = {"Padding": _padding(same), "StrideW": stride, "StrideH": stride} | _activation(relu)
        settings |= {"DilationWFactor": 1, "DilationHFactor": 1}
        inputs = (value, self._weights(weights), self._constant(bias))
        return self._step(Operator.CONV_2D, inputs, (1, rows, columns, outputs), "Conv2DOptions", settings)

    def max_pool(self, value: Tensor, window: int, stride: int) -> Tensor:
        """Maximum over windows without padding."""
        return self._pool(Operator.MAX_POOL_2D, value, window, stride)

    def average_pool(self, value: Tensor, window: int, stride: int) -> Tensor:
        """Mean over windows without padding."""
        return self._pool(Operator.AVERAGE_POOL_2D, value, window, stride)

    def pad(self, value: Tensor, shape: Shape) -> Tensor:
        """`value` with zeros added below, to the right and after the channels up to `shape`."""
        if value.shape == shape:
            return value
        amounts = np.array([(0, new - old) for old, new in zip(value.shape, shape, strict=True)], "<i4")
        paddings = self._store("paddings", amounts.shape, tflite.TensorType.INT32, amounts.tobytes())
        return self._step(Operator.PAD, (value, paddings), shape, "PadOptions", {})

    def fully_connect(self, value: Tensor, weights: Floats) -> Tensor:
        """Product with `weights`, outputs x inputs, without bias."""
        shape = (1, weights.shape[0])
        inputs = (value, self._weights(weights))
        return self._step(Operator.FULLY_CONNECTED, inputs, shape, "FullyConnectedOptions", _activation(False))

    def finish(self, output: Tensor) -> bytes:
        """The file, with `output` as the graph's only result."""
        return _write(self._tensors, self._steps, [tensor.index for tensor in self._inputs], output.index)

    def _arithmetic(self, operator: Operator, options: str, value: Tensor, constant: Floats) -> Tensor:
        inputs = (value, self._constant(constant))
        return self._step(operator, inputs, value.shape, options, _activation(False))

    def _pool(self, operator: Operator, value: Tensor, window: int, stride: int) -> Tensor:
        shape = (1, *_windows(value.shape, window, window, stride), value.shape[3])
        settings = {"Padding": _padding(False), "StrideW": stride, "StrideH": stride} | _activation(False)
        settings |= {"FilterWidth": window, "FilterHeight": window}
        return self._step(operator, (value,), shape, "Pool2DOptions", settings)

    def _weights(self, values: Floats) -> Tensor:
        narrow = self._store("weights", values.shape, tflite.TensorType.FLOAT16, values.astype("<f2").tobytes())
        return self._step(Operator.DEQUANTIZE, (narrow,), values.shape, "DequantizeOptions", {})

    def _constant(self, values: Floats) -> Tensor:
        return self._store("constant", values.shape, tflite.TensorType.FLOAT32, values.astype("<f4").tobytes())

    def _store(self, name: str, shape: Shape, kind: int = tflite.TensorType.FLOAT32, data: bytes = b"") -> Tensor:
        index = len(self._tensors)
        self._tensors.append(_Stored(f"{name}_{index}", shape, kind, data))
        return Tensor(index, shape)

    def _step(
        self, operator: Operator, inputs: tuple[Tensor, ...], shape: Shape, options: str, settings: dict[str, int]
    ) -> Tensor:
        output = self._store(operator.name.lower(), shape)
        self._steps.append(_Step(operator, tuple(t.index for t in inputs), output.index, options, settings))
        return output


def _activation(relu: bool) -> dict[str, int]:
    kinds = tflite.ActivationFunctionType
    return {"FusedActivationFunction": kinds.RELU if relu else kinds.NONE}


def _padding(same: bool) -> int:
    return int(tflite.Padding.SAME if same else tflite.Padding.VALID)


def _windows(shape: Shape, height: int, width: int, stride: int) -> tuple[int, int]:
    return (shape[1] - height) // stride + 1, (shape[2] - width) // stride + 1


def _write(tensors: list[_Stored], steps: list[_Step], inputs: list[int], output: int) -> bytes:
    builder = flatbuffers.Builder(sum(len(tensor.data) for tensor in tensors) + _HEADROOM)
    operators = list(dict.fromkeys(step.operator for step in steps))
    contents = [b"", *(tensor.data for tensor in tensors if tensor.data)]
    buffers = _offsets(builder, [_buffer(builder, data) for data in contents])
    codes = _offsets(builder, [_operator_code(builder, operator) for operator in operators])
    subgraphs = _offsets(builder, [_subgraph(builder, tensors, steps, operators, inputs, output)])
    description = builder.CreateString("face embedder")
    tflite.ModelStart(builder)
    tflite.ModelAddVersion(builder, _SCHEMA_VERSION)
    tflite.ModelAddOperatorCodes(builder, codes)
    tflite.ModelAddSubgraphs(builder, subgraphs)
    tflite.ModelAddDescription(builder, description)
    tflite.ModelAddBuffers(builder, buffers)
    builder.Finish(tflite.ModelEnd(builder), b"TFL3")
    return bytes(builder.Output())


def _buffer(builder: flatbuffers.Builder, data: bytes) -> int:
    if not data:
        tflite.BufferStart(builder)
        return int(tflite.BufferEnd(builder))
    builder.StartVector(1, len(data), _ALIGNMENT)
    builder.head -= len(data)
    builder.Bytes[builder.head : builder.head + len(data)] = data
    vector = builder.EndVector()
    tflite.BufferStart(builder)
    tflite.BufferAddData(builder, vector)
    return int(tflite.BufferEnd(builder))


def _operator_code(builder: flatbuffers.Builder, operator: Operator) -> int:
    code, version = operator.value
    tflite.OperatorCodeStart(builder)
    tflite.OperatorCodeAddDeprecatedBuiltinCode(builder, code)
    tflite.OperatorCodeAddVersion(builder, version)
    tflite.OperatorCodeAddBuiltinCode(builder, code)
    return int(tflite.OperatorCodeEnd(builder))


def _subgraph(
    builder: flatbuffers.Builder,
    tensors: list[_Stored],
    steps: list[_Step],
    operators: list[Operator],
    inputs: list[int],
    output: int,
) -> int:
    filled = [index for index, tensor in enumerate(tensors) if tensor.data]
    buffer_of = {index: 1 + position for position, index in enumerate(filled)}
    drawn = [_tensor(builder, tensor, buffer_of.get(index, 0)) for index, tensor in enumerate(tensors)]
    tensor_vector = _offsets(builder, drawn)
    step_vector = _offsets(builder, [_operation(builder, step, operators.index(step.operator)) for step in steps])
    input_vector, output_vector = _integers(builder, inputs), _integers(builder, [output])
    tflite.SubGraphStart(builder)
    tflite.SubGraphAddTensors(builder, tensor_vector)
    tflite.SubGraphAddInputs(builder, input_vector)
    tflite.SubGraphAddOutputs(builder, output_vector)
    tflite.SubGraphAddOperators(builder, step_vector)
    return int(tflite.SubGraphEnd(builder))


def _tensor(builder: flatbuffers.Builder, tensor: _Stored, buffer: int) -> int:
    name, shape = builder.CreateString(tensor.name), _integers(builder, list(tensor.shape))
    tflite.TensorStart(builder)
    tflite.TensorAddShape(builder, shape)
    tflite.TensorAddType(builder, tensor.kind)
    tflite.TensorAddBuffer(builder, buffer)
    tflite.TensorAddName(builder, name)
    return int(tflite.TensorEnd(builder))


def _operation(builder: flatbuffers.Builder, step: _Step, code: int) -> int:
    inputs, outputs = _integers(builder, list(step.inputs)), _integers(builder, [step.output])
    getattr(tflite, f"{step.options}Start")(builder)
    for setting, value in step.settings.items():
        getattr(tflite, f"{step.options}Add{setting}")(builder, value)
    options = getattr(tflite, f"{step.options}End")(builder)
    tflite.OperatorStart(builder)
    tflite.OperatorAddOpcodeIndex(builder, code)
    tflite.OperatorAddInputs(builder, inputs)
    tflite.OperatorAddOutputs(builder, outputs)
    tflite.OperatorAddBuiltinOptionsType(builder, getattr(tflite.BuiltinOptions, step.options))
    tflite.OperatorAddBuiltinOptions(builder, options)
    return int(tflite.OperatorEnd(builder))


def _integers(builder: flatbuffers.Builder, values: list[int]) -> int:
    return int(builder.CreateNumpyVector(np.array(values, "<i4")))


def _offsets(builder: flatbuffers.Builder, offsets: list[int]) -> int:
    builder.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        builder.PrependUOffsetTRelative(offset)
    return int(builder.EndVector())
