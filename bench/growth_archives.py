"""Hostile archives and compressed files: `GENERATORS`."""

from __future__ import annotations

import bz2
import gzip
import lzma
import struct
import tarfile

from bench.growth_attached import BASE64, attached, plainly, repeated, repeated_plainly

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.growth_attached import Made


def _zip(size: int, name: bytes, data: bytes = b"", *, listed: bool = True, local: bool = True) -> bytes:
    """A ZIP archive of as many members as fit, each so called."""
    many = int(size / BASE64 / ((76 if local and listed else 46) + len(name) * (1 + (local and listed)) + len(data)))
    locals_, central, at = [], [], 0
    for number in range(many):
        called = b"%08d" % number + name[8:]
        fields = struct.pack("<5H3I2H", 20, 0, 0, 0, 0, 0, len(data), len(data), len(called), 0)
        if listed:
            central.append(b"PK\1\2\x14\0" + fields + bytes(10) + struct.pack("<I", at) + called)
        if local:
            locals_.append(b"PK\3\4" + fields + called + data)
            at += len(locals_[-1])
    directory = b"".join(central)
    count = min(many, 0xFFFF)
    end = b"PK\5\6" + struct.pack("<4H2IH", 0, 0, count, count, len(directory), at, 0)
    return attached("a.zip", b"".join(locals_) + directory + end)


def _tar_header(name: bytes, size: int, kind: bytes = b"0") -> bytes:
    info = tarfile.TarInfo(name.decode())
    info.size, info.type = size, kind
    return info.tobuf(tarfile.GNU_FORMAT)


def _pax(body: bytes) -> bytes:
    return _tar_header(b"x", len(body), b"x") + body + bytes(-len(body) % 512)


