"""Containers of every kind that is opened, mutated as those do who forge them, as what a message carries."""

from __future__ import annotations

import base64
import binascii
import bz2
import gzip
import io
import lzma
import sys
import tarfile
import zipfile
import zlib
from random import Random

from bench.corpora import PROJECT, folder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Named = tuple[str, bytes]

# Of those found in the corpora, and of what is made of them.
_LARGEST = 200_000
_MOST_MADE = 400_000
# What lengths, counts and offsets are forged to be.
_NUMBERS = (
    0,
    1,
    2,
    3,
    4,
    7,
    8,
    16,
    31,
    32,
    64,
    127,
    128,
    255,
    256,
    512,
    1023,
    4095,
    4096,
    32767,
    32768,
    65535,
    65536,
    1 << 20,
    1 << 24,
    0x7FFFFFFF,
    0x80000000,
    0xFFFFFFF0,
    0xFFFFFFFE,
    0xFFFFFFFF,
    1 << 32,
    (1 << 63) - 1,
    (1 << 64) - 1,
)
_NAMES = (
    b"../../etc/x",
    b"/etc/x",
    b"a\0.exe",
    b"a\r\nX: y",
    b"..\\..\\x",
    b"\xff\xfe",
    b"",
    b"C:x",
    b"\xe2\x80\xae",
    b"%s%n",
    b"-rf",
    b"a" * 300,
    b"/proc/self/mem",
    b"nul",
    b"*",
)


def sources() -> list[Named]:
    """(file name, octets) of small containers, one of each kind at least; those of the corpora too, where they are."""
    found = [*_by_library(), *_by_hand()]
    for place in ("clamav-testfiles", "oletools", "lnk"):
        for path in sorted((folder() / "attach" / place).rglob("*")):
            if path.is_file() and 0 < path.stat().st_size <= _LARGEST:
                found.append((path.name, path.read_bytes()))
    for path in sorted((folder() / "attach" / "libarchive-uu").glob("*.uu")):
        octets = _uudecoded(path.read_bytes())
        if 0 < len(octets) <= _LARGEST:
            found.append((path.name.removesuffix(".uu"), octets))
    return found


def _uudecoded(text: bytes) -> bytes:
    lines = text.split(b"\n")
    out = []
    for line in lines[1:]:
        if line[:3] == b"end":
            break
        try:
            out.append(binascii.a2b_uu(line))
        except binascii.Error:
            return b""
    return b"".join(out)


def _by_library() -> list[Named]:
    """What the standard library writes."""
    program = b"MZ" + bytes(range(256)) * 8
    zips = []
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", method) as archive:
            for name, data in (("a/b.exe", program), ("ü.txt", b"text\n" * 9), ("c", b"")):
                archive.writestr(zipfile.ZipInfo(name), data, method)
        zips.append((f"{method}.zip", buffer.getvalue()))
    tars = []
    for form in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w", format=form) as tar:
            for name in ("a.exe", "ü" * 30 + "/" + "ü" * 40, "d/e"):
                info = tarfile.TarInfo(name)
                info.size = len(program)
                tar.addfile(info, io.BytesIO(program))
            link = tarfile.TarInfo("link")
            link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
            tar.addfile(link)
        tars.append((f"{form}.tar", buffer.getvalue()))
    inner = zips[1][1]
    packed: list[Named] = [
        ("a.tar.gz", gzip.compress(tars[0][1], mtime=0)),
        ("a.tar.bz2", bz2.compress(tars[1][1])),
        ("a.tar.xz", lzma.compress(tars[2][1])),
        ("a.lzma", lzma.compress(inner, lzma.FORMAT_ALONE)),
        ("a.b64", base64.encodebytes(inner)),
        ("a.eml", _letter(inner, "a.zip")),
        ("a.mbox", b"From x\n" + _letter(inner, "a.zip") + b"\nFrom y\n" + _letter(program, "b.exe")),
        ("a.html", b'<html><a download="a.zip" href="data:application/zip;base64,' + base64.b64encode(inner) + b'">'),
    ]
    nested = io.BytesIO()
    with zipfile.ZipFile(nested, "w") as archive:
        for name, data in (*packed[:4], *zips):
            archive.writestr(zipfile.ZipInfo(name), data)
    return [*zips, *tars, *packed, ("nested.zip", nested.getvalue()), *_texts(inner, program)]


