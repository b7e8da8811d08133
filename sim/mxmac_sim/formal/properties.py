"""What is claimed of a unit, part by part."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from mxmac.config import Accumulator, MacConfig, Storage
from mxmac.errors import UserError
from mxmac.formats import ELEMENT_FORMATS
from mxmac.mac.datapath import total_of
from mxmac.stages.rounder import rounder_clocks
from mxmac.verilog import generate

from .harness import module_of
from .methods import Method
from .specs.exact_words import exact_words_harness
from .specs.multiplier import multiplier_harness
from .specs.queue import queue_harness
from .specs.rounder import rounder_harness
from .specs.scale_applier import scale_applier_harness
from .specs.streams import answers_harness, credits_harness, held_harness, reset_harness
from .specs.sums import block_adder_harness, scale_sum_harness, tree_harness
from .specs.window_sum import window_accumulator_harness

__all__ = ["TOP", "Property", "all_pairings", "unit_properties", "unit_text"]

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
        Clocks; see :class:`~mxmac_sim.formal.methods.Method`.
    text : str
        Verilog: the generated text, and a harness around the part of it that the claim is about.
    seen_within : int
        Clocks after a reset within which what the harness wants to see must be possible.
    """

    name: str
    claim: str
    method: Method
    depth: int
    text: str
    seen_within: int


#: Makes one property of a configuration and its text.
_Maker = Callable[[MacConfig, str, str], Property]


def _multiplier(config: MacConfig, text: str, name: str) -> Property:
    harness, clocks = multiplier_harness(config, text)
    (a,), (b,) = config.a, config.b
    claim = f"decoders and multiplier, {a.name} × {b.name}: every pair of codes"
    return Property(name, claim, Method.ANY_STATE, clocks, text + harness, clocks)


def _scales(config: MacConfig, text: str, name: str) -> Property:
    harness, clocks = scale_sum_harness(config, text)
    return Property(name, "sum of two scales, NaN", Method.ANY_STATE, clocks, text + harness, clocks)


def _tree(config: MacConfig, text: str, name: str) -> Property:
    harness, clocks = tree_harness(config, text)
    return Property(name, f"sum of {config.lanes} products, any", Method.ANY_STATE, clocks, text + harness, clocks)


def _block(config: MacConfig, text: str, name: str) -> Property:
    harness, depth = block_adder_harness(config, text)
    return Property(name, "sum of a block's beats, any", Method.INDUCTION, depth, text + harness, config.beats + 2)


def _scale_applier(config: MacConfig, text: str, name: str) -> Property:
    harness, depth = scale_applier_harness(config, text)
    return Property(name, "any block, any scale: its place in the window", Method.INDUCTION, depth, text + harness, depth + 4)


def _window(config: MacConfig, text: str, name: str) -> Property:
    harness, depth = window_accumulator_harness(config, text)
    return Property(name, "sum of blocks in the window, limits, flags", Method.INDUCTION, depth, text + harness, 6)


def _exact_words(config: MacConfig, text: str, name: str) -> Property:
    looked, harness, depth = exact_words_harness(config, text)
    return Property(name, "exact: words are the sum of all blocks, always", Method.INDUCTION, depth, looked + harness, 30)


def _rounder(config: MacConfig, text: str, name: str) -> Property:
    total, exp_min = total_of(config)
    width, exp_bits = total["value"].width, total["exp"].width
    harness, clocks = rounder_harness(
        text,
        module_of(text, "datapath_rounder"),
        config.output,
        width=width,
        exp_bits=exp_bits,
        exp_min=exp_min,
        clocks=rounder_clocks(config.output, width=width, exp_min=exp_min, levels_per_clock=config.round_levels),
    )
    return Property(name, f"rounding to {config.output.name}, flags: any sum", Method.ANY_STATE, clocks, text + harness, clocks)


def _queue(module: str, what: str) -> _Maker:
    def make(config: MacConfig, text: str, name: str) -> Property:
        looked, harness, depth = queue_harness(text, module_of(text, module))
        return Property(name, f"queue of {what}: in order, none lost", Method.INDUCTION, depth, looked + harness, 80)

    return make


def _held(config: MacConfig, text: str, name: str) -> Property:
    harness, clocks = held_harness(config, text, TOP)
    return Property(name, "ports: a result is held until it is taken", Method.ANY_STATE, clocks, text + harness, clocks)


def _places(config: MacConfig, text: str, name: str) -> Property:
    harness, depth = credits_harness(config, text, TOP)
    within = 4 * config.beats + 4
    return Property(name, "ports: no more taken in than there is room", Method.INDUCTION, depth, text + harness, within)


def _answers(config: MacConfig, text: str, name: str) -> Property:
    fixed = config.accumulator is Accumulator.WINDOW and not config.chunk_bits
    harness, depth = answers_harness(config, text, TOP, fixed=fixed)
    method = Method.INDUCTION if fixed else Method.BOUNDED
    return Property(name, "ports: one result for each in_last, in time", method, depth, text + harness, depth)


def _reset(config: MacConfig, text: str, name: str) -> Property:
    harness, depth = reset_harness(config, text, TOP)
    return Property(name, "ports: after a reset, no trace of what was before", Method.BOUNDED, depth, text + harness, depth)


def _makers(config: MacConfig) -> dict[str, _Maker]:
    """The properties that a configuration has, by name."""
    makers: dict[str, _Maker] = {"multiplier": _multiplier, "scales": _scales}
    if config.lanes > 1:
        makers["tree"] = _tree
    makers["block"] = _block
    if config.accumulator is Accumulator.WINDOW and not config.chunk_bits:
        makers |= {"scale_applier": _scale_applier, "window": _window}
    if config.accumulator is Accumulator.EXACT and not config.chunk_bits and config.storage is Storage.LUTRAM:
        makers["exact_words"] = _exact_words
    if config.accumulator is not Accumulator.FP32 and not config.chunk_bits:
        makers["rounder"] = _rounder
    if config.accumulator is not Accumulator.WINDOW:
        makers["block_queue"] = _queue("accumulator_queue", "blocks")
    makers["result_queue"] = _queue("mac_results", "results")
    makers |= {"held": _held, "places": _places, "answers": _answers}
    if config.accumulator is not Accumulator.EXACT:
        # How long an exact sum takes to be handed out depends on its words: too much for two units at a time.
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
            config = MacConfig(a=[a], b=[b], block=1, lanes=1, multiplier=like.multiplier, pipeline=like.pipeline)
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
    if top is None or f"module {top[1]}_mac (" not in text:
        raise UserError("verilog", f"{file.name!r} is no unit that mxmac generate has written")
    return re.sub(rf"\b{top[1]}(?=_mac|\b)", TOP, text)
