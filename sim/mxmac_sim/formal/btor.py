"""A circuit as BTOR2, and its terms clock by clock.

BTOR2 (Niemetz et al., CAV 2018) is what Yosys writes for word-level model checkers: a line for each operator, input
and register.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from bitwuzla import Kind, Sort, Term, TermManager

__all__ = ["Circuit", "Unrolled"]

_OPERATORS = {
    "add": Kind.BV_ADD, "and": Kind.BV_AND, "concat": Kind.BV_CONCAT, "eq": Kind.EQUAL, "iff": Kind.EQUAL,
    "implies": Kind.BV_OR, "mul": Kind.BV_MUL, "nand": Kind.BV_NAND, "neg": Kind.BV_NEG, "neq": Kind.DISTINCT,
    "nor": Kind.BV_NOR, "not": Kind.BV_NOT, "or": Kind.BV_OR, "redand": Kind.BV_REDAND, "redor": Kind.BV_REDOR,
    "redxor": Kind.BV_REDXOR, "sdiv": Kind.BV_SDIV, "sgt": Kind.BV_SGT, "sgte": Kind.BV_SGE, "sll": Kind.BV_SHL,
    "slt": Kind.BV_SLT, "slte": Kind.BV_SLE, "smod": Kind.BV_SMOD, "sra": Kind.BV_ASHR, "srem": Kind.BV_SREM,
    "srl": Kind.BV_SHR, "sub": Kind.BV_SUB, "udiv": Kind.BV_UDIV, "ugt": Kind.BV_UGT, "ugte": Kind.BV_UGE,
    "ult": Kind.BV_ULT, "ulte": Kind.BV_ULE, "urem": Kind.BV_UREM, "xnor": Kind.BV_XNOR, "xor": Kind.BV_XOR,
    "read": Kind.ARRAY_SELECT, "write": Kind.ARRAY_STORE,
}  # fmt: skip
#: Operators that give a truth value, which BTOR2 has as one bit.
_PREDICATES = {"eq", "iff", "neq", "sgt", "sgte", "slt", "slte", "ugt", "ugte", "ult", "ulte"}
_EXTENSIONS = {"uext": Kind.BV_ZERO_EXTEND, "sext": Kind.BV_SIGN_EXTEND}
_CONSTANTS = {"const": 2, "constd": 10, "consth": 16}


@dataclass(frozen=True)
class _Node:
    operator: str
    sort: int
    arguments: tuple[int, ...]
    #: Bits of a slice, or of an extension; the value of a constant.
    numbers: tuple[int, ...] = ()


@dataclass
class Circuit:
    """A circuit, as read from BTOR2.

    Members
    -------
    inputs, outputs : dict of str to int
        Nodes by the names of the top module's ports.
    widths : dict of int to int
        Bits of every node that is no memory.
    named : dict of str to int
        Nodes by the names of all wires, with those of the instances they are in before.
    """

    inputs: dict[str, int] = field(default_factory=dict)
    outputs: dict[str, int] = field(default_factory=dict)
    widths: dict[int, int] = field(default_factory=dict)
    named: dict[str, int] = field(default_factory=dict)
    nodes: dict[int, _Node] = field(default_factory=dict)
    sorts: dict[int, int | tuple[int, int]] = field(default_factory=dict)
    following: dict[int, int] = field(default_factory=dict)

    @classmethod
    def read(cls, text: str) -> "Circuit":
        """Read what Yosys' ``write_btor`` has written. Initial values are left out: what holds, holds from a reset on.

        Raises
        ------
        ValueError
            If there is something in it that is not known here.
        """
        circuit = cls()
        for line in text.splitlines():
            words = line.partition(";")[0].split()
            if words:
                circuit._add(int(words[0]), words[1], words[2:])
        return circuit

    def _add(self, index: int, operator: str, words: list[str]):
        match operator:
            case "sort":
                sizes = [int(word) for word in words[1:]]
                self.sorts[index] = sizes[0] if words[0] == "bitvec" else (sizes[0], sizes[1])
            case "input" | "state":
                self._define(index, _Node(operator, int(words[0]), ()), words[1:])
                if operator == "input" and words[1:]:
                    self.inputs[words[1]] = index
            case "const" | "constd" | "consth":
                self._define(index, _Node("const", int(words[0]), (), (int(words[1], _CONSTANTS[operator]),)), words[2:])
            case "one" | "zero" | "ones":
                value = {"zero": 0, "one": 1, "ones": -1}[operator]
                self._define(index, _Node("const", int(words[0]), (), (value,)), words[1:])
            case "next":
                self.following[int(words[1])] = int(words[2])
            case "init" | "constraint" | "bad":
                pass
            case "output":
                self.outputs[words[1]] = int(words[0])
            case "slice":
                self._define(index, _Node("slice", int(words[0]), (int(words[1]),), (int(words[2]), int(words[3]))), words[4:])
            case "uext" | "sext":
                self._define(index, _Node(operator, int(words[0]), (int(words[1]),), (int(words[2]),)), words[3:])
            case "ite":
                self._define(index, _Node(operator, int(words[0]), tuple(int(word) for word in words[1:4])), words[4:])
            case _ if operator in _OPERATORS:
                count = 1 if operator in ("not", "neg") or operator.startswith("red") else 3 if operator == "write" else 2
                arguments = tuple(int(word) for word in words[1 : 1 + count])
                self._define(index, _Node(operator, int(words[0]), arguments), words[1 + count :])
            case _:
                raise ValueError(f"BTOR2 has {operator!r}, which is not known here")

    def _define(self, index: int, node: _Node, name: list[str]):
        self.nodes[index] = node
        size = self.sorts[node.sort]
        if isinstance(size, int):
            self.widths[index] = size
        if name:
            self.named[name[0]] = index


class Unrolled:
    """Terms of a circuit's nodes at each clock, made when they are asked for.

    The registers at clock 0 are free, and so are all inputs.

    Parameters
    ----------
    circuit : Circuit
    manager : TermManager
    """

    def __init__(self, circuit: Circuit, manager: TermManager):
        self.circuit, self.manager = circuit, manager
        self._terms: dict[tuple[int, int], Term] = {}
        self._given: dict[tuple[int, int], Term] = {}
        self._sorts: dict[int, Sort] = {}
        #: The run that a twin begins like, and the nodes and clocks at which it has inputs of its own.
        self._like: Unrolled | None = None
        self._own: set[tuple[int, int]] = set()

    def twin(self, inputs: Iterable[str], clock: int) -> "Unrolled":
        """Return a run from the same state, with the same inputs but for some of them at one clock, which are free."""
        twin = Unrolled(self.circuit, self.manager)
        twin._like, twin._own = self, {(self.circuit.inputs[name], clock) for name in inputs}
        return twin

    def fix(self, name: str, clock: int, value: int):
        """Give an input a value at one clock, before anything that depends on it is asked for."""
        node = self.circuit.inputs[name]
        self._given[node, clock] = self.manager.mk_bv_value(self.sort(self.circuit.nodes[node].sort), value)

    def output(self, name: str, clock: int) -> Term:
        """Term of an output of the top module."""
        return self.at(self.circuit.outputs[name], clock)

    def truth(self, name: str, clock: int) -> Term:
        """Term of an output of one bit, as a truth value."""
        return self.manager.mk_term(Kind.EQUAL, [self.output(name, clock), self.manager.mk_bv_one(self.manager.mk_bv_sort(1))])

    def knows(self, node: int, clock: int) -> bool:
        """Whether a node has had anything to do with what was asked for."""
        return (node, clock) in self._terms

    def at(self, node: int, clock: int) -> Term:
        """Term of a node at a clock."""
        # Deep circuits: a stack of our own, since that of Python is not deep enough.
        stack = [(node, clock)]
        while stack:
            index, when = key = stack[-1]
            if key in self._terms:
                stack.pop()
                continue
            needed = [other for other in self._needs(index, when) if other not in self._terms]
            if needed:
                stack += needed
                continue
            self._terms[key] = self._make(index, when)
            stack.pop()
        return self._terms[node, clock]

    def _needs(self, index: int, clock: int) -> list[tuple[int, int]]:
        node = self.circuit.nodes[index]
        if node.operator == "state":
            after = self.circuit.following.get(index)
            return [(after, clock - 1)] if clock > 0 and after is not None else []
        return [(argument, clock) for argument in node.arguments]

    def _make(self, index: int, clock: int) -> Term:
        manager, node = self.manager, self.circuit.nodes[index]
        if (index, clock) in self._given:
            return self._given[index, clock]
        if node.operator == "state" and clock > 0 and index in self.circuit.following:
            return self._terms[self.circuit.following[index], clock - 1]
        if node.operator in ("state", "input"):
            # A register that is never written is the same at all cycles.
            return self._free((index, 0) if node.operator == "state" else (index, clock))
        arguments = [self._terms[argument, clock] for argument in node.arguments]
        match node.operator:
            case "const":
                width = self.circuit.widths[index]
                return manager.mk_bv_value(self.sort(node.sort), node.numbers[0] % (1 << width))
            case "slice":
                return manager.mk_term(Kind.BV_EXTRACT, arguments, list(node.numbers))
            case "uext" | "sext":
                if node.numbers[0] == 0:
                    return arguments[0]
                return manager.mk_term(_EXTENSIONS[node.operator], arguments, list(node.numbers))
            case "ite":
                return self._choose(self._is_one(arguments[0]), arguments[1], arguments[2])
            case "implies":
                return manager.mk_term(Kind.BV_OR, [manager.mk_term(Kind.BV_NOT, arguments[:1]), arguments[1]])
        term = manager.mk_term(_OPERATORS[node.operator], arguments)
        return self._bit(term) if node.operator in _PREDICATES else term

    def _free(self, key: tuple[int, int]) -> Term:
        if self._like is not None and key not in self._own:
            return self._like._free(key)
        if key not in self._given:
            index, clock = key
            self._given[key] = self.manager.mk_const(self.sort(self.circuit.nodes[index].sort), f"n{index}@{clock}")
        return self._given[key]

    def sort(self, index: int) -> Sort:
        """Sort of that number in the circuit."""
        if index not in self._sorts:
            size = self.circuit.sorts[index]
            if isinstance(size, int):
                self._sorts[index] = self.manager.mk_bv_sort(size)
            else:
                self._sorts[index] = self.manager.mk_array_sort(self.sort(size[0]), self.sort(size[1]))
        return self._sorts[index]

    def _is_one(self, bit: Term) -> Term:
        return self.manager.mk_term(Kind.EQUAL, [bit, self.manager.mk_bv_one(self.manager.mk_bv_sort(1))])

    def _choose(self, condition: Term, yes: Term, no: Term) -> Term:
        return yes if yes == no else self.manager.mk_term(Kind.ITE, [condition, yes, no])

    def _bit(self, truth: Term) -> Term:
        sort = self.manager.mk_bv_sort(1)
        return self.manager.mk_term(Kind.ITE, [truth, self.manager.mk_bv_one(sort), self.manager.mk_bv_zero(sort)])
