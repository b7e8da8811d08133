"""Accumulation in fixed point of a chosen width."""
