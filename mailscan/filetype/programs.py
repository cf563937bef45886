"""Whether octets that begin as a program are one: looks that give the name of a kind, "" where they are none."""

from __future__ import annotations

from mailscan.filetype import is_text

_MSI_CLASS = bytes.fromhex("100c0000000000c000000000000046")


def mz(data: bytes) -> str:
    """PE, NE, LE, DOS, or no program, of what begins as MZ; text is left to others."""
    # The Windows loader believes e_lfanew (at 0x3c) alone; packers leave nonsense in the rest of the DOS header.
    at = int.from_bytes(data[60:64], "little")
    signature = data[at : at + 4]
    if signature == b"PE\0\0":
        return "pe"
    if len(data) < 28 or is_text(data):
        return ""
    if at and signature[:2] == b"NE":
        return "ne"
    if at and signature[:2] in (b"LE", b"LX", b"W3", b"W4"):
        return "le"
    last_page, pages, _, header = (int.from_bytes(data[i : i + 2], "little") for i in (2, 4, 6, 8))
    # 16 octets a paragraph, 512 a page: a header longer than its file is none. libmagic calls all of "MZ" a program.
    return "mz" if last_page <= 512 and pages and 2 <= header <= pages * 32 else "not-mz"


def elf(data: bytes) -> str:
    """A program or library, or an object file, by e_type."""
    if data[4:5] not in (b"\1", b"\2") or data[5:6] not in (b"\1", b"\2"):
        return ""
    # Kernels run ET_EXEC and ET_DYN (2, 3); ET_REL is a compiler's output.
    at_type = data[16:18] if data[5] == 2 else data[17:15:-1]
    return "elf" if at_type in (b"\0\2", b"\0\3") else "elf-object"


def cafebabe(data: bytes) -> str:
    """A universal binary of macOS, or a Java class."""
    # The former has a handful of architectures here; a class file its version, whose major part begins at 45.
    count = int.from_bytes(data[4:8], "big")
    if 0 < count < 45:
        return "mach-o"
    return "java-class" if 45 <= count & 0xFFFF < 200 and len(data) > 8 else ""


def ole(data: bytes) -> str:
    """An installer package by the class id of the root directory entry ([MS-CFB] 2.2, 2.6.1), or a document."""
    shift = int.from_bytes(data[30:32], "little")
    root = (int.from_bytes(data[48:52], "little") + 1) << shift if shift in (9, 12) else 0
    class_id = data[root + 80 : root + 96]
    # 000C1082, -84, -86: transform, package, patch.
    return "msi" if class_id[:1] in (b"\x82", b"\x84", b"\x86") and class_id[1:] == _MSI_CLASS else "ole"


def swf(data: bytes) -> str:
    """Flash, by its version; "CWS" is also how a text may begin."""
    return "swf" if len(data) > 8 and 0 < data[3] < 60 and not is_text(data) else ""


def biff(data: bytes) -> str:
    """[MS-XLS] 2.4.21, and its forerunners: a sheet, a chart, a macro sheet or a workbook by the type in BOF."""
    told = data[6:8]
    if told == b"\x40\0":
        return "biff-macros"
    return "biff" if told in (b"\x10\0", b"\x20\0", b"\0\1", b"\5\0") else ""
