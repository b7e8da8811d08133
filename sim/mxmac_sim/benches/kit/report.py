"""What a bench reports: counts, and the operands of what went wrong."""

import json
import struct
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from mxmac.formats import Format
from mxmac.quantizer.config import QuantizerConfig

__all__ = [
    "Miss",
    "Report",
    "Test",
    "flag_names",
    "progress_file",
    "report_file",
    "shown",
    "shown_beat",
    "shown_result",
]

#: Mismatches of a bench that are described, besides the first one of each test; all are counted.
_DESCRIBED = 8


def report_file(folder: Path) -> Path:
    """Where a bench that runs in ``folder`` leaves its report."""
    return folder / "report.json"


def progress_file(folder: Path) -> Path:
    """Where it says how much of its work is done, as a number from 0 to 1."""
    return folder / "progress"


@dataclass(frozen=True)
class Miss:
    """One result that was not the expected one; values are texts, in hexadecimal and decimal.

    Members
    -------
    test, time : str
        Which test of the bench, and the simulated time, as in the waveform.
    operands, expected, got : dict
        By name.
    """

    test: str
    time: str
    operands: dict[str, str]
    expected: dict[str, str]
    got: dict[str, str]


@dataclass(frozen=True)
class Test:
    """How one test of a bench went.

    Members
    -------
    name : str
        As in ``Miss``.
    seconds : float
        Wall time.
    misses : int
    problem : str
        What ended it besides mismatches; empty if nothing did.
    """

    name: str
    seconds: float
    misses: int
    problem: str = ""


@dataclass
class Report:
    """Counts of all tests of a bench so far.

    Members
    -------
    vectors, beats, dots : int
        Inputs of a component; beats and dot products of a unit.
    macs : int
        Element pairs multiplied.
    clocks : int
    checks, misses : int
        Results that were compared, and that were wrong.
    details : list of Miss
        The first of them, and the first of each test.
    seconds : float
        Wall time inside the simulator.
    tests : list of Test
        All that have ended.
    """

    vectors: int = 0
    beats: int = 0
    dots: int = 0
    macs: int = 0
    clocks: int = 0
    checks: int = 0
    misses: int = 0
    seconds: float = 0
    details: list[Miss] = field(default_factory=list)
    tests: list[Test] = field(default_factory=list)

    def add(self, miss: Miss):
        """Count a mismatch."""
        self.misses += 1
        if len(self.details) < _DESCRIBED or all(seen.test != miss.test for seen in self.details):
            self.details.append(miss)

    def write(self, folder: Path):
        """Write the report of a bench that runs in ``folder``."""
        report_file(folder).write_text(json.dumps(asdict(self), indent=1) + "\n")

    @staticmethod
    def read(folder: Path) -> "Report":
        """Read it back.

        Raises
        ------
        OSError
            If the bench has not got as far as writing one.
        """
        values = json.loads(report_file(folder).read_text())
        details = [Miss(**miss) for miss in values.pop("details")]
        tests = [Test(**test) for test in values.pop("tests")]
        return Report(**values, details=details, tests=tests)


def shown(value: int, bits: int) -> str:
    """Write an integer as its ``bits`` bits in hexadecimal and in decimal."""
    digits = f"0x{value & (1 << bits) - 1:0{-(-bits // 4)}x}"
    return digits if bits == 1 else f"{digits} ({value})"


def shown_result(code: int, status: int, output: Format) -> dict[str, str]:
    """Write a result of a unit: its code in hexadecimal, what it means in decimal, and the names of its flags."""
    value = _value(code, output)
    return {
        "data": f"0x{code:0{output.width // 4}x} ({value!r})",
        "status": f"0x{status:02x} ({flag_names(status) or 'no flags'})",
    }


def shown_beat(config: QuantizerConfig, beat: Sequence[int]) -> dict[str, str]:
    """Write a beat of a quantizer's result: its elements, their scale, and whether it ends a row."""
    data, scale, last = beat
    digits = -(-config.lanes * config.to.width // 4)
    return {"data": f"0x{data:0{digits}x}", "scale": shown(scale, 8), "last": shown(last, 1)}


def flag_names(status: int) -> str:
    """Return the names of the flags that are set."""
    # NumPy takes as long to import as everything else here, and who only reads a report does not need it.
    from mxmac_sim.golden.rounding import DZ, NV, NX, OF, UF

    return " ".join(name for name, flag in {"NV": NV, "DZ": DZ, "OF": OF, "UF": UF, "NX": NX}.items() if status & flag)


def _value(code: int, output: Format) -> float:
    if output.exp_bits == 8:  # bfloat16 is the upper half of a binary32
        code, kind = code << 32 - output.width, "f"
    else:
        kind = "e"
    value: float = struct.unpack(f"<{kind}", code.to_bytes(struct.calcsize(kind), "little"))[0]
    return value
