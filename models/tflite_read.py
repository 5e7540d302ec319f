"""Reads back a file that `tflite_file` wrote."""

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass

import tflite

from models.tflite_file import Operator, Step, Stored, write

_WINDOW = ("Padding", "StrideW", "StrideH")
_ACTIVATION = "FusedActivationFunction"
_DILATION = ("DilationWFactor", "DilationHFactor")
_SETTINGS: Mapping[str, tuple[str, ...]] = {
    "AddOptions": (_ACTIVATION,),
    "SubOptions": (_ACTIVATION,),
    "MulOptions": (_ACTIVATION,),
    "PadOptions": (),
    "Conv2DOptions": (*_WINDOW, _ACTIVATION, *_DILATION),
    "DepthwiseConv2DOptions": (*_WINDOW, _ACTIVATION, *_DILATION, "DepthMultiplier"),
    "Pool2DOptions": (*_WINDOW, _ACTIVATION, "FilterWidth", "FilterHeight"),
    "FullyConnectedOptions": (_ACTIVATION,),
}
"""Tables of settings that the graphs of this project use, and which of their settings are written, in that order."""
_BYTES = {tflite.TensorType.FLOAT32: 4, tflite.TensorType.INT32: 4}
"""Of one number, in the kinds of tensors that conversions make."""
_TABLES = {kind: name for name, kind in vars(tflite.BuiltinOptions).items() if name in _SETTINGS}

_NOT_OURS = "not a graph of float32 from this project's conversions, or damaged: `python -m models build` makes them"


class GraphError(Exception):
    """The file is not a graph that the tools of this project wrote, or not one that can be changed as asked."""


@dataclass(frozen=True)
class GraphFile:
    """What `write` takes."""

    tensors: list[Stored]
    steps: list[Step]
    inputs: list[int]
    outputs: list[int]


def read(content: bytes) -> GraphFile:
    """The graph of float32 in a file. Raises GraphError unless writing it gives the same bytes again."""
    try:
        graph = _read(tflite.Model.GetRootAs(content))
        ours = _sound(graph) and write(graph.tensors, graph.steps, graph.inputs, graph.outputs) == content
    except (struct.error, ValueError, TypeError, IndexError, KeyError, AttributeError, OverflowError) as error:
        raise GraphError(_NOT_OURS) from error
    if not ours:
        raise GraphError(_NOT_OURS)
    return graph


def _sound(graph: GraphFile) -> bool:
    used = {*graph.inputs, *graph.outputs}.union(*((*step.inputs, step.output) for step in graph.steps))
    sizes = [(len(tensor.data), _BYTES[tensor.kind] * math.prod(tensor.shape)) for tensor in graph.tensors]
    return used <= set(range(len(graph.tensors))) and all(held in (0, full) for held, full in sizes)


def _read(model: tflite.Model) -> GraphFile:
    graph = model.Subgraphs(0)
    return GraphFile(
        tensors=[_tensor(model, graph.Tensors(index)) for index in range(graph.TensorsLength())],
        steps=[_step(model, graph.Operators(index)) for index in range(graph.OperatorsLength())],
        inputs=graph.InputsAsNumpy().tolist(),
        outputs=graph.OutputsAsNumpy().tolist(),
    )


def _tensor(model: tflite.Model, tensor: tflite.Tensor) -> Stored:
    buffer = model.Buffers(tensor.Buffer())
    data = buffer.DataAsNumpy().tobytes() if buffer.DataLength() else b""
    return Stored(tensor.Name().decode(), tuple(tensor.ShapeAsNumpy().tolist()), tensor.Type(), data)


def _step(model: tflite.Model, operation: tflite.Operator) -> Step:
    code = model.OperatorCodes(operation.OpcodeIndex())
    (output,) = operation.OutputsAsNumpy().tolist()
    options = _TABLES[operation.BuiltinOptionsType()] if operation.BuiltinOptionsType() else None
    settings = {}
    if options:
        table = getattr(tflite, options)()
        table.Init(operation.BuiltinOptions().Bytes, operation.BuiltinOptions().Pos)
        settings = {name: int(getattr(table, name)()) for name in _SETTINGS[options]}
    inputs = tuple(operation.InputsAsNumpy().tolist())
    return Step(Operator(code.BuiltinCode(), code.Version()), inputs, output, options, settings)
