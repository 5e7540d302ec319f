"""The README's pictures, taken of the running demo before a drawn face: `make pictures`.

reader.png   the reader's page while the patient looks into the camera
window.png   the bridge's staff page, a visit opened
visit.png    a film strip of a whole visit by face, from the reader's screen alone
"""

import base64
import io
import sys
import tempfile
from pathlib import Path

import numpy as np
from pages_rig import VIEWPORT, Visitor, browser_with, running_demo, write_clip
from PIL import Image
from playwright.sync_api import expect

from board.demo.drawn_face import MAN_IN_HIS_FORTIES, STRAIGHT, WOMAN_IN_HER_FORTIES, Pose, drawn_face
from board.demo.visits import CONSENTS, METHOD, PAD, PIN_CARD
from board.demo.world import CAMERA_SIZE
from firmware.flows.face_worker import FRAMES_FUSED

FACES = {
    "card": (WOMAN_IN_HER_FORTIES, STRAIGHT),
    "patient": (WOMAN_IN_HER_FORTIES, Pose(shift=(0.01, 0.01), turn=0.02, light=-0.2)),
    "other": (MAN_IN_HIS_FORTIES, Pose()),
}
FAR = Pose(scale=0.55)
FRAME = (400, 250)
SPACE = 12
PAPER = "#FFFFFF"
COLOURS = 256
"""Of a PNG: the screens have few."""

CAMERA = "look_at_camera"
SCREENS = ("place_card", "reading_card", "choose_method", CAMERA, "ask_consents", "done")
FILM = """() => {
  const canvas = document.getElementById("screen");
  const keep = () => window.film.push([canvas.dataset.screen, canvas.toDataURL("image/png")]);
  window.film = [];
  keep();
  new MutationObserver(keep).observe(canvas, { attributeFilter: ["data-pictures"] });
}"""


def main(out: Path) -> None:
    """Take them all."""
    with tempfile.TemporaryDirectory() as folder:
        faces, far = Path(folder) / "faces", Path(folder) / "far.mjpeg"
        faces.mkdir()
        for role, (person, pose) in FACES.items():
            drawn_face((960, 720), person=person, pose=pose).save(faces / f"{role}.png")
        write_clip(far, [np.asarray(drawn_face(CAMERA_SIZE, person=WOMAN_IN_HER_FORTIES, pose=FAR))])
        with running_demo(Path(folder) / "out", "--faces", str(faces)) as demo, browser_with(far) as browser:
            visitor = Visitor(browser.new_page(viewport=VIEWPORT, locale="ja-JP")).open(demo.reader)
            window = browser.new_page(viewport=VIEWPORT, locale="ja-JP")
            window.goto(demo.window)
            pin_visit(visitor)
            strip(face_visit(visitor)).save(out / "visit.png", optimize=True)
            take_reader(visitor).save(out / "reader.png", optimize=True)
            window.get_by_role("option").filter(has_text="見本 花子").click()
            expect(window.get_by_role("article")).to_contain_text("OQSsiquc01res_face_")
            reduced(window.screenshot()).save(out / "window.png", optimize=True)
    assert visitor.faults == [], visitor.faults
    print("\n".join(str(out / name) for name in ("reader.png", "window.png", "visit.png")))


def pin_visit(visitor: Visitor) -> None:
    """Somebody else's visit, so that the window has two."""
    visitor.place(PIN_CARD)
    visitor.tap(METHOD, "pin")
    visitor.type([*"4321", "Enter"], PAD.name)
    visitor.tap(CONSENTS, "agree_none")
    visitor.see_screen("done")
    visitor.leave()


def face_visit(visitor: Visitor) -> list[Image.Image]:
    """The screens of a visit by face, one of each."""
    visitor.see_screen("place_card")
    visitor.page.evaluate(FILM)
    visitor.place("adult")
    visitor.tap(METHOD, "face")
    visitor.tap(CONSENTS, "agree_all")
    visitor.see_screen("done")
    film: list[tuple[str, str]] = visitor.page.evaluate("() => window.film")
    visitor.leave()
    shown = {name: [url for shown, url in film if shown == name] for name in SCREENS}
    shown[CAMERA] = shown[CAMERA][: -FRAMES_FUSED // 2]  # the last ones show a full ring
    return [picture(urls[-1]) for urls in shown.values()]


def take_reader(visitor: Visitor) -> Image.Image:
    """The whole page, somebody too far away before the webcam."""
    visitor.do('[data-sight="stream"]')
    visitor.place("adult")
    visitor.tap(METHOD, "face")
    visitor.see_screen("look_at_camera")
    visitor.page.wait_for_timeout(1000)
    taken = reduced(visitor.page.screenshot())
    visitor.do('[data-sight="nobody"]')
    visitor.leave()
    return taken


def picture(data_url: str) -> Image.Image:
    """A canvas as it was."""
    return Image.open(io.BytesIO(base64.b64decode(data_url.partition(",")[2]))).convert("RGB")


def strip(screens: list[Image.Image]) -> Image.Image:
    """Side by side, in two rows of three at most."""
    columns = 3
    rows = -(-len(screens) // columns)
    width, height = FRAME
    sheet = Image.new("RGB", (columns * (width + SPACE) - SPACE, rows * (height + SPACE) - SPACE), PAPER)
    for number, screen in enumerate(screens):
        row, column = divmod(number, columns)
        sheet.paste(screen.resize(FRAME, Image.Resampling.LANCZOS), (column * (width + SPACE), row * (height + SPACE)))
    return sheet.quantize(COLOURS, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)


def reduced(png: bytes) -> Image.Image:
    return Image.open(io.BytesIO(png)).convert("RGB").quantize(COLOURS, Image.Quantize.MEDIANCUT)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
