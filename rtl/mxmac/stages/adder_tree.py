"""The exact sum of the products of one beat."""

from amaranth.hdl import Module, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ..config import MacConfig
from ..primitives.bits import add_with_carry, register
from ..primitives.description import Description
from .multiplier import product_layout

__all__ = ["AdderTree", "adder_tree_latency", "beat_sum_layout"]


def beat_sum_layout(config: MacConfig) -> data.StructLayout:
    """Layout of the sum of a beat: ``sum + carry``, in units of 2^config.product_lsb_exp.

    Members
    -------
    sum : signed(config.sum_bits(config.lanes)), as bits
    carry : 1
    """
    return data.StructLayout({"sum": config.sum_bits(config.lanes), "carry": 1})


def adder_tree_latency(config: MacConfig) -> int:
    """Cycles from products to their sum: one for each level."""
    return (config.lanes - 1).bit_length()


class AdderTree(wiring.Component):
    """Tree of two-input adders with a register after each level.

    Latency ``adder_tree_latency(config)`` cycles, throughput one beat per cycle. Every product comes with a carry-in of its own
    (see ``product_layout``). An adder adds one of the two carries of its operands and passes the other on, so after
    ``lanes - 1`` adders one carry is left.

    Parameters
    ----------
    config : MacConfig
        Of it: the formats of the operands, and ``lanes``.

    Members
    -------
    products : In(product_layout(config)).array(config.lanes)
    beat : Out(beat_sum_layout(config))
        Exact sum, ``adder_tree_latency(config)`` cycles later.
    """

    def __init__(self, config: MacConfig):
        self.config = config
        super().__init__({"products": In(product_layout(config)).array(config.lanes), "beat": Out(beat_sum_layout(config))})

    @property
    def description(self) -> Description:
        return Description("Tree of adders: exact sum of the products of a beat, sum + carry.", adder_tree_latency(self.config))

    def elaborate(self, platform):
        m = Module()
        # (sum, carry, number of products in them)
        nodes = [(product.ones.as_signed(), product.neg, 1) for product in self.products]
        level = 0
        while len(nodes) > 1:
            pairs = [nodes[index : index + 2] for index in range(0, len(nodes), 2)]
            nodes = [self._join(m, pair, f"level{level}_{index}") for index, pair in enumerate(pairs)]
            level += 1
        total, carry, _ = nodes[0]
        m.d.comb += [self.beat.sum.eq(total), self.beat.carry.eq(carry)]
        return m

    def _join(self, m: Module, pair, name: str):
        if len(pair) == 1:
            total, carry, products = pair[0]
            return register(m, total, name=name), register(m, carry, name=f"{name}_carry"), products
        (sum_x, carry_x, products_x), (sum_y, carry_y, products_y) = pair
        products = products_x + products_y
        width = self.config.sum_bits(products)
        total = Signal(signed(width), name=name, reset_less=True)
        m.d.sync += total.eq(add_with_carry(sum_x, sum_y, carry_x, width))
        return total, register(m, carry_y, name=f"{name}_carry"), products
