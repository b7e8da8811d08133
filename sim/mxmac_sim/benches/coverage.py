"""Functional coverage of the soak: what meets what, which meetings cannot be, and which have been seen.

Every bin is one of a cross of cocotb-coverage. What no stimulus can reach is taken out by the rules of ``EXCLUSIONS``, and by
nothing else.
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from cocotb_coverage.coverage import CoverageDB, CoverCross, CoverPoint, coverage_section

from mxmac.accumulator import accumulator_plan
from mxmac.config import MacConfig
from mxmac.formats import Format
from mxmac_sim.stimulus.batches import CLASSES, REGIONS, element_classes

__all__ = ["BEFORE", "BLOCKS", "COMPARED", "CROSSES", "EXCLUSIONS", "RESULTS", "Coverage", "Exclusion", "reachable"]

#: How the two sides of the unit pause; the receiver may also wait for a result before it is ready.
IDLE = ("none", "rare", "bursts", "long")
STALL = (*IDLE, "until offered")
#: What a dot product would give if it ended before a block. "Lost" says that bits are gone.
BEFORE = (
    "nothing", "zero", "zero, lost", "subnormal", "normal", "normal, lost", "overflow", "infinite", "NaN", "invalid",
)  # fmt: skip
#: What the block is next to that, if it is a finite number: more than 2^24 times smaller or larger, or neither; of the same
#: sign or the other. Alone is what comes where no finite number is.
BLOCKS = (
    "zero", "alone", "far below, same", "far below, other", "near, same", "near, other", "far above, same", "far above, other",
    "infinite", "NaN", "invalid",
)  # fmt: skip
RESULTS = ("zero", "subnormal", "normal", "overflow", "infinite", "NaN", "invalid")
#: Addends, and where one lies next to the sum of the blocks, if both are finite numbers other than zero.
ADDENDS = ("zero", "subnormal", "normal", "infinite", "NaN", "signalling NaN")
PLACES = (
    "far below, same", "far below, other", "near, same", "near, other", "far above, same", "far above, other", "opposite",
)  # fmt: skip

_Bin = tuple[str, ...]
#: States with a finite number other than zero, to which a block can be compared.
COMPARED = ("subnormal", "normal", "normal, lost")


def pairings(config: MacConfig) -> dict[str, tuple[Format, Format]]:
    """Return the pairings of formats of a unit, by name."""
    return {f"{a.name}×{b.name}": (a, b) for a in config.a for b in config.b}


#: For each cross, its points: name and bins of each, the bins for a configuration. Those of addends are of units that have any.
CROSSES: dict[str, dict[str, Callable[[MacConfig], Sequence[str]]]] = {
    "elements": {"pairing": lambda c: list(pairings(c)), "a": lambda _: CLASSES, "b": lambda _: CLASSES},
    "scales": {"pairing": lambda c: list(pairings(c)), "a": lambda _: list(REGIONS), "b": lambda _: list(REGIONS)},
    "accumulator": {"before": lambda _: BEFORE, "block": lambda _: BLOCKS},
    "addends": {"addend": lambda _: ADDENDS, "blocks": lambda _: RESULTS},
    "places": {"addend": lambda _: PLACES, "blocks": lambda _: ("subnormal", "normal")},
    "pauses": {"idle": lambda _: IDLE, "stall": lambda _: STALL, "result": lambda _: RESULTS},
    "ends": {"beat": lambda _: ("first", "inside", "last"), "blocks": lambda _: ("1", "2", "3 or more")},
    "waits": {"result waited": lambda _: ("no", "short", "long"), "input refused": lambda _: ("no", "yes")},
    "resets": {
        "place": lambda _: ("between dots", "between blocks", "in a block"),
        "under way": lambda _: ("none", "some"),
        "result waits": lambda _: ("no", "yes"),
        "input refused": lambda _: ("no", "yes"),
    },
}


#: Crosses of units with addends.
_OF_ADDENDS = ("addends", "places")


@dataclass(frozen=True)
class Exclusion:
    """A rule that says which bins cannot be reached.

    Members
    -------
    cross : str
    reason : str
    applies : callable
        Told the configuration and a bin.
    """

    cross: str
    reason: str
    applies: Callable[[MacConfig, _Bin], bool]


def _lacks_class(config: MacConfig, found: _Bin) -> bool:
    formats = pairings(config)[found[0]]
    return any(name not in element_classes(fmt) for fmt, name in zip(formats, found[1:], strict=True))


def _needs_infinity(config: MacConfig, found: _Bin) -> bool:
    return not any(fmt.has_inf for fmt in (*config.a, *config.b)) and not {"infinite", "invalid"}.isdisjoint(found)


def _needs_infinite_element(config: MacConfig, found: _Bin) -> bool:
    return not any(fmt.has_inf for fmt in (*config.a, *config.b)) and not {"infinite", "invalid"}.isdisjoint(found[1:])


def _may_lag(config: MacConfig) -> bool:
    """Whether blocks wait, and whole ones can come faster than they, or short dot products before them, are added up."""
    plan = accumulator_plan(config)
    return plan.queue > 0 and max(plan.block_interval, plan.dot_interval) > config.beats


EXCLUSIONS = (
    Exclusion("elements", "the format has no codes of this class", _lacks_class),
    Exclusion("accumulator", "only infinities give infinities and invalid operations", _needs_infinity),
    Exclusion(
        "pauses",
        "only infinities give infinities and invalid operations",
        lambda config, found: config.addend is None and _needs_infinity(config, found),
    ),
    Exclusion("addends", "only infinities give infinities and invalid operations", _needs_infinite_element),
    Exclusion(
        "places",
        "no addend is far below the subnormals of results with as wide an exponent",
        lambda config, found: (
            config.addend is not None
            and config.output.exp_bits == config.addend.exp_bits
            and found[0].startswith("far below")
            and found[1] == "subnormal"
        ),
    ),
    Exclusion(
        "accumulator",
        "there is no finite number to compare the block with",
        lambda _, found: found[0] not in COMPARED and ("same" in found[1] or "other" in found[1]),
    ),
    Exclusion(
        "accumulator",
        "next to a finite number the block is not alone",
        lambda _, found: found[0] in COMPARED and found[1] == "alone",
    ),
    Exclusion("ends", "a block of one beat has its last only", lambda config, found: config.beats == 1 and found[0] != "last"),
    Exclusion(
        "ends", "a block of two beats has nothing inside", lambda config, found: config.beats == 2 and found[0] == "inside"
    ),
    Exclusion(
        "resets", "a block of one beat has no middle", lambda config, found: config.beats == 1 and found[0] == "in a block"
    ),
    Exclusion("resets", "a result that waits is under way", lambda _, found: found[1:3] == ("none", "yes")),
    Exclusion(
        "resets",
        "there is room for a whole block and its result before its first beat is taken",
        lambda _, found: found[0] == "in a block" and found[3] == "yes",
    ),
    Exclusion(
        "resets",
        "between blocks only room for blocks can lack, and only where they come faster than they are added up",
        lambda config, found: (
            found[0] == "between blocks" and found[3] == "yes" and (not _may_lag(config) or found[1] == "none")
        ),
    ),
)


def reachable(config: MacConfig) -> dict[str, list[_Bin]]:
    """Return the bins of each cross that some stimulus can reach."""
    found = {}
    for cross, points in CROSSES.items():
        if cross in _OF_ADDENDS and config.addend is None:
            continue
        rules = [rule for rule in EXCLUSIONS if rule.cross == cross]
        bins = itertools.product(*(make(config) for make in points.values()))
        found[cross] = [each for each in bins if not any(rule.applies(config, each) for rule in rules)]
    return found


class Coverage:
    """Remembers what has been seen; one for a process, as the database of cocotb-coverage is.

    Parameters
    ----------
    config : MacConfig
    """

    def __init__(self, config: MacConfig):
        CoverageDB().clear()
        self._samplers = {name: self._sampler(config, name, bins) for name, bins in reachable(config).items()}
        self._seen: set[tuple[str, ...]] = set()

    @staticmethod
    def _sampler(config: MacConfig, cross: str, bins: list[_Bin]) -> Callable[..., None]:
        points = CROSSES[cross]
        names = [f"soak.{cross}.{point}" for point in points]
        items = [
            CoverPoint(name, xf=lambda *values, place=place: values[place], bins=list(make(config)))
            for place, (name, make) in enumerate(zip(names, points.values(), strict=True))
        ]
        kept = set(bins)
        ignored = [each for each in itertools.product(*(make(config) for make in points.values())) if each not in kept]
        items.append(CoverCross(f"soak.{cross}.cross", items=names, ign_bins=ignored))

        @coverage_section(*items)
        def sample(*_values: str) -> None:
            """Have the decorators take what is given."""

        return sample

    def sample(self, cross: str, *found: str):
        """Note a bin of a cross. The package goes through all bins of a cross for that, so it gets each once."""
        if (cross, *found) not in self._seen:
            self._seen.add((cross, *found))
            self._samplers[cross](*found)

    def missing(self, cross: str) -> list[_Bin]:
        """Return the reachable bins of a cross that have not been seen."""
        hits = CoverageDB()[f"soak.{cross}.cross"].detailed_coverage
        return [found for found, count in hits.items() if not count]

    def unforeseen(self) -> list[tuple[str, ...]]:
        """Return what has been seen and is said to be out of reach, with the name of the cross first."""
        known = {(cross, *found) for cross in self._samplers for found in CoverageDB()[f"soak.{cross}.cross"].detailed_coverage}
        return sorted(self._seen - known)

    def as_dict(self) -> dict[str, dict[str, Any]]:
        """Return the number of reachable bins of each cross, and those that are missing."""
        return {
            cross: {
                "reachable": CoverageDB()[f"soak.{cross}.cross"].size,
                "holes": [" / ".join(found) for found in self.missing(cross)],
            }
            for cross in self._samplers
        }
