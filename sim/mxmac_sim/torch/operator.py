"""Matrix products of the golden model as an operator of PyTorch."""

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mxmac.config import MacConfig
from mxmac.errors import UserError
from mxmac.formats import Format
from mxmac_sim.golden.model import matmul
from mxmac_sim.golden.quantize import Overflow, ScaleRule, quantize
from mxmac_sim.tensors import MxTensor, result_values
from mxmac_sim.tensors.deepseek import padded

__all__ = ["Arithmetic", "linear"]


@dataclass(frozen=True, kw_only=True)
class Arithmetic:
    """Unit of a layer, and how its operands are quantized.

    Parameters
    ----------
    config : MacConfig
        With one format a side and no addend.
    rule : ScaleRule
    overflow : Overflow

    Raises
    ------
    UserError
        If the configuration has several formats or an addend.
    """

    config: MacConfig
    rule: ScaleRule = ScaleRule.RCEIL
    overflow: Overflow = Overflow.SAT

    def __post_init__(self) -> None:
        for side in ("a", "b"):
            if len(formats := getattr(self.config, side)) > 1:
                names = ", ".join(fmt.name for fmt in formats)
                raise UserError(side, f"must be the one format of a layer, not {names}; layers may have different units")
        if self.config.addend is not None:
            raise UserError("addend", "must be left out: the bias of a layer is added to the results of the unit")

    @property
    def text(self) -> str:
        """The same as a string, which an operator takes."""
        facts = {"config": self.config.as_dict(), "rule": self.rule.value, "overflow": self.overflow.value}
        return json.dumps(facts, sort_keys=True)

    @classmethod
    @lru_cache
    def of(cls, text: str) -> "Arithmetic":
        """Return the arithmetic of a :attr:`text`."""
        facts: dict[str, Any] = json.loads(text)
        config = MacConfig.from_dict(facts["config"])
        return cls(config=config, rule=ScaleRule(facts["rule"]), overflow=Overflow(facts["overflow"]))

    @property
    def block(self) -> int:
        """Elements that share a scale."""
        return self.config.block

    def activations(self, x: torch.Tensor) -> MxTensor:
        """Quantize rows of the left operand."""
        return self._quantized(x, self.config.a[0])

    def weights(self, weight: torch.Tensor) -> MxTensor:
        """Quantize rows of the right operand."""
        return self._quantized(weight, self.config.b[0])

    def _quantized(self, x: torch.Tensor, fmt: Format) -> MxTensor:
        """Quantize a matrix, whose rows are filled with zeros to whole blocks: missing elements of a block count as zeros."""
        # FP32 holds all values of the narrower types; float64 is rounded to it, as the golden quantizer does.
        rows = padded(x.detach().to(torch.float32).numpy(), self.block)
        return quantize(rows, fmt, block=self.block, rule=self.rule, overflow=self.overflow)

    def product(self, a: MxTensor, b: MxTensor) -> NDArray[np.float32]:
        """Return the results of the unit for every row of ``a`` with every row of ``b``."""
        data, _ = matmul(a, b, self.config)
        return result_values(data, self.config.output).astype(np.float32)


@torch.library.custom_op("mxmac::linear", mutates_args=(), device_types="cpu")
def linear(x: torch.Tensor, weight: torch.Tensor, codes: torch.Tensor, scales: torch.Tensor, arithmetic: str) -> torch.Tensor:
    """Compute the products of a linear layer as a unit does.

    Parameters
    ----------
    x : Tensor of floats, shape (..., K)
        Activations.
    weight : Tensor of floats, shape (N, K)
        For the gradients only.
    codes : Tensor of uint8, shape (N, K filled to whole blocks)
        Element codes of the quantized weight.
    scales : Tensor of uint8, shape (N, blocks)
        UE8M0 codes.
    arithmetic : str
        :attr:`Arithmetic.text`.

    Returns
    -------
    Tensor of float32, shape (..., N)
        Results of the unit, which float32 holds in every format.
    """
    unit = Arithmetic.of(arithmetic)
    shape = (*x.shape[:-1], codes.shape[0])
    if 0 in (x.numel(), *shape):
        return torch.zeros(shape, dtype=torch.float32)
    a = unit.activations(x.reshape(-1, x.shape[-1]))
    b = MxTensor(codes.numpy(), scales.numpy(), unit.config.b[0], unit.block)
    return torch.from_numpy(unit.product(a, b)).reshape(shape)


@linear.register_fake
def _(x: torch.Tensor, weight: torch.Tensor, codes: torch.Tensor, scales: torch.Tensor, arithmetic: str) -> torch.Tensor:
    return x.new_empty((*x.shape[:-1], codes.shape[0]), dtype=torch.float32)


def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: torch.Tensor) -> None:
    x, weight, *_ = inputs
    ctx.save_for_backward(x, weight)


def _backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
    """Gradients of ``x @ weight.T``: quantization and rounding count as the identity (straight-through)."""
    x, weight = ctx.saved_tensors
    of_x = of_weight = None
    if ctx.needs_input_grad[0]:
        of_x = (grad @ weight.to(grad.dtype)).to(x.dtype)
    if ctx.needs_input_grad[1]:
        rows, columns = grad.reshape(-1, grad.shape[-1]), x.reshape(-1, x.shape[-1])
        of_weight = (rows.T @ columns.to(grad.dtype)).to(weight.dtype)
    return of_x, of_weight, None, None, None


linear.register_autograd(_backward, setup_context=_setup_context)
