"""Verilator and Yosys as tools, and simulations without cocotb."""