def _pax_records(key: bytes, value: bytes) -> Made:
    record = b" %s=%s\n" % (key, value)
    record = b"%d" % (len(record) + len(b"%d" % (len(record) + 2))) + record

    def make(size: int) -> bytes:
        # Each extended header is read up to 1 MB.
        body = record * (1_000_000 // len(record))
        many = max(1, int(size / BASE64 / (len(body) + 1536)))
        return attached("a.tar", (_pax(body) + _tar_header(b"a", 0)) * many)

    return make


def _deep(wrap: Callable[[bytes], bytes], name: str, most: int = 2000) -> Made:
    """One in the other, as deep as the size allows."""

    def make(size: int) -> bytes:
        data = b"MZ" + bytes(64)
        for _ in range(most):
            wrapped = wrap(data)
            if len(wrapped) > size / BASE64:
                break
            data = wrapped
        return attached(name, data)

    return make


def _filled(name: str, pack: Callable[[bytes], bytes], unpacked: int) -> Made:
    """Packed streams of so many zeros, one behind the other."""

    def make(size: int) -> bytes:
        one = pack(bytes(unpacked))
        return attached(name, one * max(1, int(size / BASE64 / len(one))))

    return make


_EMPTY_GZIP = gzip.compress(b"", mtime=0)
GENERATORS: dict[str, Made] = {
    "zip of members": lambda size: _zip(size, b"00000000.txt"),
    "zip of members with a letter each": lambda size: _zip(size, b"00000000.txt", b"a"),
    "zip of members listed only": lambda size: _zip(size, b"00000000.txt", local=False),
    "zip of members not listed": lambda size: _zip(size, b"00000000.txt", listed=False),
    "zip of members with names of 60 kB": lambda size: _zip(size, b"0" * 60_000 + b".txt"),
    "zip of end records": repeated("a.zip", b"PK\5\6" + bytes(18)),
    "zip of end records with directories": repeated(
        "a.zip", b"PK\1\2" + bytes(42) + b"PK\5\6" + bytes(6) + b"\1\0\1\0\x2e\0\0\0" + bytes(6)
    ),
    "zip of local headers": repeated("a.zip", b"PK\3\4"),
    "zip of central headers": repeated("a.zip", b"PK\1\2", b"PK\3\4" + bytes(26)),
    "zip in zip": _deep(lambda data: _stored_zip(data), "a.zip"),
    "tar of empty members": lambda size: attached("a.tar", _tar_header(b"a", 0) * int(size / BASE64 / 512)),
    "tar of marks": repeated("a.tar", b"ustar", _tar_header(b"a", 0) + b"\1" * 512),
    "tar of like headers": repeated("a.tar", (_tar_header(b"a", 0)[:148] + b"1       " + _tar_header(b"a", 0)[156:])),
    "tar of pax records": _pax_records(b"comment", b"x"),
    "tar of pax paths": _pax_records(b"path", b"x" * 80),
    "tar of sparse offsets": _pax_records(b"GNU.sparse.offset", b"1"),
    "tar of a sparse map": _pax_records(b"GNU.sparse.map", b"0,1" * 3000),
    "tar of long names": lambda size: attached(
        "a.tar", (_tar_header(b"n", 512, b"L") + b"a" * 512) * int(size / BASE64 / 1024) + _tar_header(b"a", 0)
    ),
    "tar of global names": lambda size: attached(
        "a.tar",
        (_pax(b"18 path=0123456789\n").replace(b"x", b"g", 1) + _tar_header(b"a", 0)) * int(size / BASE64 / 1536),
    ),
    "tar of zeros": repeated("a.tar", bytes(512), _tar_header(b"a", 0)),
    "gzip of empty members": repeated("a.gz", _EMPTY_GZIP),
    "gzip with a long name": repeated("a.gz", b"a", b"\x1f\x8b\x08\x08" + bytes(6)),
    "gzip in gzip": _deep(lambda data: gzip.compress(data, mtime=0), "a.gz"),
    "gzip of zeros": _filled("a.gz", lambda data: gzip.compress(data, mtime=0), 10_000_000),
    "gzip of letters": repeated_plainly("a.gz", b"a", b"\x1f\x8b\x08\0\0\0\0\0\0\xff"),
    "bzip2 of zeros": _filled("a.bz2", bz2.compress, 1_000_000),
    "bzip2 of empty streams": repeated("a.bz2", bz2.compress(b"")),
    "xz of zeros": _filled("a.xz", lzma.compress, 1_000_000),
    "xz of empty streams": repeated("a.xz", lzma.compress(b"")),
    "lzma of zeros": _filled("a.lzma", lambda data: lzma.compress(data, lzma.FORMAT_ALONE), 1_000_000),
    "lzip of headers": repeated("a.lz", b"LZIP\1\x0c"),
    "zstd of empty frames": repeated("a.zst", b"\x28\xb5\x2f\xfd\0\x38\1\0\0"),
    "lz4 of matches": repeated("a.lz4", b"\x1fa\1\0" + b"\xff" * 250 + b"\0", b"\x02\x21\x4c\x18\0\0\0\1"),
    "lz4 of empty frames": repeated("a.lz4", b"\x04\x22\x4d\x18\x40\x70\0" + bytes(4)),
    "lz4 of frames to skip": repeated("a.lz4", b"\x50\x2a\x4d\x18\0\0\0\0"),
    "lzop of heads": repeated(
        "a.lzo", b"\x89LZO\0\r\n\x1a\n\x10\x30\x20\x80\x09\x40\1\5\3\0\0\1" + bytes(12) + b"\1a" + bytes(8)
    ),
    "compress of codes": repeated("a.Z", b"\xff\x01\x02\x03", b"\x1f\x9d\x90"),
    "compress of clear codes": repeated("a.Z", b"\0\1" + bytes(7), b"\x1f\x9d\x90"),
    "szdd of references": repeated("a.ex_", b"\0\xf0\xff" * 8, b"SZDD\x88\xf0\x27\x33A\xff\xff\xff\x7f"),
    "cpio of empty members": repeated("a.cpio", b"070707" + b"000000" * 7 + b"0" * 11 + b"000002" + b"0" * 11 + b"a\0"),
    "cpio of marks": repeated(
        "a.cpio", b"070707", b"070707" + b"000000" * 7 + b"0" * 11 + b"000002" + b"0" * 11 + b"a\0"
    ),
    "cpio of marks, newc": repeated("a.cpio", b"070701", b"070701" + b"0" * 104),
    "cpio of marks, binary": repeated("a.cpio", b"\xc7\x71", b"\xc7\x71" + bytes(24)),
    "ar of empty members": repeated("a.ar", b"a/".ljust(48) + b"0".ljust(10) + b"`\n", b"!<arch>\n"),
    "ar of ends of headers": repeated("a.ar", b"`\n", b"!<arch>\n"),
    "ar of lists of names": repeated("a.ar", b"//".ljust(48) + b"99999999".ljust(10) + b"`\n", b"!<arch>\n"),
    "rar 4 of members": lambda size: _rar(size, new=False),
    "rar 5 of members": lambda size: _rar(size, new=True),
    "rar 5 of extra records": lambda size: _rar_extra(size),
    "cab of files": lambda size: _cab(size),
    "iso of folders": lambda size: _iso(size, 2),
    "iso of files": lambda size: _iso(size, 0),
    "udf of identifiers": lambda size: _udf(size),
    "7z of names": lambda size: _seven(size),
    "sis of words": repeated("a.sis", struct.pack("<I", 12), b"\x7a\x1a\x20\x10" + bytes(12)),
    "applesingle of entries": lambda size: _apple(size),
    "binhex of runs": lambda size: plainly(
        "a.hqx", b"(This file must be converted with BinHex 4.0)\n\n:" + b"!3" * (size // 2) + b":"
    ),
    "cms of identifiers": repeated(
        "smime.p7m",
        b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01",
        b"\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02",
    ),
    "cms of pieces": repeated(
        "smime.p7m",
        b"\x04\1a",
        b"\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01\xa0\x80\x24\x80",
    ),
}


def _stored_zip(data: bytes) -> bytes:
    import payloads

    return payloads.zipped({"a.zip": data}, 0)


def _rar(size: int, *, new: bool) -> bytes:
    import test_rars

    if new:
        one = test_rars.five("a.txt", b"x")
        return attached("a.rar", test_rars.new(*[one] * int(size / BASE64 / len(one))))
    one = test_rars.four(b"a.txt", b"x")
    return attached("a.rar", test_rars.old(*[one] * int(size / BASE64 / len(one))))


def _rar_extra(size: int) -> bytes:
    import test_rars

    return attached("a.rar", test_rars.new(test_rars.five("a.txt", b"x", extra=b"\1\2" * int(size / BASE64 / 2))))


def _cab(size: int) -> bytes:
    count = min(65_535, int(size / BASE64 / 23))
    listed = b"".join(struct.pack("<IIHHHH", 100, n, 0, 0, 0, 0x20) + b"%05d.\0" % n for n in range(count))
    block = struct.pack("<IHH", 0, 32_768, 32_768) + bytes(32_768)
    many = max(1, min(65_535, int(size / BASE64 - len(listed)) // len(block)))
    header = struct.pack("<4sIIIIIBBHHHHH", b"MSCF", 0, 0, 0, 44, 0, 3, 1, 1, count, 0, 7, 0)
    return attached("a.cab", header + struct.pack("<IHH", 44 + len(listed), many, 0) + listed + block * many)


def _iso(size: int, flags: int) -> bytes:
    import test_isos

    sectors = max(1, int(size / BASE64 / 2048))
    root = test_isos.record(b"\0", 20, 2048 * sectors, 2)
    records = b"".join(test_isos.record(b"D%07d" % n, 20 + n % sectors, 2048, flags) for n in range(40))[:2040]
    head = bytes(16 * 2048) + test_isos.volume(1, root) + test_isos.volume(255, root) + bytes(2048 * 2)
    return attached(
        "a.iso", head + b"".join(_numbered(records, number).ljust(2048, b"\0") for number in range(sectors))
    )


def _numbered(records: bytes, number: int) -> bytes:
    return records.replace(b"D", b"%d" % (number % 10)).replace(b"0000", b"%04x" % (number & 0xFFFF))


def _udf(size: int) -> bytes:
    import test_isos

    image = test_isos.udf_image()
    at = image.rfind(struct.pack("<H", 257))
    return attached("a.iso", image + image[at : at + 40] * int(size / BASE64 / 40))


def _seven(size: int) -> bytes:
    import bombs

    return attached("a.7z", bombs.seven(b"\0", b"", b"x" * 9, 0, int(size / BASE64 / 28), "{:07d}.txt"))


def _apple(size: int) -> bytes:
    count = min(65_535, int(size / BASE64 / 12))
    entries = struct.pack(">III", 3, 26 + 12 * count, 9) * count
    head = b"\0\5\x16\0\0\2\0\0" + bytes(16) + struct.pack(">H", count)
    return attached("a.rsrc", head + entries + b"a" * int(size / BASE64 - len(entries)))
