"""Containers that are small and hold more than anybody wants, made by code without holding it: `BOMBS`.

What is repeated are blocks that end at an octet and refer to nothing before them, or whole streams.
"""

from __future__ import annotations

import base64
import bz2
import functools
import gzip
import io
import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable

import test_cabs
import test_isos
import test_ole
import test_onenote
import test_pdf
import test_rars
import test_rtf
import test_sis
import test_texts
import test_tnef
import test_zips
from compound import compound
from payloads import PE, zipped

GB = 1_000_000_000
TEN = 10 * GB
MB = 1_000_000
TYPES = b'<Types><Default Extension="xml" ContentType="x"/></Types>'


def deflated(block: bytes, times: int, after: bytes = b"") -> bytes:
    """Raw deflate of a block, so many times, and what comes after."""
    encoder = zlib.compressobj(9, zlib.DEFLATED, -15)
    body = encoder.compress(block) + encoder.flush(zlib.Z_FULL_FLUSH)
    last = zlib.compressobj(9, zlib.DEFLATED, -15)
    return body * times + last.compress(after) + last.flush()


@functools.cache
def zeros() -> bytes:
    """10 GB of them, deflated: 10 MB."""
    return deflated(bytes(10 * MB), 1000)


def gzipped(raw: bytes) -> bytes:
    return b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + raw + bytes(8)


def member(raw: bytes, size: int = 0, name: bytes = b"a", method: int = 8) -> bytes:
    """A ZIP archive of one member, which is packed already."""
    return test_zips.member(method, raw, size & 0xFFFFFFFF, name)


def several(members: list[tuple[bytes, bytes]]) -> bytes:
    """A ZIP archive of members that are deflated already."""
    locals_, central = [], []
    at = 0
    for name, raw in members:
        fields = struct.pack("<5H3I2H", 20, 0, 8, 0, 0, 0, len(raw), 0, len(name), 0)
        central.append(b"PK\1\2\x14\0" + fields + bytes(10) + struct.pack("<I", at) + name)
        locals_.append(b"PK\3\4" + fields + name + raw)
        at += len(locals_[-1])
    listed = b"".join(central)
    end = b"PK\5\6" + struct.pack("<4H2IH", 0, 0, len(members), len(members), len(listed), at, 0)
    return b"".join(locals_) + listed + end


def nested_zips(breadth: int, depth: int) -> bytes:
    """As 42.zip: so many archives in each, so deep, and 4 GB in each of the last."""
    data = member(deflated(bytes(10 * MB), 430), 4 * GB, b"0.dll")
    for level in range(depth):
        data = zipped({f"lib {level}{number:x}.zip": data for number in range(breadth)})
    return data


def overlapping(count: int = 10_000) -> bytes:
    """All entries have the same octets, with the headers between them quoted by stored blocks (Fifield, 2019)."""
    kernel = deflated(bytes(20 * MB), 1)
    raw, size = kernel, 20 * MB
    files: list[tuple[bytes, bytes, int, int]] = []
    for number in reversed(range(count)):
        name = b"%d" % number
        head = b"PK\3\4" + struct.pack("<5H3I2H", 20, 0, 8, 0, 0, 0, len(raw), size, len(name), 0) + name
        files.append((name, head, len(raw), size))
        if len(raw) + 70 > 0xFFFFFFF:
            break
        quote = b"\0" + struct.pack("<HH", len(head), len(head) ^ 0xFFFF)
        raw = quote + head + raw if number else raw
        size += len(head)
        if len(files) > 4000:
            break
    body, central, at = [], [], 0
    files.reverse()
    for index, (name, head, packed, unpacked) in enumerate(files):
        fields = struct.pack("<5H3I2H", 20, 0, 8, 0, 0, 0, packed, unpacked & 0xFFFFFFFF, len(name), 0)
        central.append(b"PK\1\2\x14\0" + fields + bytes(10) + struct.pack("<I", at) + name)
        body.append(head)
        at += len(head)
        if index + 1 < len(files):
            quote = b"\0" + struct.pack("<HH", len(files[index + 1][1]), len(files[index + 1][1]) ^ 0xFFFF)
            body.append(quote)
            at += len(quote)
    body.append(kernel)
    at += len(kernel)
    listed = b"".join(central)
    return b"".join(body) + listed + b"PK\5\6" + struct.pack("<4H2IH", 0, 0, len(files), len(files), len(listed), at, 0)


# --- archives that hold themselves (Cox, 2010): L prints what follows it, R what was printed last


def _literal(size: int) -> bytes:
    return b"\0" + struct.pack("<HH", size, size ^ 0xFFFF)


