"""The face is being compared with the card's photo."""

from dataclasses import dataclass
from typing import ClassVar

from PIL import Image

from firmware.screens.camera_view import camera_view
from firmware.screens.drawn import Drawn
from firmware.screens.look import Look


@dataclass(frozen=True)
class Comparing:
    """The camera's last picture, the ring closed."""

    preview: Image.Image | None = None

    name: ClassVar[str] = "comparing"

    def draw(self, look: Look) -> Drawn:
        return camera_view(look, self.preview, "comparing", 1.0, pin=False)
