"""The house stands: imports go down only, and no room but the doors knows click or rich (HOUSE)."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

HOUSE = Path(__file__).parent.parent / "mailscan"
FLOORS: tuple[set[str], ...] = (
    {
        "",
        "errors",
        "record",
        "text",
        "header",
        "parameters",
        "transfer",
        "message",
        "mime",
        "envelope",
        "verdict",
        "answers",
        "mail",
        "ambiguity",
        "oddity",
        "readings",
        "look",
        "leaves",
        "spellings",
        "extents",
        "lenient",
        "delimiters",
        "decodings",
        "probe",
        "newfile",
        "specimens",
    },
    {
        "accounts",
        "trusted",
        "keys",
        "addresses",
        "networks",
        "words",
        "timer",
        "outside",
        "unpack",
        "guard",
        "companion",
        "strays",
    }
    | {"leash", "fence", "watcher"}
    | {"backtracking", "linear", "addressing", "channel", "resolver", "asker", "recording", "spfcheck"}
    | {"filetype", "inside", "wire", "mailboxes"},
    {"filters", "userfile", "own", "elspy"},
    {"rule", "doctor", "doubts", "starter", "policy", "pipeline", "cases"}
    | {
        "render",
        "outgoing",
        "document",
        "explain",
        "journal",
        "structure",
        "reinject",
        "slips",
        "mtaconfig",
        "eximfiles",
    },
    {"cli", "audit", "report", "__main__"},
)
DOORS_ONLY = {"click", "rich"}


def floor_of(room: str) -> int:
    for number, rooms in enumerate(FLOORS):
        if room in rooms:
            return number
    raise AssertionError(f"mailscan/{room} has no floor: give it one in FLOORS")


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """(line, module) of every import in a file, wherever it stands."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, one.name) for one in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            if node.module == "mailscan":
                yield from ((node.lineno, f"mailscan.{one.name}") for one in node.names if one.name[0] != "_")
            else:
                yield node.lineno, node.module


def test_every_import_goes_down() -> None:
    up = []
    for path in sorted(HOUSE.rglob("*.py")):
        room = path.relative_to(HOUSE).with_suffix("").parts[0].removesuffix("__init__")
        here = floor_of(room)
        for line, module in imports(path):
            package, _, rest = module.partition(".")
            if package == "mailscan" and rest and floor_of(rest.partition(".")[0]) > here:
                up.append(f"{path.name}:{line} imports {module}")
            if package in DOORS_ONLY and here < len(FLOORS) - 1:
                up.append(f"{path.name}:{line} imports {package}, which lives on the top floor")
    assert not up, "\n".join(up)


def test_every_named_room_is_there() -> None:
    rooms = {path.stem for path in HOUSE.glob("*.py")} | {path.parent.name for path in HOUSE.glob("*/__init__.py")}
    assert {room for floor in FLOORS for room in floor if room} == rooms - {"__init__"}
