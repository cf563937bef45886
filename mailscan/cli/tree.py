"""The structure of a message drawn for people: indented on a pipe, a coloured tree on a terminal.

Whatever stands in the mail is escaped here: it cannot send a control to the terminal, or begin a line of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mailscan.cli.lines import on_terminal, plain, styled
from mailscan.outgoing import printable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from mailscan.cli.lines import Line

    # What stands in one knot of the tree, and how deep it hangs.
    Knot = tuple[int, list[Line]]

_INDENT = 3
# Deeper levels hang no further to the right: the path tells them.
_DEEPEST = 12
_SUMMARY = ("from", "to", "cc", "subject", "date")
_MOST_SUMMARY = 8
_KINDS = {"executables": "bold red", "scripts": "bold red", "shortcuts": "bold red", "disk-images": "yellow"}
_KINDS |= {"archives": "yellow"}
_IS = "is "


def draw(taken_apart: dict[str, Any], account: str) -> None:
    """Print what `mailscan.structure.structure` gave, and the account of a verdict below it, if there is one."""
    if on_terminal():
        _draw_in_colour(taken_apart, account)
        return
    lines = [plain(line) for line in _head(taken_apart)]
    for depth, knot in _knots(taken_apart):
        indent = " " * (_INDENT * depth)
        lines += [indent + ("" if at == 0 else " " * _INDENT) + plain(line) for at, line in enumerate(knot)]
    lines += [plain(line) for line in _foot(taken_apart)]
    text = "\n".join(lines) + "\n" + (f"\n{account}" if account else "")
    click.echo(text, nl=False)


def _draw_in_colour(taken_apart: dict[str, Any], account: str) -> None:
    from rich.console import Console
    from rich.text import Text
    from rich.tree import Tree

    console = Console(highlight=False, emoji=False, markup=False)
    for line in _head(taken_apart):
        console.print(styled(line))
    branches: list[Tree] = []
    for depth, knot in _knots(taken_apart):
        label = Text("\n  ").join(map(styled, knot))
        del branches[depth:]
        branches.append(branches[-1].add(label) if branches else Tree(label, guide_style="dim"))
    if branches:
        console.print(branches[0])
    for line in _foot(taken_apart):
        console.print(styled(line))
    if account:
        console.print(Text.from_ansi("\n" + account))


def size(octets: int) -> str:
    """A size for people: octets below 1000, then three digits in kB, MB, GB."""
    if octets < 1000:
        return f"{octets} octet" + "s" * (octets != 1)
    number = float(octets)
    for unit in ("kB", "MB", "GB"):
        number /= 1000
        if number < 999.5 or unit == "GB":
            break
    return f"{number:.3g} {unit}"


def _head(taken_apart: dict[str, Any]) -> Iterator[Line]:
    ends = taken_apart["line_ends"]
    how = "no line ends" if ends == "none" else f"{ends} line ends"
    yield [(printable(taken_apart["file"]), "bold"), (f": {size(taken_apart['size'])}, {how}", "")]
    headers = taken_apart["parts"][0]["headers"] if taken_apart["parts"] else []
    shown = [field for field in headers if field["name"].lower() in _SUMMARY]
    for field in shown[:_MOST_SUMMARY]:
        text = field["text"] if len(field["text"]) <= 200 else field["text"][:199] + "…"
        yield [(f"  {printable(field['name'])}: ", "dim"), (printable(text), "")]
    yield []


def _knots(taken_apart: dict[str, Any]) -> Iterator[Knot]:
    """The parts in order, each with what is to be said about it."""
    findings: dict[str, list[Line]] = {}
    for rule in (taken_apart["verdict"] or {"rules": []})["rules"]:
        for finding in rule["findings"]:
            for path in dict.fromkeys(one["part"] for one in finding["evidence"]):
                findings.setdefault(path, []).append(_finding(rule, finding))
    ambiguities: dict[str, list[Line]] = {}
    for one in taken_apart["ambiguities"]:
        ambiguities.setdefault(one["part"], []).extend(_ambiguity(one))
    depths: dict[str, int] = {}
    for part in taken_apart["parts"]:
        path = part["path"]
        depths[path] = min(depths.get(part["parent"], 0) + 1, _DEEPEST) if depths else 0
        notes = [*ambiguities.pop(path, ()), *findings.pop(path, ())]
        yield depths[path], [_part(part), *_about(part), *notes]


def _part(part: dict[str, Any]) -> Line:
    pieces = [part["type"]]
    if part["charset"]:
        pieces.append(part["charset"])
    if part["encoding"] != "7bit":
        pieces.append(part["encoding"])
    if part["disposition"]:
        pieces.append(part["disposition"])
    pieces.append(size(part["size"]))
    line: Line = [(printable(part["path"]) + "  ", "bold")]
    if part["other_reading"]:
        line.append(("other reading: ", "magenta"))
    line.append((printable(pieces[0]), "cyan"))
    if part["names"]:
        line.append((f' "{printable(part["names"][0])}"', "bold"))
    line.append((printable("".join(f", {piece}" for piece in pieces[1:])), ""))
    line.append((f"  ({part['start']}–{part['end']})", "dim"))
    return line


def _about(part: dict[str, Any]) -> Iterator[Line]:
    """What is known about a part beyond what it declares."""
    if len(part["names"]) > 1:
        yield [("also called ", "dim"), (", ".join(f'"{printable(name)}"' for name in part["names"][1:]), "bold")]
    kind = part["is"]
    # What a package is by its members says more than that it is one.
    closer = next((one for one in part["remarks"] if not one["path"] and one["text"].startswith(_IS)), None)
    line: Line = [] if closer is None else [(closer["text"].removeprefix(_IS), _KINDS.get(closer["group"], ""))]
    if kind is not None and kind["name"] != "text" and kind["text"] != part["type"]:
        line += [(", " if line else "", "dim"), (kind["text"], _KINDS.get(kind["group"], ""))]
    if line:
        yield [("is ", "dim"), *((printable(text), style) for text, style in line)]
    if part["body_start"] is None:
        yield [("lies in what a transfer encoding hides: octets are those of its carrier", "dim")]
    if part["unread"]:
        yield [("holds more parts, which are not read", "yellow")]
    for member in part["members"]:
        line = [("member ", "dim"), (printable(member["path"]), "bold")]
        if member["is"] is not None:
            line.append((f": {printable(member['is']['text'])}", _KINDS.get(member["is"]["group"], "")))
        if member["unopened"]:
            line.append((f" ({printable(member['unopened'])})", "yellow"))
        yield line
    told = {(member["path"], member["unopened"]) for member in part["members"]}
    for remark in part["remarks"]:
        if remark is not closer and (remark["path"], remark["text"]) not in told:
            about = f"{printable(remark['path'])}: " if remark["path"] else ""
            yield [(f"{remark['group']}: ", "yellow"), (about + printable(remark["text"]), "yellow")]


def _ambiguity(one: dict[str, Any]) -> Iterator[Line]:
    yield [(f"? ambiguity.{one['kind']}", "magenta"), (f": {one['about']}", "")]
    yield [("  " + printable(one["detail"]), "")]
    yield [(f"  {one['start']}–{one['end']}  ", "dim"), (one["octets"], "dim")]


def _finding(rule: dict[str, Any], finding: dict[str, Any]) -> Line:
    by = "" if rule["rule"] == rule["use"] else f" [{printable(rule['rule'])}]"
    detail = f": {printable(finding['detail'][:1000])}" if finding["detail"] else ""
    style = "yellow" if finding["note"] else "bold red"
    return [("! ", style), (printable(finding["code"]) + by, style), (detail, "")]


def _foot(taken_apart: dict[str, Any]) -> Iterator[Line]:
    shown = {part["path"] for part in taken_apart["parts"]}
    elsewhere = [one for one in taken_apart["ambiguities"] if one["part"] not in shown]
    if elsewhere:
        yield [("in parts that are not shown:", "dim")]
    for one in elsewhere:
        for line in _ambiguity(one):
            yield [(f"   {printable(one['part'])} ", "bold"), *line]
    left = [f"{number} more {what}" for what, number in taken_apart["left_out"].items() if number]
    if left:
        yield [(f"({', '.join(left)}: --all shows them)", "yellow")]
