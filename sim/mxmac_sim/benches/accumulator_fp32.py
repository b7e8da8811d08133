"""Bench of the accumulator in binary32: every addition rounded, through overflow, subnormals and cancellation."""

from collections.abc import Iterator
from random import Random

import cocotb

from mxmac.config import MacConfig
from mxmac.formats import RESULT_FORMATS
from mxmac_sim.golden import model as golden

from ..stimulus.scaled_blocks import ScaledBlock, value_of
from ..stimulus.specials import NO_SPECIALS, merged, special_result
from .kit.rounded_sums import run_rounded_sums

_FP32 = RESULT_FORMATS["FP32"]


@cocotb.test()
async def blocks_as_fast_as_they_may_come(dut):
    """Dot products without a gap."""
    await _run(dut, "blocks_as_fast_as_they_may_come", idle="none")


@cocotb.test()
async def blocks_with_gaps(dut):
    """Dot products with cycles that bring nothing."""
    await _run(dut, "blocks_with_gaps", idle="bursts")


class _Sum:
    """The sum so far, by its definition: ``acc = round(acc + block)``, starting from +0."""

    def __init__(self):
        self.code, self.flags, self.specials = 0, 0, NO_SPECIALS

    @property
    def overflowed(self) -> bool:
        return self.code & 0x7FFFFFFF == _FP32.inf_code

    @property
    def result(self) -> tuple[int, int]:
        return special_result(self.specials, _FP32) or (self.code, self.flags)

    def parts(self) -> tuple[int, int]:
        """Value and exponent of the least significant bit; only if it has not overflowed."""
        return value_of(self.code, _FP32)

    def add(self, block: ScaledBlock):
        nan, _, pos_inf, neg_inf = block.seen
        if self.overflowed and not any(self.specials) and not nan and (pos_inf if self.code >> 31 else neg_inf):
            # The sum is an infinity to what follows, and meets one of the other sign.
            self.specials = merged(self.specials, (0, 1, 0, 0))
        self.specials = merged(self.specials, block.seen)
        if not (any(self.specials) or self.overflowed):
            (value, exp), (addend, addend_exp) = self.parts(), (block.sum, block.exp)
            low = min(exp, addend_exp)
            self.code, flags = golden.round_to((value << exp - low) + (addend << addend_exp - low), low, _FP32)
            self.flags |= flags


async def _run(dut, test: str, *, idle: str):
    await run_rounded_sums(dut, test, idle=idle, start=lambda _config: _Sum(), blocks_of=_dot)


def _dot(config: MacConfig, rng: Random, total: _Sum, count: int) -> Iterator[ScaledBlock]:
    """Blocks of a dot product; ``total`` is what they have added up to when the next is asked for."""
    scale, special = rng.randint(0, config.scale_sum_max), rng.random() < 0.1
    for _ in range(count):
        chosen = None
        if not total.overflowed and rng.random() < 0.7:
            value, exp = total.parts()
            chosen = ScaledBlock.of(config, rng, *_addend(rng, value, exp))
        if total.overflowed and rng.random() < 0.6:
            # Without the overflow, the sum might be finite after this.
            chosen = ScaledBlock.of(config, rng, rng.choice((-1, 1)) * rng.randint(1, 7), rng.randint(124, 128))
        if chosen is None:
            near = max(0, min(config.scale_sum_max, scale + rng.randint(-40, 40)))
            chosen = ScaledBlock.random(config, rng, near)
        # An accumulator that has overflowed can still meet an infinity of the other sign.
        if rng.random() < (0.4 if total.overflowed else 0.3 * special):
            chosen = chosen.made_special(rng)
        yield chosen


def _addend(rng: Random, acc: int, exp: int) -> tuple[int, int]:
    """An addend ``value * 2^exp`` that makes rounding or normalising difficult, for an accumulator of ``acc * 2^exp``."""
    far = rng.randint(2, 30)
    half, beside_half = 1 << far, (1 << far) + rng.choice((-1, 1))
    sign = rng.choice((-1, 1))
    target, target_exp = rng.choice(
        (
            # Overflow: the largest number, its upper neighbour, the middle between both, and just below that.
            ((1 << 24) - 1, 104),
            (1, 128),
            ((1 << 25) - 1, 103),
            ((1 << 40) - (1 << 15) - 1, 88),
            # Underflow: the smallest subnormal, half of it, the smallest normal number and its neighbourhood.
            (1, -149),
            (1, -150),
            (3, -150),
            (1, -126),
            ((1 << 24) - 1, -150),
            ((1 << 25) - 1, -151),
            ((1 << 25) - 3, -151),
        )
    )
    # A number of any width, at most four places above the sum's, or below it: opposite ones cancel.
    bits = rng.randint(1, 48)
    beside = sign * (1 << bits | rng.getrandbits(bits))
    beside_exp = exp + acc.bit_length() + rng.randint(-4, 4) - bits - 1
    # A sum of about the same size, halfway between two numbers or next to that.
    below = rng.randint(2, 16)
    near_tie = ((1 << 24 | 2 * rng.getrandbits(23) | 1) << below - 1) + rng.choice((-1, 0, 1))
    low = min(exp, target_exp)
    to_target = sign * (target << target_exp - low) - (acc << exp - low)
    return rng.choice(
        (
            (-acc, exp),  # exact cancellation
            (-acc + rng.choice((-1, 1)), exp),
            ((-acc << far) + sign, exp - far),
            (sign * half, exp - far - 1),  # a tie
            (sign * beside_half, exp - far - 1),
            (sign, exp - rng.randint(1, 200)),
            (beside, beside_exp),
            (beside, beside_exp),
            (sign * near_tie - (acc << below), exp - below),
            (to_target, low),
            (sign * target, target_exp),
        )
    )
