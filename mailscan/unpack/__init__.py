"""What is inside a file: the members of containers, and theirs, as far as the budget of a message allows.

Openers in this package know one kind of container each (`mailscan.unpack.found`); here it is said who opens what, and
they are walked through depth first. Nothing is ever written to a disk, and no octets make this raise.
"""

from __future__ import annotations

from mailscan import filetype
from mailscan.filetype import ARCHIVES, DISK_IMAGES, Kind
from mailscan.record import Record
from mailscan.unpack import bynames
from mailscan.unpack.budget import Budget as Budget
from mailscan.unpack.found import BOMBS, NOT_OPENED, Found, Remark, Unopened

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Opener = Callable[[bytes, Budget], Iterator[Found | Remark]]

# Enough of a member to tell what it is, for most kinds.
HEAD = 4096
# What a member may grow to whatever its ratio: small things compress as they like.
ANY_RATIO = 10_000_000
# Of a name of up to 64 kB, as much as file systems take stands in a path.
_LONGEST_NAME = 255
# Who opens what: (module, function). Of other kinds, and of what these give up, `mailscan.unpack.foreign` is asked.
OPENERS: dict[str, tuple[str, str]] = {
    "zip": ("zippackage", "open_package"),
    "tar": ("tars", "open_tar"),
    "cpio": ("cpio", "open_cpio"),
    "rpm": ("cpio", "open_rpm"),
    "ar": ("ars", "open_ar"),
    "gzip": ("streams", "open_gzip"),
    "bzip2": ("streams", "open_bzip2"),
    "xz": ("streams", "open_xz"),
    "lzma": ("streams", "open_lzma"),
    "lzip": ("streams", "open_lzip"),
    "zstd": ("streams", "open_zstd"),
    "lz4": ("lz4", "open_lz4"),
    "lzop": ("lz4", "open_lzop"),
    "compress": ("lzw", "open_compress"),
    "szdd": ("dos", "open_szdd"),
    "kwaj": ("dos", "open_kwaj"),
    "applesingle": ("apple", "open_apple"),
    "appledouble": ("apple", "open_apple"),
    "macbinary": ("apple", "open_macbinary"),
    "sis": ("sis", "open_sis"),
    "uuencode": ("texts", "open_uuencode"),
    "yenc": ("texts", "open_uuencode"),
    "binhex": ("texts", "open_binhex"),
    "pkcs7": ("cms", "open_cms"),
    "mail": ("texts", "open_mail"),
    "mhtml": ("texts", "open_mail"),
    "mbox": ("texts", "open_mbox"),
    "html": ("html", "open_html"),
    "hta": ("html", "open_html"),
    "svg": ("html", "open_html"),
    "svg-script": ("html", "open_html"),
    "office-xml": ("officexml", "open_office_xml"),
    "activemime": ("officexml", "open_active_mime"),
    "slk": ("sheettext", "sylk"),
    "slk-macros": ("sheettext", "sylk"),
    "biff": ("biff", "workbook"),
    "biff-macros": ("biff", "workbook"),
    "ole": ("ole", "open_ole"),
    "msi": ("ole", "open_ole"),
    "rtf": ("rtf", "open_rtf"),
    "pdf": ("pdf", "open_pdf"),
    "tnef": ("tnef", "open_tnef"),
    "onenote": ("onenote", "open_onenote"),
    "cab": ("cabs", "open_cab"),
    "iso": ("isos", "open_iso"),
    "udf": ("isos", "open_iso"),
    "rar": ("rars", "open_rar"),
}
# A compression around one file is a quarter of a container: what is sent is .tar.gz in .tar.gz.
_COMPRESSIONS = frozenset(("gzip", "bzip2", "xz", "lzma", "lzip", "zstd", "lz4", "lzop", "compress", "szdd", "kwaj"))
_TABLES = frozenset(("csv", "tsv", "tab", "prn", "dif"))
_TARS = ("tgz", "taz", "tbz", "tbz2", "txz", "tlz", "tzst")
FOREIGN = frozenset(
    (
        "7z",
        "dmg",
        "vhd",
        "vhdx",
        "vmdk",
        "wim",
        "squashfs",
        "lha",
        "arj",
        "xar",
        "chm",
        "zip",
        "tar",
        "cpio",
        "ar",
        "rpm",
    )
)


