"""Commands about readers: make the bridge's identity, pair, deny, unpair, list. `pair` has a file of its own."""

import argparse
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from unicodedata import east_asian_width

from host_bridge.certificates import organization
from host_bridge.config import Config
from host_bridge.devices import Row
from host_bridge.identity import BridgeIdentity, create_bridge
from host_bridge.pair import pair

_HEADINGS: Final = ("装置 / device", "製造元 / maker", "登録 / paired since", "期限 / valid until", "拒否 / denied")


def add_commands(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Each sets `command` to a function of the parsed options."""
    init = subparsers.add_parser("init", help="make this bridge's authority, certificate and sealing key")
    init.add_argument("--identity", type=Path, required=True, help="folder to make")
    init.set_defaults(command=_init)
    for name, command, what in (
        ("pair", _pair, "give the reader on the port a local identity"),
        ("devices", _devices, "list the readers paired or denied"),
        ("unpair", _unpair, "no longer serve a reader; it may be paired again"),
        ("deny", _deny, "never serve a reader again, because it was lost or stolen"),
    ):
        parser = subparsers.add_parser(name, help=what)
        if name in ("unpair", "deny"):
            parser.add_argument("device", help="serial number of the reader")
        parser.add_argument("--config", type=Path, required=True, help="the bridge's TOML file")
        parser.set_defaults(command=command)


def _init(options: argparse.Namespace) -> None:
    bridge = create_bridge(options.identity)
    print(f"受付ソフトの鍵を作りました / made bridge {bridge.bridge_id.hex()} in {options.identity}")


def _pair(options: argparse.Namespace) -> None:
    pair(Config.load(options.config))


def _devices(options: argparse.Namespace) -> None:
    rows = _identity(options).devices.table()
    if not rows:
        print("登録されたリーダーはありません / no reader is paired; pair one with: kiosk-bridge pair --config FILE")
        return
    for line in _table([_HEADINGS, *map(_columns, rows)]):
        print(line)


def _unpair(options: argparse.Namespace) -> None:
    identity = _identity(options)
    identity.devices.unpair(options.device)
    if options.device in identity.denylist.devices():
        print(
            f"{options.device}: 登録を解除しました（拒否のまま） / no longer paired; still denied: never paired again"
        )
    else:
        print(f"{options.device}: 登録を解除しました / no longer served; it may be paired again")


def _deny(options: argparse.Namespace) -> None:
    paired = _identity(options).devices.deny(options.device, datetime.now(UTC))
    print(f"{options.device}: 拒否しました / denied: never served, never paired here again")
    if not paired:
        print(
            "  この名前のリーダーは登録されていません。名前を確かめてください（kiosk-bridge devices）\n"
            "  No reader of this name is paired here: see that the name is right with kiosk-bridge devices"
        )


def _identity(options: argparse.Namespace) -> BridgeIdentity:
    return BridgeIdentity.load(Config.load(options.config).identity)


def _columns(row: Row) -> tuple[str, ...]:
    denied = _day(row.denied) if row.denied else "-"
    if row.paired is None:
        return row.device_id, "-", "-", "-", denied
    seen = "" if row.seen else " (まだ接続なし / not seen yet)"
    since, until = _day(row.paired.since), _day(row.paired.local.not_valid_after_utc)
    return row.device_id, organization(row.paired.maker.issuer), since + seen, until, denied


def _day(at: datetime) -> str:
    return f"{at.astimezone():%Y-%m-%d}"


def _table(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(map(_width, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _width(text: str) -> int:
    """Columns on a terminal: kanji and kana take two (East Asian Width, UAX 11)."""
    return sum(2 if east_asian_width(one) in "WF" else 1 for one in text)
