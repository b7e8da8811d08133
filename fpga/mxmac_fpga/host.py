"""The host's side: a board as something that computes dot products."""

import os
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import serial
from numpy.typing import NDArray

from mxmac.config import MacConfig
from mxmac.errors import UserError

from .packing import Job, jobs, pack, unpack
from .protocol import FRAME_OVERHEAD, REPLY, Decoder, ErrorCode, Facts, Frame, Kind, encode, result_bytes

__all__ = ["Board", "Line", "LinkError", "LinkStatistics", "open_port"]

#: Seconds that one look for what has come may take.
_LOOK = 0.02
#: Random bytes that a board has to send back, so that an answer is known to be to this question.
_NONCE = 8
#: How often to ask what is on the board, and to ask for the same results, before giving up.
_GREETINGS, _ATTEMPTS = 10, 100
#: Dot products that are made ready to be sent at a time.
_CHUNK = 1024
#: Bytes of what a board may say of itself.
_FACTS_MAX = 1024


class LinkError(RuntimeError):
    """The board has stopped to answer, or answers what cannot be; the message says which."""


class Line(Protocol):
    """What is needed of a ``serial.Serial``. Reading waits a little if there is nothing yet."""

    def write(self, data: bytes, /) -> int | None:
        """Send bytes."""

    def read(self, size: int = 1, /) -> bytes:
        """Receive at most so many bytes."""

    @property
    def in_waiting(self) -> int:
        """Bytes that can be read at once."""

    def close(self) -> None:
        """Give the port back."""


@dataclass
class LinkStatistics:
    """What has happened on the link, as the host sees it.

    Members
    -------
    requests, replies : int
        Frames sent, and replies that were used.
    retries : int
        Jobs that had to be asked for again.
    timeouts : int
        Times that nothing came.
    rejected : int
        Pieces of what came that were no frame, by their CRC.
    stray : int
        Frames that answered nothing that was still open.
    errors : Counter of ErrorCode
        What the board had to complain about.
    bytes_out, bytes_in : int
    """

    requests: int = 0
    replies: int = 0
    retries: int = 0
    timeouts: int = 0
    rejected: int = 0
    stray: int = 0
    errors: Counter[int] = field(default_factory=Counter)
    bytes_out: int = 0
    bytes_in: int = 0

    @property
    def trouble(self) -> int:
        """How often anything was noticed that should not be."""
        return self.timeouts + self.rejected + self.stray + self.errors.total() + self.retries


@dataclass(eq=False)
class _Attempt:
    """One sending of a job."""

    job: Job
    next_frame: int = 0
    failed: bool = False


@dataclass(eq=False)
class _Sent:
    """A request that is not answered yet."""

    sequence: int
    attempt: _Attempt
    frame: int
    size: int


def open_port(port: str, baud: int) -> serial.Serial:
    """Open a serial port for :class:`Board`.

    Raises
    ------
    UserError
        If there is no such port, or it cannot be used.
    """
    try:
        return serial.Serial(port, baud, timeout=_LOOK, exclusive=True)
    except (serial.SerialException, OSError, ValueError) as error:
        why = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error)
        raise UserError("port", f"Cannot open {port!r}: {why}. Is the board plugged in, and may you use the port?") from error


