"""Adders of ECP5 carry cells, whose LUTs do more than add."""

from collections.abc import Callable
from enum import Enum
from importlib.resources import files
from itertools import product
from operator import xor

from amaranth.hdl import Cat, Const, Instance, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..config import Target
from .bits import add_unsigned_with_carry
from .description import Description
from .shared import shared

__all__ = ["CELLS_MODULE", "CarryChain", "CarryFunction", "add_to_choice", "carry_cells_text", "chained"]

#: Name of the module of carry cells, of any width and function, in ``carry_cells.v``.
CELLS_MODULE = "carry_cells"


class CarryFunction(Enum):
    """Addition of two functions of the operands, bit by bit: each takes one LUT of a carry cell for each bit.

    A cell adds ``x + y`` if ``x`` depends on a and b, ``y`` on c and d, and ``y`` is 0 where c and d are; or if ``y`` is b, and
    ``x`` depends on a, c and d and is 0 where c and d are.
    """

    ADD = "add"
    #: Sum of two gated operands, or of two rows of a multiplication.
    GATED = "gated"
    #: The same of the complement of the first: the negative row of a signed multiplication.
    GATED_MINUS = "gated_minus"
    #: Sum of two gated operands, the second of which counts unless its gate is set.
    GATED_UNLESS = "gated_unless"
    #: Sum of two exponents with least ones: the first counts as ones unless its flag is set, the second if its flag is.
    EITHER = "either"
    #: Sum of two operands that are complemented, or not.
    COMPLEMENTED = "complemented"
    #: Sum of one of two operands and another: a level of a shifter.
    CHOSEN = "chosen"

    def terms(self, a: Value, b: Value, c: Value, d: Value) -> tuple[Value, Value]:
        """Return the two terms, bit by bit."""
        return _TERMS[self](a, b, c, d)

    @property
    def init(self) -> int:
        """Content of the LUT: bit ``8 d + 4 c + 2 b + a`` says whether the two terms differ."""
        # With c all zeros and d all ones, a choice is an addition.
        terms = _TERMS[CarryFunction.CHOSEN if self is CarryFunction.ADD else self]
        differ = (1 & xor(*terms(a, b, c, d)) for d, c, b, a in product((0, 1), repeat=4))
        return sum(bit << index for index, bit in enumerate(differ))

    @property
    def description(self) -> str:
        """The sum as an expression."""
        return _EXPRESSIONS[self]


_TERMS: dict[CarryFunction, Callable[..., tuple]] = {
    CarryFunction.ADD: lambda a, b, c, d: (a, b),
    CarryFunction.GATED: lambda a, b, c, d: (a & b, c & d),
    CarryFunction.GATED_MINUS: lambda a, b, c, d: (~(a & b), c & d),
    CarryFunction.GATED_UNLESS: lambda a, b, c, d: (a & b, c & ~d),
    CarryFunction.EITHER: lambda a, b, c, d: (a | ~b, c | d),
    CarryFunction.COMPLEMENTED: lambda a, b, c, d: (a ^ b, c ^ d),
    CarryFunction.CHOSEN: lambda a, b, c, d: ((a & d) | (c & ~d), b),
}
_EXPRESSIONS = {
    CarryFunction.ADD: "a + b",
    CarryFunction.GATED: "(a & b) + (c & d)",
    CarryFunction.GATED_MINUS: "~(a & b) + (c & d)",
    CarryFunction.GATED_UNLESS: "(a & b) + (c & ~d)",
    CarryFunction.EITHER: "(a | ~b) + (c | d)",
    CarryFunction.COMPLEMENTED: "(a ^ b) + (c ^ d)",
    CarryFunction.CHOSEN: "(d ? a : c) + b, bit by bit",
}


def carry_cells_text() -> str:
    """Return the Verilog of the module of carry cells."""
    return files(__package__).joinpath("carry_cells.v").read_text()


