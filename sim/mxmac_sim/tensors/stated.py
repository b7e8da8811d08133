"""What a caller knows about a quantized tensor whose file leaves it open."""

from dataclasses import dataclass

from mxmac.formats import Format
from mxmac_sim.tensors.archives import MAX_SIZE

__all__ = ["Stated"]


@dataclass(frozen=True, kw_only=True)
class Stated:
    """Facts about a quantized tensor that its file may leave open. A file that contradicts one of them is refused.

    Parameters
    ----------
    format : Format, optional
        Element format.
    block : int, optional
        Elements per block.
    max_size : float
        Largest size of its arrays, in GiB of memory.
    format_parameter, block_parameter : str
        The caller's names for ``format`` and ``block``, for errors that ask for them.
    """

    format: Format | None = None
    block: int | None = None
    max_size: float = MAX_SIZE
    format_parameter: str = "format"
    block_parameter: str = "block"
