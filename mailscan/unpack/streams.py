"""Files compressed one by one, where the decoder is a library's: gzip, bzip2, xz, lzma, lzip, zstd.

All streams that follow one another count as one file, as the programs of these formats have it. What stands behind
them is passed over.
"""

from __future__ import annotations

from functools import partial

from mailscan.unpack.bounded import Decompressed, Inflate, decompressed, in_child, wanting
from mailscan.unpack.found import NOT_OPENED, OVER_LIMIT, Found, Unopened

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from mailscan.unpack import Budget

# What `xz -9` uses; some more for what a decoder needs beside it.
_DICTIONARY = 64 << 20
_MEMORY = _DICTIONARY + (1 << 20)
# What `zstd -d` allows.
_ZSTD_WINDOW = 128 << 20
_LONGEST_NAME = 4096


def open_gzip(data: bytes, budget: Budget) -> Iterator[Found]:
    """The file in a gzip stream (RFC 1952), by the name of its first member."""
    yield Found(_gzip_names(data), len(data), _reader(gunzip, data, budget))


def open_bzip2(data: bytes, budget: Budget) -> Iterator[Found]:
    """The file in a bzip2 stream."""
    yield Found((), len(data), _reader(unbzip2, data, budget))


def open_xz(data: bytes, budget: Budget) -> Iterator[Found]:
    """The file in an xz stream."""
    yield Found((), len(data), _reader(unxz, data, budget))


def open_lzma(data: bytes, budget: Budget) -> Iterator[Found]:
    """The file in what the LZMA Utils wrote (`.lzma`)."""
    yield Found((), len(data), _reader(unlzma, data, budget))


def is_lzma(data: bytes) -> bool:
    """Whether a header of `.lzma` may stand there, which has no signature: as liblzma tells it from anything else."""
    dictionary, size = int.from_bytes(data[1:5], "little"), int.from_bytes(data[5:13], "little")
    power = 1 << max(0, dictionary.bit_length() - 1)
    return (
        len(data) > 18
        and data[0] < 225
        and dictionary >= 4096
        and dictionary in (power, power + power // 2, 0xFFFFFFFF)
        and (size == (1 << 64) - 1 or size < 1 << 38)
        and data[13] == 0  # the first octet of the range coder
    )


def open_lzip(data: bytes, budget: Budget) -> Iterator[Found]:
    """The file in an lzip stream."""
    yield Found((), len(data), _reader(unlzip, data, budget))


def open_zstd(data: bytes, budget: Budget) -> Iterator[Found]:
    """The file in Zstandard frames (RFC 8878)."""
    yield Found((), len(data), _reader(unzstd, data, budget))


def _reader(decode: Callable[[memoryview, int, Budget], bytes], data: bytes, budget: Budget) -> Callable[[int], bytes]:
    return lambda most: decode(memoryview(data), most, budget)


def gunzip(packed: memoryview, most: int, budget: Budget) -> bytes:
    """At most `most` octets of all members. Checksums and sizes are not compared. Raises `Unopened`."""
    import zlib

    def one(at: int, most: int) -> Decompressed:
        start = _gzip_header(packed, at)[0]
        found = decompressed(Inflate, (zlib.error,), packed[start:], most, budget)
        found.consumed += start - at + 8
        return found

    return _one_by_one(packed, b"\x1f\x8b\x08", one, most)


def unbzip2(packed: memoryview, most: int, budget: Budget) -> bytes:
    """At most `most` octets of all streams. Raises `Unopened`."""
    import bz2

    def one(at: int, most: int) -> Decompressed:
        return decompressed(bz2.BZ2Decompressor, (OSError, EOFError), packed[at:], most, budget)

    return _one_by_one(packed, b"BZh", one, most)


def unxz(packed: memoryview, most: int, budget: Budget) -> bytes:
    """At most `most` octets of all streams, with zeros between them or without. Raises `Unopened`."""
    import lzma

    new = partial(lzma.LZMADecompressor, lzma.FORMAT_XZ, memlimit=_MEMORY)

    def one(at: int, most: int) -> Decompressed:
        return decompressed(new, (lzma.LZMAError, EOFError), packed[at:], most, budget)

    return _one_by_one(packed, b"\xfd7zXZ\0", one, most)


def unlzma(packed: memoryview, most: int, budget: Budget) -> bytes:
    """At most `most` octets. Raises `Unopened`."""
    import lzma

    new = partial(lzma.LZMADecompressor, lzma.FORMAT_ALONE, memlimit=_MEMORY)
    return decompressed(new, (lzma.LZMAError, EOFError), packed, most, budget).all() if most > 0 else b""


def unlzip(packed: memoryview, most: int, budget: Budget) -> bytes:
    """At most `most` octets of all members. Raises `Unopened`."""
    import lzma

    def one(at: int, most: int) -> Decompressed:
        # In the low five bits the dictionary's size as a power of two, less some sixteenths of it: they are left.
        size = 1 << (packed[at + 5] & 31) if at + 5 < len(packed) else 4096
        if size > _DICTIONARY:
            return Decompressed(b"", 0, Unopened("it needs more memory than it may have", OVER_LIMIT))
        header = b"\x5d" + size.to_bytes(4, "little") + b"\xff" * 8

        def new() -> lzma.LZMADecompressor:
            decoder = lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=_MEMORY)
            decoder.decompress(header, 1)
            return decoder

        found = decompressed(new, (lzma.LZMAError, EOFError), packed[at + 6 :], most, budget)
        found.consumed += 6 + 20
        return found

    return _one_by_one(packed, b"LZIP", one, most)