class Told(Record):
    """What is to be said of the container at `path` ("" for the file itself), or of its member there.

    `group` is one of the words of `mailscan.unpack.found`, or the group of a `Kind`; `text` is for people.
    """

    __slots__ = ("path", "group", "text")

    def __init__(self, path: str, group: str, text: str) -> None:
        self.path = path
        self.group = group
        self.text = text


class Member:
    """One member of a container.

    `path` is its name behind those of the containers around it; `names` every name it can be read to have; `head` its
    first 4 kB or more; `kind` what they are, None if nobody knows; `fault` why not all of its octets could be had.
    """

    __slots__ = ("path", "names", "head", "kind", "fault", "found", "_budget", "_whole")

    def __init__(self, path: str, names: tuple[str, ...], found: Found, budget: Budget) -> None:
        self.path = path
        self.names = names
        self.head = b""
        self.kind: Kind | None = None
        self.fault: Unopened | None = None
        self.found = found
        self._budget = budget
        self._whole: bytes | None = None

    def data(self) -> bytes:
        """All its octets, or those that the budget and the damage allow; `fault` then says why there are no more."""
        if self._whole is None:
            ratio, packed = self._budget.ratio, self.found.packed
            whole = max(ANY_RATIO, packed * ratio)
            self._whole = self.read(whole)
            if self.fault is None and len(self._whole) >= whole:
                self.fault = Unopened(f"it grows to more than {ratio} times its size", BOMBS)
        return self._whole

    def read(self, most: int) -> bytes:
        """Up to `most` octets, as `data`."""
        budget = self._budget
        allowed = min(most, budget.octets)
        try:
            data = budget.reading(lambda: self.found.read(allowed), little=allowed <= HEAD)
        except Unopened as error:
            # Anew: a kept traceback holds the frame that holds us, and a child of an opener would live on.
            self.fault = Unopened(str(error), error.group)
            budget.octets -= len(error.partly)
            return error.partly[:allowed]
        budget.octets -= len(data)
        if len(data) >= allowed < most:
            self.fault = Unopened("more octets than are unpacked of one message", budget.group_of_octets())
        return data

    def pass_over(self, why: Unopened) -> None:
        """Judge it by its names alone; of its octets none are read."""
        self.fault = why
        self._whole = b""

    def forget(self) -> None:
        """Let go of its octets, but not of what they are."""
        self._whole = None


class File(Record):
    """A file that is opened: its octets, what it is, and how it is called; `depth` counts the containers around it."""

    __slots__ = ("data", "kind", "names", "path", "depth")

    def __init__(self, data: bytes, kind: Kind | None, names: tuple[str, ...], path: str, depth: float) -> None:
        self.data = data
        self.kind = kind
        self.names = names
        self.path = path
        self.depth = depth


