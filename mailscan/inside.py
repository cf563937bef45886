"""What a message carries: every part and what is inside it, what each really is, and what could not be looked at.

All that asks about attachments asks here, so that a message is unpacked once, whatever the number of rules.
"""

from __future__ import annotations

from mailscan import filetype
from mailscan.errors import FilterError, OurFailure
from mailscan.filetype import Kind

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mailscan.mime import Part
    from mailscan.unpack import Budget, Member, Walk
    from mailscan.unpack.found import Unopened

_PLAIN = ("7bit", "8bit", "binary")
# Attached without a name of its own, or with one that says nothing, it is given one by its type, and opened by that.
_PAGES = ("text/html", "application/xhtml+xml", "image/svg+xml")
_MESSAGES = ("message/rfc822", "message/global", "message/news")


class Item:
    """A part, or a member of what it carries (then `path` says where in it; it is "" for the part itself).

    `names` every file name that it can be read to have, `declared` the media type ("" of a member), `kind` what it is,
    None if nobody knows, `head` its first octets, all of a part. `shown` says that it is a text or message that mail
    clients show as such, of which only the beginning was looked at.
    """

    __slots__ = ("part", "path", "names", "declared", "kind", "shown", "fault", "head", "_member")

    def __init__(self, part: Part, member: Member | None, kind: Kind | None, head: bytes, shown: bool = False) -> None:
        self.part = part
        self.path = "" if member is None else member.path
        self.names = part.filenames if member is None else member.names
        self.declared = part.type if member is None else ""
        self.kind = kind
        self.shown = shown
        # Why not all of its octets could be had, as far as was asked for them; "" if they could.
        self.fault = "" if member is None or member.fault is None else str(member.fault)
        self.head = head
        self._member = member

    def data(self) -> bytes:
        """All its octets, or those that the budget and the damage allow."""
        return self.part.data if self._member is None else self._member.data()


class Remark:
    """What is to be said of a part, or of what is at `path` in it: see `mailscan.unpack.Told`."""

    __slots__ = ("part", "path", "group", "text")

    def __init__(self, part: Part, path: str, group: str, text: str) -> None:
        self.part = part
        self.path = path
        self.group = group
        self.text = text


class Inside:
    """What one message carries, looked at as far as it is asked for, and only once however often that is.

    `trouble` is why not all of it could be: libmagic was wanted and is not there, a process could not be started.
    """

    __slots__ = ("parts", "make_budget", "opens", "trouble", "_known", "_more")

    def __init__(self, parts: tuple[Part, ...], make_budget: Callable[[], Budget], *, opens: bool = True) -> None:
        """`opens`: whether containers are opened at all; `make_budget` is called when the first one is."""
        self.parts = parts
        self.make_budget = make_budget
        self.opens = opens
        self.trouble: FilterError | None = None
        self._known: list[Item | Remark] = []
        self._more: Iterator[Item | Remark] | None = None

    def __iter__(self) -> Iterator[Item | Remark]:
        at = 0
        while True:
            if at == len(self._known) and not self._advance():
                return
            yield self._known[at]
            at += 1

    def _advance(self) -> bool:
        """Look one step further; whether there was one."""
        if self._more is None:
            self._more = self._look()
        try:
            one = next(self._more, None)
        except BaseException:
            # A rule's time ended in the middle: the next one begins anew, instead of taking this for the end.
            self._more, self._known, self.trouble = None, [], None
            raise
        if one is None:
            return False
        self._known.append(one)
        return True

    def _look(self) -> Iterator[Item | Remark]:
        walk: Walk | None = None
        for part in self.parts:
            if part.unread:
                yield Remark(part, "", "bombs", "holds more parts than are read")
            if part.is_multipart:
                continue
            # A message's own parts are looked at by themselves, and unnamed text is shown: the beginning is enough.
            text = part.type.startswith("text/") and not part.filenames and part.disposition != "attachment"
            if text and not _worth_decoding(part):
                continue
            shown = text or part.type in _MESSAGES
            data = _octets(part)
            why: Unopened | None = None
            kind = filetype.by_first_octets(data) if shown else None
            if self.opens and walk is None and (kind is not None or not shown):
                from mailscan.unpack import Walk

                walk = Walk(self.make_budget(), self._kind)
            if not shown:
                kind, why = self._kind_in_time(data, walk)
            yield Item(part, None, kind, data[: filetype.HEAD], shown)
            if why is not None:
                yield Remark(part, "", why.group, str(why))
            if walk is None or not self.opens or (shown and kind is None):
                continue
            if not shown and part.type in _PAGES and (kind is None or kind is filetype.TEXT):
                from mailscan.filetype.kinds import KINDS

                kind = KINDS["html"]
            from mailscan.unpack import Told

            try:
                for one in walk.inside(data, kind, part.filenames, behind=not shown):
                    if isinstance(one, Told):
                        yield Remark(part, one.path, one.group, one.text)
                    else:
                        yield Item(part, one, one.kind, one.head)
            except OurFailure as error:
                self.trouble = error

    def _kind_in_time(self, data: bytes, walk: Walk | None) -> tuple[Kind | None, Unopened | None]:
        """What the octets are; and why that was not found out, if there was no time for it."""
        if walk is None or len(data) <= filetype.HEAD:
            return self._kind(data), None
        from mailscan.unpack.found import Unopened

        try:
            return walk.budget.within(lambda: self._kind(data)), None
        except Unopened as error:
            return None, error

    def _kind(self, data: bytes) -> Kind | None:
        """What the octets are, libmagic being asked if need be; its absence is kept in mind."""
        try:
            return filetype.kind(data) if data else None
        except FilterError as error:
            self.trouble = error
            return None


def _worth_decoding(part: Part) -> bool:
    """Whether unnamed text begins as no text does, as far as can be told before decoding it."""
    encoding = part.encoding
    start, end = part.body_start, part.body_end
    if encoding == "quoted-printable":
        from mailscan.transfer import decode_quoted_printable

        first = decode_quoted_printable(part.source, start, min(start + 64, end))
        # Soft line breaks may put off the first octets as long as they like, and the last code be cut.
        return filetype.may_begin(first[:2]) or (len(first) < 4 and end - start > 64)
    # Of most encodings the first two octets tell nothing; those that leave octets as they are are known by name.
    return encoding not in _PLAIN or filetype.may_begin(part.source[start : min(start + 2, end)])


def _octets(part: Part) -> bytes:
    """The part's data; of a message that begins as one only the beginning, or each of its levels were a copy."""
    if part.type in _MESSAGES:
        head = part.source[part.body_start : min(part.body_end, part.body_start + 4096)]
        if filetype.by_first_octets(head) is None:
            return head
    return part.data
