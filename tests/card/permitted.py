"""What a reader may touch on a My Number Card, judged from the commands that reached it.

Whatever is not listed here is not permitted: number A, the picture of the 12-digit number and the text application
are out of reach by name, by short file identifier, and by any command that a visit has no use for.
"""

import re
from collections.abc import Iterable

FILES = {
    bytes.fromhex("D392F000260100000001"): {0x0006, 0x000A, 0x0017, 0x0018},
    bytes.fromhex("D3921000310001010402"): {0x0002, 0x0004, 0x0012},
}
"""By application: label, certificate, key and PIN of 公的個人認証AP; card face, issuer certificate and number B of
券面事項確認AP."""


class NotPermitted(AssertionError):
    """A command that no visit has any business with."""


def assert_permitted(trace: Iterable[str]) -> None:
    """Follow the commands in a virtual card's trace. Raises NotPermitted."""
    files: set[int] = set()
    for line in trace:
        if command := re.fullmatch(r"\S+ ([0-9A-F]{8,})(\*\*)? -> .*", line):
            files = _files_after(bytes.fromhex(command[1]), files)


def _files_after(apdu: bytes, files: set[int]) -> set[int]:
    """The files permitted from here on: those of the application that is selected."""
    cla, ins, p1, p2 = apdu[:4]
    match cla, ins, p1:
        case 0x00, 0xA4, 0x04:  # SELECT by name
            if _data(apdu) not in FILES:
                raise NotPermitted(f"{apdu.hex()}: another application")
            return FILES[_data(apdu)]
        case 0x00, 0xA4, 0x02:  # SELECT by file identifier
            permitted = int.from_bytes(_data(apdu), "big") in files
        case 0x00, 0xB0, _:  # READ BINARY: the selected file, or a short file identifier
            permitted = p1 < 0x80 or p1 & 0x7F in files
        case (0x00, 0x20, 0x00) | (0x80, 0x2A, 0x00):  # VERIFY, signature: the same; 0 is the application's own key
            permitted = p2 == 0x80 or p2 & 0x7F in {*files, 0}
        case 0x00, 0xC0, 0x00:  # GET RESPONSE
            permitted = True
        case _:
            raise NotPermitted(f"{apdu.hex()}: another command")
    if not permitted:
        raise NotPermitted(f"{apdu.hex()}: another file")
    return files


def _data(apdu: bytes) -> bytes:
    """What a command carries, by its length field of one or of three bytes."""
    extended = apdu[4] == 0 and len(apdu) > 7
    size, start = (int.from_bytes(apdu[5:7], "big"), 7) if extended else (apdu[4], 5)
    return apdu[start : start + size]
