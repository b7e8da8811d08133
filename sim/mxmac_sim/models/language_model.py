"""A language model of the Llama architecture in NumPy, whose linear layers are computed by a function of the caller's.

The pass through the network (https://arxiv.org/abs/2302.13971, 2.2) is float32: RMS normalization, rotary positions
(https://arxiv.org/abs/2104.09864), attention in which several heads share keys and values (https://arxiv.org/abs/2305.13245),
and a gated feed-forward half.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from tokenizers import Tokenizer

__all__ = ["LAYER_PRODUCTS", "OUTPUT", "Architecture", "Floats", "LanguageModel", "Linear", "Past"]

Floats = NDArray[np.float32]
#: Computes a linear layer: from activations of shape (tokens, K) and the name of a weight of shape (N, K), their product of
#: shape (tokens, N).
Linear = Callable[[Floats, str], Floats]

#: Weight of the product that gives the logits. It is often the embedding.
OUTPUT = "output.weight"
_EMBEDDING = "token_embd.weight"
#: Weights of the linear layers of a block, in the order of their use, after ``blk.<number>.``.
LAYER_PRODUCTS = tuple(
    f"{name}.weight" for name in ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")
)


@dataclass(frozen=True)
class Architecture:
    """Sizes and constants of a model.

    Members
    -------
    layers : int
    heads, shared_heads : int
        Heads of the queries, and of the keys and values; the former is a multiple of the latter.
    epsilon : float
        Added to the mean square in RMS normalization.
    rope_base : float
        Base of the rotary positions.
    start, end : int
        Tokens that begin and end a message of a chat.
    """

    layers: int
    heads: int
    shared_heads: int
    epsilon: float
    rope_base: float
    start: int
    end: int


class Past:
    """Keys and values of the tokens that a model has seen, so that they are not computed again."""

    def __init__(self) -> None:
        self._layers: dict[int, tuple[Floats, Floats]] = {}

    def __len__(self) -> int:
        """Return the number of tokens."""
        return len(self._layers[0][0]) if self._layers else 0

    def extend(self, layer: int, keys: Floats, values: Floats) -> tuple[Floats, Floats]:
        """Append keys and values of shape (tokens, heads, size) to those of a layer, and return all of them."""
        if layer in self._layers:
            before = self._layers[layer]
            keys, values = np.concatenate([before[0], keys]), np.concatenate([before[1], values])
        self._layers[layer] = keys, values
        return keys, values


class LanguageModel:
    """A language model.

    Parameters
    ----------
    architecture : Architecture
    weights : mapping of str to ndarray of float32
        By the names that they have in GGUF files; those of linear layers of shape (N, K). Without ``output.weight`` the
        embedding takes its place. Rows of the queries' and keys' weights are in the order that makes neighbours in a head a
        pair of the rotary positions, as in GGUF files.
    tokenizer : Tokenizer
        Of the package tokenizers.

    Members
    -------
    architecture : Architecture
    weights : dict of ndarray of float32
        With ``output.weight``.
    """

    def __init__(self, architecture: Architecture, weights: Mapping[str, Floats], tokenizer: "Tokenizer"):
        self.architecture = architecture
        self.weights = {OUTPUT: weights[_EMBEDDING], **weights}
        self._tokenizer = tokenizer

    @property
    def linear_names(self) -> list[str]:
        """Names of the weights of all linear layers, in the order of their use; that of the logits is the last."""
        blocks = [f"blk.{layer}.{name}" for layer in range(self.architecture.layers) for name in LAYER_PRODUCTS]
        return [*blocks, OUTPUT]

    def encode(self, text: str) -> list[int]:
        """Return the tokens of a text."""
        return list(self._tokenizer.encode(text).ids)

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of tokens. Bytes that are not UTF-8 become U+FFFD."""
        return str(self._tokenizer.decode(list(ids)))

    def prompt(self, question: str) -> list[int]:
        """Return the tokens of a user's message and of the start of the assistant's answer, without a system prompt."""
        start, end = self.architecture.start, self.architecture.end
        asked = [start, *self.encode(f"user\n{question}"), end, *self.encode("\n")]
        return [*asked, start, *self.encode("assistant\n")]

    def multiply(self, x: Floats, name: str) -> Floats:
        """Compute a linear layer in float32: shape (tokens, N)."""
        product: Floats = x @ self.weights[name].T
        return product

    def features(self, ids: Sequence[int], linear: Linear | None = None, past: Past | None = None) -> Floats:
        """Run tokens through the network, up to the input of the logits.

        Parameters
        ----------
        ids : sequence of int
            Tokens that follow those of ``past``.
        linear : callable
            Computes the linear layers, by default :meth:`multiply`.
        past : Past, optional
            Keys and values of the tokens before; those of ``ids`` are appended. Nothing came before by default.

        Returns
        -------
        ndarray of float32, shape (tokens, width)
        """
        linear, past = linear or self.multiply, Past() if past is None else past
        x: Floats = self.weights[_EMBEDDING][np.asarray(ids)]
        positions = len(past) + np.arange(len(ids))
        for layer in range(self.architecture.layers):
            x = self._attention(x, layer, positions, linear, past)
            x = self._feed_forward(x, layer, linear)
        return self._normalized(x, "output_norm.weight")

    def logits(self, ids: Sequence[int], linear: Linear | None = None, past: Past | None = None) -> Floats:
        """Return logits of the token after each: shape (tokens, vocabulary). Parameters are those of :meth:`features`.

        The logits are a linear layer too, with the name ``output.weight``.
        """
        return (linear or self.multiply)(self.features(ids, linear, past), OUTPUT)

    def generate(self, ids: Sequence[int], linear: Linear | None = None) -> Iterator[int]:
        """Continue a text with the likeliest token each time.

        Parameters
        ----------
        ids : sequence of int
            Tokens of the text, at least one.
        linear : callable
            As in :meth:`features`. It receives all tokens of the text at once, then one token at a time; for the logits always
            one.

        Yields
        ------
        int
            A token, until the next one would be the end of a message. Of equal logits the first one counts.
        """
        past, new = Past(), list(ids)
        while True:
            last = self.features(new, linear, past)[-1:]
            token = int((linear or self.multiply)(last, OUTPUT)[0].argmax())
            if token == self.architecture.end:
                return
            yield token
            new = [token]

    def losses(self, ids: Sequence[int], context: int, linear: Linear | None = None) -> NDArray[np.float64]:
        """Return the negative log-likelihoods of the tokens of a text, in nats.

        Parameters
        ----------
        ids : sequence of int
            Tokens of the text, at least two.
        context : int
            Tokens of a window, at least two. The text is cut into windows without overlap, each of which is a text of its own:
            the first token of a window has no likelihood. A last window of one token has none at all.
        linear : callable
            As in :meth:`features`.

        Returns
        -------
        ndarray of float64
            One for each token but the first ones of windows.
        """
        found = []
        for start in range(0, len(ids) - 1, context):
            window = ids[start : start + context]
            logits = self.logits(window[:-1], linear).astype(np.float64)
            largest = logits.max(-1)
            total = largest + np.log(np.exp(logits - largest[:, np.newaxis]).sum(-1))
            found.append(total - logits[np.arange(len(logits)), window[1:]])
        return np.concatenate(found)

    def perplexity(self, ids: Sequence[int], context: int, linear: Linear | None = None) -> float:
        """Return the perplexity of a text: the exponential of the mean of :meth:`losses`, whose parameters it has."""
        return float(np.exp(self.losses(ids, context, linear).mean()))

    def _attention(self, x: Floats, layer: int, positions: NDArray[np.int_], linear: Linear, past: Past) -> Floats:
        """Return what leaves the attention of a block that receives ``x``, both of shape (tokens, width)."""
        heads, shared = self.architecture.heads, self.architecture.shared_heads
        name, count = f"blk.{layer}.{{}}.weight".format, len(x)
        h = self._normalized(x, name("attn_norm"))
        q, k, v = (
            linear(h, name(f"attn_{kind}")).reshape(count, number, -1)
            for kind, number in (("q", heads), ("k", shared), ("v", shared))
        )
        q, k = self._rotated(q, positions), self._rotated(k, positions)
        k, v = past.extend(layer, k, v)
        # Axes: shared head, head within it, token, element.
        queries = q.reshape(count, shared, heads // shared, -1).transpose(1, 2, 0, 3)
        keys, values = k.transpose(1, 2, 0)[:, np.newaxis], v.transpose(1, 0, 2)[:, np.newaxis]
        scores = queries @ keys / np.float32(queries.shape[-1] ** 0.5)
        scores[..., np.arange(len(k)) > positions[:, np.newaxis]] = -np.inf
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        mixed = scores / scores.sum(-1, keepdims=True) @ values
        return x + linear(mixed.transpose(2, 0, 1, 3).reshape(count, -1), name("attn_output"))

    def _feed_forward(self, x: Floats, layer: int, linear: Linear) -> Floats:
        """Return what leaves a block whose feed-forward half receives ``x``, both of shape (tokens, width)."""
        name = f"blk.{layer}.{{}}.weight".format
        h = self._normalized(x, name("ffn_norm"))
        gate, up = linear(h, name("ffn_gate")), linear(h, name("ffn_up"))
        return x + linear(gate / (1 + np.exp(-gate)) * up, name("ffn_down"))

    def _normalized(self, x: Floats, name: str) -> Floats:
        """Divide each token by the root of its mean square, and multiply by a weight."""
        normalized: Floats = x / np.sqrt((x * x).mean(-1, keepdims=True) + np.float32(self.architecture.epsilon))
        return normalized * self.weights[name]

    def _rotated(self, x: Floats, positions: NDArray[np.int_]) -> Floats:
        """Turn the pairs of elements of each head by angles that grow with the position; shape (tokens, heads, size)."""
        size = x.shape[-1]
        angles = positions[:, np.newaxis, np.newaxis] * self.architecture.rope_base ** (-np.arange(0, size, 2) / size)
        cos, sin = np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)
        even, odd = x[..., 0::2], x[..., 1::2]
        return np.stack([even * cos - odd * sin, even * sin + odd * cos], axis=-1).reshape(x.shape)
