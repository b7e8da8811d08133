"""A serial line as a way for frames, and what has happened on it."""

import os
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Protocol

import serial

from mxmac.errors import UserError

from ..protocol import REPLY, Decoder, ErrorCode, Facts, Frame, Kind, encode

__all__ = ["PATIENCE", "Line", "Link", "LinkError", "LinkStatistics", "open_port"]

#: Seconds in which a board has to say what it is.
PATIENCE = 4.0
#: Seconds that one look for what has come may take.
_LOOK = 0.02
#: Random bytes that a board has to send back, so that an answer is known to be to this question.
_NONCE = 8
#: Shares of the host's patience to wait for each answer to the question what is on the board.
_GREETINGS = (1 / 16, 1 / 16, 1 / 8, 1 / 4, 1 / 2)
#: Seconds that the port may take to accept a frame.
_WRITE_TIMEOUT = 10.0
#: Rates that serial adapters have, in bits per second.
_BAUDS = (1_200, 20_000_000)
#: Bytes of the description that a board gives of itself.
_FACTS_MAX = 1024
#: Bytes of an unknown answer that a message quotes, and the length of the reason that it gives.
_QUOTED, _REASON = 16, 200


class LinkError(RuntimeError):
    """The board has stopped to answer, or answers what cannot be; the message says which."""


class Line(Protocol):
    """What is needed of a ``serial.Serial``. Reading waits a little if there is nothing yet."""

    def write(self, data: bytes, /) -> int | None:
        """Send bytes."""

    def read(self, size: int = 1, /) -> bytes:
        """Receive bytes, ``size`` of them at most."""

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
    def complaints(self) -> str:
        """What the board had to complain about, in words."""
        names = {code.value: code.name for code in ErrorCode}
        return ", ".join(f"{names.get(code, code)} {count}" for code, count in self.errors.items()) or "nothing"

    @property
    def trouble(self) -> int:
        """How often anything was noticed that should not be."""
        return self.timeouts + self.rejected + self.stray + self.errors.total() + self.retries


def open_port(port: str, baud: int) -> serial.Serial:
    """Open a serial port for :class:`Board`.

    Raises
    ------
    UserError
        If there is no such port, it cannot be used, or no serial port has this rate.
    """
    if not _BAUDS[0] <= baud <= _BAUDS[1]:
        raise UserError("baud", f"must be {_BAUDS[0]} to {_BAUDS[1]}, not {baud}")
    try:
        return serial.Serial(port, baud, timeout=_LOOK, write_timeout=_WRITE_TIMEOUT, exclusive=True)
    except (serial.SerialException, OSError, ValueError) as error:
        why = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error)
        raise UserError("port", f"Cannot open {port!r}: {why}. Is the board plugged in, and may you use the port?") from error


class Link:
    """Sends requests and receives frames.

    Parameters
    ----------
    line : Line
    baud : int
        Its rate: how long to wait follows from it.
    patience : float
        Seconds in which a board has to say what it is, besides those that the bytes take.

    Members
    -------
    line : Line
    patience : float
    statistics : LinkStatistics
    last_sent : float
        Time of the last request, by ``time.monotonic()``.
    """

    def __init__(self, line: Line, baud: int, patience: float = PATIENCE):
        self.line, self.baud, self.patience = line, baud, patience
        self.statistics = LinkStatistics()
        self.last_sent = time.monotonic()
        self._decoder = Decoder()
        self._sequence = int.from_bytes(os.urandom(2), "little")

    def seconds(self, count: int) -> float:
        """Return the most seconds that ``count`` bytes take: ten bits each, and all of them escaped."""
        return 20 * count / self.baud

    def send(self, kind: int, payload: bytes) -> int:
        """Send a request, and return its sequence number.

        Raises
        ------
        LinkError
            If the line cannot be written to any more, or accepts nothing for ten seconds.
        """
        self._sequence = (self._sequence + 1) & 0xFFFF
        wire = encode(Frame(kind, self._sequence, payload))
        try:
            self.line.write(wire)
        except (serial.SerialException, OSError) as error:
            raise LinkError(f"The port does not take anything any more ({error})") from error
        self.statistics.requests += 1
        self.statistics.bytes_out += len(wire)
        self.last_sent = time.monotonic()
        return self._sequence

    def receive(self) -> tuple[list[Frame], bool]:
        """Return the frames that have come meanwhile, and whether anything was damaged. Takes 20 ms if nothing comes.

        Raises
        ------
        LinkError
            If the line cannot be read from any more.
        """
        return self._decoded(self._read())

    def _read(self) -> bytes:
        try:
            received = self.line.read(max(1, self.line.in_waiting))
        except (serial.SerialException, OSError) as error:
            raise LinkError(f"The port has gone ({error})") from error
        self.statistics.bytes_in += len(received)
        return received

    def _decoded(self, received: bytes) -> tuple[list[Frame], bool]:
        before = self._decoder.rejected
        frames = self._decoder.feed(received)
        rejected = self._decoder.rejected - before
        self.statistics.rejected += rejected
        return frames, rejected > 0

    def ask(self) -> Facts:
        """Ask what is on the board, five times at most, and wait no longer than the patience and the time that the bytes take.

        Replies come in order, so no reply to an earlier request can come once this one has.

        Raises
        ------
        LinkError
            If nothing answers, or what answers is not a board of this version. The message tells silence, an echo and another
            program apart.
        """
        asked: dict[bytes, int] = {}
        heard, echoed = b"", False
        for share in _GREETINGS:
            nonce = os.urandom(_NONCE)
            asked[nonce] = self.send(Kind.QUERY, nonce)
            # Nothing else that comes makes this longer.
            until = time.monotonic() + self.patience * share + self.seconds(_FACTS_MAX)
            while time.monotonic() < until:
                received = self._read()
                heard = (heard + received)[: _QUOTED + 1]
                frames, _ = self._decoded(received)
                for frame in frames:
                    nonce, text = frame.payload[:_NONCE], frame.payload[_NONCE:]
                    ours = frame.sequence == asked.get(nonce)
                    if ours and frame.kind == Kind.QUERY | REPLY:
                        return _facts(text)
                    echoed |= ours and frame.kind == Kind.QUERY
                    self.note(frame)
            self.statistics.timeouts += 1
        raise LinkError(self._without_board(heard, echoed))

    def _without_board(self, heard: bytes, echoed: bool) -> str:
        """Describe what the port does instead of answering as a board does."""
        if echoed:
            return (
                f"The port sends back every byte that it gets at {self.baud:,} baud, an echo. Are RX and TX connected to each "
                "other, and is this the board's port?"
            )
        if heard:
            quoted = repr(heard[:_QUOTED])[1:] + ("…" if len(heard) > _QUOTED else "")
            return (
                f"Something answers at {self.baud:,} baud that is not mxmac's ({quoted}). Is this the right one of the board's "
                "ports, is the bitstream on the board mxmac's, and is this its rate?"
            )
        return (
            f"No board answers at {self.baud:,} baud (nothing comes back). Is it plugged in and flashed, and is this its port?"
        )

    def note(self, frame: Frame) -> ErrorCode | None:
        """Count a frame that is no answer to use; what the board complains about, if it does."""
        if frame.kind != Kind.ERROR or len(frame.payload) != 1:
            self.statistics.stray += 1
            return None
        self.statistics.errors[frame.payload[0]] += 1
        try:
            return ErrorCode(frame.payload[0])
        except ValueError:
            return None


def _facts(text: bytes) -> Facts:
    try:
        return Facts.from_bytes(text)
    except ValueError as error:
        raise LinkError(f"The board cannot be used: {str(error)[:_REASON]}") from error
