"""VHDL: a package with the component of a unit, and a template of an instance."""

from collections.abc import Iterable

from .subject import Subject

__all__ = ["vhdl"]


def vhdl(subject: Subject) -> str:
    """Return a package with the component, and an entity with an instance of it to copy from (VHDL-93 and later)."""
    top, ports = subject.top, subject.ports
    width = max(len(port["name"]) for port in ports)
    declared = [
        f"{port['name']:<{width}} : {'in ' if port['direction'] == 'input' else 'out'} {_type(port['width'])}" for port in ports
    ]
    connected = [f"{port['name']:<{width}} => {port['name']}" for port in ports]
    return f"""-- {top} in VHDL, made by {subject.made_by}: a package with its component, and a template of an instance.
-- The unit itself is the Verilog file {subject.verilog}.

library ieee;
use ieee.std_logic_1164.all;

package {top}_pkg is
  component {top} is
    port (
{_list(declared, ";", 6)}
    );
  end component;
end package;

-- Template: copy the instance, and connect it to signals of your design.

library ieee;
use ieee.std_logic_1164.all;
use work.{top}_pkg.all;

entity {top}_instance is
  port (
{_list(declared, ";", 4)}
  );
end entity;

architecture template of {top}_instance is
begin
  unit_inst : {top}
    port map (
{_list(connected, ",", 6)}
    );
end architecture;
"""


def _type(width: int) -> str:
    return "std_logic" if width == 1 else f"std_logic_vector({width - 1} downto 0)"


def _list(lines: Iterable[str], separator: str, indent: int) -> str:
    return f"{separator}\n".join(" " * indent + line for line in lines)
