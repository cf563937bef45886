"""The annotated fields of somebody's class, and the keys of a rule that come of them."""

from __future__ import annotations

import sys

from mailscan.errors import FilterError
from mailscan.keys import Option, Table, flag, number, read_keys, text, texts, whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    # A field as plain data: name, kind (of `KINDS`), whether it may be None, whether it must be given, default.
    Described = tuple[str, str, bool, bool, object]

KINDS = {"str": text, "int": whole, "float": number, "bool": flag, "list[str]": texts, "tuple[str, ...]": texts}
_PLAIN = {str: "str", int: "int", float: "float", bool: "bool"}
_WANTED = "str, int, float, bool, list[str], tuple[str, ...], or one of these `| None`"
_NOTHING = object()


def options(fields: Iterable[Described], docs: Mapping[str, str] | None = None) -> dict[str, Option]:
    """The keys that the fields are, with docs where they are known."""
    return {
        name: Option(KINDS[kind], default, (docs or {}).get(name, ""), required=required)
        for name, kind, _, required, default in fields
    }


def taken(fields: Iterable[Described], raw: Mapping[str, object], folder: str) -> dict[str, object] | None:
    """The values that a rule gives the fields, each of its field's type; None if there is a mistake among them."""
    described = list(fields)
    kind = type("Keys", (Table,), {"declared_keys": options(described)})
    values, mistakes = read_keys(kind, raw, folder)
    if mistakes or any(required and name not in values for name, _, _, required, _ in described):
        return None
    return {name: as_field(kind, values[name]) for name, kind, *_ in described if name in values}


def as_field(kind: str, value: object) -> object:
    """A value as `keys` reads it, in the type that the field has."""
    return list(value) if kind == "list[str]" else value  # type: ignore[call-overload]


def fields_of(cls: type, reserved: tuple[str, ...], called: str) -> list[Described]:
    """The fields of a class, inherited ones first. Raises `FilterError` for one that cannot be a key.

    A field is an annotated attribute, or what `dataclasses` says is one; names beginning with `_` are the class's own.
    """
    found: dict[str, Described] = {}
    where = f"{called}: class {cls.__name__}"
    given = _of_dataclass(cls)
    for base in reversed(cls.__mro__):
        for name, annotation in getattr(base, "__annotations__", {}).items():
            if name.startswith("_") or name == "writes" or (given is not None and name not in given):
                continue
            described = _kind(annotation, base, f"{where}: `{name}`")
            if described is None:
                continue
            if name in reserved:
                raise FilterError(f"{where}: a field cannot be called `{name}`: every rule has a key of that name")
            kind, may_be_none = described
            default = given[name] if given is not None else _plain_default(cls, name)
            if default is not _NOTHING and not _fits(default, kind, may_be_none):
                raise FilterError(f"{where}: `{name}` is {kind}, and its default {repr(default)[:60]} is not")
            none = default is _NOTHING
            found[name] = (name, kind, may_be_none, none, None if none else _data(default))
    return list(found.values())


def _of_dataclass(cls: type) -> dict[str, object] | None:
    """The fields of a dataclass that its `__init__` takes, with their defaults; None for any other class."""
    if "__dataclass_fields__" not in vars(cls):
        return None
    dataclasses = sys.modules["dataclasses"]
    found: dict[str, object] = {}
    for one in dataclasses.fields(cls):
        if one.init:
            found[one.name] = _NOTHING
            if one.default is not dataclasses.MISSING:
                found[one.name] = one.default
            elif one.default_factory is not dataclasses.MISSING:
                found[one.name] = one.default_factory()
    return found


def _plain_default(cls: type, name: str) -> object:
    default = getattr(cls, name, _NOTHING)
    return _NOTHING if type(default).__name__ == "member_descriptor" else default  # a slot


def _kind(annotation: Any, base: type, where: str) -> tuple[str, bool] | None:
    """(what of `KINDS` an annotation says, whether None too); None for a ClassVar. Without an import of `typing`."""
    if isinstance(annotation, str):
        try:
            annotation = eval(annotation, dict(vars(sys.modules[base.__module__])), dict(vars(base)))
        except Exception as error:  # noqa: BLE001 - it is any expression
            raise FilterError(f"{where}: its type cannot be read: {error}") from None
    if str(annotation).startswith(("typing.ClassVar", "typing.Final")):
        return None
    may_be_none = False
    arguments = getattr(annotation, "__args__", ())
    if type(None) in arguments and len(arguments) == 2:
        may_be_none = True
        (annotation,) = (one for one in arguments if one is not type(None))
        arguments = getattr(annotation, "__args__", ())
    origin = getattr(annotation, "__origin__", None)
    if origin is list and arguments == (str,):
        return "list[str]", may_be_none
    if origin is tuple and arguments == (str, ...):
        return "tuple[str, ...]", may_be_none
    if isinstance(annotation, type) and annotation in _PLAIN:
        return _PLAIN[annotation], may_be_none
    shown = annotation.__name__ if isinstance(annotation, type) and origin is None else str(annotation)
    raise FilterError(f"{where}: its type is {shown[:80]}, which a policy cannot give; use {_WANTED}")


def _fits(default: object, kind: str, may_be_none: bool) -> bool:
    if default is None:
        return may_be_none
    if kind in ("list[str]", "tuple[str, ...]"):
        return type(default).__name__ == kind.partition("[")[0] and all(isinstance(one, str) for one in default)  # type: ignore[attr-defined]
    allowed = {"str": str, "int": int, "float": (int, float), "bool": bool}[kind]
    return isinstance(default, allowed) and (kind == "bool") == isinstance(default, bool)  # type: ignore[arg-type]


def _data(default: object) -> object:
    """A default as data that can be sent, and as `keys` would have read it."""
    if isinstance(default, (list, tuple)):
        return tuple(map(str, default))
    for kind in (bool, int, float, str):
        if isinstance(default, kind):
            return kind(default)
    return None
