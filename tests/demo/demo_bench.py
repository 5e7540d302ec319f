"""How fluent the reader's page is: `make bench-demo`.

Reader, bridge and Chromium run on this machine together, as for a visitor. Two figures, a line of JSON each:

preview   pictures a second that reach the page while somebody who is too far away sways before the webcam
touch     milliseconds from a finger on the canvas to the next frame of the browser with the changed picture in it
"""

import json
import tempfile
from pathlib import Path
from statistics import quantiles

import numpy as np
from pages_rig import REACTION_MS, VIEWPORT, Visitor, browser_with, running_demo, swaying, write_clip
from PIL import Image

from board.contracts import Frame
from board.demo.portraits import camera_frame, load_faces
from board.demo.visits import METHOD, empty_room
from firmware.screens.enter_pin import EnterPin

PREVIEW_S = 10
TOUCHES = 200
TOO_FAR = 0.35
"""Of the size at which a face is right."""

COUNT = "() => Number(document.getElementById('screen').dataset.pictures)"
WATCH = """() => {
  const canvas = document.getElementById("screen");
  window.latencies = [];
  let since = null;
  canvas.addEventListener("pointerdown", () => (since = performance.now()), { capture: true });
  new MutationObserver(() => {
    if (since === null) return;
    const began = since;
    since = null;
    requestAnimationFrame(() => window.latencies.push(performance.now() - began));
  }).observe(canvas, { attributeFilter: ["data-pictures"] });
}"""


def far_away(frame: Frame) -> Frame:
    """The same picture, much smaller, in an empty room."""
    height, width, _ = frame.shape
    small = Image.fromarray(frame).resize((round(width * TOO_FAR), round(height * TOO_FAR)))
    room = Image.fromarray(empty_room((width, height)))
    room.paste(small, ((width - small.width) // 2, (height - small.height) // 2))
    return np.asarray(room)


def preview(visitor: Visitor) -> float:
    """Pictures a second on the page."""
    visitor.do('[data-sight="stream"]')
    visitor.place("adult")
    visitor.tap(METHOD, "face")
    visitor.see_screen("look_at_camera")
    visitor.page.wait_for_timeout(1000)
    before = visitor.page.evaluate(COUNT)
    visitor.page.wait_for_timeout(PREVIEW_S * 1000)
    shown: int = visitor.page.evaluate(COUNT) - before
    assert visitor.page.get_attribute("#screen", "data-screen") == "look_at_camera"
    visitor.do('[data-sight="nobody"]')
    visitor.leave()
    return shown / PREVIEW_S


def touch(visitor: Visitor) -> list[float]:
    """Milliseconds of each touch: a digit of the PIN, and the key that erases it, in turn."""
    visitor.place("pin_person")
    visitor.tap(METHOD, "pin")
    visitor.see_screen("enter_pin")
    visitor.page.wait_for_timeout(REACTION_MS)
    visitor.page.evaluate(WATCH)
    for number in range(TOUCHES):
        key, digits = ("5", 0) if number % 2 == 0 else ("erase", 1)
        visitor.page.mouse.click(*visitor.place_of(EnterPin(digits, 3, wrong=False), key))
        visitor.page.wait_for_function(f"() => window.latencies.length > {number}")
    visitor.leave()
    taken: list[float] = visitor.page.evaluate("() => window.latencies")
    return taken


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "far.mjpeg"
        write_clip(clip, swaying(far_away(camera_frame(load_faces().patient))))
        with running_demo(Path(folder) / "out") as demo, browser_with(clip) as browser:
            visitor = Visitor(browser.new_page(viewport=VIEWPORT)).open(demo.reader)
            print(json.dumps({"preview_pictures_per_s": round(preview(visitor), 1), "goal": 15}))
            percentiles = quantiles(touch(visitor), n=100)
            figures = {f"p{at}_ms": round(percentiles[at - 1], 1) for at in (50, 95, 99)}
            print(json.dumps({"touch_to_picture": figures, "touches": TOUCHES, "goal_p95_ms": 150}))
    assert visitor.faults == [], visitor.faults


if __name__ == "__main__":
    main()
