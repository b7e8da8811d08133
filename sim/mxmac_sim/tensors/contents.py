"""The tensors of a source, quantized or not, from the headers of its files alone."""

from dataclasses import dataclass, replace

from mxmac.errors import UserError
from mxmac_sim.tensors.archives import is_float
from mxmac_sim.tensors.layouts import MX, Pair, pairs
from mxmac_sim.tensors.mx_tensor import ELEMENT_DTYPES
from mxmac_sim.tensors.quantized import nothing_quantized, outlined_tensor
from mxmac_sim.tensors.source import Source
from mxmac_sim.tensors.stated import Stated
from mxmac_sim.tensors.stored import StoredTensor

__all__ = ["Entry", "StoredArray", "contents", "stored_array"]

#: Arrays of an MX file that are facts about its tensor.
_FACTS = {"format", "block"}
#: Types that only elements have. Bytes and floats may be anything.
_ELEMENT_TYPES = {dtype for dtype in ELEMENT_DTYPES.values() if dtype.kind not in "iu"}


@dataclass(frozen=True)
class StoredArray:
    """An array as a file has it.

    Members
    -------
    name : str
    dtype : str
        As the file names it; empty if the file names none that can be read.
    shape : tuple of int
    size : int
        Bytes of its data; uncompressed, if it is in an archive.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    size: int


@dataclass(frozen=True, eq=False)
class Entry:
    """A tensor of a source.

    Members
    -------
    array : StoredArray
        The array of that name: the elements, if it is quantized.
    scales : StoredArray or None
        None unless the tensor is quantized.
    tensor : StoredTensor or None
        With outlines of elements and scales, if it is quantized and can be read.
    floats : bool
        Whether the array has floats.
    reason : str
        Why no tensor can be read; empty if one can.
    """

    array: StoredArray
    scales: StoredArray | None = None
    tensor: StoredTensor | None = None
    floats: bool = False
    reason: str = ""

    @property
    def size(self) -> int:
        """Bytes of elements and scales."""
        return self.array.size + (self.scales.size if self.scales is not None else 0)


def stored_array(source: Source, name: str) -> StoredArray:
    """Describe an array as its file has it.

    Raises
    ------
    UserError
        If its file is missing or damaged.
    """
    dtype, shape, size = source.file(name).described(name)
    return StoredArray(name, dtype, shape, size)


def contents(source: Source, stated: Stated) -> list[Entry]:
    """Return all tensors of a source, in the order of their names.

    Parameters
    ----------
    source : Source
    stated : Stated
        Facts that the files may leave open.
    """
    found = pairs(source.names, stated.layout)
    elements: dict[str, Pair] = {pair.elements: pair for pair in found}
    entries = {name: _quantized(source, pair, stated) for name, pair in elements.items()}
    scales = {pair.scales for pair in found if entries[pair.elements].scales is not None}
    facts = _FACTS if MX.names[0][0] in elements else set()
    plain = [name for name in source.names if name not in scales | facts and name not in entries]
    entries |= {name: _plain(source, name) for name in plain}
    return [entries[name] for name in sorted(entries)]


def _quantized(source: Source, pair: Pair, stated: Stated) -> Entry:
    """Entry of elements with scales; that of floats, if they only have a neighbour of such a name."""
    try:
        array, scales = stored_array(source, pair.elements), stored_array(source, pair.scales)
    except UserError as error:
        return Entry(StoredArray(pair.elements, "", (), 0), reason=error.message)
    entry = Entry(array, scales)
    try:
        tensor = outlined_tensor(source, pair.elements, stated)
        if tensor is None:
            return _plain(source, pair.elements)
        if not tensor.fitting:
            tensor.floats()
    except UserError as error:
        return replace(entry, reason=error.message)
    return replace(entry, tensor=tensor)


def _plain(source: Source, name: str) -> Entry:
    array = StoredArray(name, "", (), 0)
    try:
        array = stored_array(source, name)
        dtype = source.file(name).outline(name).dtype
    except UserError as error:
        return Entry(array, reason=error.message)
    if is_float(dtype):
        return Entry(array, floats=True)
    reason = nothing_quantized(source, name) if dtype in _ELEMENT_TYPES else "neither floats nor elements with scales"
    return Entry(array, reason=reason)
