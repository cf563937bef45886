"""How the values of a policy file are read: one small reader for each kind of value.

A reader takes the value as TOML gave it and the folder that relative paths start from. It returns what the
program works with, or raises `ValueError` with what would have been right; the policy adds file, table and key.
Wherever a list of strings is wanted, one string is a list of one, and an item `file:PATH` stands for the lines of
that file (UTF-8, one item a line, blank lines and lines beginning with `#` left out).
"""

from __future__ import annotations

import os

from mailscan.trusted import read_trusted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, TypeVar

    T = TypeVar("T")
    M = TypeVar("M", bound="Table")
    Reader = Callable[[object, str], T]


# What a whole number is at most, on either side of 0.
MOST_WHOLE = 10**12


class Option:
    """One key of a table: how its value is read, what it is when absent, and a line about it for people.

    With `required` it must be there.
    """

    __slots__ = ("read", "default", "doc", "required")

    def __init__(self, read: Reader[Any], default: Any, doc: str, *, required: bool = False) -> None:
        self.read = read
        self.default = default
        self.doc = doc
        self.required = required


def option(read: Reader[T], default: T | tuple[()], doc: str) -> T:
    """Declare a key as a class attribute: `local_parts = option(texts, (), "…")`. Instances hold the value."""
    return Option(read, default, doc)  # type: ignore[return-value]


def optional(read: Reader[T], doc: str) -> T | None:
    """Declare a key that is None when the policy does not say it."""
    return Option(read, None, doc)  # type: ignore[return-value]


def options_of(cls: type) -> dict[str, Option]:
    """The keys that a class declares, by name, in the order of declaration, inherited ones first."""
    found: dict[str, Option] = {}
    for parent in reversed(cls.__mro__):
        found.update((name, value) for name, value in vars(parent).items() if isinstance(value, Option))
    found.update(getattr(cls, "declared_keys", {}))
    return found


class Table:
    """A table of the policy file. Subclasses declare its keys with `option`; instances hold the values."""

    # Keys that become known only as the program runs, beside those that are attributes.
    declared_keys: Mapping[str, Option] = {}

    def __init__(self, values: Mapping[str, object]) -> None:
        """Take values already read by the keys' readers; the other keys get their defaults.

        Raises `ValueError` (from `prepare`) with what would have been right.
        """
        for name, one in options_of(type(self)).items():
            setattr(self, name, values.get(name, one.default))
        self.prepare()

    def prepare(self) -> None:
        """Check the keys against each other and make ready what every mail needs. Raises `ValueError`."""


def read_keys(
    kind: type[Table], raw: Mapping[str, object], folder: str, also: tuple[str, ...] = ()
) -> tuple[dict[str, object], list[tuple[str, str]]]:
    """(the values of a table's keys, each mistake as key and text). Keys in `also` are somebody else's."""
    known = options_of(kind)
    values: dict[str, object] = {}
    mistakes: list[tuple[str, str]] = []
    for key, value in raw.items():
        if key in known:
            try:
                values[key] = known[key].read(value, folder)
            except ValueError as error:
                mistakes.append((key, f"{key}: {error}"))
        elif key not in also:
            mistakes.append((key, f"unknown key '{key}'{meant(key, [*known, *also]) if len(mistakes) < 20 else ''}"))
    return values, mistakes


def table(kind: type[M]) -> Reader[M]:
    """A reader for a table inside a table."""

    def read(value: object, folder: str) -> M:
        if not isinstance(value, dict):
            raise ValueError(f"a table is wanted, not {_name(value)}")
        values, mistakes = read_keys(kind, value, folder)
        if mistakes:
            raise ValueError(mistakes[0][1])
        return kind(values)

    read.__doc__ = "a table: " + ", ".join(options_of(kind))
    return read


def meant(word: str, words: list[str]) -> str:
    """The end of a sentence about an unknown word: the known one that it resembles, or all of them."""
    return resembling(word, words) or f"; known are {', '.join(words)}"


def resembling(word: str, words: list[str]) -> str:
    """The end of a sentence about an unknown word, where a known one resembles it; else ""."""
    import difflib

    close = difflib.get_close_matches(word[:50], words, 1)
    return f"; did you mean '{close[0]}'?" if close else ""


def text(value: object, folder: str) -> str:
    """a string"""
    if not isinstance(value, str):
        raise ValueError(f"a string is wanted, not {_name(value)}")
    return value


