"""What a proof covers."""

from enum import Enum

__all__ = ["Method"]


class Method(Enum):
    """What a proof covers."""

    #: All cycles from the given one on, for all contents of the registers: a feed-forward pipeline forgets them.
    ANY_STATE = "any state"
    #: All cycles after a reset: true for the first ones, and for any one after enough cycles for which it is true.
    INDUCTION = "induction"
    #: The given number of cycles after a reset, and no more.
    BOUNDED = "bounded"
    #: Two runs from one state, any, with other inputs in one cycle: which outputs and registers these inputs do not reach.
    INDEPENDENCE = "independence"
