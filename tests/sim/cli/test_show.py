"""``mxmac show``: what it says about tensors written byte by byte, lists of checkpoints, and mistakes."""

import math
import re
import tracemalloc

import ml_dtypes
import numpy as np
import pytest

from dtypes import INTEGERS, element_values
from layout_checks import e8m0, nibbles, write_index, write_tensors
from mxmac.formats import ELEMENT_FORMATS
from mxmac_sim.cli import rows
from mxmac_sim.golden.quantize import ScaleRule, quantize, sqnr_db
from mxmac_sim.tensors.writing import save_mx
from tensor_checks import FP8, command, json_of

RNG = np.random.default_rng(29)
CODES = RNG.integers(0, 16, (2, 4, 96)).astype(np.uint8)
SCALES = RNG.integers(120, 135, (2, 4, 3)).astype(np.uint8)
#: Values of E2M1 by their codes (MX v1.0, 5.3.3).
E2M1 = [0, 0.5, 1, 1.5, 2, 3, 4, 6, -0.0, -0.5, -1, -1.5, -2, -3, -4, -6]


def show(capsys, *arguments):
    return json_of(capsys, "show", *arguments)


def text_of(capsys, *arguments):
    status, out, error = command(capsys, "show", *arguments)
    assert (status, error) == (0, "")
    return out


def exponents(record):
    return {each["exponent"]: each["count"] for each in record["scales"]["exponents"]}


@pytest.fixture
def model(tmp_path, monkeypatch):
    """A checkpoint in two shards: gpt-oss, DeepSeek-V3 with its scales elsewhere, DeepSeek-V4, NVFP4, and floats."""
    monkeypatch.setenv("COLUMNS", "160")
    path = tmp_path / "model"
    path.mkdir()
    files = {
        "1.safetensors": {
            "down_blocks": nibbles(CODES).reshape(2, 4, 3, 16),
            "down_scales": SCALES,
            "l0.weight": RNG.integers(0, 0x78, (130, 140)).astype(np.uint8).view(FP8),
            "norm": np.ones(7, ml_dtypes.bfloat16),
        },
        "2.safetensors": {
            "e.weight": nibbles(CODES[0]).view(np.int8),
            "e.scale": e8m0(SCALES[0]),
            "l0.weight_scale_inv": np.array([[1, 0.25], [0.3, 4]], np.float32),
            "n.weight": np.zeros((4, 32), np.uint8),
            "n.weight_scale": np.ones((4, 4), FP8),
        },
    }
    for file, tensors in files.items():
        write_tensors(path / file, **tensors)
    write_index(path, {name: file for file, tensors in files.items() for name in tensors})
    return path


# Lists.


@pytest.mark.parametrize("given", [".", "model.safetensors.index.json", "2.safetensors"])
def test_a_checkpoint_is_listed_with_layouts_and_reasons(model, capsys, given):
    tensors = {each["name"]: each for each in show(capsys, model / given)["tensors"]}
    found = {name: (each["layout"], each.get("format"), each.get("shape"), each["bytes"]) for name, each in tensors.items()}
    assert found == {
        "down_blocks": ("gpt-oss", "E2M1", [2, 4, 96], 2 * 4 * 48 + 24),
        "e.weight": ("deepseek-v4-experts", "E2M1", [4, 96], 4 * 48 + 12),
        "l0.weight": ("deepseek-v3", "E4M3", [130, 140], 130 * 140 + 16),
        "n.weight": (None, None, None, 4 * 32 + 16),
        "norm": ("floats", None, None, 14),
    }
    assert (tensors["l0.weight"]["block"], tensors["l0.weight"]["tile_rows"]) == (128, 128)
    assert "this is NVFP4, which is refused, since its scales are E4M3 numbers" in tensors["n.weight"]["reason"]
    text = " ".join(re.sub(r"[│\s]+", " ", text_of(capsys, model / given)).split())
    assert "down_blocks gpt-oss E2M1 2 × 4 × 96 32 408" in text
    assert "l0.weight deepseek-v3 E4M3 130 × 140 128 × 128 18,216" in text
    assert "norm floats BF16 7 14" in text
    assert "n.weight not read U8 4 × 32 144" in text
    assert "Not read n.weight: 'n.weight' has dtype U8" in text


