"""Our COBS: the published examples, the edges of a block, and what is no encoding."""

from firmware.wire import cobs

FULL = bytes(range(1, 255))
"""As long as a block can be: 254 bytes, none of them zero."""
PAIRS = (
    (b"", "01"),
    (b"\0", "0101"),
    (b"\0\0", "010101"),
    (b"\0\x11\0", "01021101"),
    (b"\x11\x22\0\x33", "031122" + "0233"),
    (b"\x11\x22\x33\x44", "0511223344"),
    (b"\x11\0\0\0", "0211010101"),
    (FULL[1:], "fe" + FULL[1:].hex()),
    (FULL, "ff" + FULL.hex()),
    (b"\0" + FULL, "01ff" + FULL.hex()),
    (FULL + b"\0", "ff" + FULL.hex() + "0101"),
    (FULL + b"\xff", "ff" + FULL.hex() + "02ff"),
    (FULL + FULL, "ff" + FULL.hex() + "ff" + FULL.hex()),
    (FULL + b"\0" + FULL, "ff" + FULL.hex() + "01" + "ff" + FULL.hex()),
    (FULL[1:] + b"\xff\0", "ff" + FULL[1:].hex() + "ff0101"),
)
"""Plain, encoded: from the paper, from Wikipedia's page on COBS, and around the longest block."""


def test_encoding_writes_the_published_examples() -> None:
    for plain, encoded in PAIRS:
        assert cobs.encode(plain).hex() == encoded


def test_decoding_reads_the_published_examples() -> None:
    for plain, encoded in PAIRS:
        assert cobs.decode(bytes.fromhex(encoded)) == plain


def test_an_empty_last_block_after_a_full_one_is_read_as_nothing() -> None:
    assert cobs.decode(bytes.fromhex("ff" + FULL.hex() + "01")) == FULL


def test_nothing_at_all_is_read_as_nothing() -> None:
    assert cobs.decode(b"") == b""


def test_every_length_around_the_longest_blocks_comes_back() -> None:
    for length in (1, 252, 253, 254, 255, 256, 507, 508, 509, 761, 762, 763, 1012):
        for last in (b"", b"\0", b"\x11"):
            plain = b"\x22" * length + last
            encoded = cobs.encode(plain)
            assert 0 not in encoded
            assert cobs.decode(encoded) == plain
            assert len(encoded) <= len(plain) + 1 + len(plain) // 254


def test_what_is_no_encoding_is_refused() -> None:
    for broken in ("00", "05", "0311", "031100", "02", "0211ff", "0100", "0001", "02110002", "ff" + "11" * 253):
        assert cobs.decode(bytes.fromhex(broken)) is None
