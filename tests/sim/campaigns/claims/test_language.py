"""Settings of the language model, on a tiny one: which layers get which scheme, sums of the hardware, and errors."""

import numpy as np
import pytest

from mxmac_sim.campaigns.claims import language, mixtures, outliers
from mxmac_sim.campaigns.claims.language import REPAIRS, AccumulatedLayers, QuantizedLayers, mean_bits, scheme_of, summary
from mxmac_sim.campaigns.claims.schemes import Scheme
from mxmac_sim.campaigns.claims.sources import Sources
from mxmac_sim.golden.quantize import dequantize
from mxmac_sim.models.language_model import OUTPUT
from mxmac_sim.models.smollm2 import load_gguf
from tiny_model import write_tiny_model

FP8, FP4 = Scheme("E4M3"), Scheme("E2M1")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "tiny.gguf"
    write_tiny_model(path)
    return load_gguf(path)


@pytest.fixture
def loaded(model, monkeypatch):
    rng = np.random.default_rng(2)
    windows = [list(rng.integers(3, 200, 257)) for _ in range(3)]
    monkeypatch.setattr(language, "loaded", lambda wheel: (model, windows))
    return windows


def test_layers_and_kinds_get_the_other_scheme_and_logits_none():
    fields = {"scheme": FP4.as_dict(), "other": FP8.as_dict(), "layers": [3], "kinds": ["ffn_down"]}
    of = scheme_of(fields)
    assert of("blk.3.attn_q.weight") == of("blk.0.ffn_down.weight") == FP8
    assert of("blk.30.attn_q.weight") == of("blk.0.ffn_up.weight") == FP4
    assert of(OUTPUT) is None
    assert scheme_of({"scheme": None})("blk.0.ffn_up.weight") is None


def test_bits_are_weighted_by_the_sizes_of_the_layers(model):
    sizes = {name: weights.size for name, weights in model.weights.items() if ".attn_" in name or ".ffn_" in name}
    sizes = {name: size for name, size in sizes.items() if "norm" not in name}
    down = sum(size for name, size in sizes.items() if "ffn_down" in name)
    total = sum(sizes.values())
    fields = {"scheme": FP4.as_dict(), "other": FP8.as_dict(), "kinds": ["ffn_down"]}
    assert mean_bits(model, fields) == pytest.approx((4.25 * (total - down) + 8.25 * down) / total)
    assert mean_bits(model, {"scheme": None}) == 32


def test_losses_are_those_of_a_model_with_quantized_layers(model, loaded):
    fields = {"scheme": FP4.as_dict(), "windows": [0, 2], "tokens": 40}
    found = language.run(fields, Sources(None, None))

    def linear(x, name):
        operands = x, model.weights[name]
        a, b = operands if name == OUTPUT else (dequantize(FP4.quantized(operand)) for operand in operands)
        return (a @ b.T).astype(np.float32)

    wanted = [model.losses(loaded[index][:41], 41, linear).mean() for index in (0, 2)]
    np.testing.assert_allclose(found["losses"], wanted, atol=2e-4)
    assert found["bits"] == 4.25
    reference = language.run({"scheme": None, "windows": [0, 2], "tokens": 40}, Sources(None, None))
    assert max(np.abs(np.subtract(reference["losses"], wanted))) > 0.01


def test_exact_sums_are_close_to_float32_and_a_tensor_core_is_not(model):
    ids = list(range(3, 40))
    float32 = model.logits(ids, QuantizedLayers(model, scheme_of({"scheme": FP8.as_dict()})))
    exact, narrow = (model.logits(ids, AccumulatedLayers(model, FP8, way)) for way in ("exact", "tensor core, F = 13"))
    assert 0 < np.abs(exact - float32).max() < 0.3 * np.abs(narrow - float32).max()


def test_the_error_is_that_of_the_mean_difference():
    losses, reference = [2.0, 3.0, 2.5], [1.9, 2.8, 2.2]
    value, ratio, error = summary(losses, reference)
    assert value == pytest.approx(np.exp(2.5))
    assert ratio == pytest.approx(np.exp(0.2))
    assert error == pytest.approx(np.exp(0.2) * 0.1 / 3**0.5)


def test_outliers_are_the_largest_activations_of_each_layer(model, loaded, monkeypatch):
    monkeypatch.setattr(outliers, "loaded", language.loaded)
    (job,) = outliers.jobs()
    seen = {}

    def linear(x, name):
        seen[name] = np.abs(x).max() / np.sqrt((x.astype(np.float64) ** 2).mean())
        return model.multiply(x, name)

    model.features(loaded[0][: job.fields["tokens"]], linear)
    peaks = outliers.run(job.fields, Sources(None, None))["peaks"]
    assert peaks == {name: pytest.approx(peak, abs=0.06) for name, peak in seen.items()}
    assert len(peaks) == len(model.linear_names) - 1


def test_mixtures_repair_the_layers_that_cost_most_and_as_a_control_those_that_cost_least():
    rows = [{"scheme": None, "losses": [1.0], **language.SENSITIVITY}]
    for scheme, _ in REPAIRS:
        other = {"scheme": None, "other": scheme.as_dict()}
        rows += [{**other, "layers": [layer], "losses": [1 + layer % 7 / 10 + layer / 1000]} for layer in range(30)]
        rows += [{**other, "kinds": [kind], "losses": [loss]} for kind, loss in (("ffn_up", 1.1), ("ffn_down", 1.5))]
    assert mixtures.order(rows, REPAIRS[0][0], "kinds")[0] == ("ffn_down", pytest.approx(0.5))
    jobs = [job.fields for job in mixtures.jobs(rows)]
    assert [job["other"] for job in jobs] == [wide.as_dict() for _, wide in REPAIRS for _ in range(5)]
    assert jobs[0]["kinds"] == ["ffn_down"]
    assert jobs[1]["layers"] == [27, 20, 13, 6, 26]
    assert set(jobs[4]["layers"]) == {0, 7, 14, 21, 28, 1, 8, 15, 22, 29}
