"""What a component does and how long it takes: the text of the comment above its module in generated Verilog."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from amaranth.lib import data

__all__ = ["Description"]


@dataclass(frozen=True)
class Description:
    """Purpose and latency of a component. Each component of a unit has one as its property ``description``.

    Parameters
    ----------
    purpose : str
        Sentences in ASCII.
    latency : int or (int, int), optional
        Cycles, or the least and the largest number of them; 0 if the component is combinational. Absent if ``purpose``
        states it.
    since : str
        Event from which the latency counts, with its preposition; empty if it counts from the inputs.
    renamed : mapping of str to str or data.Layout
        Members that are ports under another name in the text, by that name: the member, or the layout of several that are
        one port. Amaranth names an input after a signal inside the module, which may be that of a submodule or a memory.
    """

    purpose: str
    latency: int | tuple[int, int] | None = None
    since: str = ""
    renamed: Mapping[str, str | data.Layout] = field(default_factory=dict)

    @property
    def timing(self) -> str:
        """Latency as a sentence; empty if there is none."""
        if self.latency is None:
            return ""
        if self.latency == 0:
            return "Combinational."
        least, most = self.latency if isinstance(self.latency, tuple) else (self.latency, self.latency)
        cycles = f"{least} cycle{'s' * (least > 1)}" if least == most else f"{least} to {most} cycles"
        return f"Latency: {cycles} {self.since}".rstrip() + "."
