"""Which tensor of a file is meant, and the layout that its arrays have.

Nothing ambiguous is guessed: the error names the parameter that settles it.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mxmac.errors import UserError
from mxmac.formats import ELEMENT_FORMATS
from mxmac_sim.tensors import deepseek
from mxmac_sim.tensors.archives import is_float, listed, outline, parsed_json
from mxmac_sim.tensors.grids import Tile, accepted_shapes, as_grid, cause
from mxmac_sim.tensors.layouts import Layout, Pair, pairs
from mxmac_sim.tensors.packing import unpack_four_bits
from mxmac_sim.tensors.safetensors_reader import dtype_name
from mxmac_sim.tensors.stated import Stated
from mxmac_sim.tensors.stored import StoredTensor, in_words

__all__ = ["chosen_pair", "matched", "shape_of_codes", "shares_bytes", "unpacked"]

_Shape = tuple[int, ...]


class _Reading(NamedTuple):
    """One way to read two arrays."""

    layout: Layout
    tile: Tile
    shape: _Shape

    @property
    def meaning(self) -> tuple[object, ...]:
        """Equal for two readings that give the same tensor, if it has a format."""
        rows, block = self.tile.within(self.shape)
        matrix_rows = self.shape[-2] if len(self.shape) > 1 else 1
        return self.shape, min(rows, matrix_rows), min(block, self.shape[-1])


def chosen_pair(path: Path, names: Sequence[str], name: str | None, stated: Stated) -> Pair | None:
    """Return the elements and scales that are meant.

    Parameters
    ----------
    path : Path
        The file, for messages.
    names : sequence of str
        Of all arrays.
    name : str, optional
        Of the tensor: that of its elements, or an alias that no array has.
    stated : Stated

    Returns
    -------
    Pair or None
        None if no quantized tensor has that name; without a name, if there is neither an MX tensor nor a single pair of arrays.

    Raises
    ------
    UserError
        If elements have scales in several arrays.
    """
    found = pairs(names, stated.layout)
    if name is None:
        whole = [pair for pair in found if pair.elements == "elements"]
        others = [pair for pair in found if pair.elements != "elements"]
        if whole and not others:
            return whole[0]
        return others[0] if not whole and len(others) == 1 and len(names) == 2 else None
    meant = [pair for pair in found if pair.elements == name]
    if not meant and name not in names:
        meant = [pair for pair in found if name in pair.aliases]
    if len(meant) > 1:
        scales = " or ".join(repr(pair.scales) for pair in meant)
        choices = listed(sorted({layout.name for pair in meant for layout in pair.layouts}), 20)
        message = f"{name!r} in {str(path)!r} may have its scales in {scales}; state the layout of the tensor: {choices}"
        raise UserError(stated.layout_parameter, message)
    return meant[0] if meant else None


def matched(
    path: Path, pair: Pair, elements: NDArray[Any], scales: NDArray[Any], metadata: Mapping[str, str], stated: Stated
) -> StoredTensor:
    """Return the tensor of a checkpoint that two arrays make, in the one layout that fits their types and shapes.

    Types and shapes alone decide, so an outline of the elements will do; the elements of the tensor are an outline, too.

    Parameters
    ----------
    path : Path
        The file, for messages.
    pair : Pair
    elements, scales : ndarray
        As in the file, or outlines of them.
    metadata : mapping of str to str
        Of the file.
    stated : Stated

    Raises
    ------
    UserError
        If no layout fits or several do, the layout is one that is refused, or the format has to be stated.
    """
    layouts = _of_types(path, pair, elements, scales, stated)
    words, readings = in_words(scales), dict[tuple[object, ...], _Reading]()
    for layout in layouts:
        shape = shape_of_codes(elements, layout)
        if shape is None:
            continue
        for tile in _tiles(layout, stated.block):
            if scales.shape in accepted_shapes(tile, shape, words=words):
                reading = _Reading(layout, tile, shape)
                readings.setdefault((layout.elements[dtype_name(elements.dtype)], reading.meaning), reading)
    if not readings:
        raise UserError(str(path), _grid_message(pair, elements, scales, layouts, stated))
    if len(readings) > 1:
        raise _ambiguous(path, pair, elements, scales, list(readings.values()), stated)
    (reading,) = readings.values()
    _check_metadata(path, pair, reading.layout, metadata)
    return _tensor(path, pair, elements, scales, reading, stated)


def _tensor(
    path: Path, pair: Pair, elements: NDArray[Any], scales: NDArray[Any], reading: _Reading, stated: Stated
) -> StoredTensor:
    """Make the tensor of a reading, with a code a byte and scales in the shape of their grid."""
    layout, tile, shape = reading
    name = layout.elements[dtype_name(elements.dtype)] or (stated.format.name if stated.format else None)
    if name is None:
        message = f"{pair.elements!r} in {str(path)!r} has dtype {elements.dtype}, in which any format may be stored"
        raise UserError(stated.format_parameter, f"{message}; state the format of its elements: {', '.join(ELEMENT_FORMATS)}")
    tile_rows, block = tile.within(shape)
    if in_words(scales):
        scales = deepseek.unpack_scales(scales, tile.grid(shape)[-1])
    scales = as_grid(tile, scales, shape)
    if tile.block is None and stated.block is not None:
        # Blocks of any length may have the same scale.
        block = stated.block
        scales = np.repeat(scales, -(-shape[-1] // block), axis=-1)
    fmt, tensor = ELEMENT_FORMATS[name], pair.aliases[0] if pair.aliases else ""
    codes = outline(np.dtype(np.uint8), shape)
    return StoredTensor(codes, scales, fmt, block, pair.scales, tile_rows, layout.name, tensor)


def unpacked(elements: NDArray[Any], layout: Layout) -> NDArray[np.uint8]:
    """Return elements with a code a byte."""
    if shares_bytes(elements, layout):
        return unpack_four_bits(np.ascontiguousarray(elements).view(np.uint8))
    return elements.view(np.uint8)


def shares_bytes(elements: NDArray[Any], layout: Layout) -> bool:
    """Whether a byte of an array of elements has two codes."""
    return layout.packed and elements.dtype.kind in "iu"


def _of_types(path: Path, pair: Pair, elements: NDArray[Any], scales: NDArray[Any], stated: Stated) -> list[Layout]:
    """Layouts of a pair's names that also have the types of its arrays, and the format that is stated."""
    types = dtype_name(elements.dtype), dtype_name(scales.dtype)
    layouts = [layout for layout in pair.layouts if types[0] in layout.elements and types[1] in layout.scales]
    what = f"{pair.elements!r} has dtype {types[0]} and {pair.scales!r} {types[1]}"
    for layout in layouts:
        if layout.reason:
            raise UserError(str(path), f"{what}: this is {layout.name.upper()}, which is refused, since {layout.reason}")
    if not layouts:
        accepted = (
            f"{'/'.join(layout.elements)} with {'/'.join(layout.scales)}" for layout in pair.layouts if not layout.reason
        )
        floats = ", which is no type of quantized elements" if is_float(elements.dtype) else ""
        raise UserError(str(path), f"{what}{floats}; accepted: {', or '.join(dict.fromkeys(accepted))}")
    if stated.format is None:
        return layouts
    fitting = [layout for layout in layouts if layout.elements[types[0]] in ("", stated.format.name)]
    if not fitting:
        formats = " or ".join(dict.fromkeys(layout.elements[types[0]] for layout in layouts))
        message = f"{pair.elements!r} in {str(path)!r} has {formats} elements, not {stated.format.name}"
        raise UserError(stated.format_parameter, message)
    return fitting


