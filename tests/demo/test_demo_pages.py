"""Both pages in a real browser: visits by webcam, PIN and keypad, everything that can be broken, and the end."""

import hashlib
import io
import os
import re
import signal
import stat
import subprocess
import sys
from base64 import b64decode, b64encode
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pages_rig import LOOK, REACTION_MS, Demo, Visitor, browser_with, running_demo, swaying, write_clip
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from board.contracts import Frame
from board.demo.live import side_by_side
from board.demo.portraits import camera_frame, load_faces
from board.demo.visits import CONSENTS, METHOD, PAD, empty_room
from board.demo.world import DARK
from firmware.screens.drawn import Screen
from firmware.screens.enter_pin import EnterPin
from firmware.screens.look import Look
from firmware.screens.look_at_camera import LookAtCamera
from firmware.screens.place_card import PlaceCard

PIXELS = """async () => {
  const canvas = document.getElementById("screen");
  const rgba = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  const rgb = rgba.filter((_, at) => at % 4 !== 3);
  const hash = await crypto.subtle.digest("SHA-256", rgb);
  return [...new Uint8Array(hash)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}"""
RECORD = """async (picture) => {
  const canvas = document.createElement("canvas");
  const image = new Image();
  image.src = picture;
  await image.decode();
  [canvas.width, canvas.height] = [image.width, image.height];
  const ink = canvas.getContext("2d");
  const quality = { mimeType: "video/webm;codecs=vp8", videoBitsPerSecond: 8e6 };
  const recorder = new MediaRecorder(canvas.captureStream(24), quality);
  const parts = [];
  recorder.ondataavailable = ({ data }) => parts.push(data);
  recorder.start();
  for (let step = 0; step < 24; step += 1) {
    ink.drawImage(image, step % 3, 0);
    await new Promise(requestAnimationFrame);
  }
  recorder.stop();
  await new Promise((stopped) => (recorder.onstop = stopped));
  const bytes = new Uint8Array(await new Blob(parts).arrayBuffer());
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}"""
READABLE: dict[str, list[str]] = {"overflowing": [], "faint": []}
MEASURE = (Path(__file__).parents[1] / "host_bridge" / "window_measure.js").read_text("utf-8")


def shows(visitor: Visitor, screen: Screen, look: Look = LOOK) -> None:
    """Wait until the canvas holds exactly what Pillow draws."""
    wanted = hashlib.sha256(screen.draw(look).image.tobytes()).hexdigest()
    visitor.page.wait_for_function(f"async () => await ({PIXELS})() === '{wanted}'")


def written(demo: Demo) -> int:
    """Bytes that the demo's processes have caused to be written to a disk so far (proc(5), io)."""
    total = 0
    for process in demo.left_running():
        counters = Path(f"/proc/{process}/io").read_text()
        total += int(re.findall(r"^write_bytes: (\d+)", counters, re.MULTILINE)[0])
    return total


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
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
    context = browser.new_context(viewport={"width": 1366, "height": 768}, locale="ja-JP")
    yield context.new_page()
    context.close()


@pytest.fixture
def visitor(demo: Demo, page: Page) -> Iterator[Visitor]:
    visitor = Visitor(page).open(demo.reader)
    yield visitor
    visitor.leave()
    assert visitor.faults == []


@pytest.fixture
def window(demo: Demo, browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1366, "height": 768}, locale="ja-JP")
    page = context.new_page()
    page.goto(demo.window)
    yield page
    context.close()


def test_a_face_visit_with_a_clip_as_the_webcam_arrives_at_the_window(visitor: Visitor, window: Page) -> None:
    visitor.do('[data-sight="stream"]')
    expect(visitor.page.locator('[data-sight="stream"]')).to_have_attribute("aria-pressed", "true")
    visitor.place("adult")
    visitor.tap(METHOD, "face")
    visitor.tap(CONSENTS, "agree_all")
    visitor.see_screen("done")
    expect(window.locator("body")).to_contain_text("見本 花子")
    window.get_by_role("option").first.click()
    expect(window.get_by_role("article")).to_contain_text("OQSsiquc01res_face_")
    visitor.do('[data-sight="patient"]')


