"""The exact sum of a few sums of products."""

from collections.abc import Sequence
from typing import NamedTuple

from amaranth.hdl import Module, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ..config import MacConfig
from ..primitives.bits import add_with_carry, register, sign_extend
from ..primitives.carry_chain import CarryFunction, chained
from ..primitives.description import Description

__all__ = ["AdderTree", "Term", "adder_tree_latency", "sum_layout"]


class Term(NamedTuple):
    """What is known of a sum of products.

    Members
    -------
    products : int
        How many products it has.
    carry : bool
        Whether it comes as ``sum + carry``.
    magnitude : bool
        Whether ``sum`` is a magnitude, and ``carry`` its sign: an adder of carry cells complements it.
    """

    products: int
    carry: bool
    magnitude: bool = False


def sum_layout(config: MacConfig, term: Term) -> data.StructLayout:
    """Layout of a sum of products: ``sum + carry``, in units of 2^config.product_lsb_exp.

    Of a magnitude, the sum is the one's complement of ``sum`` if ``carry`` is set.

    Members
    -------
    sum : signed(config.sum_bits(term.products)), as bits
    carry : 1
        Absent without one.
    """
    return data.StructLayout({"sum": config.sum_bits(term.products), **({"carry": 1} if term.carry else {})})


def adder_tree_latency(terms: int) -> int:
    """Cycles from terms to their sum: one for each level."""
    return (terms - 1).bit_length()


class AdderTree(wiring.Component):
    """Tree of two-input adders with a register after each level.

    Latency ``adder_tree_latency(len(terms))`` cycles, throughput one sum per cycle. A term may come with a carry of its own. An
    adder adds one of the two carries of its operands and passes the other on, so ``len(terms)`` carries leave one. If only the
    last term has none, no carry is left.

    Parameters
    ----------
    config : MacConfig
        Of it: the formats of the operands.
    terms : sequence of Term
        All of them have a carry, all but the last, or none has one. All of them are magnitudes, or none is; magnitudes are
        two or more.

    Members
    -------
    term0, term1, ... : In(sum_layout(config, term))
    total : Out(sum_layout(config, self.sum))
        Exact sum of the terms, ``adder_tree_latency(len(terms))`` cycles later.

    Attributes
    ----------
    sum : Term
    """

    def __init__(self, config: MacConfig, terms: Sequence[Term]):
        self.config, self._terms = config, tuple(terms)
        self.sum = Term(sum(term.products for term in terms), all(term.carry for term in terms))
        inputs = {f"term{index}": In(sum_layout(config, term)) for index, term in enumerate(terms)}
        super().__init__({**inputs, "total": Out(sum_layout(config, self.sum))})

    @property
    def description(self) -> Description:
        about = "Tree of adders: exact sum of " + ("sums + carries." if self.sum.carry else "sums.")
        return Description(about, adder_tree_latency(len(self._terms)))

    def elaborate(self, platform):
        m = Module()
        # First of all, so that the text calls it by the name of the port.
        out = Signal(sum_layout(self.config, self.sum), name="sums", reset_less=True)
        m.d.comb += self.total.eq(out)
        nodes = []
        for index, term in enumerate(self._terms):
            given = getattr(self, f"term{index}")
            nodes.append((given.sum.as_signed(), given.carry if term.carry else None, term.products))
        for level in range(adder_tree_latency(len(nodes))):
            if level:
                nodes = [self._held(m, *node, f"level{level - 1}_{index}") for index, node in enumerate(nodes)]
            pairs = [nodes[index : index + 2] for index in range(0, len(nodes), 2)]
            if self._terms[0].magnitude and not level:
                nodes = [self._join_magnitudes(m, pair, f"adder{index}") for index, pair in enumerate(pairs)]
            else:
                nodes = [self._join(pair) for pair in pairs]
        total, carry, _ = nodes[0]
        domain = m.d.sync if len(self._terms) > 1 else m.d.comb
        domain += out.sum.eq(total)
        if carry is not None:
            domain += out.carry.eq(carry)
        return m

    @staticmethod
    def _held(m: Module, total: Value, carry: Value | None, products: int, name: str) -> tuple[Value, Value | None, int]:
        later = None if carry is None else register(m, carry, name=f"{name}_carry")
        return register(m, total, name=name), later, products

    def _join_magnitudes(self, m: Module, pair, name: str) -> tuple[Value, Value, int]:
        """Sum of two magnitudes with their signs, or the one's complement of one."""
        if len(pair) == 1:
            ((magnitude, neg, products),) = pair
            return (magnitude.as_unsigned() ^ neg.replicate(len(magnitude))).as_signed(), neg, products
        (x, neg_x, products_x), (y, neg_y, products_y) = pair
        products = products_x + products_y
        width = self.config.sum_bits(products)
        operands = (sign_extend(x, width), neg_x.replicate(width), sign_extend(y, width), neg_y.replicate(width))
        total = chained(m, name, CarryFunction.COMPLEMENTED, width, *operands, carry=neg_x)
        return total.as_signed(), neg_y, products

    def _join(self, pair) -> tuple[Value, Value | None, int]:
        if len(pair) == 1:
            return pair[0]
        (sum_x, carry_x, products_x), (sum_y, carry_y, products_y) = pair
        products = products_x + products_y
        width = self.config.sum_bits(products)
        # Two numbers that are narrower have no carry out of that width.
        total = (sum_x + sum_y)[:width].as_signed() if carry_x is None else add_with_carry(sum_x, sum_y, carry_x, width)
        return total, carry_y, products
