"""Units of every single-format pairing, accumulator and output, and what each of them has to get right."""

from itertools import product

import numpy as np

import oracle
from golden_checks import oracle_window
from mxmac.config import Accumulator, MacConfig
from mxmac.formats import ELEMENT_FORMATS, RESULT_FORMATS
from mxmac_sim.simulators.bulk import BulkUnit
from mxmac_sim.stimulus.directed_dots import directed_dots
from mxmac_sim.stimulus.dots import expected_results
from mxmac_sim.stimulus.random_dots import random_dot
from shared_units import packed

__all__ = ["all_units", "check_unit", "described", "one_unit_of_each_pairing"]

#: Block and lanes, which take turns: from one beat a block to as many as make an accumulator work in another way.
_SHAPES = ((4, 2), (8, 1), (2, 2), (32, 1), (8, 4))
_RANDOM_DOTS = 150


def _unit(index_a, index_b, index_kind, index_output):
    block, lanes = _SHAPES[(index_a + 2 * index_b + index_kind + index_output) % len(_SHAPES)]
    return MacConfig(
        a=[list(ELEMENT_FORMATS.values())[index_a]],
        b=[list(ELEMENT_FORMATS.values())[index_b]],
        block=block,
        lanes=lanes,
        accumulator=list(Accumulator)[index_kind],
        output=list(RESULT_FORMATS.values())[index_output],
    )


def all_units():
    """36 pairings, 3 accumulators and 3 outputs, in all combinations."""
    return [
        _unit(*indices)
        for indices in product(*(range(len(x)) for x in (ELEMENT_FORMATS, ELEMENT_FORMATS, Accumulator, RESULT_FORMATS)))
    ]


def one_unit_of_each_pairing():
    """Each pairing once. On either side every format meets every accumulator and every output."""
    count = len(ELEMENT_FORMATS)
    return [_unit(a, b, (a + b) % 3, (a - b) % 3) for a, b in product(range(count), repeat=2)]


def described(config):
    a, b = config.a[0].name, config.b[0].name
    return f"{a}x{b}-{config.accumulator.value}-{config.output.name}-block{config.block}-lanes{config.lanes}"


def check_unit(config, folder):
    """Directed and random dot products through the generated Verilog, against the oracle, without and with pauses."""
    unit, rng = BulkUnit(config, folder), np.random.default_rng(list(described(config).encode()))
    dots = directed_dots(config, rng) + [random_dot(config, rng) for _ in range(_RANDOM_DOTS)]
    dots = [dots[index] for index in rng.permutation(len(dots))]
    expected = [_expected(dot, config) for dot in dots]
    assert expected_results(dots, config) == expected
    assert len(set(expected)) > len(dots) // 4

    beats = packed(dots, config, rng)
    for idle, stall in ((0, 0), (0.3, 0.3)):
        run = unit.run_beats(beats, len(dots), idle=idle, stall=stall)
        for index, found in enumerate(zip(run.data.tolist(), run.status.tolist(), strict=True)):
            assert found == expected[index], dots[index].operands(config)


def _expected(dot, config):
    blocks = list(zip(dot.a.tolist(), dot.b.tolist(), dot.scale_a.tolist(), dot.scale_b.tolist(), strict=True))
    return oracle.dot(
        blocks,
        fmt_a=config.a[0].name,
        fmt_b=config.b[0].name,
        accumulator=config.accumulator.value,
        output=config.output.name.lower(),
        **oracle_window(config),
    )
