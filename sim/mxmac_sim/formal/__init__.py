"""Formal proofs of the generated Verilog: properties, their specifications, and how they are proved."""
