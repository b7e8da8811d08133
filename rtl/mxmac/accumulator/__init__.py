"""The accumulators: one interface, three points of cost and accuracy.

Each accumulator describes itself with a :class:`Plan`, and everything else asks that plan. ``_PLANS`` is the one table of all
accumulators.
"""

from collections.abc import Callable

from ..config import Accumulator, MacConfig
from .exact.chunked import chunked_exact_plan
from .exact.parallel import parallel_exact_plan
from .exact.serial import serial_exact_plan
from .fp32.accumulator import fp32_plan
from .plan import Kind, Plan
from .window.parallel import parallel_window_plan
from .window.serial import serial_window_plan

__all__ = ["Kind", "Plan", "accumulator_plan"]

#: Makes the plan of one kind of accumulator; None if the blocks of the configuration have too few beats for it.
_Planner = Callable[[MacConfig, int | None], Plan | None]

#: The kinds of each accumulator: the first one that suits the configuration is built.
_PLANS: dict[Accumulator, tuple[_Planner, ...]] = {
    Accumulator.EXACT: (serial_exact_plan, chunked_exact_plan, parallel_exact_plan),
    Accumulator.WINDOW: (serial_window_plan, parallel_window_plan),
    Accumulator.FP32: (fp32_plan,),
}


def accumulator_plan(config: MacConfig, *, queue: int | None = None) -> Plan:
    """Return the plan of the accumulator of a unit.

    Parameters
    ----------
    config : MacConfig
    queue : int, optional
        Places for blocks before an accumulator that may let blocks wait; by default, as many as the unit has.
    """
    return next(plan for planner in _PLANS[config.accumulator] if (plan := planner(config, queue)))
