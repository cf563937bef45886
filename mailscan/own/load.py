"""Python of somebody's own executed, and what in it judges mail: a function `check`, or a class with such a method.

All of this runs in a child process only.
"""

from __future__ import annotations

import os
import sys

from mailscan.errors import FilterError
from mailscan.keys import resembling

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from mailscan.own.source import Source


class NotThere(FilterError):
    """What `use` names does not exist: a mistake in the policy, and no failure of the code."""


def load(source: Source, places: list[str]) -> tuple[ModuleType, Callable[..., object]]:
    """(the module, its function or class that judges mail). Raises `NotThere`, `FilterError`, and what the code does.

    Where its files lie is added to `places` before any of them runs: how their paths begin.
    """
    module = execute(source, places)
    if source.attribute:
        return module, _named(module, source)
    check = module.__dict__.get("check")
    if callable(check):
        return module, check
    classes = _classes(module)
    if len(classes) == 1:
        return module, classes[0]
    if classes:
        names = " and ".join(f"`{one.__name__}`" for one in classes)
        raise FilterError(f"{source.called}: has the classes {names}; say which: `:{classes[0].__name__}` behind `use`")
    known = [name for one in (module, *vars(module).values()) if _is_of(one, module) for name in vars(one)]
    without = "has no function `check(mail, outside)`, and no class with a method of that name"
    without += resembling("check", known)
    if not source.path:
        raise NotThere(f"there is no filter '{source.called}': the module {without}")
    raise FilterError(f"{source.called}: {without}")


def execute(source: Source, places: list[str]) -> ModuleType:
    """Execute the source as a module. The current directory is not on the path while it runs, nor afterwards."""
    if not source.path:
        from mailscan.own.installed import import_module

        set_path("")
        return import_module(source.module, places)
    folder = os.path.dirname(source.path)
    places.append(folder + os.sep)
    if source.package:
        called = os.path.basename(folder)
        set_path(os.path.dirname(folder))
    else:
        called = os.path.basename(source.path).removesuffix(".py")
        set_path(folder)
    module: ModuleType = type(sys)(called)
    module.__file__ = source.path
    module.__package__ = called if source.package else ""
    if source.package:
        module.__path__ = [folder]
    sys.modules[called] = module
    exec(source.compiled(), module.__dict__)
    return module


def set_path(first: str) -> None:
    """Put a folder before all others on the path, and take the current directory off it."""
    try:
        here = os.getcwd()
    except OSError:  # it was removed
        here = ""
    sys.path[:] = [*([first] if first else []), *(one for one in sys.path if one and (one != here or one == first))]


def made(kind: type, values: dict[str, object]) -> Callable[..., object]:
    """The method `check` of a class, made with these options; the others have their defaults.

    A class whose `__init__` takes arguments (a dataclass) is given them; else they are set before it is called.
    """
    code = getattr(kind.__init__, "__code__", None)  # type: ignore[misc]
    if code is not None and (code.co_argcount > 1 or code.co_kwonlyargcount or code.co_flags & 0x0C):
        one = kind(**values)
    else:
        one = object.__new__(kind)
        for name, value in values.items():
            setattr(one, name, value)
        one.__init__()
    return one.check  # type: ignore[no-any-return]


def _named(module: ModuleType, source: Source) -> Callable[..., object]:
    """The attribute that `use` names behind its colon."""
    found = module.__dict__.get(source.attribute)
    if found is None:
        able = [name for name, one in vars(module).items() if _judges(one)]
        raise NotThere(f"{source.called}: has no `{source.attribute}`{resembling(source.attribute, able)}")
    if not _judges(found, by_name=True):
        raise NotThere(f"{source.called}: `{source.attribute}` is no function, and no class with a method `check`")
    return found  # type: ignore[no-any-return]


def _judges(one: object, *, by_name: bool = False) -> bool:
    if isinstance(one, type):
        return callable(getattr(one, "check", None))
    return callable(one) and (by_name or "check" in getattr(one, "__name__", ""))


def _is_of(one: object, module: ModuleType) -> bool:
    return one is module or (isinstance(one, type) and one.__module__ == module.__name__)


def _classes(module: ModuleType) -> list[type]:
    """The classes of the module that have a method `check`, without those that another one of them is made from."""
    name = module.__name__
    found: list[type] = []
    for one in vars(module).values():
        own = isinstance(one, type) and (one.__module__ == name or one.__module__.startswith(name + "."))
        if own and callable(getattr(one, "check", None)) and one not in found:
            found.append(one)
    return [one for one in found if not any(other is not one and issubclass(other, one) for other in found)]
