"""From Amaranth components to Verilog text and its manifest."""

from .design import Design, check_top_name, generate, generate_quantizer, manifest_path, write

__all__ = ["Design", "check_top_name", "generate", "generate_quantizer", "manifest_path", "write"]
