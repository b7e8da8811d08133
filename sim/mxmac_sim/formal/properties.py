"""What is claimed of a unit, part by part."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

from mxmac.accumulator import Kind, accumulator_plan
from mxmac.config import Bus, MacConfig, Storage, Target
from mxmac.errors import UserError
from mxmac.formats import ELEMENT_FORMATS
from mxmac.mac import unit_plan
from mxmac.stages.beat_sum import beat_chains, beat_terms
from mxmac.stages.lane_chain import ChainPlan
from mxmac.verilog import generate

from .harness import module_of
from .methods import Method
from .specs.chain import chain_harness
from .specs.compressors import compressors_harness
from .specs.exact_words import exact_words_harness
from .specs.multiplier import multiplier_harness, partial_product_harness
from .specs.queue import queue_harness
from .specs.rounder import rounder_harness
from .specs.scale_applier import scale_applier_harness
from .specs.streams import (
    answers_harness,
    credits_harness,
    held_harness,
    no_wait_harness,
    release_clocks,
    reset_harness,
)
from .specs.sums import block_adder_harness, scale_sum_harness, tree_harness
from .specs.window_sum import window_accumulator_harness
from .specs.word_visits import word_visits_harness

__all__ = ["TOP", "Property", "all_pairings", "specified_by", "unit_properties", "unit_text"]

#: Name of the unit's top module.
TOP = "unit"


@dataclass(frozen=True)
class Property:
    """Something that is claimed of the hardware, and how it is to be proved.

    Members
    -------
    name : str
    claim : str
        In a few words.
    method : Method
    depth : int
        Cycles; see :class:`~mxmac_sim.formal.methods.Method`.
    text : str
        Verilog: the generated text, and a harness around the part of it that the claim is about.
    seen_within : int
        Cycles after a reset within which what the harness wants to see must be possible.
    """

    name: str
    claim: str
    method: Method
    depth: int
    text: str
    seen_within: int


#: What a result waits for, and must not, by the names of a bus.
_VALID = {Bus.PLAIN: "out_valid for out_ready", Bus.AXIS: "TVALID for TREADY"}

#: Makes one property of a configuration and its text.
_Maker = Callable[[MacConfig, str, str], Property]


def _multiplier(config: MacConfig, text: str, name: str) -> Property:
    harness, clocks = multiplier_harness(config, text)
    (a,), (b,) = config.a, config.b
    claim = f"decoders and multiplier, {a.name} × {b.name}: every pair of codes"
    return Property(name, claim, Method.ANY_STATE, clocks, text + harness, clocks)


def _partial_product(config: MacConfig, text: str, name: str) -> Property:
    harness, clocks = partial_product_harness(config, text)
    (a,), (b,) = config.a, config.b
    claim = f"partial products, {a.name} × {b.name}: every pair of codes"
    return Property(name, claim, Method.ANY_STATE, clocks, text + harness, clocks)


def _chain(index: int, plan: ChainPlan) -> _Maker:
    def make(config: MacConfig, text: str, name: str) -> Property:
        looked, harness, clocks = chain_harness(config, text, plan, index)
        claim = f"chain of {plan.lanes} lanes{'' if plan.carry else ' without a carry'}: sum of any products"
        return Property(name, claim, Method.ANY_STATE, clocks, looked + harness, clocks)

    return make


def _lanes(config: MacConfig) -> dict[str, _Maker]:
    """The properties of lanes and tree."""
    chains = beat_chains(config)
    makers: dict[str, _Maker] = {}
    if not chains or any(plan.carry for plan in chains):
        makers["multiplier"] = _multiplier
    if chains:
        makers["partial_product"] = _partial_product
        # Equal chains share a module, named after the first.
        makers |= {f"chain{chains.index(plan)}": _chain(chains.index(plan), plan) for plan in dict.fromkeys(chains)}
    if len(beat_terms(config)) > 1:
        makers["tree"] = _tree
    return makers


def _scales(config: MacConfig, text: str, name: str) -> Property:
    harness, clocks = scale_sum_harness(config, text)
    return Property(name, "sum of two scales, NaN", Method.ANY_STATE, clocks, text + harness, clocks)


def _tree(config: MacConfig, text: str, name: str) -> Property:
    harness, clocks = (compressors_harness if config.target is Target.ASIC else tree_harness)(config, text)
    return Property(name, f"sum of {config.lanes} products, any", Method.ANY_STATE, clocks, text + harness, clocks)


def _block(config: MacConfig, text: str, name: str) -> Property:
    harness, depth = block_adder_harness(config, text)
    return Property(name, "sum of a block's beats, any", Method.INDUCTION, depth, text + harness, config.beats + 2)


def _scale_applier(config: MacConfig, text: str, name: str) -> Property:
    harness, depth = scale_applier_harness(config, text)
    return Property(name, "any block, any scale: its place in the window", Method.INDUCTION, depth, text + harness, depth + 4)


def _window(config: MacConfig, text: str, name: str) -> Property:
    harness, depth = window_accumulator_harness(config, text)
    return Property(name, "sum of blocks in the window, limits, flags", Method.INDUCTION, depth, text + harness, depth + 1)


def _exact_words(config: MacConfig, text: str, name: str) -> Property:
    looked, harness, depth = exact_words_harness(config, text)
    return Property(name, "exact: words are the sum of all terms, always", Method.INDUCTION, depth, looked + harness, 30)


def _word_visits(config: MacConfig, text: str, name: str) -> Property:
    harness, depth = word_visits_harness(config, text)
    return Property(name, "exact: each term goes to its words in order", Method.INDUCTION, depth, text + harness, 30)


def _rounder(config: MacConfig, text: str, name: str) -> Property:
    keywords = accumulator_plan(config).stages["rounder"].keywords
    parameters = {name: keywords[name] for name in ("width", "exp_bits", "exp_min", "clocks")}
    harness, clocks = rounder_harness(text, module_of(text, "datapath_rounder"), config.output, **parameters)
    return Property(name, f"rounding to {config.output.name}, flags: any sum", Method.ANY_STATE, clocks, text + harness, clocks)


def _queue(module: str, what: str) -> _Maker:
    def make(config: MacConfig, text: str, name: str) -> Property:
        looked, harness, depth = queue_harness(text, module_of(text, module))
        return Property(name, f"queue of {what}: in order, none lost", Method.INDUCTION, depth, looked + harness, 80)

    return make


def _held(config: MacConfig, text: str, name: str) -> Property:
    harness, clocks = held_harness(config, text, TOP)
    return Property(name, "ports: a result is held until it is taken", Method.ANY_STATE, clocks, text + harness, clocks)


def _no_wait(config: MacConfig, text: str, name: str) -> Property:
    harness, clocks = no_wait_harness(config, text, TOP)
    claim = f"ports: no output waits for an input of its cycle, nor {_VALID[config.bus]} at all"
    return Property(name, claim, Method.INDEPENDENCE, clocks, text + harness, clocks)


def _places(config: MacConfig, text: str, name: str) -> Property:
    harness, depth = credits_harness(config, text, TOP)
    within = 4 * config.beats + 4 + release_clocks(config)
    return Property(name, "ports: no more taken in than there is room", Method.INDUCTION, depth, text + harness, within)


def _answers(config: MacConfig, text: str, name: str) -> Property:
    unit = unit_plan(config)
    fixed = unit.latency == unit.latency_min
    harness, depth = answers_harness(config, text, TOP, fixed=fixed, within=_first_answer(config))
    method = Method.INDUCTION if fixed else Method.BOUNDED
    within = depth + release_clocks(config)
    return Property(name, "ports: one result for each in_last, in time", method, depth, text + harness, within)


def _reset(config: MacConfig, text: str, name: str) -> Property:
    harness, depth = reset_harness(config, text, TOP, within=_first_answer(config))
    return Property(name, "ports: after a reset, no trace of what was before", Method.BOUNDED, depth, text + harness, depth)


def _exact_makers(config: MacConfig) -> dict[str, _Maker]:
    words: dict[str, _Maker] = {"exact_words": _exact_words} if config.storage is Storage.LUTRAM else {}
    return {**words, "rounder": _rounder}


@dataclass(frozen=True)
class _Proofs:
    """What is proved of one kind of accumulator.

    Members
    -------
    stages : callable
        Properties of its stages, by name.
    by_module : mapping of str to str
        Names of properties that specify a module of the unit completely, by the module's name.
    depends : bool
        Whether the latency depends on the numbers: proofs of the whole unit then end with the least latency, and two units
        at a time are too much for them.
    """

    stages: Callable[[MacConfig], dict[str, _Maker]] = lambda _: {}
    by_module: Mapping[str, str] = field(default_factory=dict)
    depends: bool = False


#: What is proved of each kind of accumulator.
_ACCUMULATORS: Mapping[Kind, _Proofs] = {
    Kind.PARALLEL_EXACT: _Proofs(_exact_makers, depends=True),
    Kind.CHUNKED_EXACT: _Proofs(lambda _: {"word_visits": _word_visits, "rounder": _rounder}, depends=True),
    Kind.SERIAL_EXACT: _Proofs(depends=True),
    Kind.PARALLEL_WINDOW: _Proofs(
        lambda _: {"scale_applier": _scale_applier, "window": _window, "rounder": _rounder}, {"accumulator": "window"}
    ),
    Kind.SERIAL_WINDOW: _Proofs(),
    Kind.FP32: _Proofs(),
}
#: Properties that specify a module completely, by the module's name.
_BY_MODULE = {
    "multiplier": "multiplier",
    "scale_sum": "scales",
    "tree": "tree",
    "block_adder": "block",
    "scale_applier": "scale_applier",
    "rounder": "rounder",
}


def _proofs(config: MacConfig) -> _Proofs:
    return _ACCUMULATORS[accumulator_plan(config).kind]


def specified_by(config: MacConfig) -> dict[str, str]:
    """Return the properties of a unit that specify a module completely, by the name of the module's instance."""
    names = _makers(config)
    return {module: name for module, name in {**_BY_MODULE, **_proofs(config).by_module}.items() if name in names}


