"""Reset that acts without a clock and ends with one."""

from amaranth.hdl import ClockDomain, ClockSignal, Module, ResetSignal, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..primitives.description import Description

__all__ = ["RELEASE_CLOCKS", "ResetSynchronizer"]

#: Rising edges after the end of an asynchronous reset at which the unit is still reset.
RELEASE_CLOCKS = 2


class ResetSynchronizer(wiring.Component):
    """Synchronous end of an asynchronous reset: two flip-flops that the reset sets, and that a zero then passes through.

    They also start set, so that devices whose registers have initial values reset the unit when they are configured.

    Members
    -------
    asserted : In(1)
        The reset as it comes in, active high.
    held : Out(1)
        High at once with ``asserted``, and low from the ``RELEASE_CLOCKS``-th rising edge after it on.
    """

    asserted: In(1)
    held: Out(1)

    @property
    def description(self) -> Description:
        return Description(
            "Synchronous end of an asynchronous reset. held rises at once with asserted, "
            f"and falls at rising edge {RELEASE_CLOCKS} after its end."
        )

    def elaborate(self, platform):
        m = Module()
        m.domains.release = ClockDomain("release", async_reset=True, local=True)
        m.d.comb += [ClockSignal("release").eq(ClockSignal()), ResetSignal("release").eq(self.asserted)]
        stage: Signal | None = None
        for index in range(RELEASE_CLOCKS):
            following = Signal(init=1, name=f"stage{index}")
            m.d.release += following.eq(0 if stage is None else stage)
            stage = following
        m.d.comb += self.held.eq(stage)
        return m
