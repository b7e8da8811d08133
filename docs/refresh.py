"""Measures again what is cheap to measure, and writes it into the pages: ``python docs/refresh.py``, about half an hour.

``--only`` selects parts. Figures of long campaigns are not among them: ``make stale`` lists their pages.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import measured
import results

from mxmac.config import Accumulator, MacConfig
from mxmac.verilog import generate
from mxmac_fpga.report.measure import Settings, measure
from mxmac_fpga.report.parts import PARTS, TOP
from mxmac_fpga.report.synthesis import CELLS, netlist
from mxmac_fpga.simulation.board import SIMULATED_CONFIG, accelerator_verilog
from mxmac_sim.campaigns.llm.campaign import QUESTION

DOCS = Path(__file__).parent
ROOT = DOCS.parent
KINDS = tuple(kind.value for kind in Accumulator)


def put(page: Path, part: str, markdown: str, subjects: list[str]):
    """Write figures and the digests of their subjects between the marks that the page has for a part."""
    text = "\n\n".join((markdown.strip(), measured.measured_now(subjects)))
    page.write_text(results.filled(page.read_text(), part, text))


def cells_of(accumulator: str, lanes: int) -> dict[str, int]:
    """Measure the cells of a unit on ECP5."""
    config = MacConfig(accumulator=Accumulator(accumulator), lanes=lanes)
    return measure("unit", PARTS["unit"], config, Settings(seeds=()))["cells"]


def unit(accumulator: str, lanes: int) -> str:
    """Return the subject of a unit with default options."""
    return f"report --lanes {lanes} --accumulator {accumulator}"


def boards():
    """Boards: utilisation and clock of every bitstream, in docs/fpga.md."""
    for command in (["-m", "mxmac", "fpga", "build", "--all"], [DOCS / "make_boards.py"]):
        subprocess.run([sys.executable, *command], cwd=ROOT, check=True)


def readme():
    """LUTs of the accumulators, and the size of the demo's unit, in README.md."""
    page = ROOT / "README.md"
    table = re.search(r"<!-- accumulators -->\n\n(.*?)\n\n<!--", page.read_text(), re.S)
    assert table is not None
    text = table[1]
    for kind in KINDS:
        luts = cells_of(kind, 8)["LUTs"]
        text = re.sub(rf"^(\| `{kind}`.*?\|.*?\| )[\d,]+(?= \|)", rf"\g<1>{luts:,}", text, flags=re.M)
    put(page, "accumulators", text, [unit(kind, 8) for kind in KINDS])
    design = generate(MacConfig(lanes=8), "mac8")
    size = f"{design.text.count(chr(10)):,} lines of Verilog, latency {design.manifest['latency']} cycles"
    page.write_text(re.sub(r"(?<=^build/demo/mac8.v: ).*", size, page.read_text(), flags=re.M))


def cost():
    """Cells of units with every accumulator, parallel and serial, in docs/architecture.md."""
    lines = ["| accumulator | lanes | LUTs | LUT4 | CCU2C | LUTRAM | flip-flops |", "|---|--:|--:|--:|--:|--:|--:|"]
    lanes = (1, 8, 32)
    for kind in KINDS:
        for count in lanes:
            cells = cells_of(kind, count)
            figures = (cells[name] for name in ("LUTs", "LUT4", "CCU2C", "LUTRAM cells", "flip-flops"))
            lines.append(f"| `{kind}` | {count} | " + " | ".join(f"{figure:,}" for figure in figures) + " |")
    page = DOCS / "architecture.md"
    put(page, "cost", "\n".join(lines), [unit(kind, count) for kind in KINDS for count in lanes])
    serial = re.search(r"<!-- serial -->\n\n(.*?)\n\n<!--", page.read_text(), re.S)
    assert serial is not None
    text = serial[1]
    for name, kind in (("SerialWindow", "window"), ("SerialExact", "exact")):
        luts = cells_of(kind, 1)["LUTs"]
        text = re.sub(rf"^(\| `{name}`.*?\|.*?\| )[\d,]+(?= \|)", rf"\g<1>{luts:,}", text, flags=re.M)
    put(page, "serial", text, [unit("window", 1), unit("exact", 1)])


