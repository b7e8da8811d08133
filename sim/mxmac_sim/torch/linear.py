"""Linear layer of PyTorch with the products of a unit."""

from typing import Any

import torch
from torch import nn

from mxmac.config import MacConfig
from mxmac.errors import UserError
from mxmac_sim.golden.quantize import Overflow, ScaleRule

from .operator import Arithmetic, linear

__all__ = ["MxLinear"]


class MxLinear(nn.Linear):
    """Linear layer that computes ``x @ weight.T`` exactly as a unit does, and adds the bias to that.

    Activations are quantized in every call. The weight is quantized once, and again after it changed in place, as by an
    optimizer or ``load_state_dict``. K that is not a multiple of the block is filled with zeros, as a unit does with a block
    that ``in_last`` ends early.

    Results of the unit are float32 numbers. The bias is added to them in float32, outside the unit, and the sum is rounded to
    the type of ``x``. The gradient is that of ``nn.Linear`` at the same ``x`` and ``weight`` (straight-through).

    Parameters
    ----------
    in_features, out_features : int
    bias : bool
    device : optional
        The CPU, or ``"meta"``; call :meth:`requantize` once a weight of the latter has values.
    dtype : optional
        Of weight and bias.
    config : MacConfig
        Unit, with one format a side and no addend: activations are the operand a, weights b.
    rule : ScaleRule
    overflow : Overflow
        Of the quantization of activations and weights.

    Raises
    ------
    UserError
        If the configuration has several formats or an addend; in a call, if ``x`` has another K or is not on the CPU.
    """

    codes: torch.Tensor
    scales: torch.Tensor

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        config: MacConfig,
        rule: ScaleRule = ScaleRule.RCEIL,
        overflow: Overflow = Overflow.SAT,
    ) -> None:
        super().__init__(in_features, out_features, bias, device, dtype)
        self.arithmetic = Arithmetic(config=config, rule=rule, overflow=overflow)
        self._text = self.arithmetic.text
        blocks = -(-in_features // config.block)
        for name, columns in (("codes", blocks * config.block), ("scales", blocks)):
            # Not persistent: a checkpoint has the weight, from which they follow.
            self.register_buffer(name, torch.zeros(out_features, columns, dtype=torch.uint8), persistent=False)
        self._quantized = (0, -1)
        self.requantize()

    @classmethod
    def of(
        cls,
        layer: nn.Linear,
        config: MacConfig,
        *,
        rule: ScaleRule = ScaleRule.RCEIL,
        overflow: Overflow = Overflow.SAT,
    ) -> "MxLinear":
        """Return a layer with the weight and bias of another one: the same parameters, not copies.

        Parameters and errors are those of the class.
        """
        made = cls(
            layer.in_features, layer.out_features, bias=False, device="meta", config=config, rule=rule, overflow=overflow
        )
        made.weight, made.bias = layer.weight, layer.bias
        made.train(layer.training)
        made.requantize()
        return made

    def requantize(self) -> None:
        """Quantize the weight. Calls do so by themselves, but for compiled ones."""
        if self.weight.numel() and not self.weight.is_meta:
            tensor = self.arithmetic.weights(self.weight)
            self.codes, self.scales = torch.from_numpy(tensor.elements), torch.from_numpy(tensor.scales)
        self._quantized = self._state()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Compute the layer, for ``x`` of shape (..., K); the result has the shape (..., N) and the type of ``x``."""
        if x.shape[-1] != self.in_features:
            raise UserError("x", f"must have the shape (..., {self.in_features}), not {tuple(x.shape)}")
        if x.device.type not in ("cpu", "meta"):
            raise UserError("x", f"must be on the CPU, where the golden model computes, not on {x.device}")
        if not torch.compiler.is_compiling() and self._quantized != self._state():
            self.requantize()
        y = linear(x, self.weight, self.codes, self.scales, self._text)
        if self.bias is not None:
            y = y + self.bias.to(torch.float32)
        return y.to(x.dtype)

    def extra_repr(self) -> str:
        """Return the text of the printed layer."""
        unit = self.arithmetic
        config = unit.config
        facts = config.as_dict() | {"a": config.a[0].name, "b": config.b[0].name, "rule": unit.rule.value}
        facts |= {"overflow": unit.overflow.value}
        return ", ".join([super().extra_repr(), *(f"{name}={value}" for name, value in facts.items() if name != "lanes")])

    def _state(self) -> tuple[int, int]:
        """Where the data of the weight are, and how often they were changed in place."""
        return self.weight.data_ptr(), self.weight._version
