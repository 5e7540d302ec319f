"""Look into the camera: its picture as a mirror, the frame for the face, and what to do beside it.

What stays is painted once; a new frame only adds the picture and the ring.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

from PIL import Image, ImageDraw, ImageOps

from firmware.screens.canvas import rounded, shape
from firmware.screens.drawn import Box, Drawn
from firmware.screens.frame import PERSON, Page
from firmware.screens.icons import face_in
from firmware.screens.look import Look
from firmware.screens.theme import (
    ANSWER,
    CARE,
    CARE_TINT,
    CORNER,
    DARK_TEAL,
    GOOD,
    GOOD_TINT,
    HINT,
    LINE,
    NIGHT,
    PAPER,
    QUESTION,
    RING,
    SMALL,
    SOFT_INK,
    TINT,
    WHITE,
)
from firmware.screens.typeset import typeset

_ANSWER = 19.0
_VEIL = 150
"""How much of the room around the face is covered, of 255."""
_STEPS = 40
"""Positions of the ring."""
_HINTS = {"no_face": "mask", "too_far": "mask", "off_centre": "mask", "many_faces": "alone", "camera_gone": "use_pin"}


@dataclass(frozen=True)
class LookAtCamera:
    """The patient as in a mirror, what to do, and how far we are."""

    preview: Image.Image | None
    """The camera's picture as it is, not mirrored."""
    guidance: str
    """no_face, many_faces, too_far, too_close, off_centre, too_dark, blurred, good or camera_gone."""
    progress: float
    """0 to 1."""
    pin: bool
    """Whether the PIN is another way."""

    name: ClassVar[str] = "look_at_camera"

    def draw(self, look: Look) -> Drawn:
        still, mirror = _still(look, self.guidance, self.pin)
        image = still.image.copy()
        if self.preview is not None:
            size = (mirror.width, mirror.height)
            picture = ImageOps.mirror(ImageOps.fit(self.preview.convert("RGB"), size, Image.Resampling.BILINEAR))
            picture.paste(NIGHT, (0, 0), _veil(*size))
            image.paste(picture, mirror, rounded(*size, look.px(CORNER)))
        if self.guidance != "camera_gone":
            oval = _oval(mirror.width, mirror.height)
            place = Box(
                mirror.left + oval.left, mirror.top + oval.top, mirror.left + oval.right, mirror.top + oval.bottom
            )
            image.paste(WHITE, place, _ring(place.width, place.height, look.px(0.8), _STEPS))
            steps = round(min(max(self.progress, 0.0), 1.0) * _STEPS)
            if steps:
                image.paste(RING, place, _ring(place.width, place.height, look.px(2.2), steps))
        return Drawn(image, still.areas, still.written)


@lru_cache(maxsize=32)
def _still(look: Look, guidance: str, pin: bool) -> tuple[Drawn, Box]:
    """All that does not move, and the place of the mirror."""
    page = Page(look, PERSON, stop=True)
    body = page.body
    mirror = body._replace(right=body.left + body.height * 4 // 3)
    page.canvas.panel(mirror, NIGHT)
    side = mirror.height // 2
    face_in(LINE, NIGHT)(page.canvas, mirror.middle(side, side))
    column = body._replace(left=mirror.right + 2 * page.gap)
    if pin:
        answer = column.foot(look.px(_ANSWER))
        page.button("pin", answer, page.words("look_at_camera.pin"), ANSWER)
        column = column.above(answer.height + page.gap)
    kept = typeset(look, page.words("look_at_camera.kept"), SMALL, column.width)
    page.canvas.write(kept, column.foot(kept.height), SOFT_INK, PAPER)
    _advice(page, column.above(kept.height + page.gap), guidance, pin)
    return page.drawn(), mirror


def _advice(page: Page, box: Box, guidance: str, pin: bool) -> None:
    """What to do now, large; under it a hint."""
    ink, ground = {"good": (GOOD, GOOD_TINT), "camera_gone": (CARE, CARE_TINT)}.get(guidance, (DARK_TEAL, TINT))
    page.canvas.panel(box, ground)
    inner = box.inset(page.gap, page.gap)
    hint = _HINTS.get(guidance)
    height = inner.height if hint is None else inner.height * 7 // 10
    what = typeset(page.look, page.words(f"look_at_camera.{guidance}"), QUESTION, inner.width, height)
    blocks = [what]
    if hint is not None:
        hint = "see_reception" if hint == "use_pin" and not pin else hint
        room = inner.height - what.height - page.gap // 2
        blocks.append(typeset(page.look, page.words(f"look_at_camera.{hint}"), HINT, inner.width, room))
    group = inner.middle(inner.width, sum(block.height for block in blocks) + page.gap // 2 * (len(blocks) - 1))
    for block in blocks:
        page.canvas.write(block, group.strip(block.height), ink, ground)
        group = group.below(block.height + page.gap // 2)


def _oval(width: int, height: int) -> Box:
    """The frame for the face in a mirror of that size."""
    return Box(0, 0, width, height).middle(height * 68 // 100, height * 88 // 100)


@lru_cache(maxsize=4)
def _veil(width: int, height: int) -> Image.Image:
    """The mask that darkens what lies outside the frame for the face."""
    oval = _oval(width, height)

    def paint(pen: ImageDraw.ImageDraw, k: int) -> None:
        pen.rectangle((0, 0, width * k, height * k), _VEIL)
        pen.ellipse([edge * k for edge in oval], 0)

    return shape(width, height, paint)


@lru_cache(maxsize=2 * _STEPS)
def _ring(width: int, height: int, thickness: int, steps: int) -> Image.Image:
    """The mask of an oval line, `steps` of all, from the top clockwise."""
    end = -90 + 360 * steps / _STEPS
    return shape(
        width, height, lambda pen, k: pen.arc((0, 0, width * k - 1, height * k - 1), -90, end, 255, thickness * k)
    )
