"""Peers of a serial port that are not boards: programs of a few lines behind a pseudo-terminal."""

import os
import select
import threading
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from mxmac.config import MacConfig
from mxmac_fpga.host.link import open_port
from mxmac_fpga.protocol import REPLY, Decoder, Facts, Frame, Kind, encode

__all__ = ["BAUD", "answering", "peer", "unsolicited"]

BAUD = 1_000_000
#: Seconds without a request after which an idle peer may send unasked.
_IDLE = 0.005


@contextmanager
def peer(answer: Callable[[bytes], bytes]) -> Iterator:
    """Open a port whose other end answers every piece of what it gets; it is asked with ``b""`` while nothing comes."""
    master, slave = os.openpty()
    tty.setraw(slave)
    os.set_blocking(master, False)
    line, ended = open_port(os.ttyname(slave), BAUD), threading.Event()

    def serve():
        waiting = b""
        while not ended.is_set():
            readable, writable, _ = select.select([master], [master] if waiting else [], [], _IDLE)
            if readable or not waiting:
                waiting += answer(os.read(master, 4096) if readable else b"")
            if writable:
                waiting = waiting[os.write(master, waiting) :]

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield line
    finally:
        ended.set()
        thread.join()
        line.close()
        os.close(master)
        os.close(slave)


def answering(description: bytes, unasked: bytes = b"", compute: Callable[[Frame], bytes] = lambda frame: b""):
    """Return an answer for :func:`peer`: the description to every query, and bytes that come unasked all the time."""
    decoder = Decoder()

    def answer(received: bytes) -> bytes:
        replies = b""
        for frame in decoder.feed(received):
            if frame.kind == Kind.QUERY:
                replies += encode(Frame(Kind.QUERY | REPLY, frame.sequence, frame.payload + description))
            else:
                replies += compute(frame)
        return replies or unasked

    return answer


def unsolicited(unasked: bytes):
    """Return an answer for :func:`peer` that says who it is, computes nothing and sends valid frames that answer nothing."""
    return answering(Facts(MacConfig(lanes=1), 2048).to_bytes(), unasked)
