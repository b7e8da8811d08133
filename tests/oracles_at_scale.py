"""The golden model against independent opinions, a million times and more: ``python tests/oracles_at_scale.py``.

Three parts: random dot products against Python's integers and MPFR, by class of formats; matrix products against MLX, if that
is installed; and the rounding of elements against ml_dtypes and integers, for every significand of FP32 in every binade.
"""

import argparse
import multiprocessing
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from itertools import product
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

import dtypes
import outside
from fast_oracle import fast_dots
from mxmac.config import Accumulator, MacConfig
from mxmac.formats import ELEMENT_FORMATS, RESULT_FORMATS
from mxmac_sim import golden
from mxmac_sim.campaigns.record import write_record
from mxmac_sim.golden.quantize import Overflow, encode, quantize
from mxmac_sim.stimulus.batches import random_batch

__all__ = ["CLASSES", "check_dots", "check_rounding", "configs_of", "main"]

_FP8, _FP6 = ("E4M3", "E5M2"), ("E3M2", "E2M3")
_SAME = {"FP8 × FP8": _FP8, "FP6 × FP6": _FP6, "FP4 × FP4": ("E2M1",), "INT8 × INT8": ("INT8",)}
#: Pairings of formats, by what they have in common.
CLASSES = {name: list(product(formats, repeat=2)) for name, formats in _SAME.items()}
CLASSES["mixed"] = [pair for pair in product(ELEMENT_FORMATS, repeat=2) if not any(pair in own for own in CLASSES.values())]
#: All formats on both sides, chosen by each block.
CLASSES["chosen at run time"] = [tuple(ELEMENT_FORMATS)]
#: Dot products of a part, which one process does at a time.
_PART = 10_000
#: Share of the dot products that window and fp32 get of what ``exact`` gets: they take longer.
_SHARES = {Accumulator.EXACT: 1.0, Accumulator.WINDOW: 0.25, Accumulator.FP32: 0.25}
_CHUNK = 1 << 21


def configs_of(pairs, accumulator, rng):
    """A configuration of one of these pairings, with a small block and any result."""
    pair = pairs[rng.integers(len(pairs))]
    a, b = pair if len(pair) == 2 else (pair, pair)
    sides = [tuple(ELEMENT_FORMATS[name] for name in ([side] if isinstance(side, str) else side)) for side in (a, b)]
    output = rng.choice(["FP32", "FP32", "BF16", "FP16"])
    window = {}
    if accumulator is Accumulator.WINDOW:
        window, guard = {"window": int(rng.integers(72, 100))}, int(rng.integers(0, 20))
        window |= {"window_guard": guard} if rng.random() < 0.7 else {"window_lsb": int(rng.integers(-200, 100))}
    block = int(rng.choice([1, 2, 3, 4, 8]))
    return MacConfig(
        a=sides[0], b=sides[1], block=block, lanes=1, accumulator=accumulator, output=RESULT_FORMATS[output], **window
    )


def check_dots(name, accumulator, count, seed):
    """Compare so many dot products of a class; return the number of mismatches and the first of them in words."""
    rng = np.random.default_rng(seed)
    config = configs_of(CLASSES[name], accumulator, rng)
    wrong, words = 0, ""
    for blocks, share in ((1, 0.4), (2, 0.4), (3, 0.2)):
        batch = random_batch(config, rng, round(count * share), blocks)
        data, status = golden.dot(
            batch.a, batch.scale_a, batch.b, batch.scale_b, config, format_a=batch.format_a, format_b=batch.format_b
        )
        expected, flags = fast_dots(batch, config)
        bad = np.flatnonzero((data != expected) | (status != flags))
        wrong += len(bad)
        if len(bad) and not words:
            first = bad[0]
            operands = {key: value[first].tolist() for key, value in vars(batch).items()}
            found, right = (int(data[first]), int(status[first])), (int(expected[first]), int(flags[first]))
            words = f"{config.as_dict()}: {operands}: golden {found}, oracle {right}"
    return wrong, words


