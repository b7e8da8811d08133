"""Layouts of quantized tensors in checkpoints, in one table: a new layout is one entry of ``LAYOUTS``.

A tensor is a pair of arrays, elements and scales. Names, types and shapes decide which layout a pair has.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mxmac_sim.tensors.grids import TENSOR_SCALE, Tile

__all__ = ["LAYOUTS", "MX", "MX_PACKED", "Layout", "Pair", "missing_scales", "pairs"]

_ROW_SCALE = Tile(1, None)
_TILES, _BLOCKS_OF_128, _BLOCKS_OF_32 = Tile(128, 128), Tile(1, 128), Tile(1, 32)
#: Types of elements, each of one format.
_TYPED = {"F8_E4M3": "E4M3", "F8_E5M2": "E5M2", "F6_E3M2": "E3M2", "F6_E2M3": "E2M3", "F4": "E2M1"}
_FP8 = {name: _TYPED[name] for name in ("F8_E4M3", "F8_E5M2")}
_FOUR_BITS = {"U8": "E2M1", "I8": "E2M1", "F4": "E2M1"}
_CODES, _FLOATS = ("F8_E8M0", "U8"), ("F32", "BF16", "F16")
_WEIGHT = ".weight"


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How programs store quantized tensors.

    Parameters
    ----------
    name : str
        Value of the options that state a layout.
    programs : str
        Programs or models that write it.
    names : tuple of pairs of str
        Names of elements and scales; ``*`` stands for the same text in both.
    elements : mapping of str to str
        Types of the elements in safetensors, and the element format of each; an empty format is one that has to be stated.
    scales : tuple of str
        Types of the scales: UE8M0 codes, floats, or I32, four codes in a word.
    tiles : tuple of Tile
        Elements that may share a scale. The shapes decide; of tiles that mean the same, the first counts.
    packed : bool
        Whether a byte has two codes, the first in its low half.
    grouped : bool
        Whether the bytes of a block have an axis of their own.
    unless : tuple of str
        Keys of the tensor's JSON in the metadata of a file; a tensor for which one is true is refused.
    reason : str
        Why tensors of this layout are refused; empty if they are accepted.
    written : str
        Type of the scales that ``mxmac quantize`` writes; empty if it does not write this layout. The names are the first ones.
    """

    name: str
    programs: str
    names: tuple[tuple[str, str], ...]
    elements: Mapping[str, str]
    scales: tuple[str, ...]
    tiles: tuple[Tile, ...]
    packed: bool = False
    grouped: bool = False
    unless: tuple[str, ...] = ()
    reason: str = ""
    written: str = ""

    @property
    def formats(self) -> list[str]:
        """Element formats, each once; empty if every format is accepted."""
        return [] if "" in self.elements.values() else list(dict.fromkeys(self.elements.values()))

    def element_type(self, fmt: str) -> str:
        """Type of elements of a format that the layout has."""
        return next(dtype for dtype, name in self.elements.items() if name == fmt)

    def names_of(self, tensor: str) -> tuple[str, str]:
        """Names of the elements and scales of a tensor, the first ones of the layout.

        Parameters
        ----------
        tensor : str
            Its name. Where the layout itself adds ``.weight``, that is the end of this name, too.
        """
        elements, scales = self.names[0]
        stem = tensor.removesuffix(_WEIGHT) if elements.startswith(f"*{_WEIGHT}") else tensor
        return elements.replace("*", stem or tensor), scales.replace("*", stem or tensor)


#: The files of ``mxmac quantize``, which state format and block. Tiles follow from them.
MX = Layout(
    name="mx",
    programs="mxmac quantize",
    names=(("elements", "scales"),),
    elements=_TYPED | {"U8": "", "I8": ""},
    scales=(*_CODES, *_FLOATS, "F64", "I32"),
    tiles=(),
    written="F8_E8M0",
)
MX_PACKED = Layout(
    name="mx-packed",
    programs="other programs, under the names of an MX file",
    names=MX.names,
    elements={"U8": "E2M1", "I8": "E2M1"},
    scales=MX.scales,
    tiles=(),
    packed=True,
)