def _first_answer(config: MacConfig) -> int:
    """Return the cycles after a reset in which there can be an answer, and some more."""
    unit = unit_plan(config)
    return (unit.latency_min if _proofs(config).depends else unit.latency) + 6 + release_clocks(config)


def _makers(config: MacConfig) -> dict[str, _Maker]:
    """The properties that a configuration has, by name."""
    makers: dict[str, _Maker] = {**_lanes(config), "scales": _scales, "block": _block}
    makers |= _proofs(config).stages(config)
    if accumulator_plan(config).queue:
        makers["block_queue"] = _queue("accumulator_queue", "blocks")
    if config.addend is not None:
        makers["addend_queue"] = _queue("accumulator_addends", "addends")
    makers["result_queue"] = _queue("mac_results", "results")
    makers |= {"held": _held, "no_wait": _no_wait, "places": _places, "answers": _answers}
    if not _proofs(config).depends:
        makers["reset"] = _reset
    return makers


def unit_properties(
    config: MacConfig, names: list[str] | None = None, text: str | None = None
) -> Mapping[str, Callable[[], Property]]:
    """Return what is claimed of a unit, by name: functions that make the properties.

    Parameters
    ----------
    config : MacConfig
    names : list of str, optional
        Of properties to leave the others out.
    text : str, optional
        Verilog to prove them of, in the place of the one that is generated, with a top module called ``TOP``.

    Raises
    ------
    UserError
        If a name is none of this unit's, or if formats are chosen at run time.
    """
    for side, formats in (("a", config.a), ("b", config.b)):
        if len(formats) > 1:
            raise UserError(side, "Proofs are of units with one format a side; give one")
    makers = _makers(config)
    for name in names or []:
        if name not in makers:
            raise UserError("property", f"There is no property {name!r} of this unit; choose among {', '.join(makers)}")
    verilog = generate(config, TOP).text if text is None else text

    def maker(name: str) -> Callable[[], Property]:
        def make() -> Property:
            try:
                return makers[name](config, verilog, name)
            except ValueError as error:
                if text is None:
                    raise
                raise UserError("verilog", f"This is not what these options make: {error}") from error

        return make

    return {name: maker(name) for name in makers if not names or name in names}


