"""Symbian installation files up to Symbian 8 (SIS)."""

from __future__ import annotations

from struct import Struct

from mailscan.unpack.bounded import decompressed, stored
from mailscan.unpack.budget import in_time
from mailscan.unpack.found import NOT_OPENED, Found, Remark, Unopened
from mailscan.unpack.naming import names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mailscan.unpack import Budget

UID = b"\x19\x04\x00\x10"  # from octet 8 on
_FILE = Struct("<7I")
_SIMPLE, _BY_LANGUAGE, _IF, _ELSE_IF, _ELSE, _END_IF = 0, 1, 3, 4, 5, 6


def open_sis(data: bytes, budget: Budget) -> Iterator[Found | Remark]:
    """The files of an installation, each in every language, by the names here and where they came from."""
    if data[8:12] != UID or len(data) < 68:
        raise Unopened("damaged (no header of SIS where one should be)")
    languages, count = int.from_bytes(data[18:20], "little"), int.from_bytes(data[20:22], "little")
    at = int.from_bytes(data[52:56], "little")
    for _ in range(count):
        in_time(budget)
        kind = int.from_bytes(data[at : at + 4], "little")
        if kind in (_IF, _ELSE_IF):
            at += 8 + int.from_bytes(data[at + 4 : at + 8], "little")
        elif kind in (_ELSE, _END_IF):
            at += 4
        elif kind in (_SIMPLE, _BY_LANGUAGE):
            versions = languages if kind == _BY_LANGUAGE else 1
            end = at + _FILE.size + 12 * versions + 8
            if end > len(data):
                yield Remark(NOT_OPENED, "it is cut off")
                return
            yield from _files(data, at, versions, budget)
            at = end
        else:
            yield Remark(NOT_OPENED, f"damaged (no record of kind {kind})")
            return


def _files(data: bytes, at: int, versions: int, budget: Budget) -> Iterator[Found]:
    _, _, _, source_size, source, target_size, target = _FILE.unpack_from(data, at)
    called = names(_name(data, target, target_size), _name(data, source, source_size)) or ("",)
    at += _FILE.size
    numbers = [int.from_bytes(data[one : one + 4], "little") for one in range(at, at + 12 * versions, 4)]
    for number in range(versions):
        size, start = numbers[number], numbers[versions + number]
        yield Found(called, min(size, max(0, len(data) - start)), _reader(data, start, size, budget))


def _name(data: bytes, start: int, size: int) -> str:
    octets = data[start : start + min(size, 4096)]
    # UTF-16 in Symbian 6 and later; the first letter tells, for it is one of a path.
    charset = "utf-16-le" if b"\0" in octets[:4] else "latin-1"
    return octets.decode(charset, "replace").replace("\\", "/")


def _reader(data: bytes, start: int, size: int, budget: Budget) -> Callable[[int], bytes]:
    """Packed by zlib, or stored: of that there is one flag for all files, which a sender may set as he likes."""
    head = data[start : start + 2]
    if len(head) < 2 or head[0] & 15 != 8 or int.from_bytes(head, "big") % 31:
        return stored(data, start, size)

    def read(most: int) -> bytes:
        import zlib

        from mailscan.unpack.bounded import Inflate

        packed = memoryview(data)[start + 2 : start + size]
        return decompressed(Inflate, (zlib.error,), packed, most, budget).all() if most > 0 else b""

    return read