_SCALE, _SCALE_INV = ("*", "*_scale"), ("*", "*_scale_inv")
_QDATA = ("*._weight_qdata", "*._weight_scale")
_SWIZZLED = ("is_swizzled_scales", "_is_swizzled_scales")

LAYOUTS: dict[str, Layout] = {
    layout.name: layout
    for layout in (
        MX,
        MX_PACKED,
        Layout(
            name="mxfp8",
            programs="compressed-tensors, ModelOpt; SGLang with _scale_inv",
            names=(_SCALE, _SCALE_INV),
            elements=_FP8,
            scales=_CODES,
            tiles=(_BLOCKS_OF_32,),
            written="U8",
        ),
        Layout(
            name="deepseek-v3",
            programs="DeepSeek-V3 and V3.1, DeepGEMM",
            names=(_SCALE_INV, ("*.weight", "*.scale_inv")),
            elements=_FP8,
            scales=(*_FLOATS, *_CODES, "I32"),
            tiles=(_TILES, _BLOCKS_OF_128, _BLOCKS_OF_32, _ROW_SCALE, TENSOR_SCALE),
        ),
        Layout(
            name="deepseek-v4",
            programs="DeepSeek-V4, dense weights",
            names=(("*.weight", "*.scale"),),
            elements=_FP8,
            scales=(*_CODES, *_FLOATS),
            tiles=(_TILES, _BLOCKS_OF_128, _BLOCKS_OF_32, _ROW_SCALE, TENSOR_SCALE),
        ),
        Layout(
            name="deepseek-v4-experts",
            programs="DeepSeek-V4, routed experts",
            names=(("*.weight", "*.scale"),),
            elements=_FOUR_BITS,
            scales=_CODES,
            tiles=(_BLOCKS_OF_32,),
            packed=True,
        ),
        Layout(
            name="gpt-oss",
            programs="gpt-oss",
            names=(("*_blocks", "*_scales"), ("*.blocks", "*.scales")),
            elements={"U8": "E2M1"},
            scales=_CODES,
            tiles=(_BLOCKS_OF_32,),
            packed=True,
            grouped=True,
            written="U8",
        ),
        Layout(
            name="fp8",
            programs="compressed-tensors, ModelOpt, Quark",
            names=(_SCALE,),
            elements=_FP8,
            scales=_FLOATS,
            tiles=(_TILES, _BLOCKS_OF_128, _ROW_SCALE, TENSOR_SCALE),
        ),
        Layout(
            name="mxfp4-pack-quantized",
            programs="compressed-tensors",
            names=(("*.weight_packed", "*.weight_scale"),),
            elements={"U8": "E2M1"},
            scales=_CODES,
            tiles=(_BLOCKS_OF_32,),
            packed=True,
            written="U8",
        ),
        Layout(
            name="quark-mxfp4",
            programs="Quark, ModelOpt",
            names=(_SCALE,),
            elements=_FOUR_BITS,
            scales=_CODES,
            tiles=(_BLOCKS_OF_32,),
            packed=True,
        ),
        Layout(
            name="codes",
            programs="a code a byte, of a format to be stated",
            names=(_SCALE, _SCALE_INV),
            elements={"U8": "", "I8": ""},
            scales=_CODES,
            tiles=(_BLOCKS_OF_32, _BLOCKS_OF_128, _TILES, _ROW_SCALE, TENSOR_SCALE),
        ),
        # Not I8: other programs mean integers there, without the factor 2^-6 of INT8.
        Layout(
            name="scaled-codes",
            programs="a code a byte, of a format to be stated",
            names=(_SCALE, _SCALE_INV),
            elements={"U8": ""},
            scales=_FLOATS,
            tiles=(_TILES, _BLOCKS_OF_128, _BLOCKS_OF_32, _ROW_SCALE, TENSOR_SCALE),
        ),
        Layout(
            name="torchao",
            programs="torchao, FP8 and MXFP8",
            names=(_QDATA,),
            elements=_FP8,
            scales=(*_CODES, *_FLOATS),
            tiles=(_BLOCKS_OF_32, _TILES, _BLOCKS_OF_128, _ROW_SCALE, TENSOR_SCALE),
            unless=_SWIZZLED,
        ),
        Layout(
            name="torchao-mxfp4",
            programs="torchao, MXFP4",
            names=(_QDATA,),
            elements=_FOUR_BITS,
            scales=_CODES,
            tiles=(_BLOCKS_OF_32,),
            packed=True,
            unless=_SWIZZLED,
        ),
        Layout(
            name="nvfp4",
            programs="ModelOpt, compressed-tensors, torchao",
            names=(_SCALE, ("*.weight_packed", "*.weight_scale"), _QDATA),
            elements=_FOUR_BITS,
            scales=("F8_E4M3",),
            tiles=(),
            packed=True,
            reason="its scales are E4M3 numbers for 16 elements and one FP32 number a tensor, UE8M0 has powers of two only",
        ),
    )
}