def gateware():
    """Cells of the link, in docs/fpga.md."""
    lines = ["| | iCE40 LUTs | iCE40 EBR | ECP5 LUTs | ECP5 LUTRAM | ECP5 block RAM |", "|---|--:|--:|--:|--:|--:|"]
    texts = {
        "link and unit": (accelerator_verilog(), "accelerator"),
        "unit alone": (PARTS["unit"].make(SIMULATED_CONFIG).text, TOP),
    }
    for name, (text, top) in texts.items():
        figures = []
        with tempfile.TemporaryDirectory() as folder:
            for target in ("ice40", "ecp5"):
                cells = CELLS[target].count(netlist(text, top, target, Path(folder, target), dsp=False))
                figures += [cells[kind] for kind in ("LUTs", "LUTRAM cells", "block RAMs") if kind in cells]
        lines.append(f"| {name} | " + " | ".join(f"{figure:,}" for figure in figures) + " |")
    put(DOCS / "fpga.md", "gateware", "\n".join(lines), ["link", unit("window", 1)])


def example(words: str) -> list[str]:
    """Run a command, and return the lines that it prints."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "mxmac", *words.split()]
        done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, text=True, check=True)
    return [line.rstrip() for line in done.stdout.splitlines() if line.strip()]


def report():
    """Output of ``mxmac report``, in docs/commands.md."""
    words = "report --lanes 1 --accumulator window"
    # The lines that go to the other output have times in them.
    lines = "\n".join(("```console", f"$ mxmac {words}", "...", *example(words), "```"))
    put(DOCS / "commands.md", "report example", lines, [unit("window", 1)])


def explore():
    """Output of ``mxmac explore``, in docs/commands.md."""
    words = "explore --lanes 1,2,4 --accumulator window,fp32 --no-route -o points.csv"
    first, *points, last = example(words)
    # In the order of the options, not in that in which the measurements end.
    points.sort(key=_order)
    text = "\n".join(("```console", f"$ mxmac {words}", first, *points, last, "```"))
    put(
        DOCS / "commands.md", "explore example", text, [unit(kind, lanes) for lanes in (1, 2, 4) for kind in ("window", "fp32")]
    )


def _order(line: str) -> tuple[int, bool]:
    lanes = re.search(r"(\d+) lanes?, (\w+)", line)
    assert lanes is not None
    return int(lanes[1]), lanes[2] == "fp32"


def llm():
    """Output of ``make llm``, in README.md; a few minutes."""
    done = subprocess.run(["make", "--no-print-directory", "llm"], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    # The first run also prints how it sets itself up.
    output = done.stdout[done.stdout.index(f"{QUESTION}\n") :].strip()
    put(ROOT / "README.md", "llm", f"```console\n$ make llm\n{output}\n```", [unit("exact", 32)])


PARTS_OF_PAGES: dict[str, Callable[[], None]] = {
    "readme": readme,
    "cost": cost,
    "gateware": gateware,
    "report": report,
    "explore": explore,
    "boards": boards,
    "llm": llm,
}


def main():
    """Measure the selected parts."""
    described = "; ".join(f"{name}: {part.__doc__}" for name, part in PARTS_OF_PAGES.items())
    parser = argparse.ArgumentParser(
        prog="python docs/refresh.py", description=(__doc__ or "").splitlines()[0], epilog=described
    )
    parser.add_argument("--only", action="append", choices=PARTS_OF_PAGES, metavar="NAME", help="one part; may be repeated")
    given = parser.parse_args()
    for name in given.only or PARTS_OF_PAGES:
        print(f"{name}: {PARTS_OF_PAGES[name].__doc__}", flush=True)
        PARTS_OF_PAGES[name]()


if __name__ == "__main__":
    main()
