"""Faults on the link to the simulated board, and what becomes of them.

Every trial computes dot products with one fault somewhere in the traffic, and compares every result with the golden model.
"""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mxmac.config import MacConfig
from mxmac_sim import golden

from ..host.board import Board
from ..host.link import Line, LinkError, open_port
from ..host.packing import Job, jobs, pack
from ..host.selftest import random_operands
from ..protocol import FRAME_OVERHEAD, Frame, block_bytes, encode, result_bytes
from .board import SIMULATED_BAUD, SimulatedBoard

__all__ = ["Fault", "FaultyLine", "HostKilledError", "Tally", "campaign"]

#: Seconds without an answer after which the host asks again: as little as a simulation needs, since it is what costs time.
_TIMEOUT = 0.05
#: Seconds in which the simulation has to say what it is, on a busy machine too.
_PATIENCE = 60.0
#: Different dot products of each shape, of which every trial takes some.
_POOL = 64
#: Blocks of the dot products, and how many of them a trial computes.
_SHAPES = ((1, 4), (2, 3), (4, 1))
#: Blocks that the host sends in a frame.
_BLOCKS_A_FRAME = (1, 2)


class Fault(Enum):
    """What happens to the link; the value says it in words."""

    FLIP_OUT = "bits flipped, to the board"
    FLIP_IN = "bits flipped, from the board"
    DROP_OUT = "bytes dropped, to the board"
    DROP_IN = "bytes dropped, from the board"
    DUPLICATE_OUT = "bytes duplicated, to the board"
    DUPLICATE_IN = "bytes duplicated, from the board"
    INSERT_OUT = "noise inserted, to the board"
    INSERT_IN = "noise inserted, from the board"
    REPEAT_OUT = "whole frame repeated"
    CUT_OUT = "frame cut off"
    GLITCH = "line held low for three bits"
    KILL = "host killed in mid-frame"
    RESET = "board reset in mid-block"


class HostKilledError(Exception):
    """Stands for the end of the host's process."""


class FaultyLine:
    """A line to the board that does a single fault.

    Parameters
    ----------
    line : Line
    fault : Fault
        ``GLITCH`` and ``RESET`` are done elsewhere.
    at : int
        Byte that it hits, counted from now in its direction.
    rng : numpy.random.Generator
        For which bits, and how many bytes.

    Members
    -------
    happened : bool
        Whether the byte has passed.
    """

    def __init__(self, line: Line, fault: Fault, at: int, rng: np.random.Generator):
        self._line, self._fault, self._at, self._rng = line, fault, at, rng
        self.happened = False

    def write(self, data: bytes) -> int:
        """Send bytes, most of them."""
        if not self._fault.name.endswith("_IN"):
            changed = self._changed(data)
            self._line.write(changed)
            if self._fault is Fault.KILL and self.happened:
                raise HostKilledError
        else:
            self._line.write(data)
        return len(data)

    def read(self, size: int = 1) -> bytes:
        """Receive bytes."""
        data = self._line.read(size)
        return self._changed(data) if self._fault.name.endswith("_IN") else data

    @property
    def in_waiting(self) -> int:
        """Bytes that can be read at once."""
        return self._line.in_waiting

    def close(self) -> None:
        """Give the port back."""
        self._line.close()

    def _changed(self, data: bytes) -> bytes:
        if self.happened or self._fault in (Fault.GLITCH, Fault.RESET):
            return data
        if self._at >= len(data):
            self._at -= len(data)
            return data
        self.happened = True
        before, hit, after = data[: self._at], data[self._at], data[self._at + 1 :]
        count = int(self._rng.integers(1, 5))
        match self._fault:
            case Fault.FLIP_OUT | Fault.FLIP_IN:
                bits = sum(1 << int(bit) for bit in self._rng.choice(8, min(count, 3), replace=False))
                return before + bytes([hit ^ bits]) + after
            case Fault.DROP_OUT | Fault.DROP_IN:
                return before + after[count - 1 :]
            case Fault.DUPLICATE_OUT | Fault.DUPLICATE_IN:
                again = data[self._at : self._at + count]
                return before + again + again + after[count - 1 :]
            case Fault.INSERT_OUT | Fault.INSERT_IN:
                return before + self._rng.bytes(8 * count) + data[self._at :]
            case Fault.REPEAT_OUT:
                # The host writes a frame at a time.
                return data + data
            case _:
                return before


