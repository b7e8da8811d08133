"""Conversion that the options of ``mxmac quantize`` ask for."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from mxmac.errors import UserError
from mxmac.formats import ELEMENT_FORMATS, Format
from mxmac.parameters import checked_format, mx_block
from mxmac_sim.golden.quantize import Overflow, ScaleRule
from mxmac_sim.tensors import deepseek
from mxmac_sim.tensors.layouts import LAYOUTS, MX, Layout
from mxmac_sim.tensors.source import open_source
from mxmac_sim.tensors.stored import StoredTensor

__all__ = ["DEFAULT_FORMAT", "OUTPUT_LAYOUTS", "OutputLayout", "Request"]

DEFAULT_FORMAT = ELEMENT_FORMATS["E4M3"]


@dataclass(frozen=True)
class OutputLayout:
    """Elements that share a scale, those of a block in one row or several, and how a file has them.

    Parameters
    ----------
    name : str
        Value of the option ``--layout``.
    block, rows : int
    formats : tuple of str
        Element formats, the default first. If there are any, the block is fixed, too; otherwise it is a default.
    pad : bool
        Whether a short last block is filled with zeros.
    file : Layout
    """

    name: str
    block: int
    rows: int = 1
    formats: tuple[str, ...] = ()
    pad: bool = False
    file: Layout = MX

    @property
    def named(self) -> bool:
        """Whether files have names for their tensors."""
        return self.file is not MX

    def checked(self, fmt: Format) -> Format:
        """Return a format that the layout has.

        Raises
        ------
        UserError
            If it has others.
        """
        if self.formats and fmt.name not in self.formats:
            message = f"The elements of the layout {self.name} are {' or '.join(self.formats)}, not {fmt.name}"
            raise UserError("format", f"{message}; with --layout {_MX.name} --block {self.block} they can be others")
        return fmt


_MX = OutputLayout(MX.name, 32)
_DEEPSEEK = (DEFAULT_FORMAT.name,)
_ACTIVATIONS = OutputLayout("deepseek-activations", deepseek.BLOCK, formats=_DEEPSEEK, pad=True)
_WEIGHTS = OutputLayout("deepseek-weights", deepseek.BLOCK, deepseek.TILE_ROWS, formats=_DEEPSEEK, pad=True)
#: Values of the option ``--layout``: those of MX files, and the layouts of checkpoints that are written.
OUTPUT_LAYOUTS = {layout.name: layout for layout in (_MX, _ACTIVATIONS, _WEIGHTS)} | {
    name: OutputLayout(name, block, formats=tuple(layout.formats), file=layout)
    for name, layout in LAYOUTS.items()
    if layout.written and layout is not MX
    for block in [layout.tiles[0].block]
    if block is not None
}


@dataclass(frozen=True)
class Request:
    """Conversion that the options ask for; None where they leave it to the input or to a default."""

    format_name: str | None
    format: Format | None
    layout: OutputLayout | None
    block: int | None
    rule: ScaleRule
    overflow: Overflow

    @classmethod
    def of(
        cls,
        format_name: str | None,
        layout_name: str | None,
        block: int | None,
        rule_name: str | None,
        overflow_name: str | None,
    ) -> "Request":
        """Return the request of options.

        Raises
        ------
        UserError
            If one of them has a value that is not accepted.
        """
        fmt = None
        if format_name is not None:
            fmt = checked_format("format", format_name, ELEMENT_FORMATS, block=block)
            if layout_name is None:
                block = mx_block(format_name) or block
        layout = OUTPUT_LAYOUTS[_choice("layout", layout_name, OUTPUT_LAYOUTS)] if layout_name is not None else None
        rule = ScaleRule(_choice("rule", rule_name or ScaleRule.RCEIL.value, [rule.value for rule in ScaleRule]))
        overflow = Overflow(_choice("overflow", overflow_name or Overflow.SAT.value, [choice.value for choice in Overflow]))
        return cls(format_name, fmt, layout, block, rule, overflow)

    @property
    def file(self) -> Layout:
        """How the file has the tensor."""
        return self.layout.file if self.layout is not None else MX

    def names(self, source: Path, name: str | None) -> tuple[str | None, str]:
        """Return the name of the tensor in the input, and the one that the option gives it in the output; empty if it does not.

        A tensor without a name, of a ``.npy`` or of an MX file, gets that of the option. A matrix has the name of its tensor.
        """
        if self.layout is None or not self.layout.named:
            return name, ""
        if source.suffix.lower() == ".npy":
            return None, name or ""
        if name is not None and source.exists():
            arrays = open_source(source).names
            if name not in arrays and set(MX.names[0]) <= set(arrays):
                return None, name
        return name, ""

    def target(self, stored: StoredTensor | None) -> tuple[Format, OutputLayout]:
        """Return format and layout of quantized floats; products of a stored tensor keep theirs, unless others are asked for.

        Raises
        ------
        UserError
            If format, layout and block contradict each other.
        """
        layout = self._resolved(stored)
        kept = stored.format if stored is not None else DEFAULT_FORMAT
        if layout.named and kept.name not in layout.formats:
            kept = ELEMENT_FORMATS[layout.formats[0]]
        if self.format_name is not None:
            checked_format("format", self.format_name, ELEMENT_FORMATS, block=layout.block)
        return layout.checked(self.format or kept), layout

    def _resolved(self, stored: StoredTensor | None) -> OutputLayout:
        """Return the layout with its block; a stored tensor keeps its own, unless another is asked for."""
        layout = self.layout
        if layout is None:
            if stored is None or self.block is not None:
                layout = _MX
            elif stored.tiled:
                layout = _WEIGHTS
            else:
                layout = _ACTIVATIONS if stored.block == deepseek.BLOCK else replace(_MX, block=stored.block)
        if self.block is None or self.block == layout.block:
            return layout
        if layout.formats:
            raise UserError("block", f"The blocks of the layout {layout.name} have {layout.block} elements, not {self.block}")
        return replace(layout, block=self.block)

    def check_kept(self, source: Path, stored: StoredTensor) -> None:
        """Refuse a layout that a tensor does not fit that keeps its elements and scales.

        Raises
        ------
        UserError
            If its layout has another block or other formats.
        """
        layout = self.layout
        if layout is None or (stored.tile_rows == 1 and stored.block == layout.block and stored.format.name in layout.formats):
            return
        grid = f"{stored.tile_rows} x {stored.block}" if stored.tile_rows > 1 else f"{stored.block}"
        message = f"{source} has {stored.format.name} in blocks of {grid} elements and keeps its elements and scales"
        needed = f"{' or '.join(layout.formats)} in blocks of {layout.block}"
        raise UserError("layout", f"{message}; {layout.name} has {needed}: add --requantize")


def _choice(option: str, text: str, accepted: Iterable[str]) -> str:
    """Return the one of ``accepted`` that the text is, in any case."""
    for choice in accepted:
        if choice.casefold() == text.casefold():
            return choice
    raise UserError(option, f"Unknown {option} {text!r}; accepted: {', '.join(accepted)}")