class Walk:
    """A walk through what one message carries. `kind_of` says what octets are; what they are taken for steers it."""

    __slots__ = ("budget", "kind_of")

    def __init__(self, budget: Budget, kind_of: Callable[[bytes], Kind | None]) -> None:
        self.budget = budget
        self.kind_of = kind_of

    def inside(
        self, data: bytes, kind: Kind | None, names: tuple[str, ...] = (), *, behind: bool = True
    ) -> Iterator[Member | Told]:
        """The members of a file, and theirs, depth first, and what is to be said of each container.

        `names` are the file's; `behind`: whether a ZIP archive is looked for behind something else, too.
        """
        self.budget.carried += len(data)
        try:
            openers = self.budget.within(lambda: self._openers(data, kind, names, behind))
        except Unopened as error:
            yield Told("", error.group, str(error))
            return
        yield from self._inside(File(data, kind, names, "", 0.0), openers)

    def _openers(self, data: bytes, kind: Kind | None, names: tuple[str, ...], behind: bool) -> list[Opener]:
        """Who can open it: what it is, what else it can be taken for, and what stands behind it."""
        openers: list[Opener] = []
        if kind is not None and opens(kind):
            openers.append(opener(kind.name))
        elif kind is filetype.TEXT and names:
            openers += _openers_of_text(data, names)
        elif behind or (kind is not None and kind.name == "pe"):
            openers.append(open_sfx)
        if names and (other := bynames.kind_of(names)) and (kind is None or kind.name not in bynames.THE_SAME[other]):
            openers.append(opener(other))
        openers += [opener(one.name) for one in filetype.also(data) if one is not kind and opens(one)]
        if behind and (kind is None or kind.name != "zip"):
            from mailscan.unpack.zips import holds_zip

            if holds_zip(data):
                found = opener("zip")
                # PowerPoint keeps ZIPs in the sectors of its files, in pieces: those are found by their streams.
                openers.append(_what_is_sound(found) if kind is not None and kind.name == "ole" else found)
        return openers

    def _inside(self, file: File, openers: list[Opener]) -> Iterator[Member | Told]:
        kind, path = file.kind, file.path
        if not openers or openers == [open_sfx]:
            if kind is not None and kind.group in (ARCHIVES, DISK_IMAGES):
                yield Told(path, NOT_OPENED, f"{kind.text}, which is not opened")
            elif (kind is None or "/" in kind.name) and (why := bynames.not_known(file.names)):
                yield Told(path, NOT_OPENED, why)
        file.depth += 0.25 if kind is not None and kind.name in _COMPRESSIONS else 1.0
        if openers and file.depth > self.budget.depth:
            yield Told(path, BOMBS, f"containers more than {self.budget.depth} deep in each other")
            return
        for one in openers:
            yield from self._opened(one, file)

    def _opened(self, chosen: Opener, file: File) -> Iterator[Member | Told]:
        """The members that one opener finds, and what is inside them; names only of those beyond a limit."""
        budget = self.budget
        beyond: dict[str, Unopened] = {}
        listed = chosen(file.data, budget)
        try:
            while (one := budget.within(lambda: next(listed, None))) is not None:
                if isinstance(one, Remark):
                    yield Told(_joined(file.path, one.name), one.group, one.text)
                    continue
                member = self._named(one, file)
                if (why := budget.take_member(member.names)) is None:
                    yield from self._member(member, file.depth)
                else:
                    beyond.setdefault(str(why), why)
                    member.pass_over(why)
                    yield member
        except Unopened as error:
            beyond.setdefault(str(error), error)
        for why in beyond.values():
            yield Told(file.path, why.group, str(why))

    def _named(self, one: Found, file: File) -> Member:
        # What has no name of its own is shown under that of its container; only a decompressor saves it so.
        called = one.names or tuple(dict.fromkeys(map(_unpacked, file.names)))
        names = one.names or (called if _names_its_file(file.kind) else ())
        return Member(_joined(file.path, called[0] if called else "?"), names, one, self.budget)

    def _member(self, member: Member, depth: float) -> Iterator[Member | Told]:
        """One member, and what is inside it."""
        openers: list[Opener] = []
        member.head = member.read(HEAD)
        try:
            if member.head:
                member.kind = self._kind_of(member)
        except Unopened as error:
            member.fault = member.fault or error
        yield member
        try:
            if member.head and self._is_wanted(member):
                openers = self._openers_of(member)
        except Unopened as error:
            member.fault = member.fault or error
        if member.fault is not None:
            yield Told(member.path, member.fault.group, str(member.fault))
        data = member.data() if openers else b""
        member.forget()
        if member.head:
            yield from self._inside(File(data, member.kind, member.names, member.path, depth), openers)

    def _kind_of(self, member: Member) -> Kind | None:
        kind = self.kind_of(member.head)
        if not filetype.needs_all(member.head, member.names):
            return kind
        data = member.data()
        return self.budget.within(lambda: self.kind_of(data))

    def _is_wanted(self, member: Member) -> bool:
        """Whether something may be in it: by what it is, and by its name, since an archive may have anything before it.

        Not of every member, which were to unpack all.
        """
        kind, names = member.kind, member.names
        if bynames.is_archive(names) or opens(kind) or (kind is not None and kind.name == "pe"):
            return True
        return bool(bynames.kind_of(names)) or (kind is filetype.TEXT and bool(_openers_of_text(member.head, names)))

    def _openers_of(self, member: Member) -> list[Opener]:
        data, behind = member.data(), bynames.is_archive(member.names)
        openers = self.budget.within(lambda: self._openers(data, member.kind, member.names, behind))
        if openers and member.found.opened is not None:
            member.found.opened()
        return openers


