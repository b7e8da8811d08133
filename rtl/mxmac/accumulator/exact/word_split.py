"""Barrel shift of a block to its words in an exact sum, by the lower bits of its scale."""

from amaranth.hdl import Cat, Module, Mux, Value

from ...config import MacConfig
from ...primitives.bits import delay, register, shift_left_stage
from .words import parallel_words

__all__ = ["split_clocks", "split_into_words"]


def _fine_levels(config: MacConfig) -> int:
    """Levels of shifting, up to half a word."""
    return parallel_words(config).bits.bit_length() - 2


def split_clocks(config: MacConfig) -> int:
    """Cycles that :func:`split_into_words` takes."""
    return 1 + -(-_fine_levels(config) // config.shift_levels)


def split_into_words(m: Module, config: MacConfig, term: Value, exp: Value) -> tuple[list[Value], Value, Value]:
    """Shift a block left within its words; return the addends of the even and the odd word, and the index of the lower one.

    The last level, by half a word, and the choice which of the two is the lower word put the block at one of four places
    in a ring. No bit has more than three candidates, and few have a third; where none comes there are zeros below the
    block, and its sign above.

    Parameters
    ----------
    m : Module
    config : MacConfig
    term : signed(config.term_bits)
    exp : range(config.scale_sum_max + 1)
        Its scale.

    Returns
    -------
    parts : list of signed(parallel_words(config).bits + 1)
        For the even and for the odd word, ``split_clocks(config)`` later.
    word : range(parallel_words(config).count)
        Number of the lower word, then, too.
    even_row : Value
        Number of the even one of the two words, among even words, then, too.
    """
    bits = parallel_words(config).bits
    half, fine = bits // 2, _fine_levels(config)
    lower = exp[fine + 1 :]
    word = delay(m, lower, split_clocks(config), name="word")
    # The upper neighbour of an odd word is the next even one.
    even_row = delay(m, (lower + 1)[1:], split_clocks(config), name="even_row")
    value = register(m, term[:-1].as_unsigned(), name="sum")
    sign = register(m, term[-1], name="neg")
    shamt = register(m, exp[: fine + 2], name="shamt")
    for level in range(fine):
        value = shift_left_stage(value, 1 << level, shamt[0], len(value) + (1 << level), fill=sign)
        shamt = shamt[1:]
        if level == fine - 1:
            break
        if level % config.shift_levels == config.shift_levels - 1:
            value = register(m, value, name=f"moved{level}")
            sign = register(m, sign, name=f"neg{level}")
            shamt = register(m, shamt, name=f"shamt{level}")
    value = register(m, value, name="moved")
    sign_q = register(m, sign, name="moved_neg")
    up, odd = shamt
    halves = Cat(value, sign_q.replicate(max(0, 3 * half - len(value))))
    thirds = len(value) - 2 * half
    placed = []
    for place in range(4):
        at = [shamt == (place - offset) % 4 for offset in range(3)]
        comes = register(m, at[0] | at[1], name=f"place{place}_comes")
        which = register(m, Mux(at[0] | at[1], at[0], sign & (at[2] | ~up)), name=f"place{place}_which")
        third = register(m, at[2], name=f"place{place}_third")
        for index in range(half):
            bit = Mux(comes, Mux(which, halves[index], halves[half + index]), which)
            placed.append(Mux(third, halves[2 * half + index], bit) if index < thirds else bit)
    parts = []
    for parity in range(2):
        grows = register(m, sign & (odd != parity), name=f"grows{parity}")
        parts.append(Cat(placed[parity * bits : parity * bits + bits], grows).as_signed())
    return parts, word, even_row
