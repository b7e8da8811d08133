"""A board without the board: what would be flashed, Verilated, behind a pseudo-terminal."""

import os
import subprocess
import sys
import tty
from contextlib import ExitStack
from pathlib import Path

from mxmac.config import Accumulator, MacConfig
from mxmac.errors import ToolError
from mxmac.files import private_folder
from mxmac.processes import run_tool, start
from mxmac.verilog.emit import component_verilog
from mxmac_sim.simulators.verilated import verilated

from ..gateware.accelerator import Accelerator

__all__ = ["SIMULATED_BAUD", "SIMULATED_CONFIG", "SimulatedBoard", "accelerator_verilog", "synthesized_ice40"]

#: Small, because the link is what limits it.
SIMULATED_CONFIG = MacConfig(lanes=1, accumulator=Accumulator.WINDOW)
#: As few cycles a bit as a receiver takes, because it is them that cost time.
SIMULATED_BIT_CLOCKS = 4
SIMULATED_BAUD = 1_000_000
#: Long enough for a host that is interrupted, short enough to wait for.
SIMULATED_TICK = 1 << 15
#: Seconds after which a simulation that was told to end is killed.
_PATIENCE = 60.0

_TOP = "accelerator"
_DRIVER = Path(__file__).with_name("board.cpp")
_OPTIONS = ("-Wno-fatal", "-CFLAGS", "-O2 -std=c++17")
_ICE40_CELLS = "ice40/cells_sim.v"


def accelerator_verilog(config: MacConfig = SIMULATED_CONFIG) -> str:
    """Verilog of an accelerator with the bit rate of the simulation; nothing else differs from what is flashed."""
    unit = Accelerator(config, SIMULATED_BIT_CLOCKS * SIMULATED_BAUD, SIMULATED_BAUD, tick_clocks=SIMULATED_TICK)
    return component_verilog(unit, _TOP, port_order=["rx", "tx", "leds"])


def synthesized_ice40(verilog: str) -> str:
    """Netlist of iCE40 cells that Yosys makes of a top module, with Yosys's models of the cells.

    Parameters
    ----------
    verilog : str
        Of a top module ``accelerator``.
    """
    with private_folder() as folder:
        source, netlist, models = (Path(folder, name) for name in ("source.v", "netlist.v", "cells.v"))
        source.write_text(verilog)
        script = "\n".join(
            [
                "import os, pyosys, shutil, sys",
                "from pyosys import libyosys as ys",
                "design = ys.Design()",
                f"for step in ('read_verilog source.v', 'synth_ice40 -dsp -top {_TOP}', 'write_verilog -noattr netlist.v'):",
                "    ys.run_pass(step, design)",
                f"shutil.copy(os.path.join(os.path.dirname(pyosys.__file__), 'share', '{_ICE40_CELLS}'), 'cells.v')",
            ]
        )
        run_tool("Yosys", [sys.executable, "-P", "-c", script], cwd=folder)
        return netlist.read_text() + models.read_text()


class SimulatedBoard:
    """A running simulation, as a context manager.

    Parameters
    ----------
    config : MacConfig
    folder : Path
        Folder of builds, which other processes may use at the same time; made if it does not exist.
    verilog : str, optional
        Of a top module ``accelerator`` with the ports of an :class:`~mxmac_fpga.gateware.accelerator.Accelerator`, instead
        of that of ``config``.

    Members
    -------
    port : str
        Name of the terminal, for ``serial.Serial``; while the simulation runs.
    clocks : int
        Simulated, once it has ended.

    Raises
    ------
    ToolError
        If a tool is missing or fails.
    """

    def __init__(
        self,
        config: MacConfig = SIMULATED_CONFIG,
        *,
        folder: Path = Path("build/fpga/sim"),
        verilog: str | None = None,
    ):
        self.port, self.clocks = "", 0
        self._child: subprocess.Popen[str] | None = None
        self._stack = ExitStack()
        text = accelerator_verilog(config) if verilog is None else verilog
        self._program = verilated(text, _TOP, _DRIVER, _OPTIONS, folder)

    def __enter__(self) -> "SimulatedBoard":
        master, slave = os.openpty()
        # The slave stays open, so that the terminal outlives the hosts that come and go.
        self._stack.callback(os.close, slave)
        try:
            tty.setraw(slave)
            arguments = [str(self._program), str(master), str(SIMULATED_BIT_CLOCKS), str(3 * SIMULATED_TICK)]
            # In a group of its own it hears of Ctrl-C from us alone; and it ends with us, as its standard input does.
            self._child = start(
                "The simulation of the board",
                arguments,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                pass_fds=[master],
                process_group=0,
            )
            self.port = os.ttyname(slave)
        except BaseException:
            self._stack.close()
            raise
        finally:
            os.close(master)
        return self

    def __exit__(self, *_):
        child, self._child = self._child, None
        try:
            assert child is not None
            try:
                self.clocks = int(child.communicate(timeout=_PATIENCE)[0] or 0)
            except BaseException:
                child.kill()
                child.communicate()
                raise
        finally:
            self._stack.close()

    def reset(self, after_bytes: int = 0):
        """Reset the board after ``after_bytes`` more bytes, in the middle of the next; if none comes, at once."""
        self._command("r", after_bytes)

    def glitch(self, after_bytes: int = 0):
        """Hold the line to the board low for three bits; when, is as in :meth:`reset`."""
        self._command("g", after_bytes)

    def _command(self, letter: str, after_bytes: int):
        if self._child is None or self._child.stdin is None:
            raise ToolError("The simulation of the board does not run")
        os.write(self._child.stdin.fileno(), letter.encode() + after_bytes.to_bytes(2, "little"))
