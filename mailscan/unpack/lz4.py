"""LZ4 frames (lz4_Frame_format 1.6.4), those of the first LZ4 programs, and lzop files."""

from __future__ import annotations

from mailscan.unpack.bounded import Output
from mailscan.unpack.budget import in_time
from mailscan.unpack.found import Found, Unopened

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from mailscan.unpack import Budget

_FRAME, _LEGACY = b"\x04\x22\x4d\x18", b"\x02\x21\x4c\x18"
_STORED = 1 << 31
_LZOP = b"\x89LZO\0\r\n\x1a\n"


def open_lz4(data: bytes, budget: Budget) -> Iterator[Found]:
    """The file in LZ4 frames that follow one another; ones to be skipped are."""
    yield Found((), len(data), lambda most: unlz4(data, most, budget))


def unlz4(data: bytes, most: int, budget: Budget) -> bytes:
    """At most `most` octets of all frames. Checksums are not compared. Raises `Unopened`."""
    out = Output(most, budget)
    at = 0
    while not out.full() and at + 4 <= len(data):
        magic = data[at : at + 4]
        if magic == _FRAME:
            at = _frame(data, at + 4, out)
        elif magic == _LEGACY:
            at = _legacy(data, at + 4, out)
        elif magic[0] >> 4 == 5 and magic[1:] == b"\x2a\x4d\x18":
            at += 8 + int.from_bytes(data[at + 4 : at + 8], "little")
        elif at:
            break
        else:
            raise Unopened("it is no LZ4 frame")
        out.check_time()
    return out.all()


def _frame(data: bytes, at: int, out: Output) -> int:
    """Give what a frame holds, and return where it ends."""
    flags = data[at] if at < len(data) else 0
    has_sums, has_size, has_sum, has_id = flags & 16, flags & 8, flags & 4, flags & 1
    at += 3 + (8 if has_size else 0) + (4 if has_id else 0)
    while not out.full():
        if at + 4 > len(data):
            raise out.fault("it is cut off")
        size = int.from_bytes(data[at : at + 4], "little")
        at += 4
        if not size:
            return at + (4 if has_sum else 0)
        end = at + (size & ~_STORED)
        if size & _STORED:
            out.octets += data[at:end]
        else:
            block(data, at, min(end, len(data)), out)
        if end > len(data):
            raise out.fault("it is cut off")
        at = end + (4 if has_sums else 0)
        out.check_time()
    return at


def _legacy(data: bytes, at: int, out: Output) -> int:
    """The same of a frame that the end of the file ends, or another."""
    while at + 4 <= len(data) and not out.full():
        size = int.from_bytes(data[at : at + 4], "little")
        # No block is as large as a frame's first octets are as a number.
        if size > len(data) - at - 4:
            if data[at + 1 : at + 4] in (_FRAME[1:], _LEGACY[1:], b"\x2a\x4d\x18"):
                return at
            raise out.fault("it is cut off")
        block(data, at + 4, at + 4 + size, out)
        at += 4 + size
        out.check_time()
    return at


def block(data: bytes, at: int, end: int, out: Output) -> None:
    """lz4_Block_format: literals and a match, over and over."""
    while at < end and not out.full():
        token = data[at]
        at += 1
        size = token >> 4
        if size == 15:
            more, at = _more(data, at, end)
            size += more
        out.octets += data[at : min(at + size, end)]
        at += size
        if at + 2 > end:
            return
        distance = data[at] | data[at + 1] << 8
        at += 2
        size = token & 15
        if size == 15:
            more, at = _more(data, at, end)
            size += more
        out.copy(distance, size + 4)


def _more(data: bytes, at: int, end: int) -> tuple[int, int]:
    """(the sum of octets up to the first that is not 255, where the next one stands)"""
    size = 0
    while at < end:
        size += data[at]
        at += 1
        if data[at - 1] != 255:
            break
    return size, at


