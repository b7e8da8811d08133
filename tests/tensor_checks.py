"""What tests of tensors and their files share: the command, checkpoints, and DeepSeek's tiles quantized by definition."""

import json

import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy

from mxmac.cli import app as cli

__all__ = ["FLOATS", "FP8", "WEIGHT", "checkpoint", "command", "expected_tiles", "json_of", "powers_of_two"]

FP8 = np.dtype(ml_dtypes.float8_e4m3fn)
WEIGHT = "model.layers.0.self_attn.o_proj.weight"
RNG = np.random.default_rng(3)
#: Neither rows nor K are multiples of 128.
FLOATS = RNG.standard_normal((200, 300), np.float32) * np.geomspace(1e-3, 1e3, 200, dtype=np.float32)[:, np.newaxis]


def command(capsys, *arguments):
    """Exit status, standard output and standard error."""
    with pytest.raises(SystemExit) as end:
        cli.main([str(argument) for argument in arguments])
    return end.value.code or 0, *capsys.readouterr()


def json_of(capsys, *arguments):
    """The record that a command prints as JSON, and nothing else."""
    status, out, error = command(capsys, *arguments, "--json")
    assert (status, error) == (0, "")
    return json.loads(out)


def checkpoint(path, scales, elements=None):
    """Write a weight of (200, 300) with its scales, and what else there may be in a checkpoint."""
    elements = RNG.integers(0, 0x7F, (200, 300), np.uint8).view(FP8) if elements is None else elements
    other = {"model.norm.weight": np.ones(300, np.float32), "lm_head.weight": np.ones((4, 300), np.float32)}
    safetensors.numpy.save_file({WEIGHT: elements, f"{WEIGHT}_scale_inv": scales, **other}, path, {"format": "pt"})
    return elements


def powers_of_two():
    return np.ldexp(np.float32(1), RNG.integers(-20, 3, (2, 3))).astype(np.float32)


def expected_tiles(floats, rows):
    """Scale codes and elements of an independent quantizer: the least power of two that fits, tile by tile."""
    exponents, elements = [], np.zeros(floats.shape, FP8)
    for top in range(0, floats.shape[0], rows):
        for left in range(0, floats.shape[1], 128):
            part = np.s_[top : top + rows, left : left + 128]
            tile = floats[part].astype(np.float64)
            exponent = next(e for e in range(-127, 128) if np.abs(tile).max() <= 448 * 2.0**e)
            exponents.append(exponent + 127)
            # In range, where ml_dtypes rounds right.
            elements[part] = (tile / 2.0**exponent).astype(np.float32).astype(FP8)
    return np.array(exponents, np.uint8).reshape(-(-floats.shape[0] // rows), -1), elements.view(np.uint8)
