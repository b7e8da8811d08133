"""The classifier in the PyPI package magika (Apache-2.0), version 1.0.3: an ONNX file, read by onnx and run by onnxruntime."""

import hashlib
import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from mxmac.errors import UserError
from mxmac_sim.models.file_types import FileTypes

__all__ = ["load_wheel", "probabilities"]

_SHA256 = "fe2d2eb49c5f88a9e0a6c048e15d6ffdf86235519c2afc535044de433169ec8c"
_FOLDER = "magika/models/standard_v3_3/"
#: Prefix of the names of constants.
_PREFIXES = ("jax2tf_get_logits_/", "pjit_get_logits_/MagikaV2/")


def load_wheel(wheel: Path) -> FileTypes:
    """Load the classifier in a wheel of magika 1.0.3.

    Raises
    ------
    UserError
        If there is no such file, or its model is another one.
    """
    model, labels = _read(wheel)
    constants = {}
    for tensor in onnx.load_from_string(model).graph.initializer:
        name = tensor.name
        for prefix in _PREFIXES:
            name = name.removeprefix(prefix)
        constants[name.split(":")[0]] = onnx.numpy_helper.to_array(tensor)
    return FileTypes(constants, labels)


def probabilities(wheel: Path, features: Sequence[NDArray[np.int64]]) -> NDArray[np.float32]:
    """Return the probabilities of the labels that onnxruntime computes.

    Parameters
    ----------
    wheel : Path
        As for :func:`load_wheel`.
    features : sequence of ndarray of integers, shape (2048,)
        As :meth:`FileTypes.features` returns them.

    Returns
    -------
    ndarray of float32, shape (files, labels)
    """
    session = onnxruntime.InferenceSession(_read(wheel)[0])
    found: NDArray[np.float32] = session.run(None, {"bytes": np.stack(features).astype(np.int32)})[0]
    return found


def _read(wheel: Path) -> tuple[bytes, Any]:
    """Return the ONNX file and the labels."""
    if not wheel.is_file():
        raise UserError(str(wheel), "There is no such file; `pip download --no-deps magika==1.0.3` brings the wheel")
    with zipfile.ZipFile(wheel) as archive:
        model, config = archive.read(f"{_FOLDER}model.onnx"), archive.read(f"{_FOLDER}config.min.json")
    if hashlib.sha256(model).hexdigest() != _SHA256:
        raise UserError(str(wheel), f"This is not a wheel of magika 1.0.3, whose model has the SHA-256 {_SHA256}")
    return model, json.loads(config)["target_labels_space"]
