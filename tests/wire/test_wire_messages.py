"""The catalogue of messages inside TLS."""

from plain import raises

from firmware.wire import messages
from firmware.wire.messages import CAPS, LIMITS_MS, Malformed, Messages, pack

QUESTIONS = {1: 0x44, 2: 0x41, 3: 0x42, 4: 0x43, 5: 0x44, 6: 0x45, 7: 0x46, 8: 0x47, 9: 0x48}
"""Kind of each question: kind of its answer."""
SETTINGS = (b"bridge-1", bytes(range(32)), b"s" * 32, 3, messages.DEMO | messages.STAFF_CHECK, 1_800_000_000)
LIST = [(b"P-1", 20261130, "青空クリニック"), (b"", 20260101, "")]


def test_the_catalogue_has_the_numbers_of_the_protocol() -> None:
    questions = (messages.SETTINGS, messages.OPEN_VISIT, messages.IDENTIFY, messages.DELIVER, messages.CALL_RECEPTION)
    assert questions == (1, 2, 3, 4, 5)
    questions = (messages.REVOCATION, messages.PRESCRIPTIONS, messages.CHECK_PASSCODE, messages.RENEW)
    assert questions == (6, 7, 8, 9)
    answers = (messages.NONCE, messages.STANDING, messages.RECEIPT, messages.DONE, messages.CERTIFICATE_STATUS)
    assert answers == (0x41, 0x42, 0x43, 0x44, 0x45)
    answers = (messages.PRESCRIPTION_LIST, messages.PASSCODE, messages.ISSUED, messages.ERROR)
    assert answers == (0x46, 0x47, 0x48, 0x4F)
    assert set(CAPS) == set(QUESTIONS) | set(QUESTIONS.values()) | {0x4F}
    assert [CAPS[kind] for kind in range(1, 10)] == [174, 0, 4096, 9400, 0, 4096, 32, 18, 4096]
    assert [CAPS[kind] for kind in range(0x41, 0x49)] == [32, 3, 83, 0, 1, 2177, 2, 4096]
    assert CAPS[messages.ERROR] == 1


def test_every_question_and_no_answer_has_a_time_limit() -> None:
    limits = {1: 3000, 2: 3000, 3: 5000, 4: 10000, 5: 3000, 6: 5000, 7: 5000, 8: 3000, 9: 5000}
    assert limits == LIMITS_MS


def test_codes_inside_bodies_have_the_numbers_of_the_protocol() -> None:
    assert (messages.CANNOT, messages.NOT_UNDERSTOOD) == (1, 2)
    assert (messages.DEMO, messages.DISASTER, messages.HAS_PRESCRIPTIONS, messages.STAFF_CHECK) == (1, 2, 4, 8)
    assert (messages.ASK_CONSENTS, messages.ASK_PRESCRIPTIONS) == (1, 2)
    statuses = (messages.GOOD, messages.EXPIRED, messages.REVOKED, messages.UNCERTAIN, messages.ENDING, messages.ENDED)
    assert statuses == messages.STATUSES == (1, 2, 3, 4, 5, 6)
    assert (messages.PASSCODE_RIGHT, messages.PASSCODE_WRONG, messages.PASSCODE_LOCKED) == (1, 2, 3)


def test_a_message_is_kind_request_length_and_body() -> None:
    assert pack(messages.NONCE, 0x01020304, b"n" * 32) == bytes.fromhex("4101020304" + "0020") + b"n" * 32
    assert pack(messages.OPEN_VISIT, 7, b"") == bytes.fromhex("02000000070000")


def test_messages_come_out_of_a_stream_cut_anywhere() -> None:
    sent = [(messages.NONCE, 1, b"n" * 32), (messages.DONE, 2, b""), (messages.ERROR, 0xFFFFFFFF, b"\1")]
    stream = b"".join([pack(*one) for one in sent])
    for cut in range(len(stream) + 1):
        reader = Messages()
        found = reader.feed(stream[:cut]) + reader.feed(stream[cut:])
        assert found == sent
    for size in (1, 2, 3):
        reader = Messages()
        found = []
        for at in range(0, len(stream), size):
            found += reader.feed(stream[at : at + size])
        assert found == sent


def test_a_message_at_its_cap_passes_and_beyond_it_is_refused_by_both_ends() -> None:
    for kind, cap in CAPS.items():
        assert Messages().feed(pack(kind, 1, bytes(cap))) == [(kind, 1, bytes(cap))]
        raises(Malformed, pack, kind, 1, bytes(cap + 1))
        header = bytes([kind]) + (1).to_bytes(4, "big") + (cap + 1).to_bytes(2, "big")
        assert f"{cap + 1} bytes" in raises(Malformed, Messages().feed, header)


def test_a_length_beyond_the_cap_is_refused_before_the_body_comes() -> None:
    header = bytes([messages.DELIVER]) + bytes(4) + (9401).to_bytes(2, "big")
    assert Messages().feed(header[:-1]) == []
    reader = Messages()
    reader.feed(header[:-1])
    raises(Malformed, reader.feed, header[-1:])


