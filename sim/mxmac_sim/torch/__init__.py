"""PyTorch layers that compute as a unit does, bit for bit. They need the extra ``torch``."""

from mxmac.extras import missing_package

try:
    import torch as torch
except ModuleNotFoundError as error:
    if error.name != "torch":
        raise
    raise ModuleNotFoundError(missing_package("torch", "torch"), name="torch") from error

from .conversion import convert
from .linear import MxLinear

__all__ = ["MxLinear", "convert"]
