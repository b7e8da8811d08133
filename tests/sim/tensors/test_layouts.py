"""Checkpoints in every layout of the table: which elements and scales they have, by plain loops over the bytes of a file."""

import json
import math
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

from layout_checks import FILES, ROWS, K, e8m0, format_of, nibbles, stored_elements, stored_scales, write_tensors
from mxmac.errors import UserError
from mxmac.formats import ELEMENT_FORMATS
from mxmac_sim.tensors.files import load_floats, load_mx, load_stored
from mxmac_sim.tensors.layouts import LAYOUTS, pairs
from mxmac_sim.tensors.stated import Stated
from tensor_checks import FP8, command

RNG = np.random.default_rng(11)
FILE = "a.safetensors"
E4M3, E2M1, INT8 = (ELEMENT_FORMATS[name] for name in ("E4M3", "E2M1", "INT8"))
E5M2 = np.dtype(ml_dtypes.float8_e5m2)

EACH = [(layout, *file) for layout, files in FILES.items() for file in files]


@pytest.mark.parametrize(("layout", "elements", "scales", "dtype", "scale_dtype", "tile"), EACH)
def test_a_layout_gives_the_codes_of_its_file(tmp_path, layout, elements, scales, dtype, scale_dtype, tile):
    fmt = ELEMENT_FORMATS[format_of(dtype)]
    codes = RNG.integers(0, 16 if fmt is E2M1 else 0x78, (ROWS, K)).astype(np.uint8)
    grid = math.ceil(ROWS / tile[0]), math.ceil(K / tile[1])
    # Powers of two that FP16 has, too.
    scale_codes = RNG.integers(127 - 14, 127 + 15, grid).astype(np.uint8)
    arrays = {elements: stored_elements(codes, dtype), scales: stored_scales(scale_codes, scale_dtype)}
    path = write_tensors(tmp_path / FILE, **arrays)
    states_format = layout in ("codes", "scaled-codes")
    if states_format:
        with pytest.raises(UserError, match="any format may be stored; state the format") as error:
            load_mx(path)
        assert error.value.parameter == "format"
    tensor = load_mx(path, stated=Stated(format=fmt if states_format else None))
    assert load_stored(path, stated=Stated(format=fmt)).layout == layout
    assert load_stored(path, stated=Stated(format=fmt, layout=LAYOUTS[layout])).layout == layout
    assert (tensor.format, tensor.block) == (fmt, tile[1])
    assert np.array_equal(tensor.elements[:, :K], codes)
    assert not tensor.elements[:, K:].any()
    expected = [[scale_codes[row // tile[0], block] for block in range(grid[1])] for row in range(ROWS)]
    assert tensor.scales.tolist() == expected


def test_every_layout_of_the_table_has_a_file_or_a_reason():
    assert {layout.name for layout in LAYOUTS.values() if not layout.reason} == {*FILES, "mx", "mx-packed"}
    for layout in LAYOUTS.values():
        assert set(layout.elements.values()) <= {"", *ELEMENT_FORMATS}
        assert layout.name == layout.name.lower()


def row(layout):
    """Row of a layout in docs/checkpoints.md."""
    names = ", ".join(f"`{elements}` with `{scales}`" for elements, scales in layout.names)
    elements, scales = (", ".join(types) for types in (layout.elements, layout.scales))
    packed = ", two codes a byte" * layout.packed
    return f"| `{layout.name}` | {layout.programs} | {names} | {elements}{packed} | {scales} |"


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=lambda layout: layout.name)
def test_the_page_of_checkpoints_has_the_layout_as_a_row(layout):
    assert row(layout) in (Path(__file__).parents[3] / "docs" / "checkpoints.md").read_text().splitlines()


# Names.


def test_a_tensor_has_the_name_of_its_elements_or_the_text_that_both_names_share(tmp_path):
    codes, scales = RNG.integers(0, 256, (2, 1, 16)).astype(np.uint8), np.full((2, 1), 127, np.uint8)
    other = np.ones((2, 32), np.float32)
    path = write_tensors(tmp_path / FILE, w_blocks=codes, w_scales=scales, v__weight_packed=codes[:, 0],
                         v__weight_scale=scales, u=other)  # fmt: skip
    for name in ("w", "w_blocks"):
        assert np.array_equal(load_mx(path, name).elements[:, 0::2], codes[:, 0] & 15)
    for name in ("v", "v.weight", "v.weight_packed"):
        assert np.array_equal(load_mx(path, name).elements[:, 1::2], codes[:, 0] >> 4)
    with pytest.raises(UserError, match=r"has 5 tensors; choose a quantized one as FILE:NAME: v\.weight_packed, w_blocks$"):
        load_mx(path)
    with pytest.raises(UserError, match=r"'u' has no scales beside it: there is no 'u_scale' or 'u_scale_inv'$"):
        load_mx(path, "u")


def test_an_array_is_preferred_to_a_short_name(tmp_path):
    codes, scales = np.zeros((2, 1, 16), np.uint8), np.full((2, 1), 127, np.uint8)
    floats = np.ones((2, 32), np.float32)
    path = write_tensors(tmp_path / FILE, w_blocks=codes, w_scales=scales, w=floats)
    assert load_stored(path, "w") is None


def test_scales_under_two_names_are_ambiguous_and_the_layout_settles_it(tmp_path, capsys):
    first, second = np.full((130, 9), 120, np.uint8), np.full((2, 3), 2.0, np.float32)
    elements = np.zeros((ROWS, K), FP8)
    path = write_tensors(tmp_path / FILE, x__weight=elements, x__weight_scale=first, x__scale=second)
    for arguments, option in (
        (("quantize", path, tmp_path / "b.npz", "--name", "x.weight"), "--source-layout"),
        (("dot", f"{path}:x.weight", f"{path}:x.weight"), "--layout-a"),
        (("dot", f"{path}:x.weight", f"{path}:x.weight", "--layout-a", "mxfp8"), "--layout-b"),
    ):
        status, _, error = command(capsys, *arguments)
        assert status == 2
        assert error.startswith(f"mxmac: {option}: 'x.weight' in '{path}' may have its scales in 'x.scale' or 'x.weight_scale'")
        assert "deepseek-v4" in error
        assert "mxfp8" in error
    assert load_mx(path, "x.weight", Stated(layout=LAYOUTS["mxfp8"])).block == 32
    assert load_mx(path, "x.weight", Stated(layout=LAYOUTS["deepseek-v4"])).block == 128


# Ambiguous bytes.


def test_bytes_that_are_packed_or_not_ask_for_the_layout_and_the_format(tmp_path, capsys):
    """A row of 16 bytes with one scale: 32 codes of E2M1, or 16 of another format."""
    codes = RNG.integers(0, 128, (4, 16)).astype(np.uint8)
    path = write_tensors(tmp_path / FILE, x__weight=codes, x__weight_scale=np.full((4, 1), 127, np.uint8))
    status, _, error = command(capsys, "quantize", path, tmp_path / "b.npz")
    assert status == 2
    assert error == (
        f"mxmac: --source-layout: 'x.weight' in '{path}' has shape (4, 16), uint8, and scales of shape (4, 1), which fits "
        "quark-mxfp4 (1 x 32 elements) or codes (1 x 32 elements); state the layout, or the format of the elements with "
        "--source-format\n"
    )
    assert load_mx(path, stated=Stated(layout=LAYOUTS["quark-mxfp4"])).elements.shape == (4, 32)
    assert load_mx(path, stated=Stated(format=E4M3)).elements[:, :16].tolist() == codes.tolist()


def test_a_word_of_scales_asks_for_the_block(tmp_path):
    words = np.full((2, 1), 0x7F7F7F7F, np.int32)
    path = write_tensors(tmp_path / FILE, x__weight=np.zeros((2, 128), FP8), x__weight_scale_inv=words)
    with pytest.raises(UserError, match="a block may have 128 or 32 elements; state the number") as error:
        load_mx(path)
    assert error.value.parameter == "block"
    assert load_mx(path, stated=Stated(block=32)).scales.shape == (2, 4)
    assert load_mx(path, stated=Stated(block=128)).scales.shape == (2, 1)


def test_packed_codes_of_an_mx_file_need_their_layout(tmp_path):
    codes = RNG.integers(0, 16, (4, 64)).astype(np.uint8)
    scales = np.full((4, 2), 127, np.uint8)
    for dtype in (np.int8, np.uint8):
        path = write_tensors(tmp_path / FILE, elements=nibbles(codes).view(dtype), scales=scales)
        with pytest.raises(UserError, match="two E2M1 codes a byte, --layout mx-packed"):
            load_mx(path)
        tensor = load_mx(path, stated=Stated(layout=LAYOUTS["mx-packed"]))
        assert (tensor.format, tensor.block) == (E2M1, 32)
        assert np.array_equal(tensor.elements, codes)


def test_four_bits_of_deepseek_are_never_int8(tmp_path):
    codes, scales = RNG.integers(-128, 128, (4, 32)).astype(np.int8), e8m0(np.full((4, 2), 127, np.uint8))
    path = write_tensors(tmp_path / FILE, x__weight=codes, x__scale=scales)
    assert load_mx(path).format is E2M1
    with pytest.raises(UserError, match=r"'x.weight' in '.*' has E2M1 elements, not INT8") as error:
        load_mx(path, stated=Stated(format=INT8))
    assert error.value.parameter == "format"


@pytest.mark.parametrize("option", ["--source-layout=gpt-oss", "--source-layout=GPT-OSS"])
def test_a_layout_of_a_file_that_has_no_such_names_is_refused(tmp_path, capsys, option):
    path = write_tensors(
        tmp_path / "a.safetensors", None, x__weight=np.zeros((2, 32), FP8), x__weight_scale=np.full((2, 1), 127, np.uint8)
    )
    status, _, error = command(capsys, "quantize", path, tmp_path / "b.npz", option, "--name", "x.weight")
    assert (status, error) == (
        2,
        f"mxmac: --source-layout: {path} has no such quantized tensor; leave out this option for floats\n",
    )


def test_an_unknown_layout_is_refused_with_the_table(tmp_path, capsys):
    for arguments, option in (
        (("quantize", "a.npz", tmp_path / "b.npz", "--source-layout", "x"), "--source-layout"),
        (("dot", "a.npz", "b.npz", "--layout-b", "x"), "--layout-a"),
        (("fpga", "run", "a.npz", "b.npz", "--layout-a", "x"), "--layout-a"),
    ):
        status, _, error = command(capsys, *arguments)
        assert status == 2
        if option in arguments:
            assert error == f"mxmac: {option}: must be one of {', '.join(LAYOUTS)}, not 'x'\n"


# Refused.


def test_nvfp4_is_refused_with_the_reason(tmp_path):
    scales = np.ones((4, 4), FP8)
    for elements, name in (("x__weight_packed", "x__weight_scale"), ("x__weight", "x__weight_scale")):
        path = write_tensors(tmp_path / FILE, **{elements: np.zeros((4, 32), np.uint8), name: scales})
        with pytest.raises(UserError, match=r"this is NVFP4, which is refused, since its scales are E4M3 numbers"):
            load_mx(path)


@pytest.mark.parametrize("dtype", ["F8_E4M3FNUZ", "F8_E5M2FNUZ"])
def test_fnuz_is_refused_with_the_reason(tmp_path, dtype):
    path = write_tensors(
        tmp_path / "a.safetensors", None, x__weight=(dtype, (2, 32), bytes(64)), x__weight_scale=np.ones((2, 1), np.float32)
    )
    with pytest.raises(UserError, match=rf"'x.weight' has dtype {dtype}, which is an FNUZ type, whose bias is one higher"):
        load_mx(path)


def test_swizzled_scales_of_torchao_are_refused(tmp_path):
    elements, scales = np.zeros((128, 128), FP8), e8m0(np.full((128, 4), 127, np.uint8))
    for swizzled in (True, False):
        metadata = {"x.weight": json.dumps({"_type": "MXTensor", "_data": {"is_swizzled_scales": swizzled}})}
        path = write_tensors(tmp_path / FILE, metadata, x___weight_qdata=elements, x___weight_scale=scales)
        if not swizzled:
            assert load_mx(path, "x.weight").block == 32
            continue
        with pytest.raises(UserError, match=r"'x\._weight_scale' has is_swizzled_scales in the metadata"):
            load_mx(path, "x.weight")


def test_floats_beside_a_parameter_named_scale_are_floats(tmp_path):
    x, scale = RNG.standard_normal((4, 32)).astype(np.float32), np.ones(4, np.float32)
    path = write_tensors(tmp_path / FILE, norm__weight=x, norm__scale=scale, x=x, x_scale=scale)
    for name in ("norm.weight", "x"):
        assert load_stored(path, name) is None
        assert np.array_equal(load_floats(path, name), x)


def test_floats_with_inverse_scales_and_other_types_are_refused(tmp_path):
    scales = np.ones((2, 1), np.float32)
    for elements, message in (
        (np.ones((2, 32), np.float32), r"'x.weight' has dtype F32 and 'x.weight_scale_inv' F32, which is no type of quantized"),
        (
            np.zeros((2, 32), np.int32),
            r"has dtype I32 and .* F32; accepted: .*F8_E4M3/F8_E5M2 with F32/BF16/F16/F8_E8M0/U8/I32",
        ),
        (np.zeros((2, 32), np.int8), r"has dtype I8 and .* F32; accepted: "),
    ):
        path = write_tensors(tmp_path / FILE, x__weight=elements, x__weight_scale_inv=scales)
        with pytest.raises(UserError, match=message):
            load_mx(path)


# Six-bit codes and odd rows.


def test_an_odd_row_of_four_bits_and_a_row_of_six_bits_that_is_not_whole_bytes_are_refused(tmp_path):
    for dtype, shape, size in (("F4", (4, 31), 62), ("F6_E2M3", (2, 30), 45), ("F4", (), 1)):
        path = write_tensors(
            tmp_path / "a.safetensors", None, elements=(dtype, shape, bytes(size)), scales=np.ones((4, 1), np.float32)
        )
        with pytest.raises(UserError, match=r"a last axis of a multiple of [24] is needed|cannot be read"):
            load_mx(path)


@pytest.mark.parametrize(("dtype", "name"), [("F6_E2M3", "E2M3"), ("F6_E3M2", "E3M2")])
def test_six_bit_codes_are_a_little_endian_stream(tmp_path, dtype, name):
    codes = RNG.integers(0, 64, (3, 64)).astype(np.uint8)
    data = b"".join(sum(code << 6 * i for i, code in enumerate(row)).to_bytes(48, "little") for row in codes.tolist())
    path = write_tensors(
        tmp_path / "a.safetensors", None, elements=(dtype, (3, 64), data), scales=np.full((3, 2), 127, np.uint8)
    )
    tensor = load_mx(path)
    assert (tensor.format.name, tensor.block) == (name, 32)
    assert np.array_equal(tensor.elements, codes)


def test_pairs_are_found_by_their_names_alone():
    names = ["a.weight", "a.weight_scale", "b_blocks", "b_scales", "c", "elements", "scales", "_blocks", "_scales"]
    assert [(pair.elements, pair.scales) for pair in pairs(names)] == [
        ("a.weight", "a.weight_scale"),
        ("b_blocks", "b_scales"),
        ("elements", "scales"),
    ]
