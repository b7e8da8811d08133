"""``mxmac quantize`` works in slices of rows: the same bytes as of the whole tensor, in memory that is bounded."""

import tracemalloc
from unittest import mock

import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy
import typer
from typer.testing import CliRunner

from layout_checks import write_tensors
from mxmac.errors import UserError
from mxmac.formats import ELEMENT_FORMATS
from mxmac_sim.cli import quantize as command
from mxmac_sim.cli import rows as row_slices
from mxmac_sim.cli import slices
from mxmac_sim.golden.quantize import quantize, sqnr_db
from mxmac_sim.golden.sqnr import Sqnr
from mxmac_sim.tensors import array_file
from mxmac_sim.tensors import stored as stored_tensors
from mxmac_sim.tensors.deepseek import padded
from mxmac_sim.tensors.files import load_floats, load_mx, load_stored, open_floats
from mxmac_sim.tensors.layouts import LAYOUTS
from mxmac_sim.tensors.safetensors_writer import write_safetensors
from mxmac_sim.tensors.stated import Stated
from mxmac_sim.tensors.writing import FileTensor, Target, save_mx

E4M3 = ELEMENT_FORMATS["E4M3"]
FP8 = ml_dtypes.float8_e4m3fn
app = typer.Typer()
app.command("quantize")(command.quantize)


def run(*arguments):
    """Standard output of the command; its errors come out as they are."""
    words = [str(argument) for argument in arguments]
    return CliRunner().invoke(app, words, catch_exceptions=False, standalone_mode=False).output


@pytest.fixture
def small(monkeypatch):
    """Slices of a few rows, and columns in parts."""
    monkeypatch.setattr(row_slices, "_SLICE", 1 << 10)


def floats(shape, seed=0):
    rng = np.random.default_rng(seed)
    values = rng.standard_normal(shape) * np.exp(rng.standard_normal((*shape[:-1], 1)))
    return values.astype(np.float32)


def write(path, array):
    if path.suffix == ".npy":
        np.save(path, array)
    elif path.suffix == ".npz":
        np.savez_compressed(path, x=array)
    else:
        safetensors.numpy.save_file({"x": array}, path)


def same_bytes(tmp_path, suffix, tensor, source, *options, tiles=False):
    """Run the command, and compare its output with the file of a tensor."""
    save_mx(tmp_path / f"expected{suffix}", tensor, tiles=tiles)
    text = run(source, tmp_path / f"out{suffix}", *options)
    assert (tmp_path / f"out{suffix}").read_bytes() == (tmp_path / f"expected{suffix}").read_bytes()
    return text


# The same bytes.


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
@pytest.mark.parametrize(
    "array",
    [
        floats((50, 96)),
        floats((4096,)),
        floats((3, 5, 64)),
        floats((40, 96)).astype(">f8"),
        np.asfortranarray(floats((50, 96))),
        np.asfortranarray(floats((3, 5, 64))),
    ],
    ids=["matrix", "one row", "three axes", "big endian", "by columns", "three axes by columns"],
)
@pytest.mark.parametrize("source", [".npy", ".npz"])
def test_slices_have_the_bytes_of_the_whole_tensor(tmp_path, small, suffix, array, source):
    write(tmp_path / f"x{source}", array)
    text = same_bytes(tmp_path, suffix, quantize(array, E4M3), tmp_path / f"x{source}")
    assert f"{array.size // 32:,} blocks, 0 all zero" in text


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
@pytest.mark.parametrize("shape", [(300, 256), (3, 130, 200), (2, 1, 128)])
def test_tiles_are_never_cut(tmp_path, small, suffix, shape):
    x = floats(shape)
    write(tmp_path / "x.safetensors", x)
    tensor = quantize(padded(x, 128), E4M3, block=128, rows=128)
    text = same_bytes(tmp_path, suffix, tensor, tmp_path / "x.safetensors", "--layout", "deepseek-weights", tiles=True)
    tiles = tensor.scales.size // shape[-2] * -(-shape[-2] // 128)
    assert f"{tiles:,} tiles, 0 all zero" in text


