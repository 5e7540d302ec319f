"""The demo: the virtual reader and the bridge, with scripted patients.

`python -m board.demo --headless` plays every story of `board.demo.visits`, prints one line of JSON as its last line,
and ends with 0 only if each visit ended as its story says.
"""

import argparse
import asyncio
import signal
import sys
import time
from pathlib import Path

from PIL import Image

from board.contracts import Frame
from board.demo.cards import PIN, OtherCard
from board.demo.film import Film
from board.demo.portraits import PortraitError, camera_frame, load_faces
from board.demo.report import Played, faults, last_line, report
from board.demo.script import Script, Unexpected
from board.demo.stage import StageFault, set_stage
from board.demo.visits import STORIES, People, empty_room
from board.profiles import load_profile
from board.sim.dock import Dock
from board.sim.pcscd import PcscdUnavailable
from firmware.__main__ import look_of
from firmware.face.manifest import ModelError

NOT_AS_TOLD = 1
NOT_STARTED = 2
INTERRUPTED = 130


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m board.demo", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("build/demo"), help="folder for everything the demo leaves")
    parser.add_argument("--headless", action="store_true", help="scripted patients, no window")
    parser.add_argument("--faces", type=Path, help="folder with card.*, patient.* and other.* (default: portraits)")
    parser.add_argument("--models", type=Path, default=Path("build/models"), help="folder of built models")
    parser.add_argument("--card", metavar="COMMAND", help="a virtual card of your own: a program that attaches to vpcd")
    parser.add_argument("--number-b", metavar="DIGITS", help="with --card: what is printed on it (照合番号B)")
    parser.add_argument("--pin", metavar="DIGITS", help="with --card: the PIN its holder enters")
    parser.add_argument("--authority", type=Path, help="with --card: folder with its issuer's jpki_ca.pem, cv_ca.json")
    options = parser.parse_args()
    if not options.headless:
        parser.error("the virtual reader has no window yet: make demo HEADLESS=1 plays scripted visits")
    other = None
    if options.card:
        if not (options.number_b and options.pin):
            parser.error("--card needs --number-b and --pin")
        other = OtherCard(options.card, options.number_b, options.pin, options.authority)
    try:
        sys.exit(asyncio.run(play(options.out, options.models, options.faces, other)))
    except (StageFault, PortraitError, ModelError, PcscdUnavailable, OSError) as fault:
        print(f"demo: {fault}", file=sys.stderr)
        sys.exit(NOT_STARTED)
    except (KeyboardInterrupt, asyncio.CancelledError):
        sys.exit(INTERRUPTED)


async def play(out: Path, models: Path, faces_folder: Path | None, other: OtherCard | None) -> int:
    """Play all stories; the exit status. Raises StageFault and what the stage's parts raise."""
    playing = asyncio.current_task()
    if playing is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, playing.cancel)
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"[{time.monotonic() - began:5.1f} s] {text}", file=sys.stderr, flush=True)

    faces = load_faces(faces_folder)
    pin = other.pin if other else PIN
    people = People(before_camera("patient", faces.patient), before_camera("other", faces.other), empty_room(), pin)
    played: list[Played] = []
    dock, film = Dock(), Film(out / "screens")
    dock.on_show = film.show
    async with set_stage(out, models, faces, other, dock, say) as stage:
        script = Script(stage, look_of(load_profile("sim")))

        def show(name: str, picture: Image.Image) -> None:
            film.show(name, picture)
            script.saw(name)

        dock.on_show = show
        try:
            for story in STORIES:
                say(f"{story.name}: {(story.play.__doc__ or '').strip()}")
                film.visit(story.name)
                since = len(stage.reader.log.events)
                missed: str | None = None
                try:
                    await story.play(script, people)
                except Unexpected as fault:
                    missed = str(fault)
                await script.leave()
                played.append(Played(story, await script.event(stage.reader.log, "visit_ended", since), missed))
        except Unexpected as fault:
            say(f"{story.name}: {fault}; the demo ends here")
    film.close()
    reported = report(stage.folders, played, stage.reader.log.events)
    wrong = {visit["name"]: faults(visit, one) for visit, one in zip(reported["visits"], played, strict=True)}
    for name, found in wrong.items():
        say(f"{name}: {'; '.join(found) or 'as told'}")
    print(last_line(reported))
    complete = len(played) == len(STORIES) and reported["lost"] == reported["duplicates"] == 0
    return 0 if complete and not any(wrong.values()) else NOT_AS_TOLD


def before_camera(role: str, picture: Image.Image) -> Frame:
    """The person of `picture` before the camera. Raises PortraitError."""
    try:
        return camera_frame(picture)
    except PortraitError as error:
        raise PortraitError(f"{role}: {error}") from error


if __name__ == "__main__":
    main()
