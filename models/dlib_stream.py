"""Reads the face recognition ResNet that dlib 19 serialised, into plain layers.

The stream nests inwards first: the version numbers of all layers, then the layers from the input
outwards. Each layer is its name, its settings, three flags and three tensors of training state that
are empty in a released file. Integers are compact (a byte with sign and length, then little endian
bytes), a real setting is mantissa and exponent of two, weights are raw float32.

Source: observation of the released file; dlib's documentation of `serialize` names the compact integer.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


class StreamError(Exception):
    """The file is not the stream expected: `where` bytes in, `reason`."""

    def __init__(self, where: int, reason: str) -> None:
        super().__init__(f"at byte {where}: {reason}")
        self.where = where
        self.reason = reason


@dataclass(frozen=True)
class Convolution:
    """Cross-correlation; `weights` are outputs x inputs x height x width."""

    weights: Floats
    bias: Floats
    stride: int
    padding: int


@dataclass(frozen=True)
class Affine:
    """Scale and shift of each channel (batch normalisation, frozen)."""

    gamma: Floats
    beta: Floats


@dataclass(frozen=True)
class Relu:
    """Negative values become zero."""


@dataclass(frozen=True)
class Pool:
    """Maximum or mean over a window without padding; a window of 0 is the whole picture."""

    maximum: bool
    window: int
    stride: int


@dataclass(frozen=True)
class AddShortcut:
    """Adds the input of the block, pooled if a pool stands before; the smaller one is padded with zeros."""


@dataclass(frozen=True)
class Projection:
    """Matrix product without bias; `weights` are inputs x outputs."""

    weights: Floats


Layer = Convolution | Affine | Relu | Pool | AddShortcut | Projection


@dataclass(frozen=True)
class Network:
    """Layers in the order of evaluation. The input is RGB 0-255 minus `mean`, over 256, `side` pixels square."""

    mean: tuple[float, float, float]
    side: int
    layers: tuple[Layer, ...]


def read_network(data: bytes) -> Network:
    """The network in `data`. Raises StreamError on anything but the layers this one has."""
    return _Stream(data).network()


class _Stream:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def network(self) -> Network:
        self._integer()
        self._name(b"loss_metric_2")
        self._real()
        self._real()
        self._skip_to(b"\x01\x15input_rgb_image_sized")
        self._name(b"input_rgb_image_sized")
        mean = (self._real(), self._real(), self._real())
        side = self._integer()
        if self._integer() != side:
            raise StreamError(self._at, "input is not square")
        layers = [self._layer()]
        self._integer()  # the layer next to the input also carries a sample expansion factor
        while self._at < len(self._data):
            layers.append(self._layer())
        return Network(mean, side, tuple(layers))

    def _layer(self) -> Layer:
        name = self._text()
        layer: Layer
        if name == b"con_4":
            layer = self._convolution()
        elif name == b"affine_":
            layer = self._affine()
        elif name == b"relu_":
            layer = Relu()
        elif name in (b"max_pool_2", b"avg_pool_2"):
            layer = self._pool(name == b"max_pool_2")
        elif name == b"add_prev_":
            layer = AddShortcut()
        elif name == b"fc_2":
            layer = self._projection()
        else:
            raise StreamError(self._at, "unknown layer")
        self._training_state()
        return layer

    def _convolution(self) -> Convolution:
        parameters = self._tensor()
        outputs, height, width, stride, stride_x, padding, padding_x = (self._integer() for _ in range(7))
        filters, biases = self._shape(), self._shape()
        for _ in range(4):
            self._real()
        if (stride, padding) != (stride_x, padding_x) or filters[0] != outputs or filters[2:] != (height, width):
            raise StreamError(self._at, "convolution contradicts itself")
        weights, bias = self._split(parameters, filters, biases)
        return Convolution(weights, bias.reshape(-1), stride, padding)

    def _affine(self) -> Affine:
        parameters = self._tensor()
        gamma, beta = self._split(parameters, self._shape(), self._shape())
        self._integer()
        return Affine(gamma.reshape(-1), beta.reshape(-1))

    def _pool(self, maximum: bool) -> Pool:
        height, width, stride, stride_x, padding, padding_x = (self._integer() for _ in range(6))
        if height != width or stride != stride_x or padding or padding_x:
            raise StreamError(self._at, "pool is not square or is padded")
        return Pool(maximum, height, stride)

    def _projection(self) -> Projection:
        outputs, inputs = self._integer(), self._integer()
        parameters = self._tensor()
        weights = self._shape()
        self._shape()
        if weights[:2] != (inputs, outputs):
            raise StreamError(self._at, "projection contradicts itself")
        self._integer()
        for _ in range(4):
            self._real()
        return Projection(parameters.reshape(inputs, outputs))

    def _training_state(self) -> None:
        if self._take(3) not in (b"110", b"111"):
            raise StreamError(self._at, "flags expected")
        for _ in range(3):
            if self._tensor().size:
                raise StreamError(self._at, "training state in a released file")

    def _split(self, flat: Floats, first: tuple[int, ...], second: tuple[int, ...]) -> tuple[Floats, Floats]:
        size = int(np.prod(first))
        if flat.size != size + int(np.prod(second)):
            raise StreamError(self._at, "wrong number of weights")
        return flat[:size].reshape(first), flat[size:].reshape(second)

    def _tensor(self) -> Floats:
        if self._integer() != 2:
            raise StreamError(self._at, "unknown tensor version")
        shape = tuple(self._integer() for _ in range(4))
        return np.frombuffer(self._take(4 * int(np.prod(shape))), "<f4")

    def _shape(self) -> tuple[int, ...]:
        self._integer()
        return tuple(self._integer() for _ in range(4))

    def _integer(self) -> int:
        control = self._take(1)[0]
        value = int.from_bytes(self._take(control & 0x0F), "little")
        return -value if control & 0x80 else value

    def _real(self) -> float:
        mantissa, exponent = self._integer(), self._integer()
        return float(mantissa * 2.0**exponent)

    def _text(self) -> bytes:
        return self._take(self._integer())

    def _name(self, expected: bytes) -> None:
        if self._text() != expected:
            raise StreamError(self._at, f"{expected.decode()} expected")

    def _skip_to(self, mark: bytes) -> None:
        found = self._data.find(mark, self._at, self._at + 1024)
        if found < 0:
            raise StreamError(self._at, "no input layer")
        self._at = found

    def _take(self, size: int) -> bytes:
        piece = self._data[self._at : self._at + size]
        if size < 0 or len(piece) != size:
            raise StreamError(self._at, "ends early")
        self._at += size
        return piece
