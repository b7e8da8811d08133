"""Shared scale of a block, from the keys of its elements."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ..formats import SCALE_NAN, SCALE_WIDTH
from ..primitives.bits import delay, delay_valid, register
from ..primitives.description import Description
from .config import QuantizerConfig
from .lane import GRID_BITS, key_layout

__all__ = ["BlockScale"]


class BlockScale(wiring.Component):
    """Scale of a block from the keys of its elements (MX v1.0, 6.3): a tree of maxima, with a register after each level.

    Throughput one beat per cycle.

    Parameters
    ----------
    config : QuantizerConfig

    Members
    -------
    keys : In(key_layout(config)).array(config.lanes)
    valid, first : In(1)
        Whether there are any, and whether they are the first of their block; there only with several beats.
    scale : Out(8)
        UE8M0 code for the block up to this beat, ``config.scale_clocks - 1`` cycles later.
    grid : Out(GRID_BITS)
        The same plus config.emin.
    """

    def __init__(self, config: QuantizerConfig):
        self.config = config
        super().__init__(
            {
                "keys": In(key_layout(config)).array(config.lanes),
                **({"valid": In(1), "first": In(1)} if config.beats > 1 else {}),
                "scale": Out(SCALE_WIDTH),
                "grid": Out(GRID_BITS),
            }
        )

    @property
    def description(self) -> Description:
        return Description("Scale of a block: tree of maxima over the keys of its elements.", self.config.scale_clocks - 1)

    def elaborate(self, platform):
        m = Module()
        config = self.config
        nodes = [key.as_value() for key in self.keys]
        level = 0
        while len(nodes) > 1:
            pairs = [nodes[index : index + 2] for index in range(0, len(nodes), 2)]
            nodes = [
                register(m, Mux(_less(*pair), pair[1], pair[0]) if len(pair) > 1 else pair[0], name=f"max{level}_{index}")
                for index, pair in enumerate(pairs)
            ]
            level += 1
        largest = nodes[0]
        if config.beats > 1:
            so_far = Signal(len(largest), reset_less=True)
            valid = delay_valid(m, self.valid, level, name="valid")
            first = delay(m, self.first, level, name="first")
            with m.If(valid & (first | _less(so_far, largest))):
                m.d.sync += so_far.eq(largest)
            largest = so_far
        self._scale(m, data.View(key_layout(config), largest))
        return m

    def _scale(self, m: Module, key: data.View):
        to, emin = self.config.to, self.config.emin
        # With the bump as its lowest bit a key is 2 exp + bump: half of it, rounded up, is what the emax is taken from.
        twice = key.as_value() if "bump" in key_layout(self.config).members else Cat(Const(0, 1), key.exp)
        code, grid = (self._half_up(m, twice, less, name) for less, name in ((to.emax, "code"), (to.emax - emin, "grid")))
        # Only without an emax to subtract does a code need its upper limit, and only with one its lower limit.
        never = Const(0, 1)
        below, above = (code < 0, never) if to.emax else (never, code == SCALE_NAN)
        limited = Mux(below, 0, Mux(above, SCALE_NAN - 1, code[:SCALE_WIDTH]))
        limited_grid = Mux(below, emin, Mux(above, SCALE_NAN - 1 + emin, grid))[:GRID_BITS]
        m.d.comb += [
            self.scale.eq(register(m, Mux(key.exp.all(), SCALE_NAN, limited), name="scale_code")),
            self.grid.eq(register(m, limited_grid, name="scale_grid")),
        ]

    @staticmethod
    def _half_up(m: Module, twice: Value, less: int, name: str) -> Value:
        # Linters take it from the name that the lowest bit is not read.
        least, most = 1 - 2 * less, 2 * SCALE_NAN + 2 - 2 * less
        total = Signal(range(least, most + 1), name=f"{name}_and_unused_bit")
        m.d.comb += total.eq(twice + least)
        return total[1:].as_signed()


def _less(x: Value, y: Value) -> Value:
    """Whether x < y, unsigned: the sign of their difference, which in an FPGA comes straight out of the carry chain."""
    return (x - y)[-1]
