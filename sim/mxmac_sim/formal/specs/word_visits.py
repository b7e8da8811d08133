"""Specification of the order in which terms are added to the words of exact sums."""

from mxmac.accumulator.exact.chunked import chunked_words
from mxmac.config import MacConfig

from ..harness import inner, module_of, ports, rendered

__all__ = ["word_visits_harness"]


def word_visits_harness(config: MacConfig, text: str) -> tuple[str, int]:
    """Harness of the visits to words, and the depth of its induction."""
    words, module = chunked_words(config), module_of(text, "accumulator_visits")
    own = ports(text, module)
    bits = own["index"].width
    flags = (
        "empty",
        "ready_d1",
        "starts_below",
        "starts_next_below",
        "ends_above",
        "lower",
        "higher",
        "below_first",
        "above_first",
        "free",
        "arrives",
    )
    numbers = ("lowest", "above_lowest", "highest", "two_before_first", "before_last", "turn", "before_end")
    registers = dict.fromkeys(flags, 1) | dict.fromkeys(numbers, bits) | {"chunk": words.span - 1}
    # The index of the first word is a part of a block's scale, and has no name of its own then.
    first_word = next(name for name, port in own.items() if port.direction == "input" and port.width > 1)
    outputs = ("taken", "valid", "index", "adds", "more", "upper", "top", "sweeps", "done")
    harness = rendered(
        "word_visits",
        bits=bits,
        chunk_bits=words.span,
        connections={name: name for name in ("waits", "last", *outputs)}
        | {first_word: f"first_word[{own[first_word].width - 1}:0]"},
        floor=words.floor,
        module=module,
        most=config.scale_sum_max // words.bits,
        registers="".join(inner(f"unit.{name}", width) for name, width in registers.items()),
        span=words.span,
        start=max(0, words.floor - words.span + 1),
        text=text,
        wide=bits + 1,
        words=words.count,
    )
    return harness, 2
