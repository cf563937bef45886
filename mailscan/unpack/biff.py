"""Workbooks of Excel 5 to 2003 ([MS-XLS]): macro sheets of Excel 4 (XLM), links to other programs (DDE), encryption.

One pass over the records of the stream `Workbook` or `Book`. The first record of each sheet (BOF) is never encrypted,
and says what the sheet is whatever the list of sheets says.
"""

from __future__ import annotations

import hashlib
from struct import error as struct_error
from struct import unpack_from

from mailscan.unpack.budget import in_time
from mailscan.unpack.found import AUTO_MACROS, ENCRYPTED_DOCUMENT, MACROS, REMOTE, Remark
from mailscan.unpack.rc4 import rc4

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from mailscan.unpack import Budget

_BOF = (0x0809, 0x0409, 0x0209, 0x0009)
_LABEL, _FILEPASS, _BOUNDSHEET, _SUPBOOK = 0x18, 0x2F, 0x85, 0x1AE
_MACRO_SHEET = 0x40  # 2.4.21: dt
_BUILTIN = {1: "Auto_Open", 2: "Auto_Close", 10: "Auto_Activate", 11: "Auto_Deactivate"}  # 2.5.66
_AUTO = ("auto_open", "auto_close", "auto_activate", "auto_deactivate")
# What Excel itself tries before it asks ([MS-OFFCRYPTO] 2.4.2.1): such a workbook opens for everybody but scanners.
DEFAULT_PASSWORD = "VelvetSweatshop"


class _Workbook:
    """What was found so far."""

    __slots__ = ("wide", "sheets", "macro_sheets", "auto", "links", "encrypted")

    def __init__(self) -> None:
        self.wide = True
        self.sheets: list[str] = []
        self.macro_sheets = 0
        self.auto: list[str] = []
        self.links: list[str] = []
        self.encrypted = ""


def workbook(data: bytes, budget: Budget) -> Iterator[Remark]:
    """What is to be said of one stream of records."""
    book = _Workbook()
    at = steps = 0
    while at + 4 <= len(data):
        kind, size = unpack_from("<HH", data, at)
        if kind in _WANTED:
            _record(book, kind, data[at + 4 : at + 4 + size])
        at += 4 + size
        steps += 1
        if not steps & 4095:
            in_time(budget)
    if book.encrypted:
        yield Remark(ENCRYPTED_DOCUMENT, f"an encrypted workbook{book.encrypted}")
    if book.sheets or book.macro_sheets:
        names = ", ".join(book.sheets[:5]) or "not listed among its sheets"
        if book.auto:
            yield Remark(AUTO_MACROS, f"Excel 4 macros that run by themselves ({book.auto[0]}): {names}")
        else:
            yield Remark(MACROS, f"Excel 4 macros: {names}")
    for link in dict.fromkeys(book.links[:20]):
        yield Remark(REMOTE, f"a link to another program: {link}")


def _record(book: _Workbook, kind: int, body: bytes) -> None:
    """Take down what one record tells; one that is too short tells nothing."""
    try:
        if kind in _BOF:
            version, what = unpack_from("<HH", body)
            book.wide = kind == 0x0809 and version >= 0x0600
            # Before Excel 5 there is one sheet and no list.
            book.macro_sheets += what == _MACRO_SHEET
        elif kind == _BOUNDSHEET and body[5] == 1 and not book.encrypted:
            hidden = (" (visible)", " (hidden)", " (very hidden)", "")[body[4] & 3]
            book.sheets.append(f'"{_string(body, 8, body[6], book.wide, 7)}"{hidden}')
        elif kind == _FILEPASS:
            book.encrypted = book.encrypted or _password(body)
        elif kind == _LABEL and not book.encrypted:
            _defined_name(book, body)
        elif kind == _SUPBOOK and not book.encrypted:
            length = unpack_from("<H", body, 2)[0]
            # 2.5.277: in the path of a DDE or OLE link, a 3 parts program and document. 0x401, 0x3A01: this workbook.
            if 0 < length <= 255 and "\3" in (path := _string(body, 5, length, True, 4)):
                book.links.append(path.replace("\3", " | ").strip())
    except (struct_error, IndexError):
        return


