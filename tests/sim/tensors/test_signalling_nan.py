"""A signalling NaN is a NaN like any other, and no reason for a warning of NumPy."""

import warnings

import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy

import mxmac_sim.cli.dot as dot_command
from mxmac.cli import app as cli
from mxmac.config import MacConfig
from mxmac.errors import UserError
from mxmac.formats import ELEMENT_FORMATS
from mxmac_sim import golden
from mxmac_sim.golden.quantize import clipped, dequantize, quantize, sqnr_db
from mxmac_sim.simulators.products import ProductRun
from mxmac_sim.tensors.files import load_mx, load_stored
from mxmac_sim.tensors.writing import save_mx

E4M3 = ELEMENT_FORMATS["E4M3"]
#: Smallest NaN code of each type: the quiet bit, the highest of the fraction, is clear (IEEE 754-2019, 6.2.1).
SIGNALLING = {
    np.dtype(np.float16): 0x7C01,
    np.dtype(ml_dtypes.bfloat16): 0x7F81,
    np.dtype(np.float32): 0x7F800001,
    np.dtype(np.float64): 0x7FF0000000000001,
}

each_type = pytest.mark.parametrize("dtype", SIGNALLING, ids=str)


@pytest.fixture(autouse=True)
def every_warning_is_an_error():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def ones_with_nan(dtype, shape=(2, 32)):
    codes = np.ones(shape, dtype).view(f"u{dtype.itemsize}")
    codes[0, 0] = SIGNALLING[dtype]
    return codes.view(dtype)


@each_type
def test_a_block_with_one_is_quantized_to_nan(dtype):
    floats = ones_with_nan(dtype)
    tensor = quantize(floats, E4M3)
    assert tensor.scales.tolist() == [[0xFF], [119]]
    assert np.isnan(dequantize(tensor)[0]).all()
    assert not clipped(floats, tensor).any()
    assert np.isnan(sqnr_db(floats, dequantize(tensor)))


@each_type
def test_the_quantize_command_refuses_it_in_one_line(tmp_path, capsys, dtype):
    path = tmp_path / "x.safetensors"
    safetensors.numpy.save_file({"x": ones_with_nan(dtype)}, path)
    with pytest.raises(SystemExit) as end:
        cli.main(["quantize", str(path), str(tmp_path / "out.npz")])
    assert end.value.code == 2
    assert capsys.readouterr().err == (
        f"mxmac: {path}: 1 of 64 values are NaN or Inf, the first at [0, 0]; "
        "their blocks would have NaN scales, finite values are needed\n"
    )


@each_type
def test_a_scale_that_is_one_is_refused_and_multiplied_as_nan(tmp_path, dtype):
    path = tmp_path / "a.safetensors"
    elements = np.full((2, 32), 0x38, np.uint8).view(ml_dtypes.float8_e4m3fn)
    safetensors.numpy.save_file({"elements": elements, "scales": ones_with_nan(dtype, (2, 1))}, path)
    with pytest.raises(UserError, match=r"1 of 2 \w+ scales in 'scales' are NaN, the first nan at \[0, 0\]"):
        load_mx(path)
    floats = load_stored(path).floats()
    assert np.isnan(floats[0]).all()
    assert floats[1].tolist() == [1] * 32


@each_type
def test_dot_compares_with_originals_and_elements_that_are_not_numbers(tmp_path, capsys, monkeypatch, dtype):
    def simulated(_, a, b, addend, console):
        return ProductRun(*golden.matmul(a, b, MacConfig(a=[a.format], b=[b.format])), clocks=1, seconds=1.0)

    monkeypatch.setattr(dot_command, "BulkUnit", lambda *_, **__: None)
    monkeypatch.setattr(dot_command, "_simulate", simulated)
    monkeypatch.setenv("COLUMNS", "120")
    tensor = quantize(np.ones((2, 32), np.float32), ELEMENT_FORMATS["E5M2"])
    # +Inf, zero, and the smallest NaN.
    tensor.elements[0, :3] = 0x7C, 0, 0x7D
    save_mx(tmp_path / "a.npz", tensor)
    safetensors.numpy.save_file({"x": ones_with_nan(dtype)}, tmp_path / "x.safetensors")
    a, x = str(tmp_path / "a.npz"), str(tmp_path / "x.safetensors")
    with pytest.raises(SystemExit) as end:
        cli.main(["dot", a, a, "--floats-a", x, "--floats-b", x, "--work", str(tmp_path)])
    output = capsys.readouterr()
    assert (end.value.code or 0, output.err) == (0, "")
    assert output.out.count("results are NaN or Inf") == 2
