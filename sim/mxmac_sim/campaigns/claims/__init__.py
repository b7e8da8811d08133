"""Claims about block scales that are powers of two, measured: bytes, area, accumulators, and whole models."""