def all_pairings(like: MacConfig) -> Iterator[tuple[str, Callable[[], Property]]]:
    """Yield the multiplier of every pairing of formats, of the smallest unit that has it, else like that of another unit."""
    for a, b in product(ELEMENT_FORMATS.values(), repeat=2):
        name = f"multiplier-{a.name}-{b.name}"

        def make(a=a, b=b, name=name) -> Property:
            config = MacConfig(
                a=[a], b=[b], block=1, lanes=1, target=like.target, multiplier=like.multiplier, pipeline=like.pipeline
            )
            return _multiplier(config, generate(config, TOP).text, name)

        yield name, make


def unit_text(file: Path) -> str:
    """Return the text of a Verilog file, with its top module called ``TOP``.

    Raises
    ------
    UserError
        If the file cannot be read, or is none that ``mxmac generate`` has written.
    """
    try:
        text = file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            "verilog", f"{str(file)!r} cannot be read: {getattr(error, 'strerror', None) or 'it is no text'}"
        ) from error
    top = re.search(r"^module (\w+) \(", text, re.M)
    if top is None or f"module {top[1]}__mac (" not in text:
        raise UserError("verilog", f"{file.name!r} is no unit that mxmac generate has written")
    return re.sub(rf"\b{top[1]}(?=__mac|\b)", TOP, text)
