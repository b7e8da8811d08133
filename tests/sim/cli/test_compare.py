"""``mxmac compare``: figures against exact fractions element by element, whole checkpoints, its picture, and mistakes."""

import json
import math
import re
import tracemalloc
from bisect import bisect
from fractions import Fraction

import ml_dtypes
import numpy as np
import pytest

from dtypes import INTEGERS, element_values
from layout_checks import e8m0, nibbles, write_index, write_tensors
from mxmac.formats import ELEMENT_FORMATS
from mxmac_sim.cli import rows
from tensor_checks import FP8, command, json_of

RNG = np.random.default_rng(23)
FIGURES = ("elements", "sqnr_db", "clipped", "underflowed", "largest_error")


def compare(capsys, *arguments):
    return json_of(capsys, "compare", *arguments)


def floats(shape):
    return (RNG.standard_normal(shape) * np.exp2(RNG.integers(-12, 12, (*shape[:-1], 1)))).astype(np.float32)


# Figures, by definition.


def numbers(name):
    """Finite numbers of a format in ascending order, without -0, and their codes; those of INT8 without -2 (MX v1.0, 5.3.4)."""
    values = {value: code for code, value in reversed([*enumerate(element_values(name).tolist())]) if math.isfinite(value)}
    return sorted((Fraction(value), code) for value, code in values.items() if name not in INTEGERS or value != -2)


def floor_log2(value):
    exponent = 0
    while Fraction(2) ** exponent > value:
        exponent -= 1
    while Fraction(2) ** (exponent + 1) <= value:
        exponent += 1
    return exponent


def scale_exponent(amax, name, rule):
    """Exponent of the scale of a block by the definition of each rule."""
    largest = numbers(name)[-1][0]
    emax = floor_log2(largest)
    if rule == "floor":
        return floor_log2(amax) - emax
    if rule == "ceil":
        return -floor_log2(1 / amax) - emax
    if rule == "rceil":
        return -floor_log2(largest / amax)
    # EVEN: to the bits of the element's significand first, and a tie to the even one. Those of INT8 have no hidden bit.
    fmt = ELEMENT_FORMATS[name]
    unit = Fraction(2) ** (floor_log2(amax) - fmt.man_bits + fmt.is_integer)
    return floor_log2(round(amax / unit) * unit) - emax


def nearest(value, known):
    """The number nearest to a value; of two, the one with the even code."""
    place = bisect(known, (value, 0))
    return min(known[max(place - 1, 0) : place + 1], key=lambda one: (abs(value - one[0]), one[1] & 1))[0]


def expected(x, name, block, rule):
    """Figures of an array, element by element."""
    known = numbers(name)
    signal = noise = largest = Fraction(0)
    clipped = underflowed = 0
    for row in x.reshape(-1, block).tolist():
        values = [Fraction(value) for value in row]
        amax = max(map(abs, values))
        if not amax:
            continue
        scale = Fraction(2) ** max(-127, min(127, scale_exponent(amax, name, rule)))
        for value in values:
            error = abs(value - nearest(value / scale, known) * scale)
            signal, noise, largest = signal + value**2, noise + error**2, max(largest, error / amax)
            clipped += abs(value) > known[-1][0] * scale
            underflowed += value != 0 and error == abs(value)
    db = 10 * math.log10(signal / noise) if noise else None
    return x.size, db, clipped / x.size, underflowed / x.size, float(largest)


@pytest.mark.parametrize("name", ELEMENT_FORMATS)
def test_figures_are_those_of_exact_fractions(tmp_path, capsys, name):
    x = floats((2, 32))
    x[0, :3] = 1.99 * np.abs(x[0]).max(), 0, -(2.0**-140)
    x[1, 16:] = 0
    # The largest element itself, at a scale of two, is not clipped.
    x[1] *= float(numbers(name)[-1][0]) * 2 / x[1].max()
    np.save(tmp_path / "x.npy", x)
    record = compare(capsys, tmp_path / "x.npy", "--format", name, "--block", "16,32")
    assert len(record["choices"]) == 8
    for row in record["choices"]:
        wanted = expected(x, name, row["block"], row["rule"])
        assert [row[figure] for figure in FIGURES] == pytest.approx(wanted, rel=1e-9), row
        assert row["bytes_per_element"] == ELEMENT_FORMATS[name].width / 8 + 1 / row["block"]
    assert record["tensors"][0]["choices"] == record["choices"]


