"""Settings of a bench, which runs inside the simulator, in a process of its own."""

import json
import os
from dataclasses import dataclass
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any

from mxmac.config import MacConfig
from mxmac.quantizer.config import QuantizerConfig

__all__ = ["ANNOTATED", "Effort", "Settings", "config_from_dict"]

_VARIABLE = "MXMAC_BENCH"
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
    """

    bench: str
    config: MacConfig | QuantizerConfig
    seed: int
    effort: Effort
    parameters: dict[str, Any]
    folder: Path
    stop_after: int

    def environment(self) -> dict[str, str]:
        """Return the environment variable that carries the settings into the simulator."""
        values = {
            "bench": self.bench,
            "config": self.config.as_dict(),
            "seed": self.seed,
            "effort": self.effort.value,
            "parameters": self.parameters,
            "folder": str(self.folder.resolve()),
            "stop_after": self.stop_after,
        }
        return {_VARIABLE: json.dumps(values)}

    @staticmethod
    @cache
    def from_environment() -> "Settings":
        """Return the settings of the run that this process is."""
        values = json.loads(os.environ[_VARIABLE])
        return Settings(
            bench=values["bench"],
            config=config_from_dict(values["config"]),
            seed=values["seed"],
            effort=Effort(values["effort"]),
            parameters=values["parameters"],
            folder=Path(values["folder"]),
            stop_after=values["stop_after"],
        )
