"""Tables that are text: SYLK (.slk), which may hold Excel 4 macros, and CSV. Both may ask other programs (DDE)."""

from __future__ import annotations

import re

from mailscan.unpack.budget import in_time
from mailscan.unpack.found import AUTO_MACROS, MACROS, REMOTE, Remark

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from mailscan.unpack import Budget

_MOST, _LONGEST = 20, 1000
# A link is a program's name, a bar, a topic, an exclamation mark, an item; it stands in a formula.
_PROGRAM = re.compile(rb"(?<![\w.])[A-Za-z_][\w.]{1,64}\Z")
_TOPIC = re.compile(rb"\|[^!\r\n]{0,300}![A-Za-z0-9$'_]")
_FORMULA_BEGINS = re.compile(rb"(?:^|[,;\t\"])[ ]{0,100}[=+@-]")
_AUTO = re.compile(rb"(?im)^NN;(?:[^\r\n]{0,500};)?Nauto_?(open|close|activate|deactivate)")
_MACRO_SHEET = re.compile(rb"(?im)^O;(?:[^\r\n]{0,200};)?E[ \t]*(?:;|\r?$)")
_FORMULA = re.compile(rb"(?im)^C;[^\r\n]{0,500};E([^\r\n]{1,300})")


def is_sylk(data: bytes) -> bool:
    """Whether the octets are a SYLK file, as Excel asks."""
    return data[:4] in (b"ID;P", b"ID;N", b"ID;E") or data[:5] == b"ID;WX"


def sylk(data: bytes, budget: Budget) -> Iterator[Remark]:
    """What is to be said of a SYLK file."""
    if auto := _AUTO.search(data):
        yield Remark(AUTO_MACROS, f"Excel 4 macros that run by themselves (Auto_{auto.group(1).decode().capitalize()})")
    elif _MACRO_SHEET.search(data):
        yield Remark(MACROS, "Excel 4 macros")
    said: set[str] = set()
    for formula in _FORMULA.finditer(data):
        in_time(budget)
        for link in links(b"=" + formula.group(1), budget):
            yield from _said(link, said)


def csv(data: bytes, budget: Budget) -> Iterator[Remark]:
    """What is to be said of text that Excel reads as a table: what is called .csv, .tsv and the like."""
    said: set[str] = set()
    for link in links(data, budget):
        yield from _said(link, said)


def links(data: bytes, budget: Budget) -> Iterator[str]:
    """The links to other programs in the formulas of a table."""
    at = data.find(b"|")
    steps = 0
    while at >= 0:
        steps += 1
        if not steps & 255:
            in_time(budget)
        topic = _TOPIC.match(data, at)
        program = _PROGRAM.search(data[max(0, at - 70) : at]) if topic is not None else None
        if topic is not None and program is not None:
            line = re.split(rb"[\r\n]", data[max(0, at - _LONGEST) : at])[-1]
            if _FORMULA_BEGINS.search(line):
                yield (program.group() + topic.group()[:-1])[:200].decode("latin-1")
        at = data.find(b"|", at + 1)


def _said(link: str, said: set[str]) -> Iterator[Remark]:
    if link not in said and len(said) < _MOST:
        said.add(link)
        yield Remark(REMOTE, f"a formula that asks another program (DDE): {link}")
