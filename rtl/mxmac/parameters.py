"""Normalisation and checks of parameters, in one place for every configuration.

A value of the wrong type raises :class:`TypeError`, a value that is not accepted :class:`~mxmac.errors.UserError`; both start
with the name of the parameter. Formats and choices are also accepted by name, in any case.
"""

import operator
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import TypeVar

from .errors import UserError
from .formats import MX_BLOCK, MX_FORMATS, Format

__all__ = [
    "FormatLike",
    "checked_blocks",
    "checked_choice",
    "checked_choices",
    "checked_format",
    "checked_formats",
    "checked_int",
    "mx_block",
    "plain_value",
]

#: Largest block, in elements.
BLOCK_MAX = 1024

#: A format, or its name.
FormatLike = Format | str

_Choice = TypeVar("_Choice", bound=Enum)
_Item = TypeVar("_Item")


def checked_int(parameter: str, value: object, low: int, high: int, *, unit: str = "", why: str = "") -> int:
    """Return an integer from ``low`` to ``high``.

    Parameters
    ----------
    parameter : str
        Name of the parameter.
    value : object
        Any integer, also of NumPy, but no bool.
    low, high : int
        Least and greatest value that is accepted.
    unit : str
        What the limits count.
    why : str
        Reason for the limits.

    Raises
    ------
    TypeError
        If the value is not an integer.
    UserError
        If it is out of range.
    """
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"{parameter} must be an integer, not {value!r}")
    number = operator.index(value)
    if not low <= number <= high:
        reason = f": {why}" if why else ""
        raise UserError(parameter, f"must be {low} to {high}{unit and ' '}{unit}, not {number}{reason}")
    return number


def checked_blocks(block: object, lanes: object) -> tuple[int, int]:
    """Return the elements of a block, and the lanes, which divide them.

    Raises
    ------
    TypeError
        If one of them is not an integer.
    UserError
        If a block is empty or has more than 1024 elements, or the lanes do not divide it.
    """
    block = checked_int("block", block, 1, BLOCK_MAX, unit="elements")
    lanes = checked_int("lanes", lanes, 1, block, unit=f"for a block of {block} elements")
    if block % lanes:
        raise UserError("lanes", f"must divide the block of {block} elements, which {lanes} does not")
    return block, lanes


def checked_format(
    parameter: str,
    value: object,
    table: Mapping[str, Format],
    *,
    block: int | None = None,
    block_parameter: str = "block",
) -> Format:
    """Return the format of ``table`` that ``value`` is or names.

    Parameters
    ----------
    parameter : str
        Name of the parameter.
    value : object
        A format or its name: the one in ``table``, or an MX name.
    table : mapping of str to Format
        Formats that are accepted.
    block : int, optional
        Elements of a block. An MX name stands for blocks of 32 elements and is refused with others.
    block_parameter : str
        Name of the parameter that gives ``block``.

    Raises
    ------
    TypeError
        If the value is neither a format nor a name.
    UserError
        If the table has no such format, an MX name stands for several formats, or its block is not ``block``.
    """
    if isinstance(value, Format):
        if table.get(value.name) == value:
            return value
        given = repr(value) if value.name in table else value.name
    elif isinstance(value, str):
        name = value.upper()
        if name in table:
            return table[name]
        if formats := [fmt for fmt in MX_FORMATS.get(name, ()) if fmt in table.values()]:
            return _mx_format(parameter, name, formats, block, block_parameter)
        given = repr(value)
    else:
        raise TypeError(f"{parameter} must be a format or its name, not {value!r}")
    mx = "; or an MX name, such as MXFP8" if any(fmt in table.values() for fmt in MX_FORMATS["MXFP8"]) else ""
    raise UserError(parameter, f"must be one of {', '.join(table)}, not {given}{mx}")


def mx_block(name: str | None) -> int | None:
    """Return the elements of a block that a name of a format implies: 32 for an MX name, None for any other."""
    return MX_BLOCK if name is not None and name.upper() in MX_FORMATS else None


