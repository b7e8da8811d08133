"""The generated multipliers of all 36 pairings of formats, with all pairs of codes, against ml_dtypes.

All of them stand side by side in one simulation, so that there is one to build.
"""

import subprocess
from itertools import product
from pathlib import Path

import numpy as np
import pytest

import dtypes
from mxmac.config import MacConfig
from mxmac.formats import ELEMENT_FORMATS
from mxmac.stages.multiplier import Multiplier, multiplier_latency
from mxmac.verilog.emit import component_verilog
from mxmac_sim.simulators.toolchain import VERILATOR, VERILATOR_BUILD_ARGUMENTS, environment
from mxmac_sim.verify.flat import Flat
from shared_units import shared_folder

PAIRINGS = list(product(ELEMENT_FORMATS.values(), repeat=2))
CODES = 1 << 16
#: Clocks to go on for, until the last product is there.
DRAIN = 16
#: What a multiplier has in the output: 64 bits of a magnitude or its complement, and six flags.
RESULT = np.dtype([("ones", "<u8"), ("flags", "<u4")])


def config_of(fmt_a, fmt_b):
    return MacConfig(a=[fmt_a], b=[fmt_b], block=1, lanes=1)


def wrapper():
    lines = [f"module multipliers (input clk, input [7:0] a, b, output [{96 * len(PAIRINGS) - 1}:0] out);"]
    for index, (fmt_a, fmt_b) in enumerate(PAIRINGS):
        config = config_of(fmt_a, fmt_b)
        bits = config.product_bits
        # Two's complement as one's complement.
        neg = f".product_neg(neg{index}), " if config.products_carry else ""
        lines += [
            f"  wire [{bits}:0] ones{index};",
            f"  wire neg{index}, nan{index}, invalid{index}, pos{index}, minus{index};",
            *([] if neg else [f"  assign neg{index} = ones{index}[{bits}];"]),
            f"  wire [63:0] magnitude{index} = ones{index}[{bits - 1}:0]{'' if neg else f' - neg{index}'};",
            f"  multiplier{index} m{index} (.clk(clk), .rst(1'b0), .a(a[{fmt_a.width - 1}:0]), .b(b[{fmt_b.width - 1}:0]),",
            f"    .product_ones(ones{index}), {neg}.specials_nan(nan{index}),",
            f"    .specials_invalid(invalid{index}), .specials_pos_inf(pos{index}), .specials_neg_inf(minus{index}));",
            f"  assign out[{96 * index} +: 96] = {{26'b0, ones{index}[{bits}], neg{index}, minus{index}, pos{index},",
            f"    invalid{index}, nan{index}, magnitude{index}}};",
        ]
    return "\n".join([*lines, "endmodule", ""])


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Of each pairing, its outputs after each clock."""
    with shared_folder(tmp_path_factory, "multipliers") as folder:
        if not (folder / "results").exists():
            build_and_run(folder)
        return np.fromfile(folder / "results", RESULT).reshape(CODES + DRAIN, len(PAIRINGS))


def build_and_run(folder):
    texts = [
        component_verilog(Flat({"": Multiplier(config_of(*formats))}), f"multiplier{index}")
        for index, formats in enumerate(PAIRINGS)
    ]
    (folder / "multipliers.v").write_text("\n".join([wrapper(), *texts]))
    arguments = [
        str(VERILATOR), "--cc", "--exe", "--build", "-j", "2", "-Wno-fatal", "-O3", *VERILATOR_BUILD_ARGUMENTS,
        "--top-module", "multipliers", "--Mdir", ".", "-CFLAGS", "-O1 -std=c++17", "-o", "multipliers", "multipliers.v",
        str(Path(__file__).with_name("multipliers.cpp").resolve()),
    ]  # fmt: skip
    done = subprocess.run(arguments, cwd=folder, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    subprocess.run(["./multipliers", "unfinished", str(CODES + DRAIN)], cwd=folder, check=True)
    (folder / "unfinished").rename(folder / "results")


def values(fmt):
    """Value of each of 256 codes, of which a narrower format ignores the upper bits."""
    return dtypes.element_values(fmt.name)[np.arange(256) & ((1 << fmt.width) - 1)]


@pytest.mark.parametrize("index", range(len(PAIRINGS)), ids=lambda index: " x ".join(fmt.name for fmt in PAIRINGS[index]))
def test_all_pairs_of_codes_have_the_exact_product_and_its_flags(results, index):
    config, found = config_of(*PAIRINGS[index]), results[:, index]
    a, b = (side.ravel() for side in np.meshgrid(*map(values, PAIRINGS[index]), indexing="ij"))

    # The flags come after one clock: the output after the edge that takes the codes.
    with np.errstate(invalid="ignore"):
        exact = a * b  # of at most 16 bits
    nan, infinite = np.isnan(a) | np.isnan(b), np.isinf(exact)
    flags = [nan, np.isnan(exact) & ~nan, infinite & (exact > 0), infinite & (exact < 0)]
    for bit, expected in enumerate(flags):
        np.testing.assert_array_equal(found["flags"][:CODES] >> bit & 1, expected)

    late = multiplier_latency(config) - 1
    ones, flags = (found[field][late : late + CODES] for field in ("ones", "flags"))
    finite = np.isfinite(exact)
    neg = (flags >> 4 & 1).astype(bool)
    np.testing.assert_array_equal(neg[finite], (flags[finite] >> 5 & 1).astype(bool))
    # One's complement, over as many bits as a magnitude may have.
    magnitude = ones ^ (neg * np.uint64((1 << config.product_bits) - 1))
    expected = np.ldexp(np.abs(exact[finite]), -config.product_lsb_exp)
    assert (expected == np.floor(expected)).all()
    np.testing.assert_array_equal(magnitude[finite], expected.astype(np.uint64))
    np.testing.assert_array_equal(neg[finite & (exact != 0)], exact[finite & (exact != 0)] < 0)
