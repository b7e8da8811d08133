"""And-inverter graphs: units as Yosys writes them, and files that ABC reads.

A *literal* is twice the number of a node, and one more for its complement; 0 and 1 are the constants.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Graph", "Netlist"]


@dataclass
class Graph:
    """A graph under construction, in which no two nodes are the same by their operands.

    Members
    -------
    ands : dict of int to (int, int)
        Operands, by the literal of the node.
    """

    ands: dict[int, tuple[int, int]] = field(default_factory=dict)
    _known: dict[tuple[int, int], int] = field(default_factory=dict)
    _nodes: int = 0

    def free(self) -> int:
        """Return a new node, of an input or a register."""
        self._nodes += 1
        return 2 * self._nodes

    def both(self, a: int, b: int) -> int:
        """Return ``a & b``."""
        a, b = min(a, b), max(a, b)
        if a == 0 or a == b ^ 1:
            return 0
        if a in (1, b):
            return b
        if (a, b) not in self._known:
            self._known[a, b] = node = self.free()
            self.ands[node] = (b, a)
        return self._known[a, b]

    def either(self, a: int, b: int) -> int:
        """Return ``a | b``."""
        return self.both(a ^ 1, b ^ 1) ^ 1

    def choose(self, which: int, a: int, b: int) -> int:
        """Return ``a`` where ``which`` is 1, else ``b``."""
        return self.either(self.both(which, a), self.both(which ^ 1, b))

    def differ(self, a: int, b: int) -> int:
        """Return ``a ^ b``."""
        return 0 if a == b else self.choose(a, b ^ 1, b)

    def write(self, file: Path, output: int, registers: Mapping[int, int]):
        """Write what an output depends on as a binary AIGER file.

        Parameters
        ----------
        file : Path
        output : int
        registers : mapping of int to int
            What registers will hold, by their literals; at first they are 0. All other free nodes are inputs.
        """
        needed, found = [output], set()
        while needed:
            node = needed.pop() & ~1
            if node in found or node == 0:
                continue
            found.add(node)
            needed += self.ands.get(node, ())
            if node in registers:
                needed.append(registers[node])
        held = sorted(node for node in found if node in registers)
        gates = sorted(node for node in found if node in self.ands)
        inputs = sorted(found - set(held) - set(gates))
        order = [*inputs, *held, *gates]
        place = {0: 0} | {node: 2 * index for index, node in enumerate(order, 1)}

        def literal(old: int) -> int:
            return place[old & ~1] | (old & 1)

        text = f"aig {len(order)} {len(inputs)} {len(held)} 1 {len(gates)}\n"
        text += "".join(f"{literal(registers[node])}\n" for node in held) + f"{literal(output)}\n"
        coded = bytearray(text.encode())
        for node in gates:
            low, high = sorted(map(literal, self.ands[node]))
            for difference in (place[node] - high, high - low):
                while difference > 0x7F:
                    coded.append(difference & 0x7F | 0x80)
                    difference >>= 7
                coded.append(difference)
        file.write_bytes(coded)


@dataclass(frozen=True)
class Netlist:
    """A unit as a graph.

    Members
    -------
    inputs, outputs : dict of str to int
        Literals by the names of ports.
    registers : dict of int to int
        What they will hold, by their literals.
    ands : dict of int to (int, int)
        In an order in which operands come first.
    """

    inputs: dict[str, int]
    outputs: dict[str, int]
    registers: dict[int, int]
    ands: dict[int, tuple[int, int]]

    @classmethod
    def read(cls, file: Path) -> "Netlist":
        """Read an AIGER file as text, in which ports have names."""
        lines = [line.split(maxsplit=1) for line in file.read_text().partition("\nc\n")[0].splitlines()]
        _, *counts = " ".join(lines[0]).split()
        parts, at = [], 1
        for count in map(int, counts[1:]):
            parts.append([list(map(int, " ".join(line).split())) for line in lines[at : at + count]])
            at += count
        names = {line[0]: line[1] for line in lines[at:]}
        inputs, registers, outputs, ands = parts
        return cls(
            {names[f"i{index}"]: literal for index, (literal,) in enumerate(inputs)},
            {names[f"o{index}"]: literal for index, (literal,) in enumerate(outputs)},
            {register[0]: register[1] for register in registers},
            {node: (a, b) for node, a, b in sorted(map(tuple, ands))},
        )

    def put_into(self, graph: Graph, inputs: Mapping[str, int], held: Sequence[int]) -> tuple[list[int], dict[str, int]]:
        """Make it part of a graph.

        Parameters
        ----------
        graph : Graph
        inputs : mapping of str to int
            Literals to connect the inputs to.
        held : sequence of int
            What its registers hold.

        Returns
        -------
        list of int
            What they will hold.
        dict of str to int
            The outputs.
        """
        known = {0: 0} | {self.inputs[name]: literal for name, literal in inputs.items()}
        known |= dict(zip(self.registers, held, strict=True))

        def literal(old: int) -> int:
            return known[old & ~1] ^ (old & 1)

        for node, (a, b) in self.ands.items():
            known[node] = graph.both(literal(a), literal(b))
        return list(map(literal, self.registers.values())), {name: literal(old) for name, old in self.outputs.items()}
