"""Options that say how to read tensors, and readers of the matrices that ``mxmac dot`` and ``mxmac fpga run`` multiply."""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from mxmac.cli.choices import ELEMENT_NAMES, one_of
from mxmac.errors import UserError
from mxmac.formats import ELEMENT_FORMATS, Format
from mxmac.parameters import checked_format, mx_block

from ..tensors.archives import MAX_SIZE, file_and_name
from ..tensors.files import load_floats, load_mx
from ..tensors.layouts import LAYOUTS, Layout
from ..tensors.mx_tensor import MxTensor, check_matrix
from ..tensors.stated import Stated

__all__ = [
    "BlockOption",
    "FormatAOption",
    "FormatBOption",
    "LayoutAOption",
    "LayoutBOption",
    "MaxSizeOption",
    "SourceBlockOption",
    "SourceFormatOption",
    "SourceLayoutOption",
    "check_pair",
    "load_addends",
    "load_pair",
    "refuse_facts",
    "stated_format",
    "stated_layout",
    "stated_source",
]

_PANEL = "Input files"

_completed = one_of(ELEMENT_NAMES)

FormatAOption = Annotated[
    str | None,
    typer.Option(help="Element format of A, if its file leaves that open.", autocompletion=_completed, rich_help_panel=_PANEL),
]
FormatBOption = Annotated[
    str | None,
    typer.Option(help="Element format of B, if its file leaves that open.", autocompletion=_completed, rich_help_panel=_PANEL),
]
LayoutAOption = Annotated[
    str | None,
    typer.Option(
        metavar="LAYOUT",
        help="Checkpoint layout of A, if its file leaves that open.",
        autocompletion=one_of(LAYOUTS),
        rich_help_panel=_PANEL,
    ),
]
LayoutBOption = Annotated[
    str | None,
    typer.Option(
        metavar="LAYOUT",
        help="Checkpoint layout of B, if its file leaves that open.",
        autocompletion=one_of(LAYOUTS),
        rich_help_panel=_PANEL,
    ),
]
BlockOption = Annotated[
    int | None,
    typer.Option("--block", min=1, help="Elements per block, if a file leaves that open.", rich_help_panel=_PANEL),
]
MaxSizeOption = Annotated[
    float, typer.Option("--max-size", min=0, help="Largest input to read, in GiB of memory.", rich_help_panel=_PANEL)
]

SourceFormatOption = Annotated[
    str | None,
    typer.Option(
        "--source-format",
        help="Element format of a quantized IN whose file leaves it open.",
        autocompletion=one_of(ELEMENT_NAMES),
    ),
]
SourceLayoutOption = Annotated[
    str | None,
    typer.Option(
        "--source-layout",
        metavar="LAYOUT",
        help="Checkpoint layout of a quantized IN whose file leaves it open.",
        autocompletion=one_of(LAYOUTS),
    ),
]
SourceBlockOption = Annotated[
    int | None,
    typer.Option("--source-block", min=1, help="Elements per block of a quantized IN whose file leaves it open."),
]


def stated_format(
    name: str | None, parameter: str, block: int | None, block_parameter: str = "block"
) -> tuple[Format | None, int | None]:
    """Return the element format of that name, if one is given, and the elements of a block, which an MX name implies.

    Raises
    ------
    UserError
        If the format does not exist, or is an MX format with other blocks than ``block``.
    """
    if name is None:
        return None, block
    fmt = checked_format(parameter, name, ELEMENT_FORMATS, block=block, block_parameter=block_parameter)
    return fmt, mx_block(name) if block is None else block


def stated_layout(name: str | None, parameter: str) -> Layout | None:
    """Return the entry of the table of layouts with that name, if one is given.

    Raises
    ------
    UserError
        If there is no such layout.
    """
    if name is not None and name.lower() not in LAYOUTS:
        raise UserError(parameter, f"must be one of {', '.join(LAYOUTS)}, not {name!r}")
    return None if name is None else LAYOUTS[name.lower()]


def stated_source(source_format: str | None, source_block: int | None, source_layout: str | None, max_size: float) -> Stated:
    """Return the facts that the options ``--source-format``, ``--source-block`` and ``--source-layout`` state.

    Raises
    ------
    UserError
        As :func:`stated_format` and :func:`stated_layout`.
    """
    fmt, block = stated_format(source_format, "source_format", source_block, "source_block")
    return Stated(
        format=fmt,
        block=block,
        layout=stated_layout(source_layout, "source_layout"),
        max_size=max_size,
        format_parameter="source_format",
        block_parameter="source_block",
        layout_parameter="source_layout",
    )


