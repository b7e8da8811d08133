"""Home of the board targets of mxmac: gateware and the host that talks to it. No board is supported yet."""
