"""Python of somebody's own executed, and what in it judges mail: a function `check`, or a class with such a method.

All of this runs in a child process only.
"""

from __future__ import annotations

import os
import sys

from mailscan.errors import FilterError
from mailscan.keys import resembling
from mailscan.trusted import check_code

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any

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

        set_path("", places)
        return import_module(source.module, places)
    folder = os.path.dirname(source.path)
    places.append(folder + os.sep)
    if source.package:
        called = os.path.basename(folder)
        set_path(os.path.dirname(folder), places)
    else:
        called = os.path.basename(source.path).removesuffix(".py")
        set_path(folder, places)
    module: ModuleType = type(sys)(called)
    module.__file__ = source.path
    module.__package__ = called if source.package else ""
    if source.package:
        module.__path__ = [folder]
    sys.modules[called] = module
    exec(source.compiled(), module.__dict__)
    return module


def set_path(first: str, places: list[str]) -> None:
    """Put a folder before all others on the path, and take the current directory off it.

    What is imported from there, from `places`, or from where nothing is installed, is looked at before it runs.
    """
    try:
        here = os.getcwd()
    except OSError:  # it was removed
        here = ""
    installed = [one for one in sys.path if one and (one != here or one == first)]
    sys.path[:] = [*([first] if first else []), *installed]
    for number, finder in enumerate(sys.meta_path):
        if getattr(finder, "__name__", "") == "PathFinder":
            sys.meta_path.insert(number, _Watch(finder, first, places, installed))
            break


class _Watch:
    """Stands before Python's finder, and refuses a module that somebody else may write to, wherever in the postmaster's
    folders it lies: its file, its folder, and what Python would run instead of it, from `__pycache__`.
    """

    def __init__(self, finder: Any, first: str, places: list[str], installed: list[str]) -> None:
        self.finder = finder
        self.first = first + os.sep if first else ""
        self.places = places
        ours = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
        self.installed = tuple(one.rstrip(os.sep) + os.sep for one in (os.path.dirname(ours), *installed))
        self.sound: set[str] = set()

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: object = None) -> ModuleSpec | None:
        """What Python finds. Raises `FilterError`, which no `except ImportError` of the code takes for an absence."""
        spec: ModuleSpec | None = self.finder.find_spec(name, path, target)
        if spec is None:
            return None
        for one in (getattr(spec.loader, "archive", None) or spec.origin, *(spec.submodule_search_locations or ())):
            if one and self.is_foreign(one):
                try:
                    check_code(one, self.sound)
                    if one == spec.origin and spec.cached and os.path.exists(spec.cached):
                        check_code(spec.cached, self.sound)
                except ValueError as error:
                    raise FilterError(str(error)) from None
        return spec

    def is_foreign(self, path: str) -> bool:
        """Whether a module there is the postmaster's own, and none that came with Python or was installed."""
        own = path.startswith((*self.places, self.first)) if self.first else path.startswith(tuple(self.places))
        return own or not path.startswith(self.installed)


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
    home = str(getattr(found, "__module__", None)).partition(".")[0]
    own = source.path and home == module.__name__  # as one called test.py is
    code = isinstance(found, (type, type(_named), type(len)))
    if code and not own and (home == "mailscan" or home in sys.stdlib_module_names):
        # Many can be called with any two things, and fail only then.
        raise NotThere(f"{source.called}: `{source.attribute}` is of `{home}`, and was not written to judge mail")
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