class Board:
    """A board, or its simulation, at the end of a serial line.

    Parameters
    ----------
    port : str or Line
        Name of a serial port; or what stands for one that is open, which is closed with the board.
    baud : int
        Rate to open the port with.
    timeout : float
        Seconds without an answer after which a request counts as lost, besides those that the bytes take.

    Members
    -------
    config : MacConfig
        Of the unit on the board, by its own account.
    facts : Facts
        Everything that it says of itself.
    line : Line
        Where it is.
    statistics : LinkStatistics

    Raises
    ------
    UserError
        If there is no such port, or nothing answers there that this version understands.
    """

    def __init__(self, port: str | Line, *, baud: int = 1_000_000, timeout: float = 0.25):
        self.statistics = LinkStatistics()
        self.line: Line = open_port(port, baud) if isinstance(port, str) else port
        self._baud, self._timeout = baud, timeout
        self._decoder = Decoder()
        self._sequence = int.from_bytes(os.urandom(2), "little")
        self._last_heard = 0.0
        try:
            self.facts = self._greet()
        except LinkError as error:
            self.close()
            raise UserError("port", str(error)) from error
        except BaseException:
            self.close()
            raise

    @property
    def config(self) -> MacConfig:
        """Configuration of the unit on the board."""
        return self.facts.config

    def __enter__(self) -> "Board":
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Give the port back. What the board still has to say is lost."""
        self.line.close()

    def ask(self) -> Facts:
        """Ask once more what is on the board. Whatever was still on its way has come when it answers.

        Raises
        ------
        LinkError
            If nothing answers, or what does is of no use.
        """
        return self._greet()

    # Frames

    def _send(self, kind: int, payload: bytes) -> tuple[int, int]:
        """Send a request, and return its sequence number and the bytes that it takes in the board's buffer."""
        self._sequence = (self._sequence + 1) & 0xFFFF
        wire = encode(Frame(kind, self._sequence, payload))
        try:
            self.line.write(wire)
        except (serial.SerialException, OSError) as error:
            raise LinkError(f"The port does not take anything any more ({error})") from error
        self.statistics.requests += 1
        self.statistics.bytes_out += len(wire)
        self._last_heard = time.monotonic()
        return self._sequence, len(payload) + FRAME_OVERHEAD

    def _receive(self) -> tuple[list[Frame], bool]:
        """Frames that have come meanwhile, and whether something has come that was none."""
        try:
            received = self.line.read(max(1, self.line.in_waiting))
        except (serial.SerialException, OSError) as error:
            raise LinkError(f"The port has gone ({error})") from error
        self.statistics.bytes_in += len(received)
        before = self._decoder.rejected
        frames = self._decoder.feed(received)
        if frames:
            # Not with every byte, since noise may never end.
            self._last_heard = time.monotonic()
        rejected = self._decoder.rejected - before
        self.statistics.rejected += rejected
        return frames, rejected > 0

    def _patience_over(self, open_bytes: int) -> bool:
        # Ten bits a byte, and each of them may be escaped.
        return time.monotonic() - self._last_heard > self._timeout + 20 * open_bytes / self._baud

    def _greet(self) -> Facts:
        """Ask what is on the board. Replies come in order, so none to anything asked before can come after this one.

        Raises
        ------
        LinkError
            If nothing answers, or what does is of no use.
        """
        noticed = "nothing comes back"
        for _ in range(_GREETINGS):
            nonce = os.urandom(_NONCE)
            sequence, _ = self._send(Kind.QUERY, nonce)
            # Whatever else comes, it does not make this longer.
            until = time.monotonic() + self._timeout + 20 * _FACTS_MAX / self._baud
            while time.monotonic() < until:
                frames, rejected = self._receive()
                noticed = "what comes back is no frame" if rejected else noticed
                for frame in frames:
                    if (frame.kind, frame.sequence, frame.payload[:_NONCE]) == (Kind.QUERY | REPLY, sequence, nonce):
                        try:
                            return Facts.from_bytes(frame.payload[_NONCE:])
                        except ValueError as error:
                            raise LinkError(f"The board is of no use: {error}") from error
                    self._note(frame)
            self.statistics.timeouts += 1
        raise LinkError(
            f"No board answers at {self._baud:,} baud ({noticed}). Is it plugged in and flashed, and is this its port?"
        )

    def _note(self, frame: Frame) -> ErrorCode | None:
        """Count a frame that is no answer to use; what the board complains about, if it does."""
        if frame.kind != Kind.ERROR or len(frame.payload) != 1:
            self.statistics.stray += 1
            return None
        self.statistics.errors[frame.payload[0]] += 1
        try:
            return ErrorCode(frame.payload[0])
        except ValueError:
            return None

    # Dot products

    def dot(
        self,
        a: NDArray[np.uint8],
        scale_a: NDArray[np.uint8],
        b: NDArray[np.uint8],
        scale_b: NDArray[np.uint8],
        *,
        format_a: NDArray[np.uint8] | None = None,
        format_b: NDArray[np.uint8] | None = None,
        progress: Callable[[int], object] = lambda dots: None,
    ) -> tuple[NDArray[np.uint32], NDArray[np.uint8]]:
        """Compute dot products on the board.

        Parameters
        ----------
        a, b : ndarray of uint8, shape (dots, blocks, config.block)
            Element codes, one a byte.
        scale_a, scale_b : ndarray of uint8, shape (dots, blocks)
            UE8M0 codes.
        format_a, format_b : ndarray of uint8, shape (dots, blocks), optional
            Indices of the formats, where there are several.
        progress : callable
            Called with the number of dot products whose results have come, each time that some have.

        Returns
        -------
        data : ndarray of uint32, shape (dots,)
            Codes of config.output.
        status : ndarray of uint8, shape (dots,)

        Raises
        ------
        ValueError
            If shapes or types are others, or there are no blocks.
        LinkError
            If the board does not answer any more.
        """
        dots, blocks = scale_a.shape
        if not blocks:
            raise ValueError("A dot product must have a block at least")
        data, status = np.zeros(dots, np.uint32), np.zeros(dots, np.uint8)

        def part_of(array: NDArray[np.uint8] | None, start: int) -> NDArray[np.uint8] | None:
            return None if array is None else array[start : start + _CHUNK]

        def all_jobs() -> Iterator[Job]:
            for start in range(0, dots, _CHUNK):
                part = slice(start, start + _CHUNK)
                formats = part_of(format_a, start), part_of(format_b, start)
                for job in jobs(self.facts, pack(self.config, a[part], scale_a[part], b[part], scale_b[part], *formats)):
                    yield Job(slice(start + job.dots.start, start + job.dots.stop), job.frames)

        for job, payload in self._run(all_jobs()):
            data[job.dots], status[job.dots] = unpack(self.config, payload)
            progress(job.dots.stop - job.dots.start)
        return data, status

    def _run(self, waiting: Iterator[Job]) -> Iterator[tuple[Job, bytes]]:
        """Jobs with the results that have come for them, in whatever order."""
        again: deque[Job] = deque()
        sent: deque[_Sent] = deque()
        current: _Attempt | None = None
        silences = 0

        def fail(attempt: _Attempt):
            if attempt.failed:
                return
            attempt.failed = True
            self.statistics.retries += 1
            again.append(attempt.job)
            for request in [request for request in sent if request.attempt is attempt]:
                sent.remove(request)

        while True:
            # As much as the board has room for.
            while True:
                if current is None or current.failed or current.next_frame == len(current.job.frames):
                    job = again.popleft() if again else next(waiting, None)
                    if job is None:
                        current = None
                        break
                    job.attempts += 1
                    if job.attempts > _ATTEMPTS:
                        raise LinkError(f"Asked {_ATTEMPTS} times for the same results, in vain: {self._complaints()}")
                    current = _Attempt(job)
                kind, payload = current.job.frames[current.next_frame]
                size = len(payload) + FRAME_OVERHEAD
                if sent and sum(request.size for request in sent) + size >= self.facts.buffer:
                    break
                sequence, _ = self._send(kind, payload)
                sent.append(_Sent(sequence, current, current.next_frame, size))
                current.next_frame += 1
            if not sent:
                return

            frames, rejected = self._receive()
            for frame in frames:
                request = next((request for request in sent if request.sequence == frame.sequence), None)
                complaint = None
                if frame.kind == Kind.ERROR:
                    complaint = self._note(frame)
                    if complaint is None or not complaint.names_request:
                        # Replies come in order: most likely it is about the oldest.
                        rejected = True
                        continue
                if request is None:
                    if complaint is None:
                        self.statistics.stray += 1
                    continue
                # For the same reason those before were lost.
                while request in sent and sent[0] is not request:
                    fail(sent[0].attempt)
                if request not in sent:
                    continue
                sent.popleft()
                job = request.attempt.job
                expected = job.results(request.frame) * result_bytes(self.config)
                kind = job.frames[request.frame][0] | REPLY
                if complaint is not None or frame.kind != kind or len(frame.payload) != expected:
                    fail(request.attempt)
                    continue
                silences = 0
                self.statistics.replies += 1
                if request.frame == len(job.frames) - 1:
                    yield job, frame.payload
            if rejected and sent:
                fail(sent[0].attempt)
            if sent and self._patience_over(sum(request.size for request in sent)):
                self.statistics.timeouts += 1
                silences += 1
                while sent:
                    fail(sent[0].attempt)
                if silences > 1 and self._greet() != self.facts:
                    raise LinkError("There is another board at the port now")

    def _complaints(self) -> str:
        names = {code.value: code.name for code in ErrorCode}
        counts = [f"{names.get(code, code)} {count}" for code, count in self.statistics.errors.items()]
        return ", ".join(counts) or "the board had no complaint"
