"""What octets really are, and which file names a computer would run.

Three steps, the cheap ones first: a table of first octets, the question whether it is text, and last libmagic, for
which 50 ms of imports must be paid. Text is never put to libmagic: it is its slowest answer, and no kind that we
refuse by content is text.
"""

from __future__ import annotations

from mailscan.errors import FilterError
from mailscan.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

EXECUTABLES = "executables"
ARCHIVES = "archives"

# As much as libmagic is shown, and as decides whether something is text.
HEAD = 65_536


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
_PE = Kind("pe", "a Windows program (PE)", EXECUTABLES)
_NE = Kind("ne", "a 16-bit Windows or OS/2 program (NE)", EXECUTABLES)
_LE = Kind("le", "an OS/2 program or Windows driver (LE)", EXECUTABLES)
_DOS = Kind("mz", "a DOS program (MZ)", EXECUTABLES)
_NOT_MZ = Kind("not-mz", "octets that begin as MZ and are no program")
_ELF = Kind("elf", "a Unix program (ELF)", EXECUTABLES)
_ELF_OTHER = Kind("elf-object", "an ELF object or core file, which cannot be run")
_MACH_O = Kind("mach-o", "a macOS program (Mach-O)", EXECUTABLES)
_JAVA = Kind("java-class", "a Java class", EXECUTABLES)
_MSI = Kind("msi", "a Windows installer package (MSI)", EXECUTABLES)
_OLE = Kind("ole", "an OLE document")
_TAR = Kind("tar", "a tar archive", ARCHIVES)
_MP4 = Kind("mp4", "MP4 or QuickTime media")
_BMP = Kind("bmp", "a Windows bitmap")
_PKCS7 = Kind("pkcs7", "a CMS (S/MIME) object")


def _mz(data: bytes) -> Kind | None:
    # The Windows loader believes e_lfanew (at 0x3c) alone; packers leave nonsense in the rest of the DOS header.
    at = int.from_bytes(data[60:64], "little")
    signature = data[at : at + 4]
    if signature == b"PE\0\0":
        return _PE
    if len(data) < 28 or not data[:HEAD].translate(None, _TEXT_OCTETS):
        return None
    if at and signature[:2] == b"NE":
        return _NE
    if at and signature[:2] in (b"LE", b"LX", b"W3", b"W4"):
        return _LE
    last_page, pages, _, header = (int.from_bytes(data[i : i + 2], "little") for i in (2, 4, 6, 8))
    # 16 octets a paragraph, 512 a page: a header longer than its file is none. libmagic calls all of "MZ" a program.
    return _DOS if last_page <= 512 and pages and 2 <= header <= pages * 32 else _NOT_MZ


def _elf(data: bytes) -> Kind | None:
    if data[4:5] not in (b"\1", b"\2") or data[5:6] not in (b"\1", b"\2"):
        return None
    # e_type: kernels run ET_EXEC and ET_DYN; ET_REL (2,3 are the former two) is a compiler's output.
    order: Any = "little" if data[5] == 1 else "big"
    return _ELF if int.from_bytes(data[16:18], order) in (2, 3) else _ELF_OTHER


def _cafebabe(data: bytes) -> Kind | None:
    # A universal binary has a handful of architectures here; a class file its version, whose major part begins at 45.
    count = int.from_bytes(data[4:8], "big")
    if 0 < count < 45:
        return _MACH_O
    return _JAVA if 45 <= count & 0xFFFF < 200 and len(data) > 8 else None


def _ole(data: bytes) -> Kind | None:
    # [MS-CFB] 2.2, 2.6.1: the class id of the root directory entry. 000C1082, -84, -86: transform, package, patch.
    shift = int.from_bytes(data[30:32], "little")
    root = (int.from_bytes(data[48:52], "little") + 1) << shift if shift in (9, 12) else 0
    class_id = data[root + 80 : root + 96]
    is_msi = class_id[:1] in (b"\x82", b"\x84", b"\x86") and class_id[1:] == _MSI_CLASS
    return _MSI if is_msi else _OLE


_MSI_CLASS = bytes.fromhex("100c0000000000c000000000000046")


