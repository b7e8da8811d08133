"""A language model of two small blocks with random weights, as a GGUF file."""

from pathlib import Path

import numpy as np
from gguf import GGUFWriter
from tokenizers.pre_tokenizers import ByteLevel

__all__ = ["HEADS", "LAYERS", "SHARED_HEADS", "SIZE", "write_tiny_model"]

LAYERS, HEADS, SHARED_HEADS, SIZE, HIDDEN = 2, 4, 2, 16, 96
_SPECIAL = ["<unknown>", "<start>", "<end>"]


def write_tiny_model(path: Path):
    """Write a model whose tokens are bytes and one pair of them, "he"."""
    tokens = [*_SPECIAL, *sorted(ByteLevel.alphabet()), "he"]
    width, shared = HEADS * SIZE, SHARED_HEADS * SIZE
    rng = np.random.default_rng(1)
    writer = GGUFWriter(path, "llama")
    writer.add_block_count(LAYERS)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(SHARED_HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10000.0)
    writer.add_token_list(tokens)
    writer.add_token_merges(["h e"])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    shapes = {"token_embd": (len(tokens), width), "output_norm": (width,)}
    for layer in range(LAYERS):
        shapes |= {f"blk.{layer}.{name}": (width,) for name in ("attn_norm", "ffn_norm")}
        shapes |= {f"blk.{layer}.{name}": (width, width) for name in ("attn_q", "attn_output")}
        shapes |= {f"blk.{layer}.{name}": (shared, width) for name in ("attn_k", "attn_v")}
        shapes |= {f"blk.{layer}.{name}": (HIDDEN, width) for name in ("ffn_gate", "ffn_up")}
        shapes[f"blk.{layer}.ffn_down"] = (width, HIDDEN)
    for name, shape in shapes.items():
        weights = rng.normal(size=shape) / (shape[-1] ** 0.5 if len(shape) > 1 else 1)
        writer.add_tensor(f"{name}.weight", weights.astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
