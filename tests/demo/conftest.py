"""One run of the whole demo for all who look at what it left; and a demo that runs, with a browser before it."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from demo_run import Run, run_demo
from pages_rig import VIEWPORT, Demo, Visitor, browser_with, running_demo, swaying, write_clip
from playwright.sync_api import Browser, Page

from board.demo.portraits import camera_frame, load_faces

sys.path.insert(0, str(Path(__file__).parents[1] / "card"))  # the same permitted commands


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run_demo(tmp_path_factory.mktemp("demo") / "out")


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with running_demo(tmp_path_factory.mktemp("pages") / "out") as demo:
        yield demo


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    clip = tmp_path_factory.mktemp("clip") / "patient.mjpeg"
    write_clip(clip, swaying(camera_frame(load_faces().patient)))
    with browser_with(clip) as browser:
        yield browser


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport=VIEWPORT, locale="ja-JP")
    yield context.new_page()
    context.close()


@pytest.fixture
def visitor(live: Demo, page: Page) -> Iterator[Visitor]:
    visitor = Visitor(page).open(live.reader)
    yield visitor
    visitor.leave()
    assert visitor.faults == []


@pytest.fixture
def window(live: Demo, browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport=VIEWPORT, locale="ja-JP")
    page = context.new_page()
    page.goto(live.window)
    yield page
    context.close()
