"""The MAC unit: datapath, flow control and plain ports."""

from .unit import MacUnit, UnitPlan, unit_plan

__all__ = ["MacUnit", "UnitPlan", "unit_plan"]
