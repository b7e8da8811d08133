"""Specification of the window's sum: how blocks add up in it, and stay at its limits (numerics, "window")."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from mxmac.accumulator.window.sizes import choice_clocks, window_clocks, window_parts, window_sum_bits
from mxmac.config import MacConfig

from ..harness import delayed, inner, module_of, rendered

__all__ = ["window_accumulator_harness"]

#: Width and value in Verilog, by name.
_Values = Mapping[str, tuple[int, str]]


class _Register(NamedTuple):
    """Content of a register of the unit: its width, when it has it, and the value."""

    name: str
    width: int
    when: str
    value: str


def _cycles(window: int) -> _Values:
    """What is remembered of a cycle, with the sum within the limits after it; a cycle without a block adds zero."""
    return {
        "exists": (1, "1'b1"),
        "more": (1, "!(valid && dot_last)"),
        "side": (1, "neg"),
        "over": (1, "valid && beyond"),
        "addend": (window + 1, f"valid ? value : {window + 1}'d0"),
        "limited": (window, f"valid ? clamped : inside ? total : {window}'d0"),
        "ever": (1, "inside && overflow || valid && (too_high || too_low)"),
    }


def _sums(config: MacConfig) -> _Values:
    """What follows from them; ``{0}`` is the age of the cycle, ``{1}`` that of the one before.

    A chain of several blocks starts from a limit. Of sums, there are also the lower bits with their carry, for each part.
    """
    bits, parts = window_sum_bits(config), window_parts(config)
    top = f"[{bits - 1}:{bits - 3}]"
    starts = {f"chain{blocks}": f"chain{blocks - 1}_{{1}}" for blocks in range(2, len(parts) + 1)}
    starts = {"chain1": "limit_{0}", **starts, "sum": "prior_{0}"}
    values = {
        "block": (bits, "$signed(addend_{0})"),
        "limit": (bits, "!more_{1} ? 0 : side_{1} ? LEAST : LARGEST"),
        "prior": (bits, "more_{1} ? $signed(limited_{1}) : 0"),
        **{name: (bits, f"{start} + block_{{0}}") for name, start in starts.items()},
        "out": (1, f"over_{{0}} || (|sum_{{0}}{top} && !(&sum_{{0}}{top}))"),
        "anew": (1, "out_{0} || !more_{0}"),
    }
    for number, part in enumerate(parts[:-1]):
        lower = f"[{part.stop - 1}:0]"
        for name, start in starts.items():
            values[f"{name}_low{number}"] = (part.stop + 1, f"{start}{lower} + block_{{0}}{lower}")
    return values


def _history(config: MacConfig, ages: int) -> str:
    """Declare registers of the cycles, and the sums that follow from them."""
    declared = "".join(
        f"  reg [{width - 1}:0] {', '.join(f'{name}_{age}' for age in range(ages))};\n"
        for name, (width, _) in _cycles(config.window_bits).items()
    )
    for name, (width, value) in _sums(config).items():
        # The first of several blocks from a limit is older than the last.
        before = int(name.removeprefix("chain")[0]) if name.startswith("chain") else 1
        signed = "" if "_low" in name or width == 1 else "signed "
        declared += "".join(
            f"  wire {signed}[{width - 1}:0] {name}_{age} = {value.format(age, age + 1)};\n" for age in range(ages - before)
        )
    return declared


def _consistent(window: int, ages: int) -> str:
    """Conditions on the remembered cycles: each follows from the one before."""
    return "".join(
        f""" &&
    (exists_{age} || !more_{age} && !exists_{age + 1}) && (!exists_{age} || (
      (over_{age} || side_{age} == addend_{age}[{window}] || addend_{age} == 0) &&
      limited_{age} == (out_{age} ? (side_{age} ? least : largest) : sum_{age}[{window - 1}:0]) &&
      ever_{age} == (out_{age} || more_{age + 1} && ever_{age + 1})))"""
        for age in range(ages)
    )


def _registers(config: MacConfig) -> Iterator[_Register]:
    """Content of the unit's registers: helps the induction."""
    window, count = config.window_bits, len(window_parts(config))
    chosen = count + 1
    yield _Register("addend", window + 1, "exists_0", "addend_0")
    yield _Register("largest", 1, "exists_0", "more_1 && !side_1")
    yield _Register("least", 1, "exists_0", "more_1 && side_1")
    yield _Register("neg", 1, "exists_0", "side_0")
    yield from (_Register(f"neg_d{age}", 1, f"exists_{age}", f"side_{age}") for age in range(1, chosen + 1))
    yield from (_Register(f"beyond_d{age + 1}", 1, f"exists_{age}", f"over_{age}") for age in range(chosen))
    yield _Register("goes_on_d1", 1, "1'b1", "more_0")
    yield from (_Register(f"goes_on_later_d{age}", 1, "1'b1", f"more_{age}") for age in range(1, chosen))
    yield from (_Register(f"went_on_d{late}", 1, "1'b1", f"more_{count + late}") for late in (1, 2))
    yield _Register("over", 1, f"exists_{chosen}", f"over_{chosen}")
    yield _Register("over_or_last", 1, f"exists_{count}", f"over_{chosen} || !more_{chosen}")
    yield _Register("restarted", 1, f"exists_{chosen}", f"anew_{chosen + 1}")
    yield _Register("overflow", 1, f"exists_{chosen + 1}", f"ever_{chosen + 1}")
    wait = choice_clocks(config)
    if wait:
        age = chosen + 1
        yield _Register("outside_d1", 1, f"exists_{age}", f"out_{age}")
        yield _Register("which_d1", 1, f"exists_{age}", f"out_{age} ? !side_{age} : anew_{age + 1}")
        yield _Register("overflow_d1", 1, f"exists_{age + 1}", f"ever_{age + 1}")
        start = window_parts(config)[-1].start
        yield _Register("highest_d1", window - start, f"exists_{age}", f"sum_{age}[{window - 1}:{start}]")
    yield _Register("limited", window, f"exists_{chosen + 1 + wait}", f"limited_{chosen + 1 + wait}")
    for number in range(count):
        yield from _of_part(config, number)