def shape_of_codes(elements: NDArray[Any], layout: Layout) -> _Shape | None:
    """Return the shape of the elements, one code each; None if the array has no such shape."""
    shape = elements.shape
    if not shape or 0 in shape:
        return None
    if shares_bytes(elements, layout):
        shape = (*shape[:-1], 2 * shape[-1])
    if not layout.grouped:
        return shape
    if len(shape) < 2 or shape[-1] != layout.tiles[0].block:
        return None
    return (*shape[:-2], shape[-2] * shape[-1])


def _tiles(layout: Layout, block: int | None) -> list[Tile]:
    """Tiles that a layout may have; a block that is stated takes the place of others."""
    if block is None:
        return list(layout.tiles)
    tiles = [tile for tile in layout.tiles if tile.block in (block, None)]
    return tiles if Tile(1, block) in tiles or layout.grouped else [*tiles, Tile(1, block)]


def _grid_message(pair: Pair, elements: NDArray[Any], scales: NDArray[Any], layouts: Sequence[Layout], stated: Stated) -> str:
    """Message about scales whose shape fits no layout, with the shapes that do."""
    accepted: dict[_Shape, str] = {}
    causes: list[str] = []
    for layout in layouts:
        shape = shape_of_codes(elements, layout)
        if shape is None:
            continue
        tiles = _tiles(layout, stated.block)
        for tile in tiles:
            for scale_shape in accepted_shapes(tile, shape, words=in_words(scales))[:1]:
                accepted.setdefault(scale_shape, str(tile))
        causes.append(cause(tiles, shape, scales.shape))
    what = f"{pair.scales!r} has shape {scales.shape}, but {pair.elements!r} of shape {elements.shape}, {elements.dtype},"
    if not accepted:
        grouped = ", with 16 bytes along the last axis" if any(layout.grouped for layout in layouts) else ""
        return f"{what} has no elements in blocks; a matrix is needed{grouped}"
    needed = " or ".join(f"{shape} for {tile}" for shape, tile in accepted.items())
    return f"{what} needs {needed}{max(causes)}"


def _ambiguous(
    path: Path, pair: Pair, elements: NDArray[Any], scales: NDArray[Any], readings: Sequence[_Reading], stated: Stated
) -> UserError:
    """Error about arrays that can be read in several ways, which names the parameter that settles it."""
    what = (
        f"{pair.elements!r} in {str(path)!r} has shape {elements.shape}, {elements.dtype}, and scales of shape {scales.shape}"
    )
    if len({reading.layout.name for reading in readings}) == 1:
        blocks = " or ".join(str(reading.tile.within(reading.shape)[1]) for reading in readings)
        message = f"{what}, so that a block may have {blocks} elements; state the number of elements per block"
        return UserError(stated.block_parameter, message)
    ways = " or ".join(f"{reading.layout.name} ({reading.tile})" for reading in readings)
    message = f"{what}, which fits {ways}; state the layout, or the format of the elements with {stated.format_option}"
    return UserError(stated.layout_parameter, message)


def _check_metadata(path: Path, pair: Pair, layout: Layout, metadata: Mapping[str, str]) -> None:
    """Refuse a tensor about which the metadata state that its scales are in another order."""
    for name in set(pair.aliases) & set(metadata) if layout.unless else ():
        try:
            about = parsed_json(metadata[name])
        except ValueError:
            continue
        facts = about.get("_data") if isinstance(about, dict) else None
        wrong = [key for key in layout.unless if isinstance(facts, dict) and facts.get(key)]
        if wrong:
            message = f"{pair.scales!r} has {wrong[0]} in the metadata; scales in the order of the blocks are needed"
            raise UserError(str(path), message)
