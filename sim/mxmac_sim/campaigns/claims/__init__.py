"""What is claimed about block scales that are powers of two, measured: bytes, area, accumulators, and whole models."""
