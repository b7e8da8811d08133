"""Bench of AXI4-Stream: packets through the models of cocotbext-axi, and the rules of the handshake."""

import cocotb
from cocotb.triggers import Timer

from mxmac.config import MacConfig

from ..stimulus.addends import with_addends
from ..stimulus.dots import beat_fields, beats_of, expected_results
from ..stimulus.quantizer_beats import QuantizerBeats
from ..stimulus.random_dots import random_dot
from .kit.axis import AxisTraffic, AxisWork, Models
from .kit.report import shown_beat, shown_result
from .kit.streams import IDLE, STALL, never
from .kit.testbench import PERIOD, Testbench

#: Beats of a normal run with one way of pausing.
_BEATS = 800
#: Resets of a normal run, the largest number of cycles before one, and beats after it.
_RESETS, _CYCLES, _AFTER = 24, 60, 12
#: Dot products or blocks of a normal run whose receiver waits for TVALID.
_WAITS = 16
#: Cycles of a normal run in which inputs change between two edges.
_CHANGES = 240
#: Rising edges after the end of an asynchronous reset until a beat may be taken.
_RESTING = 3


@cocotb.test()
@cocotb.parametrize(idle=list(IDLE), stall=list(STALL))
async def packets(dut, idle, stall):
    """Every result is right, in order and there once, for all pauses of either side."""
    async with Testbench(dut, f"packets, idle {idle}, stall {stall}") as bench:
        models = Models(bench)
        models.pause(bench, IDLE[idle](bench.rng), STALL[stall](bench.rng))
        await AxisTraffic(bench, models, _work(bench, bench.settings.effort.scaled(_BEATS))).run()


@cocotb.test()
async def tvalid_does_not_wait(dut):
    """TVALID comes within the latency although TREADY was never high before, and stays low."""
    async with Testbench(dut, "tvalid_does_not_wait") as bench:
        models, latency = Models(bench), bench.settings.parameters["latency"]
        valid = bench.ports.stream("out", ()).valid
        for _ in range(bench.settings.effort.scaled(_WAITS)):
            models.sink.clear_pause_generator()
            models.sink.pause = True
            await bench.rising()
            traffic = AxisTraffic(bench, models, _work(bench, 1, alone=True))
            await traffic.run(until=models.source.idle)
            for _ in range(latency + 1):
                await bench.step([traffic.watch, traffic])
            bench.check(
                1,
                int(valid.value),
                lambda: (
                    {"m_axis_tready": "low since the reset, or since the result before"},
                    {"m_axis_tvalid": f"1, {latency} cycles after the last beat"},
                    {"m_axis_tvalid": "0"},
                ),
            )
            models.sink.pause = False
            await traffic.run()


@cocotb.test()
async def no_path_to_an_output(dut):
    """No output changes between two edges, for any change of the inputs: neither handshake waits for the other side."""
    async with Testbench(dut, "no_path_to_an_output") as bench:
        models = Models(bench)
        models.pause(bench, IDLE["some"](bench.rng), STALL["some"](bench.rng))
        cycles = bench.settings.effort.scaled(_CHANGES)
        work = _work(bench, cycles)
        traffic = AxisTraffic(bench, models, work)
        beat, result = bench.ports.stream("in", work.fields), bench.ports.stream("out", ())
        inputs = [result.ready, beat.valid, *(packed.port for packed in beat.payload)]
        for _ in range(bench.settings.parameters["latency"] + cycles):
            await bench.falling()
            traffic.watch.sample(bench.clock)
            traffic.sample(bench.clock)
            for port in inputs:
                await _change(bench, traffic, port)
            await bench.rising()
        await traffic.run()


async def _change(bench: Testbench, traffic: AxisTraffic, port):
    """Change an input for a moment, and compare the outputs before and after."""
    before = traffic.watch.outputs()
    value = port.value
    if not value.is_resolvable:
        return
    port.value = int(value) ^ (bench.rng.getrandbits(len(port)) | 1)
    await Timer(100, "ps")
    after = traffic.watch.outputs()
    port.value = value
    await Timer(100, "ps")
    bench.check(
        before,
        after,
        lambda: (
            {"changed between two edges": port._name},
            {"TREADY, TVALID, payload": " ".join(map(hex, before))},
            {"TREADY, TVALID, payload": " ".join(map(hex, after))},
        ),
    )


