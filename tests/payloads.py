"""Harmless octets that have the form of programs and documents, and messages that carry them."""

from __future__ import annotations

import io
import struct
import zipfile
from email.message import EmailMessage

PE = (b"MZ\x90\0\3\0\0\0\4\0\0\0\xff\xff\0\0\xb8\0\0\0" + b"\0" * 40 + struct.pack("<I", 128)).ljust(128, b"\0") + (
    b"PE\0\0\x4c\1\0\0".ljust(96, b"\0")
)
DOS = struct.pack("<2s13H", b"MZ", 200, 1, 0, 2, 0, 0xFFFF, 0, 0xB8, 0, 0, 0, 0x1C, 0).ljust(200, b"\x90")
NE = PE[:128] + b"NE\5\x0a".ljust(64, b"\0")
ELF = b"\x7fELF\2\1\1\0" + b"\0" * 8 + b"\2\0\x3e\0\1\0\0\0".ljust(48, b"\0")
ELF_OBJECT = ELF[:16] + b"\1\0" + ELF[18:]
ELF_BIG_ENDIAN = b"\x7fELF\1\2\1\0" + b"\0" * 8 + b"\0\2\0\x14".ljust(36, b"\0")
MACH_O = b"\xcf\xfa\xed\xfe\7\0\0\1\3\0\0\0\2\0\0\0".ljust(64, b"\0")
UNIVERSAL = b"\xca\xfe\xba\xbe\0\0\0\2\1\0\0\7".ljust(64, b"\0")
JAVA_CLASS = b"\xca\xfe\xba\xbe\0\0\0\x34\0\x10".ljust(64, b"\0")
LNK = bytes.fromhex("4c0000000114020000000000c000000000000046").ljust(76, b"\0")
DEX = b"dex\n035\0".ljust(112, b"\0")
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".ljust(64, b"\0")
EICAR_LIKE = b"X5O!P%@AP[4-a-harmless-text-without-any-blank-in-it-for-quite-a-while!$H+H*"


def ole(class_id: bytes = b"\0" * 16) -> bytes:
    """An OLE file of a header, one sector and a root directory entry with that class id."""
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 16 + struct.pack("<5H", 0x3E, 3, 0xFFFE, 9, 6)
    header = (header.ljust(48, b"\0") + struct.pack("<I", 1)).ljust(512, b"\0")
    return header + b"\0" * 512 + ("Root Entry".encode("utf-16-le").ljust(80, b"\0") + class_id).ljust(128, b"\0")


MSI = ole(bytes.fromhex("84100c0000000000c000000000000046"))


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A ZIP archive of these members."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name, (2026, 1, 2, 3, 4, 6)), data, method)
    return buffer.getvalue()


def encrypted(archive: bytes) -> bytes:
    """The archive with every member flagged as encrypted."""
    octets = bytearray(archive)
    for signature, flags in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        at = archive.find(signature)
        while at >= 0:
            octets[at + flags] |= 1
            at = archive.find(signature, at + 4)
    return bytes(octets)


def carrying(*attached: tuple[bytes, str, str]) -> EmailMessage:
    """A message with a text and attachments, each (octets, media type, file name or "")."""
    message = EmailMessage()
    message["From"] = "joe@example.org"
    message["To"] = "jane@example.com"
    message["Subject"] = "files"
    message.set_content("Please run setup.exe from the shared disk.\n")
    for data, type_, name in attached:
        main, _, sub = type_.partition("/")
        message.add_attachment(data, main, sub, filename=name or None)
    return message
