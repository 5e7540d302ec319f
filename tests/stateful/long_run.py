"""The state machines over as many examples as one has time for: long_run.py EXAMPLES [link | channel].

Prints how far it has come, and a finding as the steps that lead to it; then it ends.
"""

import sys
import time
from pathlib import Path

here = Path(__file__).resolve().parent
sys.path[:0] = [str(here.parents[1]), str(here), *(str(here.parent / folder) for folder in ("token", "wire"))]

from channel_machine import ChannelMachine  # noqa: E402
from hypothesis.stateful import run_state_machine_as_test  # noqa: E402
from link_machine import LinkMachine  # noqa: E402
from stateful_settings import long  # noqa: E402

ROUND = 100
"""Examples in one go; the next begins elsewhere."""
STEPS = 60
_MACHINES = {"link": LinkMachine, "channel": ChannelMachine}


def main() -> int:
    examples, names = int(sys.argv[1]), sys.argv[2:] or list(_MACHINES)
    for name in names:
        began = time.monotonic()
        for done in range(0, examples, ROUND):
            count = min(ROUND, examples - done)
            run_state_machine_as_test(_MACHINES[name], settings=long(count, STEPS))
            print(f"{name}: {done + count} examples in {time.monotonic() - began:.0f} s, nothing found", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
