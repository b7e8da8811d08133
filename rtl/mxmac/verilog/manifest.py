"""The manifest of a unit: the facts about its Verilog, and the way back from them to the same text."""

import hashlib
import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from .. import __version__
from ..config import MacConfig
from ..errors import UserError, of_the_machine
from ..primitives.ports import Port, Role
from ..quantizer.config import QuantizerConfig

__all__ = ["KINDS", "Config", "Recipe", "command_line", "manifest_of", "manifest_schema", "read_recipe", "sha256_of"]

#: Parameters of a unit of either kind.
Config = MacConfig | QuantizerConfig
#: Kinds of units, by their configurations: each with the words of the command that makes it.
KINDS: Mapping[str, tuple[type[Config], str]] = {
    "mac": (MacConfig, "mxmac generate"),
    "quantizer": (QuantizerConfig, "mxmac generate quantizer"),
}
#: Version of the form of the manifest.
_SCHEMA = 1


def manifest_schema() -> dict[str, Any]:
    """Return the JSON schema of manifests (draft 2020-12)."""
    found: dict[str, Any] = json.loads(files(__package__).joinpath("manifest.schema.json").read_text())
    return found


def manifest_of(config: Config, top: str, ports: Mapping[str, Port], text: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the manifest of a unit, ready for JSON.

    Parameters
    ----------
    config : MacConfig or QuantizerConfig
    top : str
        Name of the top module.
    ports : mapping of str to Port
        All ports of the top module, clock and reset included, in order.
    text : str
        Verilog of the unit.
    facts : mapping
        Latency, rate and limits.
    """
    roles = {port.role: name for name, port in ports.items()}
    reset = ports[roles[Role.RESET]]
    return {
        "generator": "mxmac",
        "version": __version__,
        "schema": _SCHEMA,
        "command": command_line(config, top),
        "kind": _kind(config),
        "top": top,
        "config": config.parameters(),
        **facts,
        "clock": {"port": roles[Role.CLOCK], "edge": "rising"},
        "reset": {
            "port": roles[Role.RESET],
            "active": "low" if reset.active_low else "high",
            "synchronous": not reset.asynchronous,
        },
        "ports": [
            {
                "name": name,
                "direction": port.direction,
                "width": port.width,
                "role": port.role.value,
                "about": port.about,
                "fields": [{"name": field.name, "lsb": field.lsb, "width": field.width} for field in port.fields],
            }
            for name, port in ports.items()
        ],
        "sha256": sha256_of(text),
    }


def sha256_of(text: str) -> str:
    """Return the SHA-256 of a text in hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()


def _kind(config: Config) -> str:
    return next(name for name, (kind, _) in KINDS.items() if isinstance(config, kind))


def command_line(config: Config, top: str, suffix: str = ".v") -> str:
    """Return the command that makes a unit in the working directory: the parameters that count, as options."""
    words = shlex.split(KINDS[_kind(config)][1])
    for name, value in config.as_dict().items():
        words += [f"--{name}", ",".join(map(str, value)) if isinstance(value, list) else str(value)]
    return shlex.join([*words, "--top", top, "-o", f"{top}{suffix}"])


@dataclass(frozen=True)
class Recipe:
    """What a manifest says about the way to the same text.

    Members
    -------
    config : MacConfig or QuantizerConfig
    top : str
    sha256 : str
        SHA-256 of the text, in hexadecimal digits.
    """

    config: Config
    top: str
    sha256: str

    def check(self, text: str, path: Path) -> None:
        """Check that a text is the one that the manifest was written with.

        Raises
        ------
        UserError
            If it is not.
        """
        if sha256_of(text) != self.sha256:
            message = f"Its configuration does not give the text with its SHA-256, {self.sha256}; one of them was changed"
            raise UserError(str(path), message)


def read_recipe(path: Path) -> Recipe:
    """Read a manifest of this version of mxmac.

    Raises
    ------
    UserError
        If the file cannot be read, is no manifest, or was made by another version.
    """
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        if of_the_machine(error):
            raise
        raise UserError(
            str(path), f"Cannot be read: {error.strerror}; give a manifest that mxmac generate has written"
        ) from error
    except ValueError as error:  # neither UTF-8 nor JSON
        raise UserError(str(path), "This is not JSON; give a manifest that mxmac generate has written") from error
    if not isinstance(manifest, dict) or manifest.get("generator") != "mxmac":
        raise UserError(str(path), "This is not a manifest; give one that mxmac generate has written")
    if manifest.get("version") != __version__:
        made, here = manifest.get("version"), __version__
        message = f"Made by mxmac {made}, whose text may differ from that of mxmac {here}; run its command instead"
        raise UserError(str(path), f"{message}: {manifest['command']}" if "command" in manifest else message)
    return _recipe(manifest, path)


def _recipe(manifest: Mapping[str, Any], path: Path) -> Recipe:
    try:
        kind, _ = KINDS[manifest["kind"]]
        top, sha256, parameters = manifest["top"], manifest["sha256"], manifest["config"]
        if not (isinstance(top, str) and isinstance(sha256, str) and isinstance(parameters, dict)):
            raise TypeError("top and sha256 must be strings, and config an object")
        return Recipe(kind.from_dict(parameters), top, sha256)
    except KeyError as error:
        raise UserError(str(path), f"This manifest is incomplete: {error.args[0]} is missing or unknown") from error
    except (TypeError, UserError) as error:
        raise UserError(str(path), f"This manifest was changed: {error}") from error
