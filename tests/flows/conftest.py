"""Flow tests: one face worker for all, a fresh visit for each."""

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

sys.path.insert(0, str(Path(__file__).parents[1] / "card"))  # the same nonsense, the same permitted commands

from flow_rig import FlowRig
from permitted import assert_permitted

from board.demo.portraits import Faces, camera_frame, chip_photo, load_faces
from board.demo.visits import empty_room
from board.sim.card.authority import Authority
from board.sim.card.issue import issue_personas
from board.sim.dock import Dock
from firmware.flows.face_worker import FaceWorker
from firmware.token.anchors import TrustAnchors


@pytest.fixture(scope="session")
def faces() -> Faces:
    return load_faces()


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory, faces: Faces) -> Path:
    """authority/ and cards/; the card of `adult` bears the portrait."""
    folder = tmp_path_factory.mktemp("world")
    authority = Authority.create()
    authority.save(folder / "authority")
    issue_personas(folder / "cards", authority, {"adult": chip_photo(faces.card)})
    return folder


@pytest.fixture(scope="session")
def anchors(world: Path) -> TrustAnchors:
    files = ((world / "authority" / name).read_bytes() for name in ("jpki_ca.pem", "cv_ca.json"))
    return TrustAnchors.from_files(*files)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def dock(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Dock, Path]]:
    folder = tmp_path_factory.mktemp("dock")
    dock = Dock()
    await dock.open(folder / "dock")
    yield dock, folder
    await dock.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def face_worker(dock: tuple[Dock, Path]) -> AsyncIterator[FaceWorker]:
    """The real worker: a process of its own, with the real models."""
    options = ("--dock", str(dock[1] / "dock"))
    worker = await FaceWorker.start((sys.executable, "-m", "firmware", "face", *options))
    await worker.ready()
    yield worker
    await worker.end()


@pytest_asyncio.fixture(loop_scope="session")
async def rig(
    dock: tuple[Dock, Path], world: Path, face_worker: FaceWorker, anchors: TrustAnchors
) -> AsyncIterator[FlowRig]:
    """A reader that waits for its patient; whatever a test plays, its cards see nothing but what a visit may touch."""
    rig = FlowRig(dock[0], dock[1], world / "cards", face_worker, anchors)
    rig.show_to_camera(empty_room())
    await rig.open()
    yield rig
    await rig.close()
    assert_permitted(rig.tray.trace)


@pytest.fixture(scope="session")
def patient(faces: Faces):  # type: ignore[no-untyped-def]
    return camera_frame(faces.patient)


@pytest.fixture(scope="session")
def other(faces: Faces):  # type: ignore[no-untyped-def]
    return camera_frame(faces.other)
