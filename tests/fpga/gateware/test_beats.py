"""What the host packs, taken apart by the gateware; and results the other way."""

import numpy as np
import pytest
from amaranth.sim import Simulator

from mxmac.config import MacConfig
from mxmac.formats import ELEMENT_FORMATS, RESULT_FORMATS
from mxmac_fpga.gateware.beats import BeatAssembler, ResultSender
from mxmac_fpga.host.packing import jobs, pack, unpack
from mxmac_fpga.host.selftest import random_operands
from mxmac_fpga.protocol import FRAME_OVERHEAD, Facts, block_bytes, buffer_bytes

E4M3, E2M1, E3M2, INT8 = (ELEMENT_FORMATS[name] for name in ("E4M3", "E2M1", "E3M2", "INT8"))
CONFIGS = [
    MacConfig(block=4, lanes=1),
    MacConfig(block=4, lanes=2, a=(E2M1,), b=(E3M2, INT8)),
    MacConfig(block=6, lanes=3, a=(E2M1, E3M2, E4M3), b=(E2M1,)),
    MacConfig(block=4, lanes=4, a=(E2M1,), b=(INT8,)),
]
configs = pytest.mark.parametrize("config", CONFIGS, ids=lambda config: f"{config.lanes} lanes")


def beats(config, data, blocks, *, more=0):
    """Beats as dicts, and whether there was a boundary after each byte."""
    dut = BeatAssembler(config)
    found, boundaries = [], []

    async def send(ctx):
        ctx.set(dut.blocks, blocks - 1)
        ctx.set(dut.more, more)
        for byte in data:
            ctx.set(dut.i.payload, byte)
            ctx.set(dut.i.valid, 1)
            await ctx.tick().until(dut.i.ready)
            ctx.set(dut.i.valid, 0)
            boundaries.append(ctx.get(dut.boundary))
        await ctx.tick().repeat(5)

    async def take(ctx):
        index = 0
        while True:
            ctx.set(dut.o.ready, index % 3 != 0)
            index += 1
            _, _, taken, beat = await ctx.tick().sample(dut.o.valid & dut.o.ready, dut.o.payload)
            if taken:
                found.append(beat)

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(send)
    simulator.add_testbench(take, background=True)
    simulator.run()
    return found, boundaries


@configs
def test_the_gateware_gets_what_the_host_packs(config):
    operands = random_operands(config, 3, 2, np.random.default_rng(1))
    packed = pack(config, **operands)
    found, boundaries = beats(config, packed.tobytes(), 2)
    assert len(found) == 3 * 2 * config.beats
    for index, beat in enumerate(found):
        dot, block, place = np.unravel_index(index, (3, 2, config.beats))
        lanes = slice(place * config.lanes, (place + 1) * config.lanes)
        for side in ("a", "b"):
            assert [beat[side][lane] for lane in range(config.lanes)] == operands[side][dot, block, lanes].tolist()
            assert beat[f"scale_{side}"] == operands[f"scale_{side}"][dot, block]
            if f"format_{side}" in operands:
                assert beat[f"format_{side}"] == operands[f"format_{side}"][dot, block]
        assert beat.last == (block == 1 and place == config.beats - 1)
    whole = packed.shape[-1] * 2
    assert [index + 1 for index, boundary in enumerate(boundaries) if boundary] == [whole, 2 * whole, 3 * whole]


def test_a_dot_product_that_goes_on_has_no_last_beat():
    config = CONFIGS[0]
    packed = pack(config, **random_operands(config, 1, 2, np.random.default_rng(1)))
    assert not any(beat.last for beat in beats(config, packed.tobytes(), 2, more=1)[0])


@pytest.mark.parametrize("name", RESULT_FORMATS)
def test_results_come_back(name):
    config = MacConfig(output=RESULT_FORMATS[name])
    dut = ResultSender(config)
    rng = np.random.default_rng(1)
    data, status = rng.integers(0, 1 << config.output.width, 5, dtype=np.uint32), rng.integers(0, 32, 5, dtype=np.uint8)
    found = []

    async def send(ctx):
        for number, flags in zip(data.tolist(), status.tolist(), strict=True):
            ctx.set(dut.i.payload.data, number)
            ctx.set(dut.i.payload.status.as_value(), flags)
            ctx.set(dut.i.valid, 1)
            await ctx.tick().until(dut.i.ready)
            ctx.set(dut.i.valid, 0)

    async def take(ctx):
        while True:
            ctx.set(dut.o.ready, ~ctx.get(dut.o.ready))
            _, _, taken, byte = await ctx.tick().sample(dut.o.valid & dut.o.ready, dut.o.payload)
            found.extend([byte] * taken)

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(send)
    simulator.add_testbench(take, background=True)
    simulator.run()
    results = unpack(config, bytes(found))
    assert results[0].tolist() == data.tolist()
    assert results[1].tolist() == status.tolist()


@configs
@pytest.mark.parametrize("blocks", [1, 3, 100, 700])
def test_jobs_have_every_block_once_and_frames_that_fit(config, blocks):
    facts = Facts(config, buffer=buffer_bytes(config))
    packed = pack(config, **random_operands(config, 9, blocks, np.random.default_rng(1)))
    found = list(jobs(facts, packed))
    assert b"".join(payload[1:] for job in found for _, payload in job.frames) == packed.tobytes()
    assert [index for job in found for index in range(job.dots.start, job.dots.stop)] == list(range(9))
    for job in found:
        flags = [kind & 3 for kind, _ in job.frames]
        assert flags == ([0] if len(flags) == 1 else [2] + [3] * (len(flags) - 2) + [1])
        assert sum(job.results(frame) for frame in range(len(flags))) == job.dots.stop - job.dots.start
        for _, payload in job.frames:
            assert 4 * (len(payload) + FRAME_OVERHEAD) < facts.buffer
            assert (len(payload) - 1) % ((payload[0] + 1) * block_bytes(config)) == 0


def test_the_buffer_holds_two_of_the_longest_blocks():
    config = MacConfig(block=1024, lanes=1, a=(E4M3, INT8))
    assert buffer_bytes(config) > 2 * (block_bytes(config) + 1 + FRAME_OVERHEAD)


def test_formats_that_do_not_exist_are_refused():
    config = CONFIGS[1]
    operands = random_operands(config, 1, 1, np.random.default_rng(1))
    with pytest.raises(ValueError, match="format_b must be from 0 to 1"):
        pack(config, **operands | {"format_b": np.full((1, 1), 2, np.uint8)})
