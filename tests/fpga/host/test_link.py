"""The host and the simulated board: what would be flashed, pins of the UART included."""

import os
import time

import numpy as np
import pytest

from mxmac.errors import UserError
from mxmac_fpga.host.board import Board
from mxmac_fpga.host.link import Link, open_port
from mxmac_fpga.host.selftest import random_operands
from mxmac_fpga.protocol import CONTINUES, MORE, REPLY, Decoder, ErrorCode, Frame, Kind, block_bytes, encode, result_bytes
from mxmac_fpga.simulation.board import SIMULATED_BAUD, SIMULATED_CONFIG
from mxmac_fpga.simulation.faults import Fault, campaign
from mxmac_sim import golden
from shared_board import built_board

CONFIG = SIMULATED_CONFIG
BLOCK = bytes(block_bytes(CONFIG))
COMPUTE, QUERY = Kind.COMPUTE, Kind.QUERY
#: Seconds that an answer may take on a busy machine.
PATIENCE = 30


@pytest.fixture(scope="module")
def simulation(tmp_path_factory):
    with built_board(tmp_path_factory) as board:
        yield board


@pytest.fixture
def board(simulation):
    # On a busy machine an answer may take a while, which is no trouble of the link.
    with Board(simulation.port, timeout=PATIENCE, patience=PATIENCE) as board:
        yield board


@pytest.fixture
def port(simulation):
    with open_port(simulation.port, SIMULATED_BAUD) as port:
        # Nothing that other tests have begun goes on.
        Link(port, SIMULATED_BAUD, PATIENCE).ask()
        yield port


def exchange(port, wire, count):
    """Send bytes, and return the first frames that come back."""
    port.write(wire)
    decoder, frames, until = Decoder(), [], time.monotonic() + 10 * PATIENCE
    while len(frames) < count and time.monotonic() < until:
        frames += decoder.feed(port.read(max(1, port.in_waiting)))
    assert not decoder.rejected
    return frames


def compute(sequence, *blocks, flags=0, size=1):
    return encode(Frame(COMPUTE | flags, sequence, bytes([size - 1]) + b"".join(blocks)))


def error(sequence, code):
    return Frame(Kind.ERROR, sequence, bytes([code]))