def texts(value: object, folder: str) -> tuple[str, ...]:
    """a list of strings"""
    items = [value] if isinstance(value, str) else value
    if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        raise ValueError(f"a list of strings is wanted, not {_name(value)}")
    lines: list[str] = []
    for item in items:
        lines.extend(_lines(item[5:], folder) if item.startswith("file:") else [item])
    if not all(lines):
        raise ValueError("an empty string in a list matches nothing; leave it out")
    return tuple(lines)


def flag(value: object, folder: str) -> bool:
    """true or false"""
    if not isinstance(value, bool):
        raise ValueError(f"true or false is wanted, not {_name(value)}")
    return value


def number(value: object, folder: str) -> float:
    """a number"""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != value:
        raise ValueError(f"a number is wanted, not {_name(value)}")
    if abs(value) > 1e9:
        raise ValueError(f"a number from -1e9 to 1e9 is wanted, not {_name(value)}")
    return float(value)


def count(value: object, folder: str) -> int:
    """a whole number, 0 or more"""
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"a whole number, 0 or more, is wanted, not {_name(value)}")
    if value > MOST_WHOLE:
        raise ValueError(f"a whole number from 0 to {MOST_WHOLE} is wanted, not {_name(value)}")
    return value


def whole(value: object, folder: str) -> int:
    """a whole number"""
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"a whole number is wanted, not {_name(value)}")
    if abs(value) > MOST_WHOLE:
        raise ValueError(f"a whole number from -{MOST_WHOLE} to {MOST_WHOLE} is wanted, not {_name(value)}")
    return value


def seconds(value: object, folder: str) -> float:
    """seconds, more than 0 and at most 3600"""
    number_of = number(value, folder)
    if not 0 < number_of <= 3600:
        raise ValueError(f"seconds are wanted, more than 0 and at most 3600, not {_name(value)}")
    return number_of


_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}


def size(value: object, folder: str) -> int:
    """a number of octets, or a size as "1 MB" (B, kB, MB, GB, KiB, MiB, GiB)"""
    if isinstance(value, str):
        digits = value.strip().rstrip("BKMGIbkmgi \t")
        unit = value.strip()[len(digits) :].strip().upper()
        try:
            number_of = float(digits)
            if unit in _UNITS and 0 <= number_of < 1e12:
                return int(number_of * _UNITS[unit])
        except ValueError:
            pass
    elif isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise ValueError(f'a size is wanted, a number of octets or text as "1 MB", not {_name(value)}')


def choice(*words: str) -> Reader[str]:
    """A reader for one of some words."""

    def read(value: object, folder: str) -> str:
        if value not in words or not isinstance(value, str):
            raise ValueError(f"one of {', '.join(words)} is wanted, not {_name(value)}")
        return value

    read.__doc__ = "one of " + ", ".join(words)
    return read


def choices(*words: str) -> Reader[tuple[str, ...]]:
    """A reader for a list of some of these words."""

    def read(value: object, folder: str) -> tuple[str, ...]:
        chosen = texts(value, folder)
        for word in chosen:
            if word not in words:
                raise ValueError(f"{_name(word)} is none of {', '.join(words)}")
        return chosen

    read.__doc__ = "a list of some of " + ", ".join(words)
    return read


def many(read_item: Callable[[str], T], expects: str) -> Reader[tuple[T, ...]]:
    """A reader for a list of strings, each turned into something by `read_item`, which may raise `ValueError`."""

    def read(value: object, folder: str) -> tuple[T, ...]:
        return tuple(read_item(item) for item in texts(value, folder))

    read.__doc__ = expects
    return read


def _lines(path: str, folder: str) -> list[str]:
    path = os.path.join(folder, os.path.expanduser(path))
    try:
        stripped = [line.strip() for line in read_trusted(path).decode("utf-8").splitlines()]
    except UnicodeDecodeError as error:
        raise ValueError(f"the list {path} is not UTF-8 text (octet {error.start})") from None
    return [line for line in stripped if line and not line.startswith("#")]


def _name(value: object) -> str:
    """A value as a person wrote it in TOML, short."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list) and not all(isinstance(item, (str, int, float)) for item in value):
        return "a list of other things"
    shown = repr(value).replace("'", '"') if isinstance(value, (str, list)) else str(value)
    return shown if len(shown) <= 60 else shown[:57] + "…"
