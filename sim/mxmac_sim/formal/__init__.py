"""Formal proofs of the generated Verilog: what is claimed, the specifications it is held against, and how it is proved."""
