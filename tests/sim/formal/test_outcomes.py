"""What the outcomes of proofs come to: refuted is wrong hardware, not decided is not."""

import pytest

from mxmac.errors import ToolError
from mxmac_sim.formal.methods import Method
from mxmac_sim.formal.properties import Property
from mxmac_sim.formal.prover import Outcome, all_hold


def outcome(kind):
    verdicts = {
        "proved": {"proved": True, "counterexample": None},
        "refuted": {"proved": False, "counterexample": {"stage": "any state"}},
        "vacuous": {"proved": False, "counterexample": None},
        "undecided": None,
    }
    claim = Property(kind, "", Method.ANY_STATE, 1, "", 1)
    return Outcome(claim, 1.0, verdicts[kind], "not decided in 1 s" if kind == "undecided" else "")


@pytest.mark.parametrize(
    ("kinds", "hold"),
    [
        (["proved", "proved"], True),
        (["proved", "refuted"], False),
        (["proved", "vacuous"], False),
        (["refuted", "undecided"], False),
        ([], True),
    ],
)
def test_a_property_that_is_refuted_or_vacuous_does_not_hold(kinds, hold):
    assert all_hold([outcome(kind) for kind in kinds]) is hold


def test_what_is_only_undecided_is_no_verdict():
    with pytest.raises(ToolError, match=r"^undecided: not decided in 1 s$"):
        all_hold([outcome("proved"), outcome("undecided")])
