"""From Amaranth components to Verilog text and its manifest."""

from .design import Design, generate, generate_quantizer, manifest_path, write
from .names import VERILOG_SUFFIXES, check_top_name

__all__ = ["VERILOG_SUFFIXES", "Design", "check_top_name", "generate", "generate_quantizer", "manifest_path", "write"]
