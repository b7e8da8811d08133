"""The element multiplier: an exact product, as an integer."""

from functools import partial

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import Out

from ..config import MacConfig, MultiplierKind, Target
from ..primitives.bits import delay, register, truth_table
from ..primitives.description import Description
from ..primitives.gate_shifter import GateShifter
from ..primitives.shared import shared
from ..primitives.up_shifter import UpShifter, up_shifter_clocks
from .integer_product import IntegerProduct, integer_product_latency
from .layouts import SPECIALS
from .product import ElementProduct, decoded_pair, element_ports, exp_bits, product_clocks, product_zeros, sig_bits

__all__ = ["Multiplier", "has_magnitudes", "is_tabulated", "multiplier_latency", "product_layout"]

#: Bits of two codes without their signs of which a table has fewer LUTs than decoders, rows and shifter: two levels of LUTs.
_TABLE_BITS = 6
#: Cycles of a product of integers in a DSP block: its registers of both factors, inside, and of the product.
_DSP_CLOCKS = 3


def product_layout(config: MacConfig) -> data.StructLayout:
    """Layout of a product, ``ones + neg``, in units of 2^config.product_lsb_exp.

    Members
    -------
    ones : signed(config.product_bits + 1)
        The product, or its one's complement if it is negative; ``neg`` completes the two's complement, as a carry-in of
        the adders behind. Without ``neg``, the product in two's complement.
        If ``has_magnitudes(config)``, the magnitude, which the adders behind complement.
    neg : 1
        Whether the product is negative (or a negative zero). Absent unless ``config.products_carry``.
    """
    return data.StructLayout({"ones": config.product_bits + 1, **({"neg": 1} if config.products_carry else {})})


def is_tabulated(config: MacConfig) -> bool:
    """Whether products come from a table: of two codes, one format a side, with few bits besides their signs.

    Not for ``Target.ASIC``, where the gates of the shifter are without a register in front of the compressors.
    """
    sides = (config.operand_a, config.operand_b)
    if config.target is Target.ASIC or config.multiplier is not MultiplierKind.LUT:
        return False
    simple = not any(operand.selectable or operand.is_integer for operand in sides)
    return simple and sum(operand.width - 1 for operand in sides) <= _TABLE_BITS


def has_magnitudes(config: MacConfig) -> bool:
    """Whether a product is a magnitude and a sign: the table has no LUT to spare, but the carry cells of the next adder."""
    return is_tabulated(config) and config.target is Target.ECP5 and config.lanes > 1


def multiplier_latency(config: MacConfig) -> int:
    """Cycles from element codes to their product as an integer."""
    sides = (config.operand_a, config.operand_b)
    if not config.products_carry:
        return _DSP_CLOCKS if config.multiplier is MultiplierKind.DSP else integer_product_latency(config)
    if is_tabulated(config):
        return 1
    if config.multiplier is MultiplierKind.DSP:
        return 3 + max(_shifter_clocks(config, operand.sig_bits, operand.exp_bits) for operand in sides)
    if config.target is Target.ASIC:
        return product_clocks(config) + 1
    return product_clocks(config) + _shifter_clocks(config, sig_bits(config), exp_bits(config))


def _shifter_clocks(config: MacConfig, sig_bits: int, exp_bits: int) -> int:
    return up_shifter_clocks(sig_bits, exp_bits, config.lane_shift_levels)


