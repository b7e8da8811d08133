"""Golden model, cocotb benches and the simulation runner of mxmac."""
