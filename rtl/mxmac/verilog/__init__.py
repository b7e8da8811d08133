"""From Amaranth components to Verilog text, its manifest and its companion files."""

from .design import Design, generate, generate_from, generate_quantizer, manifest_path, write
from .manifest import manifest_schema
from .names import VERILOG_SUFFIXES, check_top_name

__all__ = [
    "VERILOG_SUFFIXES",
    "Design",
    "check_top_name",
    "generate",
    "generate_from",
    "generate_quantizer",
    "manifest_path",
    "manifest_schema",
    "write",
]