def _bmp(data: bytes) -> Kind | None:
    return _BMP if data[6:10] == b"\0\0\0\0" else None


def _der(data: bytes) -> Kind | None:
    return _PKCS7 if b"\x2a\x86\x48\x86\xf7\x0d\x01\x07" in data[:20] else None


# First octets, and the kind they mean, or what looks further. The many innocent ones keep libmagic unasked.
_FIRST_OCTETS: tuple[tuple[bytes, Kind | Callable[[bytes], Kind | None]], ...] = (
    (b"MZ", _mz),
    (b"ZM", _mz),
    (b"\x7fELF", _elf),
    (b"\xca\xfe\xba\xbe", _cafebabe),
    (b"\xca\xfe\xba\xbf", _MACH_O),
    (b"\xfe\xed\xfa\xce", _MACH_O),
    (b"\xfe\xed\xfa\xcf", _MACH_O),
    (b"\xce\xfa\xed\xfe", _MACH_O),
    (b"\xcf\xfa\xed\xfe", _MACH_O),
    (b"dex\n03", Kind("dex", "an Android program (DEX)", EXECUTABLES)),
    (bytes.fromhex("4c0000000114020000000000c000000000000046"), Kind("lnk", "a Windows shortcut (LNK)", EXECUTABLES)),
    (b"ITSF\3\0\0\0", Kind("chm", "compiled Windows help (CHM), which runs script", EXECUTABLES)),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", _ole),
    (b"PK\3\4", ZIP),
    (b"PK\5\6", ZIP),
    (b"PK\7\x08PK", ZIP),
    (b"PK00PK", ZIP),
    (b"\x1f\x8b\x08", Kind("gzip", "gzip-compressed data", ARCHIVES)),
    (b"BZh", Kind("bzip2", "bzip2-compressed data", ARCHIVES)),
    (b"\xfd7zXZ\0", Kind("xz", "xz-compressed data", ARCHIVES)),
    (b"\x28\xb5\x2f\xfd", Kind("zstd", "Zstandard-compressed data", ARCHIVES)),
    (b"\x1f\x9d", Kind("compress", "compress(1) data", ARCHIVES)),
    (b"7z\xbc\xaf\x27\x1c", Kind("7z", "a 7z archive", ARCHIVES)),
    (b"Rar!\x1a\x07", Kind("rar", "a RAR archive", ARCHIVES)),
    (b"MSCF\0\0\0\0", Kind("cab", "a Windows cabinet", ARCHIVES)),
    (b"SZDD\x88\xf0\x27\x33", Kind("szdd", "a file compressed by MS-DOS", ARCHIVES)),
    (b"!<arch>", Kind("ar", "an ar or Debian package archive", ARCHIVES)),
    (b"xar!", Kind("xar", "a xar archive (macOS package)", ARCHIVES)),
    (b"\xed\xab\xee\xdb", Kind("rpm", "an RPM package", ARCHIVES)),
    (b"\x78\x9f\x3e\x22", Kind("tnef", "a TNEF attachment (winmail.dat)", ARCHIVES)),
    (b"\x89PNG\r\n\x1a\n", Kind("png", "a PNG image")),
    (b"\xff\xd8\xff", Kind("jpeg", "a JPEG image")),
    (b"GIF8", Kind("gif", "a GIF image")),
    (b"BM", _bmp),
    (b"II*\0", Kind("tiff", "a TIFF image")),
    (b"MM\0*", Kind("tiff", "a TIFF image")),
    (b"\x00\x00\x01\x00", Kind("ico", "an icon")),
    (b"\xd7\xcd\xc6\x9a\x00\x00", Kind("wmf", "a Windows metafile")),
    (b"\x01\x00\x09\x00\x00\x03", Kind("wmf", "a Windows metafile")),
    (b"RIFF", Kind("riff", "RIFF media (WebP, WAV, AVI)")),
    (b"OggS\0", Kind("ogg", "Ogg media")),
    (b"ID3", Kind("mp3", "MP3 audio")),
    (b"\xff\xfb", Kind("mp3", "MP3 audio")),
    (b"\x00\x00\x01\xba", Kind("mpeg", "MPEG media")),
    (b"\x00\x00\x01\xb3", Kind("mpeg", "MPEG media")),
    (b"\x30\x26\xb2\x75", Kind("asf", "Windows media")),
    (b"MThd\0\0", Kind("midi", "MIDI music")),
    (b"%PDF-", Kind("pdf", "a PDF document")),
    (b"%!PS", Kind("postscript", "a PostScript document")),
    (b"\xc5\xd0\xd3\xc6", Kind("postscript", "a PostScript document")),
    (b"{\\rt", Kind("rtf", "an RTF document")),
    (b"\x30\x80", _der),
    (b"\x30\x82", _der),
    (b"\x30\x83", _der),
    (b"\x00\x05\x16\x07", Kind("appledouble", "the Macintosh side of a file (AppleDouble)")),
    (b"\x00\x05\x16\x00", Kind("applesingle", "a Macintosh file (AppleSingle)", ARCHIVES)),
    (b"wOF2", Kind("font", "a font")),
    (b"\xef\xbb\xbf", TEXT),
    (b"\xff\xfe", TEXT),
    (b"\xfe\xff", TEXT),
)

