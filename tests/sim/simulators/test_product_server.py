"""Products by simulations that keep the weights: results in order, and the ends of the processes."""

from dataclasses import replace

import numpy as np
import pytest

from mxmac.config import MacConfig
from mxmac.errors import HardwareError, ToolError
from mxmac_sim import golden
from mxmac_sim.golden.quantize import quantize
from mxmac_sim.simulators import product_server
from mxmac_sim.simulators.product_server import ProductServer
from product_units import CONFIG, product_folder

ROWS = {"wide": (5, 96), "low": (1, 32)}


def tensor(shape, operand, seed):
    floats = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    return quantize(floats, operand.formats[0], block=CONFIG.block)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    matrices = {name: tensor(shape, CONFIG.operand_b, seed) for seed, (name, shape) in enumerate(ROWS.items())}
    with product_folder(tmp_path_factory) as folder:
        server = ProductServer(CONFIG, matrices, folder)
    with server:
        yield server, matrices


@pytest.mark.parametrize("name", [*ROWS, "wide"])
@pytest.mark.parametrize("rows", [1, 3])
def test_products_in_any_order_are_golden(server, name, rows):
    server, matrices = server
    a = tensor((rows, ROWS[name][1]), CONFIG.operand_a, seed=rows)
    run = server.multiply(a, name)
    data, status = golden.matmul(a, matrices[name], CONFIG)
    assert (run.data.tolist(), run.status.tolist()) == (data.tolist(), status.tolist())
    beats = a.elements.size * len(matrices[name].elements) // CONFIG.lanes
    assert run.clocks >= beats


def test_another_k_is_refused(server):
    with pytest.raises(ValueError, match="a has 1 blocks, but wide has 3"):
        server[0].multiply(tensor((1, 32), CONFIG.operand_a, seed=1), "wide")


def test_units_with_addends_or_a_choice_of_formats_are_refused(tmp_path):
    for config in (replace(CONFIG, a=("E2M1", "E4M3")), MacConfig(addend="fp32")):
        with pytest.raises(ValueError, match="one format for each operand, and no addend"):
            ProductServer(config, {}, tmp_path)


@pytest.mark.parametrize(
    ("script", "error", "message"),
    [
        (
            "cat >/dev/null & sleep 0.1; echo no transfer for 9 clocks >&2; exit 1",
            HardwareError,
            "The unit is stuck: no transfer",
        ),
        ("kill -9 $$", ToolError, "killed, most likely because memory ran out"),
        ("exec <&-; exit 0", ToolError, "The simulation"),
    ],
    ids=["stuck", "killed", "ended"],
)
def test_a_simulation_that_ends_is_an_error(tmp_path, monkeypatch, script, error, message):
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setattr(product_server, "BulkUnit", lambda *_arguments, **_options: type("Unit", (), {"program": program}))
    weight, a = tensor((2, 32), CONFIG.operand_b, seed=1), tensor((1, 32), CONFIG.operand_a, seed=2)
    with pytest.raises(error, match=message), ProductServer(CONFIG, {"w": weight}, tmp_path) as server:
        server.multiply(a, "w")


def test_no_simulation_outlives_the_server(tmp_path_factory):
    with product_folder(tmp_path_factory) as folder, ProductServer(CONFIG, {}, folder) as server:
        children = [simulation._child for simulation in server._simulations]
        assert len(children) == server.jobs
        assert all(child.poll() is None for child in children)
    assert all(child.poll() is not None for child in children)
