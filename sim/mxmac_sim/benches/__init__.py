"""Benches for cocotb, one a file, and what they are made of.

A bench drives and reads the ports of its top module only. What it expects comes from the golden model, or is written down
in plain integers from the definition of the arithmetic; how many cycles a result takes is what the hardware's own
documentation states. :mod:`mxmac_sim.verify.catalogue` says which benches a configuration has,
:mod:`mxmac_sim.verify.runner` runs them.
"""