@pytest.mark.parametrize("blocks", [1, 2, 7, 8, 30, 257])
def test_results_are_golden_whatever_the_length(board, blocks):
    operands = random_operands(CONFIG, 1 + 64 // blocks, blocks, np.random.default_rng(blocks), specials=0.5)
    data, status = board.dot(**operands)
    expected = golden.dot(**operands, config=CONFIG)
    assert np.array_equal(data, expected[0])
    assert np.array_equal(status, expected[1])
    assert not board.statistics.trouble


def test_the_board_says_what_it_is(board):
    assert board.config == CONFIG
    assert board.facts.buffer == 2048


def test_progress_counts_every_dot_product(board):
    done = []
    board.dot(**random_operands(CONFIG, 50, 2, np.random.default_rng(1)), progress=done.append)
    assert sum(done) == 50
    assert len(done) > 5


def test_shapes_that_do_not_fit_are_refused(board):
    operands = random_operands(CONFIG, 2, 3, np.random.default_rng(1))
    with pytest.raises(ValueError, match=r"shape \(2, 3, 32\)"):
        board.dot(**operands | {"a": operands["a"][:, :2]})
    with pytest.raises(ValueError, match="block at least"):
        board.dot(**{name: array[:, :0] for name, array in operands.items()})


# What the board says to requests that a host would not send.


@pytest.mark.parametrize(
    ("wire", "code"),
    [
        (encode(Frame(0x55, 7)), ErrorCode.KIND),
        (encode(Frame(0x14, 7)), ErrorCode.KIND),
        (encode(Frame(COMPUTE, 7)), ErrorCode.LENGTH),
        (compute(7), ErrorCode.LENGTH),
        (compute(7, BLOCK, b"x"), ErrorCode.LENGTH),
        (compute(7, BLOCK[:-1]), ErrorCode.LENGTH),
        (compute(7, BLOCK, BLOCK, BLOCK, size=2), ErrorCode.LENGTH),
        (compute(7, BLOCK, flags=CONTINUES), ErrorCode.ORDER),
    ],
)
def test_a_request_that_is_wrong_is_told_so_and_the_next_one_answered(port, wire, code):
    frames = exchange(port, wire + compute(8, BLOCK), 2)
    assert frames == [error(7, code), Frame(COMPUTE | REPLY, 8, bytes(result_bytes(CONFIG)))]


def test_a_frame_that_stops_half_way_is_dropped_after_a_while(port):
    frames = exchange(port, compute(7, BLOCK)[:40], 1)
    assert [frame.payload[0] for frame in frames] == [ErrorCode.TIMEOUT]


def test_more_than_there_is_room_for_is_refused(port):
    frames = exchange(port, compute(7, *[BLOCK] * 32) + compute(8, BLOCK), 2)
    assert frames[0].payload[0] == ErrorCode.OVERRUN
    assert frames[1].sequence == 8


def test_a_query_brings_back_its_payload(port):
    payload = bytes(range(256))
    (reply,) = exchange(port, encode(Frame(QUERY, 0xC0DB, payload)), 1)
    assert (reply.kind, reply.sequence, reply.payload[:256]) == (QUERY | REPLY, 0xC0DB, payload)


ONE = bytes([127, 127]) + bytes([0x38, 0x38]) + bytes(len(BLOCK) - 4)
"""A block whose only product is 1."""


@pytest.mark.parametrize(
    ("last", "between", "answer"),
    [
        (0x0100, b"", 2.0),
        (0x0101, b"", ErrorCode.ORDER),
        (0x00FF, b"", ErrorCode.ORDER),
        (0x0100, compute(0x00FF, ONE, flags=MORE), 2.0),
        (0x0100, encode(Frame(QUERY, 0x00FF)), ErrorCode.ORDER),
        (0x0100, compute(0x00FF, ONE), ErrorCode.ORDER),
        (0x0100, compute(0x0100, ONE, flags=CONTINUES | MORE), ErrorCode.ORDER),
        (0x0100, b"\xc0garbage\xc0", ErrorCode.ORDER),
    ],
)
def test_a_dot_product_is_only_continued_by_the_very_next_request(port, last, between, answer):
    wire = compute(0x00FF, ONE, flags=MORE) + between + compute(last, ONE, flags=CONTINUES)
    reply = exchange(port, wire, 3 if between else 2)[-1]
    assert reply.sequence == last
    if isinstance(answer, float):
        assert np.frombuffer(reply.payload[:4], "<f4") == answer
    else:
        assert reply == error(last, answer)


def test_what_a_dot_product_has_begun_with_is_forgotten_by_the_next(port):
    wire = compute(1, ONE, ONE, ONE, flags=MORE, size=3) + compute(2, ONE)
    reply = exchange(port, wire, 2)[-1]
    assert np.frombuffer(reply.payload[:4], "<f4") == 1.0


# Faults.


def test_faults_never_give_a_wrong_result_and_the_board_always_recovers(simulation):
    tallies = campaign(simulation, CONFIG, 20 * len(Fault), seed=int.from_bytes(os.urandom(4)))
    assert {fault: tally.wrong for fault, tally in tallies.items() if tally.wrong} == {}
    assert all(tally.injected == tally.recovered == 20 for tally in tallies.values())
    assert sum(tally.noticed for tally in tallies.values()) > 0.9 * 20 * len(Fault)


def test_a_host_finds_its_answers_among_those_to_another(simulation):
    with open_port(simulation.port, SIMULATED_BAUD) as port:
        port.write(b"".join(compute(sequence, ONE) for sequence in range(20)) + compute(20, ONE)[:30])
    with Board(simulation.port, timeout=PATIENCE, patience=PATIENCE) as board:
        operands = random_operands(CONFIG, 20, 1, np.random.default_rng(1))
        assert np.array_equal(board.dot(**operands)[0], golden.dot(**operands, config=CONFIG)[0])


# Ports.


def test_a_port_that_does_not_exist_is_a_mistake_of_the_user():
    with pytest.raises(UserError, match="Cannot open '/dev/nothing'") as caught:
        Board("/dev/nothing")
    assert caught.value.parameter == "port"