def test_every_rule_has_figures_of_its_own(tmp_path, capsys):
    """Largest magnitudes for which the four rules differ: see the table of docs/numerics.md."""
    x = np.full((4, 16), 3.3, np.float32)
    # Half a subnormal, if the scale is twice as large.
    x[1] = 0.0012
    x[:, 0] = 150, 400, 449, 500
    np.save(tmp_path / "x.npy", x)
    found = compare(capsys, tmp_path / "x.npy", "--format", "e4m3", "--block", "16")["choices"]
    assert len({tuple(row[figure] for figure in FIGURES) for row in found}) == 4
    assert [row["rule"] for row in found if row["clipped"]] == ["floor", "even"]


def test_the_best_of_each_size_is_marked(tmp_path, capsys, monkeypatch):
    np.save(tmp_path / "x.npy", floats((4, 64)))
    found = compare(capsys, tmp_path / "x.npy", "--block", "16", "--block", "32", "--format", "E4M3,E5M2,e2m1")["choices"]
    sizes = [row["bytes_per_element"] for row in found]
    assert sizes == sorted(sizes)
    assert len(set(sizes)) == 4
    for size in set(sizes):
        same = [row for row in found if row["bytes_per_element"] == size]
        highest = max(row["sqnr_db"] for row in same)
        assert [row["best"] for row in same] == [row["sqnr_db"] == highest for row in same]
    monkeypatch.setenv("COLUMNS", "80")
    _, text, _ = command(capsys, "compare", tmp_path / "x.npy", "--block", "16", "--format", "E4M3,E5M2,e2m1")
    assert "…" not in text
    assert len(re.findall(r"│ best", text)) == sum(row["best"] for row in found if row["block"] == 16)


def test_zeros_have_no_error_and_no_best_that_json_could_not_say(tmp_path, capsys):
    np.save(tmp_path / "x.npy", np.zeros((2, 32), np.float32))
    for row in compare(capsys, tmp_path / "x.npy", "--block", 32)["choices"]:
        assert [row[figure] for figure in FIGURES] == [64, None, 0, 0, 0]
        assert row["best"]


# Checkpoints.


@pytest.fixture
def folder(tmp_path):
    """Floats, a vector, experts of gpt-oss and of DeepSeek-V4, and an FP8 weight whose scales are in the other shard."""
    path = tmp_path / "model"
    path.mkdir()
    codes, scales = RNG.integers(0, 16, (2, 4, 96)).astype(np.uint8), RNG.integers(120, 135, (2, 4, 3)).astype(np.uint8)
    files = {
        "1.safetensors": {
            "x": floats((6, 96)),
            "norm": floats((96,)),
            "down_blocks": nibbles(codes).reshape(2, 4, 3, 16),
            "down_scales": scales,
            "up.weight": RNG.integers(0, 0x7F, (4, 140)).astype(np.uint8).view(FP8),
        },
        "2.safetensors": {
            "e.weight": nibbles(codes[0]).view(np.int8),
            "e.scale": e8m0(scales[0]),
            "up.weight_scale_inv": RNG.random((1, 2)).astype(np.float32),
            "n.weight": np.zeros((4, 32), np.uint8),
            "n.weight_scale": np.ones((4, 4), FP8),
        },
    }
    for file, tensors in files.items():
        write_tensors(path / file, **tensors)
    write_index(path, {name: file for file, tensors in files.items() for name in tensors})
    return path


def test_a_checkpoint_counts_by_the_values_of_its_tensors(folder, capsys):
    record = compare(capsys, folder, "--format", "E4M3", "--rule", "rceil", "--block", "32,48,128")
    assert [(each["name"], each["read_as"], each["shape"]) for each in record["tensors"]] == [
        ("down_blocks", "gpt-oss E2M1", [2, 4, 96]),
        ("e.weight", "deepseek-v4-experts E2M1", [4, 96]),
        ("up.weight", "deepseek-v3 E4M3", [4, 140]),
        ("x", "F32", [6, 96]),
    ]
    (skipped,) = record["skipped"]
    assert skipped["name"] == "n.weight"
    assert "this is NVFP4, which is refused" in skipped["reason"]
    of_128, of_48, of_32 = record["choices"]
    assert (of_32["tensors"], of_32["elements"]) == (3, 96 * (8 + 4 + 6))
    assert of_32["reason"] == "1 of 4 tensors: K = 140 is not a multiple of 32"
    assert (
        of_128["reason"] == "3 of 4 tensors: K = 96 is not a multiple of 128; 1 of 4 tensors: K = 140 is not a multiple of 128"
    )
    assert "sqnr_db" not in of_128
    # E2M1 with scales of powers of two is E4M3, too: only x has errors.
    for tensor in record["tensors"][:2]:
        assert [row.get("sqnr_db", 0) for row in tensor["choices"]] == [0, None, None]
    one = compare(capsys, f"{folder}:x", "--format", "E4M3", "--rule", "rceil", "--block", 48)["choices"][0]
    assert one["underflowed"] * 96 * 6 == pytest.approx(of_48["underflowed"] * of_48["elements"])
    assert one["largest_error"] == of_48["largest_error"]


