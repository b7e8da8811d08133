"""Units of every depth of the pipeline and both kinds of multipliers, whose results must be those of the golden model."""

from itertools import product

from mxmac.config import Accumulator, MacConfig, MultiplierKind
from mxmac.formats import ELEMENT_FORMATS
from mxmac_sim.campaigns.vectors import make_vectors
from mxmac_sim.simulators.bulk import BulkUnit

__all__ = ["DEPTHS", "PAIRINGS", "check_results", "described", "unit", "units"]

DEPTHS = (1, 2, 3)
#: Operands that shift by levels alone, by places too, and not at all; and one that chooses.
PAIRINGS = (("E4M3", "E4M3"), ("E5M2", "INT8"), ("E2M1", "E2M3"), ("E4M3,E5M2,INT8", "E3M2,E2M1"))


def unit(pairing, **parameters):
    a, b = ([ELEMENT_FORMATS[name] for name in names.split(",")] for names in pairing)
    return MacConfig(a=a, b=b, block=4, lanes=2, **parameters)


def units():
    """Each depth with each accumulator that has one, and each multiplier; pairings take turns."""
    chosen = product(DEPTHS, (Accumulator.EXACT, Accumulator.WINDOW), MultiplierKind)
    for index, (pipeline, kind, multiplier) in enumerate(chosen):
        pairing = PAIRINGS[(index + index // len(PAIRINGS)) % len(PAIRINGS)]
        yield unit(pairing, accumulator=kind, multiplier=multiplier, pipeline=pipeline)


def described(config):
    a, b = ("+".join(fmt.name for fmt in side) for side in (config.a, config.b))
    return f"{a}x{b}-{config.accumulator.value}-{config.multiplier.value}-pipeline{config.pipeline}"


def check_results(config, folder):
    """Compare directed and random dot products, without and with pauses."""
    built_unit, vectors = BulkUnit(config, folder), make_vectors(config, randoms=200, seed=1)
    for idle, stall in ((0, 0), (0.3, 0.6)):
        run = built_unit.run_beats(vectors.beats, len(vectors.data), idle=idle, stall=stall)
        assert run.data.tolist() == vectors.data.tolist()
        assert run.status.tolist() == vectors.status.tolist()
