"""Field instructions of Word, in binary, XML and RTF documents alike: which reach beyond the document."""

from __future__ import annotations

import re

from mailscan.unpack.found import REMOTE, Remark

_WORD = re.compile(r'[\s"\\]*([A-Za-z]+)')
_ARGUMENT = re.compile(r'\s*(?:"([^"]*)|([^\s"]+))')
_ELSEWHERE = re.compile(r"(?i)\s*(?:(?!file:|mailto:)[a-z][a-z0-9+.-]+:|file:[/\\]*(?![/\\]*[a-z]?[:|])\w|\\\\|//)")


def elsewhere(place: str) -> bool:
    """Whether a place is on another machine: an URL, or a share of a file server; not a path on this one."""
    return _ELSEWHERE.match(place) is not None


def instruction(text: str) -> Remark | None:
    """What is to be said of one instruction; None of the innocent ones, pictures and hyperlinks among them."""
    found = _WORD.match(text)
    name = found.group(1).upper() if found else ""
    shown = " ".join(text.split())[:200]
    if name in ("DDE", "DDEAUTO"):
        return Remark(REMOTE, f"a field that asks another program (DDE): {shown}")
    if name == "LINK":
        return Remark(REMOTE, f"an object that is linked to another file: {shown}")
    # Backslashes are doubled in instructions.
    if name == "INCLUDETEXT" and elsewhere(_argument(text).replace("\\\\", "\\")):
        return Remark(REMOTE, f"text that is fetched from elsewhere: {shown}")
    return None


def quoted(text: str) -> str | None:
    """What a field QUOTE stands for, None if the instruction is another: numbers are the codes of characters."""
    found = _WORD.match(text)
    if found is None or found.group(1).upper() != "QUOTE":
        return None
    pieces = text[found.end() :].replace('"', " ").split()
    return "".join(chr(int(one)) if one.isascii() and one.isdigit() and len(one) < 6 else one for one in pieces)


def _argument(text: str) -> str:
    """The first argument, with or without quotes."""
    found = _WORD.match(text)
    place = _ARGUMENT.match(text, found.end()) if found else None
    return (place.group(1) or place.group(2) or "") if place else ""
