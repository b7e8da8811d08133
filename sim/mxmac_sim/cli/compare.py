"""Compare element formats, scale rules and block sizes on real tensors: size and error of each in one table.

A quantized tensor counts by its values. Of a whole file or checkpoint, all tensors of two axes or more count together. The
table marks the highest SQNR of each size.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from mxmac.cli.choices import ELEMENT_NAMES, ELEMENT_NAMES_HELP, list_of
from mxmac.errors import UserError
from mxmac.extras import missing_package
from mxmac.files import check_writable, written_whole
from mxmac.formats import ELEMENT_FORMATS, MX_BLOCK
from mxmac.parameters import BLOCK_MAX, checked_choices, checked_format, checked_formats, checked_int, mx_block
from mxmac_sim.golden.quantize import ScaleRule

from ..tensors.archives import MAX_SIZE
from .comparison import Choice, Figures, best, compared, reason_against, total
from .inputs import Input, Skipped, inputs_of
from .operands import MaxSizeOption, SourceBlockOption, SourceFormatOption, SourceLayoutOption, stated_source
from .progress import progress
from .results import JsonOption, Results, repeating, versions

__all__ = ["compare"]

_BLOCKS = (16, MX_BLOCK, 64, 128)
_RULES = [rule.value for rule in ScaleRule]
#: Tensors left out that are shown one by one.
_SHOWN = 8

_Sources = Annotated[
    list[str],
    typer.Argument(
        metavar="IN[:TENSOR]...",
        help="Floats or quantized tensors: a file, a checkpoint's .safetensors.index.json, a folder of shards, or one tensor.",
    ),
]
_FormatOption = Annotated[
    list[str] | None,
    typer.Option(
        "--format",
        metavar="FORMAT,...",
        show_default=",".join(ELEMENT_FORMATS),
        help=f"Element formats: {ELEMENT_NAMES_HELP}.",
        autocompletion=list_of(ELEMENT_NAMES),
    ),
]
_RuleOption = Annotated[
    list[str] | None,
    typer.Option(
        "--rule",
        metavar="RULE,...",
        show_default=",".join(_RULES),
        help=f"Rules from the largest magnitude to the scale: {', '.join(_RULES)}.",
        autocompletion=list_of(_RULES),
    ),
]
_BlockOption = Annotated[
    list[str] | None,
    typer.Option(
        "--block",
        metavar="N,...",
        show_default=f"{','.join(map(str, _BLOCKS))}; {MX_BLOCK} with an MX name",
        help="Block sizes along the last axis, in elements that share a scale.",
    ),
]
_PlotOption = Annotated[Path | None, typer.Option("--plot", metavar="FILE.svg", help="Picture of SQNR against size.")]


@dataclass
class _Found:
    """Tensors with their figures, and tensors that are left out."""

    tensors: list[tuple[Input, dict[Choice, Figures]]] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)


def compare(
    sources: _Sources,
    formats: _FormatOption = None,
    rules: _RuleOption = None,
    blocks: _BlockOption = None,
    source_format: SourceFormatOption = None,
    source_block: SourceBlockOption = None,
    source_layout: SourceLayoutOption = None,
    max_size: MaxSizeOption = MAX_SIZE,
    plot: _PlotOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run ``mxmac compare``; see the module for its help."""
    choices = _choices(formats, rules, blocks)
    stated = stated_source(source_format, source_block, source_layout, max_size)
    if plot is not None:
        _check_plot(plot)
    facts: dict[str, object] = _options(choices) | {
        "--source-format": source_format,
        "--source-block": source_block,
        "--source-layout": source_layout,
        "--max-size": None if max_size == MAX_SIZE else max_size,
    }
    results = Results(repeating(["compare", *sources], facts), None, versions(("numpy", "ml_dtypes")), {"inputs": sources})

    console, tables = Console(stderr=as_json, highlight=False), Console(quiet=as_json, highlight=False)
    inputs, found = [], _Found()
    for argument in sources:
        tensors, skipped = inputs_of(argument, stated)
        inputs += tensors
        found.skipped += skipped
    _compare_all(inputs, choices, found, console)
    together = total(figures for _, figures in found.tensors)
    title = found.tensors[0][0].label if len(found.tensors) == 1 else f"{len(found.tensors)} tensors"
    if plot is not None:
        from .scatter import draw

        with written_whole(plot) as temporary:
            temporary.write_text(draw(together, best(together), title), encoding="utf-8")
    results.put_out(True, _record(found, choices, together), [], as_json=as_json, junit=None)
    _show(tables, found, choices, together, title)
    if plot is not None:
        tables.print(f"Wrote [bold]{escape(str(plot))}[/]", soft_wrap=True)


