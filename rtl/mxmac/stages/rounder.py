"""Rounding of an exact value to floating point, with status flags."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ..config import MacConfig, Target
from ..formats import Format
from ..primitives.bits import PAIRS_AT_ONCE, add_carry_ahead, any_of_each, any_unlike, delay_valid
from ..primitives.description import Description
from .layouts import SPECIALS, result_layout, total_layout
from .result import Classified, Rounded, classify, pack_result
from .rounder_stages import Decided, Normalised, Normalising, Packable, Packed, registered

__all__ = ["Rounder", "rounder_clocks", "rounder_of"]

#: Levels of logic of finding out how far a value may be moved up.
_BEGIN_LEVELS = 2
#: Levels of logic of preparing the rounding addition in two steps, of itself, of seeing what it led to, and of packing.
_LAST_LEVELS = (2, 2, 2, 2, 2)

#: Groups of scanned bits that are decided upon in one level of four-input LUTs, together with the limit.
_DECIDED_AT_ONCE = 3


def _headroom(output: Format, width: int, exp_min: int) -> int:
    return max(0, min(output.man_bits + 2, output.emin - (exp_min + width - 2)))


def _shift_levels(output: Format, width: int, exp_min: int) -> int:
    return (width - 1 + _headroom(output, width, exp_min)).bit_length()


def _scan_levels(level: int) -> tuple[int, int]:
    """Return the levels of four-input LUTs that a shift by 2^level takes: to scan for ones, and to decide."""
    return (0, 2) if 1 << level <= 4 else (2, 2)


def _ends(levels: Sequence[int], most: int) -> list[int]:
    """Return the indices of the steps that need a register after them, for ``most`` levels of logic between registers."""
    ends, so_far = [], 0
    for index, here in enumerate(levels):
        if so_far + here > most:
            # Steps without logic go behind the register, which then holds what they read.
            ends.append(max(step for step in range(index) if levels[step]))
            so_far = 0
        so_far += here
    return ends


def _register_after(levels: Sequence[int], clocks: int) -> list[int]:
    """Return the indices of the ``clocks`` steps with a register after them that need the fewest levels between registers."""
    if not clocks:
        return []
    ends = next(ends for most in range(max(levels), sum(levels) + 1) if len(ends := _ends(levels, most)) < clocks)
    # There is one behind the last step in any case, and if there are more than needed, those go there, too.
    return ends + [len(levels) - 1] * (clocks - len(ends))


def rounder_clocks(output: Format, *, width: int, exp_min: int, levels_per_clock: int) -> int:
    """Return the latency of a :class:`Rounder` that has at most ``levels_per_clock`` levels of logic between two registers."""
    count = _shift_levels(output, width, exp_min)
    levels = [_BEGIN_LEVELS]
    for level in reversed(range(count)):
        levels += [*_scan_levels(level), 1]
    return len(_ends(levels + list(_LAST_LEVELS), levels_per_clock)) + 1


class Rounder(wiring.Component):
    """Rounder to nearest, ties to even (IEEE 754, 4.3.1), subnormals included.

    Latency ``clocks`` cycles, throughput one value per cycle. The leading zeros of the value are shifted out level by level.
    The exponent of the smallest normal number limits the shift, so that a subnormal result needs no second shift. As long as
    the levels taken equal the upper bits of the limit, the next level is taken only if its bit of the limit is set.

    A negative value is inverted. The missing +1 in the lowest place equals an endless row of ones below it, which the shift
    moves in. If all truncated bits are ones, the rounding addition adds the +1.

    Parameters
    ----------
    output : Format
        A format with Inf and NaN.
    width, exp_bits, exp_min : int
        Of the input: see ``total_layout``.
    clocks : int
        Latency in cycles, over which the levels of logic are spread; ``rounder_clocks`` gives a good one.
    gates : bool
        Whether the rounding addition is for gates, without a long carry chain.

    Members
    -------
    i : In(stream.Signature(total_layout(width, exp_bits), always_ready=True))
    o : Out(stream.Signature(result_layout(output), always_ready=True))
    """

    def __init__(self, output: Format, *, width: int, exp_bits: int, exp_min: int, clocks: int, gates: bool = False):
        self.output, self.width, self.exp_min, self.clocks, self._gates = output, width, exp_min, clocks, gates
        super().__init__(
            {
                "i": In(stream.Signature(total_layout(width, exp_bits), always_ready=True)),
                "o": Out(stream.Signature(result_layout(output), always_ready=True)),
            }
        )

    @property
    def headroom(self) -> int:
        """Zeros to put above the value so that no result is so small that it would have to be shifted down.

        More than the significand and its round bit are never needed: what lies lower is sticky wherever it stands.
        """
        return _headroom(self.output, self.width, self.exp_min)

    @property
    def description(self) -> Description:
        return Description(f"Exact value to {self.output.name}: rounds to nearest, ties to even.", self.clocks)

    def elaborate(self, platform):
        m = Module()
        steps = self._steps()
        ends = _register_after([levels for _, levels in steps], self.clocks)
        stage = self.i.payload
        for index, (step, _) in enumerate(steps):
            stage = step(m, stage)
            for number in range(ends.count(index)):
                stage = registered(m, stage, f"step{index}" + "_more" * number)
        m.d.comb += [
            self.o.valid.eq(delay_valid(m, self.i.valid, self.clocks, name="valid")),
            self.o.payload.data.eq(stage.data),
            self.o.payload.status.as_value().eq(stage.status),
        ]
        return m

    def _steps(self):
        """Functions that each do a step, with the levels of logic that it takes."""
        count = _shift_levels(self.output, self.width, self.exp_min)
        steps = [(partial(self._begin, count=count), _BEGIN_LEVELS)]
        for level in reversed(range(count)):
            scan, decide, move = (
                partial(step, level=level, first=level == count - 1) for step in (self._scan, self._decide, self._move)
            )
            levels = _scan_levels(level)
            steps += [(scan, levels[0]), (decide, levels[1]), (move, 1)]
        last = (self._gather, self._prepare, self._round, self._classify, self._pack)
        return steps + list(zip(last, _LAST_LEVELS, strict=True))

    def _begin(self, m: Module, total: data.View, *, count: int) -> Normalising:
        """Split off the sign, and limit the shift so that the exponent does not fall below that of subnormals."""
        value, exp, specials = total.value, total.exp, total.specials
        offset = self.exp_min + self.width - 1 + self.headroom - 1 - self.output.emin
        limit = exp + offset
        if offset < 0:
            limit = Mux(limit < 0, 0, limit)
        limit_bits = max(count, (max(0, (1 << len(exp)) - 1 + offset)).bit_length())
        # What the first level would move out of the top of the value and of its headroom.
        normal = value[:-1].as_unsigned()
        top = normal[max(0, len(normal) + self.headroom - (1 << (count - 1))) :]
        limit_value = Signal(limit_bits, name="limit")
        m.d.comb += limit_value.eq(limit)
        return Normalising(
            inexact=total.inexact,
            overflow=total.overflow,
            nan=specials.nan,
            invalid=specials.invalid,
            pos_inf=specials.pos_inf,
            neg_inf=specials.neg_inf,
            neg=value[-1],
            # To be complemented by the first level of shifting, whose multiplexers have an input to spare.
            normal=normal,
            limit=limit_value,
            taken=Const(0, 0),
            sticky=Const(0, 1),
            cut_off=Const(0, 1),
            top=any_unlike(top, value[-1], PAIRS_AT_ONCE),
        )

    def _magnitude(self, stage: Normalising, first: bool):
        value = stage.normal
        return Cat(value ^ stage.neg.replicate(len(value)), Const(0, self.headroom)) if first else value

    def _kept(self, level: int) -> int:
        """Highest bits that this level and those after it can bring into significand, round bit and one more."""
        return self.output.man_bits + 3 + (1 << level) - 1

    def _scan(self, m: Module, stage: Normalising, *, level: int, first: bool) -> Normalising:
        """Look for ones in the bits that a shift by 2^level moves out of the top, and in those that are about to be cut."""
        amount, value = 1 << level, stage.normal
        width = len(value) + self.headroom * first
        cut = max(0, width - self._kept(level))
        kept_out = max(0, cut - amount)
        moved, still = value[:kept_out], value[kept_out:cut]
        if first:
            # The value is not complemented yet. A limit beyond all levels allows any of them.
            free = stage.limit[level + 1 :].any()
            top = any_of_each(stage.top, max(1, -(-len(stage.top) // _DECIDED_AT_ONCE)))
            moved, still = any_of_each(moved), any_of_each(still)
        else:
            free, top = stage.free, any_of_each(value[max(0, width - amount) :])
            moved, still = any_unlike(moved, stage.neg), any_unlike(still, stage.neg)
        allowed = stage.limit[level] | free
        return replace(stage, free=free, allowed=allowed, top=top, lost_moved=moved, lost_still=still)

    def _decide(self, m: Module, stage: Normalising, *, level: int, first: bool) -> Normalising:
        """Decide whether the value is shifted by 2^level."""
        clear = ~stage.top.any()
        take = Signal(name=f"take{level}")
        m.d.comb += take.eq(clear & stage.allowed)
        cut_off = Cat(stage.lost_moved.any(), stage.lost_still.any() & ~take)
        return replace(
            stage,
            free=stage.free | (stage.allowed & ~clear),
            taken=Cat(take, stage.taken),
            sticky=stage.sticky | stage.cut_off.any(),
            cut_off=cut_off,
            allowed=None,
            top=None,
            lost_moved=None,
            lost_still=None,
        )

    def _move(self, m: Module, stage: Normalising, *, level: int, first: bool) -> Normalising:
        """Shift the value by 2^level if that was decided, and cut the bits off that only count as sticky from now on."""
        amount, value = 1 << level, self._magnitude(stage, first)
        kept = slice(max(0, len(value) - self._kept(level)), len(value))
        moved = Signal(kept.stop - kept.start, name=f"normal{level}")
        m.d.comb += moved.eq(Mux(stage.taken[0], Cat(stage.neg.replicate(amount), value)[kept], value[kept]))
        return replace(stage, normal=moved)

    def _gather(self, m: Module, stage: Normalising) -> Normalised:
        """Take the significand, with the round bit and one more, and the exponent."""
        kept = self.output.man_bits + 3
        normal = Cat(stage.neg.replicate(max(0, kept - len(stage.normal))), stage.normal)[-kept:]
        exp = Signal(len(stage.limit), name="exp_unbounded")
        m.d.comb += exp.eq(stage.limit - stage.taken)
        return Normalised(
            **stage.flags(),
            normal=normal,
            sticky=stage.sticky | stage.cut_off.any(),
            exp=exp,
            some=any_of_each(normal),
            gaps=any_of_each(~normal[1:-1]),
        )

    def _prepare(self, m: Module, stage: Normalised) -> Decided:
        """Decide whether to round up, and whether the result is inexact and tiny."""
        normal, neg, sticky = stage.normal, stage.neg, stage.sticky
        half_half, half, sig = normal[0], normal[1], normal[2:]
        # Whether any bit below the round bit counts: in a one's complement, any that is zero.
        below = (half_half ^ neg) | sticky
        hidden = sig[-1]
        # Rounded with an unbounded exponent, a subnormal reaches the smallest normal number only from here on up.
        reaches_normal = ~stage.gaps.any() & (half_half | (neg & ~sticky))
        nonzero = neg | stage.some.any() | sticky
        return Decided(
            **stage.flags() | {"inexact": stage.inexact | (half ^ neg) | below},
            exp=Mux(hidden, stage.exp, 0),
            sig=sig,
            up=Mux(neg, half | (~below & sig[0]), half & (below | sig[0])),
            tiny=nonzero & ~hidden & ~reaches_normal,
        )

    def _round(self, m: Module, stage: Decided) -> Packable:
        """Add the rounding bit to exponent and fraction at once: a carry out of the fraction increments the exponent."""
        man_bits = self.output.man_bits
        # Rounding adds at most one bit to the exponent; the format's own bits are there even if no result needs them.
        exp_bits = max(len(stage.exp) + 1, self.output.exp_bits)
        code = Signal(man_bits + exp_bits, name="code")
        if self._gates:
            # The hidden bit is known before the rounding bit.
            exp = (stage.exp + stage.sig[-1])[:exp_bits]
            unrounded = Cat(stage.sig[:-1], exp, Const(0, exp_bits - len(exp)))
            m.d.comb += code.eq(add_carry_ahead(unrounded, stage.up))
        else:
            m.d.comb += code.eq(Cat(Const(0, man_bits), stage.exp) + stage.sig + stage.up)
        return Packable(**stage.flags(), code=code, underflow=stage.inexact & stage.tiny)

    def _classify(self, m: Module, stage: Packable) -> Classified:
        specials = data.View(SPECIALS, Cat(getattr(stage, flag) for flag in SPECIALS.members))
        rounded = Rounded(
            code=stage.code, neg=stage.neg, inexact=stage.inexact, overflow=stage.overflow, underflow=stage.underflow
        )
        return classify(self.output, rounded, specials)

    def _pack(self, m: Module, stage: Classified) -> Packed:
        packed, status = pack_result(m, self.output, stage)
        return Packed(data=packed, status=status.as_value())


def rounder_of(config: MacConfig, total: data.StructLayout, exp_min: int) -> partial[Rounder]:
    """Return class and parameters of a unit's rounder, with the levels of logic per cycle that ``config.pipeline`` stands for.

    Parameters
    ----------
    config : MacConfig
    total : StructLayout
        Layout of the sum to round: a ``total_layout``.
    exp_min : int
        Exponent of the least significant bit of a sum whose ``exp`` is 0.
    """
    width = total["value"].width
    clocks = rounder_clocks(config.output, width=width, exp_min=exp_min, levels_per_clock=config.round_levels)
    sizes = {"width": width, "exp_bits": total["exp"].width, "exp_min": exp_min, "clocks": clocks}
    return partial(Rounder, config.output, **sizes, gates=config.target is Target.ASIC)
