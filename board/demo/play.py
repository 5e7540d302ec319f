"""Plays the scripted visits of `board.demo.visits` one after the other, and says how they ended."""

from collections.abc import Callable
from pathlib import Path

from PIL import Image

from board.demo.cards import FACE_CARD, PIN, Cards, OtherCard, OtherCards
from board.demo.film import Film
from board.demo.portraits import before_camera, chip_photo, load_faces
from board.demo.report import Played, faults, last_line, report
from board.demo.script import Script, Unexpected
from board.demo.stage import Folders, Plan, issued_cards, set_stage
from board.demo.visits import STORIES, People, empty_room
from board.profiles import load_profile
from board.sim.dock import Dock
from board.sim.pcscd import PcscDaemon
from firmware.__main__ import look_of

NOT_AS_TOLD = 1


async def play(
    out: Path, models: Path, faces_folder: Path | None, other: OtherCard | None, say: Callable[[str], None]
) -> int:
    """Play all stories; the exit status. Raises StageFault and what the stage's parts raise."""
    faces = load_faces(faces_folder)
    pin = other.pin if other else PIN
    people = People(
        before_camera("patient", faces.patient),
        before_camera("other", faces.other),
        empty_room(),
        pin,
        stranger=other is not None,
    )
    plan = Plan(out, models, {FACE_CARD: chip_photo(faces.card)}, authority=other.authority if other else None)
    played: list[Played] = []
    dock, film = Dock(), Film(out / "screens")
    dock.on_show = film.show

    async def lay_cards(daemon: PcscDaemon, folders: Folders) -> Cards:
        return OtherCards(daemon, other) if other else await issued_cards(daemon, folders)

    async with set_stage(plan, dock, lay_cards, say) as stage:
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
