"""Messages of about a size that carry one file, of one piece over and over: what hostile attachments are made of."""

from __future__ import annotations

import base64
import struct
import sys
import zlib

from bench.corpora import PROJECT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Made = Callable[[int], bytes]

if (_tests := str(PROJECT / "tests")) not in sys.path:
    sys.path.append(_tests)

# As base64 in lines a message has so many octets for one of what it carries.
BASE64 = 77 / 57


def attached(name: str, data: bytes) -> bytes:
    """A message that carries a file, as base64."""
    fields = f'Subject: x\nMIME-Version: 1.0\nContent-Type: application/octet-stream; name="{name}"\n'
    return fields.encode() + b"Content-Transfer-Encoding: base64\n\n" + base64.encodebytes(data)


def plainly(name: str, data: bytes, kind: str = "text/plain") -> bytes:
    """The same with the octets as they are."""
    fields = f'Subject: x\nMIME-Version: 1.0\nContent-Type: {kind}; name="{name}"\n'
    return fields.encode() + b"Content-Transfer-Encoding: 8bit\n\n" + data


def repeated(name: str, piece: bytes, before: bytes = b"", after: bytes = b"") -> Made:
    """A file that is one piece over and over, as base64."""
    return lambda size: attached(name, before + piece * int(size / BASE64 / len(piece)) + after)


def repeated_plainly(
    name: str, piece: bytes, before: bytes = b"", after: bytes = b"", kind: str = "text/plain"
) -> Made:
    """The same as it is."""
    return lambda size: plainly(name, before + piece * (size // len(piece)) + after, kind)


def in_zip(name: str, piece: bytes, before: bytes = b"", after: bytes = b"") -> Made:
    """The same deflated in a ZIP archive, of up to 100 MB unpacked; the rest of the mail is filled up."""

    def make(size: int) -> bytes:
        data = before + piece * (min(20 * size, 99_000_000) // len(piece)) + after
        # Packed no better than the ratio that is allowed.
        encoder = zlib.compressobj(1, zlib.DEFLATED, -15)
        raw = encoder.compress(data) + encoder.flush()
        fields = struct.pack("<5H3I2H", 20, 0, 8, 0, 0, 0, len(raw), len(data), len(name), 0)
        called = name.encode()
        packed = b"PK\3\4" + fields + called + raw
        central = b"PK\1\2\x14\0" + fields + bytes(14) + called
        packed += central + b"PK\5\6" + struct.pack("<4H2IH", 0, 0, 1, 1, len(central), len(packed), 0)
        return attached("a.zip", packed + bytes(max(0, int(size / BASE64) - len(packed))))

    return make
