"""What a source declares about itself: its documentation, the keys that it takes, the header fields that it writes.

Runs in a child process, for the code is executed to find out.
"""

from __future__ import annotations

import sys

from mailscan.errors import FilterError
from mailscan.keys import meant
from mailscan.own.fields import fields_of, taken
from mailscan.own.load import NotThere, load, made
from mailscan.own.source import Setting, Source
from mailscan.verdict import is_field_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any

_MOST_DOC = 10_000


def describe(source: Source, setting: Setting, places: list[str], *, fully: bool) -> dict[str, Any]:
    """All that can be known of a source before it sees mail, as plain data.

    A class is made with the keys that its rule has, so that it may refuse them: by a `ValueError`, which becomes
    "wrong". With `fully` it is also asked whether what judges can be called, for docs of each key, and for names that
    nothing defines. Raises `NotThere`, `FilterError`, and whatever the code does.
    """
    if source.entry or (source.module and not source.attribute):
        source = _resolved(source, setting, places)
    known = set(sys.modules) if fully else ()
    module, thing = load(source, places)
    told: dict[str, Any] = {
        "fields": [],
        "docs": {},
        "writes": _writes(module, thing, source.called),
        "doc": _doc(module, thing)[:_MOST_DOC],
        "module": source.module,
        "attribute": source.attribute,
        "file": source.path or str(getattr(module, "__file__", None) or ""),
        "wrong": "",
        "undefined": [],
    }
    if fully:
        from mailscan.own.names import undefined

        told["undefined"] = undefined(module, source, known, places)
    check = thing
    if isinstance(thing, type):
        if not callable(getattr(thing, "check", None)):
            raise FilterError(f"{source.called}: class {thing.__name__} has no method `check(self, mail, outside)`")
        told["fields"] = fields = fields_of(thing, setting.reserved, source.called)
        if fully:
            from mailscan.own.docs import field_docs

            told["docs"] = field_docs(thing)
        values = taken(fields, setting.keys, setting.folder)
        if values is None:
            return told  # whoever reads the keys says what is wrong with them
        try:
            check = made(thing, values)
        except ValueError as error:
            told["wrong"] = " ".join(str(error).split()) or f"class {thing.__name__} refuses these keys"
            return told
    if fully:
        import inspect

        signature = inspect.signature(check)
        try:
            signature.bind("mail", "outside")
        except TypeError:
            own = f"{thing.__name__}." if isinstance(thing, type) else ""
            wanted = f"check({'self, ' if own else ''}mail, outside)"
            raise FilterError(f"{source.called}: {own}check is called as `{wanted}`: write it so") from None
    return told


def _resolved(source: Source, setting: Setting, places: list[str]) -> Source:
    """The source with its dotted name: of the entry point that was meant, or of one that looks like a module's name."""
    from mailscan.own.installed import entry_points
    from mailscan.own.load import execute

    if source.module:
        try:
            execute(source, places)
        except NotThere:
            value = entry_points().get(source.module)
            if value is None:
                raise
        else:
            return source
    else:
        known = entry_points()
        value = known.get(source.entry)
        if value is None:
            raise NotThere(f"there is no filter '{source.entry}'{meant(source.entry, [*setting.built_in(), *known])}")
    module, _, attribute = value.partition(":")
    return Source(source.called, module=module, attribute=attribute)


def _writes(module: ModuleType, thing: object, called: str) -> list[str]:
    """The header fields that the code says it writes: `writes` of a class, or `WRITES` of its module."""
    said = getattr(thing, "writes", None) if isinstance(thing, type) else None
    if said is None:
        said = module.__dict__.get("WRITES", ())
    names = [said] if isinstance(said, str) else list(said)
    for name in names:
        if not isinstance(name, str) or not is_field_name(name.removesuffix("*")):
            raise FilterError(f"{called}: writes: {str(name)[:80]!r} cannot be the name of a header field")
    return names


def _doc(module: ModuleType, thing: object) -> str:
    """The documentation of a class or function, or else of its module."""
    import inspect

    doc = getattr(thing, "__doc__", None) or ""
    if isinstance(thing, type) and doc.startswith(f"{thing.__name__}("):
        doc = ""  # the signature, which `dataclasses` writes where nothing is said
    home = sys.modules.get(getattr(thing, "__module__", ""), module)
    if not isinstance(thing, type):
        return inspect.cleandoc(home.__doc__ or doc)
    return inspect.cleandoc(doc or home.__doc__ or "")