_WANTED = frozenset((*_BOF, _LABEL, _FILEPASS, _BOUNDSHEET, _SUPBOOK))


def _defined_name(book: _Workbook, body: bytes) -> None:
    """A name (2.4.150) that Excel runs."""
    if unpack_from("<H", body)[0] & 0x20:
        number = body[15 if book.wide else 14]
        if number in _BUILTIN:
            book.auto.append(_BUILTIN[number])
        return
    name = _string(body, 15, body[3], book.wide, 14)
    # Excel passes over what is not shown.
    shown = "".join(char for char in name if char.isprintable()).lower()
    if shown.startswith(_AUTO):
        book.auto.append(name)


def _string(body: bytes, at: int, length: int, wide: bool, flags: int) -> str:
    """A text of so many characters: before BIFF8 of octets only, where the flags would stand (2.5.240, .293, .294)."""
    if not wide:
        return body[flags : flags + length].decode("cp1252", "replace")
    if body[flags] & 1:
        return body[at : at + 2 * length].decode("utf-16-le", "replace")
    return body[at : at + length].decode("latin-1")


def _password(body: bytes) -> str:
    """What is known of the password (2.4.117): that it is the default one, or nothing, as a blank."""
    known = f" with the default password {DEFAULT_PASSWORD}, which Excel does not ask for"
    method, major, minor = unpack_from("<HHH", body.ljust(6, b"\0"))
    if method == 0:
        # XOR: a key and a verifier; in BIFF5 they stand there without the method.
        verifier = unpack_from("<H", body, 4)[0] if len(body) >= 6 else unpack_from("<H", body, 2)[0]
        return known if verifier == _xor_verifier(DEFAULT_PASSWORD.encode()) else " (XOR obfuscation)"
    if (major, minor) == (1, 1) and len(body) >= 54:
        return known if _rc4_opens(body[6:22], body[22:38], body[38:54]) else " (RC4)"
    if minor == 2 and len(body) >= 14:
        return known if _crypto_api_opens(body[6:]) else " (RC4)"
    return " "


def _xor_verifier(password: bytes) -> int:
    """[MS-OFFCRYPTO] 2.3.7.1."""
    found = 0
    for octet in reversed(bytes([len(password)]) + password):
        found = (found >> 14 & 1 | found << 1 & 0x7FFF) ^ octet
    return found ^ 0xCE4B


def _rc4_opens(salt: bytes, verifier: bytes, digest: bytes) -> bool:
    """Whether the default password is the one ([MS-OFFCRYPTO] 2.3.6.2, 2.3.6.4)."""
    first = hashlib.md5(DEFAULT_PASSWORD.encode("utf-16-le"), usedforsecurity=False).digest()[:5]
    second = hashlib.md5((first + salt) * 16, usedforsecurity=False).digest()[:5]
    key = hashlib.md5(second + b"\0\0\0\0", usedforsecurity=False).digest()
    plain = rc4(key, verifier + digest)
    return hashlib.md5(plain[:16], usedforsecurity=False).digest() == plain[16:]


def _crypto_api_opens(body: bytes) -> bool:
    """The same for RC4 CryptoAPI (2.3.5.1, 2.3.5.2, 2.3.5.6)."""
    header = unpack_from("<I", body, 4)[0]
    if header > len(body) or len(body) < 8 + header + 60 or header < 20:
        return False
    bits = unpack_from("<I", body, 8 + 16)[0] or 40
    at = 8 + header + 4
    salt, verifier, digest = body[at : at + 16], body[at + 16 : at + 32], body[at + 36 : at + 56]
    first = hashlib.sha1(salt + DEFAULT_PASSWORD.encode("utf-16-le"), usedforsecurity=False).digest()
    key = hashlib.sha1(first + b"\0\0\0\0", usedforsecurity=False).digest()[: max(1, min(bits, 128) // 8)]
    plain = rc4(key.ljust(16, b"\0") if bits == 40 else key, verifier + digest)
    return hashlib.sha1(plain[:16], usedforsecurity=False).digest() == plain[16:]
