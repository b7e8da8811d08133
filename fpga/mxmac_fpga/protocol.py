"""The wire protocol between host and board: what a frame is, and what it says.

Gateware and host are made from the constants of this file. On the wire a frame is, between two ``END`` bytes and with every
``END`` or ``ESC`` inside it escaped as in SLIP (RFC 1055)::

    kind (1 byte) | sequence number (2) | payload | CRC-32 (4)

Numbers are little-endian, and the CRC is that of IEEE 802.3 over everything before it. ``END`` never occurs inside of a
frame, so the frame after the next ``END`` is understood, even after noise.
"""

import json
import re
import zlib
from dataclasses import dataclass
from enum import IntEnum

from mxmac import __version__
from mxmac.config import MacConfig

__all__ = [
    "CONTINUES",
    "CRC_POLYNOMIAL",
    "CRC_RESIDUE",
    "END",
    "ESC",
    "ESC_END",
    "ESC_ESC",
    "FRAME_BYTES_MIN",
    "FRAME_OVERHEAD",
    "MORE",
    "PROTOCOL_VERSION",
    "REPLY",
    "Decoder",
    "ErrorCode",
    "Facts",
    "Frame",
    "Kind",
    "block_bytes",
    "buffer_bytes",
    "encode",
    "has_format_byte",
    "operand_bytes",
    "result_bytes",
]

#: Of the frames below; a host refuses a board that speaks another one.
PROTOCOL_VERSION = 1

END, ESC, ESC_END, ESC_ESC = 0xC0, 0xDB, 0xDC, 0xDD

#: Reflected generator of CRC-32, and what its register holds after a frame with its own CRC (both without the last inversion).
CRC_POLYNOMIAL, CRC_RESIDUE = 0xEDB88320, 0xDEBB20E3

#: Kind, sequence number and CRC.
FRAME_OVERHEAD = 7
FRAME_BYTES_MIN = FRAME_OVERHEAD

#: Largest buffer that a unit may need, in bytes, and how many times larger than it needs one a board may have it.
_BUFFER_MAX, _BUFFERS_MAX = 1 << 20, 16
#: Frequencies and rates that a board may state, and a version.
_HERTZ_MAX, _VERSION = 10**12, re.compile(r"[\w.+-]{1,64}", re.ASCII)
#: Characters of an unknown value that a message quotes.
_QUOTED = 40

#: Set in the kind of every reply.
REPLY = 0x80
#: Bits of the kind of a compute request: its first dot product goes on from the request before, its last one in the next.
CONTINUES, MORE = 0x01, 0x02


class Kind(IntEnum):
    """What a frame is for."""

    #: Ask what is on the board. The payload comes back, with the facts behind it.
    QUERY = 0x01
    #: Dot products; ``CONTINUES`` and ``MORE`` may be added.
    COMPUTE = 0x10
    #: A reply that says what was wrong with a request: one byte, an :class:`ErrorCode`.
    ERROR = 0xFF


class ErrorCode(IntEnum):
    """What was wrong with a request.

    Of those below 0x10 nothing could be trusted, so that the sequence number of the reply means nothing.
    """

    #: The CRC is wrong, an escape is none, or the frame is too short to be one.
    CORRUPT = 0x01
    #: More was sent than the buffer has room for.
    OVERRUN = 0x02
    #: The frame stopped half-way.
    TIMEOUT = 0x03
    #: A byte had no stop bit.
    LINE = 0x04
    #: The payload does not consist of whole blocks and dot products.
    LENGTH = 0x10
    #: There is no such request.
    KIND = 0x11
    #: It continues a dot product, but not the one that the request before has begun.
    ORDER = 0x12

    @property
    def names_request(self) -> bool:
        """Whether the sequence number of the reply is that of the request."""
        return self >= ErrorCode.LENGTH


@dataclass(frozen=True)
class Frame:
    """A frame as it is before it is put on the wire, without its CRC."""

    kind: int
    sequence: int
    payload: bytes = b""


def encode(frame: Frame) -> bytes:
    """Bytes of a frame on the wire."""
    body = bytes([frame.kind]) + frame.sequence.to_bytes(2, "little") + frame.payload
    body += zlib.crc32(body).to_bytes(4, "little")
    escaped = body.replace(bytes([ESC]), bytes([ESC, ESC_ESC])).replace(bytes([END]), bytes([ESC, ESC_END]))
    return bytes([END]) + escaped + bytes([END])


class Decoder:
    """Finds the frames in what comes over the wire.

    Parameters
    ----------
    longest : int
        Bytes, escapes included, that are kept while no ``END`` comes; more are no frame.

    Members
    -------
    rejected : int
        How many things between two ``END`` were no frame.
    """

    def __init__(self, longest: int = 1 << 16):
        self.longest = longest
        self.rejected = 0
        self._rest = b""
        self._skipping = False

    def feed(self, received: bytes) -> list[Frame]:
        """Take bytes as they come, in pieces of any length, and return the frames that end in them."""
        *ended, self._rest = (self._rest + received).split(bytes([END]))
        frames = []
        for part in ended:
            frame = None if self._skipping else _decoded(part)
            if frame:
                frames.append(frame)
            elif part or self._skipping:
                self.rejected += 1
            self._skipping = False
        if len(self._rest) > self.longest:
            self._rest, self._skipping = b"", True
        return frames


