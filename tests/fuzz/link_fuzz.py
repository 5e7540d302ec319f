"""Fuzz what reads the cable's bytes, each way in for its share of the time; a finding ends it with status 1.

    PYTHONPATH=. python tests/fuzz/link_fuzz.py FOLDER SECONDS

A corpus and whatever was found stay in FOLDER. To play a finding again: link_fuzz.py FOLDER ENTRY FILE.
"""

import subprocess
import sys
import tracemalloc
from pathlib import Path

import atheris

LONGEST = {
    "cbor": 8192,
    "cose": 1024,
    "certificate": 4096,
    "request": 4096,
    "evidence": 8192,
    "record": 9500,
    "message": 9500,
    "enrolment": 9500,
    "frame": 1500,
    "journal": 200,
}
"""Each way in, with the most bytes of a fuzzed input."""
LIMITS = ("-timeout=5", "-rss_limit_mb=1024", "-print_final_stats=1")


def main() -> None:
    folder, what, *files = sys.argv[1:]
    if what in LONGEST:
        fuzz(folder, what, files)
    for entry in LONGEST:
        corpus = Path(folder, entry)
        arguments = (str(corpus), f"-max_total_time={int(what) // len(LONGEST)}")
        print(f"=== {entry}", flush=True)
        subprocess.run((sys.executable, __file__, folder, entry, *arguments), check=True)


def fuzz(folder: str, entry: str, arguments: list[str]) -> None:
    """Does not return."""
    with atheris.instrument_imports(include=["firmware", "host_bridge"]):
        from link_entries import ENTRIES, SEEDS
    from link_mutators import MUTATORS  # may be as fast as they can

    def mutate(data: bytes, longest: int, seed: int) -> bytes:
        """One in eight is not mended."""
        changed: bytes = MUTATORS[entry](data, atheris.Mutate, longest, seed >> 3)
        return changed if seed % 8 and len(changed) <= longest else atheris.Mutate(data, longest)

    corpus = Path(folder, entry)
    corpus.mkdir(parents=True, exist_ok=True)
    tracemalloc.start()  # once: each start takes memory that no stop gives back
    for index, seed in enumerate(SEEDS[entry]):
        ENTRIES[entry](seed)  # once before it counts: what is allocated for good
        Path(corpus, f"seed-{index}").write_bytes(seed)
    options = [f"-artifact_prefix={folder}/{entry}-", f"-max_len={LONGEST[entry]}", *LIMITS]
    custom = {"custom_mutator": mutate} if entry in MUTATORS else {}
    atheris.Setup([__file__, *options, *arguments], ENTRIES[entry], **custom)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
