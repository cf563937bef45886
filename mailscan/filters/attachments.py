"""The filter `attachments`."""

from __future__ import annotations

from mailscan import filetype
from mailscan.errors import FilterError
from mailscan.filters import Filter
from mailscan.keys import choices, count, flag, option, seconds, size, texts
from mailscan.verdict import Evidence, Finding

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mailscan.mail import Mail
    from mailscan.mime import Part
    from mailscan.outside import Outside
    from mailscan.unpack import Budget, Member

# Of what was found, and of what could not be looked at, as much as a person reads.
MOST = 20
GROUPS: tuple[str, ...] = (filetype.EXECUTABLES,)
_PLAIN = ("7bit", "8bit", "binary")
_MESSAGES = ("message/rfc822", "message/global", "message/news")


class Attachments(Filter):
    """Executables: by what the octets are, by every file name, and inside ZIP archives.

    Every part of the message is looked at, those of attached messages too. What a part is declared to be proves
    nothing. `attachments.executable` is found where the octets are a program (Windows, Unix, macOS, Java, Android, an
    installer, a shortcut), whatever the name; `attachments.executable-name` where Windows or macOS would run a file of
    that name, whatever the octets, except that `.com` is also how hosts and addresses end: a name in `.com` passes
    when the octets are text or another known format. `attachments.extension` is a name in `extensions`.

    Names are compared without regard to case, dots and blanks at their end, invisible characters, and NTFS streams;
    only the last extension counts, so `google.com!example.com!1700000000!1700086399.zip` is a ZIP archive.
    `allow` lets names pass; octets still count.

    ZIP archives are opened, one in another too, within limits. What could not be looked at (encrypted, damaged, of
    another kind, over a limit) is the note `attachments.not-scanned`; names of encrypted members are judged.
    """

    refuse = option(choices(*GROUPS), GROUPS, "groups of kinds to refuse")
    extensions = option(texts, (), 'further file names to refuse, by extension: [".iso", ".docm"]')
    allow = option(
        texts,
        (),
        'extensions (".js") and whole file names ("setup.bat") that may pass; what the octets are still counts',
    )
    archives = option(flag, True, "whether to look inside archives")
    max_members = option(count, 10_000, "how many members of all archives of a message are looked at")
    max_unpacked = option(size, 100_000_000, "how many octets are unpacked of all archives of a message")
    max_ratio = option(count, 250, "how many times its packed size a member may have, above 10 MB")
    max_depth = option(count, 8, "how many archives deep in one another are opened")
    max_seconds = option(seconds, 3.0, "how long unpacking may take for a message")

    def prepare(self) -> None:
        """Split `allow` into extensions and names."""
        self._refused = frozenset(map(_extension, self.extensions))
        self._allowed = frozenset(_extension(one) for one in self.allow if one.startswith("."))
        self._allowed_names = frozenset(one.lower() for one in self.allow if not one.startswith("."))
        if both := self._refused & self._allowed:
            raise ValueError(f'".{min(both)}" stands in extensions and in allow')
        if not self.refuse and not self._refused:
            raise ValueError("nothing is refused: give `refuse` or `extensions`")

    def check(self, mail: Mail, outside: Outside) -> Iterable[Finding]:
        """One finding for each part, and each member of an archive, that is refused; then the notes."""
        look = _Look(self, outside)
        for part in mail.message.parts:
            look.part(part)
            if len(look.findings) >= MOST:
                break
        if look.trouble is not None and not look.findings:
            raise look.trouble
        return [*look.findings, *look.told()]

    def ending(self, name: str, data: bytes | None) -> tuple[str, str]:
        """(code, why in words) if a file of this name is refused, else ("", ""). `data` is None if it is not known."""
        if self._allowed_names and name.lower() in self._allowed_names:
            return "", ""
        for ending in filetype.endings(name):
            if ending in self._allowed:
                continue
            if ending in self._refused:
                return "attachments.extension", f"the policy refuses .{ending}"
            what = filetype.runs(ending) if "executables" in self.refuse else ""
            if what and not (ending == "com" and data is not None and not filetype.com_may_run(data)):
                return "attachments.executable-name", f"would be run as {what}"
        return "", ""


