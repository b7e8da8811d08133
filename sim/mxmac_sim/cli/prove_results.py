"""What ``mxmac prove`` has found, for JUnit."""

from collections.abc import Sequence

from ..formal.console import counterexample
from ..formal.prover import Outcome
from .junit import Case, Suite

__all__ = ["suite"]


def suite(outcomes: Sequence[Outcome]) -> Suite:
    """Return properties as a test suite: one that is refuted is a failure, one that is not decided an error."""
    return Suite("properties", [_case(outcome) for outcome in outcomes])


def _case(outcome: Outcome) -> Case:
    name = f"{outcome.claim.name}: {outcome.claim.claim}"
    if outcome.proved:
        return Case(name, outcome.seconds)
    if outcome.verdict is None:
        return Case(name, outcome.seconds, "error", outcome.problem)
    found = counterexample(outcome)
    if found is None:
        return Case(name, outcome.seconds, "failure", outcome.problem)
    lines = [f"at cycle {found['cycle']}, {found['stage']}"]
    for title in ("operands", "expected", "hardware"):
        lines += [f"{title}: {key} = {value}" for key, value in found[title].items()]
    if outcome.waves is not None:
        lines.append(f"waveform: {outcome.waves}")
    return Case(name, outcome.seconds, "failure", f"refuted: {', '.join(found['failed'])}", "\n".join(lines))
