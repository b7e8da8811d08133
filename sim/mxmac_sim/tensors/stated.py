"""Format and block of a quantized tensor: stated by its file, stated by the caller, or implied by types and shapes.

Nothing ambiguous is guessed: an error names the parameter that settles it.
"""

import reprlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mxmac.errors import UserError
from mxmac.formats import ELEMENT_FORMATS, Format
from mxmac_sim.tensors.archives import MAX_SIZE, parsed_json
from mxmac_sim.tensors.layouts import MX_PACKED, Layout
from mxmac_sim.tensors.mx_tensor import ELEMENT_DTYPES
from mxmac_sim.tensors.stored import implied_blocks

__all__ = ["Stated", "element_format", "facts_of_file", "implied_block", "stated_block"]


@dataclass(frozen=True, kw_only=True)
class Stated:
    """Facts about a quantized tensor that its file may leave open. A file that contradicts one of them is refused.

    Parameters
    ----------
    format : Format, optional
        Element format.
    block : int, optional
        Elements per block.
    layout : Layout, optional
        Entry of the table of layouts.
    max_size : float
        Largest size of its arrays, in GiB of memory.
    format_parameter, block_parameter, layout_parameter : str
        The caller's names for ``format``, ``block`` and ``layout``, for errors that ask for them.
    """

    format: Format | None = None
    block: int | None = None
    layout: Layout | None = None
    max_size: float = MAX_SIZE
    format_parameter: str = "format"
    block_parameter: str = "block"
    layout_parameter: str = "layout"

    @property
    def format_option(self) -> str:
        """The option that states the format."""
        return _option(self.format_parameter)

    @property
    def layout_option(self) -> str:
        """The option that states the layout."""
        return _option(self.layout_parameter)


def _option(parameter: str) -> str:
    return f"--{parameter.replace('_', '-')}"


def facts_of_file(path: Path, arrays: Sequence[tuple[str, NDArray[Any]]], metadata: Mapping[str, str]) -> dict[str, Any]:
    """Return what an MX file states: arrays without axes in an ``.npz``, JSON in the metadata of a ``.safetensors``.

    Raises
    ------
    UserError
        If an array has axes, or the metadata are not a JSON object.
    """
    try:
        facts: dict[str, Any] = {name: array.item() for name, array in arrays} | parsed_json(metadata.get("mx", "{}"))
    except (ValueError, TypeError) as error:
        raise UserError(str(path), "It does not state one format and one block, such as E4M3 and 32") from error
    return facts


def element_format(path: Path, array: str, elements: NDArray[Any], fact: object, stated: Stated) -> Format:
    """Return the format of elements.

    Parameters
    ----------
    path : Path
        The file, for messages.
    array : str
        Its name for the elements.
    elements : ndarray
    fact : object
        The format that the file states; None if it does not.
    stated : Stated

    Raises
    ------
    UserError
        If the format is unknown, contradicts ``stated`` or the type of the elements, or is not stated for a type that any
        format may be stored in.
    """
    accepted = ", ".join(ELEMENT_FORMATS)
    packed = f"or, for two E2M1 codes a byte, {stated.layout_option} {MX_PACKED.name}"
    if fact is not None and (not isinstance(fact, str) or fact not in ELEMENT_FORMATS):
        message = f"The element format of {array!r}, {elements.dtype}, is {reprlib.repr(fact)}; accepted: {accepted}"
        raise UserError(str(path), message)
    known = stated.format.name if stated.format is not None else None
    if None not in (fact, known) and fact != known:
        raise UserError(stated.format_parameter, f"{str(path)!r} states {fact} elements, not {known}")
    implied = next((name for name, dtype in ELEMENT_DTYPES.items() if dtype == elements.dtype), None)
    name = fact or known
    if name is None:
        if elements.dtype.kind in "iu" and elements.dtype.itemsize == 1:
            message = f"{array!r} in {str(path)!r} has dtype {elements.dtype}, in which any format may be stored, also packed"
            raise UserError(stated.format_parameter, f"{message}; state the format of its elements: {accepted}; {packed}")
        name = implied
    if name is None or (elements.dtype != np.uint8 and implied != name):
        message = f"{array!r} has dtype {elements.dtype}; uint8 codes are needed for {name or f'one of {accepted}'}"
        message += f", {packed}" * (name in MX_PACKED.elements.values())
        raise UserError(str(path), message)
    return ELEMENT_FORMATS[name]


def stated_block(path: Path, fact: object, stated: Stated) -> int | None:
    """Return the elements per block that the file or the caller states, also if no tensor has such a block.

    Raises
    ------
    UserError
        If the file's ``fact`` is not an integer, or contradicts ``stated``.
    """
    if fact is None:
        return stated.block
    if not isinstance(fact, int) or isinstance(fact, bool):
        raise UserError(str(path), f"Its block is {reprlib.repr(fact)}; a number of elements is needed")
    if stated.block not in (None, fact):
        raise UserError(stated.block_parameter, f"{str(path)!r} states blocks of {fact}, not {stated.block}")
    return fact


def implied_block(path: Path, elements: NDArray[Any], scales: NDArray[Any], stated: Stated) -> int:
    """Return the one block that fits the shapes of elements and scales.

    Raises
    ------
    UserError
        If there are several or none; the error names the parameter that settles it.
    """
    blocks = implied_blocks(elements, scales)
    if len(blocks) == 1:
        return blocks[0]
    shapes = f"{str(path)!r} has elements of shape {elements.shape} and scales of shape {scales.shape}, {scales.dtype}"
    which = f"so that a block may have {' or '.join(map(str, blocks))} elements" if blocks else "which fit no block"
    raise UserError(stated.block_parameter, f"{shapes}, {which}; state the number of elements per block")