def test_a_list_reads_headers_alone(tmp_path, capsys):
    path = write_tensors(tmp_path / "a.safetensors", w__weight=np.zeros((4096, 4096), FP8),
                         w__weight_scale_inv=np.ones((32, 32), np.float32), norm=np.ones(4, np.float32))  # fmt: skip
    show(capsys, path, "--max-size", "0")
    tracemalloc.start()
    show(capsys, path)
    assert tracemalloc.get_traced_memory()[1] < 4 << 20
    tracemalloc.stop()


# One tensor.


def test_an_expert_of_gpt_oss_has_its_codes_scales_and_values(model, capsys):
    record = show(capsys, f"{model}:down[1]", "--block", "2,1")
    assert (record["layout"], record["format"], record["shape"], record["block"]) == ("gpt-oss", "E2M1", [4, 96], 32)
    assert record["elements"] == {"name": "down_blocks", "dtype": "U8", "shape": [2, 4, 3, 16], "bytes": 384}
    assert (record["scales"]["name"], record["scales"]["dtype"]) == ("down_scales", "U8")
    assert record["bytes_per_element"] == (384 + 24) / CODES.size
    codes = CODES[1].ravel().tolist()
    assert record["counts"] == {
        "elements": 384,
        "nan": 0,
        "inf": 0,
        "zero": sum(code in (0, 8) for code in codes),
        "subnormal": sum(code in (1, 9) for code in codes),
        "largest": sum(code in (7, 15) for code in codes),
    }
    assert exponents(record) == {int(n): int((SCALES[1] == n + 127).sum()) for n in np.unique(SCALES[1].astype(int) - 127)}
    block = record["block_shown"]
    scale = int(SCALES[1, 2, 1])
    assert (block["scale_code"], block["scale_exponent"], block["scale"]) == (scale, scale - 127, 2.0 ** (scale - 127))
    assert (block["row"], block["index"], block["place"]) == (2, 1, [2, 32])
    for element, code in zip(block["elements"], CODES[1, 2, 32:64].tolist(), strict=True):
        assert (element["code"], element["value"]) == (code, E2M1[code])
        assert element["product"] == E2M1[code] * 2.0 ** (scale - 127)
        assert ("largest" in element["notes"]) == (abs(E2M1[code]) == 6)


@pytest.mark.parametrize("name", ELEMENT_FORMATS)
def test_codes_of_each_kind_are_counted(tmp_path, capsys, name):
    fmt = ELEMENT_FORMATS[name]
    codes = np.arange(1 << fmt.width, dtype=np.uint8)[np.newaxis]
    np.savez(tmp_path / "a.npz", elements=codes, scales=np.array([[127]], np.uint8), format=name, block=codes.size)
    values = [float(value) for value in element_values(name)]
    finite = [abs(value) for value in values if math.isfinite(value)]
    # The smallest normal number has all bits of the exponent but the lowest clear; -2 of INT8 is beyond the largest one.
    normal = 0 if name in INTEGERS else values[1 << fmt.man_bits]
    largest = 127 / 64 if name in INTEGERS else max(finite)
    assert show(capsys, tmp_path / "a.npz")["counts"] == {
        "elements": codes.size,
        "nan": sum(map(math.isnan, values)),
        "inf": sum(map(math.isinf, values)),
        "zero": finite.count(0),
        "subnormal": sum(0 < value < normal for value in finite),
        "largest": sum(value >= largest for value in finite),
    }


