"""Serial ports where something else than a working board answers: every exchange ends, and the message says what answers."""

import json
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from mxmac.config import MacConfig
from mxmac.errors import UserError
from mxmac_fpga.host.board import Board
from mxmac_fpga.host.link import LinkError
from mxmac_fpga.host.selftest import random_operands
from mxmac_fpga.protocol import REPLY, ErrorCode, Facts, Frame, Kind, encode
from peers import BAUD, answering, peer, unsolicited

#: Short, since nothing here takes its time; and far more than any exchange may take, on a busy machine too.
SHORT, MUCH = {"timeout": 0.02, "patience": 0.32}, 120

CONFIG = MacConfig(lanes=1)
DESCRIPTION = json.loads(Facts(CONFIG, 2048).to_bytes())


def refused(answer) -> str:
    """What a host says that opens a board there."""
    with peer(answer) as line:
        with pytest.raises(UserError) as caught:
            Board(line, baud=BAUD, **SHORT)
        assert not line.is_open
    assert caught.value.parameter == "port"
    text = str(caught.value)
    assert text.isprintable()
    assert len(text) < 400
    return text


@pytest.mark.parametrize("text", [b"ready\r\n", b"\xc0abc\xc0", b"\xff\x00", b"\x1b[31mlogin: \xe9"])
def test_another_program_at_the_port_is_not_taken_for_silence(text):
    said = refused(lambda received: text if received else b"")
    assert "Something answers at 1,000,000 baud that is not mxmac's" in said
    assert repr(text)[2:-1][:8] in said
    assert "right one of the board's ports" in said


def test_a_program_that_talks_before_it_is_asked_is_noticed():
    assert "Something answers" in refused(lambda received: b"boot ok\r\n")


def test_an_echo_is_told_from_an_answer():
    assert "an echo" in refused(lambda received: received)


def test_silence_is_told_as_silence():
    assert "nothing comes back" in refused(lambda received: b"")


@pytest.mark.parametrize(
    ("description", "reason"),
    [
        (b"\xff\xfe", "not JSON"),
        (b"{", "not JSON"),
        (b"[" * 20_000 + b"]" * 20_000, "not JSON"),
        (b'{"a":' * 9_000 + b"1" + b"}" * 9_000, "not JSON"),
        (b"[1,2]", "no description"),
        (b"{}", "no description"),
        (json.dumps(DESCRIPTION | {"protocol": 2}).encode(), "protocol 2"),
        (json.dumps(DESCRIPTION | {"protocol": "x" * 9_000}).encode(), "protocol 'xxx"),
        (json.dumps(DESCRIPTION | {"buffer": float("inf")}).encode(), "not JSON"),
        (json.dumps(DESCRIPTION | {"buffer": float("nan")}).encode(), "not JSON"),
        (json.dumps(DESCRIPTION).encode().replace(b"2048", b"1e999"), "buffer"),
        (json.dumps(DESCRIPTION).encode().replace(b"2048", b"9" * 5_000), "not JSON"),
        (json.dumps(DESCRIPTION | {"buffer": 10**12}).encode(), "buffer"),
        (json.dumps(DESCRIPTION | {"buffer": -1}).encode(), "buffer"),
        (json.dumps(DESCRIPTION | {"buffer": True}).encode(), "buffer"),
        (json.dumps(DESCRIPTION | {"buffer": "2048"}).encode(), "buffer"),
        (json.dumps(DESCRIPTION | {"clock_hz": -5}).encode(), "clock_hz"),
        (json.dumps(DESCRIPTION | {"baud": None}).encode(), "baud"),
        (json.dumps(DESCRIPTION | {"mxmac": "[/red]\x1b[2J"}).encode(), "mxmac"),
        (json.dumps(DESCRIPTION | {"mxmac": "\ud800"}).encode(), "mxmac"),
        (json.dumps(DESCRIPTION | {"config": None}).encode(), "config"),
        (json.dumps(DESCRIPTION | {"config": [[[1]]]}).encode(), "config"),
        (json.dumps(DESCRIPTION | {"config": {}}).encode(), "config"),
        *(
            (json.dumps(DESCRIPTION | {"config": DESCRIPTION["config"] | wrong}).encode(), "config")
            for wrong in (
                {"a": ["\ud800"]},
                {"a": "E4M3"},
                {"a": [1]},
                {"a": []},
                {"block": "32"},
                {"block": 32.5},
                {"block": -32},
                {"block": 2**40},
                {"lanes": None},
                {"lanes": True},
                {"lanes": 3},
                {"accumulator": {}},
                {"output": ["FP32"]},
                {"window": 10**9, "accumulator": "window"},
            )
        ),
    ],
)
def test_a_board_that_describes_itself_wrongly_is_refused(description, reason):
    assert reason in refused(answering(description))


