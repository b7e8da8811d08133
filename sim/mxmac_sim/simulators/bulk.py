"""Whole tensors through the Verilated unit, driven from compiled code."""

import re
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mxmac.config import MacConfig, with_plain_ports
from mxmac.errors import HardwareError
from mxmac.files import private_folder
from mxmac.processes import Finished, Processes, failure

from .kept import kept, sources_digest
from .verilated import verilated

__all__ = ["RESULT", "BulkRun", "BulkUnit", "check_end", "packed"]

_DRIVER = Path(__file__).with_name("bulk.cpp")
#: Exit status of the driver if the unit is stuck.
_STUCK = 1
#: Bytes of a result: the data, then the status.
RESULT = np.dtype([("data", "<u4"), ("status", "u1")])


@dataclass(frozen=True)
class BulkRun:
    """Results of a simulation.

    Members
    -------
    data : ndarray of uint32, shape (dots,)
    status : ndarray of uint8, shape (dots,)
    clocks : int
        Simulated cycles from the first beat offered to the last result taken.
    drain : int
        Cycles from the edge that took the last beat to the one that took the last result.
    result_clocks : int
        Sum of the numbers of all cycles in which results were taken: the same, if each of them came in the same cycle.
    seconds : float
        Wall time.
    """

    data: NDArray[np.uint32]
    status: NDArray[np.uint8]
    clocks: int
    drain: int
    result_clocks: int
    seconds: float


