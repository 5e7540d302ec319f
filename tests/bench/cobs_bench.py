"""What a full frame costs with our COBS and with the C package: encoded by one end, decoded by the other."""

import time

from firmware.cobs import codec
from firmware.wire import cobs, frame
from firmware.wire.frame import MAX_PAYLOAD, Frame, decode

SECONDS = 1.0
PAYLOADS = (bytes(MAX_PAYLOAD), b"\xff" * MAX_PAYLOAD, bytes(at * 151 & 0xFF for at in range(MAX_PAYLOAD)))
"""Nothing but zeros, none at all, and what TLS looks like: a zero in 256."""


def frames_a_second(one: "frame.Codec", payload: bytes) -> float:
    """Full frames of `payload`, encoded and decoded."""
    sent = Frame(frame.DATA, True, 0x12345678, 1, payload)
    count = 0
    end = time.perf_counter() + SECONDS
    while time.perf_counter() < end:
        for _ in range(100):
            found = decode(sent.encode(one)[1:-1], one)
        assert found is not None
        assert found.payload == payload
        count += 100
    return count / SECONDS


def lines() -> list[str]:
    """For people: one line a codec."""
    codecs = {"firmware.wire.cobs": cobs, "package cobs": codec()}
    return [
        f"{name}: {', '.join(f'{frames_a_second(one, payload):,.0f}' for payload in PAYLOADS)} frames/s"
        " (payload of zeros; of none; as in TLS)"
        for name, one in codecs.items()
    ]


if __name__ == "__main__":
    print("\n".join(lines()))
