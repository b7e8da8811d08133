"""The unit as an outsider finds it: beats in by the contract of the ports alone, every result as the oracle has it.

Beats are packed here, so that dot products may end in the middle of a block and so that whatever the contract calls unread
is rubbish. Each unit is built once, which takes most of the time, and so has a single test.
"""

import random
from itertools import pairwise

import numpy as np
import pytest
from amaranth.hdl import ClockDomain, Module
from amaranth.sim import Simulator

import oracle
from golden_checks import oracle_window
from mxmac.accumulator import Kind, accumulator_plan
from mxmac.config import Accumulator, MacConfig, Storage
from mxmac.formats import ELEMENT_FORMATS
from mxmac.mac.top import MacTop
from mxmac.verilog import generate
from mxmac_sim.simulators.bulk import BulkUnit


def unit(a, b, block, lanes, kind, **parameters):
    a, b = ([ELEMENT_FORMATS[name] for name in names.split(",")] for names in (a, b))
    return MacConfig(a=a, b=b, block=block, lanes=lanes, accumulator=kind, **parameters)


EXACT, WINDOW, FP32 = Accumulator.EXACT, Accumulator.WINDOW, Accumulator.FP32
UNITS = {
    "e4m3-exact": unit("E4M3", "E4M3", 32, 8, EXACT),
    "e4m3-exact-registers": unit("E4M3", "E4M3", 32, 8, EXACT, storage=Storage.REGISTERS),
    "e4m3-window-registers": unit("E4M3", "E4M3", 32, 8, WINDOW, storage=Storage.REGISTERS),
    "e4m3-window": unit("E4M3", "E4M3", 32, 8, WINDOW, window=44, window_guard=1),
    "e4m3-fp32": unit("E4M3", "E4M3", 32, 8, FP32),
    "e5m2-window": unit("E5M2", "E5M2", 32, 2, WINDOW),
    "e5m2-fp32": unit("E5M2", "E5M2", 32, 2, FP32),
    "mixed-window-one-beat": unit("E4M3", "E5M2", 32, 32, WINDOW, window=72, window_lsb=-40),
    "mixed-fp32-one-beat": unit("E5M2", "E4M3", 4, 4, FP32),
    "mixed-exact-one-beat": unit("E5M2", "E4M3", 4, 4, EXACT),
}

# Operands. A dot product is a list of blocks as the oracle takes them, of which the last may be cut short.