def test_a_clip_from_a_file_stands_before_the_camera(visitor: Visitor) -> None:
    jpeg = io.BytesIO()
    Image.fromarray(camera_frame(load_faces().patient)).save(jpeg, "JPEG", quality=95)
    portrait = f"data:image/jpeg;base64,{b64encode(jpeg.getvalue()).decode()}"
    clip = b64decode(visitor.page.evaluate(RECORD, portrait))
    with visitor.page.expect_file_chooser() as chooser:
        visitor.do('[data-sight="picture"]')
    chooser.value.set_files({"name": "clip.webm", "mimeType": "video/webm", "buffer": clip})
    expect(visitor.page.locator('[data-sight="stream"]')).to_have_attribute("aria-pressed", "true")
    visitor.place("adult")
    visitor.tap(METHOD, "face")
    visitor.see_screen(CONSENTS.name)
    visitor.do('[data-sight="patient"]')


def test_a_pin_visit_by_touch_ends_in_a_token(visitor: Visitor, window: Page) -> None:
    visitor.place("pin_person")
    visitor.tap(METHOD, "pin")
    visitor.see_screen("enter_pin")
    visitor.page.wait_for_timeout(REACTION_MS)
    for digits, key in enumerate("4321"):
        visitor.page.mouse.click(*visitor.place_of(EnterPin(digits, 3, wrong=False), key))
    visitor.page.mouse.click(*visitor.place_of(EnterPin(4, 3, wrong=False), "next"))
    visitor.tap(CONSENTS, "agree_none")
    visitor.see_screen("done")
    expect(window.locator("body")).to_contain_text("見本 太郎")


def test_a_visit_by_the_keyboard_as_keypad_alone(visitor: Visitor) -> None:
    visitor.place("pin_person")
    visitor.type(["ArrowRight", "ArrowRight", "Enter"], METHOD.name)
    visitor.type([*"43", "Backspace", *"321", "Enter"], PAD.name)
    visitor.type(["ArrowRight", "Enter"], CONSENTS.name)
    visitor.see_screen("done")


def test_the_screen_in_the_browser_is_pixel_for_pixel_the_panels(visitor: Visitor) -> None:
    shows(visitor, PlaceCard())
    visitor.place("pin_person")
    shows(visitor, METHOD)
    visitor.tap(METHOD, "pin")
    visitor.type("43", "enter_pin")
    shows(visitor, EnterPin(2, 3, wrong=False))
    visitor.page.mouse.click(*visitor.place_of(EnterPin(2, 3, wrong=False), "language"))
    shows(visitor, EnterPin(2, 3, wrong=False), replace(LOOK, language="en"))


@pytest.mark.parametrize(
    ("chosen", "seen", "guidance"),
    [
        ('[data-sight="nobody"]', empty_room(), "no_face"),
        ('[data-sight="both"]', "both", "many_faces"),
        ('[data-act="eye_do_off"]', None, "camera_gone"),
        ('[data-act="eye_do_stall"]', None, "camera_gone"),
    ],
    ids=["nobody", "two people", "unplugged", "stalled"],
)
def test_what_the_camera_sees_is_on_the_screen(
    visitor: Visitor, chosen: str, seen: Frame | str | None, guidance: str
) -> None:
    visitor.do(chosen)
    visitor.place("adult")
    visitor.tap(METHOD, "face")
    if isinstance(seen, str):
        faces = load_faces()
        seen = side_by_side(camera_frame(faces.patient), camera_frame(faces.other))
    preview = None if seen is None else Image.fromarray(seen)
    shows(visitor, LookAtCamera(preview, guidance, 0.0, pin=True))
    visitor.do('[data-sight="patient"]')
    visitor.see_screen(CONSENTS.name)


