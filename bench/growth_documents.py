"""Hostile documents: `GENERATORS`."""

from __future__ import annotations

import struct

from bench.growth_attached import BASE64, attached, in_zip, plainly, repeated, repeated_plainly

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bench.growth_attached import Made


def _pdf(piece: bytes, before: bytes = b"%PDF-1.7\n", after: bytes = b"\n%%EOF") -> Made:
    return lambda size: attached("a.pdf", before + piece * max(1, int(size / BASE64 / len(piece))) + after)


def _ole(streams: int) -> Made:
    def make(size: int) -> bytes:
        from compound import compound

        each = max(1, int(size / BASE64 / streams) - 128)
        return attached("a.doc", compound({f"s{number}": bytes(each) for number in range(streams)}))

    return make


def _ole_stream(name: str, piece: bytes, before: bytes = b"") -> Made:
    def make(size: int) -> bytes:
        from compound import compound

        return attached("a.doc", compound({name: before + piece * int(size / BASE64 / len(piece))}))

    return make


def _vba(size: int) -> bytes:
    import test_ole
    from compound import compound

    chunk = struct.pack("<H", 0xB000 | 4) + b"\2A" + struct.pack("<H", 0x0FFF) + b"\0"
    code = bytes(20) + b"\1" + chunk * int(size / BASE64 / len(chunk) / 8)
    streams = test_ole.project({f"m{number}": b"x" for number in range(8)})
    return attached("a.doc", compound({name: code if "/m" in name[6:] else data for name, data in streams.items()}))


def _tnef(*attributes: tuple[int, bytes]) -> Made:
    def make(size: int) -> bytes:
        import test_tnef

        head = test_tnef.tnef()
        piece = test_tnef.tnef(*attributes)[len(head) :]
        return attached("winmail.dat", head + piece * int(size / BASE64 / len(piece)))

    return make


def _tnef_properties(size: int) -> bytes:
    import test_tnef

    many = test_tnef.properties(*[(0x1F, 0x3707, "a\0".encode("utf-16-le"))] * int(size / BASE64 / 16))
    return attached("winmail.dat", test_tnef.tnef((test_tnef.BEGINS, b""), (test_tnef.PROPERTIES, many)))


def _onenote(piece: bytes) -> Made:
    def make(size: int) -> bytes:
        import test_onenote

        return attached("a.one", test_onenote.HEADER + piece * int(size / BASE64 / len(piece)))

    return make


