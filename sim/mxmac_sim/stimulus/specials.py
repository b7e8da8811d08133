"""Infinities and NaN, as the parts of the datapath pass them on."""

from collections.abc import Sequence

from mxmac.formats import Format
from mxmac_sim.golden.model import NV

__all__ = ["NO_SPECIALS", "SPECIALS", "block_specials", "merged", "special_result"]

#: A NaN among the operands, Inf times 0, a product that is +Inf, and one that is -Inf.
SPECIALS = ("nan", "invalid", "pos_inf", "neg_inf")
NO_SPECIALS: tuple[int, ...] = (0, 0, 0, 0)


def block_specials(specials: Sequence[int], scale_nan: int) -> tuple[int, ...]:
    """Return the specials of a block: a NaN scale makes all elements NaN, so that nothing else is left of them."""
    return (1, 0, 0, 0) if scale_nan else tuple(specials)


def merged(seen: Sequence[int], specials: Sequence[int]) -> tuple[int, ...]:
    """Return what either of the two has."""
    return tuple(old | new for old, new in zip(seen, specials, strict=True))


def special_result(specials: Sequence[int], output: Format) -> tuple[int, int] | None:
    """Return code and flags of a sum that has these specials; None if it is a finite one."""
    nan, invalid, pos_inf, neg_inf = specials
    if invalid or (pos_inf and neg_inf):
        return output.nan_code, NV
    if nan:
        return output.nan_code, 0
    if pos_inf or neg_inf:
        return output.inf_code | neg_inf << (output.width - 1), 0
    return None
