"""Gates that several modules share: registers, delays, adders, comparisons and shift levels."""

from collections.abc import Sequence
from functools import reduce
from operator import or_

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data

__all__ = [
    "PAIRS_AT_ONCE",
    "add_by_choice",
    "add_carry_ahead",
    "add_unsigned_with_carry",
    "add_with_carry",
    "any_in_steps",
    "any_later",
    "any_of_each",
    "any_unlike",
    "delay",
    "delay_valid",
    "exceeds",
    "funnel_up",
    "register",
    "shift_left_stage",
    "sign_extend",
    "truth_table",
]

#: Structures that one step ORs, if there is time: one level of LUTs.
_ORED_AT_ONCE = 4
#: Bits of an addition that take one carry from below, at once.
_CHOSEN_AT_ONCE = 7
#: Bits of which two levels of LUTs see whether any is set.
_SEEN_AT_ONCE = 16
#: Pairs of neighbours that one LUT compares, and two levels of LUTs.
PAIRS_AT_ONCE, _COMPARED_AT_ONCE = 3, 9


def register(m: Module, value, *, name: str):
    """Return ``value`` one cycle later, in a signal of the same shape without a reset."""
    held = Signal(value.shape(), name=name, reset_less=True)
    m.d.sync += held.eq(value)
    return held


def delay(m: Module, value, clocks: int, *, name: str):
    """Return ``value`` after ``clocks`` cycles, in registers without a reset; with 0 cycles ``value`` itself."""
    for clock in range(clocks):
        value = register(m, value, name=f"{name}_d{clock + 1}")
    return value


def delay_valid(m: Module, valid: Value, clocks: int, *, name: str) -> Value:
    """Return the bit ``valid`` after ``clocks`` cycles, low after reset."""
    for clock in range(clocks):
        held = Signal(name=f"{name}_d{clock + 1}")
        m.d.sync += held.eq(valid)
        valid = held
    return valid


def sign_extend(value: Value, width: int) -> Value:
    """Return the two's complement ``value`` as a signed value of ``width`` bits, truncated or sign-extended."""
    bits = value.as_unsigned()
    if width <= len(bits):
        return bits[:width].as_signed()
    return Cat(bits, bits[-1].replicate(width - len(bits))).as_signed()


def add_with_carry(x: Value, y: Value, carry: Value, width: int) -> Value:
    """Return ``x + y + carry`` of two's complement numbers, in ``width`` bits.

    The carry enters by a bit below the least significant one, so that synthesis sees a single addition.
    """
    return (Cat(Const(1, 1), sign_extend(x, width)) + Cat(carry, sign_extend(y, width)))[1 : width + 1].as_signed()


def add_unsigned_with_carry(m: Module, x: Value, y: Value, carry: Value, width: int, *, name: str) -> Value:
    """Return ``x + y + carry`` of unsigned numbers, in ``width`` bits; the carry enters as in ``add_with_carry``.

    The sum with the bit below has a name that tells linters that nothing reads all of it.
    """
    whole = Signal(1 + width, name=f"{name}_partly_unused")
    m.d.comb += whole.eq(Cat(Const(1, 1), x) + Cat(carry, y))
    return whole[1:]


def add_by_choice(m: Module, x: Value, y: Value, carry: Value | None, width: int, *, name: str) -> Value:
    """Return ``x + y + carry`` of unsigned numbers of the same width, in ``width`` bits; for gates, without a long carry chain.

    Of each few bits there are two sums, with and without a carry from below, and the carry chooses. ``width`` is that of the
    numbers, or one more.
    """
    chosen: list[Value] = []
    for number, start in enumerate(range(0, len(x), _CHOSEN_AT_ONCE)):
        part = slice(start, min(start + _CHOSEN_AT_ONCE, len(x)))
        bits = min(part.stop + 1, width) - start
        total = Signal(bits, name=f"{name}_{number}")
        plain = (x[part] + y[part])[:bits]
        if carry is None:
            m.d.comb += total.eq(plain)
        else:
            more = add_unsigned_with_carry(m, x[part], y[part], Const(1, 1), bits, name=f"{name}_{number}_more")
            without = Signal(bits, name=f"{name}_{number}_without")
            m.d.comb += [without.eq(plain), total.eq(Mux(carry, more, without))]
        chosen.append(total[: part.stop - start])
        carry = total[-1]
    return Cat(chosen, *([carry] if width > len(x) else []))


