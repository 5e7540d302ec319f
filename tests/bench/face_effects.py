"""Pictures made worse: the card's photo as a chip with less room would hold it, the camera's as bad light, movement,
poor optics, masks and glasses would make it. Simulated, and the same in every run."""

import io
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from firmware.face.align import LEFT_EYE_OUTER, RIGHT_EYE_OUTER
from firmware.face.geometry import Points

Picture = Image.Image
_GAIN = 0.1
_ELECTRONS = 4.0
"""That one of 255 levels of the camera stands for."""
_READ_NOISE = 4.0
"""Standard deviation, in electrons."""
_BLUR_SIGMA = 2.5
_MOTION = 9
_SIDE_LIGHT = (0.25, 1.2)
_SMALL_SIDE = 120

# Points of the mesh.
_EYES = ((RIGHT_EYE_OUTER, 133), (362, LEFT_EYE_OUTER))
"""Right and left, outer and inner corner as they lie from left to right in a picture."""
_TEMPLES = (234, 454)
_MASK = [
    *(227, 117, 118, 195, 347, 346, 447),  # over cheeks and nose
    *(323, 361, 288, 397, 365, 379, 378, 400, 377, 152),  # along the jaw to the chin
    *(148, 176, 149, 150, 136, 172, 58, 132, 93),
]
_MASK_COLOUR, _RIM_COLOUR, _DARK_GLASS = (166, 199, 217), (40, 34, 30), (18, 18, 20)


def jpeg2000(picture: Picture, size: int) -> bytes:
    """A JP2 file of about `size` bytes."""
    raw = picture.width * picture.height * len(picture.getbands())
    file = io.BytesIO()
    picture.save(file, "JPEG2000", no_jp2=False, irreversible=True, quality_mode="rates", quality_layers=[raw / size])
    return file.getvalue()


def low_light(picture: Picture, generator: np.random.Generator) -> Picture:
    """A tenth of the light, with the noise of so few electrons and of reading them."""
    electrons = np.asarray(picture, np.float64) * _GAIN * _ELECTRONS
    seen = generator.poisson(electrons) + generator.normal(0, _READ_NOISE, electrons.shape)
    return _picture(seen / _ELECTRONS)


def motion(picture: Picture) -> Picture:
    """Moved across while the shutter was open."""
    pixels = np.pad(np.asarray(picture, np.float64), ((0, 0), (_MOTION // 2, _MOTION // 2), (0, 0)), "edge")
    shifted = [pixels[:, start : start + picture.width] for start in range(_MOTION)]
    return _picture(np.mean(shifted, axis=0))


def side_light(picture: Picture) -> Picture:
    """Dark at the left, bright at the right."""
    return _picture(np.asarray(picture, np.float64) * np.linspace(*_SIDE_LIGHT, picture.width)[None, :, None])


def jpeg(picture: Picture) -> Picture:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=30)
    return Image.open(file).convert("RGB")


def small(picture: Picture) -> Picture:
    scale = _SMALL_SIDE / max(picture.size)
    return picture.resize((round(picture.width * scale), round(picture.height * scale)), Image.Resampling.LANCZOS)


def masked(picture: Picture, mesh: Points) -> Picture:
    """A surgical mask, drawn on: from the bridge of the nose to below the chin."""
    worn = picture.copy()
    ImageDraw.Draw(worn).polygon(_places(mesh[_MASK]), _MASK_COLOUR)
    return worn


def glasses(picture: Picture, mesh: Points) -> Picture:
    """Clear ones, drawn on."""
    return _glasses(picture, mesh, None)


def sunglasses(picture: Picture, mesh: Points) -> Picture:
    """Dark ones, drawn on."""
    return _glasses(picture, mesh, _DARK_GLASS)


FROM_CARD: Mapping[str, Callable[[Picture], bytes]] = {
    "photo of 15 KB": lambda picture: jpeg2000(picture, 15_000),
    "photo of 15 KB, grey": lambda picture: jpeg2000(picture.convert("L"), 15_000),
    "photo of 8 KB": lambda picture: jpeg2000(picture, 8_000),
}
FROM_CAMERA: Mapping[str, Callable[[Picture, Points, np.random.Generator], Picture]] = {
    "low light": lambda picture, mesh, generator: low_light(picture, generator),
    "blurred": lambda picture, mesh, generator: picture.filter(ImageFilter.GaussianBlur(_BLUR_SIGMA)),
    "moved": lambda picture, mesh, generator: motion(picture),
    "light from the side": lambda picture, mesh, generator: side_light(picture),
    "JPEG of quality 30": lambda picture, mesh, generator: jpeg(picture),
    "120 pixels": lambda picture, mesh, generator: small(picture),
    "mask": lambda picture, mesh, generator: masked(picture, mesh),
    "glasses": lambda picture, mesh, generator: glasses(picture, mesh),
    "sunglasses": lambda picture, mesh, generator: sunglasses(picture, mesh),
}
"""By name; each is given the RGB picture, and where the mesh lies in it."""


def _glasses(picture: Picture, mesh: Points, glass: tuple[int, int, int] | None) -> Picture:
    """Drawn four times as large, else thin rims are ragged."""
    fine = 4
    worn = picture.resize((picture.width * fine, picture.height * fine), Image.Resampling.BICUBIC)
    draw, mesh = ImageDraw.Draw(worn), mesh * fine
    centres = [mesh[list(corners)].mean(0) for corners in _EYES]
    across = centres[1] - centres[0]
    apart = float(np.hypot(*across))
    along, down = across / apart, np.array([-across[1], across[0]]) / apart
    rim = max(1, round(0.05 * apart))
    turn = np.linspace(0, 2 * np.pi, 48)
    for centre in centres:
        x, y = 0.38 * apart * np.cos(turn), 0.30 * apart * np.sin(turn)
        lens = _places(centre + 0.05 * apart * down + x[:, None] * along + y[:, None] * down)
        if glass:
            draw.polygon(lens, glass)
        draw.line(lens, _RIM_COLOUR, rim, "curve")
    for start, end in (
        (centres[0] + 0.38 * apart * along, centres[1] - 0.38 * apart * along),
        (centres[0] - 0.38 * apart * along, mesh[_TEMPLES[0]]),
        (centres[1] + 0.38 * apart * along, mesh[_TEMPLES[1]]),
    ):
        draw.line(_places(np.stack([start, end])), _RIM_COLOUR, rim)
    return worn.reduce(fine)


def _places(points: Points) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in points]


def _picture(values: NDArray[np.float64]) -> Picture:
    return Image.fromarray(values.round().clip(0, 255).astype(np.uint8))
