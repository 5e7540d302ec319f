"""Both pages in a real browser: visits by webcam, clip, PIN and keypad, and what they look like."""

import io
import re
from base64 import b64decode, b64encode
from dataclasses import replace
from pathlib import Path

import pytest
from pages_rig import LOOK, REACTION_MS, Demo, Visitor, shows
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from board.demo.portraits import camera_frame, load_faces
from board.demo.visits import CONSENTS, METHOD, PAD
from firmware.screens.enter_pin import EnterPin
from firmware.screens.place_card import PlaceCard

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


@pytest.mark.parametrize("language", ["ja-JP", "en-US"])
def test_everything_fits_and_can_be_read_on_a_small_notebook(live: Demo, browser: Browser, language: str) -> None:
    context = browser.new_context(viewport={"width": 1366, "height": 768}, locale=language)
    visitor = Visitor(context.new_page()).open(live.reader)
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


def test_cards_lie_in_groups_and_a_long_list_stays_where_it_was_scrolled_to(visitor: Visitor) -> None:
    groups = visitor.page.locator("#cards h3").all_inner_texts()
    assert groups == ["いろいろな方", "暗証番号", "証明書", "ほかのカード"]
    told = {card.get_attribute("data-persona"): card.inner_text() for card in visitor.page.locator(".card").all()}
    assert {"infant", "next_generation", "not_my_number_card"} <= told.keys() and "large_photo" not in told
    assert all(len(text.splitlines()) == 3 for persona, text in told.items() if persona != "no_pin")
    assert told["no_pin"].splitlines() == ["見本 竹子", "暗証番号なし・顔A"]
    where = "document.getElementById('cards').scrollTop"
    visitor.page.evaluate(f"{where} = 9999")
    scrolled = visitor.page.evaluate(where)
    visitor.do('[data-persona="damaged"]')
    expect(visitor.page.locator('[data-persona="damaged"]')).to_have_attribute("aria-pressed", "true")
    assert visitor.page.evaluate(where) == scrolled > 100


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
