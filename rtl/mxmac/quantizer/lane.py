"""One lane of the quantizer: preparation before the scale of the block is known, and encoding after."""

from amaranth.hdl import Cat, Const, Module, Mux, Shape, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ..formats import SCALE_NAN, SCALE_WIDTH, Specials
from ..primitives.bits import add_with_carry, delay, register
from ..primitives.description import Description
from ..primitives.shared import shared
from .config import QuantizerConfig
from .rules import Overflow, ScaleRule

__all__ = ["ENCODE_CLOCKS", "GRID_BITS", "ElementEncoder", "ElementPreparer", "key_layout", "prepared_layout"]

#: Cycles from a prepared element and its scale to its code: distance, two steps of the shifter, rounding.
ENCODE_CLOCKS = 4
#: Bits of a scale code plus config.emin, in two's complement.
GRID_BITS = SCALE_WIDTH + 1


def key_layout(config: QuantizerConfig) -> data.StructLayout:
    """Layout of what tells magnitudes apart as far as their scales do; as one number, the larger has the larger scale.

    Members
    -------
    bump : 1
        Whether the rule asks for twice the scale that the exponent alone gives; not there if no rule can.
    exp : source.exp_bits
        Exponent field of the source.
    """
    bump = {"bump": 1} if any(rule is not ScaleRule.FLOOR for rule in config.rules) else {}
    return data.StructLayout({**bump, "exp": config.source.exp_bits})


def prepared_layout(config: QuantizerConfig) -> data.StructLayout:
    """Layout of a value whose scale is not known yet: as much of it as its element can depend on.

    Members
    -------
    sticky : 1
        Whether anything below ``sig`` is set.
    sig : config.frac_bits + 2
        Significand, hidden bit on top, rounding bit at the bottom. The hidden bit is clear only for values so small that
        ``exp`` is config.exp_min, and without consequence but for zero and the smallest.
    exp : source.exp_bits, or signed with a bit more
        Exponent, biased as in the source.
    neg : 1
    """
    return data.StructLayout(
        {
            "sticky": 1,
            "sig": config.frac_bits + 2,
            "exp": Shape.cast(range(config.exp_min, 1 << config.source.exp_bits)),
            "neg": 1,
        }
    )