def test_a_second_finger_is_rejected_while_the_first_one_lies_on_the_panel(visitor: Visitor) -> None:
    visitor.place("pin_person")
    visitor.see_screen(METHOD.name)
    visitor.page.wait_for_timeout(REACTION_MS)
    x, y = visitor.place_of(METHOD, "stop")
    nowhere = (x - 200, y)  # beside a button: an answer to nothing
    visitor.page.keyboard.down("Shift")
    visitor.page.mouse.click(*nowhere)
    visitor.page.keyboard.up("Shift")
    visitor.page.mouse.click(*visitor.place_of(METHOD, "pin"))
    visitor.notice("2本目の指は受けつけません")
    assert visitor.page.get_attribute("#screen", "data-screen") == METHOD.name
    visitor.page.keyboard.down("Shift")
    visitor.page.mouse.click(*nowhere)
    visitor.page.keyboard.up("Shift")
    visitor.tap(METHOD, "pin")
    visitor.see_screen("enter_pin")


def test_a_card_of_ones_own_is_made_from_a_photo_that_stays_off_the_disk(
    demo: Demo, visitor: Visitor, tmp_path: Path
) -> None:
    faces = load_faces()
    photo, live = tmp_path / "photo.png", tmp_path / "live.png"
    faces.other.save(photo)
    faces.other.rotate(2).save(live)
    before = {path: path.read_bytes() for path in demo.out.rglob("surface.bin")}
    visitor.do('[data-persona="your_card"]')
    with visitor.page.expect_file_chooser() as chooser:
        visitor.do("#photo_file")
    chooser.value.set_files(photo)
    visitor.notice("あなたのカードができました")
    with visitor.page.expect_file_chooser() as chooser:
        visitor.do('[data-sight="picture"]')
    chooser.value.set_files(live)
    expect(visitor.page.locator('[data-sight="picture"]')).to_have_attribute("aria-pressed", "true")
    visitor.place("your_card")
    visitor.tap(METHOD, "face")
    visitor.see_screen(CONSENTS.name)
    visitor.do('[data-sight="patient"]')
    assert {path: path.read_bytes() for path in demo.out.rglob("surface.bin")} == before
    pictures = (b"\xff\xd8\xff", b"\x89PNG", b"\xff\x4f\xff\x51")
    written = [path for path in demo.out.rglob("*") if path.is_file() and path.name != "surface.bin"]
    assert [path for path in written if any(mark in path.read_bytes() for mark in pictures)] == []


def test_a_photo_without_a_face_makes_no_card(visitor: Visitor) -> None:
    empty = io.BytesIO()
    Image.new("RGB", (640, 480), "white").save(empty, "PNG")
    visitor.do('[data-persona="your_card"]')
    for content, says in ((empty.getvalue(), "顔が見つかりません"), (b"no picture", "写真として開けません")):
        with visitor.page.expect_file_chooser() as chooser:
            visitor.do("#photo_file")
        chooser.value.set_files({"name": "photo.png", "mimeType": "image/png", "buffer": content})
        visitor.notice(says)


def test_nobody_is_recognised_in_a_dimmed_room(visitor: Visitor) -> None:
    visitor.do('[data-act="light_do_off"]')
    visitor.place("adult")
    visitor.tap(METHOD, "face")
    dark = (camera_frame(load_faces().patient) * np.float32(DARK)).astype(np.uint8)
    shows(visitor, LookAtCamera(Image.fromarray(dark), "too_dark", 0.0, pin=True))
    visitor.do('[data-act="light_do_on"]')
    visitor.see_screen(CONSENTS.name)


