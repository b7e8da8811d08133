"""Tensors to the payloads of compute requests, and the payloads of replies to results."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mxmac.config import MacConfig

from ..protocol import CONTINUES, FRAME_OVERHEAD, MORE, Facts, Kind, block_bytes, has_format_byte, result_bytes

__all__ = ["BLOCKS_MAX", "Job", "jobs", "pack", "unpack"]

_Codes = NDArray[np.uint8]

#: Blocks of a dot product, or of a part of one, in a frame.
BLOCKS_MAX = 256
#: Frames that are to be on their way at once, so that the link never waits for a reply.
_FRAMES = 4


@dataclass
class Job:
    """What is asked for, and asked for again as a whole if anything goes wrong.

    Members
    -------
    dots : slice
        Dot products whose results it gives.
    frames : list of (int, bytes)
        Kinds and payloads of the requests: one with whole dot products, or several that make up a single long one.
    attempts : int
        How often it was sent.
    answered : int
        How many of its frames were ever answered in one attempt.
    """

    dots: slice
    frames: list[tuple[int, bytes]] = field(repr=False)
    attempts: int = 0
    answered: int = 0

    def results(self, frame: int) -> int:
        """Results in the reply to a frame."""
        return self.dots.stop - self.dots.start if frame == len(self.frames) - 1 else 0


def pack(
    config: MacConfig,
    a: _Codes,
    scale_a: _Codes,
    b: _Codes,
    scale_b: _Codes,
    format_a: _Codes | None = None,
    format_b: _Codes | None = None,
) -> _Codes:
    """Bytes of blocks, shape (dots, blocks, block_bytes(config)).

    Parameters
    ----------
    config : MacConfig
    a, b : ndarray of uint8, shape (dots, blocks, config.block)
        Element codes, one a byte.
    scale_a, scale_b : ndarray of uint8, shape (dots, blocks)
        UE8M0 codes.
    format_a, format_b : ndarray of uint8, shape (dots, blocks), optional
        Indices of the formats, where there are several.

    Raises
    ------
    ValueError
        If the arrays have other types or shapes.
    """
    shape = scale_a.shape
    if len(shape) != 2:
        raise ValueError(f"scale_a must have the shape (dots, blocks), not {shape}")
    fields = [scale_a, scale_b]
    if has_format_byte(config):
        chosen = [np.zeros(shape, np.uint8) if choice is None else choice for choice in (format_a, format_b)]
        for name, choice, formats in (("a", chosen[0], config.a), ("b", chosen[1], config.b)):
            if choice.size and choice.max() >= len(formats):
                raise ValueError(f"format_{name} must be from 0 to {len(formats) - 1}")
        fields.append((chosen[0] | chosen[1] << 4).astype(np.uint8))
    for array, wanted in ((scale_b, shape), (a, (*shape, config.block)), (b, (*shape, config.block))):
        if array.shape != wanted or array.dtype != np.uint8 or scale_a.dtype != np.uint8:
            raise ValueError(f"uint8 of the shape {wanted} is needed, not {array.dtype} of {array.shape}")
    beats = np.concatenate([_beats(a, config, config.operand_a.width), _beats(b, config, config.operand_b.width)], axis=-1)
    return np.concatenate([np.stack(fields, axis=-1), beats.reshape(*shape, -1)], axis=-1)


def _beats(codes: _Codes, config: MacConfig, width: int) -> _Codes:
    """Codes as the bytes of beats, shape (dots, blocks, beats, bytes)."""
    lanes = codes.reshape(*codes.shape[:2], config.beats, config.lanes)
    if width == 8:
        return lanes
    bits = np.unpackbits(lanes[..., np.newaxis], axis=-1, bitorder="little")[..., :width]
    return np.packbits(bits.reshape(*lanes.shape[:3], -1), axis=-1, bitorder="little")


def unpack(config: MacConfig, payload: bytes) -> tuple[NDArray[np.uint32], NDArray[np.uint8]]:
    """Numbers and flags, one of each for every result in a reply."""
    results = np.frombuffer(payload, np.uint8).reshape(-1, result_bytes(config))
    number = results[:, :-1].astype(np.uint32) << (8 * np.arange(results.shape[1] - 1, dtype=np.uint32))
    return np.bitwise_or.reduce(number, axis=1), results[:, -1].copy()


def jobs(facts: Facts, packed: _Codes, first: int = 0) -> Iterator[Job]:
    """Divide what :func:`pack` gives into jobs whose frames fit the board's buffer several times.

    Parameters
    ----------
    facts : Facts
        Of the board.
    packed : ndarray of uint8, shape (dots, blocks, bytes)
    first : int
        Number of the first of the dot products.
    """
    config = facts.config
    dots, blocks, _ = packed.shape
    payload = (facts.buffer - 1) // _FRAMES - FRAME_OVERHEAD - 1
    blocks_each = max(1, min(BLOCKS_MAX, payload // block_bytes(config)))
    dots_each = blocks_each // blocks
    for start in range(0, dots, max(1, dots_each)):
        stop = min(start + max(1, dots_each), dots)
        part = slice(first + start, first + stop)
        if dots_each:
            yield Job(part, [(Kind.COMPUTE, _payload(blocks, packed[start:stop]))])
            continue
        pieces = [packed[start, at : at + blocks_each] for at in range(0, blocks, blocks_each)]
        flags = [CONTINUES * (index > 0) | MORE * (index < len(pieces) - 1) for index in range(len(pieces))]
        frames = [(Kind.COMPUTE | flag, _payload(len(piece), piece)) for flag, piece in zip(flags, pieces, strict=True)]
        yield Job(part, frames)


def _payload(blocks: int, packed: _Codes) -> bytes:
    return bytes([blocks - 1]) + packed.tobytes()