def test_nan_scales_are_counted_and_a_block_of_one_is_nan(tmp_path, capsys):
    elements, scales = np.full((3, 64), 0x7E, np.uint8), np.array([[0xFF, 0], [130, 0xFE], [0xFF, 1]], np.uint8)
    np.savez(tmp_path / "a.npz", elements=elements, scales=scales, format="E4M3", block=32)
    record = show(capsys, tmp_path / "a.npz", "--block", "0,0")
    assert record["scales"]["nan"] == 2
    assert exponents(record) == {-127: 1, -126: 1, 3: 1, 127: 1}
    block = record["block_shown"]
    assert (block["scale_code"], block["scale_exponent"], block["scale"]) == (0xFF, None, None)
    assert {element["product"] for element in block["elements"]} == {None}
    text = text_of(capsys, tmp_path / "a.npz", "--block", "0,0")
    assert re.search(r"│ NaN +│ 0xff +│ +2 │", text)
    assert "scale code 0xff, nan" in text
    # The largest that is a number.
    assert [show(capsys, tmp_path / "a.npz")["block_shown"][key] for key in ("row", "index", "scale_code")] == [1, 1, 0xFE]
    np.savez(tmp_path / "a.npz", elements=elements, scales=np.full((3, 2), 0xFF, np.uint8), format="E4M3", block=32)
    assert show(capsys, tmp_path / "a.npz")["block_shown"]["index"] == 0


def test_scales_of_any_value_and_of_tiles_are_shown_as_they_are(model, capsys):
    record = show(capsys, f"{model}:l0.weight")
    assert exponents(record) == {-2: 2, 0: 1, 2: 1}
    assert record["scales"]["not_powers_of_two"] == 1
    # The largest is that of the last tile, with rows 128 and 129.
    block = record["block_shown"]
    assert (block["row"], block["index"], block["scale_exponent"], len(block["elements"])) == (128, 1, 2, 12)
    block = show(capsys, f"{model}:l0.weight", "--block", "129,0")["block_shown"]
    assert (block["scale"], block["scale_code"], block["scale_exponent"]) == (float(np.float32(0.3)), None, None)
    text = text_of(capsys, f"{model}:l0.weight", "--block", "129,0")
    assert "Scales that are not powers of two: 1, counted at the power of two below" in text
    assert "Block 0 of row 129: scale 0.3" in text
    assert "128 × 128 elements" in text


def test_many_exponents_share_bars_and_no_count_is_lost(tmp_path, capsys):
    scales = np.arange(255, dtype=np.uint8).reshape(-1, 1)
    np.savez(tmp_path / "a.npz", elements=np.zeros((255, 32), np.uint8), scales=scales, format="E4M3", block=32)
    bars = re.findall(
        r"│ (2\^\S+)(?: to (2\^\S+))? +│ (0x..)(?: to (0x..))? +│ +(\d+) │ (█+)", text_of(capsys, tmp_path / "a.npz")
    )
    assert 10 < len(bars) <= 20
    assert sum(int(bar[4]) for bar in bars) == 255
    assert (bars[0][0], bars[0][2], bars[-1][1], bars[-1][3]) == ("2^-127", "0x00", "2^127", "0xfe")


def test_slices_have_the_counts_of_the_whole(model, capsys, monkeypatch):
    whole = [show(capsys, f"{model}:{name}") for name in ("down", "l0.weight", "e")]
    monkeypatch.setattr(rows, "_SLICE", 1 << 7)
    for record, name in zip(whole, ("down", "l0.weight", "e"), strict=True):
        assert show(capsys, f"{model}:{name}")["counts"] == record["counts"]