def opens(kind: Kind | None) -> bool:
    """Whether anybody opens files of that kind."""
    return kind is not None and (kind.name in OPENERS or kind.name in FOREIGN)


def opener(kind_name: str) -> Opener:
    """Who opens files of that kind: our own, and what that gives up other people's; one of the two must know it."""

    def foreign(data: bytes, budget: Budget) -> Iterator[Found | Remark]:
        from mailscan.unpack.foreign import open_foreign

        return open_foreign(data, budget, kind_name)

    if kind_name not in OPENERS:
        return foreign
    module, function = OPENERS[kind_name]
    own: Opener = getattr(__import__(f"mailscan.unpack.{module}", fromlist=[function]), function)
    return own if kind_name not in FOREIGN else _first_of(own, foreign)


def _openers_of_text(data: bytes, names: tuple[str, ...]) -> list[Opener]:
    """Text with a name: a table for Excel, which computes what is in it, or a file as base64."""
    from mailscan.unpack.texts import holds_known, looks_like_base64, open_base64, open_calendar

    openers: list[Opener] = []
    if not _TABLES.isdisjoint(ending for name in names for ending in filetype.endings(name)):
        from mailscan.unpack.sheettext import csv

        openers.append(csv)
    if data[:64].lstrip(b"\xef\xbb\xbf \t\r\n")[:15].upper() == b"BEGIN:VCALENDAR":
        openers.append(open_calendar)
    if looks_like_base64(data) and holds_known(data):
        openers.append(open_base64)
    return openers


def _first_of(own: Opener, foreign: Opener) -> Opener:
    def either(data: bytes, budget: Budget) -> Iterator[Found | Remark]:
        found = False
        try:
            for one in own(data, budget):
                found = found or isinstance(one, Found)
                yield one
        except Unopened as error:
            if found or error.group != NOT_OPENED:
                raise
        else:
            return
        yield from foreign(data, budget)

    return either


def open_sfx(data: bytes, budget: Budget) -> Iterator[Found | Remark]:
    """The archive that unpacks itself: as one member, if a program has one behind it."""
    from mailscan.unpack.foreign import find_sfx

    at = find_sfx(data)
    if at is not None:
        yield Found(("archive",), len(data) - at, lambda most: data[at : at + most])


def _what_is_sound(chosen: Opener) -> Opener:
    """The same, but for what cannot be read: of a container that may well be none."""

    def sound(data: bytes, budget: Budget) -> Iterator[Found | Remark]:
        for one in chosen(data, budget):
            try:
                if isinstance(one, Found):
                    one.read(HEAD)
                elif one.group == NOT_OPENED:
                    continue
            except Unopened as error:
                if error.group == NOT_OPENED:
                    continue
            yield one

    return sound


def _names_its_file(kind: Kind | None) -> bool:
    """Whether what comes out of a file of that kind is called as the file was, less its last extension."""
    return kind is filetype.TEXT or (kind is not None and kind.name in _COMPRESSIONS)


def _unpacked(name: str) -> str:
    """How a program that unpacks a file of that name calls what comes out."""
    base, dot, ending = name.rpartition("/")[2].rpartition(".")
    if not dot:
        return name
    return base + (".tar" if ending.lower() in _TARS else "")


def _joined(path: str, name: str) -> str:
    name = name[:_LONGEST_NAME]
    return f"{path}/{name}" if path and name else path or name