def test_somebody_chosen_while_the_webcam_plays_stays_there(visitor: Visitor) -> None:
    for _ in range(8):
        visitor.do('[data-sight="stream"]')
        expect(visitor.page.locator("#video")).to_be_visible()
        visitor.page.wait_for_timeout(200)  # pictures are on their way
        visitor.do('[data-sight="patient"]')
        expect(visitor.page.locator("#video")).to_be_hidden()
        visitor.page.wait_for_timeout(200)
        assert visitor.page.get_attribute('[data-sight="patient"]', "aria-pressed") == "true"


def test_webcam_pictures_before_the_camera_are_written_to_no_disk(demo: Demo, visitor: Visitor) -> None:
    visitor.do('[data-act="light_do_off"]')  # nobody is recognised: the look goes on
    visitor.do('[data-sight="stream"]')
    visitor.place("adult")
    visitor.tap(METHOD, "face")
    visitor.see_screen("look_at_camera")
    visitor.page.wait_for_timeout(500)
    shared, before = set(os.listdir("/dev/shm")), written(demo)
    pictures = int(visitor.page.get_attribute("#screen", "data-pictures") or 0)
    visitor.page.wait_for_timeout(3000)
    taken = int(visitor.page.get_attribute("#screen", "data-pictures") or 0) - pictures
    assert taken > 20
    assert written(demo) - before < taken * 1000, "not even a thumbnail of each"
    assert set(os.listdir("/dev/shm")) == shared
    visitor.do('[data-act="light_do_on"]')
    visitor.see_screen(CONSENTS.name)
    visitor.do('[data-sight="patient"]')


def test_a_card_made_with_the_webcam_shows_who_sat_there(visitor: Visitor) -> None:
    visitor.do('[data-persona="your_card"]')
    visitor.do("#photo_webcam")
    visitor.notice("あなたのカードができました")
    visitor.place("your_card")
    visitor.tap(METHOD, "face")
    visitor.see_screen(CONSENTS.name)
    visitor.do('[data-sight="patient"]')


def test_noise_on_the_cable_delays_a_visit_and_loses_nothing(visitor: Visitor) -> None:
    visitor.place("pin_person")
    visitor.do('[data-act="noise_do"]')
    visitor.tap(METHOD, "pin")
    visitor.type([*"4321", "Enter"], "enter_pin")
    visitor.do('[data-act="noise_do"]')
    visitor.tap(CONSENTS, "agree_all")
    visitor.see_screen("done")


def test_the_photo_side_down_cannot_be_read(visitor: Visitor) -> None:
    visitor.do("#turn")
    visitor.place("adult")
    visitor.tap(METHOD, "face")
    visitor.see_screen("card_problem")
    visitor.do("#turn")


def test_a_card_that_slips_while_it_is_read_ends_the_visit(visitor: Visitor) -> None:
    visitor.place("adult")
    visitor.see_screen(METHOD.name)
    visitor.do('[data-act="slip_do"]')
    visitor.tap(METHOD, "face")
    visitor.see_screen("card_lifted")
    expect(visitor.page.locator("#place")).to_be_visible()


@pytest.mark.parametrize("persona", ["expired_certificate", "revoked_certificate", "not_my_number_card", "damaged"])
def test_a_card_that_cannot_be_used_is_told_so(visitor: Visitor, persona: str) -> None:
    visitor.place(persona)
    visitor.see_screen("card_problem")


def test_a_locked_pin_is_locked_until_the_office_unlocks_it(visitor: Visitor) -> None:
    visitor.place("pin_locked")
    visitor.tap(METHOD, "pin")
    visitor.see_screen("pin_locked")
    visitor.leave()
    visitor.do("#unlock")
    visitor.notice("3回試せます")
    visitor.place("pin_locked")
    visitor.tap(METHOD, "pin")
    visitor.see_screen("enter_pin")


def test_a_cable_pulled_is_told_to_the_patient_and_plugged_again_all_goes_on(visitor: Visitor, window: Page) -> None:
    visitor.do('[data-act="cable_do_off"]')
    visitor.place("pin_person")
    visitor.see_screen("cannot_check")
    visitor.leave()
    visitor.do('[data-act="cable_do_on"]')
    expect(visitor.page.locator("#events li").first).to_contain_text("互いに証明書を確かめました", timeout=20_000)
    visitor.place("pin_person")
    visitor.see_screen(METHOD.name)