STRAY = encode(Frame(Kind.COMPUTE | REPLY, 0x1234, bytes(5)))


@pytest.mark.parametrize(
    "unasked",
    [
        b"",
        STRAY,
        encode(Frame(Kind.QUERY | REPLY, 1)),
        encode(Frame(Kind.ERROR, 7, bytes([ErrorCode.KIND]))),
        b"\xc0\xc0noise\xc0",
    ],
)
def test_an_exchange_ends_if_the_board_never_computes(unasked):
    started = time.monotonic()
    with peer(unsolicited(unasked)) as line, Board(line, baud=BAUD, **SHORT) as board:
        operands = random_operands(CONFIG, 3, 2, np.random.default_rng(1))
        with pytest.raises(LinkError, match=r"no result for|in vain"):
            board.dot(**operands)
    assert time.monotonic() - started < MUCH


@pytest.mark.parametrize(
    "compute",
    [
        lambda frame: encode(Frame(frame.kind | REPLY, frame.sequence, b"short")),
        lambda frame: encode(Frame(Kind.ERROR, frame.sequence, bytes([ErrorCode.ORDER]))),
        lambda frame: encode(Frame(Kind.ERROR, 0, bytes([ErrorCode.CORRUPT]))),
        lambda frame: encode(Frame(frame.kind | REPLY, frame.sequence, b"")),
    ],
)
def test_an_exchange_ends_if_every_answer_is_wrong(compute):
    started = time.monotonic()
    answer = answering(Facts(CONFIG, 2048).to_bytes(), compute=compute)
    with peer(answer) as line, Board(line, baud=BAUD, **SHORT) as board:
        # Of several frames, whose first answers are right in the last case.
        operands = random_operands(CONFIG, 1, 100, np.random.default_rng(1))
        with pytest.raises(LinkError, match=r"no result for|in vain"):
            board.dot(**operands)
    assert time.monotonic() - started < MUCH


def test_a_port_that_accepts_nothing_ends_the_exchange(monkeypatch):
    monkeypatch.setattr("mxmac_fpga.host.link._WRITE_TIMEOUT", 0.1)
    answer, described, over = unsolicited(b""), threading.Event(), threading.Event()

    def until_described(received):
        if described.is_set():
            # From now on nothing is read, and the pseudo-terminal fills up.
            over.wait(MUCH)
        return answer(received)

    with peer(until_described) as line, Board(line, baud=BAUD, **SHORT) as board:
        described.set()
        line.write = lambda data: type(line).write(line, data * 4_000)
        try:
            with pytest.raises(LinkError, match="does not take anything"):
                board.dot(**random_operands(CONFIG, 50, 3, np.random.default_rng(1)))
        finally:
            over.set()


def test_the_command_names_the_other_program(tmp_path):
    """As in the field: text without a single 0xC0, and the whole command."""
    with peer(lambda received: b"ready\r\n" if received else b"") as line:
        name = line.port
        line.close()
        command = ["fpga", "run", "--board", "icebreaker", "--port", name, "--dots", "1"]
        done = subprocess.run(
            [sys.executable, "-m", "mxmac", *command], capture_output=True, text=True, cwd=tmp_path, check=False
        )
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert done.stderr.startswith("mxmac: --port: Something answers at 3,000,000 baud that is not mxmac's ('ready\\r\\n")
