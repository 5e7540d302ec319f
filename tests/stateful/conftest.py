import sys
from pathlib import Path

for folder in ("token", "wire"):  # the same made-up cards and readers, the same world of a channel
    sys.path.insert(0, str(Path(__file__).parents[1] / folder))
