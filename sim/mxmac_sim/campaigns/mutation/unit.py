"""Hardware with one thing wrong, many times over, to see whether the vectors and the proofs tell.

Yosys changes one bit at one port of an operator or register at a time: stuck at 0 or 1, inverted, or inverted by another bit.
Many mutants are in one simulation, told apart by a number, so that they are compiled once.
"""

import re
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from mxmac.config import MacConfig
from mxmac.errors import HardwareError, ToolError, UserError
from mxmac.processes import run_tool
from mxmac.verilog import generate
from mxmac.verilog.emit import tidied

from ...formal.engine import INDUCTION_STEP
from ...formal.properties import TOP, specified_by, unit_properties
from ...formal.prover import Prover
from ...simulators.bulk import BulkUnit
from ..vectors import Vectors, clocks_of, first_mismatch, make_vectors, with_reset_at_work
from .sequences import SequentialUnit

__all__ = ["Mutant", "MutatedUnit"]

_MUTATE, _EQUIVALENCE, _SEQUENCE = (
    Path(__file__).with_name(f"{name}_pass.py").resolve() for name in ("mutate", "equivalence", "sequence")
)
_SELECTOR_BITS = 16


@dataclass(frozen=True)
class Mutant:
    """One change of the hardware.

    Members
    -------
    number : int
        From 1 up; selects it.
    mode : str
        What happens to the bit: const0, const1, inv, cnot0 or cnot1.
    module : str
        Path of the instance that it is in.
    line : int
        Of the generated text.
    place : str
        Signal, bit and port of the cell.
    command : str
        Yosys' command for it.
    """

    number: int
    mode: str
    module: str
    line: int
    place: str
    command: str

    @classmethod
    def parse(cls, command: str) -> "Mutant":
        """Read a line of Yosys' list."""
        options = dict(re.findall(r"-(mode|cell|port|portbit|wire|wirebit) (\S+)", command))
        number = re.search(r"-ctrl mutant \d+ (\d+)", command)
        lines = re.findall(r"\.v:(\d+)", command)
        cell = options["cell"].removeprefix("$flatten")
        path = re.match(r"(?:\\\w+\.)+", cell)
        module = path[0].replace("\\", "").rstrip(".") if path else ""
        if "wire" in options:
            signal = f"{options['wire'].removeprefix(f'{module}.')}[{options['wirebit']}]"
        else:
            signal = f"{cell[len(path[0]) if path else 0 :]}[{options['portbit']}]"
        place = f"{signal}, {options['port']}"
        return cls(int(number[1]) if number else 0, options["mode"], module, int(lines[-1]) if lines else 0, place, command)

    def __str__(self) -> str:
        """Say what is wrong, and where."""
        return f"{self.module}: {self.mode} of {self.place} (line {self.line})"


