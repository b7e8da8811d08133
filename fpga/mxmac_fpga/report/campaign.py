"""The measurements of docs/area.md: ``python -m mxmac_fpga.report.campaign`` writes build/report.json, and build/report/.

Each of them is one command of ``mxmac report``.
"""

import argparse
import json
import shlex
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from mxmac.cli.exit_status import with_exit_status
from mxmac.errors import UserError
from mxmac.files import check_folder, check_writable, written_whole
from mxmac.processes import Finished, failure, start
from mxmac_sim.campaigns.gates.technologies import LIBERTY
from mxmac_sim.campaigns.record import write_record

from .measure import generator, versions

__all__ = ["MEASUREMENTS", "main"]

_WINDOW_32, _FP32_8 = "--lanes 32 --accumulator window", "--lanes 8 --accumulator fp32"
_ALL = "--a E4M3,E5M2,E3M2,E2M3,E2M1,INT8 --b E4M3,E5M2,E3M2,E2M3,E2M1,INT8"
_QUANTIZER = "quantizer --from bf16 --to E4M3 --lanes 32 --rule all"
#: What of it is compared with what others do: each is measured on ECP5 and with standard cells.
_COMPARED = {
    "scale by a shift": "--part scale --accumulator window",
    "scale by an FP32 multiplication": "--part fp32-scale",
    "datapath, 8 lanes, window": "--part datapath --lanes 8 --accumulator window",
    "datapath, 8 lanes, fp32": f"--part datapath {_FP32_8}",
    "datapath, 8 lanes, fp32, scales in FP32": f"--part fp32-scale-datapath {_FP32_8}",
    "lane in FP32": "--part fp32-lane",
}
#: Arguments of ``mxmac report``, by what is measured.
MEASUREMENTS: dict[str, str] = {
    "32 lanes, window, ecp5": f"{_WINDOW_32} --target ecp5",
    "32 lanes, exact, ecp5": "--lanes 32 --accumulator exact --target ecp5",
    "32 lanes, window, DSP blocks, ecp5": f"{_WINDOW_32} --multiplier dsp --target ecp5",
    "8 lanes, exact, ecp5": "--lanes 8 --accumulator exact --target ecp5",
    "1 lane, window, ecp5": "--lanes 1 --accumulator window --target ecp5",
    "32 lanes, window": f"{_WINDOW_32} --pipeline 3",
    "1 lane, exact, all formats at run time": f"{_ALL} --lanes 1 --accumulator exact",
    "datapath, 8 lanes, fp32, ecp5": f"--part datapath {_FP32_8} --target ecp5",
    "lanes and sum, 32 of E4M3, ecp5": "--part beat-sum --lanes 32 --target ecp5",
    "lanes and sum, 32 of E2M1, ecp5": "--part beat-sum --a E2M1 --b E2M1 --lanes 32 --target ecp5",
    "lanes and sum, 32 of INT8, ecp5": "--part beat-sum --a INT8 --b INT8 --lanes 32 --target ecp5",
    "product of elements": "--part product",
    "multiplier": "--part multiplier",
    "quantizer, BF16 to E4M3, 32 elements a cycle, all rules": _QUANTIZER,
    "1 lane, window, iCE40": "--lanes 1 --accumulator window --on ice40",
    "1 lane, window, Gowin": "--lanes 1 --accumulator window --on gowin",
    "32 lanes, window, Xilinx": f"{_WINDOW_32} --on xilinx",
    "8 lanes, exact, Xilinx": "--lanes 8 --accumulator exact --on xilinx",
    "1 lane, window, Xilinx": "--lanes 1 --accumulator window --on xilinx",
    "32 lanes, window, standard cells": f"{_WINDOW_32} --target asic",
    "quantizer, BF16 to E4M3, 32 elements a cycle, all rules, standard cells": f"{_QUANTIZER} --on asic",
    **_COMPARED,
    **{f"{name}, standard cells": f"{arguments} --target asic" for name, arguments in _COMPARED.items()},
}


def _file_name(name: str) -> str:
    return "-".join(name.replace(",", "").lower().split()) + ".json"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m mxmac_fpga.report.campaign", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", action="append", choices=MEASUREMENTS, metavar="NAME", help="measure this; may be repeated")
    parser.add_argument("--seeds", default="1,2,3", help="of place and route (%(default)s)")
    parser.add_argument("--jobs", type=int, help="seeds at a time (one for each CPU)")
    parser.add_argument("--liberty", type=Path, help=f"standard cells ({LIBERTY})")
    parser.add_argument("--resume", action="store_true", help="keep what is in build/report already, if nothing has changed")
    parser.add_argument("--json", type=Path, default=Path("build/report.json"), help="where the results go (%(default)s)")
    return parser


@with_exit_status("report")
def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and return the exit status of the first measurement that fails."""
    words = sys.argv[1:] if arguments is None else arguments
    given = _parser().parse_args(words)
    console = Console(highlight=False)
    folder = given.json.with_suffix("")
    check_folder("json", folder)
    check_writable(given.json)
    if not (given.liberty or LIBERTY).is_file():
        raise UserError("liberty", "There is no library of standard cells; install qflow-tech-osu018, or name one")
    more = ["--jobs", str(given.jobs)] if given.jobs else []
    if given.liberty:
        more += ["--liberty", str(given.liberty)]
    results = {}
    for name in [name for name in MEASUREMENTS if name in (given.only or MEASUREMENTS)]:
        file = folder / _file_name(name)
        found = _kept(file, name, given.seeds) if given.resume else None
        if found is None:
            console.print(f"{name}: mxmac report {MEASUREMENTS[name]}", soft_wrap=True, markup=False)
            command = [*shlex.split(MEASUREMENTS[name]), "--seeds", given.seeds, *more, "-o", str(file), "--json"]
            started = time.monotonic()
            if status := _report(command):
                return status
            facts = {"arguments": MEASUREMENTS[name], "seconds": round(time.monotonic() - started, 1)}
            found = facts | json.loads(file.read_text())
            with written_whole(file) as temporary:
                temporary.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n")
        results[name] = found
    # Also what an earlier run has spent on what was kept; where the library is says nothing.
    began = time.monotonic() - sum(found["seconds"] for found in results.values())
    options = ["--seeds", given.seeds, *(word for name in given.only or () for word in ("--only", shlex.quote(name)))]
    measured = {f"report {found['arguments']}": found["sha256"] for found in results.values()}
    write_record(given.json, "python -m mxmac_fpga.report.campaign", options, began, {"results": results}, measured)
    return 0


def _report(arguments: Sequence[str]) -> int:
    """Run ``mxmac report``, and return its exit status; it says itself why it fails."""
    command = [sys.executable, "-m", "mxmac", "report", *arguments]
    with start("mxmac report", command, stdout=subprocess.DEVNULL) as child:
        status = child.wait()
    if status < 0:
        raise failure("mxmac report", Finished(status))
    return status


def _kept(file: Path, name: str, seeds: str) -> dict | None:
    """What an earlier run has left of a measurement; None if that was of other hardware, with other tools or other seeds."""
    try:
        found = json.loads(file.read_text())
        same = (found["arguments"], found["generator"], found["versions"]) == (
            MEASUREMENTS[name],
            generator(),
            versions(found["on"], routed="seeds" in found),
        )
        return found if same and list(found.get("seeds", seeds.split(","))) == seeds.split(",") else None
    except (OSError, ValueError, KeyError):
        return None


if __name__ == "__main__":
    sys.exit(main())
