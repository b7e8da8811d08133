"""Components that a design has many of, such as lanes: elaborated once, and instantiated."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable

from amaranth.hdl import Elaboratable, Fragment
from amaranth.lib import wiring

__all__ = ["Library", "shared"]


class Library(ABC):
    """Platform that elaborates equal components once.

    It is the platform of elaborations that become Verilog text. On any other platform, every component is elaborated in full.
    """

    @abstractmethod
    def instance(self, component: wiring.Component, key: Hashable, elaborate: Callable[[], Elaboratable]) -> Fragment:
        """Return an instance of the module that all components of the same class and ``key`` share.

        ``elaborate`` elaborates the component in full, which happens for the first of them. Others may be shared inside it.
        """


def shared(
    platform: object, component: wiring.Component, key: Hashable, elaborate: Callable[[], Elaboratable]
) -> Elaboratable | Fragment:
    """Return the elaboration of a component: an instance if the platform is a library.

    Parameters
    ----------
    platform : object
        Argument of the component's ``elaborate``.
    component : wiring.Component
    key : hashable
        All parameters of the component.
    elaborate : callable
        Elaborates the component in full.
    """
    return platform.instance(component, key, elaborate) if isinstance(platform, Library) else elaborate()
