"""A card that somebody else might have made: its own idea of the chip, attached to vpcd by itself.

It shares no code with the project, knows no short file identifiers and no extended APDUs, gives at most 200 bytes at a
time, insists on the exact Le at a file's end, bears a certificate of nobody, and has no 券面事項確認AP.

    python strange_card.py PORT CERTIFICATE_DER
"""

import socket
import sys
from pathlib import Path

ATR = bytes.fromhex("3BFF1100FF8131FE4D80318066B08401004601838390002B")
MOST = 200


def main() -> None:
    port, der = int(sys.argv[1]), Path(sys.argv[2]).read_bytes()
    files = {0x0006: b"JPKIAPICCTOKEN2".ljust(32), 0x000A: der + bytes(1900 - len(der))}
    state: dict[str, int | None] = {"application": None, "file": None}
    with socket.create_connection(("127.0.0.1", port)) as line:
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while head := line.recv(2, socket.MSG_WAITALL):
            message = line.recv(int.from_bytes(head, "big"), socket.MSG_WAITALL)
            if message == b"\x04":
                answer = ATR
            elif len(message) == 1:
                state.update(application=None, file=None)
                continue
            else:
                answer = respond(message, files, state)
            line.sendall(len(answer).to_bytes(2, "big") + answer)


def respond(apdu: bytes, files: dict[int, bytes], state: dict[str, int | None]) -> bytes:
    cla, ins, p1, p2 = apdu[:4]
    body = apdu[5 : 5 + apdu[4]] if len(apdu) > 5 else b""
    selected = state["file"]
    if cla == 0 and ins == 0xA4 and p1 == 4:
        if body != bytes.fromhex("D392F000260100000001"):
            return b"\x6a\x82"
        state.update(application=1, file=None)
        return b"\x90\x00"
    if state["application"] is None:
        return b"\x6d\x00"
    if cla == 0 and ins == 0xA4 and p1 == 2:
        state["file"] = int.from_bytes(body, "big")
        return b"\x90\x00" if state["file"] in (*files, 0x18) else b"\x6a\x82"
    if cla == 0 and ins == 0x20 and selected == 0x18 and p2 == 0x80 and not body:
        return b"\x63\xc2"
    if cla == 0 and ins == 0xB0 and selected in files:
        if p1 & 0x80 or len(apdu) != 5:
            return b"\x6a\x86" if p1 & 0x80 else b"\x67\x00"
        rest = files[selected][p1 << 8 | p2 :]
        if 0 < len(rest) < (apdu[4] or 256):
            return bytes((0x6C, len(rest)))
        return rest[: min(apdu[4] or 256, MOST)] + b"\x90\x00" if rest else b"\x6b\x00"
    return b"\x6d\x00"


if __name__ == "__main__":
    main()