class _Look:
    """One message being looked at: what has been found, what could not be looked at."""

    __slots__ = ("filter", "outside", "findings", "trouble", "_unseen", "_budget")

    def __init__(self, chosen: Attachments, outside: Outside) -> None:
        self.filter = chosen
        self.outside = outside
        self.findings: list[Finding] = []
        self.trouble: FilterError | None = None
        self._unseen: dict[tuple[str, str], tuple[Finding, int]] = {}
        self._budget: Budget | None = None

    def part(self, part: Part) -> None:
        """Judge one part, and the members of the archive that it may be."""
        if part.unread:
            self.note(part, "", "holds more parts than are read")
        if part.is_multipart:
            return
        names = part.filenames
        unnamed_text = not names and part.type.startswith("text/")
        if unnamed_text and not _worth_decoding(part):
            return
        # A message's own parts are judged by themselves, and unnamed text is shown: what they begin with is enough.
        brief = unnamed_text or part.type in _MESSAGES
        data = _octets(part)
        kind = filetype.by_first_octets(data) if brief else self.kind(data)
        self.judge(part, "", names, data, kind)
        if self.filter.archives and (kind is None or kind.group != filetype.EXECUTABLES):
            self.archive(part, data, kind, brief)

    def archive(self, part: Part, data: bytes, kind: filetype.Kind | None, brief: bool) -> None:
        """Judge the members, if the part is an archive; it may stand behind something else."""
        if not brief or kind is filetype.ZIP:
            from mailscan.unpack import holds_zip, members

            if holds_zip(data):
                for member in members(data, self.budget()):
                    self.member(part, member)
                    if len(self.findings) >= MOST:
                        return
                return
        if kind is not None and kind.group == filetype.ARCHIVES:
            self.note(part, "", f"{kind.text}, which is not opened")

    def member(self, part: Part, member: Member) -> None:
        """Judge one member of an archive."""
        data = member.head
        kind = self.kind(data)
        if filetype.needs_all(data) and (kind is None or kind.group != filetype.EXECUTABLES):
            data = member.data()
            kind = self.kind(data)
        if member.unopened:
            self.note(part, member.path, member.unopened)
        self.judge(part, member.path, member.names, data if data or not member.unopened else None, kind)

    def judge(
        self, part: Part, member: str, names: tuple[str, ...], data: bytes | None, kind: filetype.Kind | None
    ) -> None:
        """Take down the finding, if there is one, about a part or a member."""
        where = Evidence(part.path, *part.span, member)
        if kind is not None and kind.group in self.filter.refuse:
            declared = "" if member else f", declared as {_clip(part.type)},"
            self.findings.append(
                Finding(
                    f"attachments.{kind.group[:-1]}",
                    f"{_called(part, member)}{declared} is {kind.text}",
                    evidence=[where],
                )
            )
            return
        for name in names:
            code, why = self.filter.ending(name, data)
            if code:
                other = "" if member or name == names[0] else f' also called "{_clip(name)}"'
                self.findings.append(Finding(code, f"{_called(part, member)}{other}: {why}", evidence=[where]))
                return

    def kind(self, data: bytes) -> filetype.Kind | None:
        """What the octets are, libmagic being asked if need be; its absence is kept in mind."""
        try:
            return filetype.kind(data) if data else None
        except FilterError as error:
            self.trouble = error
            return None

    def budget(self) -> Budget:
        """The one budget of this message."""
        if self._budget is None:
            from mailscan.unpack import Budget

            chosen = self.filter
            self._budget = Budget(
                self.outside.remaining,
                members=chosen.max_members,
                octets=chosen.max_unpacked,
                ratio=chosen.max_ratio,
                depth=chosen.max_depth,
                seconds=chosen.max_seconds,
            )
        return self._budget

    def note(self, part: Part, member: str, why: str) -> None:
        """Keep in mind what could not be looked at, once for each part and reason."""
        key = (part.path, why)
        if key in self._unseen:
            first, more = self._unseen[key]
            self._unseen[key] = first, more + 1
        elif len(self._unseen) < MOST:
            where = Evidence(part.path, *part.span, member)
            text = f"{_called(part, member)}: {why}"
            self._unseen[key] = Finding("attachments.not-scanned", text, evidence=[where], note=True), 0

    def told(self) -> Iterator[Finding]:
        """The notes."""
        for first, more in self._unseen.values():
            if more:
                first.detail += f" (and {more} more)"
            yield first
        if self.trouble is not None:
            yield Finding("attachments.not-scanned", str(self.trouble), note=True)


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


def _called(part: Part, member: str) -> str:
    carrier = f'"{_clip(part.filenames[0])}"' if part.filenames else "a part without a name"
    return f'"{_clip(member)}" in {carrier}' if member else carrier


def _clip(text: str) -> str:
    return text if len(text) <= 200 else text[:199] + "…"


def _extension(text: str) -> str:
    ending = text.removeprefix("*").removeprefix(".").lower()
    if not ending or any(char in ending for char in "./\\* \t"):
        raise ValueError(f'"{text}" is no extension: one as ".exe" is wanted')
    return ending
