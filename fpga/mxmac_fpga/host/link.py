"""A serial line as a way for frames, and what has happened on it."""

import os
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Protocol

import serial

from mxmac.errors import UserError

from ..protocol import REPLY, Decoder, ErrorCode, Facts, Frame, Kind, encode

__all__ = ["Line", "Link", "LinkError", "LinkStatistics", "open_port"]

#: Seconds that one look for what has come may take.
_LOOK = 0.02
#: Random bytes that a board has to send back, so that an answer is known to be to this question.
_NONCE = 8
#: Seconds to wait for an answer to the question what is on the board, each time that it is asked.
_GREETINGS = (0.25, 0.25, 0.5, 1.0, 2.0)
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
        If there is no such port, or it cannot be used.
    """
    try:
        return serial.Serial(port, baud, timeout=_LOOK, exclusive=True)
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

    Members
    -------
    line : Line
    statistics : LinkStatistics
    last_heard : float
        When the last frame was sent or received, by ``time.monotonic()``.
    """

    def __init__(self, line: Line, baud: int):
        self.line, self.baud = line, baud
        self.statistics = LinkStatistics()
        self.last_heard = time.monotonic()
        self._decoder = Decoder()
        self._sequence = int.from_bytes(os.urandom(2), "little")

    def seconds(self, count: int) -> float:
        """Most seconds that so many bytes take: ten bits each, and all of them escaped."""
        return 20 * count / self.baud

    def send(self, kind: int, payload: bytes) -> int:
        """Send a request, and return its sequence number.

        Raises
        ------
        LinkError
            If the line cannot be written to any more.
        """
        self._sequence = (self._sequence + 1) & 0xFFFF
        wire = encode(Frame(kind, self._sequence, payload))
        try:
            self.line.write(wire)
        except (serial.SerialException, OSError) as error:
            raise LinkError(f"The port does not take anything any more ({error})") from error
        self.statistics.requests += 1
        self.statistics.bytes_out += len(wire)
        self.last_heard = time.monotonic()
        return self._sequence

    def receive(self) -> tuple[list[Frame], bool]:
        """Frames that have come meanwhile, and whether something has come that was none.

        Raises
        ------
        LinkError
            If the line cannot be read from any more.
        """
        try:
            received = self.line.read(max(1, self.line.in_waiting))
        except (serial.SerialException, OSError) as error:
            raise LinkError(f"The port has gone ({error})") from error
        self.statistics.bytes_in += len(received)
        before = self._decoder.rejected
        frames = self._decoder.feed(received)
        if frames:
            # Not with every byte, since noise may never end.
            self.last_heard = time.monotonic()
        rejected = self._decoder.rejected - before
        self.statistics.rejected += rejected
        return frames, rejected > 0

    def ask(self) -> Facts:
        """Ask what is on the board.

        Replies come in order, so none to anything that was asked before can come once this one has.

        Raises
        ------
        LinkError
            If nothing answers, or what does is of no use.
        """
        noticed = "nothing comes back"
        asked = {}
        for wait in _GREETINGS:
            nonce = os.urandom(_NONCE)
            asked[nonce] = self.send(Kind.QUERY, nonce)
            # Whatever else comes, it does not make this longer.
            until = time.monotonic() + wait + self.seconds(_FACTS_MAX)
            while time.monotonic() < until:
                frames, rejected = self.receive()
                noticed = "what comes back is no frame" if rejected else noticed
                for frame in frames:
                    nonce, text = frame.payload[:_NONCE], frame.payload[_NONCE:]
                    if frame.kind == Kind.QUERY | REPLY and frame.sequence == asked.get(nonce):
                        try:
                            return Facts.from_bytes(text)
                        except ValueError as error:
                            raise LinkError(f"The board is of no use: {error}") from error
                    self.note(frame)
            self.statistics.timeouts += 1
        raise LinkError(
            f"No board answers at {self.baud:,} baud ({noticed}). Is it plugged in and flashed, and is this its port?"
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
