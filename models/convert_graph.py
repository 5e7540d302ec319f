"""Turns a TensorFlow.js graph model into a TensorFlow Lite file, without a training framework.

Only what the embedders in the manifest consist of. Patterns that a converter before had taken apart become one
operation again: products and sums with constants go into the convolution before them, Maximum(Minimum(Relu(x), 6), 0)
is its rectifier, Maximum(0, x) + slope * Minimum(0, x) is a rectifier with a slope per channel.
"""

import numpy as np

from models.tfjs_graph import GraphModel, Node, read_graph_model
from models.tflite_graph import Activation, Floats, Graph, Tensor

_CEILING = 6.0
_LINEAR = ("Conv2D", "DepthwiseConv2dNative", "MatMul")


class ConversionError(Exception):
    """The model has something in it that this conversion does not know: `node` by name, and why."""

    def __init__(self, node: str, reason: str) -> None:
        super().__init__(f"{node}: {reason}")
        self.node = node
        self.reason = reason


def convert_graph(description: bytes, weights: bytes, output: str) -> bytes:
    """The .tflite that computes the node `output` from the model's only picture.

    Raises GraphModelError, ConversionError.
    """
    return _Conversion(read_graph_model(description, weights)).file(output)


class _Conversion:
    def __init__(self, model: GraphModel) -> None:
        self._model = model
        self._graph = Graph()
        self._made: dict[str, Tensor] = {}

    def file(self, output: str) -> bytes:
        return self._graph.finish(self._tensor(output))

    def _tensor(self, name: str) -> Tensor:
        if name not in self._made:
            self._made[name] = self._lowered(self._node(name))
        return self._made[name]

    def _lowered(self, node: Node) -> Tensor:
        match node.operation:
            case "Placeholder":
                sizes = [int(axis["size"]) for axis in node.settings["shape"]["shape"]["dim"]]
                return self._graph.input(node.name, (1, *sizes[1:]))
            case "Sub":
                value = self._tensor(node.inputs[0])
                return self._graph.subtract(value, self._channels(node, node.inputs[1], value))
            case "Pad":
                before, after = self._constant(node.inputs[1]).T.astype(int).tolist()
                return self._graph.pad(self._tensor(node.inputs[0]), tuple(before), tuple(after))
            case "Mean":
                return self._average(node)
            case "Reshape":
                return self._row(node)
            case "Maximum":
                return self._linear(self._unclipped(node), Activation.RELU6)
            case "Add" | "AddV2" if not self._constants(node):
                return self._sum(node)
            case "Mul" if self._node(node.inputs[0]).operation not in _LINEAR:
                value = self._tensor(node.inputs[0])
                return self._graph.multiply(value, self._channels(node, node.inputs[1], value))
        return self._linear(node, Activation.NONE)

    def _linear(self, node: Node, activation: Activation) -> Tensor:
        """A convolution or product, with the constants that the result is multiplied by and that are added to it."""
        scale, bias = np.ones(1, np.float32), np.zeros(1, np.float32)
        if node.operation in ("Add", "AddV2"):
            bias, node = self._constant(node.inputs[1]), self._node(node.inputs[0])
        if node.operation == "Mul":
            scale, node = self._constant(node.inputs[1]), self._node(node.inputs[0])
        if node.operation not in _LINEAR:
            raise ConversionError(node.name, f"{node.operation} is not known here")
        value, weights = self._tensor(node.inputs[0]), self._constant(node.inputs[1])
        if node.operation == "MatMul":
            if activation is not Activation.NONE:
                raise ConversionError(node.name, "a rectifier after a product is not known")
            return self._graph.fully_connect(value, (weights * scale).T, _full(bias, weights.shape[1]))
        stride = node.numbers("strides")[1]
        same = node.text("padding") == "SAME"
        if node.numbers("strides") != (1, stride, stride, 1) or set(node.numbers("dilations")) != {1}:
            raise ConversionError(node.name, "strides or dilations are not known")
        if node.operation == "Conv2D":
            filters = (weights * scale).transpose(3, 0, 1, 2)
            return self._graph.convolve(value, filters, _full(bias, filters.shape[0]), stride, same, activation)
        planes = (weights[..., 0] * scale)[None]
        return self._graph.convolve_depthwise(value, planes, _full(bias, planes.shape[3]), stride, same, activation)

    def _unclipped(self, node: Node) -> Node:
        """x of Maximum(Minimum(Relu(x), 6), 0)."""
        minimum = self._node(node.inputs[0])
        if minimum.operation == "Minimum":
            relu = self._node(minimum.inputs[0])
            limits = float(self._constant(node.inputs[1])), float(self._constant(minimum.inputs[1]))
            if relu.operation == "Relu" and limits == (0.0, _CEILING):
                return self._node(relu.inputs[0])
        raise ConversionError(node.name, "is not a rectifier with a ceiling")

    def _sum(self, node: Node) -> Tensor:
        """x + y, or Maximum(0, x) + slope * Minimum(0, x)."""
        left, right = (self._node(name) for name in node.inputs)
        if left.operation != "Maximum" or left.inputs[0] not in self._model.constants:
            return self._graph.add(self._tensor(left.name), self._tensor(right.name))
        value, minimum = left.inputs[1], self._node(right.inputs[1])
        if (right.operation, minimum.operation, minimum.inputs[1]) == ("Mul", "Minimum", value) and not (
            self._constant(left.inputs[0]).any() or self._constant(minimum.inputs[0]).any()
        ):
            return self._graph.prelu(self._tensor(value), self._constant(right.inputs[0]))
        raise ConversionError(node.name, "is not a rectifier with a slope")

    def _average(self, node: Node) -> Tensor:
        if self._constant(node.inputs[1]).tolist() != [1, 2]:
            raise ConversionError(node.name, "is not a mean over the picture")
        return self._graph.average(self._tensor(node.inputs[0]))

    def _row(self, node: Node) -> Tensor:
        """Unchanged: the product that follows lays its input out as a row by itself."""
        value = self._tensor(node.inputs[0])
        if self._constant(node.inputs[1]).tolist() != [-1, int(np.prod(value.shape))]:
            raise ConversionError(node.name, "is not one row")
        return value

    def _constants(self, node: Node) -> list[str]:
        return [name for name in node.inputs if name in self._model.constants]

    def _channels(self, node: Node, name: str, value: Tensor) -> Floats:
        return _full(self._constant(name), value.shape[3])

    def _constant(self, name: str) -> Floats:
        try:
            return self._model.constants[name]
        except KeyError:
            raise ConversionError(name, "is not a constant") from None

    def _node(self, name: str) -> Node:
        try:
            return self._model.nodes[name]
        except KeyError:
            raise ConversionError(name, "is not there") from None


def _full(values: Floats, size: int) -> Floats:
    """One value for each of `size` channels."""
    full: Floats = np.broadcast_to(values, (size,)).astype(np.float32)
    return full
