"""Look into the camera."""

from dataclasses import dataclass
from typing import ClassVar

from PIL import Image

from firmware.screens.camera_view import camera_view
from firmware.screens.drawn import Drawn
from firmware.screens.look import Look


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
        return camera_view(look, self.preview, self.guidance, self.progress, self.pin)