class ElementPreparer(wiring.Component):
    """From a source code to a key for the search of the largest, and to a significand whose hidden bit is set.

    Parameters
    ----------
    config : QuantizerConfig

    Members
    -------
    code : In(source.width)
    rule : In(range(len(config.rules)))
        Index of the rule; there only with more than one.
    key : Out(key_layout(config))
        One clock later.
    prepared : Out(prepared_layout(config))
        ``config.prepare_clocks`` cycles later.
    """

    def __init__(self, config: QuantizerConfig):
        self.config = config
        choice = {"rule": In(range(len(config.rules)))} if len(config.rules) > 1 else {}
        layout = prepared_layout(config)
        super().__init__({"code": In(config.source.width), **choice, "key": Out(key_layout(config)), "prepared": Out(layout)})

    @property
    def description(self) -> Description:
        return Description(
            f"{self.config.source.name} code to a significand with its hidden bit set; its key for the scale after one cycle.",
            self.config.prepare_clocks,
        )

    def elaborate(self, platform):
        return shared(platform, self, self.config, self._elaborated)

    def _elaborated(self) -> Module:
        m = Module()
        source = self.config.source
        man, exp, neg = self.code[: source.man_bits], self.code[source.man_bits : -1], self.code[-1]
        normal = Signal()
        m.d.comb += normal.eq(exp.any())
        key = Signal(key_layout(self.config), name="key_held", reset_less=True)
        m.d.sync += key.exp.eq(exp)
        if hasattr(key, "bump"):
            m.d.sync += key.bump.eq(self._bump(m, man, normal))
        m.d.comb += self.key.eq(key)
        self._normalise(m, Cat(man, normal), register(m, exp, name="exp"), register(m, neg, name="neg"))
        return m

    def _bump(self, m: Module, man: Value, normal: Value) -> Value:
        if self.config.to.emax > 0:
            # The scale of a block of subnormals is at its lower limit with or without.
            return self._bump_of(m, man, "bump")
        # A subnormal with its highest bit set counts as having the exponent 0.
        subnormal = self._bump_of(m, Cat(Const(0, 1), man[:-1]), "bump_subnormal")
        return Mux(normal, self._bump_of(m, man, "bump_normal"), man[-1] & subnormal)

    def _bump_of(self, m: Module, man: Value, name: str) -> Value:
        """Whether a significand with this fraction asks for twice the scale that FLOOR gives."""
        config = self.config
        ones = config.limit_ones
        by_rule = {
            ScaleRule.FLOOR: Const(0, 1),
            ScaleRule.CEIL: man.any(),
            ScaleRule.RCEIL: man[-ones:].all() & man[:-ones].any(),
            # Rounds up to the next power of two.
            ScaleRule.EVEN: man[-config.frac_bits - 1 :].all(),
        }
        bump = Signal(name=name)
        if len(config.rules) == 1:
            m.d.comb += bump.eq(by_rule[config.rules[0]])
        else:
            with m.Switch(self.rule):
                for index, rule in enumerate(config.rules):
                    with m.Case(index):
                        m.d.comb += bump.eq(by_rule[rule])
        return bump

    def _normalise(self, m: Module, sig: Value, exp: Value, neg: Value):
        """Move the significand of a subnormal up, the largest step first, one a cycle."""
        config = self.config
        width, levels = config.frac_bits + 2, config.norm_levels
        # Further down than this no step can reach.
        cut, sticky = self._cut(sig, Const(0, 1), width + (1 << levels) - 1)
        sig = register(m, cut, name="sig")
        sticky = register(m, sticky, name="sticky")
        taken: list[Value] = []
        for level in reversed(range(levels)):
            amount = 1 << level
            take = Signal(name=f"take{level}")
            moved = Signal(len(sig), name=f"moved{level}")
            m.d.comb += [take.eq(~sig[-amount:].any()), moved.eq(Mux(take, sig << amount, sig))]
            taken = [take, *taken]
            sig, sticky = self._cut(moved, sticky, width + amount - 1)
            if level:
                taken = [register(m, bit, name=f"taken{level}_{index}") for index, bit in enumerate(taken)]
                sig = register(m, sig, name=f"sig{level}")
                sticky = register(m, sticky, name=f"sticky{level}")
        exp = delay(m, exp, levels - 1, name="exp")
        prepared = Signal(prepared_layout(config), name="prepared_held", reset_less=True)
        m.d.sync += [
            prepared.sig.eq(sig),
            prepared.sticky.eq(sticky),
            prepared.exp.eq(self._exponent(exp, Cat(taken)) if levels > 1 else exp),
            prepared.neg.eq(delay(m, neg, levels - 1, name="neg")),
        ]
        m.d.comb += self.prepared.eq(prepared)

    def _exponent(self, exp: Value, taken: Value) -> Value:
        """Exponent of a significand that was moved up by ``taken``: 1 - taken, for only subnormals are, whose field is 0."""
        half = taken[1:]
        negated = Cat(half[bit] ^ half[:bit].any() for bit in range(len(half)))
        below_zero = half.any()
        offset = Cat(~taken[0] & below_zero, negated, below_zero.replicate(len(self.prepared.exp) - len(taken)))
        return exp | offset

    @staticmethod
    def _cut(sig: Value, sticky: Value, keep: int) -> tuple[Value, Value]:
        """Upper bits of a significand, and whether any below them is set."""
        cut = max(0, len(sig) - keep)
        return sig[cut:], sticky | sig[:cut].any() if cut else sticky


