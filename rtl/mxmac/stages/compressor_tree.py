"""The exact sum of the products of one beat, for standard cells."""

from functools import cache, reduce
from itertools import pairwise
from operator import and_, or_, xor
from typing import NamedTuple

from amaranth.hdl import Cat, Const, Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..config import MacConfig
from ..primitives.bits import add_unsigned_with_carry, delay, register
from ..primitives.description import Description
from ..primitives.full_adders import FullAdders
from .adder_tree import Term, sum_layout

__all__ = ["CompressorTree", "compressor_tree_latency", "pairing_level", "tree_leaves_carry"]

#: Levels of full adders that take as long as a shifter does.
_SHIFT_LEVELS = 2
#: Fewest bits of a part of the addition that are worth an addition of their own.
_LEAST_BITS = 6


class _Schedule(NamedTuple):
    """Registers of a tree, by levels of gates.

    Members
    -------
    registered : tuple of int
        Levels of compressors with a register behind them, counted from 1.
    parts : tuple of int
        Bits of each part of the addition, from the lowest on. The first follows the last compressor in its cycle.
    """

    registered: tuple[int, ...]
    parts: tuple[int, ...]


def _constant(config: MacConfig) -> int:
    """Return the constant that takes off 2^config.product_bits for each lane, in the bits of the sum."""
    return -(config.lanes << config.product_bits) % (1 << config.sum_bits(config.lanes))


def _halved(config: MacConfig) -> int:
    """Return the bits of the constant that half adders add: all but the highest one, which inverts a bit of the sum."""
    return _constant(config) % (1 << (config.sum_bits(config.lanes) - 1))


def _added_bits(levels: int) -> int:
    """Return the bits of an addition that take as long as levels of full adders, as measured; 0 if too few to be worth it."""
    bits = 5 * levels - 14
    return bits if bits >= _LEAST_BITS else 0


