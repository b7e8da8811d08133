"""The sum of a block's beats against Python's integers: whole blocks, blocks cut short, gaps between beats."""

import random
from dataclasses import dataclass

import pytest
from amaranth.sim import Simulator

from mxmac.config import MacConfig
from mxmac.formats import ELEMENT_FORMATS
from mxmac.stages.block_adder import BlockAdder
from mxmac.stages.layouts import SPECIALS


@dataclass
class Beat:
    total: int
    specials: int
    first: bool
    last: bool
    dot_last: bool


def random_blocks(config, largest, rng, count):
    """Beats of some blocks, and what each block should come to: (sum, specials, dot_last)."""
    beats, blocks = [], []
    for index in range(count):
        dot_last = rng.random() < 0.3
        # Only the last block of a dot product may be cut short.
        length = rng.randint(1, config.beats) if dot_last else config.beats
        extreme = rng.choice([None, None, None, largest, -largest])
        totals = [rng.randint(-largest, largest) if extreme is None else extreme for _ in range(length)]
        specials = [rng.randrange(16) if rng.random() < 0.2 else 0 for _ in range(length)]
        if index < 4:  # each flag alone, in any one beat of its block
            specials = [0] * length
            specials[index % length] = 1 << index
        seen = 0
        for position in range(length):
            last = position == length - 1
            beats.append(Beat(totals[position], specials[position], position == 0, last, dot_last and last))
            seen |= specials[position]
        blocks.append((sum(totals), seen, dot_last))
    return beats, blocks


@pytest.mark.parametrize("gaps", [0, 0.5], ids=["back-to-back", "gaps"])
@pytest.mark.parametrize(("block", "lanes"), [(1, 1), (8, 8), (2, 1), (9, 3), (32, 2), (1024, 256)])
def test_block_sum_is_exact_and_comes_one_clock_after_the_last_beat(block, lanes, gaps):
    config = MacConfig(b=[ELEMENT_FORMATS["E5M2"]], block=block, lanes=lanes)
    dut, rng = BlockAdder(config), random.Random(block + lanes)
    largest = lanes * config.operand_a.max_integer * config.operand_b.max_integer
    beats, blocks = random_blocks(config, largest, rng, 60)
    mask = (1 << config.sum_bits(lanes)) - 1
    found = []

    async def testbench(ctx):
        ended, open_block, index = False, False, 0
        while index < len(beats) or open_block or ended:
            # The end of a block that may have several beats may come after the last of them.
            late_end = open_block and rng.random() >= gaps
            valid = index < len(beats) and not open_block and rng.random() >= gaps
            beat = beats[index] if valid else None
            # Without a beat the payload is rubbish.
            total, specials, first, last, dot_last = (
                (beat.total, beat.specials, beat.first, beat.last, beat.dot_last)
                if beat
                else (rng.randint(-largest, largest), rng.randrange(16), rng.random() < 0.5, False, beats[index - 1].dot_last)
            )
            carry = rng.randrange(2)
            # A sum of -largest has no room for a carry below it.
            carry = carry if total - carry >= -largest else 0
            payload = {
                "beat": {"sum": (total - carry) & mask, "carry": carry},
                "specials": {name: specials >> bit & 1 for bit, name in enumerate(SPECIALS.members)},
                "dot_last": dot_last,
            }
            if config.beats > 1:
                payload["block_first"] = first
            ctx.set(dut.i.valid, valid)
            ctx.set(dut.i.payload, payload)
            end = late_end or (last and (config.beats == 1 or rng.random() >= gaps))
            ctx.set(dut.block_end, end)
            open_block = (open_block or last) and not end
            _, _, out_valid, out = await ctx.tick().sample(dut.o.valid, dut.o.payload)
            assert out_valid == ended
            if out_valid:
                flags = sum(out.specials[name] << bit for bit, name in enumerate(SPECIALS.members))
                found.append((out.sum, flags, bool(out.dot_last)))
            ended = end
            index += valid

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()
    assert found == blocks
