"""Office documents in ZIP archives: what is fetched, asked or run when they are opened."""

from __future__ import annotations

import pytest
from compound import patient, spent
from hypothesis import given, settings
from hypothesis import strategies as st

from mailscan.unpack.found import AUTO_MACROS, ENCRYPTED_DOCUMENT, MACROS, OVER_LIMIT, REMOTE, Found, Unopened
from mailscan.unpack.ooxml import SHOWN, about
from mailscan.unpack.tags import decoded, tags

RELATIONSHIPS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/"
TYPES = b'<Types><Override PartName="/word/document.xml" ContentType="application/vnd.ms-word.x+xml"/></Types>'
BEGIN, END = '<w:fldChar w:fldCharType="begin"/>', '<w:fldChar w:fldCharType="end"/>'
FIELD = BEGIN + '<w:instrText xml:space="preserve">%s</w:instrText>' + END


def member(name: str, data: bytes) -> Found:
    return Found((name,), len(data), lambda most: data[:most])


def said(parts: dict[str, bytes], types: bytes = TYPES) -> list[tuple[str, str]]:
    founds = [member(name, data) for name, data in ({"[Content_Types].xml": types} | parts).items()]
    return [(one.group, one.text) for one in about(founds, patient())]


def relation(kind: str, target: str, mode: str = "External") -> dict[str, bytes]:
    text = f'<Relationships><Relationship Id="r" Type="{RELATIONSHIPS}{kind}" Target="{target}" TargetMode="{mode}"/>'
    return {"word/_rels/settings.xml.rels": text.encode()}


@pytest.mark.parametrize(
    "parts",
    [
        {},
        relation("hyperlink", "https://example.com/"),
        relation("image", "https://example.com/x.png"),
        relation("oleObject", "embeddings/oleObject1.bin", "Internal"),
        # Where the author's template was says Word itself.
        relation("attachedTemplate", "file:///C:\\Users\\x\\AppData\\Roaming\\Normal.dotm"),
        relation("attachedTemplate", "Normal.dotm"),
        relation("externalLinkPath", "Book2.xlsx"),
        {"word/document.xml": (FIELD % " PAGE " + FIELD % ' HYPERLINK "http://x/DDE" ').encode()},
        {"word/document.xml": b"<w:t>DDEAUTO c:\\cmd.exe</w:t>"},
        {"xl/externalLinks/externalLink1.xml": b"<externalLink><externalBook/></externalLink>"},
        {"xl/workbook.xml": b'<definedName name="_xlnm.Print_Area">A1</definedName>'},
        {"word/settings.xml": b"\xff\xfe", "xl/workbook.bin": b""},
    ],
)
def test_of_these_nothing_is_said(parts: dict[str, bytes]) -> None:
    assert said(parts) == []


def test_a_zip_archive_that_is_no_document_is_passed_over() -> None:
    parts = relation("attachedTemplate", "https://example.com/x.dotm") | {"content.xml": b"<event-listener/>"}
    assert list(about([member(name, data) for name, data in parts.items()], patient())) == []


@pytest.mark.parametrize("charset", ["utf-8", "utf-16", "utf-16-be"])
@pytest.mark.parametrize(
    "kind, target",
    [
        ("attachedTemplate", "https://example.com/x.dotm"),
        ("attachedTemplate", "file://server/share/x.dotm"),
        ("attachedTemplate", "\\\\server\\share\\x.dotm"),
        ("oleObject", "mhtml:http://example.com/x.html!x-usc:http://example.com/x.html"),
        ("oleObject", "file:///C:\\x.doc"),
        ("frame", "http://example.com/"),
        ("externalLinkPath", "http&#x3a;//example.com/x.xls"),
    ],
)
def test_what_is_fetched_from_elsewhere_is_said(kind: str, target: str, charset: str) -> None:
    parts = {name: data.decode().encode(charset) for name, data in relation(kind, target).items()}
    ((group, text),) = said(parts)
    assert group == REMOTE and text.startswith(SHOWN[kind.lower()] + " from elsewhere: ")


def test_the_spelling_of_names_and_tags_hides_nothing() -> None:
    text = f"<p:Relationship a='>' x:TargetMode = 'external'\nType='{RELATIONSHIPS}attachedTemplate'\n Target='http://x/'/>"
    founds = [member("\\[CONTENT_TYPES].XML", TYPES), member("word\\_RELS\\x.RELS", text.encode())]
    assert [one.group for one in about(founds, patient())] == [REMOTE]


@pytest.mark.parametrize(
    "xml",
    [
        FIELD % " DDEAUTO c:\\\\cmd.exe ",
        FIELD % "<![CDATA[DDE cmd]]>",
        FIELD
        % "D</w:instrText><!-- <w:fldChar w:fldCharType='end'/> --><w:r/><w:instrText>D</w:instrText><w:instrText>E x",
        FIELD % (" </w:instrText>" + FIELD % " QUOTE 68 68 69 " + "<w:instrText> cmd"),
        '<w:fldSimple w:instr=" &#68;DE cmd"/>',
        FIELD % ' LINK Excel.Sheet.12 "http://x/y" ',
        FIELD % ' INCLUDETEXT "http://x/y" ',
        BEGIN + "<w:instrText>DDE x",
    ],
)
def test_fields_that_reach_beyond_a_document_are_said(xml: str) -> None:
    assert [group for group, _ in said({"word/document.xml": xml.encode()})] == [REMOTE]