def check_rounding(name, binade, overflow=Overflow.SAT, fractions=1 << 23):
    """Round every number of a binade to elements, both signs; return how many, and how many codes are wrong.

    An element depends on the quotient of a number and its scale alone, and quotients have the significands of FP32 numbers. So
    the binades from half the smallest element to beyond the largest stand for all exponents.
    """
    fmt, wrong = ELEMENT_FORMATS[name], 0
    for start in range(0, fractions, _CHUNK):
        fraction = np.arange(start, min(start + _CHUNK, fractions), dtype=np.int64)
        magnitude = np.ldexp((fraction + (1 << 23)).astype(np.float64), binade - 23)
        for sign in (1.0, -1.0):
            wrong += int(np.count_nonzero(encode(sign * magnitude, fmt, overflow) != _rounded(sign * magnitude, fmt, overflow)))
    return 2 * fractions, wrong


def _rounded(values, fmt, overflow):
    """Codes by ml_dtypes, of values that FP32 holds; integers by integers."""
    if fmt.is_integer:
        scaled = np.abs(values) * 2.0**30
        whole = np.minimum(scaled, 2.0**40).astype(np.int64)
        unit = 1 << (30 + fmt.lsb_exp)
        steps, rest = np.divmod(whole, unit)
        steps += (2 * rest > unit) | ((2 * rest == unit) & (steps % 2 == 1))
        return (np.sign(values).astype(np.int64) * np.minimum(steps, fmt.max_integer - 1)).astype(np.int8).view(np.uint8)
    if overflow is Overflow.SAT:
        values = np.clip(values, -float(fmt.max_value), float(fmt.max_value))
    return values.astype(np.float32).astype(dtypes.ELEMENTS[fmt.name]).view(np.uint8)


def _roundings():
    """Formats, binades and modes that there are."""
    for fmt in ELEMENT_FORMATS.values():
        for binade in range(fmt.lsb_exp - 2, fmt.emax + 3):
            for overflow in Overflow if fmt.has_nan else (Overflow.SAT,):
                yield fmt.name, binade, overflow


def check_outside(rows, seed=1):
    """Matrix products against MLX: for each pairing, how many are exact, and how many of these differ."""
    rng, found = np.random.default_rng(seed), {}
    for name_a, name_b in product(ELEMENT_FORMATS, outside.MODES):
        a, b = (outside.exact_operands(name, rng, rows, blocks=3) for name in (name_a, name_b))
        found[f"{name_a} × {name_b}"] = outside.mismatches(a, b, outside.mlx_product)
    return found


def real_shares(tile=Path("sim/mxmac_sim/data/minilm_tile.npz")):
    """Share of real dot products that MLX has to the bit as each accumulator has them, for each of its formats."""
    arrays, found = np.load(tile), {}
    for name in outside.MODES:
        fmt = ELEMENT_FORMATS[name]
        a, b = (quantize(arrays[key], fmt) for key in ("activations", "weights"))
        product_of_mlx = outside.mlx_product(a, b)
        for accumulator in (Accumulator.EXACT, Accumulator.FP32):
            data, _ = golden.matmul(a, b, MacConfig(a=(fmt,), b=(fmt,), accumulator=accumulator))
            found[f"{name}, {accumulator.value}"] = float((data == product_of_mlx).mean())
    return found


