"""Independent oracles in small: the golden model agrees with each of them, and a golden model that is wrong does not."""

from unittest import mock

import numpy as np
import pytest

import oracle
import oracles_at_scale
import outside
from fast_oracle import fast_dots
from golden_checks import config
from mxmac.config import Accumulator
from mxmac.formats import ELEMENT_FORMATS
from mxmac_sim import golden
from mxmac_sim.golden.quantize import Overflow, encode
from mxmac_sim.stimulus.batches import random_batch
from oracles_at_scale import CLASSES, check_dots, check_rounding, configs_of


@pytest.mark.parametrize("accumulator", Accumulator)
@pytest.mark.parametrize("name", CLASSES)
def test_golden_is_what_integers_and_mpfr_say(name, accumulator):
    assert check_dots(name, accumulator, 300, [7, list(CLASSES).index(name)]) == (0, "")


def test_classes_have_all_pairings_once():
    pairs = [pair for name, own in CLASSES.items() if name != "chosen at run time" for pair in own]
    assert len(pairs) == len(set(pairs)) == len(ELEMENT_FORMATS) ** 2
    assert configs_of(CLASSES["chosen at run time"], Accumulator.EXACT, np.random.default_rng(1)).a == tuple(
        ELEMENT_FORMATS.values()
    )


@pytest.mark.parametrize("accumulator", ["exact", "window", "fp32"])
@pytest.mark.parametrize("output", ["FP32", "FP16"])
def test_the_fast_oracle_is_the_plain_one(accumulator, output):
    window = {"window_guard": 3} if accumulator == "window" else {}
    cfg = config("E5M2", "E4M3", accumulator, output, block=2, **window)
    batch = random_batch(cfg, np.random.default_rng(5), 150, 3)
    rows = zip(*(array.tolist() for array in (batch.a, batch.b, batch.scale_a, batch.scale_b)), strict=True)
    plain = [
        oracle.dot(
            list(zip(*row, strict=True)), fmt_a="E5M2", fmt_b="E4M3", accumulator=accumulator, output=output.lower(), **window
        )
        for row in rows
    ]
    data, status = fast_dots(batch, cfg)
    assert list(zip(data.tolist(), status.tolist(), strict=True)) == plain


def test_a_golden_model_with_one_wrong_bit_is_noticed():
    def wrong(*operands, **options):
        data, status = right(*operands, **options)
        data[0] ^= 1
        return data, status

    right = golden.dot
    with mock.patch.object(golden, "dot", wrong):
        count, words = check_dots("FP8 × FP8", Accumulator.EXACT, 300, 1)
    assert count == 3
    assert "golden" in words


@pytest.mark.parametrize("fmt", ELEMENT_FORMATS.values(), ids=lambda fmt: fmt.name)
def test_elements_are_rounded_as_others_round_them(fmt):
    for binade in range(fmt.lsb_exp - 2, fmt.emax + 3):
        for overflow in Overflow if fmt.has_nan else (Overflow.SAT,):
            assert check_rounding(fmt.name, binade, overflow, 512) == (1024, 0)


def test_wrong_rounding_is_noticed(monkeypatch):
    monkeypatch.setattr(oracles_at_scale, "encode", lambda values, *mode: encode(values * (1 - 2.0**-40), *mode))
    # Ties go down: one in two of them to another element than the even one.
    assert check_rounding("E2M1", 1, Overflow.SAT)[1] == 2


def test_exact_products_are_compared_and_a_wrong_one_is_noticed():
    a, b = (outside.exact_operands("E4M3", np.random.default_rng(seed), 16, 2) for seed in (1, 2))

    def product(a, b):
        data, _ = golden.matmul(a, b, config(block=outside.BLOCK))
        return data

    assert outside.mismatches(a, b, product) == (256, 0)
    assert outside.mismatches(a, b, lambda a, b: product(a, b) ^ 1) == (256, 256)
