"""A TensorFlow.js graph model worked out in numpy, node by node as its documentation describes them: the slow,
plain counterpart of what the conversion makes."""

from collections.abc import Callable

import numpy as np

from models.tfjs_graph import GraphModel, Node

Value = np.ndarray


def evaluate(model: GraphModel, output: str, picture: Value) -> Value:
    """The node `output` for a picture, 1 x height x width x 3."""
    values: dict[str, Value] = {name: constant.astype(np.float64) for name, constant in model.constants.items()}

    def value(name: str) -> Value:
        if name not in values:
            node = model.nodes[name]
            values[name] = picture if node.operation == "Placeholder" else compute(node, value)
        return values[name]

    return value(output)


def compute(node: Node, value: Callable[[str], Value]) -> Value:
    inputs = [value(name) for name in node.inputs]
    match node.operation:
        case "Add" | "AddV2":
            return inputs[0] + inputs[1]
        case "Sub":
            return inputs[0] - inputs[1]
        case "Mul":
            return inputs[0] * inputs[1]
        case "Maximum":
            return np.maximum(*inputs)
        case "Minimum":
            return np.minimum(*inputs)
        case "Relu":
            return np.maximum(inputs[0], 0)
        case "Pad":
            return np.pad(inputs[0], inputs[1].astype(int))
        case "Reshape":
            return inputs[0].reshape(inputs[1].astype(int))
        case "Mean":
            return inputs[0].mean(tuple(inputs[1].astype(int)))
        case "MatMul":
            return inputs[0] @ inputs[1]
        case "Conv2D":
            return np.einsum("hwcyx,yxco->hwo", windows(node, *inputs), inputs[1], optimize=True)[None]
        case "DepthwiseConv2dNative":
            return np.einsum("hwcyx,yxc->hwc", windows(node, *inputs), inputs[1][..., 0], optimize=True)[None]
    raise AssertionError(node.operation)


def windows(node: Node, picture: Value, filters: Value) -> Value:
    """Height x width x channels x filter height x filter width."""
    _, down, across, _ = node.numbers("strides")
    if node.text("padding") == "SAME":
        missing = [
            max(0, (-(-size // stride) - 1) * stride + side - size)
            for size, stride, side in zip(picture.shape[1:3], (down, across), filters.shape, strict=False)
        ]
        picture = np.pad(picture, ((0, 0), *((less // 2, less - less // 2) for less in missing), (0, 0)))
    seen = np.lib.stride_tricks.sliding_window_view(picture[0], filters.shape[:2], axis=(0, 1))
    return seen[::down, ::across]