def _of_part(config: MacConfig, number: int) -> Iterator[_Register]:
    """Content of the registers of one part of the sum."""
    parts, bits = window_parts(config), window_sum_bits(config)
    count, part = len(parts), parts[number]
    # Age of the block that is added to a limit, and blocks from there to the highest part.
    age, blocks = number + 1, len(parts) - number
    highest = number == count - 1
    width, place = part.stop - part.start, f"[{part.stop - 1}:{part.start}]"

    def with_carry(name: str, age: int) -> tuple[int, str]:
        if highest:
            return width, f"{name}_{age}{place}"
        return width + 1, f"{name}_low{number}_{age}[{part.stop}:{part.start}]"

    def register(name: str, value: tuple[int, str], when: str) -> _Register:
        return _Register(name, value[0], when, value[1])

    yield _Register(f"addend{number}", bits - 1 - part.start, f"exists_{age}", f"block_{age}[{bits - 2}:{part.start}]")
    for block in range(blocks):
        yield register(f"start{number}_{block}", with_carry(f"chain{block + 1}", age), f"exists_{age + block}")
    yield register(f"restart{number}", with_carry(f"chain{blocks}", age + 1), f"exists_{age + blocks}")
    for name, which in (("went_on", "!unit_restarted"), ("restart", "unit_restarted")):
        yield register(f"{name}{number}", with_carry("sum", age + 1), f"{which} && {_known(age + 1, blocks - 1)}")
    if highest:
        return
    yield _Register(f"largest{number}", 1, f"exists_{age}", f"more_{age + 1} && !side_{age + 1}")
    yield _Register(f"least{number}", 1, f"exists_{age}", f"more_{age + 1} && side_{age + 1}")
    yield _Register(f"settled{number}_0", width, _known(age + 2, blocks - 1), f"sum_{age + 2}{place}")
    for step in range(1, blocks - 1):
        chain, at = blocks - step, age + 2 + step
        for late in range(1, step + 2):
            when = f"exists_{age + late + chain - 1}"
            yield _Register(f"start{number}_after{step}_d{late}", width, when, f"chain{chain}_{age + late}{place}")
        yield _Register(f"settled{number}_{step}", width, _known(at, chain - 1), f"sum_{at}{place}")
    wait = choice_clocks(config)
    for late in range(1, 1 + wait):
        yield _Register(f"settled{number}_d{late}", width, _known(count + 1 + late, 1), f"sum_{count + 1 + late}{place}")
    for late in range(1, blocks + 1 + wait):
        yield _Register(f"alone{number}_d{late}", width, f"exists_{age + late}", f"chain1_{age + late}{place}")


def _known(age: int, blocks: int) -> str:
    """When a sum is right that does not know yet whether the ``blocks`` before its last one led it beyond a limit."""
    return " && ".join((f"exists_{age}", *(f"!anew_{age + before}" for before in range(1, blocks + 1))))


def window_accumulator_harness(config: MacConfig, text: str) -> tuple[str, int]:
    """Harness of the window accumulator: any blocks, with pauses and resets; and the depth of its induction."""
    window, clocks, ages = config.window_bits, window_clocks(config), len(window_parts(config)) + 4 + choice_clocks(config)
    held = ("total", window), ("inexact", 1), ("overflow", 1), ("any", 4), ("last_anchor", 9), ("lost_any", 1)
    cycles, registers = _cycles(window), list(_registers(config))
    moves = "".join(
        f"      {name}_{age} <= {f'{name}_{age - 1}' if age else now};\n"
        for name, (_, now) in cycles.items()
        for age in range(ages)
    )
    harness = rendered(
        "window_accumulator",
        clocks=clocks,
        connections={
            "i__payload": "{dot_last, specials, anchor, neg, beyond, lost, value}",
            "idle": "!valid",
            "i__valid": "valid",
            "o__payload": "payload",
            "o__valid": "out_valid",
        },
        consistent=_consistent(window, ages - 1),
        forget="; ".join(f"exists_{age} <= 0; more_{age} <= 0" for age in range(ages)),
        history=_history(config, ages),
        holds=" &&\n    ".join(f"(!({each.when}) || unit_{each.name} == ({each.value}))" for each in registers),
        later="".join(delayed(name, width, clocks - 1) for name, width in held),
        looks="".join(inner(f"unit.{each.name}", each.width) for each in registers),
        module=module_of(text, "datapath_accumulator"),
        moves=moves,
        sum_bits=window_sum_bits(config),
        text=text,
        v=window + 1,
        wide=window + 3,
        window=window,
    )
    return harness, clocks + 1
