"""Vectors that every correct unit passes, such as a netlist after synthesis, and a unit with a mistake does not.

Directed and random dot products, with and without pauses, right after reset and after a reset at work.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mxmac.config import MacConfig
from mxmac.errors import HardwareError
from mxmac.verilog import Design

from ..simulators.bulk import BulkRun, BulkUnit
from ..stimulus.addends import with_addends
from ..stimulus.batches import random_batch
from ..stimulus.close_dots import far_apart, long_sum, near_ties, remainders
from ..stimulus.directed_dots import directed_dots, sums_of_powers
from ..stimulus.dots import Dot, beat_fields, beats_of, expected_results
from ..stimulus.random_dots import random_dot

__all__ = ["PASSAGES", "Passage", "Vectors", "clocks_of", "first_mismatch", "make_vectors", "packed", "with_reset_at_work"]


@dataclass(frozen=True)
class Passage:
    """A way to run vectors: chances of a pause on either side, cycles of work before the reset that counts, and how many dots.

    If ``dots`` is 0, it is all of them.
    """

    idle: float = 0
    stall: float = 0
    work: int = 0
    dots: int = 0


#: Dot products whose scales lie far apart: enough to fill queues.
_FAR_APART = 160
#: Resets at work, one cycle later each, so that data under way is at every place once; a few results show it.
_RESETS = tuple(Passage(work=work, dots=12) for work in range(401, 441))
#: The ways that vectors are run, in this order. In one of them results wait until there is no more room for them.
PASSAGES = (
    Passage(),
    Passage(work=400),
    Passage(idle=0.4, stall=0.2),
    Passage(stall=0.98, work=37),
    Passage(idle=0.9),
    *_RESETS,
)


@dataclass(frozen=True, eq=False)
class Vectors:
    """Dot products with what the golden model makes of them.

    Members
    -------
    dots : sequence of Dot
    beats : ndarray of uint8
        Of all of them, as bulk.cpp takes them.
    data : ndarray of uint32, shape (dots,)
    status : ndarray of uint8, shape (dots,)
    """

    dots: Sequence[Dot]
    beats: NDArray[np.uint8]
    data: NDArray[np.uint32]
    status: NDArray[np.uint8]

    def first(self, count: int, config: MacConfig) -> "Vectors":
        """Return the first ``count`` of them, or all if that is 0."""
        if not count or count >= len(self.dots):
            return self
        beats, every = (sum(dot.beats(config) for dot in dots) for dots in (self.dots[:count], self.dots))
        end = len(self.beats) // every * beats
        return Vectors(self.dots[:count], self.beats[:end], self.data[:count], self.status[:count])


def packed(dots: Iterable[Dot], config: MacConfig, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return beats of dot products in the layout that bulk.cpp describes; what is not read is random."""
    sides = [-(-operand.width * config.lanes // 8) for operand in (config.operand_a, config.operand_b)]
    names, found = beat_fields(config), bytearray()
    for dot in dots:
        for values in beats_of(dot, config, rng):
            beat = dict(zip(names, values, strict=True))
            for side, size in zip(("a", "b"), sides, strict=True):
                found += beat[side].to_bytes(size, "little")
            found += bytes(beat.get(name, 0) for name in ("scale_a", "scale_b", "format_a", "format_b", "last"))
            found += beat["addend"].to_bytes(4, "little") if "addend" in beat else b""
    return np.frombuffer(bytes(found), np.uint8)


def make_vectors(config: MacConfig, *, randoms: int, seed: int) -> Vectors:
    """Make all directed dot products and ``randoms`` random ones, in random order.

    Of these, some are plain, some biased towards what is rare, and the others sums of powers of two: any, next to a tie, and
    what is left when larger ones cancel. One is a sum of as many blocks. Then come as many of a beat or two each, one after the
    other, and some whose scales lie far apart.
    """
    rng = np.random.default_rng(seed)
    share = randoms // 5
    dots = directed_dots(config, rng) + [random_dot(config, rng) for _ in range(randoms - 4 * share)]
    for make in (_rare, sums_of_powers, near_ties, remainders):
        dots += make(config, rng, share)
    dots = [dots[index] for index in rng.permutation(len(dots))]
    dots.append(long_sum(config, rng, randoms))
    short = [min(int(beats), config.beats) for beats in rng.integers(1, 3, randoms)]
    dots += [random_dot(config, rng, blocks=1, last_beats=beats) for beats in short]
    dots += far_apart(config, rng, _FAR_APART)
    dots = with_addends(dots, config, rng)
    expected = expected_results(dots, config)
    data, status = (np.array(column) for column in zip(*expected, strict=True))
    return Vectors(dots, packed(dots, config, rng), data.astype(np.uint32), status.astype(np.uint8))


def _rare(config: MacConfig, rng: np.random.Generator, count: int) -> Iterator[Dot]:
    """As those of long campaigns: specials, blocks that cancel the one before, sums at the ends of the result's range."""
    lengths = (1, 2, 3, 5)
    for index, blocks in enumerate(lengths):
        dots = (count + index) // len(lengths)
        last_beats = np.where(rng.random(dots) < 0.5, config.beats, rng.integers(1, config.beats + 1, dots))
        batch = random_batch(config, rng, dots, blocks).cut(last_beats * config.lanes)
        for dot in range(dots):
            sides = ((batch.a[dot], batch.format_a[dot]), (batch.b[dot], batch.format_b[dot]))
            scales = (batch.scale_a[dot], batch.scale_b[dot])
            yield Dot.of(config, f"rare, {blocks} blocks", sides, scales, int(last_beats[dot]))


def clocks_of(unit: BulkUnit, vectors: Vectors) -> list[int]:
    """Return the sum of the cycles in which results are taken, by passage.

    Parameters
    ----------
    unit : BulkUnit
        Of what :func:`with_reset_at_work` makes of the generated Verilog.
    vectors : Vectors

    Raises
    ------
    HardwareError
        If it gets stuck.
    """
    passages = enumerate(PASSAGES)
    return [_run(unit, vectors.first(passage.dots, unit.config), seed, ()).result_clocks for seed, passage in passages]


def first_mismatch(unit: BulkUnit, vectors: Vectors, clocks: Sequence[int], *, plusargs: Sequence[str] = ()) -> str | None:
    """Run vectors until something is not as it should be; return in words what, or None if all is well.

    Parameters
    ----------
    unit : BulkUnit
        Of Verilog from :func:`with_reset_at_work`.
    vectors : Vectors
    clocks : sequence of int
        As :func:`clocks_of` has them of the unit that is right.
    plusargs : sequence of str
        More of them than ``work``.
    """
    every = vectors
    for number, passage in enumerate(PASSAGES):
        vectors = every.first(passage.dots, unit.config)
        where = f"pauses {passage.idle:.0%} and {passage.stall:.0%}, {passage.work} cycles of work before the reset"
        try:
            run = _run(unit, vectors, number, plusargs)
        except HardwareError as error:
            return f"{where}: {error}"
        wrong = np.flatnonzero((run.data != vectors.data) | (run.status != vectors.status))
        if wrong.size:
            index = int(wrong[0])
            have, want = (
                f"0x{int(data[index]):08x}, flags {int(status[index]):05b}"
                for data, status in ((run.data, run.status), (vectors.data, vectors.status))
            )
            return f"{where}: {have}, not {want}, for {vectors.dots[index].kind!r}, dot product {index}"
        if run.result_clocks != clocks[number]:
            return f"{where}: results in other cycles, by {run.result_clocks - clocks[number]:+,} in all"
    return None


def _run(unit: BulkUnit, vectors: Vectors, number: int, plusargs: Sequence[str]) -> BulkRun:
    passage = PASSAGES[number]
    return unit.run_beats(
        vectors.beats,
        len(vectors.data),
        idle=passage.idle,
        stall=passage.stall,
        seed=number + 1,
        plusargs=[f"work={passage.work}", *plusargs],
    )


def with_reset_at_work(design: Design, *, selector: int = 0) -> str:
    """Return Verilog of a module ``unit`` around the one of a design, which is reset once more while it is at work.

    Before anything else the unit inside gets noise for as many cycles as the plusarg ``work`` says, and then a cycle of reset.

    Parameters
    ----------
    design : Design
        Only its manifest counts: the text of its top module, or a netlist of it, is another file.
    selector : int
        Width of one more input of the module inside, ``mutant``, which gets the value of the plusarg of that name.
    """
    ports = [port for port in design.manifest["ports"] if port["name"] not in ("clk", "rst")]
    held = {"in_ready": "ready && left == 0", "out_valid": "valid && left == 0"}
    noise = {"in_valid": "noise[0] || noise[9]", "out_ready": "noise[3] && noise[17]", "in_last": "noise[5] && noise[11]"}
    inner = {"in_ready": "ready", "out_valid": "valid", "rst": "rst || left == 1"}
    lines = [
        "module unit(" + ", ".join(f"{port['direction']} [{port['width'] - 1}:0] {port['name']}" for port in ports),
        "  , input clk, input rst);",
        "  reg [15:0] work, left; reg [63:0] noise; wire ready, valid;",
        '  initial begin left = 0; noise = 64\'h9e3779b97f4a7c15; if (!$value$plusargs("work=%d", work)) work = 0; end',
        "  wire [63:0] one = noise ^ (noise << 13), two = one ^ (one >> 7);",
        "  always @(posedge clk) begin",
        "    noise <= two ^ (two << 17);",
        "    left <= rst ? work : left == 0 ? 0 : left - 1;",
        "  end",
        *(f"  assign {name} = {value};" for name, value in held.items()),
    ]
    for number, port in enumerate(ports):
        name, width = port["name"], port["width"]
        if port["direction"] == "input":
            spread = f"{{{-(-(width + 7 * number) // 64)}{{noise}}}} >> {7 * number}"
            lines.append(f"  wire [{width - 1}:0] to_{name} = left == 0 ? {name} : ({noise.get(name, spread)});")
            inner[name] = f"to_{name}"
    connected = [f".{port['name']}({inner.get(port['name'], port['name'])})" for port in ports]
    if selector:
        lines += [
            f"  reg [{selector - 1}:0] mutant;",
            '  initial if (!$value$plusargs("mutant=%d", mutant)) mutant = 0;',
        ]
        connected.append(".mutant(mutant)")
    connected += [".clk(clk)", f".rst({inner['rst']})"]
    lines += [f"  {design.manifest['top']} inner({', '.join(connected)});", "endmodule", ""]
    return "\n".join(lines)
