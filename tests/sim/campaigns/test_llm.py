"""The language model on simulated hardware, in small: what right hardware and wrong hardware make of it."""

import re

import numpy as np
import pytest

from broken_units import broken_unit
from mxmac_sim.campaigns.llm import campaign as llm
from mxmac_sim.campaigns.llm.campaign import Answer
from mxmac_sim.campaigns.llm.linear import CheckedLinear, Count, GoldenLinear, quantized_weights
from mxmac_sim.models.smollm2 import load_gguf
from mxmac_sim.simulators import product_server
from mxmac_sim.simulators.products import ProductRun
from product_units import CONFIG, product_folder
from tiny_model import write_tiny_model


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "tiny.gguf"
    write_tiny_model(path)
    return load_gguf(path)


@pytest.fixture
def ask(monkeypatch, capsys, tmp_path_factory, model):
    """The command for the tiny model and a small unit."""
    monkeypatch.setattr(llm, "load_wheel", lambda _wheel: model)
    monkeypatch.setattr(llm, "MacConfig", lambda lanes: CONFIG)

    def run(*options):
        with product_folder(tmp_path_factory) as folder:
            status = llm.main(["no.whl", "--question", "he", "--tokens", "3", "--work", str(folder), *options])
        return status, *capsys.readouterr()

    return run


def golden_answer(model):
    tokens = model.generate(model.prompt("he"), GoldenLinear(quantized_weights(model, CONFIG), CONFIG))
    return model.decode([next(tokens) for _ in range(3)]).rstrip("\ufffd")


def test_right_hardware_gives_the_answer_of_the_golden_model(ask, model):
    status, out, err = ask()
    assert (status, err) == (0, "")
    assert out.startswith(f"he\n{golden_answer(model)}\n")
    products = 3 * len(model.linear_names)
    assert f"{products} matrix products" in out
    assert "bit for bit, flags included" in out
    assert "the same, token for token" in out


def test_wrong_hardware_fails(ask, monkeypatch):
    # Results whose two lowest bits of the exponent are set are negated.
    monkeypatch.setattr(product_server, "BulkUnit", broken_unit("out_data", "{&o__payload[24:23], 31'd0}"))
    status, out, _ = ask()
    assert status == 1
    assert re.search(r"Hardware = golden +│ [\d,]+ of [\d,]+ differ", out)


@pytest.mark.parametrize("wrong", ["data", "status"])
def test_every_wrong_result_is_counted_and_goes_on(model, wrong):
    weights = quantized_weights(model, CONFIG)
    golden_linear, name, done = GoldenLinear(weights, CONFIG), model.linear_names[0], []

    class Server:
        """Hardware with one bit of two results wrong."""

        def multiply(self, a, name):
            data, status = golden_linear.product(a, name)
            {"data": data, "status": status}[wrong][0, 3:5] ^= 1
            return ProductRun(data, status, clocks=7, seconds=0.5)

    x = np.random.default_rng(1).normal(size=(2, 64)).astype(np.float32)
    linear = CheckedLinear(Server(), golden_linear, done.append)
    different = linear(x, name) != golden_linear(x, name)
    assert np.argwhere(different).tolist() == ([[0, 3], [0, 4]] if wrong == "data" else [])
    assert linear.count == Count(products=1, dots=2 * 64, macs=2 * 64 * 64, clocks=7, seconds=0.5, mismatches=2)
    assert done == [2 * 64 * 64]


@pytest.mark.parametrize(
    ("mismatches", "golden_tokens", "right"), [(0, [5, 6], True), (1, [5, 6], False), (0, [5, 7], False), (0, [5], False)]
)
def test_an_answer_is_right_if_all_results_and_all_tokens_are(mismatches, golden_tokens, right):
    assert Answer(9, [5, 6], golden_tokens, Count(mismatches=mismatches), 1.0, 2).right is right


def test_mistakes_are_one_line(ask, tmp_path):
    assert ask("--tokens", "0") == (2, "", "llm: --tokens: must be at least 1, not 0\n")