def _again(size: int, last: int = -1) -> bytes:
    """A block of five octets that repeats the last `size` octets: as two matches, or one and a literal."""
    bits: list[int] = [0, 1, 0]

    def put(value: int, count: int, huffman: bool = False) -> None:
        order = reversed(range(count)) if huffman else range(count)
        bits.extend(value >> one & 1 for one in order)

    def match(length: int) -> None:
        codes = [
            (3, 257, 0),
            (4, 258, 0),
            (5, 259, 0),
            (6, 260, 0),
            (7, 261, 0),
            (8, 262, 0),
            (9, 263, 0),
            (10, 264, 0),
            (11, 265, 1),
            (13, 266, 1),
            (15, 267, 1),
            (17, 268, 1),
            (19, 269, 2),
            (23, 270, 2),
            (27, 271, 2),
            (31, 272, 2),
            (35, 273, 3),
            (43, 274, 3),
            (51, 275, 3),
            (59, 276, 3),
            (67, 277, 4),
            (83, 278, 4),
            (99, 279, 4),
        ]
        base, code, extra = max(one for one in codes if one[0] <= length)
        put(code - 256, 7, huffman=True)
        put(length - base, extra)
        places = [
            (1, 0),
            (2, 0),
            (3, 0),
            (4, 0),
            (5, 1),
            (7, 1),
            (9, 2),
            (13, 2),
            (17, 3),
            (25, 3),
            (33, 4),
            (49, 4),
            (65, 5),
            (97, 5),
        ]
        index = max(number for number, one in enumerate(places) if one[0] <= size)
        put(index, 5, huffman=True)
        put(size - places[index][0], places[index][1])

    if last < 0:
        match(size // 2)
        match(size - size // 2)
    else:
        match(size - 1)
        put(*((0x30 + last, 8) if last < 144 else (0x190 + last - 144, 9)), huffman=True)
    put(0, 7)
    assert 32 < len(bits) <= 40
    return sum(bit << place for place, bit in enumerate(bits)).to_bytes(5, "little")


def _quine(before: bytes, after: bytes, ends: bool) -> bytes:
    """A file that begins with `before`, ends in `after`, and whose deflated octets between them give all of it."""
    p, s = len(before) + 5, len(after) + 5
    lp, ls, l0, l1, l4 = (_literal(one) for one in (p, s, 0, 5, 20))
    rp, rs = (_again(p, lp[-1]), _again(s, after[-1])) if ends else (_again(p), _again(s))
    r4 = _again(20)
    return b"".join(
        (
            before,
            lp,
            before,
            lp,
            rp,
            l1,
            rp,
            l1,
            l1,
            l4,
            rp,
            l1,
            l1,
            l4,
            r4,
            l4,
            r4,
            l4,
            r4,
            l4,
            r4,
            l4,
            r4,
            l0,
            l0,
            ls,
            r4,
            l0,
            l0,
            ls,
            rs,
            after,
            rs,
            after,
        )
    )


FINAL = b"\1\0\0\xff\xff"


def gzip_quine() -> bytes:
    return _quine(b"\x1f\x8b\x08\0\0\0\0\0\0\xff", FINAL + bytes(8), ends=False)


def zip_quine() -> bytes:
    name, size = b"r.zip", 0
    while True:
        packed = max(0, size - 30 - len(name) - 46 - len(name) - 22)
        fields = struct.pack("<5H3I2H", 20, 0, 8, 0, 0, 0, packed, size, len(name), 0)
        listed = b"PK\1\2\x14\0" + fields + bytes(14) + name
        end = b"PK\5\6" + struct.pack("<4H2IH", 0, 0, 1, 1, len(listed), max(0, size - 22 - len(listed)), 0)
        made = _quine(b"PK\3\4" + fields + name, FINAL + listed + end, ends=True)
        if len(made) == size:
            return made
        size = len(made)


def lightly(name: bytes, data: bytes) -> bytes:
    """A ZIP archive of one member, packed no better than the ratio that is allowed."""
    encoder = zlib.compressobj(1, zlib.DEFLATED, -15)
    return member(encoder.compress(data) + encoder.flush(), len(data), name)


# --- 7z


def seven(coder: bytes, properties: bytes, packed: bytes, size: int, count: int = 1, name: str = "{}.bin") -> bytes:
    """An archive of one folder with `count` files, each as long as the first."""

    def number(value: int) -> bytes:
        return b"\xff" + value.to_bytes(8, "little")

    info = b"\1\4\6\0\1\x09" + number(len(packed)) + b"\0"
    info += b"\7\x0b\1\0\1" + bytes([0x20 | len(coder)]) + coder + bytes([len(properties)]) + properties
    info += b"\x0c" + number(size * count) + b"\0"
    info += (b"\x08\x0d" + number(count) + b"\x09" + number(size) * (count - 1) + b"\0" if count > 1 else b"") + b"\0"
    names = b"\0" + b"".join(f"{name.format(one)}\0".encode("utf-16-le") for one in range(count))
    info += b"\5" + number(count) + b"\x11" + number(len(names)) + names + b"\0\0"
    start = struct.pack("<QQI", len(packed), len(info), zlib.crc32(info))
    return b"7z\xbc\xaf\x27\x1c\0\4" + struct.pack("<I", zlib.crc32(start)) + start + packed + info


def seven_zeros(count: int = 1) -> bytes:
    raw = lzma.compress(bytes(100 * MB), lzma.FORMAT_RAW, filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 20}])
    return seven(b"\x21", b"\x10", raw[:-1] * 100 + b"\0", TEN // count, count)


def seven_dictionary(lzma2: bool) -> bytes:
    if lzma2:
        return seven(b"\x21", bytes([40]), b"\1\0\x0bhello world\n\0", 12)
    raw = lzma.compress(b"hello world\n" * 9, lzma.FORMAT_ALONE)
    return seven(b"\3\1\1", raw[:1] + b"\xff\xff\xff\xff", raw[13:], 108)


def seven_million() -> bytes:
    """A header, packed, of a million empty files."""
    info = b"\1\5\xff" + (1_000_000).to_bytes(8, "little")
    empty = b"\x0e\xff" + (125_000).to_bytes(8, "little") + b"\xff" * 125_000
    names = b"\x11\xff" + (4_000_001).to_bytes(8, "little") + b"\0" + b"a\0\0\0" * 1_000_000
    info += empty + names + b"\0\0"
    raw = lzma.compress(info, lzma.FORMAT_ALONE)
    packed = raw[13:]
    header = b"\x17\6\0\1\x09\xff" + len(packed).to_bytes(8, "little") + b"\0\7\x0b\1\0\1\x23\3\1\1\5" + raw[:5]
    header += b"\x0c\xff" + len(info).to_bytes(8, "little") + b"\0\0"
    start = struct.pack("<QQI", len(packed), len(header), zlib.crc32(header))
    return b"7z\xbc\xaf\x27\x1c\0\4" + struct.pack("<I", zlib.crc32(start)) + start + packed + header


# --- others


def lzw_bomb() -> bytes:
    """Each code stands for one zero more than the one before, until the table is full."""
    out, group, width, free = bytearray(b"\x1f\x9d\x90"), [], 9, 257
    for code in (0, *range(257, 65_536)):
        group.append(code)
        grows = free > (1 << width) - 1 and width < 16
        if len(group) == 8 or grows:
            out += sum(one << width * place for place, one in enumerate(group)).to_bytes(width, "little")
            group = []
        width += grows
        free += 1
    return bytes(out) + b"\xff\xff" * 5 * MB


def zstd_zeros() -> bytes:
    """Frames of 128 kB blocks that repeat one octet, 4 octets each (RFC 8878 3.1.1.2)."""
    block = (131_072 << 3 | 1 << 1).to_bytes(3, "little") + b"\0"
    last = (131_072 << 3 | 1 << 1 | 1).to_bytes(3, "little") + b"\0"
    return b"\x28\xb5\x2f\xfd\0\x38" + block * (TEN // 131_072) + last


def empty_tar() -> bytes:
    """A tar of a million empty files, as gzip."""
    info = tarfile.TarInfo("a")
    return gzipped(deflated(info.tobuf() * 10_000, 100, bytes(1024)))


def sparse_tar() -> bytes:
    info = tarfile.TarInfo("sparse")
    info.size = 512
    info.pax_headers = {
        "GNU.sparse.major": "0",
        "GNU.sparse.minor": "1",
        "GNU.sparse.size": str(TEN),
        "GNU.sparse.map": "0,1," * 400_000,
        "GNU.sparse.name": "x",
    }
    return info.tobuf(tarfile.PAX_FORMAT) + bytes(512 * 3)


def nested(wrap: Callable[[bytes], bytes], times: int, data: bytes = PE, most: int = 12 * MB) -> bytes:
    for _ in range(times):
        wrapped = wrap(data)
        if len(wrapped) > most:
            break
        data = wrapped
    return data


def letter(data: bytes) -> bytes:
    return b"From: a@example.org\nSubject: x\nMIME-Version: 1.0\nContent-Type: application/zip; name=a.zip\n\n" + data


def forwarded(count: int) -> bytes:
    return b"From: a@example.org\nSubject: x\nContent-Type: message/rfc822\n\n" * count + b"Subject: y\n\nx\n"


def mailbox(data: bytes) -> bytes:
    return b"From a@example.org Thu Jan  1 00:00:00 1970\nFrom: a\nSubject: x\n\n" + data


def page(url: bytes) -> bytes:
    return b"<html><a download=a.html href='data:text/html;base64," + base64.b64encode(url) + b"'>x</a>"


def workbook(sheet: bytes, times: int, head: bytes = b"<worksheet><sheetData>") -> bytes:
    types = b'<Types><Override PartName="/xl/worksheets/sheet1.xml" ContentType="x"/></Types>'
    return several(
        [
            (b"[Content_Types].xml", deflated(types, 1)),
            (b"xl/workbook.xml", deflated(b"<workbook/>", 1)),
            (b"xl/worksheets/sheet1.xml", deflated(head, 1)[:0] + deflated(sheet, times)),
        ]
    )


def many_parts(count: int) -> bytes:
    """A document of many parts, each of which is read."""
    part = deflated(b"<w:p><w:instrText> PAGE </w:instrText></w:p>" * 20_000, 10)
    types = b'<Types><Default Extension="xml" ContentType="application/vnd.ms-word.document.main+xml"/></Types>'
    parts = [(b"word/%d.xml" % number, part) for number in range(count)]
    return several([(b"[Content_Types].xml", deflated(types, 1)), *parts])


def laughs() -> bytes:
    entities = b"".join(b'<!ENTITY a%d "%s">' % (n, b"&a%d;" % (n - 1) * 10) for n in range(1, 30))
    text = (
        b'<!DOCTYPE x [<!ENTITY a0 "lol">' + entities + b"]><w:document><w:instrText>&a29;</w:instrText></w:document>"
    )
    return zipped({"[Content_Types].xml": TYPES, "word/document.xml": text, "word/_rels/a.rels": text})


def filters(name: bytes, encode: Callable[[bytes], bytes], times: int, data: bytes) -> bytes:
    for _ in range(times):
        data = encode(data)
    chain = b"/Type/EmbeddedFile/Filter[" + (b"/" + name) * times + b"]"
    return test_pdf.pdf(test_pdf.SPEC, test_pdf.stream(data, chain))


def many_streams() -> bytes:
    raw = zlib.compress(bytes(20 * MB), 9)
    return test_pdf.pdf(*(test_pdf.stream(raw, b"/Type/EmbeddedFile/Filter/FlateDecode", one) for one in range(4, 500)))


def object_streams() -> bytes:
    objects = dict.fromkeys(range(5000), b"<</S/JavaScript/JS(x)>>")
    return test_pdf.pdf(test_pdf.packed(objects, 9) * 500)


def cab_of_zeros(count: int) -> bytes:
    """A folder of 2 GB in blocks of 32 kB, and files that lie at its end: each asks for all that is before it."""
    encoder = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = b"CK" + encoder.compress(bytes(32_768)) + encoder.flush()
    blocks = struct.pack("<IHH", 0, len(packed), 32_768) + packed
    listed = b"".join(
        struct.pack("<IIHHHH", 100, 2_000_000_000 - 100 - n, 0, 0, 0, 0x20) + b"%d.bin\0" % n for n in range(count)
    )
    header = struct.pack("<4sIIIIIBBHHHHH", b"MSCF", 0, 0, 0, 44, 0, 3, 1, 1, count, 0, 7, 0)
    return header + struct.pack("<IHH", 44 + len(listed), 0xFFFF, 1) + listed + blocks * 65_535


def iso_of_folders() -> bytes:
    """A folder that holds itself a thousand times, and files that are the whole image."""
    image = bytearray(test_isos.image())
    itself = b"".join(test_isos.record(b"D%03d" % n, 20, 2048 * 40, 2) for n in range(40))
    files = b"".join(test_isos.record(b"F%03d.;1" % n, 0, 4_000_000_000) for n in range(12))
    folder = (itself + files)[:2040].ljust(2048, b"\0")
    root = test_isos.record(b"\0", 20, 2048 * 40, 2)
    return (
        bytes(image[: 16 * 2048])
        + test_isos.volume(1, root)
        + test_isos.volume(255, root)
        + bytes(2048 * 2)
        + folder * 400
    )


def udf_loop() -> bytes:
    return test_isos.udf_image() * 20


def ole_million() -> bytes:
    return compound({f"s{number}": b"x" for number in range(3_000)})


def ole_loop() -> bytes:
    """All sectors follow themselves, and each of many streams is 2 GB long."""
    data = bytearray(compound({f"Ole10Native{number}": bytes(5000) for number in range(500)}))
    at = data.find("Ole10Native".encode("utf-16-le"))
    while at >= 0:
        data[at + 120 : at + 124] = b"\0\0\0\x7f"
        at = data.find("Ole10Native".encode("utf-16-le"), at + 1)
    fat = bytes(data[-512:])
    return bytes(data[: -len(fat)]) + struct.pack("<128I", *range(128))


def vba_bomb() -> bytes:
    """Chunks of one literal and copies: 4 kB from 10 octets ([MS-OVBA] 2.4.1)."""
    chunk = struct.pack("<H", 0xB000 | 4) + b"\2A" + struct.pack("<H", 0x0FFF) + b"\0"
    code = b"\1" + chunk * 20_000
    streams = test_ole.project({f"m{number}": b"x" for number in range(30)})
    return compound({name: bytes(20) + code if "/m" in name[6:] else data for name, data in streams.items()})


def lzfu_bomb() -> bytes:
    """Compressed RTF that says to be 4 GB; runs of copies."""
    body = b"\0{\\rtf1\\x" + (b"\0" + b"A" * 8 + b"\xff" + b"\0\x0f" * 8) * 300_000
    raw = struct.pack("<II4sI", len(body) + 12, 0xFFFFFFFF, b"LZFu", 0) + body
    return test_tnef.tnef((test_tnef.MESSAGE, test_tnef.properties((0x102, 0x1009, raw))))


def jpg_zip(data: bytes) -> bytes:
    return b"\xff\xd8\xff\xe0\0\x10JFIF\0" + bytes(500) + data


ELSEWHERE = (
    "../../etc/x",
    "/etc/x",
    "a\0b.exe",
    "a\r\nX-Evil: y",
    "..\\..\\x.dll",
    "C:\\x",
    "/dev/null",
    "~/x",
    "$HOME/x",
    "|id",
    "; touch x",
    "-rf",
    "a" * 60_000,
    "\u202egpj.exe",
    "CON",
    "a:b",
    ".",
    "..",
    "",
    "/",
    "//",
    "\ud7ff",
)


def evil_tar(form: int) -> bytes:
    buffer = io.BytesIO()
    kinds = (tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE)
    with tarfile.open(fileobj=buffer, mode="w", format=form) as tar:
        for name in ELSEWHERE:
            for kind in kinds:
                info = tarfile.TarInfo(name[:5000])
                info.type, info.mode, info.devmajor, info.devminor = kind, 0o6777, 1, 3
                info.linkname = "../" * 8 + "etc/passwd" if kind in (tarfile.SYMTYPE, tarfile.LNKTYPE) else ""
                info.size = 4 if kind == tarfile.REGTYPE else 0
                tar.addfile(info, io.BytesIO(b"MZ\0\0"))
    return buffer.getvalue()


def evil_zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in ELSEWHERE:
            info = zipfile.ZipInfo("x")
            info.filename, info.external_attr = name, 0o120777 << 16
            archive.writestr(info, "/etc/passwd")
    return buffer.getvalue()


def evil_seven() -> bytes:
    return seven(b"\0", b"", b"hello", 5, name="../../etc/x")


def solid_rar(count: int) -> bytes:
    return test_rars.new(*(test_rars.five(f"{one}", b"", 1) for one in range(count)))


def _tar_of(data: bytes) -> bytes:
    info = tarfile.TarInfo("a.tar")
    info.size = len(data)
    return info.tobuf() + data + bytes(-len(data) % 512 + 1024)


@functools.cache
def _bz() -> bytes:
    return bz2.compress(bytes(90 * MB)) * 111


@functools.cache
def _xz() -> bytes:
    return lzma.compress(bytes(50 * MB)) * 200


@functools.cache
def _alone() -> bytes:
    encoder = lzma.LZMACompressor(
        lzma.FORMAT_ALONE, filters=[{"id": lzma.FILTER_LZMA1, "preset": 0, "dict_size": 1 << 20}]
    )
    return b"".join(encoder.compress(bytes(10 * MB)) for _ in range(30)) + encoder.flush()


def _xz_dictionary() -> bytes:
    data = bytearray(lzma.compress(b"hello" * 100))
    # The block's header: size, flags, the filter LZMA2, the size of its properties, these; padding; a checksum.
    data[16] = 40
    length = 4 * (data[12] + 1)
    data[12 + length - 4 : 12 + length] = struct.pack("<I", zlib.crc32(data[12 : 12 + length - 4]))
    return bytes(data)


def _lz4_block() -> bytes:
    block = b"\x1fa\1\0" + b"\xff" * 16_400 + b"\0"
    return struct.pack("<I", len(block)) + block


def _lzop() -> bytes:
    import test_lz4

    return test_lz4.lzopped(b"\x12\0" + b"\x20" + bytes(4 * MB) + b"\1\0\0" + b"\x11\0\0", GB)


def _hqx() -> bytes:
    head = b"\1a\0TYPECREA\0\0" + struct.pack(">II", 0x7FFFFFFF, 0) + b"CC"
    packed = head + b"\0\x90\xff" * 2 * MB
    coded = base64.b64encode(packed).translate(bytes.maketrans(test_texts.BASE64, test_texts.HQX))
    return b"(This file must be converted with BinHex 4.0)\n\n:" + coded + b":\n"


def _runs(data: bytes) -> bytes:
    """Run lengths, of data that is one octet over and over or short."""
    if data.count(data[:1]) == len(data):
        return (b"\x81" + data[:1]) * (len(data) // 128) + b"\x80"
    pair = data[:2] * 64
    return b"".join(b"\x7f" + data[at : at + 128] for at in range(0, min(len(data), MB), 128)) if pair else b""


def _long_names() -> bytes:
    info = tarfile.TarInfo("a")
    head = tarfile.TarInfo("././@LongLink")
    head.type, head.size = tarfile.GNUTYPE_LONGNAME, 8 * MB
    return head.tobuf(tarfile.GNU_FORMAT) + b"a" * 8 * MB + bytes(-8 * MB % 512) + info.tobuf()


RTF = b"{\\rtf1{\\object{\\*\\objdata "
WORD_XML = b'<?mso-application progid="Word.Document"?><w:wordDocument>'


def pdf_object(piece: bytes) -> bytes:
    return b"1 0 obj<</AA[" + piece * 300_000 + b"]>>endobj\n"


BOMBS: dict[str, tuple[str, Callable[[], bytes]]] = {
    # --- archives in one another
    "zips in zips, as 42.zip": ("42.zip", lambda: nested_zips(16, 5)),
    "a zip in a zip, 1,000 deep": ("a.zip", lambda: nested(lambda data: zipped({"a.zip": data}), 1000)),
    "mail in zip in mail, 1,000 deep": ("a.zip", lambda: nested(lambda data: zipped({"a.eml": letter(data)}), 1000)),
    "mail in mail, 1,000 deep, in a zip": ("a.zip", lambda: zipped({"a.eml": forwarded(1000)})),
    "a zip that holds itself": ("r.zip", zip_quine),
    "a gzip that holds itself": ("r.gz", gzip_quine),
    "gzip in gzip, 1,000 deep": ("a.gz", lambda: nested(lambda data: gzip.compress(data, mtime=0), 1000)),
    "a tar in a tar, 1,000 deep": ("a.tar", lambda: nested(_tar_of, 1000)),
    "7z in 7z, 1,000 deep": ("a.7z", lambda: nested(lambda data: seven(b"\0", b"", data, len(data)), 1000)),
    # --- much in little
    "entries of a zip that overlap": ("o.zip", overlapping),
    "10 GB of zeros in a zip": ("a.zip", lambda: member(zeros(), TEN)),
    "10 GB of zeros in a zip as bzip2": ("a.zip", lambda: member(_bz(), TEN, method=12)),
    "10 GB of zeros in a zip as xz": ("a.zip", lambda: member(_xz(), TEN, method=95)),
    "10 GB of zeros in a zip as zstd": ("a.zip", lambda: member(zstd_zeros(), TEN, method=93)),
    "deflate64 of many zeros": ("a.zip", lambda: member(zeros()[: 5 * MB], TEN, method=9)),
    "a zip shrunk, of many": ("a.zip", lambda: member(b"\x41" + bytes(3 * MB), GB, method=1)),
    "a zip imploded, of many": ("a.zip", lambda: member(bytes(range(1, 200)) * 30_000, GB, method=6)),
    "a zip reduced, of many": ("a.zip", lambda: member(b"\x90\xff" * 2 * MB, GB, method=5)),
    "PPMd with 256 MB": ("a.zip", lambda: member(b"\xff\x1f" + bytes(9000), GB, method=98)),
    "gzip of 10 GB of zeros": ("a.gz", lambda: gzipped(zeros())),
    "bzip2 of 10 GB of zeros": ("a.bz2", lambda: _bz()),
    "xz of 10 GB of zeros": ("a.xz", lambda: _xz()),
    "xz with a dictionary of 4 GB": ("a.xz", lambda: _xz_dictionary()),
    "lzma of 1 GB of zeros": ("a.lzma", lambda: _alone()),
    "lzma with a dictionary of 4 GB": ("a.lzma", lambda: b"\x5d\xff\xff\xff\xff" + _alone()[5:]),
    "zstd of 10 GB of zeros": ("a.zst", zstd_zeros),
    "zstd with a window of 2 GB": ("a.zst", lambda: b"\x28\xb5\x2f\xfd\0\xa8" + zstd_zeros()[6:]),
    "compress of 300 GB": ("a.Z", lzw_bomb),
    "lz4 of 2 GB": ("a.lz4", lambda: b"\x04\x22\x4d\x18\x40\x70?" + _lz4_block() * 500 + bytes(4)),
    "lzop of 1 GB": ("a.lzo", lambda: _lzop()),
    "szdd of many": ("a.ex_", lambda: b"SZDD\x88\xf0\x27\x33A\xff\xff\xff\x7f" + b"\0" + b"\xf0\xff" * 4 * MB),
    "1,000,000 gzips, one behind the other": ("a.gz", lambda: gzip.compress(b"", mtime=0) * 500_000),
    "a tar of a million empty files": ("a.tar.gz", empty_tar),
    "a sparse tar": ("a.tar", sparse_tar),
    "a tar with names of 8 MB": ("a.tar", lambda: _long_names()),
    "7z of 10 GB of zeros": ("a.7z", seven_zeros),
    "7z with a dictionary of 4 GB": ("a.7z", lambda: seven_dictionary(False)),
    "7z with a dictionary of 4 GB, LZMA2": ("a.7z", lambda: seven_dictionary(True)),
    "7z of a million files": ("a.7z", seven_million),
    "rar with a dictionary of 4 GB": (
        "a.rar",
        lambda: test_rars.new(
            test_rars.block(
                2,
                test_rars.vint(0)
                + test_rars.vint(GB)
                + test_rars.vint(32)
                + test_rars.vint(3 << 7 | 15 << 10)
                + b"\0\1a",
                bytes(9000),
            )
        ),
    ),
    "rar of 100,000 files, older": ("a.rar", lambda: test_rars.old(*[test_rars.four(b"a", b"x", 0, 0x33)] * 100_000)),
    "a cabinet of 2 GB and 20,000 files": ("a.cab", lambda: cab_of_zeros(20_000)),
    "cpio of a million empty files": (
        "a.cpio",
        lambda: (b"070707" + b"000000" * 7 + b"0" * 11 + b"000002" + b"0" * 11 + b"a\0") * 150_000,
    ),
    "ar of 300,000 files": ("a.ar", lambda: b"!<arch>\n" + (b"a/".ljust(48) + b"0".ljust(10) + b"`\n") * 200_000),
    "an image with folders in themselves": ("a.iso", iso_of_folders),
    "a UDF image, twenty times": ("a.iso", udf_loop),
    "sis of zeros": ("a.sis", lambda: test_sis.sis(*[zlib.compress(bytes(50 * MB), 9)] * 100)),
    "binhex of many": ("a.hqx", lambda: _hqx()),
    # --- documents
    "an xlsx of one cell, repeated": ("a.xlsx", lambda: workbook(b'<c r="A1"><v>1</v></c>' * 400_000, 300)),
    "a docx of 300 parts": ("a.docx", lambda: many_parts(300)),
    "an xlsx of one relationship, repeated": (
        "a.xlsx",
        lambda: several(
            [
                (b"[Content_Types].xml", deflated(TYPES, 1)),
                (
                    b"xl/_rels/a.rels",
                    deflated(b'<Relationship TargetMode="External" Type="oleObject" Target="\\\\a\\b"/>' * 90_000, 30),
                ),
            ]
        ),
    ),
    "entities of entities in a docx": ("a.docx", laughs),
    "a PDF of filters in filters": (
        "a.pdf",
        lambda: filters(b"FlateDecode", lambda data: zlib.compress(data, 9), 9, bytes(300 * MB)),
    ),
    "a PDF of run lengths in run lengths": ("a.pdf", lambda: filters(b"RunLengthDecode", _runs, 3, bytes(200 * MB))),
    "a PDF of hexadecimal digits": (
        "a.pdf",
        lambda: filters(b"ASCIIHexDecode", lambda data: data.hex().encode(), 4, bytes(600_000)),
    ),
    "a PDF of 500 streams of 20 MB": ("a.pdf", many_streams),
    "a PDF of 2 million objects": ("a.pdf", object_streams),
    "a PDF of brackets": ("a.pdf", lambda: test_pdf.pdf(b"1 0 obj" + b"[" * 3 * MB + b"<<" * 3 * MB + b"endobj\n")),
    "RTF of 12 MB of digits": ("a.rtf", lambda: test_rtf.obj("41" * 6 * MB)),
    "RTF of brackets": ("a.rtf", lambda: test_rtf.rtf("{\\objdata " * 700_000)),
    "RTF of 50,000 objects": (
        "a.rtf",
        lambda: test_rtf.rtf(
            ("{\\object\\objemb{\\*\\objdata " + test_rtf.package("a.exe", b"MZ").hex() + "}}") * 30_000
        ),
    ),
    "RTF in RTF": ("a.rtf", lambda: nested(lambda data: test_rtf.obj(test_rtf.package("a.rtf", data).hex()), 30)),
    "a compound file of 3,000 streams": ("a.doc", ole_million),
    "a compound file whose sectors follow themselves": ("a.doc", ole_loop),
    "compound files in each other": (
        "a.doc",
        lambda: nested(lambda data: compound({"\1Ole10Native": test_ole.packaged("a.doc", data)}), 300, most=3 * MB),
    ),
    "macros of 80 MB in each of 30": ("a.doc", vba_bomb),
    "TNEF of 200,000 attachments": (
        "winmail.dat",
        lambda: test_tnef.tnef(*[(test_tnef.BEGINS, b""), (test_tnef.DATA, b"MZ")] * 200_000),
    ),
    "TNEF in TNEF": (
        "winmail.dat",
        lambda: nested(lambda data: test_tnef.tnef((test_tnef.BEGINS, b""), (test_tnef.DATA, data)), 1000),
    ),
    "TNEF with RTF of 4 GB": ("winmail.dat", lzfu_bomb),
    "data: URLs in data: URLs": ("a.html", lambda: nested(page, 60, b"<html>" * 9)),
    "300,000 data: URLs": (
        "a.html",
        lambda: b"<html>" + b"<a href='data:application/x;base64,TVqQAAMAAAAEAAAA'>" * 200_000,
    ),
    "a page of script in pieces": (
        "a.html",
        lambda: b"<html><script>x=" + b"'TVqQAAMAAAAEAAAA'+" * 400_000 + b"''; atob(x)</script>",
    ),
    "100,000 embedded files of OneNote": ("a.one", lambda: test_onenote.HEADER + test_onenote.file(PE) * 30_000),
    "a mailbox in a mailbox": ("a.mbox", lambda: mailbox(b"") * 90_000 + b"x\n"),
    "a mailbox of 100,000 letters": ("a.mbox", lambda: mailbox(b"x\n\n") * 90_000),
    "300,000 files in uuencode": ("a.txt", lambda: test_texts.uuencoded(b"a.exe", b"MZ") * 200_000),
    # --- what takes many times its octets as objects or as text, and what asked nobody for the time
    "a PDF of names": ("a.zip", lambda: lightly(b"a.pdf", b"%PDF-1.7\n" + pdf_object(b"/A ") * 12)),
    "a PDF of strings": ("a.zip", lambda: lightly(b"a.pdf", b"%PDF-1.7\n" + pdf_object(b"(a)") * 12)),
    "RAR with a million records": (
        "a.rar",
        lambda: test_rars.new(test_rars.five("a.txt", b"x", extra=b"\1\2" * 3 * MB)),
    ),
    "a page without a bracket": ("a.zip", lambda: lightly(b"a.html", b"<html>" + b"a" * 90 * MB)),
    "a page of quotation marks": ("a.zip", lambda: lightly(b"a.html", b"<html><script>" + b"'+'" * 30 * MB)),
    "a page of pieces of base64": (
        "a.zip",
        lambda: lightly(b"a.html", b"<html><script>" + b"'TVqQAAMAAAAEAAAA'+" * 4 * MB),
    ),
    "a page in UTF-16": (
        "a.zip",
        lambda: lightly(b"a.html", ("\ufeff<html>" + "\u4e00" * 45 * MB).encode("utf-16-le")),
    ),
    "an image of wide letters": (
        "a.zip",
        lambda: lightly(b"a.svg", b'<svg xmlns="http://www.w3.org/2000/svg">' + "\u4e00".encode() * 30 * MB),
    ),
    "an image of entities": (
        "a.zip",
        lambda: lightly(b"a.svg", b'<svg xmlns="http://www.w3.org/2000/svg">' + b"<!entity " * 10 * MB),
    ),
    "a mailbox of separators": ("a.zip", lambda: lightly(b"a.mbox", mailbox(b"") + b"From a\nA:\n\n" * 8 * MB)),
    "a mailbox of two letters": (
        "a.zip",
        lambda: lightly(b"a.mbox", (mailbox(b"a\n" * 22 * MB) + b"\n") * 2),
    ),
    "an RTF object of 90 MB": ("a.zip", lambda: lightly(b"a.rtf", RTF + b"41" * 45 * MB)),
    "an RTF object of 90 MB, in three ways": (
        "a.zip",
        lambda: lightly(b"a.rtf", RTF + b"41" * 40 * MB + b"{\\pict 41}" + b"41" * 4 * MB),
    ),
    "a Word document of wide letters": (
        "a.zip",
        lambda: lightly(b"a.xml", WORD_XML + b"<w:instrText>" + "\U0001f600".encode() + b"a" * 90 * MB),
    ),
    "a Word document of bad base64": (
        "a.zip",
        lambda: lightly(b"a.xml", WORD_XML + b"<w:binData>" + b"QUFB=" * 18 * MB),
    ),
    "a zip behind each of 100 pictures": (
        "a.zip",
        lambda: zipped({f"{one}.zip": jpg_zip(nested_zips(3, 1)) for one in range(30)}),
    ),
    # --- names
    "names that lead elsewhere, in a zip": ("a.zip", evil_zip),
    "names that lead elsewhere, in a tar": ("a.tar", lambda: evil_tar(tarfile.PAX_FORMAT)),
    "names that lead elsewhere, in an old tar": ("a.tgz", lambda: gzip.compress(evil_tar(tarfile.GNU_FORMAT))),
    "names that lead elsewhere, in a 7z": ("a.7z", evil_seven),
    "names that lead elsewhere, in a cabinet": (
        "a.cab",
        lambda: test_cabs.cabinet(1, [(b"..\\..\\etc\\x", PE), (b"C:\\x\r\n", PE)]),
    ),
    "names that lead elsewhere, in a rar": (
        "a.rar",
        lambda: test_rars.new(*(test_rars.five(name[:300], b"MZ") for name in ELSEWHERE)),
    ),
}
