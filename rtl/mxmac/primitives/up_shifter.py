"""Left barrel shifter from significand and exponent to an integer."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from .bits import register, shift_left_stage
from .description import Description

__all__ = ["UpShifter", "fine_bits", "float_layout", "ones_layout", "shift_clocks", "shifted_up", "up_shifter_clocks"]


def float_layout(sig_bits: int, exp_bits: int) -> data.StructLayout:
    """Layout of ``(-1)^neg * sig * 2^exp``, ``sig`` and ``exp`` unsigned."""
    return data.StructLayout({"sig": sig_bits, "exp": exp_bits, "neg": 1})


def ones_layout(width: int) -> data.StructLayout:
    """Layout of the integer ``ones + neg``.

    Members
    -------
    ones : signed(width + 1), as bits
        The integer, or its one's complement if it is negative.
    neg : 1
        The +1 that completes the two's complement.
    """
    return data.StructLayout({"ones": width + 1, "neg": 1})


def fine_bits(sig_bits: int, exp_bits: int) -> int:
    """Return the exponent bits of the fine shift: as many as leave a significand within two strides."""
    return min(exp_bits, (sig_bits - 2).bit_length())


def up_shifter_clocks(sig_bits: int, exp_bits: int, levels_per_clock: int) -> int:
    """Latency of an :class:`UpShifter`."""
    fine = fine_bits(sig_bits, exp_bits)
    return shift_clocks(fine, levels_per_clock) + (exp_bits > fine)


def shift_clocks(levels: int, levels_per_clock: int) -> int:
    """Cycles of a :func:`shifted_up`, with a register behind it."""
    return max(1, -(-levels // levels_per_clock))


def shifted_up(m: Module, sig: Value, exp: Value, neg: Value, levels: int, levels_per_clock: int) -> tuple[Value, Value, Value]:
    """Return a significand, shifted left by the lowest bits of its exponent and inverted if negative.

    Parameters
    ----------
    m : Module
    sig, exp : Value
        Unsigned.
    neg : Value
        One bit, or a constant.
    levels : int
        Bits of ``exp`` that count.
    levels_per_clock : int
        Levels between two registers; none follows the last level.

    Returns
    -------
    ones : Value
        ``len(sig) + 2^levels - 1`` bits: the shifted significand, or its complement.
    rest : Value
        The other bits of ``exp``.
    neg : Value
    """
    for level in range(levels):
        sig = shift_left_stage(sig, 1 << level, exp[0], len(sig) + (1 << level))
        exp = exp[1:]
        if level % levels_per_clock == levels_per_clock - 1 and level < levels - 1:
            sig = register(m, sig, name=f"shifted{level}")
            exp = register(m, exp, name=f"exp{level}")
            neg = neg if isinstance(neg, Const) else register(m, neg, name=f"neg{level}")
    # A 2:1 multiplexer has an input to spare.
    return sig ^ neg.replicate(len(sig)), exp, neg


class UpShifter(wiring.Component):
    """Left barrel shifter: shifts a significand by its exponent and inverts it if negative.

    Latency ``up_shifter_clocks(...)`` cycles, throughput one per cycle. The fine shift comes first, level by level. The coarse
    shift selects one of a few places, a stride apart. Each result bit has at most two candidates, or else the sign, so two
    control bits per place suffice: together with the candidates, the inputs of one LUT.

    Parameters
    ----------
    sig_bits, exp_bits : int
    zeros : int
        Number of least significant result bits that are always zero, and omitted.
    width : int
        Width of the largest magnitude of a result.
    levels_per_clock : int
        Levels of the fine shift between two registers.
    signed : bool
        Whether there is a sign. If not, ``i`` has no ``neg``, and ``o`` is the magnitude alone.

    Members
    -------
    i : In(float_layout(sig_bits, exp_bits))
    o : Out(ones_layout(width)), or Out(width)
        ``up_shifter_clocks(sig_bits, exp_bits, levels_per_clock)`` later.
    """

    def __init__(self, *, sig_bits: int, exp_bits: int, zeros: int, width: int, levels_per_clock: int, signed: bool = True):
        self._signed = signed
        self._zeros, self._width, self._levels_per_clock = zeros, width, levels_per_clock
        self._fine = fine_bits(sig_bits, exp_bits)
        self._coarse = exp_bits > self._fine
        self._clocks = up_shifter_clocks(sig_bits, exp_bits, levels_per_clock)
        number = float_layout(sig_bits, exp_bits)
        if not signed:
            number = data.StructLayout({name: shape for name, shape in number.members.items() if name != "neg"})
        super().__init__({"i": In(number), "o": Out(ones_layout(width) if signed else width)})

    @property
    def description(self) -> Description:
        result = "an integer, ones + neg" if self._signed else "an unsigned integer"
        return Description(f"Left barrel shifter: significand and exponent to {result}.", self._clocks)

    def elaborate(self, platform):
        m = Module()
        neg = self.i.neg if self._signed else Const(0)
        value, exp, neg = shifted_up(m, self.i.sig, self.i.exp, neg, self._fine, self._levels_per_clock)
        width = self._width + self._zeros
        if self._coarse:
            value, neg = self._place(m, register(m, value, name="shifted"), exp, neg, width)
        value = Cat(value, neg.replicate(max(0, width - len(value))))[self._zeros : width]
        m.d.sync += [self.o.ones.eq(Cat(value, neg)), self.o.neg.eq(neg)] if self._signed else self.o.eq(value)
        return m

    def _place(self, m: Module, value, position, neg, width: int):
        """Bits of ``value``, which is a register, at one of the places; ``position`` and ``neg`` are one cycle earlier."""
        stride = 1 << self._fine
        places = 1 << len(position)
        sign = register(m, neg, name="sign") if self._signed else neg
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
