"""The oracle decodes every code as ml_dtypes and NumPy do, and as the tables of OCP have it."""

import random
from fractions import Fraction

import ml_dtypes
import numpy as np
import pytest

import oracle
from oracle_checks import CODES, FINITE, VALUES, two


class TestDecode:
    @pytest.mark.parametrize("fmt", VALUES)
    def test_every_element_code_matches_ml_dtypes(self, fmt):
        assert [float(oracle.decode(code, fmt)) for code in range(CODES[fmt])] == pytest.approx(
            VALUES[fmt], rel=0, abs=0, nan_ok=True
        )

    @pytest.mark.parametrize(
        ("fmt", "largest", "min_normal", "min_subnormal"),
        [
            ("E4M3", 448, two(-6), two(-9)),
            ("E5M2", 57344, two(-14), two(-16)),
            ("E3M2", 28, two(-2), two(-4)),
            ("E2M3", Fraction(15, 2), 1, two(-3)),
            ("E2M1", 6, 1, two(-1)),
            ("INT8", Fraction(127, 64), two(-6), two(-6)),
        ],
    )
    def test_limits_are_those_of_the_ocp_tables(self, fmt, largest, min_normal, min_subnormal):
        finite = [oracle.decode(code, fmt) for code in FINITE[fmt]]
        assert max(finite) == largest
        assert min(v for v in finite if v > 0) == min_subnormal == two(oracle.ELEMENTS[fmt].lsb)
        man_bits = {"E4M3": 3, "E5M2": 2, "E3M2": 2, "E2M3": 3, "E2M1": 1, "INT8": 0}[fmt]
        assert oracle.decode(1 << man_bits, fmt) == min_normal

    def test_int8_minus_128_is_minus_two(self):
        assert oracle.decode(0x80, "INT8") == -2

    @pytest.mark.parametrize("fmt", VALUES)
    @pytest.mark.parametrize("beyond", [-1, 0])
    def test_codes_beyond_the_format_are_refused(self, fmt, beyond):
        with pytest.raises(ValueError, match=f"{fmt} has no code"):
            oracle.decode(beyond if beyond < 0 else CODES[fmt], fmt)

    def test_every_scale_matches_ml_dtypes(self):
        expected = np.arange(256).astype(np.uint8).view(ml_dtypes.float8_e8m0fnu).astype(np.float64)
        assert [float(oracle.decode_scale(code)) for code in range(256)] == pytest.approx(
            expected.tolist(), rel=0, abs=0, nan_ok=True
        )
        assert oracle.decode_scale(0) == two(-127)

    @pytest.mark.parametrize(("output", "dtype"), [("bf16", ml_dtypes.bfloat16), ("fp16", np.float16)])
    def test_every_16_bit_output_matches_its_library_and_rounds_to_itself(self, output, dtype):
        with np.errstate(invalid="ignore"):  # some of the NaN are signalling
            expected = np.arange(2**16).astype(np.uint16).view(dtype).astype(np.float64).tolist()
        for code, value in enumerate(expected):
            decoded = oracle.decode_output(code, output)
            if value != value:
                assert decoded != decoded
            else:
                assert decoded == value
                if code % 5:  # enough of them
                    continue
                rounded = oracle.round_to(decoded, output, negative_zero=code == 0x8000)
                assert rounded[:2] == (code, 0)

    def test_fp32_outputs_match_numpy_and_round_to_themselves(self):
        rng = random.Random(1)
        for code in [0x7F7FFFFF, 0x00800000, 0x007FFFFF, 1, *(rng.randrange(0x7F800000) for _ in range(3000))]:
            for signed in (code, code | 0x80000000):
                decoded = oracle.decode_output(signed, "fp32")
                assert decoded == float(np.uint32(signed).view(np.float32))
                assert oracle.round_to(decoded, "fp32")[:2] == (signed, 0)
