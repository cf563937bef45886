"""What octets really are, and what a computer makes of a file name: the questions.

Octets in steps, the cheap ones first: the table of first octets (`kinds`), the question whether it is text and then
which (`textkinds`), and last libmagic (`libmagic`), for which 50 ms of imports must be paid. Names by another table
(`extensions`). None of these is loaded for mail without attachments.
"""

from __future__ import annotations

from mailscan.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# The groups of kinds, and of names, that a policy may refuse.
EXECUTABLES = "executables"
SCRIPTS = "scripts"
SHORTCUTS = "shortcuts"
MACROS = "macros"
DISK_IMAGES = "disk-images"
ARCHIVES = "archives"
# Groups that nobody refuses by default: documents, links to web pages, and scripts that a stock system opens in an
# editor.
DOCUMENTS = "documents"
LINKS = "links"
SOURCE = "source"

# As much as libmagic is shown, and as decides whether something is text.
HEAD = 65_536
_LONGEST_NAME = 255
# BEL to CR, ESC (ISO 2022), and all that is not a C0 control or DEL.
_TEXT_OCTETS = bytes([*range(7, 14), 27, *range(32, 127), *range(128, 256)])


class Kind(Record):
    """What some octets are: a stable short `name`, `text` for people, and the `group` a policy may refuse ("" if none).

    Kinds of the group `archives` hold members; whether we can open them is `mailscan.unpack`'s to say.
    """

    __slots__ = ("name", "text", "group")

    def __init__(self, name: str, text: str, group: str = "") -> None:
        self.name = name
        self.text = text
        self.group = group


TEXT = Kind("text", "text")
ZIP = Kind("zip", "a ZIP archive", ARCHIVES)

_WITH_OCTETS = frozenset(("mail", "mbox", "mhtml", "html", "hta", "svg", "svg-script", "yenc", "uuencode"))

# The first two octets of every row of the table whose kind is of a group. They stand here too, so that text without a
# name, which is nearly all of mail, need not load it; tests/test_kinds.py holds the two equal.
_BEGINNINGS = frozenset(
    (
        b"\x00\x01", b"\x00\x05", b"\x00\xff", b"\x02!", b"\x04\"", b"\t\x00", b"\t\x02", b"\t\x04", b"\x1e\xb5",
        b"\x1f\x8b", b"\x1f\x9d", b"!<", b"\"\xb5", b"#\xb5", b"$\xb5", b"%P", b"%\xb5", b"&\xb5", b"'\xb5",
        b"(\xb5", b"-r", b"07", b"7z", b"?_", b"Ac", b"BZ", b"CO", b"CW", b"Cr", b"DA", b"E=", b"ER", b"FW", b"Fa",
        b"GR", b"IS", b"IT", b"Is", b"KD", b"KW", b"L\x00", b"LR", b"LZ", b"MS", b"MZ", b"PK", b"QF", b"RE", b"Ra",
        b"SZ", b"WL", b"ZM", b"ZW", b"`\xea", b"co", b"de", b"en", b"hs", b"q\xc7", b"sp", b"vh", b"xa", b"x\x9f",
        b"z\x1a", b"{\\", b"\x7fE", b"\x89L", b"\xa1/", b"\xa3H", b"\xc7q", b"\xca\xfe", b"\xce\xfa", b"\xcf\xfa",
        b"\xd0\xcf", b"\xe4R", b"\xed\xab", b"\xfd7", b"\xfe\xed",
    )
)  # fmt: skip


def may_begin(first: bytes) -> bool:
    """Whether a kind of any group may begin with these two octets, by the table."""
    return first in _BEGINNINGS


def by_first_octets(data: bytes) -> Kind | None:
    """The kind that the table tells, without libmagic; None where the first octets do not settle it.

    `data` may be a head: at least 4 kB where there is as much; `needs_all` says when more is wanted.
    """
    from mailscan.filetype.kinds import first_octets

    return first_octets(data)


def also(data: bytes) -> tuple[Kind, ...]:
    """What programs find in these octets whatever they begin as: disk images by descriptors and trailers, PDF.

    An image may stand behind anything that fits before it, so that one file is two things. `data` is all there is.
    """
    from mailscan.filetype.kinds import also as found

    return found(data)


def needs_all(head: bytes, names: Iterable[str] = ()) -> bool:
    """Whether what decides about these octets may stand far from their beginning.

    So it is with PE and OLE directories, with images in SVG (script), and with disk images: by how they begin, or by
    one of the `names`. Of the latter `disks.ENOUGH` octets decide, but for macOS images and virtual disks of fixed
    size, where the last ones do.
    """
    if head[:2] in (b"MZ", b"ZM") or head[:8] == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1":
        return True
    if len(head) < 512:
        return False
    if head[:1] in b"<\xef\xff" and b"<svg" in head[:1024].replace(b"\0", b""):
        return True
    from mailscan.filetype import disks

    return disks.may_begin(head) or any(named(one)[0] == DISK_IMAGES for name in names for one in endings(name))


