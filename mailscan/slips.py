"""Slips in a Python file of one's own that can be seen without running it; `mailscan check` and `try` tell of them."""

from __future__ import annotations

import ast
import difflib

from mailscan.elspy import is_elspy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

# What a filter says; what each makes must be returned or yielded.
ANSWERS = ("reject", "tempfail", "accept", "tag", "Finding")


def mistakes(source: bytes, path: str) -> list[str]:
    """What fails whenever it is reached, a line each: `path:3: what is wrong and what would be right`."""
    tree = _parsed(source)
    if tree is None:
        return []
    found = [one for one in tree.body if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)]
    if b"check" not in source and b"import *" not in source:
        close = {one.name: one.lineno for one in found}
        meant = difflib.get_close_matches("check", close, 1)
        said = f"; `{meant[0]}` in line {close[meant[0]]} is probably meant to be it" if meant else ""
        return [f"{path}: has no function `check(mail, outside)`{said}"]
    said_of = [problem for one in found if one.name == "check" and not one.decorator_list for problem in _of_check(one)]
    return [f"{path}:{line}: {what}" for line, what in said_of]


def dropped(source: bytes, path: str) -> list[str]:
    """Answers that are made and not given: `reject("…")` as a line of its own."""
    tree = _parsed(source)
    return [
        f"{path}:{one.lineno}: what `{ast.unparse(one.value.func)}(…)` says is dropped: write `return`, or `yield`,"
        " before it"
        for one in (ast.walk(tree) if tree is not None else ())
        if isinstance(one, ast.Expr) and isinstance(one.value, ast.Call) and _word(one.value.func)
    ]


def passed_over(source: bytes, path: str) -> list[str]:
    """Classes that could judge mail where a function `check` does, and that nothing in the file uses."""
    tree = _parsed(source)
    top = tree.body if tree is not None else []
    functions = [one for one in top if isinstance(one, ast.FunctionDef) and one.name == "check"]
    if tree is None or not functions:
        return []
    used = {one.id for one in ast.walk(tree) if isinstance(one, ast.Name)}
    return [
        f"{path}:{one.lineno}: the class `{one.name}` is never asked: the function `check`"
        f" in line {functions[-1].lineno} is; `:{one.name}` behind `use` names the class"
        for one in top
        if isinstance(one, ast.ClassDef)
        and one.name not in used
        and any(isinstance(inner, ast.FunctionDef) and inner.name == "check" for inner in one.body)
    ]


def _parsed(source: bytes) -> ast.Module | None:
    if is_elspy(source):
        return None
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError, MemoryError, RecursionError):  # told when it is loaded
        return None


def _word(node: ast.expr) -> str:
    """The answer that an expression names, as `reject` or `mailscan.reject`; "" for another one."""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "mailscan":
        return node.attr if node.attr in ANSWERS else ""
    return node.id if isinstance(node, ast.Name) and node.id in ANSWERS else ""


def _of_check(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[tuple[int, str]]:
    given = function.args
    positional = [*given.posonlyargs, *given.args]
    required = len(positional) - len(given.defaults)
    if required > 2 or (len(positional) < 2 and not given.vararg):
        yield function.lineno, f"`check({ast.unparse(given)})` is called as `check(mail, outside)`: write it so"
    if isinstance(function, ast.AsyncFunctionDef):
        yield function.lineno, "`async def check` cannot be asked: write `def check(mail, outside)`"
    for node in _own(function):
        if isinstance(node, ast.Return | ast.Yield) and node.value is not None and (what := _no_answer(node.value)):
            verb = "yield" if isinstance(node, ast.Yield) else "return"
            yield node.lineno, f'check {verb}s {what}: write `{verb} reject("…")`, or nothing for no objection'


def _own(function: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a function, without those of functions in it."""
    for child in ast.iter_child_nodes(function):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            yield child
            yield from _own(child)


def _no_answer(value: ast.expr) -> str:
    """In words, a value that can be seen to be no finding; "" if it may be one."""
    if isinstance(value, ast.Constant) and value.value is not None:
        return ast.unparse(value)[:60]
    if isinstance(value, ast.JoinedStr):
        return "text"
    if isinstance(value, ast.Tuple) and value.elts and isinstance(value.elts[0], ast.Constant):
        return ast.unparse(value)[:60]
    word = _word(value)
    return f"`{word}` itself, which is not called" if word else ""