@cocotb.test()
async def reset_in_mid_stream(dut):
    """Both streams rest in a reset at any time, and nothing is left of packets before it."""
    async with Testbench(dut, "reset_in_mid_stream") as bench:
        models = Models(bench)
        for _ in range(bench.settings.effort.scaled(_RESETS)):
            models.pause(bench, IDLE[bench.rng.choice(list(IDLE))](bench.rng), STALL[bench.rng.choice(list(STALL))](bench.rng))
            await AxisTraffic(bench, models, _work(bench, 2 * _CYCLES)).run(clocks=bench.rng.randint(1, _CYCLES))
            await _reset(bench, models)
            models.pause(bench, never, never)
            await AxisTraffic(bench, models, _work(bench, _AFTER)).run()


async def _reset(bench: Testbench, models: Models):
    """Reset at an edge, or anywhere if it is asynchronous, for some time."""
    rng, ports = bench.rng, bench.ports
    if bench.settings.config.reset.asynchronous:
        start = rng.randrange(1, PERIOD)
        length = rng.randrange(1, 3 * PERIOD)
        # Edges rise at multiples of the period: neither change of the reset comes at one.
        length += (start + length) % PERIOD == 0
        await Timer(start, "ns")
        ports.reset(True)
        await Timer(100, "ps")
        _check_rest(bench, 0, "at once")
        models.clear()
        await Timer(length - 0.1, "ns")
        ports.reset(False)
        for edge in range(1, _RESTING + 1):
            await bench.rising()
            await bench.falling()
            _check_rest(bench, int(edge == _RESTING), f"after {edge} edges from its end")
    else:
        ports.reset(True)
        for edge in range(1, rng.randint(1, 3) + 1):
            await bench.rising()
            await bench.falling()
            _check_rest(bench, 0, f"after {edge} edges in it")
        models.clear()
        ports.reset(False)
        await bench.rising()
        await bench.falling()
        _check_rest(bench, 1, "after an edge from its end")
    await bench.rising()


def _check_rest(bench: Testbench, ready: int, when: str):
    """Compare both handshakes with what they must be while the unit rests."""
    got = [int(port.value) for port in (bench.ports.stream("in", ()).ready, bench.ports.stream("out", ()).valid)]
    bench.check(
        [ready, 0],
        got,
        lambda: (
            {"reset": when},
            {"s_axis_tready": f"{ready}", "m_axis_tvalid": "0"},
            {"s_axis_tready": f"{got[0]}", "m_axis_tvalid": f"{got[1]}"},
        ),
    )


def _work(bench: Testbench, beats: int, *, alone: bool = False) -> AxisWork:
    """Make dot products or blocks of at least that number of beats; or only one of them, ``alone``."""
    config = bench.settings.config
    return _dots(bench, beats) if isinstance(config, MacConfig) else _blocks(bench, beats, 1 if alone else None)


def _dots(bench: Testbench, beats: int) -> AxisWork:
    config, rng = bench.config, bench.numpy_rng
    dots, count = [], 0
    while count < beats:
        dots.append(random_dot(config, rng))
        count += dots[-1].beats(config)
    dots = with_addends(dots, config, rng)
    bench.report.dots += len(dots)
    bench.report.macs += count * config.lanes
    return AxisWork(
        fields=beat_fields(config),
        result_fields=("data", "status"),
        beats=[beat for dot in dots for beat in beats_of(dot, config, rng)],
        results=expected_results(dots, config),
        operands=lambda index: dots[index].operands(config),
        shown=lambda result: shown_result(result[0], result[1], config.output),
    )


def _blocks(bench: Testbench, beats: int, exactly: int | None) -> AxisWork:
    config = bench.settings.config
    assert not isinstance(config, MacConfig)
    blocks = QuantizerBeats.random(config, bench.numpy_rng, -(-beats // config.beats), exactly)
    # Packets are whole.
    blocks.last[-1] = 1
    bench.report.vectors += len(blocks.last)
    return AxisWork(
        fields=blocks.fields,
        result_fields=QuantizerBeats.RESULT,
        beats=list(blocks.beats(bench.rng)),
        results=blocks.results(),
        operands=blocks.operands,
        shown=lambda result: shown_beat(config, result),
    )
