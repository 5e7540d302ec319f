"""Draw every screen in every language and size: `python -m firmware.screens FOLDER`, then open index.html there."""

import argparse
from collections.abc import Mapping
from html import escape
from pathlib import Path

from firmware.screens.drawn import Screen
from firmware.screens.samples import SAMPLES, looks


def main() -> None:
    """Write the pictures and say where."""
    parser = argparse.ArgumentParser(prog="python -m firmware.screens", description=__doc__)
    parser.add_argument("folder", type=Path, help="where to write; it is made if need be")
    folder: Path = parser.parse_args().folder
    print(f"{contact_sheet(folder, SAMPLES)} pictures and index.html in {folder}")


def contact_sheet(folder: Path, samples: Mapping[str, Screen]) -> int:
    """One PNG a screen and look, and a page that shows them side by side; how many PNGs."""
    folder.mkdir(parents=True, exist_ok=True)
    heads = "".join(f"<th>{look_name}" for look_name, _ in looks())
    rows, count = [], 0
    for name, screen in samples.items():
        row = f"<tr><th>{escape(name)}"
        for look_name, look in looks():
            file = f"{name}.{look_name}.png"
            screen.draw(look).image.save(folder / file)
            row += f'<td><a href="{file}"><img src="{file}" width="400" alt="{escape(name)} {look_name}"></a>'
            count += 1
        rows.append(row)
    style = "<style>body{font:14px sans-serif}td{padding:4px}img{border:1px solid #bec6cd}</style>"
    table = f"<table><tr><th>{heads}{''.join(rows)}</table>"
    page = f"<!doctype html><meta charset=utf-8><title>Screens</title>{style}{table}"
    (folder / "index.html").write_text(page, encoding="utf-8")
    return count


if __name__ == "__main__":
    main()