@pytest.mark.parametrize("source", [".npz", ".safetensors"])
def test_a_converted_or_requantized_tensor_has_the_bytes_of_the_whole_one(tmp_path, small, source):
    rng = np.random.default_rng(1)
    elements, path = rng.integers(0, 0x7F, (300, 256), np.uint8), tmp_path / f"w{source}"
    for powers in (True, False):
        scales = rng.integers(-9, 9, (3, 2)).astype(np.float32)
        scales = np.exp2(scales) if powers else np.abs(scales) + np.float32(0.3)
        if source == ".npz":
            np.savez_compressed(path, elements=elements, scales=scales, format="E4M3", block=128)
        else:
            safetensors.numpy.save_file({"w": elements.view(FP8), "w_scale_inv": scales}, path)
        stored = load_stored(path)
        if powers:
            same_bytes(tmp_path, ".npz", stored.mx(), path, tiles=True)
        products = quantize(stored.floats(), E4M3, block=32)
        same_bytes(tmp_path, ".safetensors", products, path, "--requantize", "--layout", "mx")


CODES = np.random.default_rng(8).integers(0, 256, (60, 4, 16)).astype(np.uint8)
WORDS = np.random.default_rng(9).integers(100, 140, (60, 4)).astype(np.uint8)


@pytest.mark.parametrize(
    "tensors",
    [
        {"x_blocks": CODES, "x_scales": WORDS},
        {"x_blocks": CODES.reshape(5, 12, 4, 16), "x_scales": WORDS.reshape(5, 12, 4)},
        {"x__weight_packed": CODES.reshape(60, 64), "x__weight_scale": WORDS},
        {"elements": ("F4", (60, 128), CODES.tobytes()), "scales": WORDS},
        {"elements": ("F4", (7680,), CODES.tobytes()), "scales": WORDS.reshape(240)},
        {"elements": ("F6_E2M3", (60, 64), CODES[:, :3].tobytes()), "scales": WORDS[:, :2].copy()},
        {"x__weight": CODES.reshape(60, 64).view(FP8)[:, :50].copy(), "x__weight_scale": WORDS[:, :2].copy()},
        {"x__weight": CODES.reshape(60, 64).view(FP8), "x__weight_scale_inv": WORDS.view("<i4")[:, :1].copy()},
    ],
    ids=["gpt-oss", "experts", "packed", "F4", "one row of F4", "F6", "short last block", "words"],
)
def test_a_tensor_of_any_type_is_read_in_slices(tmp_path, small, tensors):
    path = write_tensors(tmp_path / "x.safetensors", **tensors)
    stated = Stated(block=32)
    same_bytes(tmp_path, ".safetensors", load_mx(path, stated=stated), path, "--source-block", 32)
    same_bytes(tmp_path, ".npz", load_mx(path, stated=stated), path, "--source-block", 32)
    if "elements" in tensors:
        products = quantize(load_stored(path, stated=stated).floats(), E4M3, block=16)
        options = ("--source-block", 32, "--requantize", "--layout", "mx", "--block", 16, "--format", "E4M3")
        same_bytes(tmp_path, ".safetensors", products, path, *options)


@pytest.mark.parametrize("shape", [(50, 96), (3, 20, 64)])
def test_a_quantized_tensor_by_columns_keeps_its_order(tmp_path, small, shape):
    tensor = quantize(floats(shape), E4M3)
    elements, scales = np.asfortranarray(tensor.elements), np.asfortranarray(tensor.scales)
    np.savez(tmp_path / "x.npz", elements=elements, scales=scales, format="E4M3", block=32)
    expected = FileTensor(elements, scales, E4M3, 32)
    Target(path=tmp_path / "expected.npz").write(expected)
    run(tmp_path / "x.npz", tmp_path / "out.npz")
    assert (tmp_path / "out.npz").read_bytes() == (tmp_path / "expected.npz").read_bytes()
    same_bytes(tmp_path, ".safetensors", tensor, tmp_path / "x.npz")


