"""The plan of an accumulator: timing, range and stages in one configuration."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import partial

from amaranth.lib import wiring

from ..config import MacConfig
from ..primitives.credit_queue import QUEUE_CLOCKS
from ..stages.beat_sum import beat_latency

__all__ = ["BLOCK_CREDIT_CLOCKS", "Kind", "Plan", "block_queue_depth"]

#: Cycles from when a block leaves its queue until its place counts as free: the two may lie far apart.
BLOCK_CREDIT_CLOCKS = 2


class Kind(Enum):
    """Architecture of an accumulator; serial ones work on a few bits per cycle, in the time that long blocks leave."""

    PARALLEL_EXACT = "parallel exact"
    CHUNKED_EXACT = "chunked exact"
    SERIAL_EXACT = "serial exact"
    PARALLEL_WINDOW = "parallel window"
    SERIAL_WINDOW = "serial window"
    FP32 = "fp32"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Timing, range and stages of the accumulator of one configuration. All times are in clock cycles.

    Every accumulator has the same interface. The first of its stages takes scaled blocks from a stream ``i``, and the last
    returns results in a stream ``o``: ``result_layout(config.output)``, one for each dot product. In between, the stream ``o``
    of each stage is connected to the stream ``i`` of the next. If blocks may wait, the first stage pulses ``taken`` for each
    block that has left its queue.

    Members
    -------
    kind : Kind
    stages : mapping of str to partial
        Class and parameters of each stage, in order, by the name of the submodule. A call creates the component.
    latency : (int, int)
        Least and largest latency, from the last block of a dot product to its result.
    latency_reached : bool
        Whether some dot product has the largest latency. Where it depends on the blocks that wait, it is a bound.
    block_interval : int
        Sustained initiation interval of whole blocks.
    dot_interval : int
        Worst-case sustained initiation interval of dot products with fewer beats than that.
    addend_interval : int
        Cycles that a dot product takes besides those of its blocks, for its addend.
    result_interval : int
        Initiation interval of dot products that the queue of results is designed for.
    queue : int
        Places for blocks in the first stage; 0 if blocks never wait.
    scale_lead : int
        Cycles by which the scale of a block comes ahead of its sum. If not 0, the first stage has a port ``scale``, and its
        stream ``i`` has sums alone.
    whole_blocks : bool
        Whether a block that ends early takes the cycles of a whole one.
    rate, range : tuple of str
        Rate and range in words: lines of the header of the Verilog.
    limits : mapping of str to int
        The range in numbers, for the manifest: ``blocks_per_dot`` that cannot overflow, ``headroom_bits`` of an anchored
        window above the largest sum of its anchor. Absent where there is none.
    note : str
        Warning about a configuration with an unusual range; empty if there is none.
    """

    kind: Kind
    stages: Mapping[str, partial[wiring.Component]]
    latency: tuple[int, int]
    block_interval: int
    dot_interval: int
    result_interval: int
    latency_reached: bool = True
    addend_interval: int = 0
    queue: int = 0
    scale_lead: int = 0
    whole_blocks: bool = False
    rate: tuple[str, ...]
    range: tuple[str, ...] = ()
    limits: Mapping[str, int] = field(default_factory=dict)
    note: str = ""


def block_queue_depth(config: MacConfig, block_interval: int) -> int:
    """Return the places that a queue of blocks needs so that whole blocks follow each other without a gap.

    Parameters
    ----------
    config : MacConfig
    block_interval : int
        Sustained initiation interval of whole blocks, in cycles.
    """
    return -(-(beat_latency(config) + QUEUE_CLOCKS + 3 + BLOCK_CREDIT_CLOCKS) // block_interval) + 2
