"""The MAC unit: datapath, flow control and plain ports."""

from .unit import MacUnit, result_queue_depth, unit_latency, unit_latency_min

__all__ = ["MacUnit", "result_queue_depth", "unit_latency", "unit_latency_min"]