def test_tiles_of_several_matrices_have_the_bytes_of_the_whole_tensor(tmp_path, small):
    rng = np.random.default_rng(4)
    elements, scales = rng.integers(0, 0x7F, (3, 200, 256), np.uint8), np.exp2(rng.integers(-9, 9, (3, 2, 2)))
    path = tmp_path / "w.npz"
    np.savez(path, elements=elements, scales=scales.astype(np.float32), format="E4M3", block=128)
    stored = load_stored(path)
    same_bytes(tmp_path, ".npz", stored.mx(), path, tiles=True)
    products = quantize(stored.floats(), E4M3, block=32)
    same_bytes(tmp_path, ".npz", products, path, "--requantize", "--layout", "mx")


def test_figures_are_those_of_the_whole_tensor(tmp_path, small):
    x = floats((64, 64))
    x[:5], x[20, 40:] = 0, 0
    x[7] *= 2.0**-40
    np.save(tmp_path / "x.npy", x)
    text = run(tmp_path / "x.npy", tmp_path / "y.npz", "--rule", "floor")
    tensor = quantize(x, E4M3, rule=slices.ScaleRule.FLOOR)
    codes = tensor.scales[x.reshape(64, 2, 32).any(-1)]
    assert "10 all zero" in text
    assert f"(codes {codes.min():#04x} to {codes.max():#04x})" in text
    assert f"{np.count_nonzero(slices.golden.clipped(x, tensor)):,} of 4,096 elements" in text
    assert f"{sqnr_db(x, slices.golden.dequantize(tensor)):.2f} dB" in text


def test_noise_in_parts_is_that_of_the_whole():
    rng = np.random.default_rng(2)
    x = rng.standard_normal((9, 50)) * np.ldexp(1.0, rng.integers(-500, 500, (9, 1)))
    for rows in (x, x[::-1], np.sort(x, axis=0)):
        y, ratio = rows * (1 + 0.01 * rng.standard_normal(rows.shape)), Sqnr()
        for row, approximation in zip(rows, y, strict=True):
            ratio.add(row, approximation)
        assert ratio.db == pytest.approx(sqnr_db(rows, y), rel=1e-12)


# Mistakes are counted through the whole tensor.


def test_values_that_are_not_finite_are_counted_through_all_slices(tmp_path, small):
    x = floats((60, 8, 32))
    x[50, 3, 1], x[50, 3, 2], x[59, 0, 0] = np.nan, np.inf, -np.inf
    np.save(tmp_path / "x.npy", x)
    with pytest.raises(UserError, match=r"3 of 15360 values are NaN or Inf, the first at \[50, 3, 1\]"):
        run(tmp_path / "x.npy", tmp_path / "y.npz")
    y = floats((60, 256)).astype(np.float64)
    y[3, 4], y[59, 1] = -1e60, 1e50
    np.save(tmp_path / "y.npy", y)
    with pytest.raises(UserError, match=r"2 float64 values, the first -1e\+60, are too large"):
        run(tmp_path / "y.npy", tmp_path / "y.npz")


def test_wrong_scales_are_counted_through_all_slices(tmp_path, small):
    scales = np.ones((90, 2), np.float32)
    scales[70:80, 1] = 3
    np.savez(tmp_path / "x.npz", elements=np.zeros((90, 64), np.uint8), scales=scales, format="E4M3", block=32)
    with pytest.raises(UserError, match=r"10 of 180 float32 scales .* the first 3.0 at \[70, 1\]") as error:
        run(tmp_path / "x.npz", tmp_path / "y.npz")
    assert error.value.parameter == str(tmp_path / "x.npz")


