"""Dot products that single out one difficulty each."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from mxmac.config import GUARD_BITS, MacConfig
from mxmac.formats import SCALE_BIAS, SCALE_NAN

from .dots import Dot
from .elements import Elements, elements

__all__ = ["VectorFactory", "directed_dots", "factories_of", "sums_of_powers"]

_Codes = NDArray[np.uint8]
#: A signed power of two: its sign, 1 or -1, and its exponent.
_Term = tuple[int, int]

#: Largest scale code that is a number.
_TOP = SCALE_NAN - 1


def directed_dots(config: MacConfig, rng: np.random.Generator) -> list[Dot]:
    """Make one of each kind, in each pairing of formats that the configuration has."""
    dots = []
    for factory in factories_of(config, rng):
        for kinds in (_ranges, _extremes, _specials, _cancellations, _roundings, _windows):
            dots += [dot for dot in kinds(factory) if dot is not None]
    return dots


def sums_of_powers(config: MacConfig, rng: np.random.Generator, count: int) -> Iterator[Dot]:
    """Make dot products that are sums of a few powers of two, near each other or far apart.

    Parameters
    ----------
    config : MacConfig
    rng : numpy.random.Generator
    count : int
        How many.
    """
    factories = factories_of(config, rng)
    low, high = config.block_exp_min, config.block_exp_min + config.scale_sum_max + config.block_sum_bits
    while count:
        factory = factories[rng.integers(len(factories))]
        top = int(rng.integers(low, high) if rng.random() < 0.3 else rng.integers(-40, 40))
        reach = int(rng.choice([2, 12, 30, 110]))
        exps = [top, *(top - int(exp) for exp in rng.integers(0, reach, rng.integers(1, 4)))]
        dot = factory.sum_of(f"powers of two within 2^{reach}", [(int(rng.choice([1, -1])), exp) for exp in exps])
        if dot is not None:
            yield dot
            count -= 1


def factories_of(config: MacConfig, rng: np.random.Generator) -> list["VectorFactory"]:
    """Return a factory for each pairing of formats that the configuration has."""
    return [VectorFactory(config, rng, a, b) for a in range(len(config.a)) for b in range(len(config.b))]


class VectorFactory:
    """Makes dot products of one pairing of formats."""

    def __init__(self, config: MacConfig, rng: np.random.Generator, choice_a: int, choice_b: int):
        self.config, self.rng = config, rng
        self.choices = choice_a, choice_b
        self.a, self.b = elements(config.a[choice_a]), elements(config.b[choice_b])
        lows, highs = zip(self._powers_range(self.a), self._powers_range(self.b), strict=True)
        #: Exponents of the products of two powers of two.
        self.low, self.high = sum(lows), sum(highs)

    @staticmethod
    def _powers_range(factory: Elements) -> tuple[int, int]:
        return min(factory.powers), max(factory.powers)

    def dot(
        self,
        kind: str,
        a: Sequence[_Codes],
        b: Sequence[_Codes],
        scales: Sequence[tuple[int, int]],
        *,
        beats: int | None = None,
    ) -> Dot:
        """Make a dot product of blocks that may be shorter than a block; the rest is zeros."""
        block = self.config.block
        sides = []
        for codes, choice in zip((a, b), self.choices, strict=True):
            whole = np.zeros((len(codes), block), np.uint8)
            for row, part in zip(whole, codes, strict=True):
                row[: len(part)] = part
            sides.append((whole, np.full(len(codes), choice)))
        scale_a, scale_b = np.array(scales).T
        return Dot.of(self.config, kind, sides, (scale_a, scale_b), beats)

    def split(self, total: int) -> tuple[int, int]:
        """Return two scale codes with that sum."""
        scale_a = int(self.rng.integers(max(0, total - _TOP), min(_TOP, total) + 1))
        return scale_a, total - scale_a

    def ordinary(self, count: int) -> tuple[_Codes, _Codes]:
        """Return that many finite elements for a and b."""
        return self.rng.choice(self.a.finite, count), self.rng.choice(self.b.finite, count)

    def sum_of(self, kind: str, terms: Sequence[_Term]) -> Dot | None:
        """Make a dot product that is the sum of powers of two, in order; None if a block cannot have such a scale.

        A term goes into the same block as the one before, unless that is full or does not reach so far.
        """
        return self.sum_of_blocks(kind, [terms])

    def sum_of_blocks(self, kind: str, groups: Sequence[Sequence[_Term]]) -> Dot | None:
        """Make the same of several groups of terms, each of which begins a block."""
        blocks: list[tuple[int, list[_Term]]] = []
        for group in groups:
            for index, (sign, exp) in enumerate(group):
                full = not blocks or len(blocks[-1][1]) == self.config.block
                if index == 0 or full or not self.low <= exp - blocks[-1][0] <= self.high:
                    shift = min(max(exp - self.high, -2 * SCALE_BIAS), 2 * SCALE_BIAS)
                    if not self.low <= exp - shift <= self.high:
                        return None
                    blocks.append((shift, []))
                blocks[-1][1].append((sign, exp - blocks[-1][0]))
        a, b, scales = [], [], []
        for shift, block in blocks:
            pairs = [self._product(*term) for term in block]
            a.append(np.array([pair[0] for pair in pairs], np.uint8))
            b.append(np.array([pair[1] for pair in pairs], np.uint8))
            scales.append(self.split(shift + 2 * SCALE_BIAS))
        return self.dot(kind, a, b, scales)

    def _product(self, sign: int, exp: int) -> tuple[int, int]:
        """Codes of two powers of two whose product is ``sign * 2^exp``."""
        exps_b = [exp_b for exp_b in self.b.powers if exp - exp_b in self.a.powers]
        exp_b = int(self.rng.choice(exps_b))
        code = np.array([self.a.powers[exp - exp_b]], np.uint8)
        return int(code[0] if sign > 0 else self.a.negated(code)[0]), self.b.powers[exp_b]


def _ranges(factory: VectorFactory) -> Iterator[Dot | None]:
    """Zeros, subnormals and the largest numbers, alone and in whole blocks."""
    middle = (SCALE_BIAS, SCALE_BIAS)
    count = factory.config.block
    classes = {
        "zeros": (factory.a.zeros, factory.b.zeros),
        "subnormals": (factory.a.subnormals, factory.b.subnormals),
        "subnormals times the largest": (factory.a.subnormals, factory.b.largest),
        "the largest times subnormals": (factory.a.largest, factory.b.subnormals),
        "the largest": (factory.a.largest, factory.b.largest),
    }
    for name, (of_a, of_b) in classes.items():
        if of_a.size and of_b.size:
            for length in (1, count):
                yield factory.dot(
                    name, [factory.rng.choice(of_a, length)], [factory.rng.choice(of_b, length)], [middle], beats=None
                )
    yield factory.dot(
        "the largest, all positive",
        [np.full(count, factory.a.largest.min())],
        [np.full(count, factory.b.largest.min())],
        [middle],
    )
    first, second = factory.ordinary(count), factory.ordinary(factory.config.lanes)
    yield factory.dot("one beat", [first[0]], [first[1]], [middle], beats=1)
    yield factory.dot("one beat more", [first[0], second[0]], [first[1], second[1]], [middle, middle], beats=1)


def _extremes(factory: VectorFactory) -> Iterator[Dot | None]:
    """Every corner of the scales, overflow and underflow with them, and zeros that must not care."""
    count = factory.config.block
    corners = [(0, 0), (0, _TOP), (_TOP, 0), (_TOP, _TOP)]
    for corner in corners:
        a, b = factory.ordinary(count)
        yield factory.dot(f"scales {corner}", [a], [b], [corner])
    blocks = [factory.ordinary(count) for _ in range(5)]
    order = [corners[index] for index in (3, 0, 1, 3, 0)]
    yield factory.dot("all scales in turn", [block[0] for block in blocks], [block[1] for block in blocks], order)
    zeros = factory.rng.choice(factory.a.zeros, count)
    a, b = factory.ordinary(count)
    yield factory.dot("zeros at the largest scale first", [zeros, a], [b, b], [(_TOP, _TOP), (100, 130)])
    yield factory.dot("zeros at the smallest scale first", [zeros, a], [b, b], [(0, 0), (100, 130)])
    yield factory.dot("zeros at the largest scale last", [a, zeros], [b, b], [(100, 130), (_TOP, _TOP)])


def _specials(factory: VectorFactory) -> Iterator[Dot | None]:
    """NaN and infinities, and which of them wins."""
    config, rng = factory.config, factory.rng
    count, middle, last = config.block, (SCALE_BIAS, SCALE_BIAS), config.block - 1

    def with_elements(kind: str, blocks: Sequence[Sequence[tuple[int, int]]], scales: Sequence[tuple[int, int]] = ()) -> Dot:
        """Ordinary blocks, with pairs of given codes at random places."""
        codes = [factory.ordinary(count) for _ in blocks]
        for (a, b), pairs in zip(codes, blocks, strict=True):
            for place, (code_a, code_b) in zip(rng.choice(count, min(count, len(pairs)), replace=False), pairs, strict=False):
                a[place], b[place] = code_a, code_b
        return factory.dot(kind, [a for a, _ in codes], [b for _, b in codes], scales or [middle] * len(blocks))

    one_a, one_b, zero_a, zero_b = factory.a.powers[0], factory.b.powers[0], factory.a.zeros[0], factory.b.zeros[0]
    for code in factory.a.nans:
        yield with_elements("NaN in a", [[(code, zero_b)], []])
    for code in factory.b.nans:
        yield with_elements("NaN in b", [[], [(one_a, code)]])
    for scales in ((SCALE_NAN, 3), (200, SCALE_NAN), (SCALE_NAN, SCALE_NAN)):
        yield with_elements("NaN scale", [[], [], []], [middle, scales, middle])
    zeros = np.full(count, zero_a)
    yield factory.dot("NaN scale of zeros", [zeros], [np.full(count, zero_b)], [(SCALE_NAN, 0)])
    for infs, pair in ((factory.a.infs, lambda inf: (inf, one_b)), (factory.b.infs, lambda inf: (one_a, inf))):
        if not infs.size:
            continue
        plus, minus = pair(infs.min()), pair(infs.max())
        bad = (infs[0], zero_b) if infs is factory.a.infs else (zero_a, infs[0])
        yield with_elements("+Inf", [[plus], []])
        yield with_elements("-Inf, and a sum that overflows", [[minus], []], [middle, (_TOP, _TOP)])
        yield with_elements("Inf times 0", [[bad]])
        yield with_elements("Inf - Inf in a block", [[plus, minus]])
        yield with_elements("Inf - Inf in two blocks", [[plus], [minus]])
        yield with_elements("Inf under a NaN scale", [[plus], [minus, bad]], [middle, (SCALE_NAN, 1)])
        for inf in (plus, minus):
            yield with_elements("a sum that overflows, then Inf", [[], [], [inf]], [(_TOP, _TOP)] * 2 + [middle])
        if factory.a.nans.size:
            nan = (factory.a.nans[0], one_b)
            yield with_elements("NaN and Inf times 0", [[nan], [bad]])
            yield with_elements("NaN and Inf - Inf", [[plus, minus], [nan]])
    if factory.a.nans.size:
        a, b = factory.ordinary(count)
        a[last] = factory.a.nans[-1]
        yield factory.dot("NaN in the last lane", [a], [b], [middle])


def _cancellations(factory: VectorFactory) -> Iterator[Dot | None]:
    """Sums that vanish, or nearly so."""
    config = factory.config
    count, scales = config.block, factory.split(int(factory.rng.integers(180, 330)))
    a, b = factory.ordinary(count)
    opposite = factory.a.negated(a)
    yield factory.dot("a block and its opposite", [a, opposite], [b, b], [scales, scales])
    half = count // 2
    if half:
        yield factory.dot(
            "two halves of a block", [np.concatenate([a[:half], opposite[:half]])], [np.concatenate([b[:half]] * 2)], [scales]
        )
    tiny = (
        np.array([factory.a.powers[min(factory.a.powers)]], np.uint8),
        np.array([factory.b.powers[min(factory.b.powers)]], np.uint8),
    )
    yield factory.dot("all but the smallest product", [a, opposite, tiny[0]], [b, b, tiny[1]], [scales] * 3)
    top, exp = factory.high, int(factory.rng.integers(-60, 60))
    yield factory.sum_of("a power of two less its neighbour", [(1, exp), (-1, exp - 1), (-1, exp - 2), (-1, exp - 2)])
    yield factory.sum_of("a large number passes", [(1, exp), (1, exp + top + 30), (-1, exp + top + 30)])


def _roundings(factory: VectorFactory) -> Iterator[Dot | None]:
    """Ties and their neighbours, at ordinary exponents and where results become subnormal, zero or infinite."""
    output = factory.config.output
    precision = output.man_bits + 1
    exp = int(factory.rng.integers(-8, 9))
    sums = {
        "tie, to even below": [(1, exp), (1, exp - precision)],
        "tie, to even above": [(1, exp), (1, exp - precision + 1), (1, exp - precision)],
        "above a tie": [(1, exp), (1, exp - precision), (1, exp - precision - 9)],
        "below a tie": [(1, exp), (1, exp - precision), (-1, exp - precision - 9)],
        "tie that carries into the exponent": [(1, exp + 1), (-1, exp - precision)],
        "just below a power of two": [(1, exp), (-1, exp - precision - 2)],
        "overflow by a tie": [(1, output.emax + 1), (-1, output.emax - precision)],
        "below that tie": [(1, output.emax + 1), (-1, output.emax - precision), (-1, output.emax - precision - 12)],
        "largest number": [(1, output.emax + 1), (-1, output.emax - precision + 1)],
        "overflow": [(1, output.emax + 1)],
        "far overflow": [(1, output.emax + 40)],
        "smallest normal number": [(1, output.emin)],
        "tiny before rounding only": [(1, output.emin), (-1, output.emin - precision - 1)],
        "tiny after rounding": [(1, output.emin), (-1, output.emin - precision)],
        "largest subnormal": [(1, output.emin), (-1, output.lsb_exp)],
        "subnormal tie": [(1, output.lsb_exp), (1, output.lsb_exp + 3), (1, output.lsb_exp - 1)],
        "smallest subnormal": [(1, output.lsb_exp)],
        "tie to zero": [(1, output.lsb_exp - 1)],
        "above that tie": [(1, output.lsb_exp - 1), (1, output.lsb_exp - 9)],
        "to zero": [(1, output.lsb_exp - 2)],
        "far below everything": [(1, output.lsb_exp - 80)],
    }
    for kind, terms in sums.items():
        yield factory.sum_of(kind, terms)
        yield factory.sum_of(f"{kind}, negative", [(-sign, exp) for sign, exp in terms])


def _windows(factory: VectorFactory) -> Iterator[Dot | None]:
    """Blocks that lie at, above and below the ends of a window, and long sums."""
    config = factory.config
    width = 64 if config.window is None else config.window
    guard = GUARD_BITS if config.window_guard is None else config.window_guard
    for far in (width - factory.high + factory.low - guard, width, 2 * width):
        for exps in ((0, far, far, 0), (0, far, -far), (0, -far, far), (far, 0, -far)):
            terms = [(1 if exp >= 0 else -1, abs(exp)) for exp in exps]
            yield factory.sum_of(f"a window apart by {far}", terms)
    yield factory.sum_of(
        "below a window", [(1, 0), (1, factory.low - factory.high - guard - 3), (-1, factory.low - factory.high - guard - 40)]
    )
    if config.beats > 64:
        return
    blocks = [factory.ordinary(config.block) for _ in range(12)]
    scales = [factory.split(2 * SCALE_BIAS + int(shift)) for shift in factory.rng.integers(-9, 10, len(blocks))]
    yield factory.dot("a long sum", [block[0] for block in blocks], [block[1] for block in blocks], scales)
    largest = np.full(config.block, factory.a.largest.min()), np.full(config.block, factory.b.largest.min())
    yield factory.dot("a long sum of the largest", [largest[0]] * 12, [largest[1]] * 12, [scales[0]] * 12)
