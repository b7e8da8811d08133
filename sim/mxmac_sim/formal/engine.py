"""How a property is proved, or refuted by a counterexample.

A property is a Verilog module, the *harness*, around a piece of the generated text. Its inputs are free at every clock, and so
are all registers at the start. Its outputs say what is meant, by the first word of their names:

=========  ==========================================================================================================
``ok``     must be 1: the claim, and the invariants that help to prove it, which if they need not hold for the claim to
           be true begin with ``ok_help``
``given``  is taken for granted: what the surroundings of the piece are bound to
``seen``   must be possible, together with all that is given: else the claim would be an empty one
``split``  has a value that tells cases apart. Each of its values is proved by itself, so all cases are
``in``, ``want``, ``got``  are shown in a counterexample: operands, what the specification says, what the hardware does
``same``   depends on no input of the cycle but the reset: a claim of :attr:`Method.INDEPENDENCE`
``blind``  while it is 1, no register depends on the input that it is named after: another one
=========  ==========================================================================================================
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from bitwuzla import Bitwuzla, Kind, Option, Options, Result, Term, TermManager

from .btor import Circuit, Unrolled
from .methods import Method

__all__ = ["INDUCTION_STEP", "Counterexample", "Verdict", "check"]

#: Stage of a proof at which a counterexample may begin in a state that never is.
INDUCTION_STEP = "step of the induction: not a run from a reset, but an invariant that is not kept"

#: Cycles after the first within which what must be possible is looked for to begin with.
_FIRST_LOOK = 15


@dataclass
class Counterexample:
    """A run of the hardware that is not as claimed.

    Members
    -------
    failed : list of str
        Outputs of the harness that are 0 and must not be.
    stage : str
        Which part of the proof it refutes.
    clocks : list of dict of str to int
        Inputs of the harness at each clock; those that do not matter are left out.
    values : dict of str to int
        What the harness shows at the last of them.
    trace : dict of str to list of int
        All wires that matter, at each clock.
    widths : dict of str to int
    """

    failed: list[str]
    stage: str
    clocks: list[dict[str, int]]
    values: dict[str, int]
    trace: dict[str, list[int]]
    widths: dict[str, int]


@dataclass
class Verdict:
    """What has become of a property: ``proved``, or a counterexample, or why it is not decided."""

    proved: bool
    seconds: float
    counterexample: Counterexample | None = None
    problem: str | None = None
    cases: int = 1


@dataclass
class _Proof:
    circuit: Circuit
    manager: TermManager = field(default_factory=TermManager)
    cases: int = 0

    def names(self, word: str) -> list[str]:
        return [name for name in self.circuit.outputs if name == word or name.startswith(f"{word}_")]

    def start(self, *, reset: bool) -> Unrolled:
        unrolled = Unrolled(self.circuit, self.manager)
        if "rst" in self.circuit.inputs and reset:
            unrolled.fix("rst", 0, 1)
        return unrolled

    def solver(self) -> Bitwuzla:
        options = Options()
        options.set(Option.PRODUCE_MODELS, True)
        return Bitwuzla(self.manager, options)

    def all_of(self, unrolled: Unrolled, word: str, clocks: range) -> list[Term]:
        return [unrolled.truth(name, clock) for clock in clocks for name in self.names(word)]

    def refute(self, unrolled: Unrolled, stage: str, facts: list[Term], claims: range) -> Counterexample | None:
        """Look for a run in which the facts hold and at one of the cycles a claim does not, one cycle after the other."""
        facts = list(facts)
        for clock in claims:
            oks = [(name, unrolled.truth(name, clock)) for name in self.names("ok")]
            for case in self.split(unrolled, clock):
                found = self._broken(unrolled, stage, clock, facts, oks, case)
                if found is not None:
                    return found
            facts += [ok for _, ok in oks]
        return None

    def _broken(
        self,
        unrolled: Unrolled,
        stage: str,
        clock: int,
        facts: Sequence[Term],
        claims: list[tuple[str, Term]],
        case: Sequence[Term] = (),
    ) -> Counterexample | None:
        """Look for a run of a case in which the facts hold and one of the claims, of which there are some, does not."""
        broken = [self.manager.mk_term(Kind.NOT, [claim]) for _, claim in claims]
        solver = self.solver()
        for fact in [*facts, broken[0] if len(broken) == 1 else self.manager.mk_term(Kind.OR, broken), *case]:
            solver.assert_formula(fact)
        self.cases += 1
        result = solver.check_sat()
        if result == Result.SAT:
            return self.explain(unrolled, solver, stage, clock, claims)
        if result != Result.UNSAT:
            raise TimeoutError("the solver gave up")
        return None

    def split(self, unrolled: Unrolled, clock: int) -> list[list[Term]]:
        names = self.names("split")
        cases: list[list[Term]] = [[]]
        for name in names:
            term = unrolled.output(name, clock)
            width = self.circuit.widths[self.circuit.outputs[name]]
            sort = self.manager.mk_bv_sort(width)
            values = [self.manager.mk_bv_value(sort, value) for value in range(1 << width)]
            cases = [[*case, self.manager.mk_term(Kind.EQUAL, [term, value])] for case in cases for value in values]
        return cases

    def independent(self, first: Unrolled, clock: int) -> Counterexample | None:
        """Look for two runs that differ in inputs of one cycle only, and then where they must not."""
        inputs = [name for name in self.circuit.inputs if name not in ("clk", "rst")]
        second = first.twin(inputs, clock)
        pairs = {name: (first.output(name, clock), second.output(name, clock)) for name in self.names("same")}
        facts = self.all_of(first, "given", range(clock + 1)) + self.all_of(second, "given", range(clock + 1))
        found = self._differ(first, clock, facts, pairs, "outputs that depend on an input of the cycle")
        for name in self.names("blind"):
            if found is not None:
                break
            blind = first.truth(name, clock)
            registers = self._reached_by(first, name, clock)
            stage = f"{name} = 1: registers that depend on it"
            found = self._differ(first, clock, [*facts, blind], registers, stage)
        return found

    def blind_to_all(self, first: Unrolled, name: str, clock: int) -> bool:
        """Whether no register ever depends on an input, so that a claim about some states says nothing."""
        facts = self.all_of(first, "given", range(clock + 1))
        return self._differ(first, clock, facts, self._reached_by(first, name, clock), name) is None

    def _reached_by(self, first: Unrolled, blind: str, clock: int) -> dict[str, tuple[Term, Term]]:
        """Return the registers after a cycle in two runs with other values of an input; equal terms are left out."""
        other = first.twin([blind.removeprefix("blind_")], clock)
        names = {node: name for name, node in self.circuit.named.items()}
        pairs = {
            names.get(node, f"register {node}"): (first.at(node, clock + 1), other.at(node, clock + 1))
            for node in self.circuit.following
        }
        return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}

    def _differ(
        self, first: Unrolled, clock: int, facts: list[Term], pairs: dict[str, tuple[Term, Term]], stage: str
    ) -> Counterexample | None:
        same = [(name, self.manager.mk_term(Kind.EQUAL, list(pair))) for name, pair in pairs.items()]
        return self._broken(first, stage, clock, facts, same) if same else None

    def explain(
        self, unrolled: Unrolled, solver: Bitwuzla, stage: str, last: int, oks: list[tuple[str, Term]]
    ) -> Counterexample:
        def value(node: int, clock: int) -> int:
            return int(solver.get_value(unrolled.at(node, clock)).value(16), 16)

        circuit = self.circuit
        wires = {name: node for name, node in {**circuit.named, **circuit.inputs}.items() if node in circuit.widths}
        shown = [name for word in ("in", "want", "got") for name in self.names(word)]
        return Counterexample(
            failed=[name for name, ok in oks if not solver.get_value(ok).value()],
            stage=stage,
            clocks=[
                {name: value(node, clock) for name, node in circuit.inputs.items() if unrolled.knows(node, clock)}
                for clock in range(last + 1)
            ],
            values={name: value(circuit.outputs[name], last) for name in shown},
            trace={
                name: [value(node, clock) for clock in range(last + 1)]
                for name, node in wires.items()
                if unrolled.knows(node, last)
            },
            widths={name: circuit.widths[node] for name, node in {**wires, **circuit.outputs}.items()},
        )

    def possible(self, unrolled: Unrolled, name: str, clocks: range) -> bool:
        """Whether there is a run in which this is seen at one of the cycles, and what is given holds until then.

        Short runs are looked at first, then ones twice as long: most do not take long, and few cycles are quick to look at.
        """
        last = min(clocks[0] + _FIRST_LOOK, clocks[-1])
        while True:
            solver = self.solver()
            seen = [unrolled.truth(name, clock) for clock in clocks if clock <= last]
            facts = self.all_of(unrolled, "given", range(last + 1))
            for fact in [*facts, seen[0] if len(seen) == 1 else self.manager.mk_term(Kind.OR, seen)]:
                solver.assert_formula(fact)
            if solver.check_sat() == Result.SAT:
                return True
            if last == clocks[-1]:
                return False
            last = min(2 * last, clocks[-1])


def check(
    circuit: Circuit,
    method: Method,
    depth: int,
    *,
    seen_within: int | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> Verdict:
    """Prove what a harness claims.

    Parameters
    ----------
    circuit : Circuit
        The harness with all that it contains, flat.
    method : Method
    depth : int
        Cycles: after which registers are forgotten; of the induction; or to which the proof is bounded.
    seen_within : int, optional
        Cycles within which what is ``seen`` must be possible after a reset, if not ``depth``.
    tell : callable
        Told what is being done.
    """
    began = time.monotonic()
    proof = _Proof(circuit)
    found = None
    if method is Method.ANY_STATE:
        tell("from any state")
        free = proof.start(reset=False)
        found = proof.refute(free, "any state", proof.all_of(free, "given", range(depth + 1)), range(depth, depth + 1))
        clocks = range(depth, depth + 1)
    elif method is Method.INDEPENDENCE:
        tell("two runs that differ in inputs")
        free, clocks = proof.start(reset=False), range(depth, depth + 1)
        found = proof.independent(free, depth)
        for name in proof.names("blind") if found is None else ():
            if proof.blind_to_all(free, name, depth):
                problem = f"the claim is empty: no register depends on {name.removeprefix('blind_')}"
                return Verdict(False, time.monotonic() - began, problem=problem, cases=proof.cases)
    else:
        clocks = range(1, depth + 1)
        tell(f"{depth} cycles from a reset")
        free = proof.start(reset=True)
        found = proof.refute(free, "after a reset", proof.all_of(free, "given", range(depth + 1)), clocks)
        if found is None and method is Method.INDUCTION:
            tell("the step of the induction")
            step = proof.start(reset=False)
            facts = proof.all_of(step, "given", range(depth + 1)) + proof.all_of(step, "ok", range(depth))
            found = proof.refute(step, INDUCTION_STEP, facts, range(depth, depth + 1))
    if found is not None:
        return Verdict(False, time.monotonic() - began, counterexample=found, cases=proof.cases)
    if method in (Method.INDUCTION, Method.BOUNDED):
        clocks = range(1, (seen_within or depth) + 1)
    tell("that the claim is not an empty one")
    for name in proof.names("seen"):
        if not proof.possible(free, name, clocks):
            return Verdict(False, time.monotonic() - began, problem=f"the claim is empty: {name} cannot be", cases=proof.cases)
    return Verdict(True, time.monotonic() - began, cases=proof.cases)
