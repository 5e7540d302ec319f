"""The whole road: a card's photo, camera frames, a decision."""

import numpy as np
import pytest
from PIL import Image

from board.demo.portraits import Faces, camera_frame, chip_photo
from firmware.face.decide import Reason, decide
from firmware.face.engine import Embedding, FaceEngine


def live(engine: FaceEngine, image: Image.Image) -> Embedding:
    frame = camera_frame(image)
    return engine.live(frame, engine.look(frame))


def test_another_photograph_of_the_person_on_the_card_matches(engine: FaceEngine, faces: Faces) -> None:
    decision = engine.decide(engine.reference(chip_photo(faces.card)), [live(engine, faces.patient)])
    assert (decision.match, decision.reason) == (True, Reason.MATCH)
    assert decision.score > decision.threshold + 0.1


def test_somebody_else_does_not_match(engine: FaceEngine, faces: Faces) -> None:
    decision = engine.decide(engine.reference(chip_photo(faces.card)), [live(engine, faces.other)])
    assert (decision.match, decision.reason) == (False, Reason.MISMATCH)
    assert decision.score < decision.threshold - 0.1


def test_score_of_several_frames_is_the_mean_of_their_scores(engine: FaceEngine, faces: Faces) -> None:
    reference = engine.reference(chip_photo(faces.card))
    lives = [live(engine, faces.patient), live(engine, faces.other)]
    single = [engine.decide(reference, [one]).score for one in lives]
    decision = engine.decide(reference, lives)
    assert decision.score == pytest.approx(np.mean(single), abs=1e-6)
    assert decision.frames == pytest.approx(single, abs=1e-6)


def test_frames_of_which_only_some_match_leave_it_unsure(engine: FaceEngine, faces: Faces) -> None:
    reference = engine.reference(chip_photo(faces.card))
    lives = [live(engine, faces.patient), *[live(engine, faces.other)] * 4]
    threshold = engine.decide(reference, lives).frames[0] - 0.01
    decision = decide(engine.cohort, threshold, reference, lives)
    assert (decision.match, decision.reason) == (False, Reason.UNSURE)


def test_decision_without_a_live_picture_is_refused(engine: FaceEngine, faces: Faces) -> None:
    with pytest.raises(ValueError, match="no live picture"):
        engine.decide(engine.reference(chip_photo(faces.card)), [])


def test_embedding_has_a_part_of_length_one_from_each_recogniser(engine: FaceEngine, faces: Faces) -> None:
    vector = live(engine, faces.patient).vector
    ends = np.cumsum([128, 1024, 256])
    assert vector.shape == (ends[-1],)
    assert [float(np.linalg.norm(part)) for part in np.split(vector, ends[:-1])] == pytest.approx([1, 1, 1])


def test_wiped_embedding_holds_nothing(engine: FaceEngine, faces: Faces) -> None:
    embedding = live(engine, faces.patient)
    embedding.wipe()
    assert not embedding.vector.any()


def test_embedding_shows_no_number_in_a_log(engine: FaceEngine, faces: Faces) -> None:
    embedding = live(engine, faces.patient)
    assert "vector" not in repr(embedding)


def test_two_engines_score_the_same_to_the_last_bit(
    engine: FaceEngine, faces: Faces, models_dir, manifest_path
) -> None:
    again = FaceEngine.load(models_dir, manifest_path)
    photo = chip_photo(faces.card)
    first = engine.decide(engine.reference(photo), [live(engine, faces.patient)])
    assert again.decide(again.reference(photo), [live(again, faces.patient)]) == first
