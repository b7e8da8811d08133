"""Mutation testing of the generated Verilog."""
