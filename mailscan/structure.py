"""What a message is made of, as a document: parts, members of archives, ambiguities, and what the rules found.

`mailscan show` prints it, as JSON (docs/show.md) or for people. Fields may be added to it, never changed.
"""

from __future__ import annotations

from mailscan import filetype
from mailscan.ambiguity import AMBIGUITIES
from mailscan.document import document
from mailscan.errors import FilterError
from mailscan.inside import Inside, Item, Remark
from mailscan.words import shown_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from mailscan.ambiguity import Ambiguity
    from mailscan.header import Field
    from mailscan.message import Message
    from mailscan.mime import Part
    from mailscan.unpack import Budget
    from mailscan.verdict import Verdict

SCHEMA = 1
# Of parts, of one header's fields, of ambiguities, and of all archives' members, as much as a person looks at.
MOST = 100
MOST_NAMES = 10
LONGEST_TEXT = 1000
_EXCERPT = 200
_CONTAINERS = ("message/rfc822", "message/global", "message/news")
_ESCAPES = {9: "\\t", 10: "\\n", 13: "\\r", 92: "\\\\"}
_ESCAPES |= {octet: f"\\x{octet:02x}" for octet in [*range(32), *range(127, 256)] if octet not in _ESCAPES}


def structure(
    message: Message,
    remaining: Callable[[], float],
    *,
    file: str,
    verdict: Verdict | None = None,
    everything: bool = False,
) -> dict[str, Any]:
    """The document. `file` is what the message is called; `remaining` gives seconds, as `Outside.remaining`.

    Without `everything`, lists are cut at `MOST` and texts at `LONGEST_TEXT` characters; `left_out` counts what is
    missing. Never raises on any octets.
    """
    most = 10**9 if everything else MOST
    parts = sorted(message.parts, key=lambda part: place(part.path))

    def budget() -> Budget:
        from mailscan.unpack import Budget

        return Budget(remaining, members=10_000) if everything else Budget(remaining, members=MOST, names=0)

    paths = {part.path for part in parts}
    look = _Look(message, Inside(tuple(parts[:most]), budget), most, 10**9 if everything else LONGEST_TEXT)
    return {
        "schema": SCHEMA,
        "file": file,
        "size": len(message.raw),
        "line_ends": _line_ends(message.raw),
        "parts": [look.part(part, paths) for part in parts[:most]],
        "ambiguities": [look.ambiguity(one) for one in message.ambiguities[:most]],
        "verdict": None if verdict is None else document(verdict),
        "left_out": {
            "parts": max(0, len(parts) - most),
            "ambiguities": max(0, len(message.ambiguities) - most),
        },
    }


def place(path: str) -> tuple[tuple[int, str], ...]:
    """Where a part stands among the others: below its container, and another reading behind the first one."""
    steps = []
    for step in path.split("."):
        number, _, reading = step.partition("~")
        steps.append((int(number) if number.isdecimal() else 0, reading))
    return tuple(steps)


def fields(message: Message, part: Part, most: int, longest: int = LONGEST_TEXT) -> list[dict[str, Any]]:
    """The first `most` header fields of a part: name, decoded text, and the octets as they stand, escaped."""
    own = part.headers.source is message.raw
    found = []
    for field in list(part.headers)[:most]:
        found.append(
            {
                "name": field.name,
                "text": _text(message, part, field)[:longest],
                "raw": escaped(field.raw, longest),
                "start": field.start if own else None,
                "end": field.end if own else None,
            }
        )
    return found


def escaped(octets: bytes, longest: int = _EXCERPT) -> str:
    """Octets as ASCII text on one line: `\\r`, `\\n`, `\\t`, `\\\\`, `\\x9f`; `…` stands for those beyond `longest`."""
    text = octets[:longest].decode("latin-1").translate(_ESCAPES)
    return text + "…" if len(octets) > longest else text