def unzstd(packed: memoryview, most: int, budget: Budget) -> bytes:
    """At most `most` octets of all frames; ones to be skipped are. Raises `Unopened`."""
    opened = _zstd_reader()

    def decode(buffer: memoryview) -> tuple[int, str, str]:
        size = 0
        try:
            wanted, file = opened(bytes(packed))
            while size < most and (read := file.readinto(buffer[size : size + 65_536])):
                size += read
        except MemoryError:
            return size, "it needs more memory than it may have", OVER_LIMIT
        except Exception as error:  # noqa: BLE001 - each of the libraries has an exception of its own; a child's end
            is_memory = "memory" in str(error)
            return size, f"damaged ({error})", OVER_LIMIT if is_memory else NOT_OPENED
        return size, "it is cut off" if size < min(wanted, most) else "", NOT_OPENED

    return in_child(decode, most, budget)


def _zstd_reader() -> Callable[[bytes], tuple[int, Any]]:
    """What gives (at least how many octets there should be, a file to read them from). Raises `Unopened`."""
    try:
        import zstandard
    except ImportError as error:
        wanting(error)
        return _zstd_of_python()

    def opened(data: bytes) -> tuple[int, Any]:
        reader = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
        try:
            wanted = zstandard.frame_content_size(data)
        except zstandard.ZstdError:
            wanted = 0
        return wanted, reader.stream_reader(data, read_across_frames=True)

    return opened


def _zstd_of_python() -> Callable[[bytes], tuple[int, Any]]:
    """The same by the standard library, which has it from Python 3.14 on."""
    for name in ("compression.zstd", "backports.zstd"):
        try:
            from importlib import import_module

            zstd = import_module(name)
            break
        except ImportError as error:
            wanting(error)
    else:
        raise Unopened("packed by Zstandard, which needs the Python package zstandard (the extra [archives])")

    def opened(data: bytes) -> tuple[int, Any]:
        from io import BytesIO

        window = _ZSTD_WINDOW.bit_length() - 1
        return 0, zstd.ZstdFile(BytesIO(data), options={zstd.DecompressionParameter.window_log_max: window})

    return opened


def _one_by_one(packed: memoryview, magic: bytes, one: Callable[[int, int], Decompressed], most: int) -> bytes:
    """The octets of streams that follow one another, each beginning with `magic`, but for the first."""
    import re

    zeros = re.compile(rb"\0*")
    pieces: list[bytes] = []
    at = size = 0
    while size < most and (not at or packed[at : at + len(magic)] == magic):
        found = one(at, most - size)
        pieces.append(found.data)
        if found.fault is not None:
            raise Unopened(str(found.fault), found.fault.group, b"".join(pieces))
        size += len(found.data)
        at += found.consumed
        padding = zeros.match(packed, at)
        at = padding.end() if padding else at
    return b"".join(pieces)


def _gzip_header(packed: memoryview, at: int) -> tuple[int, bytes]:
    """(where its deflated octets begin, its file name or b"") of the gzip member at `at` (RFC 1952 2.3)."""
    import re

    flags = packed[at + 3] if at + 3 < len(packed) else 0
    at += 10
    name = b""
    if flags & 4:
        at += 2 + int.from_bytes(packed[at : at + 2], "little")
    for flag in (8, 16):
        if flags & flag:
            end = re.compile(rb"\0").search(packed, at)
            after = end.end() if end else len(packed)
            name = bytes(packed[at : min(after - 1, at + _LONGEST_NAME)]) if flag == 8 else name
            at = after
    return at + (2 if flags & 2 else 0), name


def _gzip_names(data: bytes) -> tuple[str, ...]:
    name = _gzip_header(memoryview(data), 0)[1]
    # Latin-1 (RFC 1952 2.3.1); what writes it now writes UTF-8.
    return tuple(dict.fromkeys((name.decode("utf-8", "replace"), name.decode("latin-1")))) if name else ()
