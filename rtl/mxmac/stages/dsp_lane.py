"""A lane with a DSP block of ECP5: one factor is shifted, and the other has two places."""

from typing import NamedTuple

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import Out

from ..config import MacConfig, MultiplierKind, Target
from ..primitives.bits import delay, register, truth_table
from ..primitives.description import Description
from ..primitives.dsp_block import DSP_BITS, DSP_CLOCKS, DspMultiplier
from ..primitives.shared import shared
from ..primitives.up_shifter import UpShifter, up_shifter_clocks
from .adder_tree import Term, sum_layout
from .layouts import SPECIALS
from .product import adds_raw_exponents, decoded_pair, element_ports, exp_bits, factors, product_zeros

__all__ = ["DSP_TERM", "DspLane", "dsp_lane_latency", "has_dsp_lanes"]

#: What is known of a product.
DSP_TERM = Term(1, carry=True, magnitude=True)

#: Cycles from codes to how far the product is to be shifted: decode, sum of the exponents, split.
_SPLIT_CLOCKS = 3
#: Cycles from a DSP block to a register near the adder: blocks lie in a few rows of the FPGA.
_WAY_CLOCKS = 1


class _Split(NamedTuple):
    """How the shift of a product is split between its factors.

    Members
    -------
    shifted : int
        The factor that is shifted, 0 for a or 1 for b: the one with fewer bits.
    sig_bits : (int, int)
        Bits of both significands.
    place : int
        Distance of the other factor's upper place; 0 if it has only one.
    upper_from : int
        Sum of exponents from which on it has that place.
    zeros : int
        Least sum of exponents.
    most : int
        Largest shift of a product.
    """

    shifted: int
    sig_bits: tuple[int, int]
    place: int
    upper_from: int
    zeros: int
    most: int

    def shift(self, exp: int) -> int:
        """Distance that the shifted factor is moved for a sum of exponents."""
        return exp - self.zeros - self.place * (exp >= self.upper_from)

    @property
    def shift_bits(self) -> int:
        """Bits of that distance."""
        return max(self.most - self.place, self.upper_from - 1 - self.zeros if self.place else 0).bit_length()


def _split(config: MacConfig) -> _Split | None:
    """Return how the shift is split; None if the factors do not fit a DSP block."""
    sides = (config.operand_a, config.operand_b)
    sig_bits = (sides[0].sig_bits, sides[1].sig_bits)
    shifted = int(sig_bits[1] <= sig_bits[0])
    zeros = product_zeros(config)
    most = sum((1 << side.exp_bits) - 1 for side in sides) - zeros
    room, other = DSP_BITS - sig_bits[shifted], DSP_BITS - sig_bits[1 - shifted]
    if min(room, other) < 0 or most > room + other:
        return None
    place = max(0, most - room)
    # Of the sums from which on the other factor may be moved, the one that the fewest bits tell.
    upper_from = max(range(place + zeros, room + zeros + 2), key=lambda exp: exp & -exp)
    return _Split(shifted, sig_bits, place, upper_from, zeros, most)


def has_dsp_lanes(config: MacConfig) -> bool:
    """Whether each lane has a DSP block of its own: if the target has them, factors fit, and an adder takes the sign."""
    wanted = config.target is Target.ECP5 and config.multiplier is MultiplierKind.DSP and config.lanes > 1
    return wanted and exp_bits(config) > 0 and _split(config) is not None


def _shifter_clocks(config: MacConfig, split: _Split) -> int:
    return up_shifter_clocks(split.sig_bits[split.shifted], split.shift_bits, config.lane_shift_levels)


def dsp_lane_latency(config: MacConfig) -> int:
    """Cycles from element codes to their product."""
    split = _split(config)
    assert split is not None
    return _SPLIT_CLOCKS + _shifter_clocks(config, split) + DSP_CLOCKS + _WAY_CLOCKS


class DspLane(wiring.Component):
    """Multiplier of two elements in a DSP block: magnitude and sign of the product as an integer.

    Latency ``dsp_lane_latency(config)`` cycles, throughput one pair per cycle. The shorter factor is shifted by most of the sum
    of the exponents; the other one has two places, so that both fit 18 bits: for E4M3, ``14 + 4`` bits each.

    Parameters
    ----------
    config : MacConfig
        Of it: the formats of the operands, with ``has_dsp_lanes(config)``, and ``pipeline``.

    Members
    -------
    a, b : In(operand.width)
        Element codes.
    format_a, format_b : In(range(len(operand.formats)))
        Index of the code's format; there only with more than one.
    product : Out(sum_layout(config, DSP_TERM))
        It means nothing if one of ``specials`` is set.
    specials : Out(SPECIALS)
        After one clock, for there is nothing to multiply.
    """

    def __init__(self, config: MacConfig):
        self.config = config
        outputs = {"product": Out(sum_layout(config, DSP_TERM)), "specials": Out(SPECIALS)}
        super().__init__({**element_ports(config), **outputs})

    @property
    def description(self) -> Description:
        return Description(
            "Product of two elements in a DSP block, magnitude and sign; its specials after one cycle.",
            dsp_lane_latency(self.config),
        )

    def elaborate(self, platform):
        return shared(platform, self, self.config, self._elaborated)

    def _elaborated(self) -> Module:
        m = Module()
        config, split = self.config, _split(self.config)
        assert split is not None
        a, b, neg = decoded_pair(m, self, exp=not adds_raw_exponents(config))
        given = factors(m, self, a, b)
        sigs, exp = (given.sig_a, given.sig_b), given.exp
        sums = range(1 << len(exp))
        distances = [split.shift(each) % (1 << split.shift_bits) for each in sums]
        shift = register(m, truth_table(exp, distances, split.shift_bits), name="shift")
        upper = register(m, truth_table(exp, [each >= split.upper_from for each in sums], 1), name="upper")
        m.submodules.shifter = shifter = UpShifter(
            sig_bits=split.sig_bits[split.shifted],
            exp_bits=split.shift_bits,
            zeros=0,
            width=DSP_BITS,
            levels_per_clock=config.lane_shift_levels,
            signed=False,
        )
        m.submodules.multiply = multiply = DspMultiplier()
        clocks = _shifter_clocks(config, split)
        other = delay(m, sigs[1 - split.shifted], _SPLIT_CLOCKS - 1 + clocks - 1, name="other")
        m.d.comb += [
            shifter.i.sig.eq(delay(m, sigs[split.shifted], _SPLIT_CLOCKS - 1, name="shifted")),
            shifter.i.exp.eq(shift),
            multiply.a.eq(shifter.o),
            multiply.b.eq(self._placed(m, other, delay(m, upper, clocks - 1, name="upper"), split.place)),
            self.product.sum.eq(delay(m, multiply.product, _WAY_CLOCKS, name="product")),
            self.product.carry.eq(delay(m, neg, dsp_lane_latency(config), name="neg")),
        ]
        return m

    @staticmethod
    def _placed(m: Module, sig: Value, upper: Value, place: int) -> Value:
        """Put a significand at one of two places, in a register; the gate of each becomes the reset of its bits."""
        if not place:
            return register(m, sig, name="low")
        low, high = (Signal(len(sig), name=name, reset_less=True) for name in ("low", "high"))
        m.d.sync += [low.eq(Mux(upper, 0, sig)), high.eq(Mux(upper, sig, 0))]
        return low | Cat(Const(0, place), high)
