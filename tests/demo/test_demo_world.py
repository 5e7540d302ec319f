"""The world around the reader, in a real browser: cards, cameras and everything that can be broken."""

import hashlib
import io
import os
import re
from pathlib import Path

import numpy as np
import pytest
from pages_rig import LOOK, PIXELS, Demo, Visitor, running_demo, shows
from PIL import Image
from playwright.sync_api import Page, expect

from board.contracts import Frame
from board.demo.live import side_by_side
from board.demo.portraits import camera_frame, load_faces
from board.demo.visits import CONSENTS, METHOD, empty_room
from board.demo.world import DARK
from firmware.screens.look_at_camera import LookAtCamera


def written(demo: Demo) -> int:
    """Bytes that the demo's processes have caused to be written to a disk so far (proc(5), io)."""
    total = 0
    for process in demo.left_running():
        counters = Path(f"/proc/{process}/io").read_text()
        total += int(re.findall(r"^write_bytes: (\d+)", counters, re.MULTILINE)[0])
    return total


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


def test_a_card_of_ones_own_is_made_from_a_photo_that_stays_off_the_disk(
    live: Demo, visitor: Visitor, tmp_path: Path
) -> None:
    faces = load_faces()
    photo, another = tmp_path / "photo.png", tmp_path / "another.png"
    faces.other.save(photo)
    faces.other.rotate(2).save(another)
    before = {path: path.read_bytes() for path in live.out.rglob("surface.bin")}
    visitor.do('[data-persona="your_card"]')
    with visitor.page.expect_file_chooser() as chooser:
        visitor.do("#photo_file")
    chooser.value.set_files(photo)
    visitor.notice("あなたのカードができました")
    with visitor.page.expect_file_chooser() as chooser:
        visitor.do('[data-sight="picture"]')
    chooser.value.set_files(another)
    expect(visitor.page.locator('[data-sight="picture"]')).to_have_attribute("aria-pressed", "true")
    visitor.place("your_card")
    visitor.tap(METHOD, "face")
    visitor.see_screen(CONSENTS.name)
    visitor.do('[data-sight="patient"]')
    assert {path: path.read_bytes() for path in live.out.rglob("surface.bin")} == before
    pictures = (b"\xff\xd8\xff", b"\x89PNG", b"\xff\x4f\xff\x51")
    written = [path for path in live.out.rglob("*") if path.is_file() and path.name != "surface.bin"]
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


def test_webcam_pictures_before_the_camera_are_written_to_no_disk(live: Demo, visitor: Visitor) -> None:
    visitor.do('[data-act="light_do_off"]')  # nobody is recognised: the look goes on
    visitor.do('[data-sight="stream"]')
    visitor.place("adult")
    visitor.tap(METHOD, "face")
    visitor.see_screen("look_at_camera")
    visitor.page.wait_for_timeout(500)
    shared, before = set(os.listdir("/dev/shm")), written(live)
    pictures = int(visitor.page.get_attribute("#screen", "data-pictures") or 0)
    visitor.page.wait_for_timeout(3000)
    taken = int(visitor.page.get_attribute("#screen", "data-pictures") or 0) - pictures
    assert taken > 20
    assert written(live) - before < taken * 1000, "not even a thumbnail of each"
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


def test_a_card_with_its_photo_down_is_to_be_turned_and_placed_again(visitor: Visitor) -> None:
    visitor.do("#turn")
    visitor.place("adult")
    visitor.tap(METHOD, "face")
    visitor.see_screen("turn_card")
    expect(visitor.page.locator("#hint")).to_contain_text("裏返す")
    visitor.leave()
    visitor.do("#turn")
    visitor.place("adult")
    visitor.tap(METHOD, "face")
    visitor.see_screen(CONSENTS.name)


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
    visitor.see_screen("pin_locked")
    visitor.leave()
    visitor.do("#unlock")
    visitor.notice("3回試せます")
    visitor.place("pin_locked")
    visitor.tap(METHOD, "pin")
    visitor.see_screen("enter_pin")


def away_until(visitor: Visitor, mended: str) -> None:
    """The reader says that the terminal is away, and sends a patient who tries all the same to the reception; once
    `mended` is pressed and both ends have met, the next one is served."""
    visitor.see_screen("terminal_away")
    expect(visitor.page.locator("#hint")).to_contain_text("つなぎ直す")
    visitor.do('[data-persona="pin_person"]')
    visitor.do("#place")
    visitor.see_screen("cannot_check")
    visitor.do("#lift")
    visitor.see_screen("terminal_away")
    visitor.do(mended)
    expect(visitor.page.locator("#events li").first).to_contain_text("互いに証明書を確かめました", timeout=20_000)
    visitor.place("pin_person")
    visitor.see_screen(METHOD.name)


def test_a_cable_pulled_is_told_to_the_patient_and_plugged_again_all_goes_on(visitor: Visitor, window: Page) -> None:
    visitor.do('[data-act="cable_do_off"]')
    away_until(visitor, '[data-act="cable_do_on"]')


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
    away_until(visitor, '[data-act="bridge_do_on"]')


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