_ONENOTE_FILE = bytes.fromhex("e716e3bd65261145a4c48d4d0b7a9eac")
_XML = b'<?mso-application progid="Word.Document"?><w:wordDocument>'
GENERATORS: dict[str, Made] = {
    "pdf of names": _pdf(b"/A ", b"%PDF-1.7\n1 0 obj<</AA[", b"]>>endobj\n"),
    "pdf of names in objects": _pdf(b"1 0 obj<</AA[" + b"/A " * 300_000 + b"]>>endobj\n"),
    "pdf of strings": _pdf(b"(a)", b"%PDF-1.7\n1 0 obj<</AA[", b"]>>endobj\n"),
    "pdf of strings in objects": _pdf(b"1 0 obj<</AA[" + b"(a)" * 300_000 + b"]>>endobj\n"),
    "pdf of a string of escapes": _pdf(b"1 0 obj<</AA(" + b"\\n" * 450_000 + b")>>endobj\n"),
    "pdf of a string of parentheses": _pdf(b"1 0 obj<</AA" + b"(" * 900_000 + b">>endobj\n"),
    "pdf of digits": _pdf(b"1", b"%PDF-1.7\n1 0 obj<</AA ", b">>endobj\n"),
    "pdf of open dictionaries": _pdf(b"<<", b"%PDF-1.7\n1 0 obj", b"endobj\n"),
    "pdf of dictionaries": _pdf(b"1 0 obj<</AA[" + b"<</A/B>>" * 100_000 + b"]>>endobj\n"),
    "pdf of objects": _pdf(b"1 0 obj<</AA/A>>endobj\n"),
    "pdf of empty objects": _pdf(b"1 0 obj\n"),
    "pdf of encryption": _pdf(b"1 0 obj<</Encrypt 1 0 R>>endobj\n"),
    "pdf of references": _pdf(b"1 0 obj<</AA 2 0 R/OpenAction 3 0 R>>endobj 2 0 obj<<>>endobj\n"),
    "pdf of streams": _pdf(b"1 0 obj<</Filter/FlateDecode>>stream\nx\nendstream endobj\n"),
    "pdf of streams that do not end": _pdf(b"1 0 obj<</Length 1>>stream\n"),
    "pdf of streams of objects": lambda size: _pdf(_object_stream())(size),
    "pdf of comments": _pdf(b"%\n", b"%PDF-1.7\n1 0 obj<</AA ", b">>endobj\n"),
    "pdf of blanks": _pdf(b" ", b"%PDF-1.7\n1 0 obj<</AA ", b">>endobj\n"),
    "pdf of hexadecimal names": _pdf(b"#41", b"%PDF-1.7\n1 0 obj<</", b">>endobj\n"),
    "pdf of open hexadecimal strings": _pdf(b"<4", b"%PDF-1.7\n1 0 obj<</AA[", b"]>>endobj\n"),
    "pdf of letters": _pdf(b"a"),
    "pdf in a zip, of names": in_zip("a.pdf", b"1 0 obj<</AA[" + b"/A " * 300_000 + b"]>>endobj\n", b"%PDF-1.7\n"),
    "pdf in a zip, of strings": in_zip("a.pdf", b"1 0 obj<</AA[" + b"(a)" * 300_000 + b"]>>endobj\n", b"%PDF-1.7\n"),
    "rtf of digits": repeated_plainly("a.rtf", b"41", b"{\\rtf1{\\object{\\*\\objdata "),
    "rtf of digits in groups": repeated_plainly("a.rtf", b"{41}", b"{\\rtf1{\\object{\\*\\objdata "),
    "rtf of known groups": repeated_plainly("a.rtf", b"{\\pict 41}", b"{\\rtf1{\\object{\\*\\objdata "),
    "rtf of open groups": repeated_plainly("a.rtf", b"{", b"{\\rtf1{\\object{\\*\\objdata "),
    "rtf of objects": repeated_plainly("a.rtf", b"{\\objdata ", b"{\\rtf1"),
    "rtf of closed objects": repeated_plainly("a.rtf", b"{\\objdata 0105}", b"{\\rtf1"),
    "rtf of quoted digits": repeated_plainly("a.rtf", b"\\'41", b"{\\rtf1{\\object{\\*\\objdata "),
    "rtf of binary": repeated_plainly("a.rtf", b"\\bin1 a", b"{\\rtf1{\\object{\\*\\objdata "),
    "rtf of fields": repeated_plainly("a.rtf", b"{\\fldinst DDE a b}", b"{\\rtf1"),
    "rtf of backslashes": repeated_plainly("a.rtf", b"\\\\", b"{\\rtf1"),
    "rtf of text": repeated_plainly("a.rtf", b"a", b"{\\rtf1"),
    "rtf of one object": repeated("a.rtf", b"4d", b"{\\rtf1{\\object{\\*\\objdata 0105000002000000"),
    "rtf in a zip": in_zip("a.rtf", b"{\\pict 41}", b"{\\rtf1{\\object{\\*\\objdata "),
    "office xml of tags": repeated_plainly("a.xml", b"<w:instrText>PAGE</w:instrText>", _XML),
    "office xml of wide tags": lambda size: plainly("a.xml", _XML + b"<w:instrText " + b'a="" ' * (size // 5) + b">"),
    "office xml of open tags": repeated_plainly("a.xml", b"<w:fldChar ", _XML),
    "office xml of binary data": lambda size: plainly(
        "a.xml", _XML + b"<w:binData>" + b"QUFB" * (size // 4) + b"</w:binData>"
    ),
    "office xml of bad binary data": lambda size: plainly(
        "a.xml", _XML + b"<w:binData>" + b"QUFB=" * (size // 5) + b"</w:binData>"
    ),
    "office xml of comments": repeated_plainly("a.xml", b"<!--a-->", _XML + b"<w:instrText>"),
    "office xml of CDATA": repeated_plainly("a.xml", b"<![CDATA[<]]>", _XML + b"<w:instrText>"),
    "office xml of references": repeated_plainly("a.xml", b"&lt;", _XML + b"<w:instrText>"),
    "office xml of wide text": lambda size: plainly(
        "a.xml", _XML + b"<w:instrText>" + "\U0001f600".encode() + b"a" * size
    ),
    "office xml in UTF-16": lambda size: plainly(
        "a.xml", ("\ufeff" + (_XML + b"<w:instrText>").decode() + "a" * (size // 2)).encode("utf-16-le")
    ),
    "docx of fields": lambda size: _docx(size, b'<w:fldChar w:fldCharType="begin"/><w:instrText>A</w:instrText>'),
    "docx of one wide part": lambda size: _docx(size, b"a", "\U0001f600".encode()),
    "docx of relationships": lambda size: _docx(
        size, b'<Relationship TargetMode="External" Type="a" Target="b"/>', name="word/_rels/a.rels"
    ),
    "docx of content types": lambda size: _docx(
        size, b'<Override PartName="/a" ContentType="b"/>', b"<Types>", name="[Content_Types].xml"
    ),
    "docx of many parts": lambda size: _docx_parts(size),
    "odt of events": lambda size: _docx(
        size, b"<script:event-listener/>", name="content.xml", types="META-INF/manifest.xml"
    ),
    "activemime of x": repeated("a.mso", b"x", b"ActiveMime\0\0"),
    "sylk of formulas": repeated_plainly("a.slk", b"C;X1;Ea|b!c\n", b"ID;P\nC;X1\n"),
    "sylk of bars": repeated_plainly("a.slk", b"|", b"ID;P\nC;X1;E"),
    "csv of formulas": repeated_plainly("a.csv", b"=a|b!c,"),
    "csv of bars": repeated_plainly("a.csv", b"=a|"),
    "ole of streams": _ole(300),
    "ole of one stream": _ole(1),
    "ole with a workbook": _ole_stream("Workbook", b"\x85\0\x08\0" + bytes(4) + b"\1\0\1\0"),
    "ole with a workbook of names": _ole_stream("Workbook", b"\x18\0\x10\0" + bytes(16)),
    "ole with a document": _ole_stream("WordDocument", b"\x13 DDE a b \x15", b"\xec\xa5\xc1\0" + bytes(800)),
    "ole with a presentation": _ole_stream("PowerPoint Document", b"\0\0\x11\x10\x08\0\0\0" + bytes(8)),
    "ole with macros": _vba,
    "ole of beginnings": _ole_stream("a", b"\1\xb0\0Attribut"),
    "tnef of attachments": _tnef((0x9002, b""), (0x800F, b"MZ")),
    "tnef of titles": _tnef((0x8010, b"a\0")),
    "tnef of data": _tnef((0x800F, b"MZ")),
    "tnef of properties": _tnef_properties,
    "onenote of files": _onenote(_ONENOTE_FILE + struct.pack("<Q", 2) + bytes(12) + b"MZ"),
    "onenote of endless files": _onenote(_ONENOTE_FILE + struct.pack("<Q", 1 << 40) + bytes(12) + b"MZ"),
    "onenote of names": _onenote("a.exe\0".encode("utf-16-le")),
}


def _object_stream() -> bytes:
    import test_pdf

    return test_pdf.packed(dict.fromkeys(range(5000), b"<</S/JavaScript/JS(x)>>"), 9)


def _docx(size: int, piece: bytes, before: bytes = b"", name: str = "word/document.xml", types: str = "") -> bytes:
    """A document with a part that is one piece over and over, deflated."""
    import payloads

    listed = types or "[Content_Types].xml"
    default = b'<Types><Default Extension="xml" ContentType="wordprocessingml"/></Types>'
    part = before + b"<w:instr/>" + piece * (size // len(piece))
    return attached("a.docx", payloads.zipped({listed: default} | {name: part}))


def _docx_parts(size: int) -> bytes:
    import payloads

    part = b"<w:instrText>A</w:instrText>"
    types = b'<Types><Default Extension="xml" ContentType="wordprocessingml"/></Types>'
    parts = {f"word/{number}.xml": part for number in range(int(size / BASE64 / 160))}
    return attached("a.docx", payloads.zipped({"[Content_Types].xml": types} | parts))