class Multiplier(wiring.Component):
    """Multiplier of two elements, with an integer as the product.

    Latency ``multiplier_latency(config)`` cycles, throughput one pair per cycle. It multiplies the significands and shifts the
    product left by the sum of the exponents. With ``MultiplierKind.DSP``, it shifts both elements and multiplies the integers,
    which takes 18 by 18 bits for E4M3. Two's complement integers are multiplied as they are. Products of elements with few
    bits come from a table.

    Parameters
    ----------
    config : MacConfig
        Of it: the formats of the operands, ``multiplier`` and ``pipeline``.

    Members
    -------
    a, b : In(operand.width)
        Element codes.
    format_a, format_b : In(range(len(operand.formats)))
        Index of the code's format; there only with more than one.
    product : Out(product_layout(config))
        Exact product, ``multiplier_latency(config)`` cycles later; not a register for ``Target.ASIC``. It means nothing if one
        of ``specials`` is set.
    specials : Out(SPECIALS)
        One clock later already, for there is nothing to multiply.
    """

    def __init__(self, config: MacConfig):
        self.config = config
        outputs = {"product": Out(product_layout(config)), "specials": Out(SPECIALS)}
        super().__init__({**element_ports(config), **outputs})

    @property
    def description(self) -> Description:
        return Description(
            "Exact product of two elements as an integer, ones + neg; its specials after one cycle.",
            multiplier_latency(self.config),
        )

    def elaborate(self, platform):
        return shared(platform, self, self.config, self._elaborated)

    def _elaborated(self) -> Module:
        m = Module()
        if not self.config.products_carry:
            self._multiply_twos_complement(m)
        elif is_tabulated(self.config):
            self._tabulate(m)
        elif self.config.multiplier is MultiplierKind.DSP:
            self._multiply_integers(m)
        else:
            self._multiply_significands(m)
        return m

    def _multiply_twos_complement(self, m: Module):
        """Multiply codes that are integers; none of them is special."""
        config = self.config
        if config.multiplier is MultiplierKind.DSP:
            a, b = (register(m, code.as_signed(), name=f"code_{side}") for side, code in (("a", self.a), ("b", self.b)))
            m.d.comb += self.product.ones.eq(delay(m, a * b, _DSP_CLOCKS - 1, name="product"))
            return
        m.submodules.integer_product = multiply = IntegerProduct(config)
        m.d.comb += [multiply.a.eq(self.a), multiply.b.eq(self.b), self.product.ones.eq(multiply.product)]

    def _tabulate(self, m: Module):
        """Look the product up: each bit of its magnitude in a truth table, by the bits of both codes besides their signs."""
        (fmt_a,), (fmt_b,) = self.config.a, self.config.b
        product = Signal(product_layout(self.config), name="held", reset_less=True)
        m.d.comb += self.product.eq(product)
        if fmt_a.has_nan or fmt_b.has_nan:
            decoded_pair(m, self)
        neg = self.a[-1] ^ self.b[-1]
        codes_a, codes_b = (range(1 << (fmt.width - 1)) for fmt in (fmt_a, fmt_b))
        products = [fmt_a.magnitude(a) * fmt_b.magnitude(b) for b in codes_b for a in codes_a]
        magnitude = truth_table(Cat(self.a[:-1], self.b[:-1]), products, self.config.product_bits)
        ones = magnitude if has_magnitudes(self.config) else Cat(magnitude ^ neg.replicate(len(magnitude)), neg)
        m.d.sync += [product.ones.eq(ones), product.neg.eq(neg)]

    def _multiply_significands(self, m: Module):
        config = self.config
        m.submodules.element_product = multiply = ElementProduct(config)
        asic = config.target is Target.ASIC
        levels = config.lane_shift_levels
        m.submodules.shifter = shifter = (GateShifter if asic else partial(UpShifter, levels_per_clock=levels))(
            sig_bits=len(multiply.product.sig),
            exp_bits=len(multiply.product.exp),
            zeros=product_zeros(config),
            width=config.product_bits,
        )
        for name in element_ports(config):
            m.d.comb += getattr(multiply, name).eq(getattr(self, name))
        m.d.comb += [
            self.specials.eq(multiply.specials),
            shifter.i.eq(multiply.product),
            self.product.eq(shifter.o),
        ]

    def _multiply_integers(self, m: Module):
        config = self.config
        a, b, neg = decoded_pair(m, self)
        clocks = multiplier_latency(config) - 3
        integers = []
        for side, element, operand in (("a", a, config.operand_a), ("b", b, config.operand_b)):
            shifter = UpShifter(
                sig_bits=operand.sig_bits,
                exp_bits=operand.exp_bits,
                zeros=operand.lsb_exp - operand.grid,
                width=operand.max_integer.bit_length(),
                levels_per_clock=config.lane_shift_levels,
                signed=False,
            )
            m.submodules[f"shifter_{side}"] = shifter
            m.d.comb += [
                shifter.i.sig.eq(register(m, element.sig, name=f"sig_{side}")),
                shifter.i.exp.eq(register(m, element.exp, name=f"exp_{side}")),
            ]
            own = _shifter_clocks(config, operand.sig_bits, operand.exp_bits)
            integers.append(delay(m, shifter.o, clocks - own, name=f"integer_{side}"))
        magnitude = Signal(config.product_bits, reset_less=True)
        m.d.sync += magnitude.eq(integers[0] * integers[1])
        neg = delay(m, neg, clocks + 2, name="neg")
        m.d.sync += [
            self.product.ones.eq(Cat(magnitude ^ neg.replicate(len(magnitude)), neg)),
            self.product.neg.eq(neg),
        ]
