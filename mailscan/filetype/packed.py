"""Archives and other formats whose first octets are too weak a sign: looks that give the name of a kind, or ""."""

from __future__ import annotations

_SKIPPABLE = b"\x2a\x4d\x18"
_MOST_FRAMES = 64
# [RFC 3369] 14: 1.2.840.113549.1.7, the arc of all CMS content types.
_CMS = b"\x2a\x86\x48\x86\xf7\x0d\x01\x07"


def bmp(data: bytes) -> str:
    """A bitmap: the reserved field is zero."""
    return "bmp" if data[6:10] == b"\0\0\0\0" else ""


def der(data: bytes) -> str:
    """A CMS object by its content type, or any other SEQUENCE that takes the octets to their end (X.690 8.1.3)."""
    if _CMS in data[:20]:
        return "pkcs7"
    start = 2 + (data[1] & 0x7F)
    length = int.from_bytes(data[2:start], "big")
    # What follows is an INTEGER, an OBJECT IDENTIFIER or another SEQUENCE in all that people send. It may be a head.
    return "der" if 2 < start < len(data) <= start + length and data[start] in (2, 6, 0x30) else ""


def arj(data: bytes) -> str:
    """The main header: its size, the smaller part's, and the file type 2."""
    size = int.from_bytes(data[2:4], "little")
    return "arj" if 30 <= size <= 2600 and len(data) > 10 and 30 <= data[4] <= size and data[10] == 2 else ""


def lha(data: bytes) -> str:
    """A method such as -lh5-, -lzs-, -pm2-, and a header level that there is."""
    return "lha" if data[6:7] == b"-" and data[5:6].isalnum() and len(data) > 20 and data[20] <= 3 else ""


def cpio(data: bytes) -> str:
    """Fields of digits in the kinds that are text, a file type and a length of the name in the binary one."""
    if data[:1] == b"0":
        digits = b"01234567" if data[5:6] == b"7" else b"0123456789abcdefABCDEF"
        length = 76 if data[5:6] == b"7" else 110
        return "" if len(data) < length or data[6:length].strip(digits) else "cpio"
    order = -1 if data[:2] == b"\xc7\x71" else 1
    kind_of_file, length_of_name = data[6:8][::order], data[20:22][::order]
    is_file = len(data) > 26 and kind_of_file[0] >> 4 in (1, 2, 4, 6, 8, 10, 12)
    is_one = is_file or data[26:36] == b"TRAILER!!!"
    return "cpio" if is_one and 2 <= int.from_bytes(length_of_name, "big") <= 4096 else ""


def weak(data: bytes) -> str:
    """What has no signature, or a weak one, in octets that are no text."""
    if data[1:4] == _SKIPPABLE and data[0] >> 4 == 5:
        return _skippable(data)
    if _is_lzma(data):
        return "lzma"
    if _is_tar(data):
        return "tar"
    if _is_macbinary(data):
        return "macbinary"
    return "pdf" if late_pdf(data) else ""


def late_pdf(data: bytes) -> bool:
    """Whether the header of a PDF document stands after something else, where readers still find it."""
    # ISO 32000-1 H.3, note 13: within the first 1024 octets. Text that only tells of PDF has no objects.
    at = data.find(b"%PDF-", 0, 1029)
    return at >= 0 and data[at + 5 : at + 6].isdigit() and data.find(b"endobj", at) > 0


def _skippable(data: bytes) -> str:
    """What comes after frames that both Zstandard (RFC 8878 3.1.2) and LZ4 skip."""
    at = 0
    for _ in range(_MOST_FRAMES):
        if data[at + 1 : at + 4] != _SKIPPABLE or data[at] >> 4 != 5:
            break
        at += 8 + int.from_bytes(data[at + 4 : at + 8], "little")
    return "lz4" if data[at : at + 4] == b"\x04\x22\x4d\x18" else "zstd"


def _is_lzma(data: bytes) -> bool:
    """The header of .lzma: properties, a dictionary of 2^n or 2^n + 2^(n-1), a size; the coder begins with 0."""
    if len(data) < 14 or data[0] >= 225 or data[13]:
        return False
    dictionary, size = int.from_bytes(data[1:5], "little"), data[5:13]
    alone = dictionary & (dictionary - 1) == 0 or dictionary in (3 << (dictionary.bit_length() - 2), 0xFFFFFFFF)
    # What is not known is all ones; a terabyte is more than anybody sends.
    return alone and dictionary >= 4096 and (size == b"\xff" * 8 or (size[5:] == b"\0\0\0" and any(size)))


def _is_tar(data: bytes) -> bool:
    """A tar header older than ustar: its checksum is right."""
    field = data[148:156].strip(b" \0")
    if not data[:1].strip(b"\0") or not 1 < len(field) <= 7 or field.strip(b"01234567") or len(data) < 512:
        return False
    rest = data[:148] + b" " * 8 + data[156:512]
    # Some old programs summed signed octets.
    return int(field, 8) in (sum(rest), sum(rest) - 256 * sum(octet > 127 for octet in rest))


def _is_macbinary(data: bytes) -> bool:
    """MacBinary II or III: zeros where they must be, and the checksum of the header."""
    if len(data) <= 128 or data[0] or not 1 <= data[1] <= 63 or data[74] or data[82] or data[122] < 129:
        return False
    from binascii import crc_hqx

    return crc_hqx(data[:124], 0) == int.from_bytes(data[124:126], "big")
