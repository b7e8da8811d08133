"""Simulations driven by compiled code."""

from collections.abc import Sequence
from pathlib import Path

from mxmac.processes import run_tool

from .builds import LOG, build_failure, built
from .runtime import linked_runtime
from .toolchain import VERILATOR, VERILATOR_BUILD_ARGUMENTS, environment

__all__ = ["verilated"]


def verilated(text: str, top: str, driver: Path, options: Sequence[str], folder: Path) -> Path:
    """Build a program from Verilog and a driver in C++, unless it exists, and return its path.

    Parameters
    ----------
    text : str
        Verilog.
    top : str
        Name of the top module.
    driver : Path
        C++ file with ``main``, which may include headers of its folder.
    options : sequence of str
        More options of Verilator.
    folder : Path
        Folder of the builds; made if it does not exist.

    Raises
    ------
    HardwareError
        If Verilator rejects the Verilog.
    ToolError
        If a tool is missing or fails.
    """

    def build(place: Path):
        (place / f"{top}.v").write_text(text)
        command = [
            str(VERILATOR), "--cc", "--exe", "--build", "-O3", "--x-initial", "unique", *VERILATOR_BUILD_ARGUMENTS,
            "--top-module", top, "--Mdir", ".", *options, f"{top}.v", str(driver.resolve()),
        ]  # fmt: skip
        for argument in linked_runtime(place, folder, waves="--trace-vcd" in options):
            command += ["-MAKEFLAGS", argument]
        done = run_tool("Verilator", command, cwd=place, env=environment(), check=False)
        if done.status:
            raise build_failure("Verilator", done, done.errors + done.output, folder / LOG)

    sources = [driver, *sorted(driver.parent.glob("*.h"))]
    ingredients = repr((text, [source.read_text() for source in sources], top, options))
    return built(folder, ingredients, build).resolve() / f"V{top}"