def refuse_facts(file: Path, stated: Stated) -> None:
    """Refuse facts about a quantized tensor that is not there.

    Raises
    ------
    UserError
        If there is one; the error names its option.
    """
    facts = {
        stated.format_parameter: stated.format,
        stated.block_parameter: stated.block,
        stated.layout_parameter: stated.layout,
    }
    for parameter, fact in facts.items():
        if fact is not None:
            raise UserError(parameter, f"{file} has no such quantized tensor; leave out this option for floats")


def load_pair(
    a_argument: str,
    b_argument: str,
    format_a: str | None = None,
    format_b: str | None = None,
    block: int | None = None,
    max_size: float = MAX_SIZE,
    layout_a: str | None = None,
    layout_b: str | None = None,
) -> tuple[MxTensor, MxTensor, Path, Path]:
    """Read two matrices that can be multiplied, (M, K) and (N, K).

    Parameters
    ----------
    a_argument, b_argument : str
        ``FILE`` or ``FILE:NAME``; FILE may be an index or a folder of shards, NAME a matrix of a tensor, as in ``NAME[3]``.
    format_a, format_b : str, optional
        Names of element formats, for files that leave them open.
    block : int, optional
        Elements per block, for files that leave it open.
    max_size : float
        Largest size of each matrix, in GiB of memory.
    layout_a, layout_b : str, optional
        Names of layouts, for files that leave them open.

    Returns
    -------
    a, b : MxTensor
    a_file, b_file : Path

    Raises
    ------
    UserError
        If a file cannot be read, a fact that it leaves open is not given or contradicts it, or the matrices do not fit.
    """

    def load(argument: str, fmt_name: str | None, layout_name: str | None, side: str) -> tuple[MxTensor, Path]:
        file, tensor = file_and_name(argument)
        fmt, elements = stated_format(fmt_name, f"format_{side}", block)
        layout = stated_layout(layout_name, f"layout_{side}")
        parameters = {"format_parameter": f"format_{side}", "layout_parameter": f"layout_{side}"}
        return load_mx(file, tensor, Stated(format=fmt, block=elements, layout=layout, max_size=max_size, **parameters)), file

    a, a_file = load(a_argument, format_a, layout_a, "a")
    b, b_file = load(b_argument, format_b, layout_b, "b")
    check_pair(a, b, a_file, b_file)
    return a, b, a_file, b_file


def check_pair(a: MxTensor, b: MxTensor, a_file: Path, b_file: Path) -> None:
    """Refuse two tensors that cannot be multiplied.

    Raises
    ------
    UserError
        If one is not a matrix or has no elements, or K or the blocks differ; the error names the file.
    """
    check_matrix(a, str(a_file))
    check_matrix(b, str(b_file))
    if a.block != b.block:
        raise UserError(str(b_file), f"Its blocks have {b.block} elements, those of {a_file} {a.block}; they must be the same")
    k_a, k_b = a.elements.shape[1], b.elements.shape[1]
    if k_a != k_b:
        raise UserError(str(b_file), f"Its rows have K = {k_b} elements, those of {a_file} {k_a}; they must be the same")
    for tensor, file in ((a, a_file), (b, b_file)):
        if not tensor.elements.size:
            raise UserError(str(file), f"The matrix of shape {tensor.elements.shape} has no elements")


def load_addends(argument: str, shape: tuple[int, int], max_size: float = MAX_SIZE) -> NDArray[np.uint32]:
    """Read numbers that are added to dot products, and return their codes in binary32, shape (M, N).

    Parameters
    ----------
    argument : str
        ``FILE`` or ``FILE:NAME``.
    shape : (int, int)
        Of the dot products.
    max_size : float
        Largest size, in GiB of memory.

    Raises
    ------
    UserError
        If the file cannot be read, or the array is not of float32 or has another shape.
    """
    file, name = file_and_name(argument)
    array = load_floats(file, name, max_size)
    if array.dtype.newbyteorder("=") != np.float32:
        raise UserError("addend", f"The array in {str(file)!r} has dtype {array.dtype}; accepted: float32")
    if array.shape != shape:
        message = f"The array in {str(file)!r} has shape {array.shape}; accepted: {shape}, a number for each dot product"
        raise UserError("addend", message)
    # As integers, so that a signalling NaN stays one.
    return array.view(array.dtype.str.replace("f", "u")).astype(np.uint32)
