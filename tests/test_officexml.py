"""Office documents that are one XML file, and ActiveMime."""

from __future__ import annotations

import zlib
from base64 import b64encode

import pytest
from compound import spent, taken_apart
from hypothesis import given, settings
from hypothesis import strategies as st

from mailscan.unpack.found import NOT_OPENED, OVER_LIMIT, REMOTE
from mailscan.unpack.officexml import is_office_xml, open_active_mime, open_office_xml

WORD = '<?xml version="1.0"?><?mso-application progid="Word.Document"?><w:wordDocument>%s</w:wordDocument>'
EXCEL = '<?xml version="1.0"?><Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet">%s</Workbook>'


@pytest.mark.parametrize("data", [b"", b"mso-application", b"<html><p>x", b"<?xml version='1.0'?><svg/>"])
def test_what_is_no_office_document(data: bytes) -> None:
    assert not is_office_xml(data)


@pytest.mark.parametrize("charset", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
@pytest.mark.parametrize(
    "form", [WORD, EXCEL, '<pkg:package xmlns:pkg="http://schemas.microsoft.com/office/2006/xmlPackage">']
)
def test_what_is_one(form: str, charset: str) -> None:
    assert is_office_xml(form.encode(charset))


@pytest.mark.parametrize(
    "xml",
    [
        WORD % "<w:t>DDE</w:t><w:instrText> PAGE </w:instrText><w:attachedTemplate w:val=''/>",
        EXCEL % '<Cell ss:Formula="=SUM(A1)"/><Cell>=cmd|x!y</Cell>',
        EXCEL % "<Cell ss:Formula='=\"a|b!\"'/>",
    ],
)
def test_of_these_nothing_is_said(xml: str) -> None:
    assert taken_apart(open_office_xml, xml.encode()) == ([], [])


@pytest.mark.parametrize("charset", ["utf-8", "utf-16"])
def test_what_is_in_it_in_base64_is_a_member(charset: str) -> None:
    text = b64encode(b"ActiveMime and more").decode()
    xml = WORD % f'<w:docOleData><w:binData w:name="editdata.mso">\n{text[:8]}\n{text[8:]}</w:binData></w:docOleData>'
    assert taken_apart(open_office_xml, xml.encode(charset))[0] == [(("editdata.mso",), b"ActiveMime and more")]
    xml = f'<pkg:part pkg:name="/word/vbaProject.bin"><pkg:binaryData>{text.rstrip("=")}</pkg:binaryData></pkg:part>'
    ((names, octets),), _ = taken_apart(open_office_xml, xml.encode(charset))
    assert names == ("vbaProject.bin",) and octets.startswith(b"ActiveMime and mo")


def test_base64_after_its_padding_is_read_on() -> None:
    """Python's own decoder stops there, reads on as if there were no padding, or refuses it, by its version."""
    ((_, octets),), _ = taken_apart(open_office_xml, b"<w:binData>QQ==\nQUJD</w:binData>")
    assert octets == b"AABC"


def test_base64_that_is_none_is_said() -> None:
    assert taken_apart(open_office_xml, b"<w:binData>-</w:binData>")[1][0][0] == NOT_OPENED


@pytest.mark.parametrize(
    "xml",
    [
        WORD % "<w:instrText>DDEAUTO cmd</w:instrText>",
        WORD % '<w:attachedTemplate w:val="http://example.com/x.dot"/>',
        EXCEL % "<Cell ss:Formula=\"=cmd|'/c calc'!A0\"/>",
        '<Relationship Type="x/oleObject" Target="http://example.com/x" TargetMode="External"/>',
    ],
)
def test_what_reaches_beyond_the_document_is_said(xml: str) -> None:
    assert [group for group, _ in taken_apart(open_office_xml, xml.encode())[1]] == [REMOTE]


def test_active_mime_holds_a_document() -> None:
    data = (
        b"ActiveMime\0\0\1\xf0\4\0\0\0\xff\xff\xff\xff\0\0\7\xf0x\0\0\0" + bytes(10) + zlib.compress(b"document " * 50)
    )
    assert taken_apart(open_active_mime, data) == ([((), b"document " * 50)], [])
    assert taken_apart(open_active_mime, b"ActiveMime" + b"x" * 5000)[1][0][0] == NOT_OPENED


def test_no_time_left_is_said() -> None:
    assert taken_apart(open_office_xml, b"<w:binData>QUFB</w:binData>", spent())[1][0][0] == OVER_LIMIT


PIECES = [
    "<w:binData>",
    "QUFB",
    "=",
    "</w:binData>",
    '<Cell Formula="',
    "=c|x!y",
    '"',
    ">",
    "<",
    "<w:instrText>",
    "DDE",
    "\xe4",
]


@settings(deadline=None)
@given(st.lists(st.sampled_from(PIECES)))
def test_no_octets_make_it_raise_anything_else(pieces: list[str]) -> None:
    taken_apart(open_office_xml, "".join(pieces).encode())
    taken_apart(open_active_mime, "".join(pieces).encode("latin-1"))
