"""Activity of the nets of a netlist while it computes real dot products: two rows of MiniLM's weights and activations."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np
from vcd.reader import TokenKind, tokenize

from mxmac.config import MacConfig
from mxmac.errors import HardwareError
from mxmac_sim import golden
from mxmac_sim.golden.quantize import Overflow, ScaleRule, quantize
from mxmac_sim.simulators.bulk import BulkUnit

__all__ = ["Activity", "simulated_activity"]

#: Rows of activations and of weights, all pairs of which are multiplied.
_ROWS = 4


@dataclass(frozen=True)
class Activity:
    """How a netlist was used.

    Members
    -------
    nets : dict of str to tuple of float
        By net, with the index of a bit in brackets: transitions a cycle, and share of the time that it is 1.
    macs_per_cycle : float
        Multiplications and additions a cycle.
    dots : int
        Dot products computed.
    """

    nets: Mapping[str, tuple[float, float]]
    macs_per_cycle: float
    dots: int


def simulated_activity(config: MacConfig, netlist: str, models: str, folder: Path) -> Activity:
    """Compute dot products of MiniLM's tile on a netlist, and count the transitions of its nets.

    Parameters
    ----------
    config : MacConfig
        Of it: the first format of each operand is used.
    netlist : str
        Verilog of instances of cells; its top module is ``unit``.
    models : str
        Verilog of the cells.
    folder : Path

    Raises
    ------
    HardwareError
        If a result is not the golden model's.
    ToolError
        If a tool fails.
    """
    with resources.as_file(resources.files("mxmac_sim") / "data" / "minilm_tile.npz") as file, np.load(file) as tile:
        floats = [tile[name][:_ROWS] for name in ("activations", "weights")]
    sides = [
        quantize(rows, operand.formats[0], block=config.block, rule=ScaleRule.RCEIL, overflow=Overflow.SAT)
        for rows, operand in zip(floats, (config.operand_a, config.operand_b), strict=True)
    ]
    a, b = (side.elements.reshape(_ROWS, -1, config.block) for side in sides)
    pairs = np.indices((_ROWS, _ROWS)).reshape(2, -1)
    operands = (a[pairs[0]], sides[0].scales[pairs[0]], b[pairs[1]], sides[1].scales[pairs[1]])
    unit = BulkUnit(config, folder, waves=True, trace_depth=2, text=netlist + models)
    dump = folder / "activity.vcd"
    run = unit.run(*operands, waves=dump)
    data, status = golden.dot(*operands, config)
    if not (np.array_equal(run.data, data) and np.array_equal(run.status, status)):
        raise HardwareError("The netlist of standard cells does not give the golden model's results")
    nets, cycles = _transitions(dump)
    return Activity(nets, operands[0].size / cycles, len(data))


@dataclass
class _Net:
    """A net in a waveform: its value, since when, how often it changed, and how long it was 1."""

    value: int = 0
    since: int = 0
    changes: int = 0
    high: int = 0

    def change(self, value: int, time: int):
        if value != self.value:
            self.high += self.value * (time - self.since)
            self.value, self.since, self.changes = value, time, self.changes + 1


def _transitions(dump: Path) -> tuple[dict[str, tuple[float, float]], float]:
    """Count transitions in a waveform: by net a cycle, with the share of the time that it is 1; and the cycles."""
    scopes: list[str] = []
    nets: dict[str, _Net] = {}
    bits: dict[str, list[_Net]] = {}
    time = 0
    with dump.open("rb") as file:
        for token in tokenize(file):
            kind = token.kind
            if kind is TokenKind.CHANGE_SCALAR:
                for net in bits.get(token.scalar_change.id_code, ()):
                    net.change(int(token.scalar_change.value == "1"), time)
            elif kind is TokenKind.CHANGE_TIME:
                time = token.time_change
            elif kind is TokenKind.CHANGE_VECTOR:
                value = int(token.vector_change.value)
                for index, net in enumerate(bits.get(token.vector_change.id_code, ())):
                    net.change(value >> index & 1, time)
            elif kind is TokenKind.SCOPE:
                scopes.append(token.scope.ident)
            elif kind is TokenKind.UPSCOPE:
                scopes.pop()
            elif kind is TokenKind.VAR and scopes[-1] == "unit":
                name, size = token.var.reference, token.var.size
                names = [name] if size == 1 else [f"{name}[{index}]" for index in range(size)]
                nets |= {name: _Net() for name in names}
                bits[token.var.id_code] = [nets[name] for name in names]
    for net in nets.values():
        net.high += net.value * (time - net.since)
    cycles = nets["clk"].changes / 2
    return {name: (net.changes / cycles, net.high / time) for name, net in nets.items()}, cycles
