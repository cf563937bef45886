"""ZIP archives (PKWARE APPNOTE 6.3.10): their members, by whatever method they are packed.

`mailscan.unpack.ziplist` says where the members lie.
"""

from __future__ import annotations

from functools import partial

from mailscan.unpack.bounded import Inflate, decompressed
from mailscan.unpack.budget import in_time
from mailscan.unpack.found import ENCRYPTED_ARCHIVE, NOT_OPENED, OVER_LIMIT, Found, Remark, Unopened
from mailscan.unpack.ziplist import ENCRYPTED, MASKED, Entries, Entry, directories

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from mailscan.unpack import Budget

_AES = 99
# What the last octet of a method without an end mark may decode to.
_PADDING = 7
_HAS_END = 1 << 1


def open_zip(data: bytes, budget: Budget) -> Iterator[Found | Remark]:
    """The members of a ZIP archive, also with anything before it, each as often as readers may find it differently."""
    entries = Entries(data, budget.late)
    for entry in entries:
        in_time(budget)
        if isinstance(entry, str):
            yield Remark(NOT_OPENED, entry)
            continue
        # Its size is its own word, and a lie would buy it any ratio.
        packed = min(entry.packed, max(0, len(data) - entry.at))
        yield Found(entry.names, packed, partial(_read, entry, budget), partial(entries.opened, entry))


def holds_zip(data: bytes) -> bool:
    """Whether the octets are a ZIP archive, or end in one."""
    # The end record is followed by a comment of at most 64 kB (4.3.16).
    return data[:4] in (b"PK\3\4", b"PK\5\6") or any(
        one.start < one.stop for end in directories(data, len(data) - 65_557) for one in end
    )


def _read(entry: Entry, budget: Budget, most: int) -> bytes:
    """At most `most` octets of a member. Raises `Unopened`."""
    in_time(budget)
    if entry.flags & MASKED:
        raise Unopened("encrypted, its name too", ENCRYPTED_ARCHIVE)
    if entry.flags & ENCRYPTED or entry.method == _AES:
        raise Unopened("encrypted", ENCRYPTED_ARCHIVE)
    try:
        start = entry.data_start()
    except ValueError as error:
        raise Unopened(str(error)) from None
    packed = memoryview(entry.archive)[start : start + entry.packed]
    entry.span = start, start + len(packed)
    # A directory may have no size for what has none.
    if not packed or most <= 0:
        return b""
    if entry.method == 0:
        if len(packed) < min(most, entry.packed):
            raise Unopened("it is cut off", partly=bytes(packed))
        return bytes(packed[:most])
    return _unpacked(entry, packed, most, budget)


def _unpacked(entry: Entry, packed: memoryview, most: int, budget: Budget) -> bytes:
    method, start = entry.method, entry.span[0]
    if method == 8:
        import zlib

        found = decompressed(Inflate, (zlib.error,), packed, most, budget)
        entry.span = start, start + found.consumed
        return found.all()
    if method == 9:
        from mailscan.unpack.deflate64 import inflate64

        data, consumed = inflate64(packed, most, budget)
        entry.span = start, start + consumed
        return data
    if 1 <= method <= 6:
        return _by_old_method(entry, packed, most, budget)
    if method == 12:
        from mailscan.unpack.streams import unbzip2

        return unbzip2(packed, most, budget)
    if method == 14:
        return _by_lzma(entry, packed, most, budget)
    if method == 95:
        from mailscan.unpack.streams import unxz

        return unxz(packed, most, budget)
    if method in (20, 93):  # 20 was its number at first
        from mailscan.unpack.streams import unzstd

        return unzstd(packed, most, budget)
    if method == 98:
        return _by_ppmd(entry, packed, most, budget)
    raise Unopened(f"packed by method {method}, which is not opened")


def _by_old_method(entry: Entry, packed: memoryview, most: int, budget: Budget) -> bytes:
    from mailscan.unpack.oldzip import expand, explode, unshrink

    if entry.method == 1:
        data = unshrink(packed, most, budget)
    elif entry.method == 6:
        data = explode(packed, entry.flags, most, budget)
    else:
        data = expand(packed, entry.method - 1, most, budget)
    return data[: entry.size] if entry.size < len(data) <= entry.size + _PADDING else data


def _by_lzma(entry: Entry, packed: memoryview, most: int, budget: Budget) -> bytes:
    """5.8.8: two octets of version, the length of the properties, and these; then what .lzma has after a size."""
    from mailscan.unpack.streams import unlzma

    properties = int.from_bytes(packed[2:4], "little")
    if len(packed) < 9 or properties < 5:
        raise Unopened("damaged (its header is cut off)")
    stream = bytes(packed[4:9]) + b"\xff" * 8 + packed[4 + properties :]
    try:
        return unlzma(memoryview(stream), most, budget)
    except Unopened as fault:
        # Without the flag there is no mark of the end (4.4.4, bit 1).
        if entry.flags & _HAS_END or fault.group != NOT_OPENED or not 0 < entry.size <= len(fault.partly):
            raise
        return fault.partly


def _by_ppmd(entry: Entry, packed: memoryview, most: int, budget: Budget) -> bytes:
    """5.10: 4 bits of order, less one; 8 of memory in MB, less one; 4 of what happens when that is full."""
    from mailscan.unpack.bounded import CHILD_MEMORY, in_child, wanting

    try:
        import pyppmd
    except ImportError as error:
        wanting(error)
        raise Unopened("packed by PPMd, which needs the Python package pyppmd (the extra [archives])") from None
    fields = int.from_bytes(packed[:2], "little")
    memory = ((fields >> 4 & 0xFF) + 1) << 20
    if memory > CHILD_MEMORY // 2:
        raise Unopened("it needs more memory than it may have", OVER_LIMIT)
    wanted = min(most, entry.size) if entry.size else most

    def decode(buffer: memoryview) -> tuple[int, str, str]:
        size = 0
        try:
            decoder = pyppmd.Ppmd8Decoder((fields & 15) + 1, memory, fields >> 12)
            step = bytes(packed[2:])
            while size < wanted and not decoder.eof and (step or not decoder.needs_input):
                piece = decoder.decode(step, min(65_536, wanted - size))
                step = b""
                buffer[size : size + len(piece)] = piece
                size += len(piece)
        except MemoryError:
            return size, "it needs more memory than it may have", OVER_LIMIT
        except (ValueError, EOFError) as error:
            return size, f"damaged ({error})", NOT_OPENED
        return size, "" if size == wanted or decoder.eof else "it is cut off", NOT_OPENED

    return in_child(decode, wanted, budget)