def _texts(inner: bytes, program: bytes) -> list[Named]:
    coded = base64.b64encode(inner)
    active = b"ActiveMime\0\0\1\xf0\4\0\0\0" + bytes(34) + zlib.compress(program)
    word = b'<?mso-application progid="Word.Document"?><w:wordDocument><w:binData w:name="editdata.mso">'
    page = b"<script>var a=atob('" + coded[:100] + b"'+'" + coded[100:] + b"');new Blob([a])</script>"
    array = b",".join(b"%d" % one for one in inner)
    return [
        ("a.svg", b'<svg xmlns="http://www.w3.org/2000/svg">' + page + b"</svg>"),
        ("b.html", b"<html>" + page + b"<script>x=new Uint8Array([" + array + b"])</script>"),
        ("a.hta", b"<html><hta:application>" + page),
        (
            "a.mht",
            b"MIME-Version: 1.0\nContent-Type: multipart/related; boundary=b\n\n--b\n"
            + _letter(active, "e.mso")
            + b"\n--b--",
        ),
        ("a.mso", active),
        ("a.xml", word + base64.b64encode(active) + b"</w:binData></w:wordDocument>"),
        ("a.slk", b'ID;P\nO;E\nNN;NAuto_open;ER1C1\nC;X1;Y1;K0;EEXEC("x")\nE\n'),
        ("a.csv", b'a,b\n=cmd|" /C calc"!A0,1\n' * 5),
        (
            "a.ync",
            b"=ybegin line=128 size=600 name=a.exe\n"
            + bytes((one + 42) & 255 or 61 for one in program[:600])
            + b"\n=yend size=600\n",
        ),
        ("a.ex_", b"SZDD\x88\xf0\x27\x33A\0" + bytes((0, 4, 0, 0)) + b"\xffMZabcdef\x00\xf0\xf1" * 20),
        ("b.ex_", b"KWAJ\x88\xf0\x27\xd1\2\0\x20\0\x18\0a\0exe\0" + b"\xffMZabcdef\x00\xf0\xf1" * 20),
        ("b.dbl", b"\0\5\x16\7\0\2\0\0" + bytes(16) + b"\0\1\0\0\0\2\0\0\0\x26\0\0\0\x40" + program),
    ]


