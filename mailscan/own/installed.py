"""Modules that are installed, and the entry points of the group `mailscan.filters`: found and checked, then imported.

Runs in a child process, but for `names`, which executes nothing that is found.
"""

from __future__ import annotations

import os
import sys

from mailscan.errors import FilterError
from mailscan.keys import resembling
from mailscan.own.load import NotThere
from mailscan.trusted import Others, check_file, check_folder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from types import ModuleType

GROUP = "mailscan.filters"


def entry_points() -> dict[str, str]:
    """The entry points of our group: name to "module:attribute". Costs a scan what `importlib.metadata` costs."""
    from importlib.metadata import entry_points as installed

    return {one.name: one.value.partition("[")[0].replace(" ", "") for one in installed(group=GROUP)}


def import_module(name: str, places: list[str]) -> ModuleType:
    """Import a module by its dotted name, each package on the way being looked at before it runs.

    Raises `NotThere` for one that is not installed, `FilterError` for one that somebody else may write to.
    """
    from importlib.util import find_spec

    words = name.split(".")
    if not all(word.isidentifier() for word in words):
        raise NotThere(f"'{name}' is no dotted name of a module")
    before: ModuleType | None = None
    for count in range(1, len(words) + 1):
        partly = ".".join(words[:count])
        known = partly in sys.modules
        if not known and before is not None and not hasattr(before, "__path__"):
            raise NotThere(f"there is no module '{partly}': '{before.__name__}' is no package")
        spec = None if known else find_spec(partly)
        if spec is None and not known:
            raise NotThere(f"there is no module '{partly}' installed{resembling(words[count - 1], _beside(before))}")
        if spec is not None:
            _check(spec, places)
        __import__(partly)
        before = sys.modules[partly]
    return sys.modules[name]


def _check(spec: ModuleSpec, places: list[str]) -> None:
    """That nobody else may write to a module's file, or put Python beside it, where that can be found out."""
    try:
        # Who may write where mailscan itself is installed has no need of a filter.
        installers = Others(os.path.dirname(os.path.dirname(os.path.dirname(__file__))))
        if spec.origin and os.path.isfile(spec.origin):
            check_file(spec.origin, installers)
            check_folder(os.path.dirname(spec.origin), installers)
            places.append(spec.origin)
        for folder in spec.submodule_search_locations or ():
            if os.path.isdir(folder):
                check_folder(folder, installers)
                places.append(os.path.abspath(folder) + os.sep)
    except ValueError as error:
        raise FilterError(str(error)) from None


def _beside(package: ModuleType | None) -> list[str]:
    """The names of modules in a package, or of all that stand at the top."""
    from pkgutil import iter_modules

    return [one.name for one in iter_modules(package.__path__ if package is not None else None)]