class CarryChain(wiring.Component):
    """Adder of ECP5 carry cells. Combinational.

    On a library of modules and on platforms without such cells it is a portable addition, and the generated text has the cells
    beside it: see :mod:`~mxmac.verilog.emit`. On a platform for ECP5 it is the cells.

    Parameters
    ----------
    width : int
    function : CarryFunction
    carry : bool
        Whether there is a carry-in.

    Members
    -------
    a, b, c, d : In(width)
        Operands; of ``CarryFunction.ADD`` there are a and b alone.
    carry : In(1)
        Absent without a carry-in.
    sum : Out(width)
        Modulo 2^width.
    """

    def __init__(self, width: int, function: CarryFunction, *, carry: bool):
        self.width, self.function, self.has_carry = width, function, carry
        self._operands = "ab" if function is CarryFunction.ADD else "abcd"
        super().__init__(
            {
                **{operand: In(width) for operand in self._operands},
                **({"carry": In(1)} if carry else {}),
                "sum": Out(width),
            }
        )

    @property
    def shared_name(self) -> str:
        """Name of the module that all chains with the same parameters share."""
        return f"carry_chain_{self.function.value}_{self.width}" + "_carry" * self.has_carry

    @property
    def description(self) -> Description:
        return Description(f"Carry chain: {self.function.description}{', plus the carry' * self.has_carry}.", 0)

    @property
    def cells(self) -> str:
        """The same in carry cells, in Verilog: an instance of the module ``CELLS_MODULE``."""
        width = self.width
        unused = {"c": f"{width}'d0", "d": f"{{{width}{{1'b1}}}}"}
        operands = {name: name if name in self._operands else unused[name] for name in "abcd"}
        connections = {**operands, "carry": "carry" if self.has_carry else "1'b0", "sum": "sum"}
        ports = ", ".join(f".{port}({signal})" for port, signal in connections.items())
        parameters = f".WIDTH({width}), .INIT(16'h{self.function.init:04x}), .CARRY({int(self.has_carry)})"
        return f"  {CELLS_MODULE} #({parameters}) cells (\n    {ports}\n  );\n"

    def elaborate(self, platform):
        if str(getattr(platform, "device", "")).startswith("LFE5U"):
            return self._instance(platform)
        return shared(platform, self, (self.width, self.function, self.has_carry), self._elaborated)

    def _elaborated(self) -> Module:
        m = Module()
        a, b = self.a, self.b
        c, d = (self.c, self.d) if len(self._operands) > 2 else (Const(0), Const(0))
        x, y = (term[: self.width] for term in self.function.terms(a, b, c, d))
        if self.has_carry:
            whole = Signal(1 + self.width, name="sum_partly_unused")
            # The carry enters by a bit below the least significant one, so that synthesis sees a single addition.
            m.d.comb += [whole.eq(Cat(Const(1, 1), x) + Cat(self.carry, y)), self.sum.eq(whole[1:])]
        else:
            m.d.comb += self.sum.eq(x + y)
        return m

    def _instance(self, platform) -> Instance:
        platform.add_file(f"{CELLS_MODULE}.v", carry_cells_text())
        unused = {"c": Const(0, self.width), "d": Const(-1, self.width)}
        operands = {name: getattr(self, name) if name in self._operands else unused[name] for name in "abcd"}
        return Instance(
            CELLS_MODULE,
            p_WIDTH=self.width,
            p_INIT=Const(self.function.init, 16),
            p_CARRY=int(self.has_carry),
            **{f"i_{name}": value for name, value in operands.items()},
            i_carry=self.carry if self.has_carry else Const(0, 1),
            o_sum=self.sum,
        )


def chained(m: Module, name: str, function: CarryFunction, width: int, *operands: Value, carry: Value | None = None) -> Signal:
    """Return the sum of a carry chain, a submodule called ``name``: unsigned, ``width`` bits.

    Parameters
    ----------
    m : Module
    name : str
    function : CarryFunction
    width : int
    operands : Value
        a, b and so on, as bits: longer ones are cut, and shorter ones filled with zeros.
    carry : Value, optional
    """
    m.submodules[name] = chain = CarryChain(width, function, carry=carry is not None)
    m.d.comb += [getattr(chain, operand).eq(value) for operand, value in zip("abcd", operands, strict=False)]
    if carry is not None:
        m.d.comb += chain.carry.eq(carry)
    total = Signal(width, name=f"{name}_sum")
    m.d.comb += total.eq(chain.sum)
    return total


def add_to_choice(
    m: Module,
    target: Target,
    choice: tuple[Value, Value, Value],
    addend: Value,
    carry: Value | tuple[Value, Value, Value] | None,
    width: int,
    *,
    name: str,
) -> Value:
    """Return ``(which ? x : y) + addend + carry`` of unsigned numbers, in ``width`` bits. Carry cells choose and add at once.

    Parameters
    ----------
    m : Module
    target : Target
    choice : tuple of Value
        ``which``, one bit, and ``x`` and ``y``.
    addend : Value
    carry : Value or tuple of Value, optional
        A tuple is a choice, too.
    width : int
    name : str
    """
    which, x, y = choice
    if target is Target.ECP5:
        gates = which.replicate(width)
        if not isinstance(carry, tuple):
            return chained(m, name, CarryFunction.CHOSEN, width, x, addend, y, gates, carry=carry)
        # The carry out of a bit below, to which 1 is added.
        gate, first, second = carry
        operands = Cat(first, x), Cat(Const(1, 1), addend), Cat(second, y), Cat(gate, gates)
        return chained(m, f"{name}_partly_unused", CarryFunction.CHOSEN, 1 + width, *operands)[1:]
    chosen = Mux(which, x, y)
    if carry is None:
        return (chosen + addend)[:width]
    into = Mux(*carry) if isinstance(carry, tuple) else carry
    return add_unsigned_with_carry(m, chosen, addend, into, width, name=name)