def _check_plot(file: Path) -> None:
    """Check that a picture can be drawn, and written to a file."""
    if file.suffix.lower() != ".svg":
        raise UserError("plot", f"must end in .svg, not {file.suffix!r}")
    if find_spec("matplotlib") is None:
        raise UserError("plot", missing_package("matplotlib", "plot"))
    check_writable(file)


def _choices(formats: Sequence[str] | None, rules: Sequence[str] | None, blocks: Sequence[str] | None) -> list[Choice]:
    """Return all combinations, in the order of the options; an MX name stands for its block as well."""
    names = _words(formats) or list(ELEMENT_FORMATS)
    elements = checked_formats("formats", names, ELEMENT_FORMATS)
    kinds = checked_choices("rules", _words(rules) or _RULES, ScaleRule)
    words = _words(blocks)
    if any(not (word.isascii() and word.isdecimal()) for word in words):
        raise UserError("blocks", f"{','.join(words)!r} is no list of blocks; give whole numbers, such as 16,32")
    implied = (MX_BLOCK,) if any(mx_block(name) for name in names) else _BLOCKS
    sizes = [checked_int("blocks", int(word), 1, BLOCK_MAX, unit="elements") for word in words] or list(implied)
    if len(set(sizes)) < len(sizes):
        raise UserError("blocks", f"must have each size once, not {','.join(words)}")
    for name in names:
        for size in sizes:
            checked_format("formats", name, ELEMENT_FORMATS, block=size, block_parameter="blocks")
    return [Choice(fmt, size, rule) for fmt in elements for size in sizes for rule in kinds]


def _words(given: Sequence[str] | None) -> list[str]:
    return [word.strip() for text in given or () for word in text.split(",")]


def _options(choices: Sequence[Choice]) -> dict[str, object]:
    """Return the options whose combinations the choices are."""
    lists = {
        "--format": (choice.format.name for choice in choices),
        "--rule": (choice.rule.value for choice in choices),
        "--block": (str(choice.block) for choice in choices),
    }
    return {option: ",".join(dict.fromkeys(values)) for option, values in lists.items()}


def _compare_all(inputs: Sequence[Input], choices: Sequence[Choice], found: _Found, console: Console) -> None:
    """Compare tensor by tensor. One that cannot be compared is left out, unless it is the only one."""
    work = sum(math.prod(each.shape) * sum(not reason_against(one.block, each.shape[-1]) for one in choices) for each in inputs)
    first: UserError | None = None
    with progress(console, "Comparing", work) as advance:
        for each in inputs:
            try:
                with each.opened() as floats:
                    found.tensors.append((each, compared(floats, choices, advance)))
            except UserError as error:
                first = first or error
                found.skipped.append(Skipped(each.file, each.name, error.message))
    if first is not None and not found.tensors:
        raise first


def _record(found: _Found, choices: Sequence[Choice], together: Mapping[Choice, Figures]) -> dict[str, Any]:
    """Return all figures, ready for JSON."""
    return {
        "choices": _rows(choices, together, _reasons(found, choices)),
        "tensors": [
            {
                "file": str(each.file),
                "name": each.name,
                "read_as": each.about,
                "shape": list(each.shape),
                "choices": _rows(choices, figures, {one.block: reason_against(one.block, each.shape[-1]) for one in choices}),
            }
            for each, figures in found.tensors
        ],
        "skipped": [{"file": str(each.file), "name": each.name, "reason": each.reason} for each in found.skipped],
    }