class BulkUnit:
    """A compiled simulation of a MAC unit.

    Parameters
    ----------
    config : MacConfig
    folder : Path
        Folder of builds, which other processes may use at the same time; made if it does not exist.
    waves : bool
        Whether runs can write waveforms. Such a simulation is slower.
    trace_depth : int
        Levels of hierarchy in waveforms, of which the unit is the second; 0 for all of them.
    driver : Path, optional
        C++ file that drives the unit instead of bulk.cpp, for which ``run`` and ``run_beats`` are.
    text : str, optional
        Verilog to simulate instead of what is generated, with the same ports; its top module is ``unit``. It may be a netlist.

    Raises
    ------
    HardwareError
        If Verilator rejects the Verilog.
    ToolError
        If a tool is missing or fails.
    """

    def __init__(
        self,
        config: MacConfig,
        folder: Path,
        *,
        waves: bool = False,
        trace_depth: int = 0,
        driver: Path = _DRIVER,
        text: str | None = None,
    ):
        self.config = config
        ingredients = (sources_digest(), config.as_dict())
        design = kept(folder, ingredients, lambda: _generated(config))
        #: The text that is generated for the configuration, and its manifest.
        self.generated: str = design["text"]
        self.manifest: dict[str, Any] = design["manifest"]
        text = self.generated if text is None else text
        defines = {"A_BYTES": self._operand_bytes("a"), "B_BYTES": self._operand_bytes("b"), "BLOCK_BEATS": config.beats}
        for side, operand in (("A", config.operand_a), ("B", config.operand_b)):
            if operand.selectable:
                defines[f"FORMAT_{side}"] = 1
        if config.addend is not None:
            defines["ADDEND"] = 1
        flags = " ".join(f"-D{name}={value}" for name, value in defines.items())
        options = ["-CFLAGS", f"-O2 -std=c++17 {flags}"]
        if waves:
            options += ["--trace-vcd", "-CFLAGS", "-DVM_TRACE_VCD_ENABLED"]
            options += ["--trace-depth", str(trace_depth)] if trace_depth else []
        if text != self.generated:
            # Compilers take very long for functions as long as those of a netlist.
            options += ["-Wno-fatal", "-Wno-lint", "--output-split-cfuncs", "1000", "--output-split-ctrace", "1000"]
            options += ["-CFLAGS", "-O1"]
        #: The compiled simulation.
        self.program = verilated(text, "unit", driver, options, folder)

    def _operand_bytes(self, side: str) -> int:
        operand = self.config.operand_a if side == "a" else self.config.operand_b
        return -(-operand.width * self.config.lanes // 8)

    def run(
        self,
        a: NDArray[np.uint8],
        scale_a: NDArray[np.uint8],
        b: NDArray[np.uint8],
        scale_b: NDArray[np.uint8],
        *,
        format_a: NDArray[np.uint8] | None = None,
        format_b: NDArray[np.uint8] | None = None,
        last_beats: NDArray[np.integer] | None = None,
        addend: NDArray[np.uint32] | None = None,
        idle: float = 0,
        stall: float = 0,
        seed: int = 1,
        waves: Path | None = None,
        processes: Processes | None = None,
    ) -> BulkRun:
        """Compute dot products of ``blocks`` blocks each.

        Parameters
        ----------
        a, b : ndarray of uint8, shape (dots, blocks, config.block)
            Element codes, one a byte.
        scale_a, scale_b : ndarray of uint8, shape (dots, blocks)
            UE8M0 codes.
        format_a, format_b : ndarray of uint8, shape (dots, blocks), optional
            Indices of the formats, where there are several.
        last_beats : ndarray of integers, shape (dots,), optional
            Beats of the last block of each, from 1 up; what lies beyond is not sent. By default all blocks are whole.
        addend : ndarray of uint32, shape (dots,), optional
            Codes that are added, if the unit has addends; by default zeros.
        idle, stall : float
            Chance that a cycle offers no beat, or takes no result.
        seed : int
            Of the two.
        waves : Path, optional
            VCD file to write; the unit must have been built with ``waves``.
        processes : Processes, optional
            What to start the simulation in.

        Raises
        ------
        HardwareError
            If the unit is stuck, or does not settle.
        ToolError
            If the simulation fails otherwise.
        """
        config = self.config
        dots, blocks, _ = a.shape
        zeros = np.zeros((dots, blocks), np.uint8)
        shape = (dots, blocks, config.beats)
        sides = [packed(x, config.lanes, op.width) for x, op in ((a, config.operand_a), (b, config.operand_b))]
        fields = [scale_a, scale_b, zeros if format_a is None else format_a, zeros if format_b is None else format_b]
        per_block = np.broadcast_to(np.stack(fields, axis=-1)[:, :, None, :], (*shape, 4))
        ends = np.full(dots, config.beats) if last_beats is None else np.asarray(last_beats)
        number = np.arange(blocks * config.beats).reshape(shape[1:])
        final = ((blocks - 1) * config.beats + ends - 1)[:, None, None]
        last = (number == final).astype(np.uint8)[..., None]
        parts = [*sides, per_block, last]
        if config.addend is not None:
            codes = np.zeros(dots, np.uint32) if addend is None else addend
            parts.append(np.broadcast_to(codes.astype("<u4").view(np.uint8).reshape(dots, 1, 1, 4), (*shape, 4)))
        beats = np.concatenate(parts, axis=-1)[number <= final]
        return self.run_beats(beats, dots, idle=idle, stall=stall, seed=seed, waves=waves, processes=processes)

    def run_beats(
        self,
        beats: NDArray[np.uint8],
        dots: int,
        *,
        idle: float = 0,
        stall: float = 0,
        seed: int = 1,
        waves: Path | None = None,
        plusargs: Sequence[str] = (),
        processes: Processes | None = None,
    ) -> BulkRun:
        """Run beats that are packed already, in the layout that bulk.cpp describes; ``dots`` of them end a dot product.

        ``plusargs`` go to what the Verilog asks of the command line, without the sign.
        """
        with private_folder() as folder:
            beats_file, results_file = Path(folder, "beats"), Path(folder, "results")
            beats_file.write_bytes(np.ascontiguousarray(beats, np.uint8).tobytes())
            chances = [str(min(255, round(256 * chance))) for chance in (idle, stall)]
            arguments = [str(self.program), str(beats_file), str(results_file), str(dots), *chances, str(seed)]
            arguments += [str(waves.resolve())] if waves else []
            start = time.perf_counter()
            words = ("verilator+rand+reset+2", f"verilator+seed+{seed % 0x7FFFFFFF + 1}", *plusargs)
            command = [*arguments, *(f"+{word}" for word in words)]
            done = (processes or Processes()).run("The simulation", command, check=False)
            seconds = time.perf_counter() - start
            check_end(done)
            results = np.fromfile(results_file, RESULT)
        clocks, drain, when = map(int, done.output.split())
        return BulkRun(results["data"].copy(), results["status"].copy(), clocks, drain, when, seconds)


def _generated(config: MacConfig) -> dict[str, Any]:
    """Generate the text and the manifest of a unit, with plain ports."""
    # Amaranth takes half a second, and a unit that was generated before does not need it.
    from mxmac.verilog import generate

    return asdict(generate(with_plain_ports(config), "unit"))


def check_end(done: Finished) -> None:
    """Distinguish a wrong unit from a failed simulation.

    Parameters
    ----------
    done : Finished
        Simulation that has ended, whose driver has status 1 if there was no transfer for a long time.

    Raises
    ------
    HardwareError
        If the unit is stuck, or does not settle.
    ToolError
        If the simulation failed otherwise.
    """
    if done.status == _STUCK:
        raise HardwareError(f"The unit is stuck: {done.errors.strip()}")
    complaint = re.search(r"^%Error: .*", done.errors + done.output, re.M)
    if done.status and complaint:
        raise HardwareError(f"The unit cannot be simulated: {complaint[0]}")
    if done.status:
        raise failure("The simulation", done)


def packed(codes: NDArray[np.uint8], lanes: int, width: int) -> NDArray[np.uint8]:
    """Pack codes into beats.

    Parameters
    ----------
    codes : ndarray of uint8, shape (dots, blocks, block)
        Element codes, one a byte.
    lanes : int
        Elements of a beat, the first one in the least significant bits.
    width : int
        Bits of an element.

    Returns
    -------
    ndarray of uint8, shape (dots, blocks, block / lanes, bytes)
    """
    lanewise = codes.reshape(*codes.shape[:2], codes.shape[2] // lanes, lanes)
    if width == 8:
        return lanewise
    bits = np.unpackbits(lanewise[..., None], axis=-1, bitorder="little")[..., :width]
    return np.packbits(bits.reshape(*bits.shape[:3], lanes * width), axis=-1, bitorder="little")