@dataclass(frozen=True)
class Pair:
    """Elements and scales of a tensor.

    Parameters
    ----------
    elements, scales : str
        Names of the arrays.
    layouts : list of Layout
        Layouts that have such names.
    aliases : list of str
        Other names of the tensor, such as ``X`` for ``X_blocks``; the first one is that of a checkpoint of floats.
    """

    elements: str
    scales: str
    layouts: list[Layout] = field(default_factory=list)
    aliases: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Pattern:
    """A pair of names of a layout, in which ``*`` stands for the name of a tensor."""

    layout: Layout
    elements: str
    scales: str

    @property
    def aliases(self) -> tuple[str, ...]:
        """Other names of the tensor: X for X_blocks; also, and first, X.weight for X.weight_packed and X._weight_qdata."""
        return (f"*{_WEIGHT}", "*") if self.elements.startswith(("*.weight", "*._weight")) else ("*",)

    def stem(self, name: str) -> str | None:
        """The text in the place of ``*`` in a name of elements; None if it is not one."""
        suffix = self.elements.removeprefix("*")
        if suffix == self.elements:
            return "" if name == suffix else None
        return name.removesuffix(suffix) if name.endswith(suffix) and name != suffix else None


def _patterns(layout: Layout | None) -> list[_Pattern]:
    layouts = LAYOUTS.values() if layout is None else (layout,)
    return [_Pattern(layout, *names) for layout in layouts for names in layout.names]


def pairs(names: Sequence[str], layout: Layout | None = None) -> list[Pair]:
    """Return the pairs of elements and scales among the names of arrays, by their names alone.

    Parameters
    ----------
    names : sequence of str
    layout : Layout, optional
        The only one to consider.

    Returns
    -------
    list of Pair
        In the order of the elements' names.
    """
    known, found = set(names), dict[tuple[str, str], Pair]()
    for pattern in _patterns(layout):
        for name in names:
            stem = pattern.stem(name)
            if stem is None:
                continue
            scales = pattern.scales.replace("*", stem)
            if scales not in known:
                continue
            pair = found.setdefault((name, scales), Pair(name, scales))
            if pattern.layout not in pair.layouts:
                pair.layouts.append(pattern.layout)
            if stem:
                aliases = (alias.replace("*", stem) for alias in pattern.aliases)
                pair.aliases.extend(alias for alias in aliases if alias not in pair.aliases)
    return [found[key] for key in sorted(found)]


def missing_scales(name: str, layout: Layout | None = None) -> list[str]:
    """Return the names that the scales of an array could have, in the order of the table."""
    stems = ((pattern, pattern.stem(name)) for pattern in _patterns(layout))
    return list(dict.fromkeys(pattern.scales.replace("*", stem) for pattern, stem in stems if stem is not None))
