"""Draw every screen in every language and size: `python -m firmware.screens FOLDER`, then open index.html there."""

import argparse
from html import escape
from pathlib import Path

from firmware.screens.samples import SAMPLES, looks


def main() -> None:
    """Write one PNG a screen and look, and a page that shows them side by side."""
    parser = argparse.ArgumentParser(prog="python -m firmware.screens", description=__doc__)
    parser.add_argument("folder", type=Path, help="where to write; it is made if need be")
    folder: Path = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for name, screen in SAMPLES.items():
        cells = []
        for look_name, look in looks():
            file = f"{name}.{look_name}.png"
            screen.draw(look).image.save(folder / file)
            cells.append(f'<td><a href="{file}"><img src="{file}" width="400" alt="{escape(name)} {look_name}"></a>')
        rows.append(f"<tr><th>{escape(name)}{''.join(cells)}")
    heads = "".join(f"<th>{look_name}" for look_name, _ in looks())
    style = "<style>body{font:14px sans-serif}td{padding:4px}img{border:1px solid #bec6cd}</style>"
    page = (
        f"<!doctype html><meta charset=utf-8><title>Screens</title>{style}<table><tr><th>{heads}{''.join(rows)}</table>"
    )
    (folder / "index.html").write_text(page, encoding="utf-8")
    print(f"{len(SAMPLES) * len(heads.split('<th>')[1:])} pictures and index.html in {folder}")


if __name__ == "__main__":
    main()
