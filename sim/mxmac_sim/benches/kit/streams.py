"""Both ends of ready/valid streams, and the pauses they make.

Payloads are tuples of unsigned integers, one for each field. Time is counted in cycles: cycle ``n`` is what lies between
rising edges ``n`` and ``n + 1``, and a transfer of clock ``n`` happens at the edge that ends it.
"""

from collections.abc import Callable, Iterable, Sequence
from random import Random

from .ports import StreamPorts

__all__ = ["IDLE", "STALL", "Pause", "Sink", "Source", "never"]

_Item = tuple[int, ...]

#: Whether to pause for the coming clock, told whether the other side is waiting. It is asked anew each clock.
Pause = Callable[[bool], bool]


def never(_waiting: bool) -> bool:
    """Make no pause."""
    return False


def _some(rng: Random) -> Pause:
    return lambda _waiting: rng.random() < 0.5


def _bursts(rng: Random) -> Pause:
    left = [0, False]  # cycles left of this phase, and whether it is a pause

    def pause(_waiting: bool) -> bool:
        if not left[0]:
            left[0], left[1] = rng.randint(1, 24), not left[1]
        left[0] -= 1
        return bool(left[1])

    return pause


def _until_offered(_rng: Random) -> Pause:
    return lambda waiting: not waiting


#: Ways to offer items, by name; each makes its pauses with a generator of its own.
IDLE: dict[str, Callable[[Random], Pause]] = {"none": lambda _rng: never, "some": _some, "bursts": _bursts}
#: Ways to take them. A sink may also wait for an item before it is ready.
STALL = IDLE | {"until_offered": _until_offered}


class Source:
    """Offers items, and holds each until it is taken. Between them, payloads are random.

    Parameters
    ----------
    ports : StreamPorts
    rng : Random
    idle : Pause
    interval : int
        Least number of cycles from one transfer to the next.

    Members
    -------
    taken : list of int
        Clock of each transfer.
    """

    def __init__(self, ports: StreamPorts, rng: Random, *, idle: Pause = never, interval: int = 1):
        self._valid, self._ready, self._payload, self._widths = ports.valid, ports.ready, ports.payload, ports.widths
        self._rng, self._idle, self._interval = rng, idle, interval
        self._items: list[_Item] = []
        self._shown: list[int | None] = [None] * len(self._payload)
        self._valid_now: bool | None = None
        self._waiting = False
        self.taken: list[int] = []

    def queue(self, items: Iterable[_Item]):
        """Add items to be offered."""
        self._items.extend(items)

    def __len__(self) -> int:
        return len(self._items)

    @property
    def waiting(self) -> bool:
        """Whether an item is offered that was not taken so far."""
        return self._waiting

    @property
    def done(self) -> bool:
        """Whether everything has been taken."""
        return len(self.taken) == len(self._items)

    def drive(self, clock: int):
        """Drive the ports for this clock."""
        if self._waiting:
            return
        early = bool(self.taken) and clock - self.taken[-1] < self._interval
        offer = not (self.done or early or self._idle(False))
        if offer:
            self._show(self._items[len(self.taken)])
            self._waiting = True
        elif self._valid_now is not False:
            self._show([self._rng.getrandbits(width) for width in self._widths])
        if offer is not self._valid_now:
            self._valid.value = int(offer)
            self._valid_now = offer

    def _show(self, item: Sequence[int]):
        for index, packed in enumerate(self._payload):
            value = packed.pack(item, self._rng.getrandbits(packed.padding.bit_length()) if packed.padding else 0)
            if value != self._shown[index]:
                packed.port.value = value
                self._shown[index] = value

    def sample(self, clock: int):
        """See whether the item is taken at the end of this clock."""
        if self._waiting and (self._ready is None or int(self._ready.value)):
            self._waiting = False
            self.taken.append(clock)


class Sink:
    """Takes items, and sees to it that none changes or goes away while it is offered.

    Parameters
    ----------
    ports : StreamPorts
    on_item : callable
        Called with the number of each item, the item, and the clock in which it was first offered.
    stall : Pause
        Told whether an item is being offered.

    Raises
    ------
    AssertionError
        In ``sample``, if an item that was not taken is no longer offered, or is another.
    """

    def __init__(
        self,
        ports: StreamPorts,
        on_item: Callable[[int, _Item, int], None],
        *,
        stall: Pause = never,
    ):
        self._valid, self._ready, self._payload = ports.valid, ports.ready, ports.payload
        self._fields = len(ports.widths)
        self._on_item, self._stall = on_item, stall
        self._taking: bool | None = None if self._ready is not None else True
        self._held: tuple[_Item, int] | None = None
        self.taken: list[int] = []

    @property
    def waiting(self) -> bool:
        """Whether an item was offered that is not taken yet."""
        return self._held is not None

    def drive(self, _clock: int):
        """Drive the ready port for this clock."""
        if self._ready is None:
            return
        taking = not self._stall(self._held is not None)
        if taking is not self._taking:
            self._ready.value = int(taking)
            self._taking = taking

    def offered(self) -> _Item | None:
        """Return the item that is offered at this moment; None if there is none.

        Raises
        ------
        AssertionError
            If bits that belong to no field are not as they must be.
        """
        if not int(self._valid.value):
            return None
        fields = [0] * self._fields
        for packed in self._payload:
            packed.unpack(fields)
        return tuple(fields)

    def sample(self, clock: int):
        """Look at what is offered in this cycle."""
        item = self.offered()
        if item is None:
            assert self._held is None, f"an item went away at clock {clock} before it was taken"
            return
        if self._held is None:
            self._held = item, clock
        first, since = self._held
        assert item == first, f"an item changed at clock {clock} before it was taken, from {first} to {item}"
        if self._taking:
            self._held = None
            self.taken.append(clock)
            self._on_item(len(self.taken) - 1, item, since)
