"""Files that MS-DOS and Windows setup programs compressed one by one: SZDD and KWAJ (COMPRESS.EXE)."""

from __future__ import annotations

from mailscan.unpack.bounded import Inflate, Output, decompressed
from mailscan.unpack.found import Found, Unopened

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from mailscan.unpack import Budget

_WINDOW = 4096


def open_szdd(data: bytes, budget: Budget) -> Iterator[Found]:
    """The file in an SZDD file, and in one that setup programs in QBasic had."""
    if data[:4] == b"SZ \x88":
        yield Found((), len(data), lambda most: expand_lzss(data, 12, 18, most, budget))
        return
    # 8 octets that tell it, the method, the last letter of the name, the size.
    method = data[8:9]
    if method != b"A":
        raise Unopened(f"packed by method {method!r}, which is not opened")
    yield Found((), len(data), lambda most: expand_lzss(data, 14, 16, most, budget))


def open_kwaj(data: bytes, budget: Budget) -> Iterator[Found]:
    """The file in a KWAJ file, by its name if it has one."""
    flags = int.from_bytes(data[12:14], "little")
    at = 14 + (4 if flags & 1 else 0) + (2 if flags & 2 else 0)
    if flags & 4:
        at += 2 + int.from_bytes(data[at : at + 2], "little")
    name = b""
    if flags & 8:
        name = data[at : at + 9].partition(b"\0")[0][:8]
        at += len(name) + 1
    if flags & 16:
        name += b"." + data[at : at + 4].partition(b"\0")[0][:3]
    names = (name.decode("cp437"),) if name else ()
    yield Found(names, len(data), lambda most: _kwaj(data, most, budget))


def _kwaj(data: bytes, most: int, budget: Budget) -> bytes:
    method, start = int.from_bytes(data[8:10], "little"), int.from_bytes(data[10:12], "little")
    if method == 0:
        return data[start : start + most]
    if method == 1:
        return data[start : start + most].translate(bytes(range(255, -1, -1)))
    if method == 2:
        return expand_lzss(data, start, 18, most, budget)
    if method == 4:
        return _mszip(data, start, most, budget)
    raise Unopened(f"packed by method {method}, which is not opened")


def expand_lzss(data: bytes, at: int, ahead: int, most: int, budget: Budget) -> bytes:
    """At most `most` octets. The window is 4 kB of blanks, filled from `ahead` octets before its end on.

    Raises `Unopened`.
    """
    out = Output(most, budget, b" " * _WINDOW)
    octets = out.octets
    while at < len(data) and not out.full():
        flags = data[at]
        at += 1
        for bit in range(8):
            if flags >> bit & 1:
                octets += data[at : at + 1]
                at += 1
                continue
            if at + 2 > len(data):
                return out.all()
            place, size = data[at] | (data[at + 1] & 0xF0) << 4, (data[at + 1] & 15) + 3
            at += 2
            out.copy((len(octets) - ahead - place - 1) % _WINDOW + 1, size)
    return out.all()


def _mszip(data: bytes, at: int, most: int, budget: Budget) -> bytes:
    """Blocks of deflate, each with its size and "CK" before it, that look back on the one before."""
    import zlib

    out = Output(most, budget)
    while not out.full() and (size := int.from_bytes(data[at : at + 2], "little")) > 2:
        if data[at + 2 : at + 4] != b"CK":
            raise out.fault("damaged (no block where one should begin)")
        before = bytes(out.octets[-32_768:])
        packed = memoryview(data)[at + 4 : at + 2 + size]

        def new(before: bytes = before) -> Inflate:
            return Inflate(before)

        found = decompressed(new, (zlib.error,), packed, most - len(out.octets), budget)
        out.octets += found.data
        if found.fault is not None:
            raise out.fault(str(found.fault), found.fault.group)
        at += 2 + size
        out.check_time()
    return out.all()