@pytest.mark.parametrize("options", [(), ("--requantize",)], ids=["convert", "requantize"])
def test_the_largest_of_all_codes_is_named_if_one_has_too_many_bits(tmp_path, small, options):
    elements = np.zeros((90, 64), np.uint8)
    elements[40, 3], elements[80, 5] = 0x41, 0x93
    np.savez(tmp_path / "x.npz", elements=elements, scales=np.ones((90, 2), np.float32), format="E2M1", block=32)
    with pytest.raises(UserError, match="code is 0x93, but E2M1 has 4 bits") as error:
        run(tmp_path / "x.npz", tmp_path / "y.npz", *options)
    assert error.value.parameter == str(tmp_path / "x.npz")


@pytest.mark.parametrize("kind", ["NaN", "not powers of two", "outside"])
def test_the_first_kind_of_wrong_scales_is_counted_in_parts(tmp_path, monkeypatch, kind):
    monkeypatch.setattr(stored_tensors, "_PART", 7)
    scales = np.ones((3, 30, 2))
    scales[1, 20:, 1] = {"NaN": np.nan, "not powers of two": 3, "outside": 2.0**-128}[kind]
    scales[2, 0, 0] = np.nan
    np.savez(tmp_path / "x.npz", elements=np.zeros((3, 30, 64), np.uint8), scales=scales, format="E4M3", block=32)
    count, first = (11, "nan") if kind == "NaN" else (10, "3.0" if kind.startswith("not") else "2.9")
    with pytest.raises(UserError, match=rf"{count} of 180 float64 scales .*{kind}.*, the first {first}.* at \[1, 20, 1\]"):
        run(tmp_path / "x.npz", tmp_path / "y.npz")


# Memory.


#: Begins the names of inputs of floats.
FLOATS = ("whole", "one_row", "by_columns", "compressed", "wide")


def big(path):
    """Write an input of half a million elements, in the way that its name asks for."""
    x = floats((512, 1024))
    match path.name:
        case "whole.npy":
            np.save(path, x)
        case "one_row.npy":
            np.save(path, x.ravel())
        case "by_columns.npy":
            np.save(path, np.asfortranarray(x))
        case "compressed.npz":
            np.savez_compressed(path, x=x)
        case "wide.safetensors":
            safetensors.numpy.save_file({"x": x.astype(np.float64)}, path)
        case "gpt_oss.safetensors":
            save_mx(path, quantize(x, ELEMENT_FORMATS["E2M1"]), layout=LAYOUTS["gpt-oss"], name="x")
        case "padded.safetensors":
            tensor = quantize(x, E4M3)
            elements = np.ascontiguousarray(tensor.elements[:, :-1]).view(FP8)
            safetensors.numpy.save_file({"x": elements, "x_scale": tensor.scales}, path)
        case _:
            elements, scales = quantize(x, E4M3).elements, np.ones((512, 32), np.float32)
            np.savez(path, elements=elements, scales=scales, format="E4M3", block=32)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("whole.npy", ()),
        ("whole.npy", ("--layout", "deepseek-activations")),
        ("one_row.npy", ()),
        ("by_columns.npy", ()),
        ("compressed.npz", ()),
        ("wide.safetensors", ()),
        ("quantized.npz", ()),
        ("gpt_oss.safetensors", ()),
        ("gpt_oss.safetensors", ("--requantize", "--format", "E4M3")),
        ("padded.safetensors", ()),
        ("padded.safetensors", ("--requantize", "--layout", "deepseek-activations")),
        ("quantized.npz", ("--requantize", "--format", "E5M2")),
        ("whole.npy", ("--format", "E2M1")),
        ("wide.safetensors", ("--layout", "gpt-oss")),
    ],
)
def test_memory_is_that_of_the_output_and_a_slice(tmp_path, monkeypatch, name, options):
    monkeypatch.setattr(row_slices, "_SLICE", 1 << 13)
    monkeypatch.setattr(array_file, "_BAND", 1 << 18)
    big(tmp_path / name)
    run(tmp_path / name, tmp_path / "warm.safetensors", *options)  # modules and caches
    tracemalloc.start()
    try:
        run(tmp_path / name, tmp_path / "out.safetensors", *options)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    output = (tmp_path / "out.safetensors").stat().st_size
    # A conversion takes less than a quantization, and less than its input.
    spare = 1 << 20 if options or name.startswith(FLOATS) else 1 << 19
    assert peak < output + spare, f"{peak:,} bytes for {output:,}"