def _rows(choices: Sequence[Choice], found: Mapping[Choice, Figures], reasons: Mapping[int, str]) -> list[dict[str, Any]]:
    marked, rows = best(found), []
    for choice in _sorted(choices):
        row: dict[str, Any] = {"format": choice.format.name, "block": choice.block, "rule": choice.rule.value}
        row |= {"bytes_per_element": float(choice.bytes), "reason": reasons[choice.block] or None}
        figures = found.get(choice)
        if figures is not None:
            row |= {
                "elements": figures.elements,
                "tensors": figures.tensors,
                # JSON has no infinity: there is no error at all then.
                "sqnr_db": figures.sqnr.db if math.isfinite(figures.sqnr.db) else None,
                "clipped": figures.clipped / figures.elements,
                "underflowed": figures.underflowed / figures.elements,
                "largest_error": figures.largest,
                "best": choice in marked,
            }
        rows.append(row)
    return rows


def _sorted(choices: Sequence[Choice]) -> list[Choice]:
    """Smallest first; then as given."""
    return sorted(choices, key=lambda choice: choice.bytes)


def _reasons(found: _Found, choices: Sequence[Choice]) -> dict[int, str]:
    """Return how many tensors each block leaves out, if there are several, and why; empty if none."""
    reasons: dict[int, str] = {}
    for block in dict.fromkeys(choice.block for choice in choices):
        against = Counter(filter(None, (reason_against(block, each.shape[-1]) for each, _ in found.tensors)))
        if len(found.tensors) > 1:
            reasons[block] = "; ".join(f"{count} of {len(found.tensors)} tensors: {why}" for why, count in against.items())
        else:
            reasons[block] = "".join(against)
    return reasons


def _show(console: Console, found: _Found, choices: Sequence[Choice], together: Mapping[Choice, Figures], title: str) -> None:
    shape = " × ".join(map(str, found.tensors[0][0].shape)) if len(found.tensors) == 1 else ""
    elements = sum(math.prod(each.shape) for each, _ in found.tensors)
    heading = f"{title}: {f'{shape}, ' if shape else ''}{elements:,} elements"
    table = Table(title=escape(heading), title_justify="left")
    for name in ("Format", "Block", "Rule", "Bytes", "SQNR\ndB", "Clipped", "To zero", "Max\nerror"):
        table.add_column(name, justify="left" if name in ("Format", "Rule") else "right")
    table.add_column("")
    marked, size = best(together), None
    for choice in _sorted([choice for choice in choices if choice in together]):
        if size not in (None, choice.bytes):
            table.add_section()
        size, figures = choice.bytes, together[choice]
        cells = [choice.format.name, str(choice.block), choice.rule.value, f"{float(choice.bytes):.4f}"]
        cells += [f"{figures.sqnr.db:.2f}", _share(figures.clipped, figures.elements)]
        cells += [_share(figures.underflowed, figures.elements), f"{figures.largest:.2%}"]
        notes = ["best"] * (choice in marked)
        notes += [f"{figures.tensors} of {len(found.tensors)} tensors"] * (figures.tensors < len(found.tensors))
        table.add_row(*cells, ", ".join(notes), style="bold" if choice in marked else None)
    reasons = {block: reason for block, reason in _reasons(found, choices).items() if reason}
    table.add_section()
    for block, reason in reasons.items():
        if not any(choice.block == block for choice in together):
            table.add_row("-", str(block), *["-"] * 6, f"- {reason}")
    console.print(table)
    for block, reason in reasons.items():
        if any(choice.block == block for choice in together):
            console.print(f"Block {block} leaves out {reason}", soft_wrap=True)
    for skipped in found.skipped[:_SHOWN]:
        name = f"{skipped.file}:{skipped.name}" if skipped.name is not None else str(skipped.file)
        console.print(f"Left out {name}: {skipped.reason}", soft_wrap=True, markup=False)
    if len(found.skipped) > _SHOWN:
        console.print(f"Left out {len(found.skipped) - _SHOWN} more; --json has all of them")


def _share(count: int, of: int) -> str:
    return "<0.01%" if 0 < count / of < 0.00005 else f"{count / of:.2%}"
