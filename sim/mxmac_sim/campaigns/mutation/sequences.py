"""Whether two versions of a unit do the same in all sequences of inputs, from a reset on.

That two go from each state to the same outputs and the same next state is more than is needed: there are states that never are,
and differences between states that nothing ever sees. Here a proof is by induction over states that can be. ABC finds
signals that are always alike (van Eijk's method, over several cycles), and invariants (IC3, by Bradley), and proves them.
"""

import re
import time
from collections.abc import Container, Iterator, Mapping
from pathlib import Path

from mxmac.processes import failure, run_tool
from mxmac_sim.simulators.yosys import YOSYS_FOLDER

from .aiger import Graph, Netlist

__all__ = ["SequentialUnit"]

_ABC = YOSYS_FOLDER / "yosys-abc"
#: Numbers of cycles over which equal signals are searched for, one after the other.
_CLOCKS = (1, 5)
#: Proofs that are tried, of more and more registers.
_ROUNDS = 5


class SequentialUnit:
    """A unit that holds many versions, told apart by its input ``mutant``.

    After the reset, registers that it reaches have the values that it gives them. All others hold anything, but the same in
    either version. What is read from memories is anything, but the same, for which they have to be given the same. A register
    that nothing ever gives another value than a constant has that value, as synthesis assumes, too.

    Parameters
    ----------
    file : Path
        What sequence_pass.py has written.
    """

    def __init__(self, file: Path):
        self._netlist = Netlist.read(file)

    def same(self, number: int, file: Path, *, timeout: float) -> bool:
        """Whether it is proved that a version does the same as that of number 0.

        Parameters
        ----------
        number : int
        file : Path
            Where to write what is to be proved; the name ends in ``.aig``.
        timeout : float
            Seconds after which it is given up.

        Raises
        ------
        ToolError
            If ABC fails.
        """
        end = time.monotonic() + timeout
        for apart, constant in self._rounds(number):
            left = end - time.monotonic()
            if left <= 0:
                break
            compared = _Comparison(self._netlist, number, apart, constant)
            compared.graph.write(file, compared.output, compared.registers())
            if _proved(file, left):
                return True
        return False

    def _rounds(self, number: int) -> Iterator[tuple[set[int], dict[int, int]]]:
        """Yield registers that may differ, and values of constant ones, by index.

        First there are none, then those that the change is right before, then also those that these are before, and in the end
        all that may ever differ. If no others than these do, there is nothing else to look at, and invariants are about fewer
        registers.
        """
        apart: set[int] = set()
        constant: dict[int, int] = {}
        rounds: list[set[int]] = [set()]
        while True:
            compared = _Comparison(self._netlist, number, apart, constant)
            differing, always = compared.differing() - apart, compared.constant(apart | constant.keys())
            if not differing and not always:
                break
            apart |= differing
            constant |= always
            rounds += [set(apart)] if differing else []
        # All of them come last, however many rounds there are.
        for few in [*rounds[:-1][: _ROUNDS - 1], rounds[-1]]:
            yield few, constant


def _proved(file: Path, timeout: float) -> bool:
    """Whether ABC proves that the output of a circuit is always 0."""
    reduced = file.with_suffix(".reduced.aig")
    reduced.unlink(missing_ok=True)
    alike = "; ".join(f"scorr -F {clocks}" for clocks in _CLOCKS)
    script = f"read_aiger {file.name}; {alike}; write_aiger {reduced.name}; pdr -T {timeout:.0f}; print_status"
    try:
        done = run_tool("ABC", [str(_ABC), "-c", script], cwd=file.parent, timeout=timeout + 1)
    except TimeoutError:
        return False
    if not reduced.exists():
        raise failure("ABC", done)
    # No gates left, and an output that is the constant 0: what was alike was all of it.
    header, _, rest = reduced.read_bytes().partition(b"\n")
    nothing_left = header.split()[3:] == [b"0", b"1", b"0"] and rest.split(b"\n")[0] == b"0"
    return nothing_left or bool(re.search(r"^Status = 1 ", done.output, re.M))


class _Comparison:
    """Two versions beside each other, with the same inputs; ``output`` is 1 if anything differs that must not.

    Parameters
    ----------
    netlist : Netlist
    number : int
        Of the version that is compared with that of number 0.
    apart : set of int
        Indices of the registers that each of them has for itself.
    constant : mapping of int to int
        Values of registers that are constants, by index.
    """

    def __init__(self, netlist: Netlist, number: int, apart: set[int], constant: Mapping[int, int]):
        self.graph = graph = Graph()
        ports = {name: 0 if name == "clk" else graph.free() for name in netlist.inputs if not name.startswith("mutant[")}
        versions = [
            {name: version >> int(name[7:-1]) & 1 for name in netlist.inputs if name.startswith("mutant[")}
            for version in (0, number)
        ]
        # ABC has registers begin with 0: what they begin with here comes in the first cycle in the place of that.
        self._begun = begun = graph.free()
        before = [graph.free() for _ in netlist.registers]
        reset = [netlist.put_into(graph, ports | version | {"rst": 1}, before)[0] for version in versions]
        held, seen = [], []
        for index, free in enumerate(before):
            one = constant.get(index, graph.free())
            held.append((one, graph.free() if index in apart else one))
            first, other_first = (given[index] if given[index] < 2 else free for given in reset)
            if index in constant:
                seen.append(held[-1])
            else:
                seen.append((graph.choose(begun, one, first), graph.choose(begun, held[-1][1], other_first)))
        after, outputs = [], []
        for version, states in zip(versions, zip(*seen, strict=True), strict=True):
            next_states, results = netlist.put_into(graph, ports | version, states)
            after.append(next_states)
            outputs.append(results)
        self._held, self._after = held, list(zip(*after, strict=True))
        self._first = [tuple(given[index] if given[index] < 2 else None for given in reset) for index in range(len(before))]
        self.output = 0
        for name, one in outputs[0].items():
            self.output = graph.either(self.output, graph.differ(one, outputs[1][name]))
        for index, (one, other) in enumerate(self._after):
            if index not in apart:
                self.output = graph.either(self.output, graph.differ(one, other))

    def differing(self) -> set[int]:
        """Return the indices of registers that the two give different values, in a reset or else."""
        pairs = zip(self._after, self._first, strict=True)
        return {
            index for index, ((one, other), (first, other_first)) in enumerate(pairs) if one != other or first != other_first
        }

    def constant(self, known: Container[int]) -> dict[int, int]:
        """Return values of registers, other than the known ones, that both give a constant."""
        return {index: one for index, (one, other) in enumerate(self._after) if one == other < 2 and index not in known}

    def registers(self) -> dict[int, int]:
        """Return what registers will hold, by their literals."""
        pairs = {held: after for both in zip(self._held, self._after, strict=True) for held, after in zip(*both, strict=True)}
        return {held: after for held, after in pairs.items() if held > 1} | {self._begun: 1}