_BY_TWO: dict[bytes, list[tuple[bytes, Kind | Callable[[bytes], Kind | None]]]] = {}
for _octets, _meaning in _FIRST_OCTETS:
    _BY_TWO.setdefault(_octets[:2], []).append((_octets, _meaning))

# BEL to CR, ESC (ISO 2022), and all that is not a C0 control or DEL.
_TEXT_OCTETS = bytes([*range(7, 14), 27, *range(32, 127), *range(128, 256)])

# libmagic's answers that are programs. application/x-dosexec is not among them: what begins as MZ is settled above, and
# the rest of that answer is "DOS executable (COM)", which 1 of 100 random octet strings gets (measured with 5.44).
MAGIC_EXECUTABLES = frozenset(
    (
        "application/vnd.microsoft.portable-executable",
        "application/x-ms-ne-executable",
        "application/x-lx-executable",
        "application/x-ms-w3-executable",
        "application/x-ms-w4-executable",
        "application/x-dosdriver",
        "application/x-executable",
        "application/x-pie-executable",
        "application/x-sharedlib",
        "application/x-mach-binary",
        "application/x-msi",
        "application/x-ms-shortcut",
        "application/vnd.ms-htmlhelp",
        "application/x-java-applet",
        "application/vnd.android.package-archive",
        "application/vnd.symbian.install",
        "x-epoc/x-sisx-app",
    )
)


def by_first_octets(data: bytes) -> Kind | None:
    """The kind that the table tells, without libmagic; None where the first octets do not settle it.

    `data` may be a head: at least 4 kB where there is as much; `needs_all` says when more is wanted.
    """
    rows = _BY_TWO.get(data[:2])
    if rows:
        for octets, meaning in rows:
            if data.startswith(octets):
                found = meaning if isinstance(meaning, Kind) else meaning(data)
                if found is not None:
                    return found
    if data[257:262] == b"ustar":
        return _TAR
    if data[4:8] == b"ftyp":
        return _MP4
    return None


def may_begin(first: bytes) -> bool:
    """Whether any row of the table begins with these two octets."""
    return first in _BY_TWO


def needs_all(head: bytes) -> bool:
    """Whether what decides about these octets may stand far from their beginning: PE and OLE directories."""
    return head[:2] in (b"MZ", b"ZM") or head[:8] == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def is_text(data: bytes) -> bool:
    """Whether the first 64 kB hold no octet that text in any ASCII-based charset has not."""
    return not data[:HEAD].translate(None, _TEXT_OCTETS)


def kind(data: bytes) -> Kind | None:
    """What the octets are: the table, then the question for text, then libmagic; None if nobody knows.

    Raises `FilterError` if libmagic had to be asked and is not there.
    """
    found = by_first_octets(data)
    if found is not None:
        return found
    return TEXT if is_text(data) else by_libmagic(data)


_magic: Any = None


