"""What an opener of containers yields: the members that it found, and what is to be said of the container itself.

An opener is a function `(data: bytes, budget: Budget) -> Iterator[Found | Remark]` in a module of this package,
named in `mailscan.unpack.OPENERS`. It lists what a container of one kind holds and decodes a member when asked; who
walks through containers in one another, keeps the paths and judges, is `mailscan.unpack`.
"""

from __future__ import annotations

from mailscan.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

# What may be said of a container or a member. The first two are said by `mailscan.unpack` itself wherever an opener
# raises `Unopened`; all are groups that a policy may refuse (`mailscan.filters.attachments`).
NOT_OPENED = "not-opened"
OVER_LIMIT = "over-limit"
# Over a limit that no honest mail reaches: to a policy that does not speak of it, it is `OVER_LIMIT`.
BOMBS = "bombs"
ENCRYPTED_ARCHIVE = "encrypted-archives"
ENCRYPTED_DOCUMENT = "encrypted-documents"
MACROS = "macros"
AUTO_MACROS = "auto-macros"
REMOTE = "remote-content"
ACTIVE = "active-content"


class Unopened(Exception):
    """A container, or a member, could not be opened, or not to its end. `str()` says why, for people.

    `group` is one of the words above: why in one word. `partly` are the octets that could be had before the fault.
    """

    def __init__(self, why: str, group: str = NOT_OPENED, partly: bytes = b"") -> None:
        super().__init__(why)
        self.group = group
        self.partly = partly


class Found:
    """One member of a container.

    `names`: every file name that it can be read to have, the likeliest first, any text; with folders, "/" between.
    `packed`: how many octets of the container it takes, 0 where that cannot be said (its ratio is not asked then).
    `read(most)`: up to `most` of its octets, from the first; fewer only if it has no more. May be called again, with
    another `most`. Raises `Unopened`.
    `opened`, if there is one, is called before the member is opened as a container of its own.
    """

    __slots__ = ("names", "packed", "read", "opened")

    def __init__(
        self,
        names: tuple[str, ...],
        packed: int,
        read: Callable[[int], bytes],
        opened: Callable[[], None] | None = None,
    ) -> None:
        self.names = names
        self.packed = packed
        self.read = read
        self.opened = opened


class Remark(Record):
    """What is to be said of a container as such: its `group` (one of the words above), and `text` for people.

    Of ones that could not be listed, wholly or in part, it is `NOT_OPENED`; `name` is the member's that it is about.
    """

    __slots__ = ("group", "text", "name")

    def __init__(self, group: str, text: str, name: str = "") -> None:
        self.group = group
        self.text = text
        self.name = name