def is_text(data: bytes) -> bool:
    """Whether the first 64 kB hold no octet that text in any ASCII-based charset has not."""
    return not data[:HEAD].translate(None, _TEXT_OCTETS)


def kind(data: bytes) -> Kind | None:
    """What the octets are: the table, then the question for text and which, then libmagic; None if nobody knows.

    Raises `FilterError` if libmagic had to be asked and is not there.
    """
    found = by_first_octets(data)
    if found is None:
        found = TEXT if is_text(data) else _text_with_octets(data) or by_libmagic(data)
    return text_kind(data) if found is TEXT else found


def _text_with_octets(data: bytes) -> Kind | None:
    """Text that holds what no text does, and is read all the same: mail carries binary parts, browsers drop a NUL."""
    found = text_kind(data)
    return found if found.name in _WITH_OCTETS else None


def text_kind(data: bytes) -> Kind:
    """Which text it is, of octets that are text: markup, mail, a script that is unmistakable …; `TEXT` if just text."""
    from mailscan.filetype.textkinds import by_text

    name = by_text(data)
    if not name:
        return TEXT
    from mailscan.filetype.kinds import KINDS

    return KINDS[name]


def script(data: bytes, names: Iterable[str], declared_type: str = "") -> Kind | None:
    """The kind of script or shortcut that text is under these names; None for other text, and for what is no text."""
    from mailscan.filetype import scripts

    return scripts.script(data, names, declared_type)


def zip_kind(names: Iterable[str]) -> Kind | None:
    """The program, package or document that a ZIP archive with these members is; None if it is just an archive."""
    from mailscan.filetype import packages

    return packages.zip_kind(names)


def by_libmagic(data: bytes) -> Kind | None:
    """libmagic's answer about the first 64 kB; None if it has none. Raises `FilterError` where libmagic is missing."""
    from mailscan.filetype import libmagic

    return libmagic.by_libmagic(data)


def examined_libmagic() -> tuple[str, str]:
    """(the version of libmagic as `5.44`, what it calls a program). Raises `FilterError` if it is of no use."""
    from mailscan.filetype import libmagic

    return libmagic.examined()


def endings(name: str) -> tuple[str, ...]:
    """The extensions (lower case, no dot) with which systems would open a file of this name; usually one, or none.

    Windows drops dots and blanks at the end, mail programs also quotes and slashes; control, bidirectional and
    invisible characters are shown to nobody; a NUL ends a name for some and not for others; on NTFS a colon begins the
    name of a stream of the file (`::$DATA` is the file itself), elsewhere it is a character as another; a class id in
    braces is as good as an extension.
    """
    readings = [name] if "\0" not in name else [name, name.partition("\0")[0]]
    # Not the colon of a drive.
    readings += [one[:at] for one in readings if (at := one.find(":", 2)) > 0]
    if len(name) > _LONGEST_NAME:
        # No file system has longer ones: whoever saves them keeps the beginning or the end.
        readings = [piece for one in readings for piece in (one[:_LONGEST_NAME], one[-_LONGEST_NAME:])]
    found: list[str] = []
    for one in readings:
        if not one.isascii():
            from mailscan.words import without_invisible

            one = without_invisible(one)
        if not one.isprintable():
            one = "".join(char for char in one if char == " " or char.isprintable())
        one = one.partition("::$")[0].rstrip(" .\"'/\\\u2800")
        ending = one.rpartition(".")[2].lower() if "." in one else ""
        if ending and ending not in found:
            found.append(ending)
    return tuple(found)


def named(ending: str) -> tuple[str, str]:
    """(group, what a file with this extension is run or opened as); ("", "") where that is of no concern."""
    from mailscan.filetype import extensions

    return extensions.named(ending)


def runs(ending: str) -> str:
    """What a file with this extension is run as, in words; "" if a double click does not run it."""
    group, what = named(ending)
    return what if group in (EXECUTABLES, SCRIPTS, SHORTCUTS) else ""


def com_may_run(data: bytes) -> bool:
    """Whether octets in a file whose name ends in `.com` may be a program.

    Such names are also hosts and addresses ("www.example.com", a saved page), and COM programs have no signature. None
    is what begins as another format, none is markup, and none is prose: a blank or a line break within 64 octets,
    which programs made of printable characters (the EICAR test file) have not. Anything else may be one.
    """
    if not data or by_first_octets(data) is not None:
        return False
    return not (is_text(data) and (data[:1] == b"<" or any(octet in data[:64].rstrip() for octet in b" \n\t")))


def disguised(names: Sequence[str], declared_type: str, kind: Kind | None, data: bytes) -> str:
    """In words, how names or the declared type hide what a file is; "" where they do not."""
    from mailscan.filetype import disguise

    return disguise.disguised(names, declared_type, kind, data)