def _parts(dots):
    for (name, (accumulator, share)), number in product(product(CLASSES, _SHARES.items()), range(max(1, dots // _PART))):
        if number < max(1, round(share * (dots // _PART))):
            yield name, accumulator, min(dots, _PART), [1, list(CLASSES).index(name), list(_SHARES).index(accumulator), number]


def _run(console, title, function, jobs, processes):
    """Results of all jobs in the order in which they end, with a bar of progress."""
    columns = (TextColumn(title), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with (
        ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn")) as pool,
        Progress(*columns, console=console, transient=True) as progress,
    ):
        task = progress.add_task(title, total=len(jobs))
        futures = {pool.submit(function, *job): job for job in jobs}
        for future in as_completed(futures):
            progress.advance(task)
            yield futures[future], future.result()


def _all_dots(console, given):
    """Compare dot products; return tallies by class, and the number of mismatches."""
    tallies = {name: dict.fromkeys([*(kind.value for kind in _SHARES), "mismatches"], 0) for name in CLASSES}
    for (name, accumulator, count, _), (bad, words) in _run(
        console, "dot products", check_dots, list(_parts(given.dots)), given.jobs
    ):
        tallies[name][accumulator.value] += count
        tallies[name]["mismatches"] += bad
        if words:
            console.print(f"[red]{name}[/], {words}")
    table = Table("Class", *(kind.value for kind in _SHARES), "mismatches", title="Golden = integers and MPFR")
    for name, tally in tallies.items():
        table.add_row(name, *(f"{count:,}" for count in tally.values()))
    console.print(table)
    return tallies, sum(tally["mismatches"] for tally in tallies.values())


def _all_roundings(console, given):
    """Compare conversions to element formats; return tallies by format, and the number of mismatches."""
    tallies = {name: {"values": 0, "mismatches": 0} for name in ELEMENT_FORMATS}
    for (name, *_), (count, bad) in _run(
        console, "roundings", check_rounding, [(*job, given.fractions) for job in _roundings()], given.jobs
    ):
        tallies[name]["values"] += count
        tallies[name]["mismatches"] += bad
    table = Table("Elements", "values rounded", "mismatches", title="Golden = ml_dtypes, every significand of FP32")
    for name, tally in tallies.items():
        table.add_row(name, *(f"{count:,}" for count in tally.values()))
    console.print(table)
    return tallies, sum(tally["mismatches"] for tally in tallies.values())


def _all_products(console, given):
    """Compare matrix products with MLX; return its version, tallies, shares of real ones, and the number of mismatches."""
    try:
        import mlx.core
    except ImportError:
        console.print("MLX is not there: `make oracles` installs it. Its part was left out.", style="yellow")
        return {"mlx": None, "products": {}, "real": {}}, 0
    products, shares = check_outside(given.rows), real_shares()
    table = Table("Product", "exact sums", "mismatches", title=f"Golden = MLX {mlx.core.__version__}")
    for name, (count, bad) in products.items():
        table.add_row(name, f"{count:,}", f"{bad:,}")
    console.print(table)
    console.print("Real dot products that are the same, though MLX rounds each addition:", shares)
    tallies = {name: {"exact": count, "mismatches": bad} for name, (count, bad) in products.items()}
    return {"mlx": mlx.core.__version__, "products": tallies, "real": shares}, sum(bad for _, bad in products.values())


def main(arguments=None):
    """Run all parts; return 1 if anything differs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dots", type=int, default=1_000_000, help="of each class with the exact accumulator (%(default)s)")
    parser.add_argument("--fractions", type=int, default=1 << 23, help="of each binade that is rounded (%(default)s: all)")
    parser.add_argument("--rows", type=int, default=256, help="of matrices that MLX multiplies, too (%(default)s)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes (%(default)s)")
    parser.add_argument("--json", type=Path, default=Path("build/oracles.json"), help="where figures go (%(default)s)")
    given = parser.parse_args(arguments)
    console, start = Console(highlight=False), time.monotonic()
    dots, wrong_dots = _all_dots(console, given)
    rounding, wrong_roundings = _all_roundings(console, given)
    outside, wrong_products = _all_products(console, given)
    wrong = wrong_dots + wrong_roundings + wrong_products
    given.json.parent.mkdir(parents=True, exist_ok=True)
    figures = {"dots": dots, "rounding": rounding, **outside}
    write_record(
        given.json, "python tests/oracles_at_scale.py", sys.argv[1:] if arguments is None else arguments, start, figures, {}
    )
    console.print("Nothing differs." if not wrong else f"{wrong:,} results differ.", style="green" if not wrong else "red")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
