"""A camera that gives nothing, nonsense, too much, or never answers: the patient goes on by PIN, in bounded time."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from time import monotonic

import pytest
from flow_rig import FlowRig

from board.contracts import CameraFault, Frame
from board.demo.portraits import Faces, chip_photo
from board.demo.visits import CONSENTS, METHOD
from board.sim.dock import Dock
from firmware.face.decide import Reason
from firmware.flows.face_worker import FAULT_PAUSE_S, FaceUnavailable, FaceWorker, PhotoUnusable, Sight
from firmware.screens.drawn import Screen
from firmware.screens.face_failed import FaceFailed
from firmware.screens.look_at_camera import LookAtCamera
from firmware.token.anchors import TrustAnchors
from firmware.token.claims import Method

pytestmark = pytest.mark.asyncio(loop_scope="session")


@asynccontextmanager
async def worker_with(*oddity: str) -> AsyncIterator[FaceWorker]:
    worker = await FaceWorker.start((sys.executable, str(Path(__file__).with_name("odd_camera_worker.py")), *oddity))
    try:
        await worker.ready()
        yield worker
    finally:
        await worker.end()


async def ignore(sight: Sight) -> None: ...


@pytest.mark.parametrize(
    ("oddity", "reason"),
    [
        ("absent", "camera: no such camera"),
        ("grey", "camera: frame of uint8 (480, 640), not of uint8 (height, width, 3)"),
        ("huge", "camera: frame of (8000, 8000, 3), not with sides of 1 to 4096 pixels"),
    ],
)
async def test_camera_that_cannot_serve_ends_the_look_with_its_reason(faces: Faces, oddity: str, reason: str) -> None:
    async with worker_with(oddity) as worker:
        await worker.reference(chip_photo(faces.card))
        with pytest.raises(FaceUnavailable) as caught:
            await worker.look(ignore)
        assert caught.value.reason == reason
        with pytest.raises(FaceUnavailable, match="worker ended"):
            await worker.look(ignore)


async def test_camera_that_changes_its_size_is_shown_small_enough_and_the_face_is_confirmed(faces: Faces) -> None:
    seen: list[Sight] = []

    async def see(sight: Sight) -> None:
        seen.append(sight)

    async with worker_with("changes") as worker:
        await worker.reference(chip_photo(faces.card))
        assert (await worker.look(see)).reason is Reason.MATCH
    sizes = [sight.preview.size for sight in seen[:5]]
    assert sizes == [(640, 480), (1, 1), (1280, 960), (960, 540), (1024, 1)]
    assert [sight.guidance for sight in seen[:4]] == ["good", "no_face", "good", "good"]


async def test_camera_that_is_gone_is_not_asked_in_a_circle(faces: Faces) -> None:
    async with worker_with("gone") as worker:
        await worker.reference(chip_photo(faces.card))
        begun = monotonic()
        seen = await first_sights(worker, 6)
        assert monotonic() - begun >= 5 * FAULT_PAUSE_S
        assert {(sight.guidance, sight.preview) for sight in seen} == {("camera_gone", None)}


@pytest.mark.parametrize("fault", CameraFault)
async def test_camera_without_a_picture_is_told_of_and_comes_back(
    dock: tuple[Dock, Path], face_worker: FaceWorker, faces: Faces, patient: Frame, fault: CameraFault
) -> None:
    dock[0].sees = fault
    await face_worker.reference(chip_photo(faces.card))
    assert [sight.guidance for sight in await first_sights(face_worker, 1)] == ["camera_gone"]
    dock[0].sees = patient
    assert (await face_worker.look(ignore)).reason is Reason.MATCH


async def first_sights(worker: FaceWorker, count: int) -> list[Sight]:
    """So many, then the worker rests."""
    seen: list[Sight] = []

    async def see(sight: Sight) -> None:
        seen.append(sight)
        if len(seen) == count:
            looking.cancel()

    looking = asyncio.create_task(worker.look(see))
    with suppress(asyncio.CancelledError):
        await looking
    return seen[:count]


@pytest.mark.parametrize("content", [b"", b"\x00" * 15000, b"\x00" * (1 << 20)], ids=["none", "garbage", "too much"])
async def test_photo_that_cannot_serve_leaves_the_worker_ready_for_another(
    face_worker: FaceWorker, faces: Faces, content: bytes
) -> None:
    with pytest.raises(PhotoUnusable):
        await face_worker.reference(content)
    await face_worker.reference(chip_photo(faces.card))


@pytest.mark.parametrize("screen", [LookAtCamera(None, "no_face", 0.0, pin=True), FaceFailed(0, pin=True)])
async def test_camera_that_hangs_is_given_up_and_the_patient_goes_on_by_pin(
    rig: FlowRig, dock: tuple[Dock, Path], world: Path, anchors: TrustAnchors, tmp_path: Path, screen: Screen
) -> None:
    await rig.close()
    fifo = tmp_path / "driver"
    os.mkfifo(fifo)
    async with worker_with("hangs", str(fifo)) as worker:
        rig = FlowRig(*dock, world / "cards", worker, anchors)
        await rig.open()
        rig.place("adult")
        await rig.tap(METHOD, "face")
        driver = await asyncio.to_thread(os.open, fifo, os.O_WRONLY)  # the worker hangs in it until this is closed
        await rig.tap(screen, "pin")
        await rig.enter_pin("1234")
        await rig.tap(CONSENTS, "agree_all")
        await rig.see("done")
        outcome = await rig.ended()
        await rig.close()
        os.close(driver)
    assert (outcome.method, outcome.acknowledged) == (Method.PIN, True)


async def test_patient_before_a_camera_of_another_kind_goes_on_by_pin_and_the_visit_says_why(
    rig: FlowRig, dock: tuple[Dock, Path], world: Path, anchors: TrustAnchors
) -> None:
    await rig.close()
    async with worker_with("grey") as worker:
        rig = FlowRig(*dock, world / "cards", worker, anchors)
        await rig.open()
        rig.place("adult")
        await rig.tap(METHOD, "face")
        await rig.tap(FaceFailed(0, pin=True), "stop")
        outcome = await rig.ended()
        await rig.close()
    assert outcome.refused == "face_unavailable: camera: frame of uint8 (480, 640), not of uint8 (height, width, 3)"
