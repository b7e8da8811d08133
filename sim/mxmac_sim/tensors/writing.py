"""Writing of quantized tensors: as MX files, and in layouts of checkpoints that other programs read."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from mxmac.errors import UserError, of_the_machine
from mxmac.files import check_writable, written_whole
from mxmac.formats import Format
from mxmac_sim.tensors import deepseek
from mxmac_sim.tensors.layouts import MX, Layout
from mxmac_sim.tensors.mx_tensor import ELEMENT_DTYPES, MxTensor
from mxmac_sim.tensors.packing import PER_GROUP, pack_four_bits
from mxmac_sim.tensors.safetensors_reader import SAFETENSORS_DTYPES, dtype_name
from mxmac_sim.tensors.safetensors_writer import write_safetensors
from mxmac_sim.tensors.source import ARCHIVES

__all__ = ["FileTensor", "Target", "check_target", "save_mx", "scales_to_store"]

#: Type of two E2M1 codes a byte, and of a code a byte of formats that have no type of their own.
_PAIRS, _BYTES = "F4", "U8"


@dataclass(frozen=True, eq=False)
class FileTensor:
    """A quantized tensor whose elements are as a file has them.

    Parameters
    ----------
    elements : ndarray of uint8, shape (..., K) or, if ``packed``, (..., K / 2)
        A code a byte, or two four-bit codes, the first in the low half.
    scales : ndarray of uint8, shape (..., K / block)
        UE8M0 codes.
    format : Format
    block : int
    packed : bool
    """

    elements: NDArray[np.uint8]
    scales: NDArray[np.uint8]
    format: Format
    block: int
    packed: bool = False

    @property
    def k(self) -> int:
        """Elements of a row."""
        return int(self.scales.shape[-1]) * self.block


@dataclass(frozen=True, kw_only=True)
class Target:
    """A file for a quantized tensor, and how the tensor is stored in it.

    Parameters
    ----------
    path : Path
        An ``.npz`` or ``.safetensors`` file.
    layout : Layout
        One that has a type of scales to write. Others than ``MX`` are written to ``.safetensors`` files only.
    tensor : str
        Name of the tensor, in layouts that have names.
    tiles : bool
        Write one scale for each tile of 128 rows, whose scales must be equal.
    pack : bool
        Write four scales in a word, for each row even if ``tiles`` is set, as DeepGEMM's kernels take them.

    Raises
    ------
    UserError
        If ``path`` ends otherwise, is that of a directory, or lies in one that does not exist or cannot be written.
    """

    path: Path
    layout: Layout = MX
    tensor: str = ""
    tiles: bool = False
    pack: bool = False

    def __post_init__(self) -> None:
        check_target(self.path)
        if self.layout is not MX and not self._safetensors:
            message = f"The name ends in {self.path.suffix!r}; the layout {self.layout.name} needs a .safetensors file"
            raise UserError(str(self.path), message)

    @property
    def _safetensors(self) -> bool:
        return self.path.suffix.lower() != ".npz"

    def packs(self, fmt: Format, block: int) -> bool:
        """Whether elements of a format share bytes in this file.

        Four-bit codes do in a .safetensors file, if blocks are whole bytes: its readers, such as PyTorch, have no type of a
        four-bit code a byte.
        """
        return self._safetensors and _mx_type(fmt) == _PAIRS and block % PER_GROUP[fmt.width] == 0

    def write(self, tensor: FileTensor) -> None:
        """Write the tensor, whole or not at all; the same tensor gives the same bytes.

        An ``.npz`` holds ``elements`` as uint8, ``scales`` as :func:`scales_to_store` has them and, as arrays without axes,
        ``format`` and ``block``. A ``.safetensors`` of the layout ``MX`` holds elements and scales with their true types, if
        PyTorch knows them (F8_E4M3, F8_E5M2, F4, I8, else U8; F8_E8M0 or I32), and format and block as JSON under the key
        ``mx`` of its metadata. Other layouts have the names and types of their entry of the table.

        Parameters
        ----------
        tensor : FileTensor
            Packed as :meth:`packs` has it.

        Raises
        ------
        UserError
            If the file cannot be written.
        """
        scales = scales_to_store(tensor.scales, tiles=self.tiles, pack=self.pack)
        try:
            with written_whole(self.path) as temporary, temporary.open("wb") as stream:
                if self._safetensors:
                    self._write_safetensors(stream, tensor, scales)
                else:
                    name, block = np.array(tensor.format.name), np.array(tensor.block)
                    np.savez(stream, elements=tensor.elements, scales=scales, format=name, block=block)
        except OSError as error:
            if of_the_machine(error):
                raise
            raise UserError(str(self.path), f"This file cannot be written: {error.strerror or error}") from error

    def _write_safetensors(self, stream: IO[bytes], tensor: FileTensor, scales: NDArray[np.generic]) -> None:
        if scales.dtype == np.uint8:
            scales = scales.view(SAFETENSORS_DTYPES[self.layout.written])
        elements, names = tensor.elements, self.layout.names_of(self.tensor)
        # Programs ask in the metadata for which library a checkpoint is.
        metadata = {"format": "pt"}
        if self.layout is MX:
            metadata = {"mx": json.dumps({"format": tensor.format.name, "block": tensor.block})}
            dtype = _PAIRS if tensor.packed else _byte_type(tensor.format)
        else:
            dtype = self.layout.element_type(tensor.format.name)
        if self.layout.grouped:
            elements = elements.reshape(*scales.shape, -1)
        paired = [names[0]] if dtype == _PAIRS else []
        if not tensor.packed:
            elements = elements.view(SAFETENSORS_DTYPES[dtype])
        write_safetensors(stream, dict(zip(names, (elements, scales), strict=True)), metadata, paired)


def check_target(path: Path) -> None:
    """Refuse a path that :func:`save_mx` could not write to, before any work is done.

    Raises
    ------
    UserError
        If the name does not end in .npz or .safetensors, is that of a directory, or lies in one that does not exist.
    """
    if path.suffix.lower() not in ARCHIVES:
        raise UserError(str(path), f"The name ends in {path.suffix!r}; accepted: {', '.join(ARCHIVES)}")
    check_writable(path)


def scales_to_store(scales: NDArray[np.uint8], *, tiles: bool = False, pack: bool = False) -> NDArray[np.generic]:
    """Return scales in the layout of a file.

    Parameters
    ----------
    scales : ndarray of uint8, shape (..., rows, blocks)
    tiles : bool
        One for each tile of 128 rows, whose scales must be equal.
    pack : bool
        Four in a word, for each row even if ``tiles`` is set.

    Returns
    -------
    ndarray of uint8, shape (..., rows or tiles, blocks), or of int32, shape (..., rows, ceil(blocks / 4))

    Raises
    ------
    ValueError
        If rows of a tile have different scales.
    """
    if pack:
        return deepseek.pack_scales(scales)
    if not tiles:
        return scales
    of_tiles = deepseek.scales_of_tiles(scales)
    if of_tiles is None:
        raise ValueError("Rows of one tile have different scales")
    return of_tiles


def save_mx(
    path: Path, tensor: MxTensor, *, tiles: bool = False, pack: bool = False, layout: Layout = MX, name: str = ""
) -> None:
    """Write an MX tensor to a file: see :class:`Target` for the parameters, and :meth:`Target.write`.

    Raises
    ------
    UserError
        As there.
    """
    target = Target(path=path, layout=layout, tensor=name, tiles=tiles, pack=pack)
    packed = target.packs(tensor.format, tensor.block)
    elements = pack_four_bits(tensor.elements) if packed else tensor.elements
    target.write(FileTensor(elements, tensor.scales, tensor.format, tensor.block, packed))


def _mx_type(fmt: Format) -> str:
    """Type of safetensors that a format has."""
    return dtype_name(ELEMENT_DTYPES[fmt.name])


def _byte_type(fmt: Format) -> str:
    """Type of a code a byte. PyTorch has none for six-bit codes."""
    dtype = _mx_type(fmt)
    return dtype if dtype in SAFETENSORS_DTYPES and fmt.width == 8 else _BYTES