class MutatedUnit:
    """A unit with many mutants.

    Parameters
    ----------
    config : MacConfig
    folder : Path
        Where to work; it is made if it does not exist.
    count : int
        Mutants.
    seed : int
        Of their choice.

    Raises
    ------
    ToolError
        If a tool is missing or fails.
    """

    def __init__(self, config: MacConfig, folder: Path, *, count: int, seed: int):
        folder.mkdir(parents=True, exist_ok=True)
        self._config, self._folder = config, folder.resolve()
        self._design = generate(config, TOP)
        (folder / "text.v").write_text(self._design.text)
        self._yosys(_MUTATE, "text.v", TOP, "mutants.v", "mutations.txt", str(count), str(seed))
        inner = replace(self._design, manifest={**self._design.manifest, "top": "mutants"})
        top = with_reset_at_work(inner, selector=_SELECTOR_BITS)
        self._unit = BulkUnit(config, folder, text=f"{top}\n{(folder / 'mutants.v').read_text()}")
        self._vectors: list[tuple[Vectors, list[int]]] = []

    @cached_property
    def mutants(self) -> list[Mutant]:
        """All that are in it."""
        return [Mutant.parse(line) for line in (self._folder / "mutations.txt").read_text().splitlines()]

    def use_vectors(self, *, randoms: int, seed: int):
        """Use other vectors from now on: the directed ones, and ``randoms`` random ones of each kind.

        Raises
        ------
        HardwareError
            If the unit does not pass them itself.
        """
        vectors = make_vectors(self._config, randoms=randoms, seed=seed)
        clocks = clocks_of(self._unit, vectors)
        if mismatch := first_mismatch(self._unit, vectors, clocks):
            raise HardwareError(f"The unit is not golden even without a mutation: {mismatch}")
        self._vectors = [(vectors, clocks)]

    def killed_by_vectors(self, mutant: Mutant) -> str | None:
        """Return in words what tells a mutant from the unit, or None if it passes."""
        for vectors, clocks in self._vectors:
            if found := first_mismatch(self._unit, vectors, clocks, plusargs=[f"mutant={mutant.number}"]):
                return found
        return None

    def survivors(
        self, mutants: Sequence[Mutant], kill: Callable[[Mutant], str | None], jobs: int, told: Callable[[], None]
    ) -> list[Mutant]:
        """Return those that are not killed, ``jobs`` at a time; ``told`` is called after each."""
        left = []
        with ThreadPoolExecutor(jobs) as pool:
            for mutant, cause in zip(mutants, pool.map(kill, mutants), strict=True):
                told()
                if not cause:
                    left.append(mutant)
        return left

    def same_step(self, mutant: Mutant) -> bool:
        """Whether SAT proves that a mutant does the same as the unit, from every state and for every input."""
        return bool(self._yosys(_EQUIVALENCE, "mutants.v", str(mutant.number)))

    @cached_property
    def _sequences(self) -> SequentialUnit:
        self._yosys(_SEQUENCE, "mutants.v", "mutants.aag")
        return SequentialUnit(self._folder / "mutants.aag")

    def prepare_sequences(self):
        """Make what :meth:`same_sequences` needs, once, before several threads call it."""
        _ = self._sequences

    def same_sequences(self, mutant: Mutant, *, timeout: float) -> bool:
        """Whether induction proves that a mutant does the same as the unit in all that can come after a reset.

        In the ``timeout``, in seconds, invariants are looked for.
        """
        return self._sequences.same(mutant.number, self._folder / f"mutant{mutant.number}.aig", timeout=timeout)

    def proof(self, mutant: Mutant, *, timeout: float) -> bool | None:
        """Check a mutant against the specification of the innermost module around it that has one.

        Return whether it satisfies that, or None if there is none.

        None, too, if it is not decided in ``timeout`` seconds, or if all that is refuted is an invariant that helps the proof:
        what comes out may be right for all that.
        """
        around = [re.sub(r"\d+$", "", module) for module in reversed(mutant.module.split("."))]
        specified = specified_by(self._config)
        name = next((specified[module] for module in around if module in specified), None)
        if name is None:
            return None
        folder = self._folder / f"mutant{mutant.number}"
        folder.mkdir(exist_ok=True)
        try:
            self._yosys(_MUTATE, "text.v", TOP, f"{folder.name}/text.v", mutant.command)
        except ToolError:
            return None
        makers = unit_properties(self._config, [name], tidied((folder / "text.v").read_text(), TOP))
        try:
            (outcome,) = Prover(folder, jobs=1, timeout=timeout).run(makers, lambda *_: None)
        except UserError:
            # The change is to something that the property has to find in the text.
            return None
        if outcome.proved:
            return True
        found = outcome.counterexample
        told = found and found["stage"] != INDUCTION_STEP and any(not name.startswith("ok_help_") for name in found["failed"])
        return False if told else None

    def _yosys(self, program: Path, *arguments: str) -> str:
        command = [sys.executable, "-P", str(program), *arguments]
        return run_tool("Yosys", command, cwd=self._folder).output