def test_a_slice_takes_less_than_a_quarter_of_the_limit(tmp_path):
    np.save(tmp_path / "x.npy", floats((1536, 1024)))
    tracemalloc.start()
    try:
        run(tmp_path / "x.npy", tmp_path / "out.safetensors")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 64 << 20


# Files.


@pytest.mark.parametrize("verb", ["convert", "quantize_rows"])
def test_an_interrupt_between_slices_leaves_nothing_behind(tmp_path, small, verb):
    np.save(tmp_path / "x.npy", floats((64, 64)))
    run(tmp_path / "x.npy", tmp_path / "x.npz")
    source = tmp_path / ("x.npz" if verb == "convert" else "x.npy")
    (tmp_path / "out.npz").write_bytes(b"old")
    before = sorted(tmp_path.iterdir())
    with mock.patch.object(slices, "_put", side_effect=[None, None, None, KeyboardInterrupt]), pytest.raises(KeyboardInterrupt):
        command.quantize(source, tmp_path / "out.npz")
    assert sorted(tmp_path.iterdir()) == before
    assert (tmp_path / "out.npz").read_bytes() == b"old"


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, FP8, ml_dtypes.float8_e5m2], ids=str)
@pytest.mark.parametrize("scale_dtype", [ml_dtypes.float8_e8m0fnu, np.int32], ids=str)
@pytest.mark.parametrize("part", [1, 1 << 24])
def test_safetensors_have_the_bytes_of_the_library(tmp_path, monkeypatch, dtype, scale_dtype, part):
    monkeypatch.setattr("mxmac_sim.tensors.safetensors_writer._PART", part)
    elements = np.arange(96, dtype=np.uint8).reshape(3, 32).view(dtype)
    tensors = {"elements": elements, "scales": np.zeros((3, 1), np.uint8).astype(scale_dtype)}
    for metadata in ({"mx": '{"format": "E4M3", "block": 32}'}, {"mx": "größer"}):
        with (tmp_path / "x").open("wb") as stream:
            write_safetensors(stream, tensors | {"elements": np.asfortranarray(elements)}, metadata)
        assert (tmp_path / "x").read_bytes() == safetensors.numpy.save(tensors, metadata)


def test_a_damaged_member_is_found_where_it_is_read_in_slices(tmp_path, small):
    np.savez(tmp_path / "x.npz", x=floats((64, 64)))
    data = bytearray((tmp_path / "x.npz").read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "x.npz").write_bytes(data)
    with pytest.raises(UserError, match="cannot be read"):
        run(tmp_path / "x.npz", tmp_path / "y.npz")
    assert not (tmp_path / "y.npz").exists()


@pytest.mark.parametrize("band", [1, 100, 1 << 25])
def test_a_tensor_by_columns_is_read_by_rows_in_any_order(tmp_path, monkeypatch, band):
    monkeypatch.setattr(array_file, "_BAND", band)
    x = floats((6, 5, 4))
    for array in (x, x[0]):
        np.save(tmp_path / "x.npy", np.asfortranarray(array))
        assert np.array_equal(load_floats(tmp_path / "x.npy"), array)
        with open_floats(tmp_path / "x.npy") as opened:
            for start, stop in ((0, 2), (1, 2), (1, 5), (4, 5), (0, 1)):
                assert np.array_equal(opened.rows(start, stop), array.reshape(-1, 4)[start:stop])
