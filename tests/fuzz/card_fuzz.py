"""Fuzz what reads a card's bytes, each way in for its share of the time; a finding ends it with status 1.

    PYTHONPATH=. python tests/fuzz/card_fuzz.py FOLDER SECONDS

A corpus and whatever was found stay in FOLDER. To play a finding again: card_fuzz.py FOLDER ENTRY FILE.
"""

import subprocess
import sys
import tracemalloc
from pathlib import Path

import atheris

LONGEST = {"objects": 4096, "answers": 1024, "photo": 128}
"""Each way in, with the most bytes of a fuzzed input."""
LIMITS = ("-timeout=5", "-rss_limit_mb=1024", "-print_final_stats=1")


def main() -> None:
    folder, what, *files = sys.argv[1:]
    if what in LONGEST:
        fuzz(folder, what, files)
    for entry, longest in LONGEST.items():
        corpus = Path(folder, entry)
        corpus.mkdir(parents=True, exist_ok=True)
        arguments = (str(corpus), f"-max_len={longest}", f"-max_total_time={int(what) // len(LONGEST)}", *LIMITS)
        print(f"=== {entry}", flush=True)
        subprocess.run((sys.executable, __file__, folder, entry, *arguments), check=True)


def fuzz(folder: str, entry: str, arguments: list[str]) -> None:
    """Does not return."""
    with atheris.instrument_imports(include=["firmware", "PIL"]):
        from card_entries import ENTRIES, SEEDS
    tracemalloc.start()  # once: each start takes memory that no stop gives back
    for index, seed in enumerate(SEEDS[entry]):
        ENTRIES[entry](seed)  # once before it counts: what is allocated for good
        Path(folder, entry, f"seed-{index}").write_bytes(seed)
    atheris.Setup([__file__, f"-artifact_prefix={folder}/{entry}-", *arguments], ENTRIES[entry])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
