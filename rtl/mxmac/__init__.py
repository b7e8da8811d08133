"""mxmac: a generator of microscaling (MX) multiply-accumulate hardware.

A :class:`MacConfig` describes a unit, and :func:`generate` writes it as Verilog; for quantizers, these are
:class:`QuantizerConfig` and :func:`generate_quantizer`. Names are loaded when they are used (PEP 562), so that importing this
package loads neither Amaranth nor Yosys.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .config import Accumulator, MacConfig
    from .errors import UserError
    from .formats import ELEMENT_FORMATS, RESULT_FORMATS, Format
    from .quantizer.config import QuantizerConfig
    from .verilog import generate, generate_quantizer

__version__ = "0.1.0"

__all__ = [
    "ELEMENT_FORMATS",
    "RESULT_FORMATS",
    "Accumulator",
    "Format",
    "MacConfig",
    "QuantizerConfig",
    "UserError",
    "__version__",
    "generate",
    "generate_quantizer",
]

#: Module of each public name.
_HOMES = {
    "ELEMENT_FORMATS": "formats",
    "RESULT_FORMATS": "formats",
    "Accumulator": "config",
    "Format": "formats",
    "MacConfig": "config",
    "QuantizerConfig": "quantizer.config",
    "UserError": "errors",
    "generate": "verilog",
    "generate_quantizer": "verilog",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{_HOMES[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