class _Look:
    """One message being taken apart."""

    __slots__ = ("message", "most", "longest", "carried")

    def __init__(self, message: Message, inside: Inside, most: int, longest: int) -> None:
        self.message = message
        self.most = most
        self.longest = longest
        self.carried: dict[str, list[Item | Remark]] = {}
        for one in inside:
            self.carried.setdefault(one.part.path, []).append(one)

    def part(self, part: Part, paths: set[str]) -> dict[str, Any]:
        """One part, with the members of the archive that it may be."""
        data = part.data
        container = part.is_multipart or part.type in _CONTAINERS
        own = part.source is self.message.raw
        carried = self.carried.get(part.path, [])
        kind = next((one.kind for one in carried if isinstance(one, Item) and not one.path), None)
        if kind is None and not container:
            kind = _kind(data)
        return {
            "path": part.path,
            "parent": _parent(part.path, paths),
            "other_reading": any(mark.isalpha() for step in part.path.split(".") for mark in step.split("~")[1:]),
            "type": part.type[: self.longest],
            "names": [name[: self.longest] for name in part.filenames[: max(MOST_NAMES, self.most // 100)]],
            "disposition": part.disposition,
            "encoding": part.encoding[: self.longest],
            "charset": (part.charset or "")[: self.longest],
            "size": len(data),
            "start": part.span[0],
            "end": part.span[1],
            "body_start": part.body_start if own else None,
            "body_end": part.body_end if own else None,
            "unread": part.unread,
            "is": _shown_kind(kind),
            "fields": len(part.headers),
            "headers": fields(self.message, part, self.most, self.longest),
            "members": [self.member(one) for one in carried if isinstance(one, Item) and one.path],
            "remarks": [
                {"path": one.path[: self.longest], "group": one.group, "text": one.text[: self.longest]}
                for one in carried
                if isinstance(one, Remark)
            ],
        }

    def member(self, member: Item) -> dict[str, Any]:
        """One member of what a part carries."""
        return {"path": member.path[: self.longest], "is": _shown_kind(member.kind), "unopened": member.fault}

    def ambiguity(self, one: Ambiguity) -> dict[str, Any]:
        """One ambiguity, with the octets it lies in."""
        return {
            "kind": one.kind,
            "about": AMBIGUITIES[one.kind],
            "detail": one.detail[: self.longest],
            "part": one.part,
            "start": one.start,
            "end": one.end,
            "octets": escaped(self.message.raw[one.start : min(one.end, one.start + _EXCERPT + 1)]),
        }


def _parent(path: str, paths: set[str]) -> str | None:
    """The nearest entity around it that is there: an entity that another reading shares is listed once only.

    "1.2~b" is another reading of "1.2" and lies where that does; "1.2~1" is a file within the text of "1.2".
    """
    around, _, mark = path.rpartition("~")
    if mark.isdecimal() and around in paths:
        return around
    while "." in path:
        path = path.rpartition(".")[0]
        for above in (path, path.rpartition("~")[0]):
            if above in paths:
                return above
    return "1" if path != "1" and "1" in paths else None


def _kind(data: bytes) -> filetype.Kind | None:
    try:
        return filetype.kind(data) if data else None
    except FilterError:
        # Without libmagic less is known; `mailscan --version` says that it is missing.
        return filetype.by_first_octets(data)


def _shown_kind(kind: filetype.Kind | None) -> dict[str, str] | None:
    return None if kind is None else {"name": kind.name, "text": kind.text, "group": kind.group}


def _text(message: Message, part: Part, field: Field) -> str:
    return shown_text(message, field) if part.headers is message.headers else field.text


def _line_ends(raw: bytes) -> str:
    """How lines end; a CR alone ends none (RFC 5322 2.3)."""
    lines, with_returns = raw.count(b"\n"), raw.count(b"\r\n")
    if not lines:
        return "none"
    return "LF" if not with_returns else "CRLF" if with_returns == lines else "mixed"
