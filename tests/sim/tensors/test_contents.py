"""The list of a checkpoint's tensors: from headers alone, and with the reason if one cannot be read."""

import numpy as np

from layout_checks import e8m0, nibbles, write_index, write_tensors
from mxmac_sim.tensors.contents import contents
from mxmac_sim.tensors.source import open_source
from mxmac_sim.tensors.stated import Stated
from tensor_checks import FP8

ONES = np.full((4, 2), 127, np.uint8)
CODES = np.zeros((4, 64), np.uint8)


def listed(path):
    return {entry.array.name: entry for entry in contents(open_source(path), Stated())}


def test_every_tensor_is_listed_once_with_its_layout(tmp_path):
    path = write_tensors(
        tmp_path / "a.safetensors", a__weight=CODES.view(FP8), a__weight_scale=ONES, b_blocks=np.zeros((4, 2, 16), np.uint8),
        b_scales=ONES, c__weight=np.zeros((4, 32), np.int8), c__scale=e8m0(ONES), norm__weight=np.ones(64, np.float32),
        norm__scale=np.ones(64, np.float32), steps=("I64", (2,), bytes(16)),
    )  # fmt: skip
    found = listed(path)
    assert {name: entry.tensor.layout for name, entry in found.items() if entry.tensor} == {
        "a.weight": "mxfp8",
        "b_blocks": "gpt-oss",
        "c.weight": "deepseek-v4-experts",
    }
    assert [name for name, entry in found.items() if entry.floats] == ["norm.scale", "norm.weight"]
    assert found["b_blocks"].tensor.elements.shape == (4, 64)
    assert (found["b_blocks"].array.shape, found["b_blocks"].size) == ((4, 2, 16), 4 * 32 + 8)
    assert (found["steps"].array.dtype, found["steps"].reason.split(";")[0]) == ("I64", "Tensor 'steps' has dtype I64")
    assert len(found) == 6


def test_a_tensor_that_cannot_be_read_has_the_reason(tmp_path):
    path = write_tensors(
        tmp_path / "a.safetensors", n__weight=nibbles(CODES), n__weight_scale=np.ones((4, 4), FP8), lone=CODES.view(FP8),
        two=CODES.view(FP8), two_scale=ONES, two_scale_inv=ONES, bytes=CODES, bytes_scale=ONES, other=CODES,
        z__weight=("F8_E4M3FNUZ", (4, 64), bytes(256)), z__weight_scale=np.ones((), np.float32),
        short=CODES.view(FP8), short_scale=ONES[:3],
    )  # fmt: skip
    found = {name: entry.reason for name, entry in listed(path).items()}
    for name, reason in (
        ("n.weight", "this is NVFP4, which is refused, since its scales are E4M3"),
        ("lone", "'lone' has no scales beside it: there is no 'lone_scale' or 'lone_scale_inv'"),
        ("two", "may have its scales in 'two_scale' or 'two_scale_inv'"),
        ("bytes", "any format may be stored; state the format"),
        ("other", "neither floats nor elements with scales"),
        ("z.weight", "is an FNUZ type"),
        ("short", "has shape (3, 2), but 'short' of shape (4, 64)"),
    ):
        assert reason in found.pop(name)
    assert not found


def test_an_mx_file_is_one_tensor(tmp_path):
    np.savez(tmp_path / "a.npz", elements=CODES, scales=ONES, format="E4M3", block=32)
    (entry,) = listed(tmp_path / "a.npz").values()
    assert (entry.tensor.format.name, entry.tensor.block, entry.size) == ("E4M3", 32, 264)
    np.savez(tmp_path / "b.npz", elements=CODES, scales=ONES[:1], format="E4M3", block=32)
    (entry,) = listed(tmp_path / "b.npz").values()
    assert "need scales of shape (4, 2), not (1, 2)" in entry.reason


def test_a_missing_shard_is_a_reason_of_its_tensors_alone(tmp_path):
    write_tensors(tmp_path / "1.safetensors", a=np.ones((2, 32), np.float32))
    write_index(tmp_path, {"a": "1.safetensors", "b": "2.safetensors"})
    found = listed(tmp_path)
    assert found["a"].floats
    assert "which is missing; all of its shards are needed" in found["b"].reason
