"""Settings of benches, which run inside the simulator, in a process of its own."""

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any

from mxmac.config import MacConfig
from mxmac.quantizer.config import QuantizerConfig

__all__ = ["ANNOTATED", "Effort", "Settings", "config_from_dict", "environment_of", "settings_of"]

_VARIABLE = "MXMAC_BENCHES"
#: Parameter of a bench whose top module has signals for annotations.
ANNOTATED = "annotated"


class Effort(Enum):
    """How long benches run."""

    QUICK = "quick"
    NORMAL = "normal"
    THOROUGH = "thorough"

    def scaled(self, count: int) -> int:
        """Return how many random vectors to run where a normal run has ``count``."""
        return {Effort.QUICK: -(-count // 4), Effort.NORMAL: count, Effort.THOROUGH: 8 * count}[self]


def config_from_dict(parameters: dict[str, Any]) -> MacConfig | QuantizerConfig:
    """Return the configuration that ``MacConfig.as_dict`` or ``QuantizerConfig.as_dict`` describes.

    Raises
    ------
    KeyError, TypeError, UserError
        If it describes neither.
    """
    kind = QuantizerConfig if "from" in parameters else MacConfig
    return kind.from_dict(parameters)


@dataclass(frozen=True)
class Settings:
    """Parameters of one run of a bench.

    Members
    -------
    bench : str
        Its name in the catalogue.
    config : MacConfig or QuantizerConfig
    seed : int
        Of everything that is random in the run, from 0 up.
    effort : Effort
    parameters : dict
        What else the bench has to know of its top module: latencies in cycles, widths in bits.
    folder : Path
        Where report and progress are written.
    stop_after : int
        Mismatches after which the bench gives up.
    modules : tuple of str
        Names of the modules of its tests.
    prefix : str
        Prefix of the names of its ports, in a top module that several benches share.
    """

    bench: str
    config: MacConfig | QuantizerConfig
    seed: int
    effort: Effort
    parameters: dict[str, Any]
    folder: Path
    stop_after: int
    modules: tuple[str, ...]
    prefix: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return the members as JSON has them."""
        values = {"config": self.config.as_dict(), "effort": self.effort.value, "folder": str(self.folder.resolve())}
        return vars(self) | values

    @staticmethod
    def from_dict(values: dict[str, Any]) -> "Settings":
        """Return the settings that :meth:`as_dict` describes."""
        members = {
            "config": config_from_dict(values["config"]),
            "effort": Effort(values["effort"]),
            "folder": Path(values["folder"]),
            "modules": tuple(values["modules"]),
        }
        return Settings(**(values | members))


def environment_of(benches: Iterable[Settings]) -> dict[str, str]:
    """Return the environment variable that carries the settings of the benches of a simulation into it."""
    return {_VARIABLE: json.dumps([settings.as_dict() for settings in benches])}


@cache
def settings_of(module: str) -> Settings | None:
    """Return the settings of the bench in this process that a module has tests of; None if it has none."""
    benches = map(Settings.from_dict, json.loads(os.environ[_VARIABLE]))
    return next((settings for settings in benches if module in settings.modules), None)
