"""Whatever the line does, and whoever restarts: each token arrives, in order, and counts once."""

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from session_world import Host, World, made

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("keep"), st.just(0)),
        st.tuples(st.just("wait"), st.integers(0, 3000)),
        st.tuples(st.just("replug"), st.just(0)),
        st.tuples(st.just("lose"), st.integers(0, 5)),
        st.tuples(st.just("repeat"), st.integers(0, 5)),
        st.tuples(st.just("spoil"), st.integers(0, 3000)),
        st.tuples(st.just("echo"), st.just(0)),
        st.tuples(st.just("restart reader"), st.just(0)),
        st.tuples(st.just("restart host"), st.just(0)),
        st.tuples(st.just("deaf host"), st.just(0)),
    ),
    max_size=25,
)


def do(world: World, step: str, value: int) -> None:
    """One thing that may happen, in the middle of whatever is on its way."""
    world.tick()
    lines = (world.to_reader, world.to_host)
    if step == "keep":
        number = world.journal.last()[0] + 1
        world.keep(number.to_bytes(16, "big") * 40)
    elif step == "wait":
        world.wait(value)
    elif step == "replug":
        world.unplug()
        world.plug()
    elif step == "lose":
        for line in lines:
            del line[value : value + 1]
    elif step == "repeat":
        for line in lines:
            line.extend(line[value : value + 1])
    elif step == "spoil":
        for line in lines:
            if line:
                at = value % len(line[0])
                line[0] = line[0][:at] + b"\0noise" + line[0][at + 1 :]
    elif step == "echo":
        world.to_reader.extend(world.to_host[:3])
        world.to_host.extend(world.to_reader[:3])
    elif step == "restart reader":
        world.restart()
    elif step == "restart host":
        tokens = world.host.tokens
        world.host = Host(world.host.identity)
        world.host.tokens = tokens
        world.host.line.start(world.now)
    else:
        world.host.lies = {4: lambda question: []} if not world.host.lies else {}


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(STEPS)
def test_every_token_arrives_in_order_and_counts_once(steps: list[tuple[str, int]]) -> None:
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        world = World(Path(folder), made(Path(folder)))
        world.plug()
        for step, value in steps:
            do(world, step, value)
            last, kept = world.journal.last()[0], world.journal.undelivered()
            arrived = len(set(world.host.tokens))
            assert last - kept <= arrived <= last  # what the reader has erased, the terminal has
        world.host.lies = {}
        world.until(lambda: world.journal.oldest() is None, 60_000)
        expected = [number.to_bytes(16, "big") * 40 for number in range(1, world.journal.last()[0] + 1)]
        assert list(dict.fromkeys(world.host.tokens)) == expected
        world.close()
