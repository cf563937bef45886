"""What openers ask while they work: whether octets are worth a member of their own."""

from __future__ import annotations

from mailscan.filetype import by_first_octets, needs_all
from mailscan.unpack.found import Unopened

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

# Kinds outside the groups that hold something all the same, or do something when they are opened.
_HOLDERS = frozenset(("ole", "pdf", "rtf", "onenote", "html", "svg", "mbox", "mail", "uuencode", "yenc", "binhex"))
_HEAD = 4096


def holds(data: bytes) -> bool:
    """Whether the octets begin as a program, an archive or a document that may hold others."""
    found = by_first_octets(data)
    return found is not None and (bool(found.group) or found.name in _HOLDERS)


def holds_as_read(read: Callable[[int], bytes], size: int) -> bool:
    """`holds`, reading no more than is wanted; what cannot be read at all holds nothing."""
    try:
        head = read(_HEAD)
        if needs_all(head) and size > _HEAD:
            return True
    except Unopened as error:
        head = error.partly
    return holds(head)
