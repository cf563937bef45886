"""The other readings of odd entities: what mail clients that read leniently, or wrongly, make of the same octets.

Each odd entity is taken by itself: the fields that can be read as its own, the boundaries that divide it, the
encodings it can have, the ways to decode what is faulty. What comes out differently is a variant of that entity,
with a path of its own ("1.2~b"); variants are looked at in turn. All of it is bounded: `ambiguity.too-many`.
"""

from __future__ import annotations

from collections import deque

from mailscan.ambiguity import Ambiguity
from mailscan.look import Look
from mailscan.mime import Budget, Part
from mailscan.oddity import has_bare_cr_delimiter, is_odd

MOST_READINGS = 8
MOST_PARTS = 1_000
MOST_LEVELS = 8
# Octets that may be looked through, and kept decoded, for other readings: by the message's size, and these.
_LOOKED = 1 << 24
_KEPT = 1 << 22


def explore(root: Part) -> tuple[tuple[Part, ...], tuple[Part, ...], tuple[Ambiguity, ...]]:
    """(every part, the roots of all readings, the ambiguities) of a message, by the tree that the RFCs give."""
    explorer = Explorer(root)
    explorer.run()
    found = sorted(explorer.ambiguities.values(), key=lambda one: (one.start, one.end))
    return tuple(explorer.parts), tuple(explorer.roots), tuple(found)


class Explorer:
    """The looks at one message."""

    def __init__(self, root: Part) -> None:
        size = len(root.source)
        self.parts = list(root.walk())
        self.roots = [root]
        self.ambiguities: dict[tuple[str, str], Ambiguity] = {}
        self.known = {_likeness(part) for part in self.parts}
        self.budget = Budget(size)
        self.budget.parts = MOST_PARTS
        self.most = len(self.parts) + MOST_PARTS
        self.looked = 4 * size + _LOOKED
        self.kept = size + _KEPT
        self.variants: dict[str, int] = {}
        self.waiting: deque[tuple[Part, int]] = deque()

    def run(self) -> None:
        """Look at every entity of the first reading, then at what was found."""
        for part in list(self.parts):
            if is_odd(part) or (part is self.roots[0] and part.children and has_bare_cr_delimiter(part)):
                self.look(part, 0)
        while self.waiting:
            part, level = self.waiting.popleft()
            if is_odd(part):
                self.look(part, level)

    def look(self, part: Part, level: int) -> None:
        """Everything that is odd about one entity."""
        if level > MOST_LEVELS or self.is_full() or self.looked <= 0:
            self.say("too-many", "no more readings are followed", part)
            return
        Look(self, part, level).run()

    def is_full(self) -> bool:
        """Whether there are as many parts as may be."""
        return self.budget.parts <= 0 or len(self.parts) >= self.most

    def is_new(self, part: Part) -> bool:
        """Whether no entity with the same octets, type and names is known."""
        return _likeness(part) not in self.known

    def say(self, kind: str, detail: str, part: Part, start: int = -1, end: int = -1) -> None:
        """Take down an ambiguity, once for each kind and entity."""
        path = part.path.partition("~")[0]
        if (kind, path) not in self.ambiguities and len(self.ambiguities) < MOST_PARTS:
            low, high = part.span
            if start >= 0 and part._carrier is None:
                low, high = start, max(start, end)
            self.ambiguities[kind, path] = Ambiguity(kind, detail, part.path, low, high)

    def path(self, part: Part) -> str | None:
        """A path for one more variant of an entity; None if there are enough."""
        base = part.path
        number = self.variants.get(base, 0) + 1
        if number >= MOST_READINGS or self.is_full():
            self.say("too-many", "one entity has more readings than are followed", part)
            return None
        return f"{base}~{'abcdefgh'[number]}"

    def keep(self, variant: Part, level: int = MOST_LEVELS, *, anew: bool = False) -> bool:
        """Take in a variant with all below it, if anything of it is new; what is below is looked at in its turn.

        `anew`: so is the variant, which was read from octets of its own.
        """
        parts = list(variant.walk())
        if not any(self.is_new(part) for part in parts):
            return False
        base = variant.path.rpartition("~")[0]
        self.variants[base] = self.variants.get(base, 0) + 1
        for part in parts:
            if part is variant or self.is_new(part):
                self.known.add(_likeness(part))
                self.parts.append(part)
                if level < MOST_LEVELS and (anew or part is not variant):
                    self.waiting.append((part, level + 1))
        if "." not in variant.path:
            self.roots.append(variant)
        return True


def _likeness(part: Part) -> tuple[object, ...]:
    """What makes two entities the same to a filter."""
    own = part._data if part._data is not None and len(part._data) != part.body_end - part.body_start else b""
    return (
        id(part.source), part.body_start, part.body_end, part.type, part.filenames, part.encoding,
        len(own), hash(own), part.is_multipart,
    )  # fmt: skip