def by_libmagic(data: bytes) -> Kind | None:
    """libmagic's answer about the first 64 kB; None if it has none. Raises `FilterError` where libmagic is missing."""
    global _magic
    if _magic is None:
        _magic = _open_libmagic()
    try:
        mime = str(_magic.from_buffer(data[:HEAD]))
    except Exception:  # noqa: BLE001 - MagicException, known only where magic is: it gave up on these very octets
        return None
    if mime == "application/octet-stream":
        return None
    return Kind(mime, mime, EXECUTABLES if mime in MAGIC_EXECUTABLES else "")


def libmagic_version() -> str:
    """The version of libmagic as `5.44`, for people. Raises `FilterError` if there is none."""
    number = _import_magic().version()
    return f"{number // 100}.{number % 100:02}"


def _open_libmagic() -> Any:
    magic = _import_magic()
    try:
        return magic.Magic(mime=True)
    except Exception as error:  # noqa: BLE001 - MagicException, as above
        raise FilterError(f"libmagic cannot read its database ({error}): install it (Debian: libmagic-mgc)") from None


def _import_magic() -> Any:
    try:
        magic = _magic_or_bundled()
    except (ImportError, OSError, AttributeError) as error:
        raise FilterError(
            f"cannot use libmagic ({error}): install it (Debian: libmagic1) and `pip install python-magic`, "
            "or `pip install pylibmagic`, which brings it along"
        ) from None
    # The bindings that come with file(1), file-magic on PyPI, are another module of the same name.
    if not hasattr(magic, "Magic") or not hasattr(magic, "from_buffer"):
        raise FilterError(
            f"the module magic at {getattr(magic, '__file__', '?')} is not python-magic: "
            "`pip uninstall file-magic` and `pip install python-magic`"
        )
    return magic


def _magic_or_bundled() -> Any:
    """python-magic on the system's libmagic; on pylibmagic's where there is none."""
    import os

    try:
        import magic

        return magic
    except ImportError as error:
        if "libmagic" not in str(error):
            raise
    # pylibmagic patches the search path and the environment when imported. LD_LIBRARY_PATH must not reach programs that
    # a filter starts; MAGIC, where the database lies, is read at every opening and may.
    before = {name: os.environ.get(name) for name in ("LD_LIBRARY_PATH", "LIBRARY_PATH", "DYLD_LIBRARY_PATH")}
    try:
        import pylibmagic  # noqa: F401, I001 - it must come first
        import magic
    except (ImportError, OSError) as error:
        raise ImportError(f"failed to find libmagic, and none is bundled: {error}") from None
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
    return magic


# What Windows, macOS or a Java runtime starts when a person opens a file so called. Not here: names that open in an
# editor or viewer by default (py, sh, inf, txt), links that only name a place (url), certificates and databases.
_RUNS = {
    "exe com scr pif cpl xll ocx dll appimage": "a program",
    "bat cmd ps1": "a command script",
    "vbs vbe vb js jse ws wsf wsc wsh sct": "a Windows script",
    "hta chm xbap msc gadget": "an application in a document",
    "lnk scf settingcontent-ms": "a Windows shortcut",
    "msi msp mst msu msix msixbundle appx appxbundle appinstaller application appref-ms diagcab": "a Windows installer",
    "reg": "changes to the Windows registry",
    "shs shb": "a Windows scrap object",
    "jar jnlp": "a Java program",
    "apk": "an Android package",
    "pkg mpkg command terminal": "something macOS runs or installs",
}
EXECUTABLE_NAMES: dict[str, str] = {one: what for names, what in _RUNS.items() for one in names.split()}


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


def runs(ending: str) -> str:
    """What a file with this extension is run as, in words; "" if a double click does not run it."""
    if len(ending) == 38 and ending[0] == "{" and ending[-1] == "}":
        return "whatever its class id names"
    return EXECUTABLE_NAMES.get(ending, "")


def com_may_run(data: bytes) -> bool:
    """Whether octets in a file whose name ends in `.com` may be a program.

    Such names are also hosts and addresses ("www.example.com", a saved page), and COM programs have no signature. None
    is what begins as another format, none is markup, and none is prose: a blank or a line break within 64 octets,
    which programs made of printable characters (the EICAR test file) have not. Anything else may be one.
    """
    if not data or by_first_octets(data) is not None:
        return False
    return not (is_text(data) and (data[:1] == b"<" or any(octet in data[:64].rstrip() for octet in b" \n\t")))
