"""Faces of nobody: invented people, drawn here, whom the reader's models take for people before a camera.

Lengths are in heads: 1 is from the eyes to the chin. x goes to the picture's right, y down; 0 is between the eyes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageDraw, ImageFilter

Colour = tuple[int, int, int]
_Line = NDArray[np.float64]
Path = Sequence[tuple[float, float]] | _Line

_FINER = 3  # drawn this many times larger, then reduced: smooth edges
_HEAD, _EYES = 0.235, 0.43  # one head, and how far down the eyes are, over the picture's height
_WHITE, _BROWN, _BLACK, _SHADOW = (255, 255, 255), (54, 34, 26), (14, 10, 12), (120, 56, 44)


@dataclass(frozen=True)
class Person:
    """Somebody who does not exist. cheek, jaw, chin, nose_width and lip are factors; age is 0 without lines.

    The hair's edges go from the picture's left ear to the right one: outside over the crown, and along the forehead.
    """

    skin: Colour
    hair: Colour
    clothes: Colour
    lips: Colour
    hair_outer: Path
    hair_line: Path
    cheek: float
    jaw: float
    chin: float
    eye_gap: float
    eye_width: float
    eye_height: float
    brow: float
    brow_height: float
    nose_width: float
    nose_length: float
    mouth_width: float
    mouth_height: float
    lip: float
    age: float
    blush: float
    beard: float = 0.0
    glasses: Colour | None = None


@dataclass(frozen=True)
class Pose:
    """How that person stands there, and in what light.

    `shift` is a fraction of the picture, `tilt` in radians clockwise, `turn` how many heads the middle of the face goes
    to the right; `light` comes from the left at -1 and from the right at 1.
    """

    shift: tuple[float, float] = (0.0, 0.0)
    scale: float = 1.0
    tilt: float = 0.0
    turn: float = 0.0
    smile: float = 0.7
    light: float = 0.1
    brightness: float = 1.0
    background: Colour = (214, 226, 232)


STRAIGHT = Pose(smile=0.3, background=(228, 234, 238))  # as for the photo on a card
ELDERLY_WOMAN = Person(
    (246, 216, 196), (186, 186, 192), (146, 112, 152), (204, 112, 110),
    ((-0.60, 0.52), (-0.74, 0.46), (-0.84, 0.28), (-0.87, 0.06), (-0.92, -0.2), (-0.91, -0.5), (-0.82, -0.8),
     (-0.62, -1.02), (-0.36, -1.15), (-0.06, -1.20), (0.26, -1.21), (0.54, -1.10), (0.76, -0.90), (0.89, -0.62),
     (0.93, -0.30), (0.88, 0.0), (0.85, 0.26), (0.74, 0.46), (0.60, 0.52)),
    ((-0.60, 0.44), (-0.64, 0.26), (-0.63, 0.02), (-0.63, -0.18), (-0.56, -0.34), (-0.40, -0.44), (-0.18, -0.50),
     (0.06, -0.57), (0.24, -0.68), (0.34, -0.62), (0.48, -0.48), (0.6, -0.3), (0.63, -0.08), (0.64, 0.28), (0.6, 0.44)),
    cheek=0.99, jaw=1.01, chin=0.95, eye_gap=0.30, eye_width=0.127, eye_height=0.057, brow=0.03, brow_height=0.207,
    nose_width=1.138, nose_length=0.349, mouth_width=0.282, mouth_height=0.71, lip=0.79, age=0.8, blush=0.4,
)  # fmt: skip
MAN_IN_HIS_FORTIES = Person(
    (226, 180, 144), (40, 36, 40), (52, 72, 104), (186, 116, 102),
    ((-0.70, 0.10), (-0.75, -0.10), (-0.77, -0.44), (-0.72, -0.78), (-0.54, -1.02), (-0.24, -1.14), (0.10, -1.20),
     (0.44, -1.12), (0.66, -0.90), (0.76, -0.62), (0.77, -0.36), (0.75, -0.10), (0.70, 0.10)),
    ((-0.675, 0.06), (-0.665, -0.20), (-0.63, -0.42), (-0.54, -0.56), (-0.42, -0.70), (-0.36, -0.74), (-0.10, -0.66),
     (0.20, -0.62), (0.44, -0.58), (0.57, -0.50), (0.63, -0.40), (0.665, -0.20), (0.675, 0.06)),
    cheek=1.03, jaw=1.025, chin=1.065, eye_gap=0.318, eye_width=0.149, eye_height=0.062, brow=0.076, brow_height=0.225,
    nose_width=1.29, nose_length=0.47, mouth_width=0.286, mouth_height=0.735, lip=1.0, age=0.25, blush=0.12,
    beard=0.9, glasses=(56, 48, 50),
)  # fmt: skip
WOMAN_IN_HER_FORTIES = Person(
    (244, 208, 182), (58, 42, 40), (76, 132, 126), (206, 98, 98),
    ((-0.5, 1.18), (-0.7, 1.02), (-0.8, 0.7), (-0.82, 0.3), (-0.84, -0.5), (-0.74, -0.84), (-0.52, -1.06),
     (-0.22, -1.16), (0.12, -1.18), (0.46, -1.1), (0.7, -0.88), (0.83, -0.54), (0.82, 0.3), (0.8, 0.7), (0.7, 1.02),
     (0.5, 1.18)),
    ((-0.44, 1.04), (-0.56, 0.72), (-0.63, 0.30), (-0.64, 0.0), (-0.62, -0.24), (-0.52, -0.48), (-0.34, -0.66),
     (-0.16, -0.80), (0.06, -0.64), (0.3, -0.52), (0.5, -0.38), (0.62, -0.16), (0.63, 0.3), (0.56, 0.72), (0.44, 1.04)),
    cheek=1.05, jaw=0.874, chin=0.92, eye_gap=0.338, eye_width=0.187, eye_height=0.064, brow=0.039,
    brow_height=0.271, nose_width=0.742, nose_length=0.455, mouth_width=0.23, mouth_height=0.69, lip=0.95,
    age=0.1, blush=0.4,
)  # fmt: skip


def drawn_face(size: tuple[int, int], *, person: Person, pose: Pose = STRAIGHT) -> Image.Image:
    """An RGB picture of `size` pixels, as wide as high or wider: the person in its middle. Always the same."""
    easel = _Easel(size, pose)
    head = _head(person)
    _body(easel, person, head)
    _skin(easel, person, pose.smile, head)
    _nose_and_mouth(easel, person, pose.smile)
    for side in (-1, 1):
        _eye(easel, person, pose.smile, side)
    _hair(easel, person, head)
    return easel.finished(size)


class _Easel:
    """The picture while it is drawn."""

    def __init__(self, size: tuple[int, int], pose: Pose) -> None:
        self._pose = pose
        self._unit = _HEAD * size[1] * _FINER * pose.scale
        self._origin = np.array([size[0] * (0.5 + pose.shift[0]), size[1] * (_EYES + pose.shift[1])]) * _FINER
        self._picture = Image.new("RGB", (size[0] * _FINER, size[1] * _FINER), pose.background)

    def _pixels(self, path: Path) -> _Line:
        x, y = np.asarray(path, np.float64).T
        x = x + self._pose.turn * np.clip(1 - (x / 0.75) ** 2, 0, 1) * np.clip(1.6 - np.abs(y), 0, 1)
        tilted = (x + 1j * (y - 1)) * np.exp(1j * self._pose.tilt) + 1j
        pixels: _Line = self._origin + np.stack([tilted.real, tilted.imag], -1) * self._unit
        return pixels

    def fill(self, path: Path, colour: Colour, opacity: float = 1, blur: float = 0, inside: Path | None = None) -> None:
        """Paints what `path` encloses, its edge softened over `blur`, no further than `inside`."""
        points, radius = self._pixels(path), blur * self._unit
        low = np.floor(np.maximum(points.min(0) - 3 * radius, 0)).astype(int)
        high = np.ceil(np.minimum(points.max(0) + 3 * radius + 1, self._picture.size)).astype(int)
        if (high > low).all():
            mask = self._mask(points - low, high - low, opacity).filter(ImageFilter.GaussianBlur(radius))
            if inside is not None:
                mask = ImageChops.multiply(mask, self._mask(self._pixels(inside) - low, high - low, 1))
            self._picture.paste(colour, (int(low[0]), int(low[1])), mask)

    def _mask(self, points: _Line, size: NDArray[np.int64], opacity: float) -> Image.Image:
        mask = Image.new("L", (int(size[0]), int(size[1])))
        ImageDraw.Draw(mask).polygon([(x, y) for x, y in points], fill=round(255 * opacity))
        return mask

    def stroke(self, path: Path, width: float, colour: Colour, opacity: float = 1, blur: float = 0.004) -> None:
        """Paints a line, `width` thick in its middle, thin at its ends."""
        line = _curve(path)
        along = np.gradient(line, axis=0)
        across = along[:, ::-1] * (-1, 1) / np.linalg.norm(along, axis=1)[:, None]
        across *= (width / 2 * np.sin(np.linspace(0.1, np.pi - 0.1, len(line))) ** 0.6)[:, None]
        self.fill(np.concatenate([line + across, (line - across)[::-1]]), colour, opacity, blur)

    def finished(self, size: tuple[int, int]) -> Image.Image:
        """The picture in its size and light, with a grain that hides the steps of the colours."""
        lit = np.asarray(self._picture.resize(size, Image.Resampling.BOX), np.float64) * self._pose.brightness
        lit *= 1 + 0.3 * self._pose.light * np.linspace(-1, 1, size[0])[None, :, None]
        lit += np.random.default_rng(0).uniform(-1, 1, lit.shape[:2])[..., None]
        return Image.fromarray(lit.clip(0, 255).astype(np.uint8))


def _head(person: Person) -> _Line:
    c, j, k = person.cheek, person.jaw, person.chin
    half = ((0.0, -0.98), (0.34, -0.91), (0.58, -0.66), (0.665, -0.28), (0.685 * c, 0.05), (0.665 * c, 0.32),
            (0.57 * j, 0.62), (0.385 * j, 0.86 * k), (0.18 * j, 0.985 * k), (0.0, 1.01 * k))  # fmt: skip
    return _curve([*half, *((-x, y) for x, y in half[-2:0:-1])], closed=True)


def _body(easel: _Easel, person: Person, head: _Line) -> None:
    easel.fill(_curve(person.hair_outer), _mix(person.hair, _BLACK, 0.35))
    half = [(-0.36, 1.10), (-0.55, 1.30), (-1.05, 1.45), (-1.42, 1.72), (-1.6, 2.4), (-1.6, 4.0)]
    cloth = _curve([*half, *((-x, y) for x, y in half[::-1])])
    easel.fill(cloth, person.clothes)
    easel.fill([(-0.42, 1.2), (0.0, 2.5), (0.42, 1.2)], (226, 224, 228))
    n = 0.385 * person.jaw
    neck = [(-n, 0.6), (-n, 1.0), (-0.42, 1.24), (0.0, 1.62), (0.42, 1.24), (n, 1.0), (n, 0.6)]
    easel.fill(neck, _mix(person.skin, (150, 70, 50), 0.2))
    easel.fill(np.add(head, (0.02, 0.14)), _mix(person.skin, _SHADOW, 0.5), 0.6, 0.07, neck)
    for side in (-1, 1):
        easel.fill(_at(side, (1.75, 1.6), (1.25, 1.75), (1.15, 3.5), (1.8, 3.5)), _BLACK, 0.3, 0.12, cloth)
        collar = _at(side, (0.40, 1.12), (0.47, 1.24), (0.27, 1.74), (0.01, 1.60))
        easel.fill(np.add(collar, (0, 0.03)), (150, 148, 160), 0.7, 0.02)
        easel.fill(collar, (246, 243, 240))
        lapel = _at(side, (0.47, 1.20), (0.71, 1.36), (0.52, 1.80), (0.04, 2.55))
        easel.fill(lapel, _mix(person.clothes, _WHITE, 0.1))
        easel.stroke(lapel[1:], 0.025, _mix(person.clothes, _BLACK, 0.5))
        ear = _at(side, (0.64, -0.10), (0.74, -0.12), (0.79, 0.02), (0.76, 0.20), (0.70, 0.34), (0.63, 0.30))
        easel.fill(_curve(ear, closed=True), _mix(person.skin, (200, 100, 80), 0.18))


def _skin(easel: _Easel, person: Person, smile: float, head: _Line) -> None:
    dark, pale, age = _mix(person.skin, _SHADOW, 0.55), _mix(person.skin, _WHITE, 0.55), person.age
    easel.fill(head, person.skin)
    beard = [(-0.6, 0.5), (-0.3, 0.56), (0, 0.54), (0.3, 0.56), (0.6, 0.5), (0.4, 1.0), (0, 1.1), (-0.4, 1.0)]
    easel.fill(_curve(beard, closed=True), (96, 88, 92), 0.28 * person.beard, 0.07, head)
    for side in (-1, 1):
        easel.fill(
            _at(side, (0.8, -0.9), (0.6, -0.5), (0.6, 0.2), (0.44, 0.75), (0.2, 1.1), (0.9, 1.1)), dark, 0.5, 0.1, head
        )
        easel.fill(_oval(side * 0.40, 0.36, 0.17, 0.12), (235, 150, 136), person.blush, 0.08, head)
        easel.fill(_oval(side * 0.38, 0.20, 0.13, 0.05), pale, 0.35, 0.05)
        easel.fill(_oval(side * 0.27, -0.05, 0.20, 0.12), dark, 0.28, 0.06)
        easel.stroke(
            _at(side, (0.2, 0.4), (0.29, 0.52), (0.335, 0.66)), 0.03, dark, 0.12 + 0.35 * age + 0.2 * smile, 0.012
        )
        easel.stroke(_at(side, (0.17, 0.12), (0.28, 0.165), (0.40, 0.13)), 0.022, dark, 0.15 + 0.45 * age, 0.012)
        for rise in (-0.06, 0.0, 0.06):
            easel.stroke(_at(side, (0.49, 0.02 + rise / 3), (0.57, 0.02 + rise)), 0.014, dark, 0.6 * age**2, 0.005)
    easel.fill(_oval(0, -0.46, 0.34, 0.14), pale, 0.5, 0.12)
    easel.stroke([(-0.26, -0.43), (0, -0.45), (0.26, -0.43)], 0.018, dark, 0.45 * age, 0.008)


def _nose_and_mouth(easel: _Easel, person: Person, smile: float) -> None:
    dark, pale = _mix(person.skin, _SHADOW, 0.6), _mix(person.skin, _WHITE, 0.7)
    w, y = person.nose_width, person.nose_length
    easel.fill(_oval(0, y + 0.03, 0.17 * w, 0.05), dark, 0.45, 0.03)
    for side in (-1, 1):
        easel.stroke(_at(side, (0.11, -0.16), (0.08, 0.05), (0.09, 0.25), (0.15 * w, y - 0.06)), 0.07, dark, 0.33, 0.03)
        wing = _at(side, (0.135 * w, y - 0.11), (0.185 * w, y - 0.03), (0.15 * w, y + 0.03), (0.11 * w, y + 0.015))
        easel.stroke(wing, 0.026, dark, 0.85, 0.008)
        easel.fill(_oval(side * 0.072 * w, y + 0.022, 0.042 * w, 0.018), _mix(dark, _BROWN, 0.6), 0.85, 0.008)
    easel.stroke([(0, -0.20), (0, 0.10), (0, y - 0.10)], 0.07, pale, 0.55, 0.025)
    easel.fill(_oval(0, y - 0.07, 0.06 * w, 0.045), pale, 0.6, 0.025)
    w, y, t = person.mouth_width * (1 + 0.12 * smile), person.mouth_height, person.lip
    end, low, red = y - 0.09 * smile, y + 0.06 * t, _mix(person.lips, (90, 24, 30), 0.6)
    easel.fill(_oval(0, y + 0.15, 0.15, 0.03), dark, 0.5, 0.03)
    easel.stroke([(0, y - 0.16), (0, y - 0.09)], 0.05, dark, 0.4, 0.015)
    middle = _curve([(-w, end), (-w / 2, y + 0.005), (0, y + 0.012 + 0.03 * smile), (w / 2, y + 0.005), (w, end)])
    bow = [(w / 2, y - 0.055 * t), (0.05, y - 0.072 * t), (0, y - 0.058 * t)]
    upper = _curve([(w, end), *bow, *((-x, y) for x, y in bow[1::-1]), (-w, end)])
    lower = _curve([(w, end), (w * 0.55, low), (0, y + 0.012 + 0.095 * t), (-w * 0.55, low), (-w, end)])
    easel.fill(np.concatenate([middle, upper]), _mix(person.lips, red, 0.25), 0.95, 0.008)
    easel.fill(np.concatenate([middle, lower]), person.lips, 0.95, 0.008)
    easel.fill(_oval(0, y + 0.055 * t, 0.09, 0.018), _WHITE, 0.4, 0.012)
    easel.stroke(middle[::12], 0.024, red, 0.95)


def _eye(easel: _Easel, person: Person, smile: float, side: int) -> None:
    x, w, h, y = person.eye_gap, person.eye_width, person.eye_height * (1 - 0.15 * smile), -person.brow_height
    shade, inner, outer = _mix(person.skin, _SHADOW, 0.6), (x - w, 0.022), (x + w, -0.01)
    top = _at(side, inner, (x - w * 0.55, -h * 0.75), (x - 0.01, -h * 1.1), (x + w * 0.55, -h * 0.8), outer)
    bottom = _at(side, inner, (x - w * 0.4, 0.045), (x + w * 0.3, 0.05), outer)
    lid = _curve(top)
    white = np.concatenate([lid, _curve(bottom)[::-1]])
    easel.fill(white, (250, 246, 242))
    easel.fill(_oval(side * x, -0.008, 0.070, 0.070), _BROWN, 1, 0.004, white)
    easel.fill(_oval(side * x, 0.012, 0.045, 0.035), (110, 72, 48), 0.7, 0.012, white)
    easel.fill(_oval(side * x, -0.008, 0.032, 0.032), _BLACK, 1, 0.003, white)
    easel.fill(np.concatenate([lid, np.add(lid, (0, 0.03))[::-1]]), (60, 40, 50), 0.5, 0.01, white)
    easel.fill(_oval(side * x + 0.025, -0.028, 0.014, 0.014), _WHITE)
    easel.stroke(bottom, 0.014, shade, 0.7)
    easel.stroke(top, 0.030, _mix(_BROWN, _BLACK, 0.5))
    easel.stroke(np.add(top[1:], (side * 0.012, -0.045)), 0.016, shade, 0.8, 0.005)
    brow = _at(side, (x - w * 1.1, y + 0.02), (x - w / 3, y - 0.01), (x + w / 2, y - 0.015), (x + w * 1.25, y + 0.045))
    easel.stroke(brow, person.brow, _mix(person.hair, _BROWN, 0.35), 0.9, 0.010)
    if person.glasses:
        half = [(-0.23, -0.09), (-0.14, -0.145), (0, -0.155), (0.15, -0.14), (0.225, -0.08)]
        lens = np.array([*half, (0.215, 0.06), (0.13, 0.165), (0, 0.185), (-0.13, 0.16), (-0.205, 0.06)])
        rim, glass = (_curve((lens * size + (x, 0)) * (side, 1), closed=True) for size in (1.05, 0.94))
        easel.fill(glass, _WHITE, 0.06)
        easel.fill(np.concatenate([rim, glass[::-1]]), person.glasses, 1, 0.003)
        easel.stroke(_at(side, (x + 0.21, -0.07), (0.62, -0.06), (0.72, -0.04)), 0.03, person.glasses)
        easel.stroke(_at(side, (x - 0.22, -0.06), (0.06, -0.085), (-0.06, -0.085)), 0.03, person.glasses)


def _hair(easel: _Easel, person: Person, head: _Line) -> None:
    outer, line = (_curve(path) for path in (person.hair_outer, person.hair_line))
    outer, line = (edge[np.linspace(0, len(edge) - 1, 100).astype(int)] for edge in (outer, line))
    pale, dark = _mix(person.hair, _WHITE, 0.4), _mix(person.hair, _BLACK, 0.5)
    outline = np.concatenate([outer, line[::-1]])
    easel.fill(np.add(outline, (0.0, 0.05)), _SHADOW, 0.25, 0.03, head)
    easel.fill(outline, person.hair, 1, 0.004)
    easel.stroke((0.72 * outer + 0.28 * line)[18:70:6], 0.14, pale, 0.45, 0.05)
    for strand in range(90):
        share, start = strand * 0.618 % 1, int(strand * 0.7548 % 1 * 80) - 15
        lock = (share * outer + (1 - share) * line)[max(0, start) : start + 45 : 6]
        easel.stroke(lock, 0.016, dark if strand % 3 else pale, 0.4)


def _curve(path: Path, closed: bool = False) -> _Line:
    """A smooth line through the points (Catmull-Rom), 12 steps from each to the next."""
    p = np.asarray(path, np.float64)
    before, after = (p[-1:], p[:2]) if closed else (2 * p[:1] - p[1:2], 2 * p[-1:] - p[-2:-1])
    p = np.concatenate([before, p, after])
    t = np.linspace(0, 1, 12, endpoint=False)[:, None, None]
    a, b, c, d = p[:-3], p[1:-2], p[2:-1], p[3:]
    smooth = (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3) / 2
    return np.concatenate([smooth.transpose(1, 0, 2).reshape(-1, 2), p[-2:-1]])


def _oval(x: float, y: float, width: float, height: float) -> _Line:
    angle = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    return np.stack([x + width * np.cos(angle), y + height * np.sin(angle)], -1)


def _at(side: int, *path: tuple[float, float]) -> _Line:
    """The points on the picture's right (1) or mirrored to its left (-1)."""
    return np.array(path, np.float64) * (side, 1)


def _mix(colour: Colour, other: Colour, share: float) -> Colour:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(colour, other, strict=True))
    return red, green, blue