def test_power_cut_in_the_middle_of_a_visit_leaves_a_dark_screen_and_a_reader_that_starts_again(
    visitor: Visitor,
) -> None:
    visitor.place("adult")
    visitor.see_screen(METHOD.name)
    visitor.do('[data-act="power_do_off"]')
    expect(visitor.page.locator("#veil")).to_contain_text("電源が切れています")
    black = hashlib.sha256(bytes(LOOK.size[0] * LOOK.size[1] * 3)).hexdigest()
    visitor.page.wait_for_function(f"async () => await ({PIXELS})() === '{black}'")
    visitor.do("#lift")
    visitor.do('[data-act="power_do_on"]')
    visitor.see_screen("place_card")
    expect(visitor.page.locator("#veil")).to_be_hidden()


def test_a_bridge_killed_and_started_again_serves_its_window_and_the_next_visit(visitor: Visitor, window: Page) -> None:
    visitor.do('[data-act="bridge_do_off"]')
    expect(visitor.page.locator('[data-act="bridge_do_on"]')).to_be_visible()
    visitor.place("pin_person")
    visitor.see_screen("cannot_check")
    visitor.leave()
    visitor.do('[data-act="bridge_do_on"]')
    expect(visitor.page.locator("#events li").first).to_contain_text("互いに証明書を確かめました", timeout=20_000)
    visitor.place("pin_person")
    visitor.see_screen(METHOD.name)


@pytest.mark.parametrize("language", ["ja-JP", "en-US"])
def test_everything_fits_and_can_be_read_on_a_small_notebook(demo: Demo, browser: Browser, language: str) -> None:
    context = browser.new_context(viewport={"width": 1366, "height": 768}, locale=language)
    visitor = Visitor(context.new_page()).open(demo.reader)
    visitor.do('[data-persona="your_card"]')
    visitor.page.mouse.move(0, 0)
    assert visitor.page.evaluate(MEASURE) == READABLE
    for selector in ('[data-sight="nobody"]', '[data-persona="adult"]'):
        visitor.do(selector)  # and the pointer rests there
        expect(visitor.page.locator(selector)).to_have_attribute("aria-pressed", "true")
        assert visitor.page.evaluate(MEASURE) == READABLE
    visitor.do('[data-sight="patient"]')
    assert visitor.page.get_attribute("html", "lang") == language[:2]
    context.close()


def test_every_reason_and_event_of_the_log_has_words_in_both_languages(visitor: Visitor) -> None:
    words = visitor.page.evaluate("import('/static/words.js').then((module) => module.WORDS)")
    assert words["ja"].keys() == words["en"].keys()
    flows = "".join(file.read_text("utf-8") for file in Path("firmware/flows").glob("*.py"))
    reasons = set(re.findall(r'(?:Ended\(|refused = |on_leave\()f?"([a-z_]+)[":]', flows))
    assert {"card_removed", "card_refused", "photo_unusable", "stopped"} <= reasons
    assert {f"reason_{reason}" for reason in reasons} <= words["ja"].keys()
    for key, phrase in words["ja"].items():
        places = [set(re.findall(r"{(\w+)}", text)) for text in (phrase, words["en"][key])]
        assert places[0] == places[1], key


def test_without_the_token_there_is_nothing_to_see(demo: Demo, page: Page) -> None:
    page.goto(demo.reader.split("#")[0])
    expect(page.locator("#veil")).to_contain_text("アクセスキーがありません")
    assert page.get_attribute("#screen", "data-screen") is None


def test_an_address_with_another_token_locks_nobody_out(demo: Demo, visitor: Visitor) -> None:
    visitor.page.goto(demo.reader.split("#")[0] + "#mine")
    visitor.see_screen("place_card")
    visitor.page.reload()
    visitor.see_screen("place_card")
    visitor.faults.clear()  # the browser tells of the token that was refused