@dataclass
class Tally:
    """What became of the faults of one kind.

    Members
    -------
    injected : int
    noticed : int
        Faults of which the board or the host complained, or a request had to be repeated. Others changed nothing that counts,
        such as a second end of a frame.
    recovered : int
        Trials that ended with all results, without anybody's help.
    wrong : int
        Results that were accepted and are not those of the golden model.
    failures : list of str
        What the host said when it gave up.
    """

    injected: int = 0
    noticed: int = 0
    recovered: int = 0
    wrong: int = 0
    failures: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Pool:
    """Dot products of one shape with their results."""

    operands: dict[str, Any]
    data: NDArray[np.uint32]
    status: NDArray[np.uint8]
    dots: int

    @classmethod
    def of(cls, config: MacConfig, blocks: int, dots: int, rng: np.random.Generator) -> "_Pool":
        operands = random_operands(config, _POOL, blocks, rng)
        return cls(operands, *golden.dot(**operands, config=config), dots)

    def some(self, rng: np.random.Generator) -> "_Pool":
        """As many of them as a trial computes."""
        part = rng.choice(_POOL, self.dots, replace=False)
        operands = {name: array[part] for name, array in self.operands.items()}
        return _Pool(operands, self.data[part], self.status[part], self.dots)


def campaign(
    simulation: SimulatedBoard,
    config: MacConfig,
    faults: int,
    *,
    seed: int = 1,
    progress: Callable[[], object] = lambda: None,
) -> dict[Fault, Tally]:
    """Inject faults of all kinds, as evenly as possible.

    Parameters
    ----------
    simulation : SimulatedBoard
        Running. It is never started anew.
    config : MacConfig
        Of its unit.
    faults : int
    seed : int
        Of operands, faults and places. When things happen is up to the machine.
    progress : callable
        Called after every fault.
    """
    rng = np.random.default_rng(seed)
    pools = [_Pool.of(config, blocks, dots, rng) for blocks, dots in _SHAPES]
    tallies = {fault: Tally() for fault in Fault}
    session = _Session(simulation)
    try:
        for index in range(faults):
            fault = list(Fault)[index % len(Fault)]
            session.trial(fault, pools[int(rng.integers(len(pools)))].some(rng), tallies[fault], rng)
            progress()
    finally:
        session.board.close()
    return tallies


class _Session:
    """A host and its successors, if it is killed."""

    def __init__(self, simulation: SimulatedBoard):
        self._simulation = simulation
        self._open()

    def _open(self):
        self._line = open_port(self._simulation.port, SIMULATED_BAUD)
        self.board = Board(self._line, timeout=_TIMEOUT, patience=_PATIENCE)
        self._facts = self.board.facts

    def trial(self, fault: Fault, dots: _Pool, tally: Tally, rng: np.random.Generator):
        board = self.board
        # Short frames, so that there are several of them, and of long dot products.
        blocks = int(rng.choice(_BLOCKS_A_FRAME))
        buffer = 4 * (blocks * block_bytes(board.config) + FRAME_OVERHEAD + 1) + 1
        board.facts = dataclasses.replace(self._facts, buffer=buffer)
        parts = list(jobs(board.facts, pack(board.config, **dots.operands)))
        at = int(rng.integers(_traffic(board.config, parts, fault)))
        before = board.statistics.trouble
        faulty = FaultyLine(self._line, fault, at, rng)
        board.link.line = faulty
        if fault is Fault.RESET:
            self._simulation.reset(at)
        if fault is Fault.GLITCH:
            self._simulation.glitch(at)
        tally.injected += 1
        try:
            results = board.dot(**dots.operands)
        except HostKilledError:
            board.close()
            self._open()
            board, before = self.board, 0
            results = board.dot(**dots.operands)
        except LinkError as error:
            tally.failures.append(str(error))
            board.close()
            self._open()
            return
        board.link.line, board.facts = self._line, self._facts
        # What has come too late for the last result is noticed as well.
        board.link.ask()
        tally.noticed += board.statistics.trouble > before
        tally.recovered += 1
        tally.wrong += int(np.count_nonzero((results[0] != dots.data) | (results[1] != dots.status)))


def _traffic(config: MacConfig, parts: list[Job], fault: Fault) -> int:
    """Bytes that pass in the direction of a fault if there is none."""
    if not fault.name.endswith("_IN"):
        return sum(len(encode(Frame(kind, 0, payload))) for part in parts for kind, payload in part.frames)
    return sum(
        FRAME_OVERHEAD + 2 + part.results(frame) * result_bytes(config) for part in parts for frame in range(len(part.frames))
    )
