"""Every pattern of the package means the same on every supported Python.

Up to CPython 3.11.4 a possessive quantifier on a group goes on where the group matches only in part, or where a
lookahead in it fails (gh-100061, gh-106052; Debian 12 has 3.11.2), and where groups capture in an alternative it raises
SystemError up to 3.12.7 (gh-101955). On a single character it is sound, and so is an atomic group that captures
nothing, which is what 3.11.5 and later make of the former. But until that is left, each time that a group in it has
matched takes a hundred octets: write `(?>(?:…){0,1000})`, not `(?:…)*+`, and match again where there may be more.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from re import _constants as constants  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]

import pytest

PACKAGE = Path(__file__).parent.parent / "mailscan"
_TOKEN = re.compile(r"[*+?}]\+|\(\?>")
# What stands for what another expression puts in.
_HOLE = "(?:ab?c)"
# An alphabet (of BinHex), no pattern.
_ALPHABETS = ("_HQX",)
_MOST_TIMES = 5000
_ONE = (constants.LITERAL, constants.NOT_LITERAL, constants.IN, constants.ANY, constants.CATEGORY)


def literals(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """(line, text) of every string that is not a docstring; what is put into it by % or an f-string is a hole."""
    inside: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) in _ALPHABETS:
            inside.add(id(node.value))
        if isinstance(node, ast.Expr):
            inside.add(id(node.value))
        if id(node) in inside:
            continue
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod) and isinstance(node.left, ast.Constant):
            inside.add(id(node.left))
            yield node.lineno, re.sub("%[bs]", lambda _: _HOLE, _text(node.left))
        elif isinstance(node, ast.JoinedStr):
            inside.update(id(child) for child in ast.walk(node))
            yield node.lineno, "".join(_text(one) if isinstance(one, ast.Constant) else _HOLE for one in node.values)
        elif isinstance(node, ast.Constant):
            yield node.lineno, _text(node)


def _text(node: ast.Constant) -> str:
    if isinstance(node.value, bytes):
        return node.value.decode("latin-1")
    return node.value if isinstance(node.value, str) else ""


def fault(text: str) -> str:
    """Why a pattern may mean something else on another Python, "" if it does not."""
    if _TOKEN.search(text) is None:
        return ""
    try:
        parsed = parser.parse(text)
    except re.error as error:
        # Part of a pattern, unless it is no pattern at all: what its quantifiers apply to cannot be seen.
        return f"cannot be judged ({error})" if _TOKEN.search(_without_classes(text)) else ""
    return next(_faults(parsed), "")


def _without_classes(text: str) -> str:
    return re.sub(r"\[\^?\]?(?:\\.|[^\]\\])*\]", "x", text)


def _faults(parsed: object) -> Iterator[str]:
    """What is wrong in a parsed pattern: its items are (operation, arguments), arguments hold patterns."""
    if isinstance(parsed, parser.SubPattern):
        for operation, arguments in parsed:
            if operation is constants.POSSESSIVE_REPEAT and not _is_one_character(arguments[2]):
                yield "a possessive quantifier on more than a character"
            if operation is constants.ATOMIC_GROUP and _captures(arguments):
                yield "a group that captures in an atomic one"
            if operation is constants.ATOMIC_GROUP and any(_repeats(arguments)):
                yield "a group that repeats without bound in an atomic one, which takes memory"
            yield from _faults(arguments)
    elif isinstance(parsed, (list, tuple)):
        for one in parsed:
            yield from _faults(one)


def _repeats(parsed: object) -> Iterator[bool]:
    """Whether each thing in it repeats a group more often than is sensible."""
    if isinstance(parsed, parser.SubPattern):
        for operation, arguments in parsed:
            if operation in (constants.MAX_REPEAT, constants.MIN_REPEAT):
                yield arguments[1] > _MOST_TIMES and not _is_one_character(arguments[2])
            yield from _repeats(arguments)
    elif isinstance(parsed, (list, tuple)):
        for one in parsed:
            yield from _repeats(one)


def _is_one_character(parsed: parser.SubPattern) -> bool:
    return len(parsed) == 1 and parsed[0][0] in _ONE


def _captures(parsed: object) -> bool:
    if isinstance(parsed, parser.SubPattern):
        return any(
            (operation is constants.SUBPATTERN and arguments[0] is not None) or _captures(arguments)
            for operation, arguments in parsed
        )
    return isinstance(parsed, (list, tuple)) and any(_captures(one) for one in parsed)


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_patterns_mean_the_same_everywhere(path: Path) -> None:
    found = literals(ast.parse(path.read_text(encoding="utf-8")))
    assert [(line, why, text) for line, text in found if (why := fault(text))] == []


@pytest.mark.parametrize(
    "text",
    [
        r"a(?:\n ++(?!\s)x*+)*+",
        r"(?:ab?c)*+",
        r"(?:ab?c)++",
        r"(?:ab?c)?+",
        r"(?:ab){1,3}+",
        r"((x)|y|z)*+",
        r"(?>(?:(a)|b)*)",
        r"x(?=(?:ab)++)",
        r"(?>(?:ab?c)*)",
        r"x(?>y(?:ab){2,}|z)",
        r"a|(?:b(?:cd)*+)",
        r")*+x",
    ],
)
def test_what_does_not_is_found(text: str) -> None:
    assert fault(text)


@pytest.mark.parametrize("code", ['f"{x}*+"', '"%b++" % x', '"(?:" + x + ")*+"', 'x + "*+"', '"(?:a" f"{x})?+"'])
def test_so_is_what_another_expression_completes(code: str) -> None:
    assert any(fault(text) for _, text in literals(ast.parse(f"y = {code}")))


@pytest.mark.parametrize(
    "text",
    [
        r"a*+",
        r"[a-z]++b",
        r"\s?+",
        r"[^\r\n]{1,9}+",
        r".*+",
        r"(?>(?:ab?c){0,99})",
        r"(?>a|b)",
        "a + b",
        "[)*+]",
        "C++",
    ],
)
def test_what_means_the_same_passes(text: str) -> None:
    assert fault(text) == ""


def test_a_fold_that_looks_empty_ends_what_an_atomic_group_repeats() -> None:
    pattern = rb"a(?>(?:\n ++(?!\s)x*+)*)"
    found = re.match(pattern, b"a\n \nb")
    assert found is not None
    assert found.end() == 1
