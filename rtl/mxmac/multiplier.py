"""The element multiplier: an exact product, as an integer."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from .bits import register, shift_left_stage
from .config import MacConfig
from .product import PRODUCT_CLOCKS, SPECIALS, ElementProduct, element_ports, exp_bits, float_product_layout

__all__ = ["SPECIALS", "Multiplier", "ProductShifter", "multiplier_latency", "product_layout"]

#: Levels of the fine shift between two registers.
_SHIFT_LEVELS_PER_CLOCK = 2


def product_layout(config: MacConfig) -> data.StructLayout:
    """Layout of a product: ``ones + neg``, in units of 2^config.product_lsb_exp.

    Members
    -------
    ones : signed(config.product_bits + 1)
        The product, or its one's complement if it is negative: what it lacks to two's complement is ``neg``, left to the
        carry inputs of the adders behind.
    neg : 1
        Whether the product is negative (or a negative zero).
    """
    return data.StructLayout({"ones": config.product_bits + 1, "neg": 1})


def _fine_bits(config: MacConfig) -> int:
    """Bits of the exponent that are shifted by level for level.

    What comes of it is no more than two strides wide, so that coarse shifting finds at most two candidates for each place.
    """
    sig_bits = config.operand_a.sig_bits + config.operand_b.sig_bits
    return min(exp_bits(config), (sig_bits - 2).bit_length())


def _shifter_clocks(config: MacConfig) -> int:
    fine = -(-_fine_bits(config) // _SHIFT_LEVELS_PER_CLOCK)
    return max(1, fine + (exp_bits(config) > _fine_bits(config)))


def multiplier_latency(config: MacConfig) -> int:
    """Clocks from element codes to their product as an integer."""
    return PRODUCT_CLOCKS + _shifter_clocks(config)


class ProductShifter(wiring.Component):
    """Moves a product up by its exponent, and complements it if it is negative. One product a clock.

    Fine steps come first, level for level. Then the product is put at one of a few places, a stride apart; every bit has
    two candidates at most, and with what it is if neither comes, the sign, two bits of control for each place are enough:
    together the inputs of one LUT.

    Parameters
    ----------
    config : MacConfig
        Of it: the formats of the operands.

    Members
    -------
    i : In(float_product_layout(config))
    product : Out(product_layout(config))
        ``multiplier_latency(config) - PRODUCT_CLOCKS`` later.
    """

    def __init__(self, config: MacConfig):
        self.config = config
        super().__init__({"i": In(float_product_layout(config)), "product": Out(product_layout(config))})

    def elaborate(self, platform):
        """Build the shifter."""
        m = Module()
        config, fine = self.config, _fine_bits(self.config)
        value, exp, neg = self.i.sig, self.i.exp, self.i.neg
        coarse = len(exp) > fine
        for level in range(fine):
            value = shift_left_stage(value, 1 << level, exp[0], len(value) + (1 << level))
            exp = exp[1:]
            last = level == fine - 1
            if last:
                # A 2:1 multiplexer has an input to spare.
                value = value ^ neg.replicate(len(value))
            if (level % _SHIFT_LEVELS_PER_CLOCK == _SHIFT_LEVELS_PER_CLOCK - 1 and not last) or (last and coarse):
                value = register(m, value, name=f"shifted{level}")
                if last:
                    break
                exp, neg = register(m, exp, name=f"exp{level}"), register(m, neg, name=f"neg{level}")
        if fine == 0:
            value = value ^ neg.replicate(len(value))
        # No exponent of a floating-point element is 0, so the lowest places of the grid stay empty.
        zeros = config.product_lsb_exp - config.operand_a.grid - config.operand_b.grid
        width = config.product_bits + zeros
        if coarse:
            value, neg = self._place(m, value, exp, neg, width)
        value = Cat(value, neg.replicate(max(0, width - len(value))))[zeros:width]
        m.d.sync += [self.product.ones.eq(Cat(value, neg)), self.product.neg.eq(neg)]
        return m

    def _place(self, m: Module, value, position, neg, width: int):
        """Bits of ``value``, which is a register, at one of the places; ``position`` and ``neg`` are one clock earlier."""
        stride = 1 << _fine_bits(self.config)
        places = 1 << len(position)
        sign = register(m, neg, name="sign")
        held = register(m, position, name="position")
        controls: dict[int, tuple[Signal, Signal]] = {}

        def control(place: int):
            """Whether either candidate comes, and whether it is the one for this place; if neither, the sign."""
            if place not in controls:
                here, below = position == place, (position == place - 1 if place else Const(0))
                comes = register(m, here | below, name=f"comes{place}")
                which = register(m, Mux(here | below, here, neg), name=f"which{place}")
                controls[place] = comes, which
            return controls[place]

        bits = []
        for index in range(width):
            place, offset = divmod(index, stride)
            # What comes here if the product is put at this place, and if it is put at the one below.
            here = value[offset] if place < places else None
            below = value[offset + stride] if place and offset + stride < len(value) else None
            single = here is None or below is None
            if here is None and below is None:
                bits.append(sign)
            elif places > (4 if single else 2):
                comes, which = control(place)
                if single:
                    chosen = Mux(which, sign, below) if here is None else Mux(which, here, sign)
                else:
                    chosen = Mux(which, here, below)
                bits.append(Mux(comes, chosen, which))
            else:
                # Few enough inputs to do without.
                bit = sign
                if below is not None:
                    bit = Mux(held == place - 1, below, bit)
                if here is not None:
                    bit = Mux(held == place, here, bit)
                bits.append(bit)
        return Cat(*bits), sign


class Multiplier(wiring.Component):
    """Multiplier of two elements whose product is an integer. One pair a clock.

    Parameters
    ----------
    config : MacConfig
        Of it: the formats of the operands.

    Members
    -------
    a, b : In(operand.width)
        Element codes.
    format_a, format_b : In(range(len(operand.formats)))
        Index of the code's format; there only with more than one.
    product : Out(product_layout(config))
        Exact product, ``multiplier_latency(config)`` clocks later. It means nothing if one of ``specials`` is set.
    specials : Out(SPECIALS)
        One clock later already, for there is nothing to multiply.
    """

    def __init__(self, config: MacConfig):
        self.config = config
        outputs = {"product": Out(product_layout(config)), "specials": Out(SPECIALS)}
        super().__init__({**element_ports(config), **outputs})

    def elaborate(self, platform):
        """Build the multiplier."""
        m = Module()
        m.submodules.element_product = multiply = ElementProduct(self.config)
        m.submodules.shifter = shifter = ProductShifter(self.config)
        for name in element_ports(self.config):
            m.d.comb += getattr(multiply, name).eq(getattr(self, name))
        m.d.comb += [
            self.specials.eq(multiply.specials),
            shifter.i.eq(multiply.product),
            self.product.eq(shifter.product),
        ]
        return m