def test_an_unknown_kind_is_refused() -> None:
    for kind in (0, 10, 0x40, 0x49, 0x81, 0xFF):
        raises(Malformed, Messages().feed, bytes([kind]) + bytes(6))


def test_a_catalogue_of_its_own_takes_no_kind_of_another() -> None:
    caps = {1: 2}
    assert Messages(caps).feed(pack(1, 0, b"ab", caps)) == [(1, 0, b"ab")]
    raises(Malformed, pack, 1, 0, b"abc", caps)
    raises(Malformed, Messages(caps).feed, pack(messages.OPEN_VISIT, 0, b""))


def test_settings_survive_packing() -> None:
    body = messages.pack_settings(*SETTINGS)
    assert messages.unpack_settings(body) == SETTINGS
    assert body.hex() == (
        "0008" + b"bridge-1".hex() + "0020" + bytes(range(32)).hex() + "73" * 32 + "03" + "09" + "000000006b49d200"
    )


def test_settings_at_their_caps_fill_the_message_and_beyond_are_refused() -> None:
    body = messages.pack_settings(b"b" * 64, b"k" * 64, b"s" * 32, 255, 15, 2**64 - 1)
    assert len(body) == CAPS[messages.SETTINGS]
    assert messages.unpack_settings(body)[4:] == (15, 2**64 - 1)
    raises(Malformed, messages.pack_settings, b"b" * 65, b"", b"s" * 32, 1, 0, 1)
    raises(Malformed, messages.pack_settings, b"", b"k" * 65, b"s" * 32, 1, 0, 1)


def test_settings_with_a_sealing_key_of_another_size_or_unknown_flags_are_malformed() -> None:
    good = messages.pack_settings(*SETTINGS)
    names = len(good) - 42
    raises(Malformed, messages.unpack_settings, good[:names] + good[names + 1 :])
    raises(Malformed, messages.unpack_settings, good[:names] + b"s" + good[names:])
    for flags in (16, 32, 0x80):
        raises(Malformed, messages.unpack_settings, good[:-9] + bytes([flags]) + good[-8:])


def test_a_nonce_and_a_digest_have_one_size() -> None:
    for unpack in (messages.unpack_nonce, messages.unpack_digest):
        assert unpack(bytes(range(32))) == bytes(range(32))
        for size in (0, 31, 33):
            raises(Malformed, unpack, bytes(size))


def test_a_standing_survives_packing() -> None:
    assert messages.pack_standing(True, 5, 3) == b"\1\5\3"
    for standing in ((True, 0, 0), (False, 255, 1), (True, 5, 2), (True, 1, 3)):
        assert messages.unpack_standing(messages.pack_standing(*standing)) == standing


def test_a_standing_with_a_flag_that_is_none_or_unknown_bits_is_malformed() -> None:
    for body in (b"\2\1\1", b"\1\1\4", b"\1\1\x80", b"\1\1", b"\1\1\1\1", b""):
        raises(Malformed, messages.unpack_standing, body)


def test_a_certificate_status_is_one_of_six() -> None:
    for status in messages.STATUSES:
        assert messages.unpack_certificate_status(bytes([status])) == status
    for body in (b"\0", b"\7", b"", b"\1\1"):
        raises(Malformed, messages.unpack_certificate_status, body)


def test_prescriptions_survive_packing() -> None:
    for few in ([], LIST[:1], LIST):
        assert messages.unpack_prescriptions(messages.pack_prescriptions(few)) == few
    assert messages.pack_prescriptions([(b"P-1", 20261130, "A")]).hex() == "01" + "0003502d31" + "0135290a" + "000141"


def test_prescriptions_at_their_caps_fill_the_message_and_beyond_are_refused() -> None:
    full = [(b"i" * 32, 20261130, "n" * 96)] * 16
    body = messages.pack_prescriptions(full)
    assert len(body) == CAPS[messages.PRESCRIPTION_LIST]
    assert messages.unpack_prescriptions(body) == full
    raises(Malformed, messages.pack_prescriptions, full + full[:1])
    raises(Malformed, messages.pack_prescriptions, [(b"i" * 33, 1, "")])
    raises(Malformed, messages.pack_prescriptions, [(b"", 1, "あ" * 33)])
    raises(Malformed, messages.unpack_prescriptions, b"\x11" + body[1:] + body[1:137])


def test_a_list_of_prescriptions_that_breaks_off_or_goes_on_is_malformed() -> None:
    body = messages.pack_prescriptions(LIST)
    for cut in range(len(body)):
        raises(Malformed, messages.unpack_prescriptions, body[:cut])
    raises(Malformed, messages.unpack_prescriptions, body + b"\0")


def test_a_count_of_prescriptions_beyond_the_cap_is_malformed_even_of_an_empty_list() -> None:
    for count in (17, 0x80, 0xFF):
        assert raises(Malformed, messages.unpack_prescriptions, bytes([count])) == f"{count} prescriptions"


def test_the_largest_day_of_issue_survives_packing() -> None:
    far = [(b"", 0xFFFFFFFF, "")]
    assert messages.unpack_prescriptions(messages.pack_prescriptions(far)) == far


