"""The configuration of Verilog that is given by a file: from options, or from the manifest beside it."""

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path

import typer

from mxmac.cli.mac_options import config_from
from mxmac.cli.sharing import given_options
from mxmac.config import MacConfig
from mxmac.verilog.manifest import Config

from ..verify.given import manifest_beside

__all__ = ["config_of_file"]

#: Options that describe a unit.
_UNIT = {f"--{name.replace('_', '-')}" for name in inspect.signature(config_from).parameters}


def config_of_file(
    context: typer.Context, make_config: Callable[[], MacConfig], verilog: Path
) -> tuple[Config | None, Mapping[str, int] | None]:
    """Return the configuration of a Verilog file, and what its manifest says about time and room for results.

    Parameters
    ----------
    context : typer.Context
        Of the command; if one of its options describes a unit, they all count, and not the manifest.
    make_config : callable
        Makes the configuration of the options.
    verilog : Path

    Returns
    -------
    config : MacConfig, QuantizerConfig or None
        None if there is neither an option nor a manifest.
    timing : mapping of str to int, or None
        Figures of the manifest; None with options.

    Raises
    ------
    UserError
        If an option or the manifest is not accepted.
    """
    if _UNIT & set(given_options(context)):
        return make_config(), None
    manifest = manifest_beside(verilog)
    return (None, None) if manifest is None else (manifest.config, manifest.timing)
