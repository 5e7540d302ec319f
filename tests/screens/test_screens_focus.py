"""The external keypad's way over a screen."""

from PIL import ImageChops

from board.contracts import Key
from firmware.screens.focus import FRAME, framed, order
from firmware.screens.look import Look
from firmware.screens.samples import SAMPLES, looks


def test_every_choice_of_every_screen_is_in_the_keypads_way_or_has_a_key_of_its_own() -> None:
    keys = {key.value for key in Key} | {"next"}
    for name, screen in SAMPLES.items():
        drawn = screen.draw(Look())
        ways = order(drawn)
        assert set(drawn.areas) == set(ways) | (set(drawn.areas) & keys), name
        asked = [area for area in ways if area not in FRAME]
        assert ways[: len(asked)] == asked, "the question's own choices come first"


def test_the_frame_touches_no_other_choice_and_stays_on_the_panel() -> None:
    for look_name, look in looks():
        for name, screen in SAMPLES.items():
            drawn = screen.draw(look)
            for area in order(drawn):
                changed = ImageChops.difference(drawn.image, framed(drawn, area, look).image).getbbox()
                assert changed is not None
                left, top, right, bottom = changed
                assert left > 0 and top > 0 and right < look.size[0] and bottom < look.size[1], (look_name, name, area)
                others = [box for other, box in drawn.areas.items() if other != area]
                assert all(
                    box.right <= left or right <= box.left or box.bottom <= top or bottom <= box.top for box in others
                ), (look_name, name, area)