def test_the_total_is_that_of_all_elements(tmp_path, capsys):
    x, y = floats((4, 64)), floats((8, 64)) * np.float32(2.0**100)
    np.savez(tmp_path / "a.npz", x=x, y=y)
    np.save(tmp_path / "both.npy", np.concatenate([x, y]))
    apart, both = (compare(capsys, tmp_path / name, "--block", "64")["choices"] for name in ("a.npz", "both.npy"))
    for row, other in zip(apart, both, strict=True):
        assert [row[figure] for figure in FIGURES] == pytest.approx([other[figure] for figure in FIGURES], rel=1e-12)
    listed = compare(capsys, f"{tmp_path}/a.npz:x", f"{tmp_path}/a.npz:y", "--block", "64")
    assert listed["choices"] == apart


@pytest.mark.parametrize("given", ["up.weight", "down[1]", "e", "norm"])
def test_a_named_tensor_is_compared_alone(folder, capsys, given):
    (tensor,) = compare(capsys, f"{folder}:{given}", "--block", "4", "--format", "E4M3")["tensors"]
    assert tensor["name"] == given
    assert tensor["choices"][0]["elements"] == {"up.weight": 4 * 140, "down[1]": 4 * 96, "e": 4 * 96, "norm": 96}[given]


def test_products_of_scales_of_any_value_are_compared(folder, capsys):
    (tensor,) = compare(capsys, f"{folder}:up.weight", "--block", "20", "--format", "E5M2", "--rule", "rceil")["tensors"]
    arrays = {}
    for file, name, dtype, shape in (
        ("1", "up.weight", FP8, (4, 140)),
        ("2", "up.weight_scale_inv", np.dtype(np.float32), (1, 2)),
    ):
        data = (folder / f"{file}.safetensors").read_bytes()
        header = 8 + int.from_bytes(data[:8], "little")
        begin, end = json.loads(data[8:header])[name]["data_offsets"]
        arrays[name] = np.frombuffer(data[header + begin : header + end], dtype).reshape(shape).astype(np.float32)
    scales = np.kron(arrays["up.weight_scale_inv"], np.ones((4, 128), np.float32))[:, :140]
    wanted = expected(arrays["up.weight"] * scales, "E5M2", 20, "rceil")
    assert [tensor["choices"][0][figure] for figure in FIGURES] == pytest.approx(wanted, rel=1e-9)


