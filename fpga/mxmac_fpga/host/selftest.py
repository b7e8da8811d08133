"""Random dot products, for when there are no tensors at hand."""

from typing import Any

import numpy as np

from mxmac.config import MacConfig
from mxmac.formats import SCALE_NAN, Specials

__all__ = ["random_operands"]

#: Scales of most dot products: the results of all of these differ, and few of them overflow.
_SCALES = (100, 151)


def random_operands(
    config: MacConfig, dots: int, blocks: int, rng: np.random.Generator, *, specials: float = 0.0
) -> dict[str, Any]:
    """Arrays of uint8 by the names that ``dot`` has for them, formats included where there is a choice.

    Parameters
    ----------
    config : MacConfig
    dots, blocks : int
    rng : numpy.random.Generator
    specials : float
        Part of the dot products that may have any code as an element or scale; the others have no NaN or Inf.
    """
    operands: dict[str, Any] = {}
    anything = rng.random(dots) < specials
    for side, operand in (("a", config.operand_a), ("b", config.operand_b)):
        formats = rng.integers(0, len(operand.formats), (dots, blocks), dtype=np.uint8)
        codes = rng.integers(0, 1 << operand.width, (dots, blocks, config.block), dtype=np.uint8)
        for index, fmt in enumerate(operand.formats):
            codes[formats == index] &= (1 << fmt.width) - 1
            if fmt.specials is not Specials.NONE:
                first = fmt.inf_code if fmt.has_inf else fmt.nan_code
                special = (formats == index)[..., np.newaxis] & ((codes & (1 << fmt.width - 1) - 1) >= first)
                codes[special & ~anything[:, np.newaxis, np.newaxis]] = 0
        scales = rng.integers(*_SCALES, (dots, blocks), dtype=np.uint8)
        any_scales = rng.integers(0, SCALE_NAN + 1, (dots, blocks), dtype=np.uint8)
        operands[side] = codes
        operands[f"scale_{side}"] = np.where(anything[:, np.newaxis], any_scales, scales)
        if operand.selectable:
            operands[f"format_{side}"] = formats
    return operands
