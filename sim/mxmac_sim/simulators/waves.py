"""Save files of GTKWave, which show the ports of a waveform in order."""

from pathlib import Path

from vcd.gtkw import GTKWSave

from mxmac.files import written_whole

__all__ = ["write_save_file"]

#: Scopes in which Verilator has the ports of the top module, in order, before that module itself.
_PORTS = ("$rootio", "TOP")


def write_save_file(waves: Path) -> None:
    """Write a save file of GTKWave beside a waveform of Verilator: the same name, with the suffix ``.gtkw``.

    Parameters
    ----------
    waves : Path
        Value change dump.
    """
    with written_whole(waves.with_suffix(".gtkw")) as temporary, temporary.open("w") as file:
        save = GTKWSave(file)
        save.dumpfile(waves.name, abspath=False)
        for name in _ports(waves):
            save.trace(name, datafmt="hex" if name.endswith("]") else "bin")


def _ports(waves: Path) -> list[str]:
    """Return the names of the ports, as signals of the scope of the top module."""
    scopes: list[str] = []
    ports: list[str] = []
    with waves.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            words = line.split()
            if words[:1] == ["$scope"]:
                scopes.append(words[2])
                if ports:
                    # The first scope after that of the ports is the top module.
                    return [".".join([*scopes, port]) for port in ports]
            elif words[:1] == ["$upscope"]:
                scopes.pop()
            elif words[:1] == ["$var"] and scopes and scopes[-1] in _PORTS:
                ports.append("".join(words[4:-1]))
            elif words[:1] == ["$enddefinitions"]:
                break
    return []