def open_lzop(data: bytes, budget: Budget) -> Iterator[Found]:
    """The files in an lzop file, each by its name if it has one."""
    at = 0
    while data.startswith(_LZOP, at) and at + 30 < len(data):
        in_time(budget)
        at += len(_LZOP)
        version = int.from_bytes(data[at : at + 2], "big")
        is_old = version < 0x0940
        head = at + (5 if is_old else 8)
        method = data[at + (4 if is_old else 6)]
        flags = int.from_bytes(data[head : head + 4], "big")
        name_at = head + (4 if flags & 0x800 else 0) + (12 if is_old else 16)
        name = data[name_at + 1 : name_at + 1 + data[name_at]] if name_at < len(data) else b""
        start = name_at + 1 + len(name) + 4
        if flags & 0x40:
            start += 8 + int.from_bytes(data[start : start + 4], "big")
        at = _lzop_end(data, start, flags, budget)
        names = (name.decode("utf-8", "replace"),) if name else ()

        def read(most: int, start: int = start, flags: int = flags, method: int = method) -> bytes:
            if method not in (1, 2, 3):
                raise Unopened(f"packed by method {method}, which is not opened")
            return _lzop(data, start, flags, most, budget)

        yield Found(names, at - start, read)


def _lzop_blocks(data: bytes, at: int, flags: int) -> Iterator[tuple[int, int, int]]:
    """(unpacked size, where it begins, where it ends) of each block; last, (0, end, end)."""
    while at + 4 <= len(data) and (size := int.from_bytes(data[at : at + 4], "big")):
        packed = int.from_bytes(data[at + 4 : at + 8], "big")
        at += 8 + 4 * ((flags & 1) + (flags >> 8 & 1))
        if packed < size:
            at += 4 * ((flags >> 1 & 1) + (flags >> 9 & 1))
        yield size, at, at + packed
        at += packed
    yield 0, at + 4, at + 4


def _lzop_end(data: bytes, at: int, flags: int, budget: Budget) -> int:
    for number, block in enumerate(_lzop_blocks(data, at, flags)):
        at = block[2]
        if not number & 1023:
            in_time(budget)
    return at


def _lzop(data: bytes, start: int, flags: int, most: int, budget: Budget) -> bytes:
    out = Output(most, budget)
    for size, at, end in _lzop_blocks(data, start, flags):
        if out.full():
            break
        if size == end - at:
            out.octets += data[at:end]
        elif size:
            _lzo1x(data, at, min(end, len(data)), out)
        if end > len(data) + 4 or (size and end > len(data)):
            raise out.fault("it is cut off")
        out.check_time()
    return out.all()


def _lzo1x(data: bytes, at: int, end: int, out: Output) -> None:
    """One block (Linux, Documentation/staging/lzo.rst)."""
    octets = out.octets
    # How many literals the last instruction brought along: 0 to 3, or 4 for more.
    state = 0
    if at < end and data[at] > 17:
        state = data[at] - 17
        octets += data[at + 1 : min(at + 1 + state, end)]
        at += 1 + state
        state = min(state, 4)
    while at + 1 < end and not out.full():
        code = data[at]
        at += 1
        if code < 16 and not state:
            size = code + 3
            if not code:
                more, at = _zeros(data, at, end)
                size += 15 + more
            octets += data[at : min(at + size, end)]
            at += size
            state = 4
            continue
        if code < 16:
            size, state, far = (3, code & 3, 0x801) if state == 4 else (2, code & 3, 1)
            distance = far + (code >> 2) + (data[at] << 2)
            at += 1
        elif code >= 64:
            size, state = (code >> 5) + 1, code & 3
            distance = 1 + (code >> 2 & 7) + (data[at] << 3)
            at += 1
        else:
            low = code & (31 if code >= 32 else 7)
            size = low + 2
            if not low:
                more, at = _zeros(data, at, end)
                size += (31 if code >= 32 else 7) + more
            pair = int.from_bytes(data[at : at + 2], "little")
            at += 2
            state = pair & 3
            distance = 1 + (pair >> 2) if code >= 32 else ((code & 8) << 11) + (pair >> 2)
            if code < 32:
                if not distance:
                    return
                distance += 0x4000
        out.copy(distance, size)
        octets += data[at : min(at + state, end)]
        at += state


def _zeros(data: bytes, at: int, end: int) -> tuple[int, int]:
    """(255 for each zero, and the octet behind them, where the next one stands)"""
    size = 0
    while at < end and not data[at]:
        size += 255
        at += 1
    return size + (data[at] if at < end else 0), at + 1
