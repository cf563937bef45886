"""Names that somebody's own Python uses and nothing defines: a mail that gets there meets a NameError.

Told by the bytecode, in which every scope is settled, and by what each module holds once it has been loaded: so `import
*`, conditional imports and names that are set by code are known. Runs in a child process, for the code is executed.
"""

from __future__ import annotations

import ast
import builtins
import dis
import os
import sys
import warnings

from mailscan.errors import FilterError
from mailscan.keys import resembling

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from types import CodeType, ModuleType

    from mailscan.own.source import Source

_GLOBAL = ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS")
_OPTIMIZED = 0x01  # code of a function, and none of a class or a module
# Who asks for one of these asks where, or under which Python, the code runs, and has a branch for each.
_ABOUT_PYTHON = ("version_info", "hexversion", "version", "platform", "PY2", "PY3", "TYPE_CHECKING")
_MOST = 50


class Undefined(FilterError):
    """Names that nothing defines. `problems` has a line for each."""

    def __init__(self, problems: list[str]) -> None:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        super().__init__(problems[0] + more)
        self.problems = problems


def undefined(main: ModuleType, source: Source, known: Collection[str], places: list[str]) -> list[str]:
    """A line for each such name, in the module that `source` has become and in those of the same hand that came with
    it: not `known` before, and below `places`.
    """
    found: list[str] = []
    for module, path in [(main, source.path or str(main.__file__)), *_beside(main, known, places)]:
        try:
            octets = source.octets
            if path != source.path:
                with open(path, "rb") as file:
                    octets = file.read()
            for line, name in _of_module(octets, vars(module)):
                close = len(name) > 3 and name not in sys.stdlib_module_names
                meant = resembling(name, [*vars(module), *dir(builtins)]) if close else ""
                found.append(f"{path}:{line}: nothing defines `{name}`, so mail that gets there is not judged{meant}")
        except (OSError, SyntaxError, ValueError, RecursionError):
            continue  # what cannot be read was not loaded from here
    return found[:_MOST]


def _beside(main: ModuleType, known: Collection[str], places: list[str]) -> Iterator[tuple[ModuleType, str]]:
    top = main.__name__.partition(".")[0]
    for name, module in sorted(sys.modules.items()):
        path = getattr(module, "__file__", None)
        if name in known or module is main or not isinstance(path, str) or not path.endswith(".py"):
            continue
        folders = path.split(os.sep)
        installed = "site-packages" in folders or "dist-packages" in folders
        if path.startswith(tuple(places)) and (not installed or name.partition(".")[0] == top):
            yield module, path


def _of_module(source: bytes, holds: Collection[str]) -> list[tuple[int, str]]:
    """(line, name) of the first place where each name is used that is not there."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree = ast.parse(source)
        code = compile(tree, "", "exec", dont_inherit=True)
    defined, used = {*holds, *dir(builtins)}, dict[str, int]()
    for one, is_loading in _codes(code, is_loading=True):
        own: set[str] = set()
        for step in dis.get_instructions(one):
            if step.opname == "STORE_GLOBAL" or (step.opname == "STORE_NAME" and one is code):
                defined.add(str(step.argval))
            elif step.opname == "STORE_NAME":
                own.add(str(step.argval))
        if is_loading:
            continue
        names = set(one.co_names)
        if "globals" in names or {"setattr", "modules"} <= names:
            return []  # it makes names, of which we know nothing
        for step in dis.get_instructions(one):
            if step.opname in _GLOBAL and step.argval not in own:
                line = (step.positions.lineno if step.positions else None) or one.co_firstlineno
                used[step.argval] = min(line, used.get(step.argval, line))
    asked_for = _asked_for(tree)
    defined -= _for_types_only(tree) - {*holds}
    return sorted((line, name) for name, line in used.items() if name not in defined and name not in asked_for)


def _codes(code: CodeType, *, is_loading: bool) -> Iterator[tuple[CodeType, bool]]:
    """All code, each with whether it has run when its module is loaded: what has needs no word of ours."""
    yield code, is_loading
    for one in code.co_consts:
        if not isinstance(one, type(code)) or one.co_name == "__annotate__":
            continue
        # Comprehensions and classes run where they stand.
        stands = not one.co_flags & _OPTIMIZED or (one.co_name[0] == "<" and one.co_name != "<lambda>")
        yield from _codes(one, is_loading=is_loading and stands)


def _asked_for(tree: ast.Module) -> set[str]:
    """Names that the code itself asks for whether they are there."""
    parts = [part for node in ast.walk(tree) for part in _asking(node)]
    return {one.id for part in parts for one in ast.walk(part) if isinstance(one, ast.Name)}


def _asking(node: ast.AST) -> list[ast.AST]:
    """What of a statement may well meet a name that is not there."""
    if isinstance(node, ast.Try) and any(_mentions(one.type, ("NameError",)) for one in node.handlers):
        return [*node.body]
    if isinstance(node, ast.With) and any(_mentions(one.context_expr, ("NameError",)) for one in node.items):
        return [*node.body]
    return [node] if isinstance(node, ast.If | ast.IfExp) and _mentions(node.test, _ABOUT_PYTHON) else []


def _for_types_only(tree: ast.Module) -> set[str]:
    """What is imported for a type checker only: it is not there when the code runs."""
    blocks = [one for one in tree.body if isinstance(one, ast.If) and _mentions(one.test, ("TYPE_CHECKING",))]
    imports = [one for block in blocks for one in block.body if isinstance(one, ast.Import | ast.ImportFrom)]
    return {(one.asname or one.name).partition(".")[0] for made in imports for one in made.names}


def _mentions(node: ast.AST | None, names: tuple[str, ...]) -> bool:
    inner = ast.walk(node) if node is not None else ()
    return any(getattr(one, "id", getattr(one, "attr", None)) in names for one in inner)
