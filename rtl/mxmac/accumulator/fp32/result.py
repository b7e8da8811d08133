"""Results and status flags of sums in binary32, which overflow, infinities and NaN leave to the end."""

from dataclasses import replace

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ...config import MacConfig
from ...primitives.bits import delay, delay_valid, register
from ...primitives.description import Description
from ...stages.layouts import SPECIALS, result_layout
from ...stages.result import Rounded, classify, exceeds_range, pack_result
from ...stages.rounder_stages import registered
from ..narrower import FP32
from .sizes import unpacked_layout

__all__ = ["RESULT_CLOCKS", "SumResult", "rounded_sum_layout"]

#: Cycles from a sum to its result.
RESULT_CLOCKS = 4


def rounded_sum_layout(config: MacConfig) -> data.StructLayout:
    """Layout of a sum after a block.

    Members
    -------
    sum : unpacked_layout(config)
        Ignored after an overflow, and if any block was special.
    specials : SPECIALS
        Of the block, and of the addend if the block is the first.
    first, last : 1
        Whether the block is the first of its dot product, and the last.
    """
    return data.StructLayout({"sum": unpacked_layout(config), "specials": SPECIALS, "first": 1, "last": 1})


class SumResult(wiring.Component):
    """Last step of the accumulator in binary32: codes of sums, and flags of all their roundings.

    Latency ``RESULT_CLOCKS`` cycles, throughput one sum per cycle. A sum that overflows is infinite from then on.

    Parameters
    ----------
    config : MacConfig

    Members
    -------
    i : In(stream.Signature(rounded_sum_layout(config), always_ready=True))
    o : Out(stream.Signature(result_layout(FP32), always_ready=True))
        Valid after the last block of a dot product.
    """

    def __init__(self, config: MacConfig):
        self.config = config
        super().__init__(
            {
                "i": In(stream.Signature(rounded_sum_layout(config), always_ready=True)),
                "o": Out(stream.Signature(result_layout(FP32), always_ready=True)),
            }
        )

    @property
    def description(self) -> Description:
        return Description("Sums in binary32 to codes and status flags.", RESULT_CLOCKS)

    def elaborate(self, platform):
        m = Module()
        rounded = self._round(m)
        # Clock 2: whether a sum is too large.
        rounded = replace(rounded, code=rounded.code[: FP32.width - 1], overflow=exceeds_range(FP32, rounded.code))
        rounded = registered(m, rounded, "late")
        # Clock 3: what it amounts to with the sums before it.
        valid = delay_valid(m, self.i.valid, 2, name="valid")
        last = delay(m, self.i.payload.last, 2, name="last")
        rounded, specials = self._accumulate(m, valid, rounded)
        classified = registered(m, classify(FP32, rounded, specials, too_large=rounded.overflow), "classified")
        # Clock 4.
        result, status = pack_result(m, FP32, classified)
        m.d.sync += [
            self.o.valid.eq(delay_valid(m, valid & last, 1, name="done")),
            self.o.payload.data.eq(result),
            self.o.payload.status.eq(status),
        ]
        return m

    def _round(self, m: Module) -> Rounded:
        """Return a sum on its own, too large or not: clock 1. A carry out of the fraction increments the exponent."""
        total = self.i.payload.sum
        neg = total.sig[-1]
        # A negative significand is inverted: its magnitude is one more, which the increment takes back.
        magnitude, half = total.sig[:-1] ^ neg.replicate(FP32.sig_bits), total.half ^ neg
        code = Signal(FP32.man_bits + len(total.exp) + 1, name="code", reset_less=True)
        m.d.sync += code.eq(Cat(Const(0, FP32.man_bits), total.exp) + magnitude + (total.up ^ neg))
        # Rounded with an unbounded exponent, a subnormal reaches the smallest normal number only from here on up.
        reaches_normal = magnitude[:-1].all() & half & Mux(neg, ~(total.below & total.sticky), total.below)
        inexact = total.half | total.below | total.sticky
        return Rounded(
            code=code,
            neg=register(m, neg, name="neg"),
            inexact=register(m, inexact, name="inexact"),
            overflow=Const(0, 1),
            underflow=register(m, inexact & ~magnitude[-1] & ~reaches_normal, name="underflow"),
        )

    def _accumulate(self, m: Module, valid: Value, rounded: Rounded) -> tuple[Rounded, data.View]:
        """Return a sum with the flags of all sums of its dot product, and the specials of its blocks."""
        first = delay(m, self.i.payload.first, 2, name="first")
        block = data.View(SPECIALS, delay(m, self.i.payload.specials.as_value(), 2, name="specials"))
        inexact, underflow, overflow, infinite_neg = (
            Signal(name=name, reset_less=True) for name in ("any_inexact", "any_underflow", "overflowed", "overflow_neg")
        )
        last_seen, seen = Signal(SPECIALS, name="seen", reset_less=True), Signal(SPECIALS, name="seen_next")
        before, infinite = Mux(first, 0, last_seen.as_value()), ~first & overflow
        # An Inf that the sum has overflowed to is an Inf to the blocks that follow.
        opposite = infinite & ~before.any() & ~block.nan & Mux(infinite_neg, block.pos_inf, block.neg_inf)
        m.d.comb += seen.as_value().eq(before | block.as_value() | Cat(Const(0, 1), opposite, Const(0, 2)))
        total = Rounded(
            code=rounded.code,
            neg=Mux(infinite, infinite_neg, rounded.neg),
            inexact=(~first & inexact) | (~infinite & (rounded.inexact | rounded.overflow)),
            overflow=infinite | rounded.overflow,
            underflow=(~first & underflow) | (~infinite & rounded.underflow),
        )
        with m.If(valid):
            m.d.sync += [
                inexact.eq(total.inexact),
                underflow.eq(total.underflow),
                overflow.eq(total.overflow),
                infinite_neg.eq(total.neg),
                last_seen.eq(seen),
            ]
        return total, seen
