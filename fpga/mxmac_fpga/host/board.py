"""The host's side: a board as something that computes dot products."""

import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mxmac.config import MacConfig
from mxmac.errors import UserError

from ..protocol import FRAME_OVERHEAD, REPLY, ErrorCode, Facts, Frame, Kind, result_bytes
from .link import PATIENCE, Line, Link, LinkError, LinkStatistics, open_port
from .packing import Job, jobs, pack, unpack

__all__ = ["Board"]

#: How often to ask for the same results before giving up.
_ATTEMPTS = 100
#: How often to double the time after which an answer counts as lost.
_SLOWER = 4
#: When to give up without any new answer: after the host's patience this many times, and the time that the bytes on their way
#: take this many times.
_GIVE_UP, _REPEATS = 8, 16
#: Dot products that are made ready to be sent at a time.
_CHUNK = 1024


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
    patience : float
        Seconds in which the board has to say what it is. An exchange without a new answer ends after eight times as long, with
        an error, even if something else keeps coming from the port.

    Members
    -------
    facts : Facts
        What the board says of itself.
    link : Link
        The way there.

    Raises
    ------
    UserError
        If there is no such port, or nothing answers there that this version understands.
    """

    def __init__(self, port: str | Line, *, baud: int = 1_000_000, timeout: float = 0.25, patience: float = PATIENCE):
        self.link = Link(open_port(port, baud) if isinstance(port, str) else port, baud, patience)
        self._timeout = timeout
        try:
            self.facts: Facts = self.link.ask()
        except LinkError as error:
            self.close()
            raise UserError("port", str(error)) from error
        except BaseException:
            self.close()
            raise

    @property
    def config(self) -> MacConfig:
        """Configuration of the unit on the board, by its own account."""
        return self.facts.config

    @property
    def statistics(self) -> LinkStatistics:
        """What has happened on the link."""
        return self.link.statistics

    def __enter__(self) -> "Board":
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Give the port back. What the board still has to say is lost."""
        self.link.line.close()

    def dot(
        self,
        a: NDArray[np.uint8],
        scale_a: NDArray[np.uint8],
        b: NDArray[np.uint8],
        scale_b: NDArray[np.uint8],
        format_a: NDArray[np.uint8] | None = None,
        format_b: NDArray[np.uint8] | None = None,
        *,
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
            Flags {NV, DZ, OF, UF, NX} in bits 4 to 0.

        Raises
        ------
        ValueError
            If shapes or types are others, or there are no blocks.
        LinkError
            If the board does not answer any more, or gives no new answer for eight times the patience.
        """
        operands = {"a": a, "scale_a": scale_a, "b": b, "scale_b": scale_b, "format_a": format_a, "format_b": format_b}
        dots, blocks = scale_a.shape
        if not blocks:
            raise ValueError("A dot product must have a block at least")
        data, status = np.zeros(dots, np.uint32), np.zeros(dots, np.uint8)

        def all_jobs() -> Iterator[Job]:
            for start in range(0, dots, _CHUNK):
                rows = slice(start, start + _CHUNK)
                part: dict[str, Any] = {name: array if array is None else array[rows] for name, array in operands.items()}
                yield from jobs(self.facts, pack(self.config, **part), start)

        for job, payload in _Exchange(self.link, self.facts, self._timeout, all_jobs()).run():
            data[job.dots], status[job.dots] = unpack(self.config, payload)
            progress(job.dots.stop - job.dots.start)
        return data, status


@dataclass(eq=False)
class _Attempt:
    """One sending of a job."""

    job: Job
    next_frame: int = 0
    failed: bool = False

    @property
    def is_over(self) -> bool:
        return self.failed or self.next_frame == len(self.job.frames)


@dataclass(eq=False)
class _Sent:
    """A request that is not answered yet."""

    sequence: int
    attempt: _Attempt
    frame: int

    @property
    def kind_and_payload(self) -> tuple[int, bytes]:
        return self.attempt.job.frames[self.frame]

    @property
    def size(self) -> int:
        """Bytes in the buffer of the board."""
        return len(self.kind_and_payload[1]) + FRAME_OVERHEAD


class _Exchange:
    """Has jobs done. Requests are sent as long as the board has room for them, and replies come in the same order.

    A job of which anything was lost is sent anew as a whole, under new numbers, so that no reply can be taken for another.
    """

    def __init__(self, link: Link, facts: Facts, timeout: float, waiting: Iterator[Job]):
        self._link, self._facts, self._timeout, self._waiting = link, facts, timeout, waiting
        self._again: deque[Job] = deque()
        #: Oldest first.
        self._sent: deque[_Sent] = deque()
        self._current: _Attempt | None = None
        #: How often in a row nothing has come.
        self._silences = 0
        #: When a request was answered last; frames that answer none do not count.
        self._answered_at = self._result_at = time.monotonic()

    def run(self) -> Iterator[tuple[Job, bytes]]:
        """Jobs and the payload of the reply with their results, as they come."""
        while True:
            self._send()
            if not self._sent:
                return
            frames, damaged = self._link.receive()
            for frame in frames:
                complaint = self._link.note(frame) if frame.kind == Kind.ERROR else None
                if frame.kind == Kind.ERROR and (complaint is None or not complaint.names_request):
                    damaged = True
                else:
                    yield from self._answered(frame, complaint)
            if damaged and self._sent:
                # Most likely it was about the oldest. If not, that is only computed once more.
                self._fail(self._sent[0].attempt)
            self._look_at_clock()

    def _send(self):
        """Send as much as the board has room for."""
        while True:
            if self._current is None or self._current.is_over:
                job = self._again.popleft() if self._again else next(self._waiting, None)
                if job is None:
                    return
                job.attempts += 1
                if job.attempts > _ATTEMPTS:
                    complaints = self._link.statistics.complaints
                    raise LinkError(
                        f"The same results were asked for {_ATTEMPTS} times in vain; the board's errors: {complaints}"
                    )
                self._current = _Attempt(job)
            request = _Sent(0, self._current, self._current.next_frame)
            if self._sent and sum(sent.size for sent in self._sent) + request.size >= self._facts.buffer:
                return
            request.sequence = self._link.send(*request.kind_and_payload)
            self._sent.append(request)
            self._current.next_frame += 1

    def _answered(self, frame: Frame, complaint: ErrorCode | None) -> Iterator[tuple[Job, bytes]]:
        request = next((request for request in self._sent if request.sequence == frame.sequence), None)
        if request is None:
            self._link.statistics.stray += complaint is None
            return
        while request in self._sent and self._sent[0] is not request:
            # What was sent before would have been answered before.
            self._fail(self._sent[0].attempt)
        if request not in self._sent:
            return
        self._answered_at = time.monotonic()
        self._sent.popleft()
        job, (kind, _) = request.attempt.job, request.kind_and_payload
        size = job.results(request.frame) * result_bytes(self._facts.config)
        if complaint is not None or frame.kind != kind | REPLY or len(frame.payload) != size:
            self._fail(request.attempt)
            return
        self._silences = 0
        if request.frame >= job.answered:
            # An answer that is only repeated brings the exchange no nearer to its end.
            job.answered, self._result_at = request.frame + 1, self._answered_at
        self._link.statistics.replies += 1
        if request.frame == len(job.frames) - 1:
            yield job, frame.payload

    def _fail(self, attempt: _Attempt):
        """Give an attempt up, to begin it anew."""
        if not attempt.failed:
            attempt.failed = True
            self._link.statistics.retries += 1
            self._again.append(attempt.job)
            self._sent = deque(request for request in self._sent if request.attempt is not attempt)

    def _look_at_clock(self):
        """Give up what was not answered for long, and see whether the board is still there if that happens again.

        Raises
        ------
        LinkError
            If there was no new answer for too long, even if the board sends something else.
        """
        now = time.monotonic()
        on_the_way = self._link.seconds(sum(request.size for request in self._sent))
        if self._sent and now - self._result_at > _GIVE_UP * self._link.patience + _REPEATS * on_the_way:
            seconds, errors = now - self._result_at, self._link.statistics.complaints
            raise LinkError(
                f"The board has given no result for {seconds:.1f} s; its errors: {errors}. Reset it, or flash it anew"
            )
        # A board that is slower than expected gets more time.
        patience = (self._timeout + on_the_way) * 2 ** min(self._silences, _SLOWER)
        if not self._sent or now - max(self._answered_at, self._link.last_sent) <= patience:
            return
        self._link.statistics.timeouts += 1
        self._silences += 1
        while self._sent:
            self._fail(self._sent[0].attempt)
        if self._silences > 1:
            found = self._link.ask()
            if found.config != self._facts.config:
                raise LinkError("There is another unit at the port now")
