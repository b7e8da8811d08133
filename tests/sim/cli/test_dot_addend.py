"""``mxmac dot --addend``: D = A·Bᵀ + C through the simulated hardware, and files of C that are not accepted."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from mxmac.cli import app as cli
from mxmac_sim.cli import dot
from mxmac_sim.golden import model as golden
from mxmac_sim.golden.quantize import dequantize
from mxmac_sim.simulators.products import ProductRun
from mxmac_sim.tensors.files import load_mx

SHAPE = (2, 3)
#: Of all kinds: a signalling NaN stays one.
ADDENDS = np.array([[0, 0x3F800001, 0xC1000000], [0x00000001, 0x7F800000, 0x7F800001]], np.uint32).view(np.float32)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(1)
    for name, rows in (("a", SHAPE[0]), ("b", SHAPE[1])):
        elements, scales = rng.integers(0, 16, (rows, 8), np.uint8), rng.integers(120, 134, (rows, 2), np.uint8)
        np.savez(f"{name}.npz", elements=elements, scales=scales, format="E2M1", block=4)
    np.save("c.npy", ADDENDS)
    return tmp_path


class Simulated:
    """The golden model in the place of the hardware, with one result changed."""

    flip, addend = 0, None

    def product(self, config, a, b, addend):
        self.addend = addend
        data, status = golden.matmul(a, b, config, addend=addend)
        data[0, 1] ^= self.flip
        return ProductRun(data, status, 1, 1.0)


@pytest.fixture
def simulated(monkeypatch):
    hardware = Simulated()
    monkeypatch.setattr(dot, "BulkUnit", lambda config, _: config)
    monkeypatch.setattr(dot, "simulate_product", hardware.product)
    monkeypatch.setattr(dot, "_write_waves", lambda *_: None)
    return hardware


def run(capsys, *options):
    with pytest.raises(SystemExit) as end:
        cli.main(["dot", "a.npz", "b.npz", "--lanes", "2", *map(str, options)])
    return end.value.code, *capsys.readouterr()


def test_addends_are_added(capsys, folder):
    status, out, err = run(capsys, "--addend", "c.npy", "-o", "d.npz", "--json")
    found = json.loads(out)
    assert (status, found["mismatches"]) == (0, 0), err
    assert found["tensors"] == {"a": "a.npz", "b": "b.npz", "addend": "c.npy"}
    assert found["command"].endswith(" --addend c.npy")
    finite = np.isfinite(ADDENDS)
    # Exact in float64, and so rounded once.
    products = dequantize(load_mx(Path("a.npz"))) @ dequantize(load_mx(Path("b.npz"))).T
    with np.load("d.npz") as results:
        data, status = results["data"], results["status"]
    expected = (products[finite] + ADDENDS[finite]).astype(np.float32)
    np.testing.assert_array_equal(data.view(np.float32)[finite], expected)
    # Inf, and a signalling NaN, which is an invalid operation.
    assert [hex(code) for code in data[1, 1:]] == ["0x7f800000", "0x7fc00000"]
    assert status[1, 1:].tolist() == [0, 0b10000]


def test_the_addend_of_a_mismatch_is_shown(capsys, folder, simulated):
    simulated.flip = 1
    status, out, _ = run(capsys, "--addend", "c.npy", "--json")
    (miss,) = json.loads(out)["first_mismatches"]
    assert (status, miss["row"], miss["column"]) == (1, 0, 1)
    assert miss["operands"]["addend"] == "0x3f800001 (1.0000001)"
    status, out, _ = run(capsys, "--addend", "c.npy")
    assert status == 1
    assert re.search(r"^addend 3f800001$", out, re.M)


@pytest.mark.parametrize("order", ["<", ">"])
def test_codes_are_those_of_the_file_in_either_order_of_bytes(capsys, folder, simulated, order):
    np.save("c.npy", ADDENDS.view(np.uint32).astype(f"{order}u4").view(f"{order}f4"))
    assert run(capsys, "--addend", "c.npy")[0] == 0
    np.testing.assert_array_equal(simulated.addend, ADDENDS.view(np.uint32))


@pytest.mark.parametrize(
    ("array", "options", "message"),
    [
        (ADDENDS.T, (), "--addend: The array in 'x.npy' has shape (3, 2); accepted: (2, 3), a number for each dot product"),
        (ADDENDS[0], (), "--addend: The array in 'x.npy' has shape (3,); accepted: (2, 3), a number for each dot product"),
        (np.zeros(SHAPE), (), "--addend: The array in 'x.npy' has dtype float64; accepted: float32"),
        (np.zeros(SHAPE, np.int32), (), "x.npy: The array has dtype int32; accepted: float16, float32, float64"),
        (None, (), "x.npy: There is no such file"),
        (ADDENDS, ("--accumulator", "window"), "--addend: must be left out with the accumulator window; it applies to"),
    ],
)
def test_addends_that_do_not_fit_are_one_line_and_no_file(capsys, folder, array, options, message):
    if array is not None:
        np.save("x.npy", array)
    before = sorted(folder.iterdir())
    status, out, err = run(capsys, "--addend", "x.npy", *options)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"mxmac: {message}"), err
    assert sorted(folder.iterdir()) == before
    assert not Path("build").exists()
