"""Verilated units with wrong results."""

from mxmac.verilog import generate
from mxmac_sim.simulators.bulk import BulkUnit

__all__ = ["broken_unit"]


def broken_unit(port, bits):
    """A function to call in the place of BulkUnit, with plain ports: its units XOR these bits, an expression, into a port."""

    def make(config, folder, **options):
        text = generate(config, "unit").text
        end = text.index(";", text.index(f"assign {port} = "))
        return BulkUnit(config, folder, text=f"{text[:end]} ^ {bits}{text[end:]}", **options)

    return make