class ElementEncoder(wiring.Component):
    """From a prepared value and its scale to an element, rounded to nearest, ties to even (MX v1.0, 6.3; OFP8 v1.0).

    ``ENCODE_CLOCKS`` cycles. Overflow is found before rounding: it can only happen from the largest element on.

    Parameters
    ----------
    config : QuantizerConfig

    Members
    -------
    prepared : In(prepared_layout(config))
    grid : In(GRID_BITS)
        Scale code plus config.emin, in two's complement.
    overflow : In(1)
        Index of the overflow mode, two cycles later; there only with both.
    nan : In(1)
        Whether the scale is NaN, three cycles later.
    code : Out(to.width)
    """

    def __init__(self, config: QuantizerConfig):
        self.config = config
        choice = {"overflow": In(1)} if len(config.overflows) > 1 else {}
        super().__init__(
            {
                "prepared": In(prepared_layout(config)),
                "grid": In(GRID_BITS),
                **choice,
                "nan": In(1),
                "code": Out(config.to.width),
            }
        )

    @property
    def description(self) -> Description:
        return Description(
            f"Prepared value and block scale to a code in {self.config.to.name}: rounds to nearest, ties to even.",
            ENCODE_CLOCKS,
        )

    def elaborate(self, platform):
        return shared(platform, self, self.config, self._elaborated)

    def _elaborated(self) -> Module:
        m = Module()
        config, prepared = self.config, self.prepared
        # Clock 1: distance of the exponent from emin.
        distance = Signal(range(config.exp_min - config.emin - SCALE_NAN + 1, config.distance_max + 1), reset_less=True)
        m.d.sync += distance.eq(prepared.exp - self.grid.as_signed())
        sig = register(m, prepared.sig, name="sig")
        sticky = register(m, prepared.sticky, name="sticky")

        # Clock 2: a negative one, -1 - steps, moves the significand down by 1 + steps: the first two of them here.
        right, steps = distance[-1], ~distance[: config.frac_bits.bit_length()]
        beyond = Signal()
        m.d.comb += beyond.eq(right & ~distance[len(steps) : -1].all())
        position = distance[: config.distance_max.bit_length()]
        largest = ~right & (position == config.distance_max) & self._ones_of_largest(sig)
        # Without a hidden bit it is a subnormal element or a zero.
        position &= (sig[-1] & ~right).replicate(len(position))
        sig, sticky = self._shift_right(m, sig, sticky, 1, right, "right")
        sig, sticky = self._shift_right(m, sig, sticky, 1, right & steps[0], "right0")
        position = register(m, position, name="position")
        steps = register(m, steps[1:] & right.replicate(len(steps) - 1), name="steps")
        beyond = register(m, beyond, name="beyond")
        largest = register(m, largest, name="largest")
        sig = register(m, sig, name="sig_right")
        sticky = register(m, sticky, name="sticky_right")

        # Clock 3: the other steps, and whether to round up. A value beyond all steps is less than half the smallest element.
        clear, hold = self._at_largest(largest, sig[1])
        for index, step in enumerate(steps):
            sig, sticky = self._shift_right(m, sig, sticky, 2 << index, step, f"right{index + 1}")
        keep = ~beyond
        up = register(m, sig[0] & keep & (sticky | sig[1]) & ~hold, name="up")
        low = register(m, sig[1] & ~clear & keep, name="low")
        sig = register(m, sig[2:] & keep.replicate(len(sig) - 2), name="sig_kept")
        position = register(m, position, name="position_kept")
        neg = delay(m, prepared.neg, 3, name="neg")

        # Clock 4.
        rounded = self._round(Cat(low, sig), position, up, neg)
        nan_code = config.to.nan_code if config.to.has_nan else 0
        m.d.comb += self.code.eq(register(m, Mux(self.nan, nan_code, rounded)[: config.to.width], name="code_held"))
        return m

    def _ones_of_largest(self, sig: Value) -> Value:
        """Whether the significand is that of the largest element or, where NaN is right above it, that of NaN."""
        return sig[1 + (self.config.to.specials is Specials.NAN) :].all()

    def _at_largest(self, largest: Value, low: Value) -> tuple[Value, Value]:
        """What there is to do at the largest element: clear the lowest bit, and not round up."""
        config, never = self.config, Const(0, 1)
        if not config.to.has_nan:
            return never, largest
        modes = config.overflows
        saturate = Const(modes[0] is Overflow.SAT, 1) if len(modes) == 1 else (self.overflow == modes.index(Overflow.SAT))
        if config.to.has_inf:
            # Rounded up, the largest number gives Inf.
            return never, largest & saturate
        # Rounded up, the largest number gives NaN, which is at its end already if the lowest bit was set before.
        return largest & saturate, largest & (saturate | low)

    @staticmethod
    def _shift_right(m: Module, sig: Value, sticky: Value, amount: int, enable: Value, name: str) -> tuple[Value, Value]:
        moved = Signal(len(sig), name=name)
        below = Signal(name=f"{name}_sticky")
        m.d.comb += [moved.eq(Mux(enable, sig >> amount, sig)), below.eq(sticky | (enable & sig[:amount].any()))]
        return moved, below

    def _round(self, sig: Value, position: Value, up: Value, neg: Value) -> Value:
        """Put the code together: the hidden bit adds one to the exponent field, and so does a carry out of rounding."""
        config = self.config
        if config.to.is_integer:
            # A negative code is the complement of the magnitude plus one, or plus nothing if that is rounded up.
            width = config.to.width
            return add_with_carry(Cat(sig, Const(0, 1)) ^ neg.replicate(width), Const(0, width), up ^ neg, width)
        width = config.to.width - 1
        code = Cat(sig[:-1], position, Const(0, width))[:width]
        return Cat(add_with_carry(code, Cat(Const(0, config.frac_bits), sig[-1], Const(0, width))[:width], up, width), neg)
