"""Specifications in plain Verilog, each a harness around a part of the generated text, in words of their own."""