def test_a_name_that_is_no_text_is_malformed() -> None:
    body = messages.pack_prescriptions([(b"", 1, "ABC")])
    raises(Malformed, messages.unpack_prescriptions, body.replace(b"ABC", b"A\xff\xff"))


def test_a_passcode_survives_packing() -> None:
    assert messages.pack_passcode("0420") == b"\0\x040420"
    for passcode in ("", "0420", "9" * 16):
        assert messages.unpack_passcode(messages.pack_passcode(passcode)) == passcode
    raises(Malformed, messages.pack_passcode, "9" * 17)
    for body in (b"", b"\0", b"\0\x01", b"\0\x011 ", b"\0\x02\xff\xff", b"\0\x11" + b"9" * 17):
        raises(Malformed, messages.unpack_passcode, body)


def test_a_verdict_survives_packing() -> None:
    assert messages.pack_verdict(messages.PASSCODE_WRONG, 2) == b"\2\2"
    for verdict in ((1, 0), (2, 255), (3, 0)):
        assert messages.unpack_verdict(messages.pack_verdict(*verdict)) == verdict
    for body in (b"\0\1", b"\4\1", b"\1", b"\1\1\1"):
        raises(Malformed, messages.unpack_verdict, body)


def test_a_receipt_survives_packing() -> None:
    cti = bytes(range(16))
    assert messages.pack_receipt(cti, False, "no") == cti + b"\0\0\x02no"
    for receipt in ((cti, True, ""), (cti, False, "photo_changed"), (cti, False, "r" * 64)):
        assert messages.unpack_receipt(messages.pack_receipt(*receipt)) == receipt
    raises(Malformed, messages.pack_receipt, cti, False, "r" * 65)
    raises(Malformed, messages.pack_receipt, cti[1:], True, "")
    raises(Malformed, messages.pack_receipt, cti + b"\0", True, "")


def test_a_receipt_that_breaks_off_or_goes_on_is_malformed() -> None:
    body = messages.pack_receipt(bytes(16), False, "no")
    for cut in range(len(body)):
        raises(Malformed, messages.unpack_receipt, body[:cut])
    raises(Malformed, messages.unpack_receipt, body + b"\0")


def test_a_receipt_says_why_where_it_refuses_and_only_there() -> None:
    raises(Malformed, messages.unpack_receipt, messages.pack_receipt(bytes(16), False, ""))
    raises(Malformed, messages.unpack_receipt, messages.pack_receipt(bytes(16), True, "photo_changed"))
    raises(Malformed, messages.unpack_receipt, bytes(16) + b"\2" + b"\0\0")
    raises(Malformed, messages.unpack_receipt, bytes(16) + b"\0" + b"\0\2\xff\xff")


def test_a_byte_string_ends_where_its_length_says() -> None:
    assert messages.pack_bytes(b"abc", 3) == b"\0\x03abc"
    assert messages.unpack_bytes(b"\0\x03abcde", 3) == (b"abc", b"de")
    assert messages.unpack_bytes(b"\0\0", 0) == (b"", b"")
    for size in (0x7FFF, 0x8000, 0xFFFF):
        packed = messages.pack_bytes(b"x" * size, 0xFFFF)
        assert packed[:2] == size.to_bytes(2, "big")
        assert messages.unpack_bytes(packed + b"rest", 0xFFFF) == (b"x" * size, b"rest")
        raises(Malformed, messages.unpack_bytes, packed[:-1], 0xFFFF)
    raises(Malformed, messages.pack_bytes, b"abcd", 3)
    for body in (b"", b"\0", b"\0\x04abc", b"\0\x04abcd"):
        raises(Malformed, messages.unpack_bytes, body, 3)


def test_text_is_utf_8_or_malformed() -> None:
    assert messages.text("青空".encode()) == "青空"
    for data in (b"\xff", b"\xe9\x9d", b"a\x80"):
        raises(Malformed, messages.text, data)


def test_what_is_malformed_is_said() -> None:
    for text, function, argument in (
        ("text that is none", messages.text, b"\xff"),
        ("31 bytes, 32 expected", messages.unpack_nonce, bytes(31)),
        ("1 bytes too many", messages.unpack_passcode, b"\0\0\0"),
        ("field of 17 bytes", messages.unpack_passcode, b"\0\x11" + b"9" * 17),
        ("2 bytes for >BBB", messages.unpack_standing, b"\0\0"),
        ("unknown bits in 4", messages.unpack_standing, b"\1\1\4"),
        ("7 is none of (1, 2, 3, 4, 5, 6)", messages.unpack_certificate_status, b"\7"),
        ("17 prescriptions", messages.pack_prescriptions, [(b"", 1, "")] * 17),
        ("a refusal without a reason, or a reason without one", messages.unpack_receipt, bytes(19)),
    ):
        assert raises(Malformed, function, argument) == text
    assert raises(Malformed, pack, messages.NONCE, 1, bytes(33)) == "message 65 of 33 bytes"
    assert raises(Malformed, messages.pack_bytes, b"abcd", 3) == "field of 4 bytes"