def test_a_tensor_is_never_in_memory_and_no_limit_applies_to_its_elements(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(rows, "_SLICE", 1 << 14)
    size = 4 << 20
    path = write_tensors(tmp_path / "a.safetensors", w__weight=np.zeros((2048, size // 2048), FP8),
                         w__weight_scale_inv=np.ones((16, 16), np.float32))  # fmt: skip
    show(capsys, path, "--max-size", "0.0001")
    tracemalloc.start()
    assert show(capsys, path)["counts"]["zero"] == size
    assert tracemalloc.get_traced_memory()[1] < size / 2
    tracemalloc.stop()


# Against floats.


@pytest.mark.parametrize("rule", [ScaleRule.FLOOR, ScaleRule.RCEIL])
def test_clipping_and_the_error_are_those_of_the_floats(tmp_path, capsys, monkeypatch, rule):
    monkeypatch.setattr(rows, "_SLICE", 1 << 7)
    x = RNG.standard_normal((6, 64)).astype(np.float32)
    x[3, 32:] *= 64
    x[3, 40] = 1.99 * 2.0 ** math.floor(math.log2(np.abs(x[3]).max()))
    # The largest element itself is not clipped.
    x[5, 0] = 448
    np.save(tmp_path / "x.npy", x)
    tensor = quantize(x, ELEMENT_FORMATS["E4M3"], rule=rule)
    save_mx(tmp_path / "a.npz", tensor)
    record = show(capsys, tmp_path / "a.npz", "--floats", tmp_path / "x.npy")
    values = [[float(v) for v in row.view(FP8).astype(np.float64)] for row in tensor.elements]
    scales = [[2.0 ** (int(tensor.scales[i, j // 32]) - 127) for j in range(64)] for i in range(6)]
    products = np.multiply(values, scales)
    clipped = sum(abs(float(x[i, j])) > 448 * scales[i][j] for i in range(6) for j in range(64))
    assert (clipped > 0) == (rule is ScaleRule.FLOOR)
    assert record["error"] == {
        "elements": 384,
        "clipped": clipped,
        "largest": float(np.abs(x - products).max()),
        "of_up_to": float(np.abs(x).max()),
        "sqnr_db": pytest.approx(sqnr_db(x, products)),
    }
    block = record["block_shown"]
    row, first = block["row"], 32 * block["index"]
    for offset, element in enumerate(block["elements"]):
        assert element["float"] == float(x[row, first + offset])
        assert ("clipped" in element["notes"]) == (abs(element["float"]) > 448 * block["scale"])
    text = text_of(capsys, tmp_path / "a.npz", "--floats", tmp_path / "x.npy")
    assert f"{clipped:,} of 384 elements" in text
    assert f"SQNR {sqnr_db(x, products):.2f} dB" in text


def test_a_block_that_was_filled_with_zeros_has_floats_up_to_there(tmp_path, capsys):
    x = RNG.standard_normal((2, 40)).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    save_mx(tmp_path / "a.npz", quantize(np.pad(x, ((0, 0), (0, 24))), ELEMENT_FORMATS["E4M3"]))
    record = show(capsys, tmp_path / "a.npz", "--floats", tmp_path / "x.npy", "--block", "1,1")
    assert record["error"]["elements"] == 80
    elements = record["block_shown"]["elements"]
    assert [element.get("float") for element in elements] == [*x[1, 32:].tolist(), *[None] * 24]
    text_of(capsys, tmp_path / "a.npz", "--floats", tmp_path / "x.npy", "--block", "1,1")


# Floats.


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, ml_dtypes.bfloat16])
def test_floats_are_counted_by_their_exponents(tmp_path, capsys, dtype):
    smallest = float(ml_dtypes.finfo(dtype).smallest_normal)
    x = np.array([[1, -1.5, 0, np.inf, np.nan, 2, smallest / 2, smallest]], dtype)
    write_tensors(tmp_path / "a.safetensors", x=x) if dtype is not np.float64 else np.savez(tmp_path / "a.npz", x=x)
    record = show(capsys, next(tmp_path.iterdir()))
    assert record["counts"] == {"elements": 8, "nan": 1, "inf": 1, "zero": 1, "subnormal": 1}
    normal = int(math.log2(smallest))
    assert record["exponents"] == [
        {"exponent": n, "count": count} for n, count in ((normal - 1, 1), (normal, 1), (0, 2), (1, 1))
    ]
    text = text_of(capsys, next(tmp_path.iterdir()))
    assert "1 × 8" in text


# Mistakes.


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.npz"], "none.npz: There is no such file"),
        (["x.txt"], "x.txt: The name ends in '.txt'; accepted: .npz, .safetensors"),
        (["two.npz", "--block", "0,0"], "--block: is about one tensor; two.npz has 2, give one as FILE:TENSOR"),
        (["two.npz", "--floats", "x.npy"], "--floats: is about one tensor"),
        (["two.npz:c"], "two.npz: It has no array 'c'; it has a, b"),
        (["x.npy", "--block", "0,0"], "--block: is about a quantized tensor, and x.npy has floats; leave it out"),
        (["x.npy", "--source-block", "32"], "--source-block: x.npy has no such quantized tensor"),
        (["x.npy:a"], "x.npy: A .npy file holds one array without a name"),
        (["mx.npz", "--block", "1"], "--block: must be a row and the place of a block in it, such as 0,0, not '1'"),
        (["mx.npz", "--block", "2,0"], "--block: must be one of rows 0 to 1 and blocks 0 to 1, not 2,0"),
        (["mx.npz", "--block", "0,2"], "--block: must be one of rows 0 to 1 and blocks 0 to 1, not 0,2"),
        (["mx.npz", "--floats", "x.npy"], "--floats: The floats have the shape (2, 32), the quantized tensor (2, 64)"),
        (["mx.npz", "--source-format", "E5M2"], "--source-format: 'mx.npz' states E4M3 elements, not E5M2"),
        (["mx.npz", "--max-size", "0"], "--max-size: 'mx.npz' needs"),
        (["wide.npz"], "wide.npz: An element code is 0xff, but E2M1 has 4 bits; one code a byte is needed"),
        (["short.npz"], "short.npz: Elements of shape (2, 64) in blocks of 32 need scales of shape (2, 2), not (1, 2)"),
        (["p.safetensors"], "--source-layout: 'w' in 'p.safetensors' has shape (4, 16), uint8, and scales of shape (4, 1)"),
        (["p.safetensors:w[0]"], "p.safetensors: 'w' has shape (4, 16); an index, as in w[0], needs three axes"),
        (["n.safetensors"], "n.safetensors: 'w' has dtype U8 and 'w_scale' F8_E4M3: this is NVFP4, which is refused"),
        ([], "Missing argument"),
    ],
)
def test_a_mistake_is_one_line(tmp_path, capsys, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    x, elements, scales = np.ones((2, 32), np.float32), np.full((2, 64), 0xFF, np.uint8), np.full((2, 2), 127, np.uint8)
    np.save("x.npy", x)
    np.savez("two.npz", a=x, b=x)
    np.savez("mx.npz", elements=elements, scales=scales, format="E4M3", block=32)
    np.savez("wide.npz", elements=elements, scales=scales, format="E2M1", block=32)
    np.savez("short.npz", elements=elements, scales=scales[:1], format="E4M3", block=32)
    write_tensors(tmp_path / "p.safetensors", w=np.zeros((4, 16), np.uint8), w_scale=np.full((4, 1), 127, np.uint8))
    write_tensors(tmp_path / "n.safetensors", w=np.zeros((4, 16), np.uint8), w_scale=np.ones((4, 2), FP8))
    status, out, error = command(capsys, "show", *arguments)
    assert (status, out, error.count("\n")) == (2, "", 1)
    assert error.startswith(f"mxmac: {message}"), error


def test_facts_that_a_file_leaves_open_are_stated(tmp_path, capsys):
    path = write_tensors(tmp_path / "p.safetensors", w=np.zeros((4, 16), np.uint8), w_scale=np.full((4, 1), 127, np.uint8))
    assert show(capsys, path, "--source-layout", "quark-mxfp4")["shape"] == [4, 32]
    record = show(capsys, path, "--source-format", "INT8", "--source-block", "16")
    assert (record["format"], record["shape"], record["block"]) == ("INT8", [4, 16], 16)
    again = show(capsys, *record["command"].split()[2:])
    assert again["command"] == record["command"]


@pytest.mark.parametrize(("suffix", "scale"), [(".npz", np.uint8), (".safetensors", np.int32)])
def test_mx_files_in_words_and_archives_are_shown(tmp_path, capsys, suffix, scale):
    tensor = quantize(RNG.standard_normal((5, 96)).astype(np.float32), ELEMENT_FORMATS["E2M3"])
    path = tmp_path / f"a{suffix}"
    save_mx(path, tensor, pack=scale is np.int32)
    record = show(capsys, path, "--block", "4,2")
    assert [element["code"] for element in record["block_shown"]["elements"]] == tensor.elements[4, 64:].tolist()
    assert record["block_shown"]["scale_code"] == int(tensor.scales[4, 2])
    assert sum(exponents(record).values()) == tensor.scales.size