def test_a_page_reloaded_while_a_card_is_laid_down_shows_it_on_the_tray(visitor: Visitor) -> None:
    visitor.do("#place")
    visitor.page.reload()
    visitor.see_screen(METHOD.name)
    expect(visitor.page.locator("#lift")).to_be_visible()


def test_a_part_that_has_died_is_told_at_once(page: Page, tmp_path: Path) -> None:
    with running_demo(tmp_path / "out") as other:
        visitor = Visitor(page).open(other.reader)
        (relay,) = (process for process, line in other.left_running().items() if "board.demo.relay" in line)
        os.kill(relay, signal.SIGKILL)
        expect(visitor.page.locator("#hint")).to_contain_text("仮想の部品が終わりました")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_everything_that_the_demo_started(tmp_path: Path, number: signal.Signals) -> None:
    demo = Demo(tmp_path / "out")
    assert len(demo.left_running()) > 3
    assert demo.end(number) == 0, demo.said()
    assert demo.left_running() == {}
    assert "nothing is left running" in demo.said()


def test_on_a_desktop_both_pages_are_opened(tmp_path: Path) -> None:
    opened = tmp_path / "opened"
    os.mkfifo(opened)
    browser = tmp_path / "xdg-open"
    browser.write_text(f'#!/bin/sh\necho "$1" >{opened}\n')
    browser.chmod(0o755)
    desktop = {"DISPLAY": ":1", "SUDO_USER": "", "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    demo = Demo(tmp_path / "out", environment=desktop)
    files: set[str] = set()
    while len(files) < 2:
        files |= set(opened.read_text().splitlines())
    assert all(stat.S_IMODE(Path(file).stat().st_mode) == 0o600 for file in files), "they hold the tokens"
    led = {re.findall('url=(.*?)"', Path(file).read_text())[0] for file in files}
    assert led == {demo.reader, demo.window}
    assert demo.end() == 0
    assert not any(Path(file).exists() for file in files)


def test_a_port_in_use_ends_in_one_line_that_says_what_to_do(demo: Demo, tmp_path: Path) -> None:
    for port in (demo.port, demo.port - 1):  # the reader's own, the window's
        line = [sys.executable, "-m", "board.demo", "--out", str(tmp_path / "out"), "--port", str(port)]
        done = subprocess.run(line, capture_output=True, text=True, timeout=60)
        assert done.returncode == 2
        last = done.stderr.splitlines()[-1]
        assert last.startswith("demo: port ") and "PORT=" in last
        assert not (tmp_path / "out").exists()


def test_a_second_demo_in_the_same_folder_leaves_the_first_one_alone(demo: Demo, visitor: Visitor) -> None:
    line = [sys.executable, "-m", "board.demo", "--headless", "--out", str(demo.out)]
    done = subprocess.run(line, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith(f"demo: another demo runs in {demo.out}")
    visitor.place("pin_person")
    visitor.see_screen(METHOD.name)


def test_a_camera_connected_again_sees_who_stood_there_before(visitor: Visitor) -> None:
    visitor.do('[data-sight="other"]')
    visitor.do('[data-act="eye_do_off"]')
    visitor.do('[data-act="eye_do_on"]')
    expect(visitor.page.locator('[data-sight="other"]')).to_have_attribute("aria-pressed", "true")
    visitor.do('[data-sight="patient"]')


def test_a_card_of_ones_own_has_to_be_made_before_it_can_be_placed(page: Page, tmp_path: Path) -> None:
    with running_demo(tmp_path / "out") as other:
        visitor = Visitor(page).open(other.reader)
        visitor.do('[data-persona="your_card"]')
        visitor.do("#place")
        visitor.notice("先に、写真かウェブカメラで")
        assert visitor.page.is_visible("#place")
