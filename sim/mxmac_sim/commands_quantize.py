"""``mxmac quantize``: float tensors to MX elements and UE8M0 scales.

The docstring of the command is its help. Every mistake of the user raises a ``UserError`` before anything is written.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from mxmac.errors import UserError
from mxmac.formats import ELEMENT_FORMATS, SCALE_BIAS
from mxmac_sim import quantize as golden
from mxmac_sim.quantize import Overflow, ScaleRule
from mxmac_sim.tensors import MxTensor, check_target, load_floats, save_mx

__all__ = ["quantize"]


def quantize(
    source: Annotated[Path, typer.Argument(metavar="IN.(npy|npz|safetensors)", help="File with a tensor of floats.")],
    target: Annotated[Path, typer.Argument(metavar="OUT.(npz|safetensors)", help="MX file to write.")],
    format_name: Annotated[str, typer.Option("--format", help=f"Element format: {', '.join(ELEMENT_FORMATS)}.")] = "E4M3",
    block: Annotated[int, typer.Option("--block", help="Elements that share a scale, along the last axis.")] = 32,
    rule_name: Annotated[
        str,
        typer.Option("--rule", metavar="rceil|floor|ceil|even", help="How a scale follows from the largest magnitude."),
    ] = "rceil",
    overflow_name: Annotated[
        str,
        typer.Option("--overflow", metavar="sat|ovf", help="Beyond the largest element: saturate, or Inf or NaN."),
    ] = "sat",
    name: Annotated[str | None, typer.Option("--name", metavar="TENSOR", help="Which tensor of IN, if it has several.")] = None,
) -> None:
    """Quantize a tensor of floats to MX elements with UE8M0 block scales.

    Blocks run along the last axis, whose length must be a multiple of the block. Prints what was lost.
    """
    fmt = ELEMENT_FORMATS[_choice("format", format_name, ELEMENT_FORMATS)]
    rule = ScaleRule(_choice("rule", rule_name, [rule.value for rule in ScaleRule]))
    overflow = Overflow(_choice("overflow", overflow_name, [overflow.value for overflow in Overflow]))
    check_target(target)
    if target.exists() and source.exists() and target.samefile(source):
        raise UserError(str(target), "This is the input file; give another name for the output")

    floats = load_floats(source, name)
    special = ~np.isfinite(floats.astype(np.float64))
    if special.any():
        first = [int(index) for index in np.argwhere(special)[0]]
        message = f"{np.count_nonzero(special)} of {special.size} values are NaN or Inf, the first at {first}"
        raise UserError(str(source), f"{message}; their blocks would have NaN scales, finite values are needed")
    tensor = golden.quantize(floats, fmt, block=block, rule=rule, overflow=overflow)
    table = _summary(floats, tensor, rule, overflow)
    save_mx(target, tensor)

    console = Console(highlight=False)
    console.print(table)
    console.print(f"Wrote [bold]{escape(str(target))}[/bold]", soft_wrap=True)


def _choice(option: str, text: str, accepted: Iterable[str]) -> str:
    """Which of ``accepted`` the text is, in whatever case."""
    for choice in accepted:
        if choice.casefold() == text.casefold():
            return choice
    raise UserError(option, f"Unknown {option} {text!r}; accepted: {', '.join(accepted)}")


def _summary(floats: NDArray[np.floating], tensor: MxTensor, rule: ScaleRule, overflow: Overflow) -> Table:
    """What came of ``floats``, as a table of two columns."""
    fmt, block, scales = tensor.format, tensor.block, tensor.scales
    values = golden.dequantize(tensor)
    # Blocks of zeros have scale code 0 by convention and say nothing about the range.
    zero_blocks = ~values.reshape(*scales.shape, block).any(axis=-1)
    codes = scales[~zero_blocks].astype(int) if not zero_blocks.all() else np.zeros(1, int)
    low, high = int(codes.min()), int(codes.max())
    clipped, sqnr = golden.clipped(floats, tensor), golden.sqnr_db(floats, values)
    lost = np.count_nonzero(~np.isfinite(values))

    table = Table(show_header=False, title="Quantized tensor", title_justify="left")
    table.add_column(style="bold")
    table.add_column()
    table.add_row("Shape", " × ".join(map(str, floats.shape)))
    table.add_row("Format", f"{fmt.name}, scale rule {rule.name}, overflow {overflow.name}")
    table.add_row("Block", f"{block} elements, {scales.size:,} blocks, {np.count_nonzero(zero_blocks):,} all zero")
    table.add_row("Bytes per element", f"{(fmt.width + 8 / block) / 8:.3f} packed ({floats.dtype}: {floats.itemsize})")
    table.add_row("Scales", f"2^{low - SCALE_BIAS} to 2^{high - SCALE_BIAS} (codes {low:#04x} to {high:#04x})")
    table.add_row("Clipped", f"{np.count_nonzero(clipped):,} of {clipped.size:,} elements ({clipped.mean():.2%})")
    table.add_row("SQNR", f"undefined: {lost:,} elements became Inf or NaN" if lost else f"{sqnr:.2f} dB")
    return table
