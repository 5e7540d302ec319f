"""Everything together: photo and camera pictures in, guidance and a decision out."""

from collections.abc import Sequence
from pathlib import Path
from typing import Self

from firmware.face.cohort import Cohort, read_statistics
from firmware.face.decide import FaceDecision, Reason, decide
from firmware.face.embed import Embedding
from firmware.face.manifest import Manifest, ModelError, load_manifest
from firmware.face.photo import PhotoError
from firmware.face.quality import Guidance
from firmware.face.vision import FaceVision, Sighting

__all__ = ["Embedding", "FaceDecision", "FaceEngine", "Guidance", "ModelError", "PhotoError", "Reason", "Sighting"]


class FaceEngine(FaceVision):
    """The models, ready to compare."""

    def __init__(self, manifest: Manifest, models_dir: Path) -> None:
        """Reads and checks models and statistics. Raises ModelError."""
        super().__init__(manifest, models_dir)
        rule = manifest.cohort
        self.cohort = Cohort(rule, read_statistics(rule.file.read(manifest.folder), rule))
        self._threshold = manifest.thresholds.used

    @classmethod
    def load(cls, models_dir: Path, manifest: Path) -> Self:
        """The models in `models_dir`, the statistics beside `manifest`; all checked by hash. Raises ModelError."""
        return cls(load_manifest(manifest), models_dir)

    def decide(self, reference: Embedding, lives: Sequence[Embedding]) -> FaceDecision:
        """Whether the live pictures show the person of the reference: the mean of their scores decides."""
        return decide(self.cohort, self._threshold, reference, lives)
