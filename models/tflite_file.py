"""Lays out a TensorFlow Lite file: the public flatbuffer schema, version 3. The same input gives the same bytes."""

from collections.abc import Mapping
from dataclasses import dataclass

import flatbuffers
import numpy as np
import tflite

Shape = tuple[int, ...]

_SCHEMA_VERSION = 3
_HEADROOM = 1 << 16
"""Bytes for everything but the weights; the builder grows if they do not do."""
_ALIGNMENT = 16
"""Bytes; the schema forces it on the contents of buffers."""


@dataclass(frozen=True)
class Operator:
    """An operation of the schema: its code, and the version that it has with the settings in use."""

    code: int
    version: int


@dataclass(frozen=True)
class Scaling:
    """What whole numbers stand for: value = scale x number, with one scale for each index of the first axis."""

    scales: tuple[float, ...]


@dataclass(frozen=True)
class Stored:
    """A tensor of the file; `data` is empty where it is computed."""

    name: str
    shape: Shape
    kind: int
    data: bytes
    scaling: Scaling | None = None


@dataclass(frozen=True)
class Step:
    """One operation, by the indices of its tensors. `options` names the schema's table of its settings, if any."""

    operator: Operator
    inputs: tuple[int, ...]
    output: int
    options: str | None
    settings: Mapping[str, int]


def write(tensors: list[Stored], steps: list[Step], inputs: list[int], outputs: list[int]) -> bytes:
    """The file of one graph: `steps` in the order of evaluation, `inputs` and `outputs` by index."""
    builder = flatbuffers.Builder(sum(len(tensor.data) for tensor in tensors) + _HEADROOM)
    operators = list(dict.fromkeys(step.operator for step in steps))
    contents = [b"", *(tensor.data for tensor in tensors if tensor.data)]
    buffers = _offsets(builder, [_buffer(builder, data) for data in contents])
    codes = _offsets(builder, [_operator_code(builder, operator) for operator in operators])
    subgraphs = _offsets(builder, [_subgraph(builder, tensors, steps, operators, inputs, outputs)])
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
    tflite.OperatorCodeStart(builder)
    tflite.OperatorCodeAddDeprecatedBuiltinCode(builder, operator.code)
    tflite.OperatorCodeAddVersion(builder, operator.version)
    tflite.OperatorCodeAddBuiltinCode(builder, operator.code)
    return int(tflite.OperatorCodeEnd(builder))


def _subgraph(
    builder: flatbuffers.Builder,
    tensors: list[Stored],
    steps: list[Step],
    operators: list[Operator],
    inputs: list[int],
    outputs: list[int],
) -> int:
    filled = [index for index, tensor in enumerate(tensors) if tensor.data]
    buffer_of = {index: 1 + position for position, index in enumerate(filled)}
    drawn = [_tensor(builder, tensor, buffer_of.get(index, 0)) for index, tensor in enumerate(tensors)]
    tensor_vector = _offsets(builder, drawn)
    step_vector = _offsets(builder, [_operation(builder, step, operators.index(step.operator)) for step in steps])
    input_vector, output_vector = _integers(builder, inputs), _integers(builder, outputs)
    tflite.SubGraphStart(builder)
    tflite.SubGraphAddTensors(builder, tensor_vector)
    tflite.SubGraphAddInputs(builder, input_vector)
    tflite.SubGraphAddOutputs(builder, output_vector)
    tflite.SubGraphAddOperators(builder, step_vector)
    return int(tflite.SubGraphEnd(builder))


def _tensor(builder: flatbuffers.Builder, tensor: Stored, buffer: int) -> int:
    name, shape = builder.CreateString(tensor.name), _integers(builder, list(tensor.shape))
    scaling = _scaling(builder, tensor.scaling) if tensor.scaling else None
    tflite.TensorStart(builder)
    tflite.TensorAddShape(builder, shape)
    tflite.TensorAddType(builder, tensor.kind)
    tflite.TensorAddBuffer(builder, buffer)
    tflite.TensorAddName(builder, name)
    if scaling is not None:
        tflite.TensorAddQuantization(builder, scaling)
    return int(tflite.TensorEnd(builder))


def _scaling(builder: flatbuffers.Builder, scaling: Scaling) -> int:
    scales = builder.CreateNumpyVector(np.array(scaling.scales, "<f4"))
    zeros = builder.CreateNumpyVector(np.zeros(len(scaling.scales), "<i8"))
    tflite.QuantizationParametersStart(builder)
    tflite.QuantizationParametersAddScale(builder, scales)
    tflite.QuantizationParametersAddZeroPoint(builder, zeros)
    tflite.QuantizationParametersAddQuantizedDimension(builder, 0)
    return int(tflite.QuantizationParametersEnd(builder))


def _operation(builder: flatbuffers.Builder, step: Step, code: int) -> int:
    inputs, outputs = _integers(builder, list(step.inputs)), _integers(builder, [step.output])
    options = _options(builder, step.options, step.settings) if step.options else 0
    tflite.OperatorStart(builder)
    tflite.OperatorAddOpcodeIndex(builder, code)
    tflite.OperatorAddInputs(builder, inputs)
    tflite.OperatorAddOutputs(builder, outputs)
    if step.options:
        tflite.OperatorAddBuiltinOptionsType(builder, getattr(tflite.BuiltinOptions, step.options))
        tflite.OperatorAddBuiltinOptions(builder, options)
    return int(tflite.OperatorEnd(builder))


def _options(builder: flatbuffers.Builder, name: str, settings: Mapping[str, int]) -> int:
    getattr(tflite, f"{name}Start")(builder)
    for setting, value in settings.items():
        getattr(tflite, f"{name}Add{setting}")(builder, value)
    return int(getattr(tflite, f"{name}End")(builder))


def _integers(builder: flatbuffers.Builder, values: list[int]) -> int:
    return int(builder.CreateNumpyVector(np.array(values, "<i4")))


def _offsets(builder: flatbuffers.Builder, offsets: list[int]) -> int:
    builder.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        builder.PrependUOffsetTRelative(offset)
    return int(builder.EndVector())