@cache
def _schedule(config: MacConfig) -> _Schedule:
    """Return the registers of the tree of more than one lane: as few as the levels of gates of a cycle allow."""
    rows, level, registered = config.lanes, 0, []
    room = config.gate_levels - _SHIFT_LEVELS
    while rows > 2:
        if not room:
            registered.append(level)
            room = config.gate_levels
        rows -= rows // 3
        level += 1
        room -= 1
    width = config.sum_bits(config.lanes)
    first = _added_bits(room - (_halved(config) > 0))
    if width - first < _LEAST_BITS:
        first = width
    if not first:
        registered.append(level)
    more = -(-(width - first) // _added_bits(config.gate_levels))
    ends = [first + (width - first) * part // max(more, 1) for part in range(more + 1)]
    parts = [end - start for start, end in pairwise([0, *ends])]
    return _Schedule(tuple(registered), tuple(part for part in parts if part))


def pairing_level(config: MacConfig) -> int | None:
    """Return the level, counted from 0, at which half adders make room for the carry that would be left.

    A level of compressors that leaves two rows has time for them. It is worth it where a block is one beat, for then the block
    adder would add nothing but that carry. None if there is no such level.
    """
    rows, level = config.lanes, 0
    while config.beats == 1 and rows > 2:
        if rows % 3 == 2:
            return level
        rows, level = rows - rows // 3, level + 1
    return None


def tree_leaves_carry(config: MacConfig) -> bool:
    """Whether the sum comes with a carry."""
    return pairing_level(config) is None


def compressor_tree_latency(config: MacConfig) -> int:
    """Return the latency from products to their sum: a cycle for each register behind compressors or a part of the addition."""
    if config.lanes == 1:
        return 1
    schedule = _schedule(config)
    return len(schedule.registered) + len(schedule.parts)


class CompressorTree(wiring.Component):
    """Tree of 3:2 compressors, with registers by levels of gates, and one addition in parts.

    Latency ``compressor_tree_latency(config)`` cycles, throughput one beat per cycle. A product is a row of unsigned bits:
    with its sign inverted, its ``sum`` is larger by 2^config.product_bits. The addition takes off that constant, once for each
    lane. A compressor has a place for the carry-in of a product, below its carries, and the addition another one; so one of
    the carry-ins is left, unless half adders make room for it.

    Parameters
    ----------
    config : MacConfig
        Of it: the formats of the operands, ``lanes``, and ``pipeline``.

    Members
    -------
    term0, term1, ... : In(sum_layout(config, Term(1, carry=True)))
        Products of the lanes.
    total : Out(sum_layout(config, Term(config.lanes, tree_leaves_carry(config))))
        Exact sum, ``compressor_tree_latency(config)`` cycles later.
    """

    def __init__(self, config: MacConfig):
        self.config = config
        self._width = config.sum_bits(config.lanes)
        terms = {f"term{lane}": In(sum_layout(config, Term(1, carry=True))) for lane in range(config.lanes)}
        super().__init__({**terms, "total": Out(sum_layout(config, Term(config.lanes, tree_leaves_carry(config))))})

    @property
    def description(self) -> Description:
        return Description(
            "Tree of 3:2 compressors: exact sum of the products of a beat.", compressor_tree_latency(self.config)
        )

    def elaborate(self, platform):
        m = Module()
        products = [getattr(self, f"term{lane}") for lane in range(self.config.lanes)]
        if self.config.lanes == 1:
            (product,) = products
            m.d.comb += [
                self.total.sum.eq(register(m, product.sum, name="sum")),
                self.total.carry.eq(register(m, product.carry, name="carry")),
            ]
            return m
        rows, carry_ins = [], [product.carry for product in products]
        for lane, product in enumerate(products):
            positive = Signal(name=f"positive{lane}")
            m.d.comb += positive.eq(~product.sum[-1])
            rows.append(Cat(product.sum[:-1], positive))
        x, y = self._compress_all(m, rows, carry_ins)
        m.d.comb += self.total.sum.eq(self._add(m, *self._corrected(x, y), carry_ins[0]))
        if tree_leaves_carry(self.config):
            m.d.comb += self.total.carry.eq(delay(m, carry_ins[1], len(_schedule(self.config).parts), name="carry"))
        return m

    def _compress_all(self, m: Module, rows: list[Value], carry_ins: list[Value]) -> list[Value]:
        """Return two rows with the sum of all and of the carry-ins; one or two of these remain in the list, in their cycle."""
        registered, level, number = _schedule(self.config).registered, 0, 0
        while True:
            if level in registered:
                rows = [register(m, row, name=f"row{index}_level{level}") for index, row in enumerate(rows)]
                carry_ins[:] = [register(m, bit, name=f"carry_in{index}_level{level}") for index, bit in enumerate(carry_ins)]
            if len(rows) == 2:
                return rows
            compressed = []
            while len(rows) > 2:
                compressed += self._compress(m, rows[:3], carry_ins.pop(), number)
                rows, number = rows[3:], number + 1
            if level == pairing_level(self.config):
                x, y = rows
                rows = self._half_add(m, x, y, carry_ins.pop())
            rows, level = rows + compressed, level + 1

    def _compress(self, m: Module, rows: list[Value], carry_in: Value, number: int) -> list[Value]:
        """Compress three rows and a carry-in to two rows: full adders where all have bits, and half adders where two have."""
        z, y, x = sorted(rows, key=len)
        full, two = len(z), len(y)
        adders = FullAdders(full)
        m.submodules[f"full_adders{number}"] = adders
        m.d.comb += [adders.x.eq(x[:full]), adders.y.eq(y[:full]), adders.z.eq(z)]
        total: list[Value] = []
        carries = [carry_in]
        gates = {"": (adders.sum, adders.carry)}
        if two > full:
            gates["half_"] = (x[full:two] ^ y[full:], x[full:two] & y[full:])
        for prefix, results in gates.items():
            for name, parts, result in zip(("sum", "carry"), (total, carries), results, strict=True):
                part = Signal(len(result), name=f"{prefix}{name}{number}")
                m.d.comb += part.eq(result)
                parts.append(part)
        # The sum of all has no bits beyond its width.
        return [Cat(*total, x[two:]), Cat(*carries)[: self._width]]

    def _half_add(self, m: Module, x: Value, y: Value, carry_in: Value) -> list[Value]:
        """Return two rows with the sum of two and a carry-in."""
        y, x = sorted((x, y), key=len)
        total, carries = Signal(len(y), name="pair_sum"), Signal(len(y), name="pair_carry")
        m.d.comb += [total.eq(x[: len(y)] ^ y), carries.eq(x[: len(y)] & y)]
        return [Cat(total, x[len(y) :]), Cat(carry_in, carries)[: self._width]]

    def _corrected(self, x: Value, y: Value) -> tuple[Value, Value]:
        """Add the constant, without its highest bit, to two rows, in half adders: the rows reach above it."""
        constant = _halved(self.config)
        if not constant:
            return x, y
        low = (constant & -constant).bit_length() - 1
        total, carries = [], [Const(0, 1)]
        for index in range(low, max(len(x), len(y))):
            bits = [row[index] for row in (x, y) if index < len(row)]
            if constant >> index & 1:
                total.append(~reduce(xor, bits))
                carries.append(reduce(or_, bits))
            else:
                total.append(reduce(xor, bits))
                carries.append(reduce(and_, bits) if len(bits) == 2 else Const(0, 1))
        # The last carry may be beyond the sum, or always 0.
        carries = carries[: self._width - low]
        while isinstance(carries[-1], Const):
            carries.pop()
        return Cat(x[:low], *total), Cat(y[:low], *carries)

    def _add(self, m: Module, x: Value, y: Value, carry: Value) -> Value:
        """Add two rows, a carry-in, and the highest bit of the constant, a part a cycle from the lowest on."""
        done = Const(0, 0)
        parts = _schedule(self.config).parts
        for part, bits in enumerate(parts):
            later = part < len(parts) - 1
            added = add_unsigned_with_carry(m, x[:bits], y[:bits], carry, bits + later, name=f"added{part}")
            if later:
                total = register(m, added, name=f"part{part}")
                done = Cat(register(m, done, name=f"done{part}"), total[:bits]) if part else total[:bits]
                carry = total[-1]
                x = register(m, x[bits:], name=f"x{part}")
                y = register(m, y[bits:], name=f"y{part}")
            elif _constant(self.config) >> (self._width - 1):
                added = Cat(added[:-1], ~added[-1])
        return register(m, Cat(done, added), name="done")
