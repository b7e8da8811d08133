"""``mxmac generate quantizer``: the Verilog of a quantizer.

The docstring of the command is its help.
"""

from collections.abc import Callable

from ..quantizer.config import QuantizerConfig
from ..verilog.design import generate_quantizer
from .generate import OutputFileOption, TopOption, put_out
from .quantizer_options import quantizer_config_from
from .sharing import with_options_of

__all__ = ["quantizer"]


@with_options_of(quantizer_config_from, "make_config")
def quantizer(
    make_config: Callable[[], QuantizerConfig],
    output_file: OutputFileOption = None,
    top: TopOption = None,
):
    """Write the Verilog of a quantizer, and its manifest beside it: floats in, MX elements and their UE8M0 scales out."""
    config = make_config()
    put_out(lambda name: generate_quantizer(config, name), output_file, top, default_top="quantizer")