def _by_hand() -> list[Named]:
    """What the tests write octet by octet: their own makers are used."""
    if (tests := str(PROJECT / "tests")) not in sys.path:
        sys.path.append(tests)
    import compound
    import payloads
    import test_apple
    import test_ars
    import test_cabs
    import test_cms
    import test_cpio
    import test_isos
    import test_lz4
    import test_lzw
    import test_ole
    import test_onenote
    import test_pdf
    import test_rars
    import test_rtf
    import test_sis
    import test_streams
    import test_texts
    import test_tnef
    import test_zips

    pe = payloads.PE
    files = [(b"a.exe", 0o100644, pe), (b"d/b", 0o100755, b"text"), (b"l", 0o120777, b"/etc/x")]
    attached = (0x1F, 0x3707, "long.exe\0".encode("utf-16-le")), (0x102, 0x3701, pe)
    document = {
        "[Content_Types].xml": b'<Types><Override PartName="/word/document.xml" ContentType="x"/></Types>',
        "word/document.xml": b"<w:p><w:instrText>DDEAUTO c:\\\\x</w:instrText></w:p>",
        "word/_rels/document.xml.rels": b'<Relationship TargetMode="External" Type="x/frame" Target="\\\\h\\x"/>',
        "word/vbaProject.bin": compound.compound(test_ole.project({"A": b"Sub AutoOpen()\r\nShell 1\r\nEnd Sub\r\n"})),
        "word/embeddings/oleObject1.bin": compound.compound({"\1Ole10Native": test_ole.packaged("a.exe", pe)}),
    }
    filtered = test_pdf.stream(b"4D5A>", b"/Type/EmbeddedFile/Filter[/ASCIIHexDecode/RunLengthDecode/LZWDecode]")
    return [
        ("a.ar", b"!<arch>\n" + test_ars.member(b"a.exe/", pe) + test_ars.member(b"debian-binary", b"2.0\n")),
        ("a.cab", test_cabs.cabinet(1)),
        ("b.cab", test_cabs.cabinet(0, reserve=bytes(20))),
        *(
            (f"{make.__name__}.cpio", make(files))
            for make in (test_cpio.newc, test_cpio.odc, test_cpio.binary, test_cpio.crc, test_cpio.binary_big)
        ),
        ("a.iso", test_isos.image()),
        ("udf.iso", test_isos.udf_image()),
        ("a.lz4", test_lz4.frame(test_lz4.sized(test_lz4.MATCHES))),
        ("a.lzo", test_lz4.lzopped(b"\x12\0\x11\0\0", 1)),
        ("a.Z", test_lzw.compressed(pe * 9)),
        ("a.rsrc", test_apple.single((3, b"a.exe"), (1, pe), (2, b"resource"))),
        ("a.bin", test_apple.macbinary(b"a.exe", pe, b"resource", 3)),
        ("a.one", test_onenote.HEADER + test_onenote.named("a.hta") + test_onenote.file(pe)),
        (
            "a.doc",
            compound.compound(
                {"WordDocument": test_ole.word(b"x"), "\1Ole10Native": test_ole.packaged("a.exe", pe)}
                | test_ole.project({"ThisDocument": b"Sub Document_Open()\r\nShell 1\r\nEnd Sub\r\n"})
            ),
        ),
        (
            "a.xls",
            compound.compound({"Workbook": test_ole.workbook((0x85, bytes(4) + b"\1\0\1\0S"), (0x18, bytes(20)))}),
        ),
        (
            "a.msg",
            compound.compound(
                {
                    "__attach_version1.0_#00000000/__substg1.0_37010102": pe,
                    "__attach_version1.0_#00000000/__substg1.0_3707001F": "a.exe".encode("utf-16-le"),
                }
            ),
        ),
        ("a.docx", payloads.zipped(document)),
        (
            "a.pdf",
            test_pdf.pdf(
                test_pdf.CATALOG, test_pdf.SPEC, test_pdf.stream(pe), test_pdf.packed({7: b"<</S/JavaScript/JS(x)>>"})
            ),
        ),
        ("b.pdf", test_pdf.pdf(test_pdf.SPEC, filtered)),
        ("a.rtf", test_rtf.obj(test_rtf.HEX)),
        ("a4.rar", test_rars.old(test_rars.four(b"a.exe", pe), test_rars.four(b"b\0\1ab", pe, 0x200, 0x33))),
        ("a5.rar", test_rars.new(test_rars.five("a.exe", pe), test_rars.five("b", pe, 3))),
        ("a.sis", test_sis.sis(pe, pe)),
        (
            "smime.p7m",
            test_cms.signed(test_cms.der(0xA0, test_cms.der(0x04, b"Content-Type: a/b; name=a.exe\n\n" + pe))),
        ),
        ("a.lz", test_streams.lzipped(pe * 20)),
        ("a.hqx", test_texts.binhexed(b"a.exe", pe, b"resource")),
        ("a.uue", test_texts.uuencoded(b"a.exe", pe) * 2),
        (
            "winmail.dat",
            test_tnef.tnef(
                (test_tnef.BEGINS, b""),
                (test_tnef.TITLE, b"a.exe\0"),
                (test_tnef.DATA, pe),
                (test_tnef.PROPERTIES, test_tnef.properties(*attached)),
            ),
        ),
        *(
            (f"method{method}.zip", test_zips.member(method, packed, 600, flags=6))
            for method, packed in (
                (1, bytes(range(200))),
                (2, bytes(range(256)) * 2),
                (5, bytes(range(256))),
                (6, bytes(200)),
                (9, b"\x4b\4\0"),
                (95, lzma.compress(pe)),
                (98, bytes(99)),
                (99, pe),
            )
        ),
    ]


def _letter(octets: bytes, name: str) -> bytes:
    head = (
        f'Subject: x\nFrom: a@example.org\nMIME-Version: 1.0\nContent-Type: application/octet-stream; name="{name}"\n'
    )
    return head.encode() + b"Content-Transfer-Encoding: base64\n\n" + base64.encodebytes(octets)


# --- mutations


def _bits(chance: Random, octets: bytearray) -> None:
    for _ in range(chance.choice((1, 1, 2, 5, 30))):
        octets[_place(chance, octets)] ^= 1 << chance.randrange(8)