def add_carry_ahead(x: Value, carry: Value) -> Value:
    """Return ``x + carry`` of an unsigned number, in its width; for gates, without a long carry chain.

    The carry into each few bits is seen from the bits below them at once.
    """
    parts = []
    for start in range(0, len(x), _CHOSEN_AT_ONCE):
        part = x[start : start + _CHOSEN_AT_ONCE]
        parts.append((part + (carry & x[:start].all() if start else carry))[: len(part)])
    return Cat(parts)


def exceeds(value: Value, limit: int) -> Value:
    """Return whether ``value``, signed or unsigned, is greater than the constant ``limit``, without a carry chain.

    Against a constant, synthesis would subtract; gates take a third of the LUTs.
    """
    bits = value.as_unsigned()
    if value.shape().signed:
        # Moved up by half the range, both are unsigned.
        bits, limit = Cat(bits[:-1], ~bits[-1]), limit + (1 << (len(bits) - 1))
    if limit < 0 or limit >= (1 << len(bits)) - 1:
        return Const(limit < 0, 1)
    greater = Const(0, 1)
    for index, bit in enumerate(bits):
        greater = bit & greater if limit >> index & 1 else bit | greater
    return greater


def shift_left_stage(value: Value, amount: int, enable: Value, width: int, *, fill: Value | None = None) -> Value:
    """Return one level of a left barrel shifter: ``value``, shifted by ``amount`` bits if ``enable``, in ``width`` bits.

    ``fill`` extends ``value`` above its most significant bit: its sign, or 0 by default.
    """
    above = Const(0) if fill is None else fill
    missing = width - len(value)
    still = Cat(value, above.replicate(missing)) if missing > 0 else value[:width]
    moved = Cat(Const(0, amount), value, above.replicate(max(missing, 0)))[:width]
    return Mux(enable, moved, still)


def funnel_up(below: Value, value: Value, shamt: Value) -> Value:
    """Return ``value`` shifted left by ``shamt`` bits, in its width, with the highest bits of ``below`` shifted in.

    ``shamt`` must not reach the width of ``value``, and ``below`` needs one bit less than it.
    """
    width, bits = len(value), Cat(below, value)
    for level in reversed(range(len(shamt))):
        amount = 1 << level
        kept = width + amount - 1
        bits = Mux(shamt[level], bits[:kept], bits[amount : amount + kept])
    return bits


def any_of_each(bits: Value, each: int = _SEEN_AT_ONCE) -> Value:
    """Return one bit for each group of ``each`` bits, from the lowest on: whether any of the group is set."""
    return Cat(bits[start : start + each].any() for start in range(0, len(bits), each))


def any_unlike(bits: Value, sign: Value, each: int = _COMPARED_AT_ONCE) -> Value:
    """Return one bit for each group of ``each`` bits, from the lowest on: none is set if all bits equal ``sign``.

    Each bit is compared with the one above it, and only the highest with ``sign``, which so has few loads.
    """
    with_sign, seen = Cat(bits, sign), []
    for start in range(0, len(bits), each):
        run = with_sign[start : min(start + each, len(bits)) + 1]
        fours = [run[first : first + 4] for first in range(0, len(run) - 1, PAIRS_AT_ONCE)]
        seen.append(Cat(four.any() & ~four.all() for four in fours).any())
    return Cat(seen)


def truth_table(index: Value, values: Sequence[int], width: int) -> Value:
    """Return the one of ``values`` that ``index`` names, in ``width`` bits: a truth table for each bit."""

    def table(bit: int) -> Const:
        return Const(sum((value >> bit & 1) << place for place, value in enumerate(values)), len(values))

    return Cat(table(bit).bit_select(index, 1) for bit in range(width))


def any_later(m: Module, bits: Value, *, name: str) -> Value:
    """Return whether any of the bits was set a cycle ago; the OR of groups of bits comes before the register."""
    return register(m, any_of_each(bits), name=f"{name}_any").any() if len(bits) else Const(0)


def any_in_steps(m: Module, flags: Sequence[data.View], clocks: int, *, name: str) -> Value:
    """Return the bitwise OR of flag structures of one layout ``clocks`` cycles later, as bits.

    Each step ORs a few structures and ends in a register. The first steps do the work, so the last ones hold one structure.
    """
    values = [flag.as_value() for flag in flags]
    each = _ORED_AT_ONCE
    while each**clocks < len(values):
        each += 1
    for clock in range(clocks):
        groups = [values[start : start + each] for start in range(0, len(values), each)]
        values = [register(m, reduce(or_, group), name=f"{name}{clock}_{index}") for index, group in enumerate(groups)]
    return reduce(or_, values)
