import random

import pytest
from amaranth.hdl import Module, Signal
from amaranth.sim import Simulator

from mxmac_fpga.gateware.framing import FrameReceiver, FrameTransmitter
from mxmac_fpga.protocol import ErrorCode, Frame, encode

#: Clocks between bytes: as few as there ever are.
GAP = 12
PAYLOAD = bytes([0xC0, 0xDB, 0xDC, 0, 1, 0xDD, 0xC0])
GOOD = encode(Frame(0x10, 0x1234, PAYLOAD))
CONTENT = [0x10, 0x34, 0x12, *PAYLOAD]


def handed_out(pieces, *, depth=64, ticks=0, reads_twice=False, reads=True):
    """Frames and complaints that come of bytes: lists of bytes, and codes of errors."""
    m = Module()
    m.submodules.dut = dut = FrameReceiver(depth)
    again = Signal()
    end_taken = Signal()
    m.d.comb += [
        dut.o.ready.eq(reads),
        end_taken.eq(dut.o.valid & dut.o.ready & dut.o.payload.end),
        dut.rewind.eq(end_taken & reads_twice & ~again),
        dut.free.eq(end_taken & ~dut.rewind),
    ]
    with m.If(end_taken):
        m.d.sync += again.eq(dut.rewind)
    found = []

    async def drive(ctx):
        for byte in pieces:
            if byte == "line error":
                ctx.set(dut.line_error, 1)
                await ctx.tick()
                ctx.set(dut.line_error, 0)
                continue
            ctx.set(dut.i.payload, byte)
            ctx.set(dut.i.valid, 1)
            await ctx.tick()
            ctx.set(dut.i.valid, 0)
            await ctx.tick().repeat(GAP - 1)
        for _ in range(ticks):
            ctx.set(dut.tick, 1)
            await ctx.tick()
            ctx.set(dut.tick, 0)
            await ctx.tick().repeat(5)
        await ctx.tick().repeat(4 * depth)

    async def take(ctx):
        frame = []
        async for _, _, valid, byte, end in ctx.tick().sample(dut.o.valid & dut.o.ready, dut.o.payload.byte, dut.o.payload.end):
            if valid and end:
                found.append(ErrorCode(byte) if byte else frame)
                frame = []
            elif valid:
                frame.append(byte)

    simulator = Simulator(m)
    simulator.add_clock(1e-6)
    simulator.add_testbench(drive)
    simulator.add_testbench(take, background=True)
    simulator.run()
    return found


def test_a_frame_is_handed_out_without_its_crc():
    assert handed_out(GOOD) == [CONTENT]


def test_frames_may_share_their_end_and_follow_each_other_for_ever():
    assert handed_out(GOOD[:-1] * 20 + GOOD[-1:]) == [CONTENT] * 20


def test_a_frame_is_handed_out_again():
    assert handed_out(GOOD * 10, reads_twice=True) == [CONTENT] * 20


@pytest.mark.parametrize("at", range(1, len(GOOD) - 1))
def test_a_changed_byte_is_noticed_and_the_next_frame_understood(at):
    changed = bytearray(GOOD)
    changed[at] ^= random.Random(at).choice([1, 2, 4, 8, 16, 32, 64])
    *complaints, last = handed_out(bytes(changed) + GOOD)
    assert last == CONTENT
    assert complaints
    assert set(complaints) == {ErrorCode.CORRUPT}


@pytest.mark.parametrize("size", range(2, len(GOOD)))
def test_a_frame_cut_off_is_noticed_at_the_next_one(size):
    found = handed_out(GOOD[:size] + GOOD)
    assert found == ([ErrorCode.CORRUPT, CONTENT] if size < len(GOOD) - 1 else [CONTENT, CONTENT])


def test_a_frame_that_stops_is_dropped_after_two_ticks():
    assert handed_out(GOOD[:8], ticks=1) == []
    assert handed_out(GOOD[:8], ticks=2) == [ErrorCode.TIMEOUT]
    assert handed_out(GOOD[:8], ticks=9) == [ErrorCode.TIMEOUT]
    assert handed_out(GOOD, ticks=9) == [CONTENT]


def test_a_lost_byte_is_told():
    assert handed_out([*GOOD[:5], "line error", *GOOD[6:], *GOOD]) == [ErrorCode.LINE, CONTENT]


def test_a_frame_that_is_too_long_is_refused():
    assert handed_out(encode(Frame(1, 2, bytes(100))) + GOOD, depth=32) == [ErrorCode.OVERRUN, CONTENT]


def test_what_nobody_takes_is_dropped_without_harm():
    assert handed_out(GOOD * 10, reads=False) == []


def test_an_escape_of_nothing_is_refused():
    body = GOOD[:4] + b"\xdbA" + GOOD[4:]
    assert handed_out(body + GOOD) == [ErrorCode.CORRUPT, CONTENT]


@pytest.mark.parametrize("payload", [b"", PAYLOAD, bytes(range(256))])
def test_frames_are_sent_as_the_host_writes_them(payload):
    dut = FrameTransmitter()
    frames = [Frame(0x81, 0xC0DB, payload), Frame(0xFF, 0, b"\x10")]
    wire = b"".join(map(encode, frames))
    found = []

    async def send(ctx):
        for frame in frames:
            body = bytes([frame.kind]) + frame.sequence.to_bytes(2, "little") + frame.payload
            for byte, end in [*((byte, 0) for byte in body), (7, 1)]:
                ctx.set(dut.i.payload, {"byte": byte, "end": end})
                ctx.set(dut.i.valid, 1)
                await ctx.tick().until(dut.i.ready)
                ctx.set(dut.i.valid, 0)

    async def take(ctx):
        ctx.set(dut.o.ready, 1)
        while len(found) < len(wire):
            found.append((await ctx.tick().sample(dut.o.payload).until(dut.o.valid))[0])

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(send)
    simulator.add_testbench(take)
    simulator.run()
    assert bytes(found) == wire