def _mx_format(parameter: str, name: str, formats: list[Format], block: int | None, block_parameter: str) -> Format:
    """Return the one format that an MX name stands for."""
    if len(formats) > 1:
        single = " or ".join(f"{name}_{fmt.name}" for fmt in formats)
        raise UserError(parameter, f"must be {single}, not {name}, which stands for both")
    (fmt,) = formats
    if block not in (None, MX_BLOCK):
        raise UserError(block_parameter, f"must be {MX_BLOCK}, the block of {name}, not {block}; {fmt.name} takes any block")
    return fmt


def checked_formats(
    parameter: str, value: object, table: Mapping[str, Format], *, block: int | None = None
) -> tuple[Format, ...]:
    """Return formats, each at most once, as a tuple.

    Parameters
    ----------
    parameter, table, block
        As in :func:`checked_format`.
    value : object
        One format or name, or several in order.

    Raises
    ------
    TypeError
        If the value is not of these types.
    UserError
        If there is none, one is given twice, or :func:`checked_format` refuses one.
    """
    items = _items(parameter, value, (Format, str), "a format, its name, or a sequence of them")
    formats = tuple(checked_format(parameter, item, table, block=block) for item in items)
    return _distinct(parameter, formats, [fmt.name for fmt in formats], table)


def checked_choice(parameter: str, value: object, kind: type[_Choice]) -> _Choice:
    """Return the member of ``kind`` that ``value`` is or names.

    Raises
    ------
    TypeError
        If the value is neither a member nor a name.
    UserError
        If there is no such member.
    """
    if isinstance(value, kind):
        return value
    if not isinstance(value, str):
        raise TypeError(f"{parameter} must be a member of {kind.__name__} or its name, not {value!r}")
    names = [member.value for member in kind]
    if value.lower() not in names:
        raise UserError(parameter, f"must be one of {', '.join(names)}, not {value!r}")
    return kind(value.lower())


def checked_choices(parameter: str, value: object, kind: type[_Choice]) -> tuple[_Choice, ...]:
    """Return members of ``kind``, each at most once, as a tuple.

    Parameters
    ----------
    parameter : str
        Name of the parameter.
    value : object
        One member or name, or several in order.
    kind : type
        Enumeration whose values are names in lower case.

    Raises
    ------
    TypeError
        If the value is not of these types.
    UserError
        If there is none, one is given twice, or there is no such member.
    """
    items = _items(parameter, value, (kind, str), f"a member of {kind.__name__}, its name, or a sequence of them")
    members = tuple(checked_choice(parameter, item, kind) for item in items)
    return _distinct(parameter, members, [member.value for member in members], [member.value for member in kind])


def plain_value(value: object) -> object:
    """Return the value of a parameter as JSON and the command line have it: formats and choices by their names."""
    if isinstance(value, Format):
        return value.name
    if isinstance(value, Enum):
        return value.value
    return [plain_value(item) for item in value] if isinstance(value, tuple) else value


def _items(parameter: str, value: object, single: tuple[type, ...], accepted: str) -> tuple[object, ...]:
    """Return one item or several as a tuple. Sets are refused: their order, which becomes that of indices, is undefined."""
    if isinstance(value, single):
        return (value,)
    if not isinstance(value, Iterable) or isinstance(value, set | frozenset):
        raise TypeError(f"{parameter} must be {accepted}, not {value!r}")
    return tuple(value)


def _distinct(parameter: str, items: tuple[_Item, ...], names: list[str], accepted: Iterable[str]) -> tuple[_Item, ...]:
    if not items:
        raise UserError(parameter, f"must be at least one of {', '.join(accepted)}")
    if repeated := next((name for index, name in enumerate(names) if name in names[:index]), None):
        raise UserError(parameter, f"must have each of its choices once, not {repeated} twice")
    return items