def _numbers(chance: Random, octets: bytearray) -> None:
    """A length, a count or an offset, of two, four or eight octets, mostly at a place where such stand."""
    for _ in range(chance.choice((1, 1, 2, 4))):
        size = chance.choice((1, 2, 2, 4, 4, 4, 8))
        at = _place(chance, octets)
        at -= at % size if chance.random() < 0.6 else 0
        order = chance.choice(("little", "little", "big"))
        was = int.from_bytes(octets[at : at + size], order)  # type: ignore[arg-type]
        wanted = chance.choice((*_NUMBERS, was + 1, was - 1, was * 2, was // 2, len(octets), len(octets) - at, at))
        octets[at : at + size] = (wanted & (1 << 8 * size) - 1).to_bytes(size, order)  # type: ignore[arg-type]


def _digits(chance: Random, octets: bytearray) -> None:
    """A number written in digits, as in tar, cpio, ar and PDF."""
    places = [at for at in range(len(octets)) if 48 <= octets[at] <= 57][:5000]
    if places:
        at = chance.choice(places)
        octets[at] = chance.choice(b"0123456789-. F")
        octets[at : at + 4] = chance.choice((octets[at : at + 4], b"9999", b"7777", b"0000", b"-999"))


def _repeated(chance: Random, octets: bytearray) -> None:
    start, end = _stretch(chance, octets)
    octets[end:end] = bytes(octets[start:end]) * min(chance.choice((1, 1, 2, 10, 300)), _MOST_MADE // (end - start))


def _removed(chance: Random, octets: bytearray) -> None:
    start, end = _stretch(chance, octets)
    del octets[start:end]


def _moved(chance: Random, octets: bytearray) -> None:
    start, end = _stretch(chance, octets)
    at = chance.randrange(len(octets))
    octets[at : at + end - start] = octets[start:end]


def _filled(chance: Random, octets: bytearray) -> None:
    start, end = _stretch(chance, octets)
    octets[start:end] = chance.choice((b"\0", b"\xff", b"A", b"%c" % chance.randrange(256))) * (end - start)


def _cut(chance: Random, octets: bytearray) -> None:
    del octets[_place(chance, octets) :]


def _named(chance: Random, octets: bytearray) -> None:
    """The name of a member, in place or of another length."""
    at = octets.find(chance.choice((b"a.exe", b".exe", b"a", b"/", b"."))) % (len(octets) + 1)
    name = chance.choice(_NAMES)
    octets[at : at + chance.choice((len(name), 5, 0))] = name


def _place(chance: Random, octets: bytearray) -> int:
    """Headers stand at the beginning and at the end: both are met more often."""
    reach = chance.choice((64, 512, len(octets), len(octets)))
    at = chance.randrange(min(len(octets), reach))
    return at if chance.random() < 0.7 else len(octets) - 1 - at


def _stretch(chance: Random, octets: bytearray) -> tuple[int, int]:
    start = _place(chance, octets)
    size = chance.choice((1, 4, 16, 64, 512, 2048, int(10 ** chance.uniform(0, 4.5))))
    return start, min(len(octets), start + size)


_ALL: tuple[Callable[[Random, bytearray], None], ...] = (
    _bits,
    _bits,
    _numbers,
    _numbers,
    _numbers,
    _digits,
    _repeated,
    _removed,
    _moved,
    _filled,
    _cut,
    _named,
)


def changed(chance: Random, octets: bytes, pool: list[Named]) -> bytes:
    """One container after some mutations."""
    made = bytearray(octets)
    for _ in range(chance.choice((1, 1, 1, 2, 3, 6))):
        if chance.random() < 0.06:
            other = chance.choice(pool)[1]
            made[_place(chance, made) :] = other[chance.randrange(len(other)) :]
        else:
            chance.choice(_ALL)(chance, made)
        del made[_MOST_MADE:]
        made = made or bytearray(b"\n")
    return bytes(made)


def made_letter(seed: int, number: int, pool: list[Named]) -> bytes:
    """The message of that number, which carries a mutated container: always the same for one seed and one pool."""
    chance = Random(f"containers {seed}/{number}")
    name, octets = chance.choice(pool)
    octets = changed(chance, octets, pool)
    if chance.random() < 0.1:
        # In an archive, so that it is met as a member.
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(zipfile.ZipInfo(name), octets)
        name, octets = "a.zip", buffer.getvalue()
    return _letter(octets, name if chance.random() < 0.7 else chance.choice(pool)[0])
