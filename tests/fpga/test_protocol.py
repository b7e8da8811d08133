import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mxmac.config import Accumulator, MacConfig, Storage
from mxmac.formats import ELEMENT_FORMATS, RESULT_FORMATS
from mxmac_fpga.protocol import END, ESC, FRAME_OVERHEAD, Decoder, ErrorCode, Facts, Frame, encode

E2M1, E4M3 = ELEMENT_FORMATS["E2M1"], ELEMENT_FORMATS["E4M3"]

# Many of the bytes that are escaped.
payloads = st.lists(st.one_of(st.integers(0, 255), st.sampled_from([END, ESC, 0xDC, 0xDD])), max_size=40).map(bytes)
frames = st.builds(Frame, st.integers(0, 255), st.integers(0, 0xFFFF), payloads)


@given(st.lists(frames, max_size=5), st.lists(st.integers(1, 30), min_size=1))
def test_frames_come_back_whatever_the_pieces(sent, sizes):
    wire = b"".join(map(encode, sent))
    decoder, received = Decoder(), []
    while wire:
        for size in sizes:
            received += decoder.feed(wire[:size])
            wire = wire[size:]
    assert received == sent
    assert not decoder.rejected


@given(frames, st.binary(max_size=60))
def test_a_frame_after_any_garbage_is_understood(frame, garbage):
    decoder = Decoder()
    decoder.feed(garbage)
    assert decoder.feed(encode(frame))[-1] == frame


@given(frames, st.data())
def test_a_changed_byte_never_gives_another_frame(frame, data):
    wire = bytearray(encode(frame))
    wire[data.draw(st.integers(0, len(wire) - 1))] ^= data.draw(st.integers(1, 255))
    assert all(found == frame for found in Decoder().feed(bytes(wire)))


def test_a_frame_on_the_wire():
    # The check value of CRC-32 is 0xcbf43926, that of "123456789".
    wire = encode(Frame(ord("1"), int.from_bytes(b"23", "little"), b"456789"))
    assert wire == b"\xc0123456789\x26\x39\xf4\xcb\xc0"
    assert encode(Frame(0xC0, 0xDBC0, b""))[:9] == b"\xc0\xdb\xdc\xdb\xdc\xdb\xdd" + wire_crc(b"\xc0\xc0\xdb")[:2]


def wire_crc(body):
    return zlib.crc32(body).to_bytes(4, "little")


@pytest.mark.parametrize("broken", [b"\xdb", b"\xdb\xdb", b"\xdbA"])
def test_an_escape_of_nothing_is_refused(broken):
    body = b"\x01\x00\x00" + broken
    decoder = Decoder()
    assert decoder.feed(b"\xc0" + body + wire_crc(body) + b"\xc0") == []
    assert decoder.rejected == 1


def test_noise_without_an_end_takes_no_memory():
    decoder = Decoder(longest=100)
    for _ in range(1000):
        assert decoder.feed(b"x" * 60) == []
    assert len(decoder._rest) <= 160
    frame = Frame(1, 2, b"3")
    assert decoder.feed(encode(frame)) == [frame]
    assert decoder.rejected == 1


def test_overhead_is_all_but_the_payload():
    assert len(encode(Frame(1, 2, b"abc"))) == 2 + FRAME_OVERHEAD + 3


def test_errors_that_name_no_request_are_those_of_the_link():
    assert {code.name for code in ErrorCode if not code.names_request} == {"CORRUPT", "OVERRUN", "TIMEOUT", "LINE"}


@pytest.mark.parametrize(
    "config",
    [
        MacConfig(),
        MacConfig(a=(E2M1, E4M3), block=16, lanes=2, accumulator=Accumulator.FP32, output=RESULT_FORMATS["BF16"]),
        MacConfig(accumulator=Accumulator.WINDOW, window=60, window_guard=3),
        MacConfig(accumulator=Accumulator.WINDOW, window=60, window_lsb=-20),
        MacConfig(storage=Storage.REGISTERS),
    ],
)
def test_a_configuration_comes_back_from_the_board(config):
    facts = Facts(config, buffer=4096, clock_hz=12_000_000, baud=1_000_000)
    assert Facts.from_bytes(facts.to_bytes()) == facts


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"Hello", "not JSON"),
        (b"[]", "no description of an mxmac board"),
        (b'{"protocol":2}', "protocol 2, this mxmac 1"),
        (b'{"protocol":1,"config":{}}', "has no version"),
        (b"\xff", "not JSON"),
    ],
)
def test_what_is_no_description_of_a_board_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        Facts.from_bytes(text)
