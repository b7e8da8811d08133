"""Accumulation in binary32, rounded once per block."""