def _decoded(part: bytes) -> Frame | None:
    pairs = bytes([ESC, ESC_END]), bytes([ESC, ESC_ESC])
    if part.count(ESC) != part.count(pairs[0]) + part.count(pairs[1]):
        return None
    body = part.replace(pairs[0], bytes([END])).replace(pairs[1], bytes([ESC]))
    if len(body) < FRAME_BYTES_MIN or zlib.crc32(body[:-4]) != int.from_bytes(body[-4:], "little"):
        return None
    return Frame(body[0], int.from_bytes(body[1:3], "little"), body[3:-4])


# Payloads of compute requests.


def operand_bytes(config: MacConfig, side: str) -> int:
    """Bytes of one beat of operand ``"a"`` or ``"b"``: its lanes, lane 0 in the least significant bits, made up to bytes."""
    operand = config.operand_a if side == "a" else config.operand_b
    return -(-operand.width * config.lanes // 8)


def has_format_byte(config: MacConfig) -> bool:
    """Whether a block says which formats its elements have."""
    return max(len(config.a), len(config.b)) > 1


def block_bytes(config: MacConfig) -> int:
    """Bytes of a block of both operands: scales, formats if there is a choice, and its beats, each of them a, then b."""
    beat = operand_bytes(config, "a") + operand_bytes(config, "b")
    return 2 + has_format_byte(config) + config.beats * beat


def result_bytes(config: MacConfig) -> int:
    """Bytes of a result in a reply: the number, then its flags."""
    return -(-config.output.width // 8) + 1


def buffer_bytes(config: MacConfig) -> int:
    """Bytes of the buffer for requests: a power of two, and room for a few blocks however long they are."""
    return max(2048, 1 << (2 * (block_bytes(config) + 1 + FRAME_OVERHEAD)).bit_length())


# What is on the board.


@dataclass(frozen=True)
class Facts:
    """What a board says of itself.

    Members
    -------
    config : MacConfig
        Of its MAC unit.
    buffer : int
        Bytes of requests, escapes not counted, that it has room for; one less may be on their way.
    version : str
        Of mxmac that made it.
    clock_hz, baud : int
    """

    config: MacConfig
    buffer: int
    version: str = __version__
    clock_hz: int = 0
    baud: int = 0

    def to_bytes(self) -> bytes:
        """As the board keeps it: JSON in ASCII."""
        facts = {
            "mxmac": self.version,
            "protocol": PROTOCOL_VERSION,
            "clock_hz": self.clock_hz,
            "baud": self.baud,
            "buffer": self.buffer,
            "config": self.config.as_dict(),
        }
        return json.dumps(facts, separators=(",", ":")).encode("ascii")

    @classmethod
    def from_bytes(cls, text: bytes) -> "Facts":
        """Read the description that a board gives of itself. It is not trusted: anything may be connected to a port.

        Raises
        ------
        ValueError
            If this version cannot use such a board; the message says why.
        """
        try:
            facts = json.loads(text.decode("ascii"), parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as error:
            raise ValueError("its description of itself is not JSON") from error
        if not isinstance(facts, dict) or "protocol" not in facts:
            raise ValueError("its answer is no description of an mxmac board")
        if facts["protocol"] != PROTOCOL_VERSION:
            spoken = repr(facts["protocol"])[:_QUOTED]
            raise ValueError(f"it speaks protocol {spoken}, this mxmac {PROTOCOL_VERSION}; flash it anew")
        version = facts.get("mxmac")
        if not isinstance(version, str) or not _VERSION.fullmatch(version):
            raise ValueError("its description of itself has no version in mxmac")
        clock_hz, baud = (_whole(facts, name, 0, _HERTZ_MAX) for name in ("clock_hz", "baud"))
        config = _config(facts.get("config"))
        buffer = _whole(facts, "buffer", block_bytes(config) + 1 + FRAME_OVERHEAD, _BUFFERS_MAX * buffer_bytes(config))
        return cls(config, buffer, version, clock_hz, baud)


def _refuse_constant(name: str):
    raise ValueError(f"{name} is not JSON")


def _whole(facts: dict, name: str, low: int, high: int) -> int:
    value = facts.get(name)
    if type(value) is not int or not low <= value <= high:
        raise ValueError(f"its description of itself has no {name} from {low} to {high}")
    return value


def _config(parameters: object) -> MacConfig:
    """Build the configuration of a board's unit from its description."""
    kinds = {"a": list, "b": list, "block": int, "lanes": int, "accumulator": str, "output": str}
    if not isinstance(parameters, dict) or any(type(parameters.get(name)) is not kind for name, kind in kinds.items()):
        raise ValueError(f"its description of itself has no config with {', '.join(kinds)}")
    try:
        config = MacConfig.from_dict(parameters)
        known = config.as_dict()
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f"this mxmac does not know the config of its unit ({error})") from error
    if any(parameters.get(name) != value for name, value in known.items()) or buffer_bytes(config) > _BUFFER_MAX:
        raise ValueError("this mxmac does not know the config of its unit")
    return config