def test_blocks_that_do_not_divide_k_are_rows_with_the_reason(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    np.save(tmp_path / "x.npy", floats((2, 96)))
    _, text, _ = command(capsys, "compare", tmp_path / "x.npy", "--format", "E4M3", "--block", "32,128")
    assert re.search(r"│ - +│ +128 │ - .*│ - K = 96 is not a multiple of 128 +│", text)
    status, text, _ = command(capsys, "compare", tmp_path / "x.npy", "--block", "128")
    assert status == 0
    assert "K = 96 is not a multiple of 128" in text


@pytest.mark.parametrize("order", ["C", "F"])
def test_slices_have_the_figures_of_the_whole(tmp_path, capsys, monkeypatch, order):
    np.save(tmp_path / "x.npy", np.asarray(floats((40, 96)), order=order))
    arguments = tmp_path / "x.npy", "--block", "32,16", "--rule", "floor,ceil", "--format", "E4M3,INT8"
    whole = compare(capsys, *arguments)["choices"]
    monkeypatch.setattr(rows, "_SLICE", 1 << 8)
    for row, other in zip(compare(capsys, *arguments)["choices"], whole, strict=True):
        assert [row[figure] for figure in FIGURES] == pytest.approx([other[figure] for figure in FIGURES], rel=1e-12)


def test_memory_is_bounded_by_a_slice(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(rows, "_SLICE", 1 << 12)
    x = np.zeros((512, 512), np.float32)
    np.save(tmp_path / "x.npy", x)
    write_tensors(tmp_path / "w.safetensors", w=np.zeros((512, 512), FP8), w_scale=np.full((512, 16), 127, np.uint8))
    arguments = [tmp_path / "x.npy", tmp_path / "w.safetensors", "--format", "E2M1", "--rule", "floor", "--block", "32"]
    compare(capsys, *arguments)
    tracemalloc.start()
    compare(capsys, *arguments)
    assert tracemalloc.get_traced_memory()[1] < x.nbytes / 2
    tracemalloc.stop()


def test_values_that_are_not_finite_leave_a_tensor_out_or_end_the_command(tmp_path, capsys):
    x = floats((2, 32))
    np.savez(tmp_path / "a.npz", x=x, y=np.where(x == x[1, 3], np.nan, x))
    record = compare(capsys, tmp_path / "a.npz", "--block", "32", "--format", "E4M3")
    assert [each["name"] for each in record["tensors"]] == ["x"]
    assert record["choices"][0]["elements"] == x.size
    (skipped,) = record["skipped"]
    assert skipped["reason"].startswith("1 of 64 values are NaN or Inf, the first at [1, 3]")
    status, _, error = command(capsys, "compare", f"{tmp_path}/a.npz:y", "--block", "32")
    assert (status, error.count("\n")) == (2, 1)
    assert error.startswith(f"mxmac: {tmp_path}/a.npz: 1 of 64 values are NaN or Inf")


# Mistakes.


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{x}", "--format", "E4M4"], "--format: must be one of E4M3, E5M2, E3M2, E2M3, E2M1, INT8, not 'E4M4'"),
        (["{x}", "--format", "E4M3,e4m3"], "--format: must have each of its choices once, not E4M3 twice"),
        (["{x}", "--format", "MXFP4", "--block", "16"], "--block: must be 32, the block of MXFP4, not 16"),
        (["{x}", "--rule", "round"], "--rule: must be one of floor, rceil, ceil, even, not 'round'"),
        (["{x}", "--block", "x"], "--block: 'x' is no list of blocks; give whole numbers, such as 16,32"),
        (["{x}", "--block", "0"], "--block: must be 1 to 1024 elements, not 0"),
        (["{x}", "--block", "32,32"], "--block: must have each size once"),
        (["{x}", "--plot", "a.png"], "--plot: must end in .svg, not '.png'"),
        (["{x}", "--plot", "none/a.svg"], "none/a.svg: The directory 'none' does not exist"),
        (["{x}", "--source-format", "E4M3"], "--source-format: {x} has no such quantized tensor"),
        (["{x}", "--source-layout", "best"], "--source-layout: must be one of mx, "),
        (["{x}", "--max-size", "0"], "--max-size: '{x}' needs"),
        (["{x}:y"], "{x}: A .npy file holds one array without a name"),
        (["none.npz"], "none.npz: There is no such file"),
        (["{a}"], "{a}: It has no tensor of two axes that can be read; choose one as FILE:NAME: n, s"),
        (["{a}:b"], "{a}: It has no array 'b'; it has n, s"),
        (["{packed}"], "--source-layout: 'w' in '{packed}' has shape (4, 16), uint8, and scales of shape (4, 1), which fits"),
        ([], "Missing argument"),
    ],
)
def test_a_mistake_is_one_line_and_nothing_is_written(tmp_path, capsys, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", floats((2, 32)))
    np.savez("a.npz", n=np.ones(4, np.float32), s=np.array(1.0))
    write_tensors(tmp_path / "p.safetensors", w=np.zeros((4, 16), np.uint8), w_scale=np.full((4, 1), 127, np.uint8))
    before = sorted(path.name for path in tmp_path.iterdir())
    names = {"x": "x.npy", "a": "a.npz", "packed": "p.safetensors"}
    status, out, error = command(capsys, "compare", *(argument.format(**names) for argument in arguments))
    assert (status, out, error.count("\n")) == (2, "", 1)
    assert error.startswith(f"mxmac: {message.format(**names)}"), error
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_an_mx_name_is_its_format_in_blocks_of_32(tmp_path, capsys):
    np.save(tmp_path / "x.npy", floats((2, 64)))
    record = compare(capsys, tmp_path / "x.npy", "--format", "MXFP4")
    assert {(row["format"], row["block"]) for row in record["choices"]} == {("E2M1", 32)}


def test_json_has_the_command_that_does_the_same_again(tmp_path, capsys):
    path = tmp_path / "p.safetensors"
    write_tensors(path, w=np.zeros((4, 16), np.uint8), w_scale=np.full((4, 1), 127, np.uint8))
    record = compare(capsys, path, "--block", "8", "--source-layout", "quark-mxfp4", "--max-size", "1")
    again = compare(capsys, *record["command"].split()[2:])
    assert again["command"] == record["command"]
    assert again["choices"] == record["choices"]


def test_bfloat16_and_float64_are_compared_as_they_are(tmp_path, capsys):
    x = floats((2, 32))
    write_tensors(tmp_path / "x.safetensors", x=x.astype(ml_dtypes.bfloat16))
    np.save(tmp_path / "x.npy", x.astype(ml_dtypes.bfloat16).astype(np.float64))
    one, other = (compare(capsys, tmp_path / name, "--block", 32)["choices"] for name in ("x.safetensors", "x.npy"))
    assert one == other
