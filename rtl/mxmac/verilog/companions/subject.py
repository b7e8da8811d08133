"""The unit that companion files are about: its manifest, and the files that are written with it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Stream", "Subject"]

_Port = Mapping[str, Any]


@dataclass(frozen=True)
class Stream:
    """Ports of one stream.

    Members
    -------
    prefix : str
        Start of the names of its ports.
    valid, ready : str
        Names of ports.
    payload : tuple of dict
        Ports as in the manifest.
    """

    prefix: str
    valid: str
    ready: str
    payload: tuple[_Port, ...]

    def member(self, port: _Port) -> str:
        """Return the name of a port of the payload without that of the stream."""
        name: str = port["name"]
        return name.removeprefix(self.prefix)


@dataclass(frozen=True)
class Subject:
    """A unit and its files.

    Parameters
    ----------
    manifest : dict
    verilog : str
        Name of the Verilog file, without a folder.
    files : mapping of str to str
        Names of the companion files that are written with it, by their kinds.
    """

    manifest: Mapping[str, Any]
    verilog: str
    files: Mapping[str, str]

    @property
    def top(self) -> str:
        """Name of the top module."""
        top: str = self.manifest["top"]
        return top

    @property
    def made_by(self) -> str:
        """Generator and version."""
        return f"mxmac {self.manifest['version']}"

    @property
    def ports(self) -> tuple[_Port, ...]:
        """Ports in order, as in the manifest."""
        return tuple(self.manifest["ports"])

    @property
    def clock(self) -> str:
        """Name of the clock."""
        name: str = self.manifest["clock"]["port"]
        return name

    @property
    def reset(self) -> str:
        """Name of the reset."""
        name: str = self.manifest["reset"]["port"]
        return name

    @property
    def reset_levels(self) -> tuple[int, int]:
        """Levels of the reset: active and inactive."""
        return (0, 1) if self.manifest["reset"]["active"] == "low" else (1, 0)

    def stream(self, direction: str) -> Stream:
        """Return the stream whose payload is an input or an output."""
        valid = next(port["name"] for port in self.ports if port["role"] == "valid" and port["direction"] == direction)
        ready = next(port["name"] for port in self.ports if port["role"] == "ready" and port["direction"] != direction)
        prefix = valid[: valid.rfind("_") + 1]
        payload = tuple(port for port in self.ports if port["role"] == "data" and port["direction"] == direction)
        return Stream(prefix, valid, ready, payload)
