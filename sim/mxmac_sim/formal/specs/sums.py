"""Specification of what adds up inside a block: the lanes of a beat, the beats of a block, and the two scales of a block."""

from mxmac.config import MacConfig
from mxmac.formats import SCALE_NAN
from mxmac.stages.beat_sum import beat_sum_layout, beat_terms, tree_latency

from ..harness import constant, delayed, instance, module_of, ports, rendered

__all__ = ["block_adder_harness", "scale_sum_harness", "tree_harness"]


def scale_sum_harness(config: MacConfig, text: str) -> tuple[str, int]:
    """Harness of the sum of two scales (MX v1.0, 5.4.1 and 6.1), and after how many cycles it has forgotten what was before."""
    module = module_of(text, "datapath_scale_sum")
    inputs = [name for name, port in ports(text, module).items() if port.direction == "input"]
    codes = {inputs[0]: "{b, a}"} if len(inputs) == 1 else dict(zip(inputs, "ab", strict=True))
    return (
        rendered(
            "scale_sum", SCALE_NAN=SCALE_NAN, config=config, unit=instance(text, module, "unit", codes | {"scale": "scale"})
        ),
        0,
    )


def tree_harness(config: MacConfig, text: str) -> tuple[str, int]:
    """Harness of the adder tree over any sums of products, and after how many cycles it has forgotten what was before."""
    terms = beat_terms(config)
    module, clocks = module_of(text, "beat_sum_tree"), tree_latency(config)
    layout = beat_sum_layout(config)
    wide, out = config.sum_bits(config.lanes) + 2, layout["sum"].width
    most = config.operand_a.max_integer * config.operand_b.max_integer
    inputs, delays, numbers, given = [], [], [], []
    for index, term in enumerate(terms):
        bits = config.sum_bits(term.products)
        inputs.append(f"  input wire [{bits + term.carry - 1}:0] term{index},\n")
        delays.append(delayed(f"term{index}", bits + term.carry, clocks))
        name = f"term{index}_{clocks}" if clocks else f"term{index}"
        carry = f" + $signed({{1'b0, {name}[{bits}]}})" * term.carry
        complement = f" ^ {{{bits}{{{name}[{bits}]}}}}" * term.magnitude
        numbers.append(f"  wire signed [{wide - 1}:0] number{index} = $signed({name}[{bits - 1}:0]{complement}){carry};\n")
        largest = constant(wide, term.products * most)
        given.append(f"number{index} <= {largest} && number{index} >= -{largest}")
    got = f" + $signed({{1'b0, total[{out}]}})" * ("carry" in layout.members)
    return (
        rendered(
            "tree",
            assigned="".join(f"  assign in_{index} = number{index};\n" for index in range(len(terms))),
            connections={f"term{index}": f"term{index}" for index in range(len(terms))} | {"total": "total"},
            delays="".join(delays),
            given=" &&\n    ".join(given),
            got=f"$signed(total[{out - 1}:0]){got}",
            inputs="".join(inputs),
            module=module,
            numbers="".join(numbers),
            shown="".join(f"  output wire signed [{wide - 1}:0] in_{index},\n" for index in range(len(terms))),
            sum_largest=constant(wide, config.lanes * most),
            text=text,
            total=" + ".join(f"number{index}" for index in range(len(terms))),
            total_bits=layout.size,
            wide=wide,
        ),
        clocks,
    )


def block_adder_harness(config: MacConfig, text: str) -> tuple[str, int]:
    """Harness of the block adder: any beats, with pauses, and blocks that end early; and the depth of its induction."""
    module = module_of(text, "datapath_block_adder")
    beat_bits, bits = config.sum_bits(config.lanes), config.block_sum_bits
    wide = bits + 2
    several = config.beats > 1
    most = config.operand_a.max_integer * config.operand_b.max_integer * config.lanes
    largest = constant(wide, most)
    first, carries = "first, " if several else "", "carry" in beat_sum_layout(config).members
    connections = {
        "block_end": "block_end",
        "i__payload": f"{{dot_last, {first}specials, {'carry, ' * carries}beat}}",
        "i__valid": "valid",
        "o__payload": "payload",
        "o__valid": "out_valid",
    }
    number = config.beats.bit_length()
    return (
        rendered(
            "block_adder",
            beat_bits=beat_bits,
            bits=bits,
            carries=carries,
            config=config,
            connections=connections,
            largest=largest,
            module=module,
            most=most,
            number=number,
            several=several,
            text=text,
            wide=wide,
        ),
        1,
    )
