import pytest
from amaranth.hdl import Module
from amaranth.sim import Simulator

from mxmac.errors import UserError
from mxmac_fpga.gateware.uart import UartReceiver, UartTransmitter, bit_clocks

BYTES = [0x00, 0xFF, 0x55, 0xAA, 0xC0, 0x01, 0x80]


def received(clocks, drive, *, most):
    """Bytes and errors that a receiver reports while ``drive(ctx, rx)`` changes the line."""
    dut = UartReceiver(clocks)
    found = []

    async def watch(ctx):
        for _ in range(most):
            _, _, valid, byte, error = await ctx.tick().sample(dut.o.valid, dut.o.payload, dut.error)
            if valid:
                found.append(byte)
            if error:
                found.append("error")

    async def bench(ctx):
        await drive(ctx, dut.rx)

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(watch)
    simulator.add_testbench(bench, background=True)
    simulator.run()
    return found


def sends(bits, clocks):
    async def drive(ctx, rx):
        passed = 0.0
        for bit in bits:
            ctx.set(rx, bit)
            passed += clocks
            while passed >= 1:
                await ctx.tick()
                passed -= 1
        ctx.set(rx, 1)

    return drive


def frame(byte):
    return [0, *(byte >> index & 1 for index in range(8)), 1]


@pytest.mark.parametrize("clocks", [4, 7, 12])
@pytest.mark.parametrize("off", [-0.02, 0.0, 0.02])
def test_bytes_without_a_pause_are_received_at_a_rate_that_is_a_little_off(clocks, off):
    bits = [bit for byte in BYTES for bit in frame(byte)]
    assert received(clocks, sends([1, 1, *bits, 1], clocks * (1 + off)), most=clocks * (len(bits) + 20)) == BYTES


def test_a_glitch_is_no_byte():
    assert received(12, sends([1] * 20 + [0] * 3 + [1] * 100, 1), most=300) == []


def test_a_line_held_low_is_one_error_and_the_next_byte_is_received():
    bits = [1] + [0] * 50 + [1] + frame(0x5A) + [1] * 5
    assert received(8, sends(bits, 8), most=8 * 80) == ["error", 0x5A]


@pytest.mark.parametrize("clocks", [4, 9])
def test_what_is_sent_is_received(clocks):
    m = Module()
    m.submodules.transmitter = transmitter = UartTransmitter(clocks)
    m.submodules.receiver = receiver = UartReceiver(clocks)
    m.d.comb += receiver.rx.eq(transmitter.tx)
    found = []

    async def send(ctx):
        for byte in BYTES:
            ctx.set(transmitter.i.payload, byte)
            ctx.set(transmitter.i.valid, 1)
            await ctx.tick().until(transmitter.i.ready)
        ctx.set(transmitter.i.valid, 0)

    async def watch(ctx):
        while len(found) < len(BYTES):
            found.append((await ctx.tick().sample(receiver.o.payload).until(receiver.o.valid))[0])

    simulator = Simulator(m)
    simulator.add_clock(1e-6)
    simulator.add_testbench(send)
    simulator.add_testbench(watch)
    simulator.run()
    assert found == BYTES


def test_rate_follows_from_clock():
    assert bit_clocks(12_000_000, 1_000_000) == 12
    assert bit_clocks(25_000_000, 115_200) == 217


@pytest.mark.parametrize(
    ("clock_hz", "baud", "message"),
    [(12_000_000, 5_000_000, "12,000,000 Hz takes"), (12_000_000, 0, "takes 1 to"), (12_000_000, 2_700_000, "% off 2,700,000")],
)
def test_a_rate_that_the_clock_does_not_give_is_refused(clock_hz, baud, message):
    with pytest.raises(UserError, match=message) as caught:
        bit_clocks(clock_hz, baud)
    assert caught.value.parameter == "baud"