def test_the_text_of_a_document_is_found_by_its_declared_type() -> None:
    types = b'<Default Extension="odd" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.x"/>'
    assert said({"a/b.odd": (FIELD % "DDE x").encode()}, types)[0][0] == REMOTE


def test_links_of_a_workbook_to_other_programs_are_said() -> None:
    xml = b'<externalLink><ddeLink ddeService="cmd" ddeTopic="/c calc"></ddeLink></externalLink>'
    assert said({"xl/externalLinks/externalLink1.xml": xml}) == [
        (REMOTE, "a link to another program (DDE): cmd /c calc")
    ]
    binary = b"\xe8\x02\x26\x01\0\3\0\0\0" + "cmd".encode("utf-16-le")
    assert said({"xl/externalLinks/externalLink1.bin": binary}) == [(REMOTE, "a link to another program (DDE): cmd")]


@pytest.mark.parametrize(
    "parts, types, group",
    [
        ({"xl/macrosheets/sheet1.xml": b""}, TYPES, MACROS),
        (
            {"xl/x.xml": b""},
            b'<Override PartName="/xl/x.xml" ContentType="application/vnd.ms-excel.macrosheet+xml"/>',
            MACROS,
        ),
        (
            {"xl/macrosheets/s.xml": b"", "xl/workbook.xml": b'<definedName name="_xlnm.Auto_Open">x</definedName>'},
            TYPES,
            AUTO_MACROS,
        ),
        ({"xl/macrosheets/s.bin": b"", "xl/workbook.bin": "_xlnm.Auto_Open".encode("utf-16-le")}, TYPES, AUTO_MACROS),
    ],
)
def test_excel_4_macros_are_said(parts: dict[str, bytes], types: bytes, group: str) -> None:
    assert [one for one, _ in said(parts, types)] == [group]


@pytest.mark.parametrize(
    "parts, groups",
    [
        ({"content.xml": b"<office:document-content/>", "Basic/script-lc.xml": b"<library:libraries/>"}, []),
        ({"content.xml": b'<text:a xlink:href="http://x/"/><draw:object xlink:href="./Object 1"/>'}, []),
        ({"META-INF/manifest.xml": b"<manifest:encryption-data/>"}, [ENCRYPTED_DOCUMENT]),
        ({"Basic/Standard/Module1.xml": b"<script:module>Sub x</script:module>"}, [MACROS]),
        ({"Scripts/python/x.py": b"print()"}, [MACROS]),
        ({"content.xml": b'<script:event-listener script:event-name="dom:load" xlink:href="x"/>'}, [AUTO_MACROS]),
        ({"Object 1/content.xml": b'<script:event-listener script:event-name="form:click"/>'}, [MACROS]),
        ({"content.xml": b'<text:section-source xlink:href="http://x/"/>'}, [REMOTE]),
        ({"content.xml": b'<office:dde-source office:dde-application="cmd"/>'}, [REMOTE]),
    ],
)
def test_opendocument(parts: dict[str, bytes], groups: list[str]) -> None:
    founds = [member(name, data) for name, data in ({"mimetype": b"x"} | parts).items()]
    assert [one.group for one in about(founds, patient())] == groups


def test_a_part_that_cannot_be_read_to_its_end_is_read_as_far_as_it_goes() -> None:
    def read(most: int) -> bytes:
        raise Unopened("damaged", partly=(FIELD % "DDE x").encode())

    founds = [member("[Content_Types].xml", TYPES), Found(("word/document.xml",), 0, read)]
    assert [one.group for one in about(founds, patient())] == [REMOTE]


def test_what_was_not_read_is_said() -> None:
    ((group, _),) = said({"word/document.xml": b"x" * 20_000_001})
    assert group == OVER_LIMIT


def test_no_time_left_is_said() -> None:
    founds = [member("[Content_Types].xml", TYPES)]
    assert [one.group for one in about(founds, spent())] == [OVER_LIMIT]


@settings(deadline=None)
@given(
    st.lists(st.sampled_from(["<", ">", "a:b", "b", " ", "x='", '"', "=", "<!--", "-->", "<![CDATA[", "]]>", "&#x;"]))
)
def test_any_xml_is_read(pieces: list[str]) -> None:
    for tag in tags(decoded("".join(pieces).encode()), patient(), "b"):
        assert isinstance(tag.attributes(), dict)


@pytest.mark.parametrize(
    "piece", ["<b ", "<b x='", '<b x="', "<b x = ", "<!--", "<![CDATA[", "<b:", "<b " + "y" * 50, "<"]
)
def test_reading_takes_linear_time(piece: str) -> None:
    # Were it quadratic, this took minutes.
    for text in ("x".join([piece] * 40_000), piece + "y " * 200_000, piece + "y" * 400_000, piece + "' " * 200_000):
        for tag in tags(decoded(text.encode()), patient(), "b"):
            tag.attributes()