class Maker:
    """Dot products of every kind, for one unit."""

    def __init__(self, config, seed):
        self.config, self.rng = config, random.Random(seed)
        self.names = config.a[0].name, config.b[0].name
        self.codes = []
        for name in self.names:
            values = [(code, oracle.decode(code, name)) for code in range(1 << ELEMENT_FORMATS[name].width)]
            finite = [(code, value) for code, value in values if value == value and value not in (oracle.INF, -oracle.INF)]
            largest = max(value for _, value in finite)
            small = min(abs(value) for _, value in finite if value)
            self.codes.append(
                {
                    "any": [code for code, _ in finite],
                    "nan": [code for code, value in values if value != value],
                    # A format without infinities has something else there.
                    "inf": [code for code, value in values if value in (oracle.INF, -oracle.INF)] or [0x7F],
                    "large": [code for code, value in finite if abs(value) == largest],
                    "subnormal": [code for code, value in finite if 0 < abs(value) <= small * 7],
                    "zero": [code for code, value in finite if value == 0],
                    "one": [code for code, value in finite if abs(value) == 1],
                }
            )

    def length(self):
        return self.rng.randint(1, self.config.beats) * self.config.lanes

    def elements(self, side, kind, length=None):
        choice = self.codes[side][kind]
        return [self.rng.choice(choice) for _ in range(length or self.config.block)]

    def block(self, scale_a, scale_b, kinds=("any", "any"), length=None):
        return self.elements(0, kinds[0], length), self.elements(1, kinds[1], length), scale_a, scale_b

    def scales(self, spread=6):
        return [self.rng.randint(127 - spread, 127 + spread) for _ in "ab"]

    def plain(self):
        """What tensors are like: scales close together."""
        blocks = [self.block(*self.scales()) for _ in range(self.rng.randint(1, 6))]
        return self.cut(blocks)

    def cut(self, blocks):
        a, b, scale_a, scale_b = blocks[-1]
        length = self.length()
        return [*blocks[:-1], (a[:length], b[:length], scale_a, scale_b)]

    def wild(self):
        """Scales from one end of their range to the other, and elements that are mostly extremes."""
        kinds = ("any", "large", "subnormal", "zero", "one")
        blocks = [
            self.block(self.rng.randint(0, 254), self.rng.randint(0, 254), (self.rng.choice(kinds), self.rng.choice(kinds)))
            for _ in range(self.rng.randint(1, 5))
        ]
        return self.cut(blocks)

    def drift(self):
        """Blocks that move across and out of a window, up or down."""
        scale, step = self.rng.randint(60, 194), self.rng.choice((-12, -5, 5, 12))
        return self.cut([self.block(scale + step * index, self.rng.randint(124, 130)) for index in range(5)])

    def extreme(self):
        """The two ends of scales and elements: overflow, underflow and sums at their limits."""
        scale = self.rng.choice((0, 1, 63, 64, 127, 189, 190, 253, 254))
        kind = self.rng.choice(("large", "subnormal", "any"))
        sign = self.rng.choice((None, 0, 1))
        blocks = []
        for _ in range(self.rng.randint(1, 4)):
            a, b, *scales = self.block(scale, scale, (kind, kind))
            if sign is not None:
                a, b = ([code & 0x7F for code in codes] for codes in (a, b))
                a = [code | sign << 7 for code in a]
            blocks.append((a, b, *scales))
        return self.cut(blocks)

    def flipped(self, block):
        a, b, *scales = block
        return ([code ^ 0x80 for code in a], b, *scales)

    def cancellation(self):
        """What is added is taken away again, across blocks or within, up to a rest that may be far below."""
        far = self.rng.choice((0, 20, 60))
        large = self.block(127 + far, 127)
        rest = self.block(*self.scales(2), (self.rng.choice(("zero", "subnormal", "any")), "any"))
        a, b, *scales = self.block(127, 127)
        within = (a[: len(a) // 2] + [code ^ 0x80 for code in a[: len(a) // 2]], b[: len(b) // 2] * 2, *scales)
        order = self.rng.choice(
            ([large, rest, self.flipped(large)], [rest, large, self.flipped(large)], [within], [within, rest])
        )
        return order

    def tie(self):
        """One, and half of its last place, exactly or nearly: only ties to even gets all of these."""
        one, zero = (self.block(127, 127, ("zero", "zero")) for _ in range(2))
        one[0][0], one[1][0] = (self.codes[side]["one"][0] & 0x7F for side in (0, 1))
        odd = self.rng.randrange(2)
        if odd:
            zero[0][0], zero[1][0] = one[0][0], one[1][0]
        half, ulp = (one[0], one[1], 127 - 24, 127), (zero[0], zero[1], 127 - 23, 127)
        beyond = self.block(127 - 12, 127 - self.rng.choice((12, 16, 24)), ("subnormal", "one"), self.config.lanes)
        nothing = self.block(127, 127, ("zero", "zero"), self.config.lanes)
        return [one, ulp, half, self.rng.choice((beyond, nothing))]

    def special(self):
        """NaN, Inf, Inf times 0, Inf less Inf, NaN scales, together and apart, among blocks that are inexact or overflow."""
        dot = self.rng.choice((self.plain, self.wild, self.extreme))()
        for _ in range(self.rng.randint(1, 3)):
            index = self.rng.randrange(len(dot))
            a, b, scale_a, scale_b = dot[index]
            a, b, lane = list(a), list(b), self.rng.randrange(len(a))
            what = self.rng.choice(("a", "b", "both", "a times zero", "zero times b", "scale"))
            if what in ("a", "both", "a times zero"):
                a[lane] = self.rng.choice(self.codes[0][self.rng.choice(("nan", "inf"))])
            if what in ("b", "both", "zero times b"):
                b[lane] = self.rng.choice(self.codes[1][self.rng.choice(("nan", "inf"))])
            if what == "a times zero":
                b[lane] = self.rng.choice(self.codes[1]["zero"])
            if what == "zero times b":
                a[lane] = self.rng.choice(self.codes[0]["zero"])
            if what == "scale":
                scale_a, scale_b = self.rng.choice(((255, scale_b), (scale_a, 255), (255, 255), (255, 0)))
            dot[index] = (a, b, scale_a, scale_b)
        return dot

    def nothing(self):
        """Zeros of both signs."""
        kinds = self.rng.choice((("zero", "zero"), ("zero", "any"), ("any", "zero")))
        return self.cut([self.block(self.rng.randint(0, 254), self.rng.randint(0, 254), kinds) for _ in range(2)])

    def dots(self, count):
        kinds = (
            self.plain,
            self.wild,
            self.drift,
            self.extreme,
            self.cancellation,
            self.tie,
            self.special,
            self.nothing,
        )
        return [kinds[index % len(kinds)]() for index in self.rng.sample(range(count), count)]

    def beats(self, dots):
        """Bytes of the beats, as bulk.cpp takes them; what the contract does not read is rubbish."""
        lanes, found = self.config.lanes, bytearray()
        for dot in dots:
            for index, (a, b, *scales) in enumerate(dot):
                assert len(a) == len(b)
                assert len(a) % lanes == 0
                assert len(a) == self.config.block or index == len(dot) - 1
                for start in range(0, len(a), lanes):
                    found += bytes(a[start : start + lanes]) + bytes(b[start : start + lanes])
                    found += bytes(scales if start == 0 else self.rng.randbytes(2)) + self.rng.randbytes(2)
                    found.append(index == len(dot) - 1 and start + lanes == len(a))
        return np.frombuffer(bytes(found), np.uint8)

    def ports(self, beats):
        """The same beats, as values of the ports."""
        lanes = self.config.lanes
        return [
            {
                "in_a": int.from_bytes(beat[:lanes].tobytes(), "little"),
                "in_b": int.from_bytes(beat[lanes : 2 * lanes].tobytes(), "little"),
                "in_scale_a": int(beat[-5]),
                "in_scale_b": int(beat[-4]),
                "in_last": int(beat[-1]),
            }
            for beat in beats.reshape(-1, 2 * lanes + 5)
        ]

    def expected(self, dot):
        config = self.config
        return oracle.dot(
            dot,
            fmt_a=self.names[0],
            fmt_b=self.names[1],
            accumulator=config.accumulator.value,
            **oracle_window(config),
        )


def assert_as_expected(found, dots, expected, circumstances):
    for index, (data, status) in enumerate(zip(found.data.tolist(), found.status.tolist(), strict=True)):
        code, flags = expected[index]
        assert (hex(data), f"{status:05b}") == (hex(code), f"{flags:05b}"), f"dot {index}, {circumstances}: {dots[index]}"


def check_results_in_all_traffic(simulation, maker):
    dots = maker.dots(960)
    expected = [maker.expected(dot) for dot in dots]

    # The vectors are worth something: all flags, and all kinds of result.
    seen = {flag for _, status in expected for flag in (oracle.NV, oracle.OF, oracle.UF, oracle.NX) if status & flag}
    never = {oracle.NV} if "E5M2" not in maker.names else set()
    never |= {oracle.UF} if maker.config.window_lsb is not None else set()
    assert seen == {oracle.NV, oracle.OF, oracle.UF, oracle.NX} - never
    codes = {code for code, _ in expected}
    assert codes >= {0, 0x7FC00000}
    assert len(codes) > 200

    for idle, stall in ((0, 0), (0.5, 0), (0, 0.5), (0.3, 0.3), (0, 0.95), (0.9, 0.1)):
        found = simulation.run_beats(maker.beats(dots), len(dots), idle=idle, stall=stall, seed=7)
        assert_as_expected(found, dots, expected, f"idle {idle}, stall {stall}")


def check_rate_and_latency(simulation, maker, kind, dots):
    """Nothing is offered late or taken late: what clocks are used beyond one a beat are those that the manifest states."""
    manifest, config = simulation.manifest, maker.config
    least, most = manifest["latency_min"], manifest["latency"]
    found = simulation.run_beats(maker.beats(dots), len(dots))
    assert_as_expected(found, dots, [maker.expected(dot) for dot in dots], f"{kind}, back to back")
    interval = manifest["initiation_interval"]
    blocks = [[len(block[0]) // config.lanes for block in dot] for dot in dots]
    beats = sum(map(sum, blocks))
    shortest = interval["clocks_per_dot"]
    needed = [
        # Whatever takes a block at a time takes as long for one that is cut short.
        max(sum(dot), shortest) if config.accumulator is EXACT else sum(max(count, shortest) for count in dot)
        for dot in blocks
    ]
    # One clock after reset the unit is not ready yet.
    assert beats + least <= found.clocks <= sum(needed) + most + 1, f"{kind}: {found.clocks} clocks for {beats} beats"
    if sum(needed) == beats:
        assert found.clocks - found.drain <= beats + 1, kind
        assert least <= found.drain <= most, kind


def check_latency_of_one_alone(simulation, maker):
    manifest = simulation.manifest
    fixed = accumulator_plan(maker.config).kind is Kind.PARALLEL_WINDOW
    assert manifest["latency_min"] == manifest["latency"] or not fixed
    # A second block might have to wait for the first, if blocks have an interval.
    dots = [[maker.block(127, 127)], [maker.block(127, 127, length=maker.config.lanes)]]
    dots += [] if maker.config.accumulator is FP32 else [maker.plain(), maker.wild()]
    for dot in dots:
        found = simulation.run_beats(maker.beats([dot]), 1, idle=0.9)
        assert_as_expected(found, [dot], [maker.expected(dot)], "one alone")
        assert manifest["latency_min"] <= found.drain <= manifest["latency"]


@pytest.mark.parametrize("name", UNITS)
def test_results_and_flags_are_the_oracles_and_rate_and_latency_the_manifests(tmp_path, name):
    config = UNITS[name]
    simulation, maker = BulkUnit(config, tmp_path), Maker(config, seed=name)
    check_latency_of_one_alone(simulation, maker)
    whole = [[maker.block(*maker.scales())] for _ in range(200)]
    check_rate_and_latency(simulation, maker, "dots of one block", whole)
    long = [[maker.block(*maker.scales()) for _ in range(40)] for _ in range(6)]
    check_rate_and_latency(simulation, maker, "dots of many blocks", long)
    check_rate_and_latency(simulation, maker, "dots that end in the middle of a block", [maker.plain() for _ in range(200)])
    check_results_in_all_traffic(simulation, maker)


# Clock by clock, on the Amaranth description of a small unit.


@pytest.mark.parametrize("kind", Accumulator, ids=lambda kind: kind.value)
def test_valid_and_payload_hold_until_taken_and_ready_waits_for_no_valid(kind):
    config = unit("E4M3", "E4M3", 4, 2, kind)
    dut, maker, rng = MacTop(config), Maker(config, seed=3), random.Random(4)
    dots = [maker.plain() for _ in range(100)]
    beats = maker.ports(maker.beats(dots))
    results, held = [], []

    async def testbench(ctx):
        index, before = 0, None
        for clock in range(5000):
            # A long time without any result taken, at first; then all kinds of traffic.
            stalled = clock < 800
            offered = index < len(beats) and rng.random() < 0.7
            for port, value in (beats[index] if offered else {}).items():
                ctx.set(getattr(dut, port), value)
            ctx.set(dut.out_ready, not stalled and rng.random() < 0.4)
            # Neither ready nor the result looks at the other side of the handshake.
            seen = set()
            for valid in (not offered, offered):
                ctx.set(dut.in_valid, valid)
                seen.add((ctx.get(dut.in_ready), ctx.get(dut.out_valid)))
            assert len(seen) == 1
            _, _, ready, valid, data, status, taking = await ctx.tick().sample(
                dut.in_ready, dut.out_valid, dut.out_data, dut.out_status, dut.out_ready
            )
            if before is not None:
                assert valid
                assert (data, status) == before
            before = (data, status) if valid and not taking else None
            if valid and taking:
                results.append((data, status))
            if stalled and clock > 700:
                held.append((index, ready))
            index += offered and ready
            if len(results) == len(dots):
                return

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()
    # Before anything was taken, the unit had filled up, and asked for no more.
    assert not any(ready for _, ready in held)
    assert all(one == other for one, other in pairwise(held))
    # As many dot products as there is room for results, and what of the next one comes before its last beat.
    taken = beats[: held[-1][0]]
    assert sum(beat["in_last"] for beat in taken) == generate(config, "unit").manifest["results_queued"]
    assert results == [maker.expected(dot) for dot in dots]


def test_reset_in_the_middle_forgets_everything():
    config = unit("E4M3", "E4M3", 4, 2, WINDOW)
    maker, dut, top = Maker(config, seed=5), MacTop(config), Module()
    domain = ClockDomain("sync")
    top.domains.sync = domain
    top.submodules.dut = dut
    ones = {"in_a": 0x3838, "in_b": 0x3838, "in_scale_a": 127, "in_scale_b": 127}

    async def give(ctx, beats):
        ctx.set(dut.in_valid, 1)
        for beat in beats:
            for port, value in beat.items():
                ctx.set(getattr(dut, port), value)
            ready = 0
            while not ready:
                _, _, ready = await ctx.tick().sample(dut.in_ready)
        ctx.set(dut.in_valid, 0)

    async def testbench(ctx):
        # One result waits, another is on its way, and half a block has come in.
        await give(ctx, [ones | {"in_last": index in (1, 3)} for index in range(2)])
        await ctx.tick().repeat(40)
        await give(ctx, [ones | {"in_last": index == 1} for index in range(3)])
        assert ctx.get(dut.out_valid)
        ctx.set(domain.rst, 1)
        await ctx.tick()
        ctx.set(domain.rst, 0)
        ctx.set(dut.out_ready, 1)
        for _ in range(60):
            assert not ctx.get(dut.out_valid)
            await ctx.tick()
        dot = maker.plain()
        await give(ctx, maker.ports(maker.beats([dot])))
        valid = 0
        while not valid:
            _, _, valid, data, status = await ctx.tick().sample(dut.out_valid, dut.out_data, dut.out_status)
        assert (data, status) == maker.expected(dot)

    simulator = Simulator(top)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()
