"""Conversion of the linear layers of a model."""

import copy
from collections.abc import Collection, Mapping
from fnmatch import fnmatchcase

from torch import nn

from mxmac.config import MacConfig
from mxmac.errors import UserError
from mxmac_sim.golden.quantize import Overflow, ScaleRule
from mxmac_sim.tensors.archives import listed

from .linear import MxLinear

__all__ = ["convert"]


def convert(
    model: nn.Module,
    config: MacConfig,
    *,
    rule: ScaleRule = ScaleRule.RCEIL,
    overflow: Overflow = Overflow.SAT,
    skip: Collection[str] = (),
    override: Mapping[str, MacConfig] | None = None,
    inplace: bool = False,
) -> nn.Module:
    """Replace the linear layers of a model by layers that compute as units do.

    Layers are those of the class ``nn.Linear`` itself: its subclasses may compute otherwise. A layer that a model has in two
    places is converted once, and so are weights that layers share.

    Parameters
    ----------
    model : nn.Module
    config : MacConfig
        Unit of all layers that have no other.
    rule : ScaleRule
    overflow : Overflow
        Of the quantization of activations and weights.
    skip : collection of str
        Names of layers that stay, or patterns such as ``"*.gate"``, as ``named_modules`` has them.
    override : mapping of str to MacConfig
        Units of layers with other ones, by names or patterns; the first that fits counts.
    inplace : bool
        Change the model, and not a copy.

    Returns
    -------
    nn.Module
        The model, or its converted copy; a new layer if the model is a linear layer itself.

    Raises
    ------
    UserError
        If a name or pattern fits no layer, or a configuration has several formats or an addend.
    """
    override = override or {}
    if not inplace:
        model = copy.deepcopy(model)
    layers = {name: module for name, module in model.named_modules() if type(module) is nn.Linear}
    for parameter, patterns in (("skip", skip), ("override", override)):
        for pattern in patterns:
            if not any(fnmatchcase(name, pattern) for name in layers):
                raise UserError(parameter, f"{pattern!r} fits no linear layer; there are {listed(list(layers))}")
    made = {}
    for name, layer in layers.items():
        if any(fnmatchcase(name, pattern) for pattern in skip):
            continue
        unit = next((unit for pattern, unit in override.items() if fnmatchcase(name, pattern)), config)
        made[layer] = MxLinear.of(layer, unit, rule=rule, overflow=overflow)
    for module in list(model.modules()):
        for name, child in module._modules.items():
            if child in made:
                module._modules[name] = made[child]
    return made.get(model, model)
