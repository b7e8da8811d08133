"""``mxmac generate quantizer``: the Verilog of a quantizer.

The docstring of the command is its help.
"""

from .options_quantizer import (
    BlockOption,
    LanesOption,
    OverflowOption,
    RuleOption,
    SourceOption,
    ToOption,
    quantizer_config_from,
)
from .output import OutputFileOption, TopOption, put_out
from .verilog import generate_quantizer

__all__ = ["quantizer"]


def quantizer(
    output_file: OutputFileOption = None,
    top: TopOption = None,
    source: SourceOption = "fp32",
    to: ToOption = "E4M3",
    block: BlockOption = 32,
    lanes: LanesOption = 8,
    rule: RuleOption = ["rceil"],  # noqa: B006 - typer reads it, nobody changes it
    overflow: OverflowOption = ["sat"],  # noqa: B006
):
    """Write the Verilog of a quantizer, and its manifest beside it: floats in, MX elements and their UE8M0 scales out."""
    config = quantizer_config_from(source, to, block, lanes, rule, overflow)
    put_out(lambda name: generate_quantizer(config, name), output_file, top, default_top="quantizer")
