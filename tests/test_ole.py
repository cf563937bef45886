"""OLE documents: what they carry, and what is said of their macros, links and encryption."""

from __future__ import annotations

import struct
import zlib

import pytest
from compound import compound, patient, spent, taken_apart
from hypothesis import given, settings
from hypothesis import strategies as st

from mailscan.unpack.found import AUTO_MACROS, ENCRYPTED_DOCUMENT, MACROS, OVER_LIMIT, REMOTE
from mailscan.unpack.ole import open_ole
from mailscan.unpack.vba import decompress

PROGRAM = b"\x7fELF\2\1\1".ljust(16, b"\0") + b"\2\0" + bytes(100)
EMPTY_MODULE = b'Attribute VB_Name = "ThisDocument"\r\nAttribute VB_Base = "1Normal"\r\nOption Explicit\r\n\r\n'


def packaged(name: str, data: bytes, *, size: int | None = None, wide: str = "", how: int = 0x30000) -> bytes:
    """A stream \\x01Ole10Native as the Packager writes it."""
    path = b"C:\\Users\\x\\" + name.encode() + b"\0"
    body = b"\2\0" + name.encode() + b"\0" + path + struct.pack("<II", how, len(path)) + path
    body += struct.pack("<I", len(data) if size is None else size) + data
    for one in (wide, wide, wide) if wide else ():
        body += struct.pack("<I", len(one)) + one.encode("utf-16-le")
    return struct.pack("<I", len(body)) + body


def squeezed(text: bytes) -> bytes:
    """A compressed container of literals ([MS-OVBA] 2.4.1)."""
    out = b"\1"
    for at in range(0, len(text), 3000):
        piece = text[at : at + 3000]
        chunk = b"".join(b"\0" + piece[i : i + 8] for i in range(0, len(piece), 8))
        out += struct.pack("<H", 0xB000 | len(chunk) - 1) + chunk
    return out


def project(modules: dict[str, bytes], compiled: bytes = b"\xcc\x61" + bytes(50), **more: bytes) -> dict[str, bytes]:
    """The streams of a VBA project with these sources, 20 octets of compiled code before each."""
    listed = b""
    for name in modules:
        octets = name.encode()
        listed += struct.pack("<HI", 0x1A, len(octets)) + octets
        listed += struct.pack("<HI", 0x32, 2 * len(octets)) + name.encode("utf-16-le")
        listed += struct.pack("<HII", 0x31, 4, 20)
    streams = {"Macros/VBA/dir": squeezed(listed), "Macros/VBA/_VBA_PROJECT": compiled}
    return streams | {f"Macros/VBA/{name}": bytes(20) + squeezed(code) for name, code in modules.items()} | more


def workbook(*records: tuple[int, bytes]) -> bytes:
    bof = struct.pack("<HHHH", 0x809, 16, 0x600, 5) + bytes(12)
    return bof + b"".join(struct.pack("<HH", kind, len(body)) + body for kind, body in records)


def word(text: bytes, flags: int = 0) -> bytes:
    return struct.pack("<HHHHHH", 0xA5EC, 0xC1, 0, 0, 0, flags).ljust(2000, b"\0") + text


def sheet(kind: int, hidden: int = 0) -> tuple[int, bytes]:
    return 0x85, struct.pack("<IBBBB", 0, hidden, kind, 5, 0) + b"Tabel"


def named(number: int) -> tuple[int, bytes]:
    return 0x18, struct.pack("<HBBHHHI", 0x20, 0, 1, 0, 0, 0, 0) + bytes([0, number])


def remarks(streams: dict[str, bytes]) -> list[tuple[str, str]]:
    members, said = taken_apart(open_ole, compound(streams))
    assert members == []
    return said


@pytest.mark.parametrize(
    "streams",
    [
        {"WordDocument": word("DDE is a word, and 'LINK' too".encode("utf-16-le")), "1Table": b"", "\1CompObj": b"x"},
        # A hyperlink, a picture from elsewhere, a page number.
        {"WordDocument": word(b'\x13 HYPERLINK "http://example.com/DDE" \x14x\x15\x13 PAGE \x141\x15')},
        {"WordDocument": word(b'\x13 INCLUDEPICTURE "http://example.com/x.png" \x14x\x15')},
        {"WordDocument": word(b'\x13 INCLUDETEXT "C:\\\\My documents\\\\x.doc" \x14x\x15')},
        # Office makes a project without a line of code for whoever has looked at the editor.
        project({"ThisDocument": EMPTY_MODULE}),
        {"Workbook": workbook(sheet(0), named(6), (0x1AE, struct.pack("<HH", 1, 0x401)))},
        {"Workbook": workbook((0x1AE, struct.pack("<HHB", 1, 9, 0) + b"\1book.xls"))},
        {"\1Ole": struct.pack("<III", 0x2000001, 0, 0)},
        {"__properties_version1.0": bytes(32), "__substg1.0_1000001F": "MZ".encode("utf-16-le")},
    ],
)
def test_of_these_nothing_is_said(streams: dict[str, bytes]) -> None:
    assert remarks(streams) == []


def test_a_packaged_file_has_its_names_and_octets() -> None:
    members, said = taken_apart(
        open_ole, compound({"ObjectPool/_1/\1Ole10Native": packaged("a.exe", PROGRAM, wide="ü.exe")})
    )
    assert members == [(("a.exe", "ü.exe"), PROGRAM)] and said == []


def test_the_name_of_its_stream_may_be_written_in_any_case() -> None:
    assert taken_apart(open_ole, compound({"\1oLE10nATIVE": packaged("a.exe", PROGRAM)}))[0] == [(("a.exe",), PROGRAM)]


@pytest.mark.parametrize("size", [len(PROGRAM) + 1, 0xFFFFFFFF])
def test_a_packaged_file_that_is_said_to_be_longer_ends_where_the_stream_ends(size: int) -> None:
    data = packaged("a.exe", PROGRAM, size=size)
    assert taken_apart(open_ole, compound({"\1Ole10Native": data}))[0] == [(("a.exe",), PROGRAM)]


def test_what_another_server_wrote_is_a_member_as_it_is() -> None:
    data = struct.pack("<I", len(PROGRAM)) + PROGRAM
    assert taken_apart(open_ole, compound({"x/\1Ole10Native": data}))[0] == [(("x/\1Ole10Native",), PROGRAM)]


def test_a_link_to_a_file_is_said() -> None:
    assert remarks({"\1Ole10Native": packaged("calc.exe", b"", how=0x10000)})[0][0] == REMOTE


def test_a_linked_object_is_said_with_its_place() -> None:
    place = "http://example.com/x.hta"
    stream = struct.pack("<IIIII", 0x2000001, 1, 1, 0, 0) + bytes(20) + place.encode("utf-16-le") + b"\0\0"
    assert remarks({"\1Ole": stream}) == [(REMOTE, f"an object that is linked to {place}")]


def test_any_stream_that_begins_as_a_program_is_a_member() -> None:
    assert taken_apart(open_ole, compound({"x/y": PROGRAM, "z": b"nothing"})) == ([(("x/y",), PROGRAM)], [])


def test_a_stream_in_no_tree_is_a_member_too() -> None:
    data = compound({"x": PROGRAM, "z": b"nothing"}, orphans=("x",))
    assert taken_apart(open_ole, data)[0] == [(("x",), PROGRAM)]


def test_a_cabinet_in_an_installer_has_its_decoded_name() -> None:
    cabinet = b"MSCF\0\0\0\0".ljust(100, b"\0")
    # "disk1.cab", two letters a character.
    letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz._"
    pairs = [("d", "i"), ("s", "k"), ("1", "."), ("c", "a")]
    name = "".join(chr(0x3800 + letters.index(a) + (letters.index(b) << 6)) for a, b in pairs) + chr(
        0x4800 + letters.index("b")
    )
    assert taken_apart(open_ole, compound({name: cabinet}))[0] == [(("disk1.cab",), cabinet)]


def test_attachments_of_an_outlook_message_have_all_their_names() -> None:
    attachment = "__attach_version1.0_#00000000/"
    streams = {
        f"{attachment}__substg1.0_37010102": b"echo hello",
        f"{attachment}__substg1.0_3704001F": "LONGNA~1.BAT".encode("utf-16-le"),
        f"{attachment}__substg1.0_3707001F": "long name.bat\0".encode("utf-16-le"),
        f"{attachment}__substg1.0_3001001E": b"shown.txt",
    }
    assert taken_apart(open_ole, compound(streams)) == (
        [(("long name.bat", "LONGNA~1.BAT", "shown.txt"), b"echo hello")],
        [],
    )


def test_attachments_of_an_attached_message_are_found() -> None:
    inner = "__attach_version1.0_#00000000/__substg1.0_3701000D/__attach_version1.0_#00000000/"
    members, _ = taken_apart(open_ole, compound({f"{inner}__substg1.0_37010102": PROGRAM}))
    assert members == [((), PROGRAM)]


def test_the_text_of_an_outlook_message_is_a_member_where_it_is_rtf_or_html() -> None:
    rtf = struct.pack("<II4sI", 17, 5, b"MELA", 0) + b"{\\rtf"
    members, said = taken_apart(open_ole, compound({"__substg1.0_10090102": rtf, "__substg1.0_10130102": b"<p>"}))
    assert members == [(("body.rtf",), b"{\\rtf"), (("body.html",), b"<p>")] and said == []


@pytest.mark.parametrize("squeeze", [False, True])
def test_objects_in_a_presentation_are_members(squeeze: bool) -> None:
    inner = compound({"\1Ole10Native": packaged("a.exe", PROGRAM)})
    if squeeze:
        body = struct.pack("<I", len(inner)) + zlib.compress(inner)
        record = struct.pack("<HHI", 0x10, 0x1011, len(body)) + body
    else:
        record = struct.pack("<HHI", 0, 0x1011, len(inner)) + inner
    members, said = taken_apart(open_ole, compound({"PowerPoint Document": b"x" * 7 + record}))
    assert [octets for _, octets in members] == [inner] and said == []


@pytest.mark.parametrize("trigger", ["AutoOpen", "document_open", "Workbook_Open", "Auto_Close", "InkPicture1_Painted"])
def test_macros_that_run_by_themselves_are_told_with_module_and_trigger(trigger: str) -> None:
    code = EMPTY_MODULE + f"Private Sub _\r\n  {trigger}()\r\nShell 1\r\nEnd Sub\r\n".encode()
    ((group, text),) = remarks(project({"ThisDocument": code}))
    assert group == AUTO_MACROS and f'{trigger} in "ThisDocument"' in text


def test_main_of_a_module_with_such_a_name_runs_by_itself() -> None:
    assert remarks(project({"AutoExec": b"Sub MAIN()\r\nEnd Sub"}))[0][0] == AUTO_MACROS


@pytest.mark.parametrize("code", [b"Sub Button_Click()\r\nEnd Sub", b"Sub x()\r\n' Sub AutoOpen()\r\nEnd Sub"])
def test_macros_that_a_person_must_start_are_only_macros(code: bytes) -> None:
    assert remarks(project({"Module1": code})) == [(MACROS, "macros in Module1")]


def test_macros_are_read_where_their_list_is_damaged() -> None:
    code = EMPTY_MODULE + b"Sub AutoOpen()\r\nEnd Sub\r\n"
    assert remarks(project({"Module1": code}) | {"Macros/VBA/dir": b"\1\0"})[0][0] == AUTO_MACROS


def test_a_project_in_an_embedded_document_is_found() -> None:
    streams = {f"ObjectPool/_1/{path}": data for path, data in project({"m": b"Sub AutoOpen()"}).items()}
    assert remarks(streams)[0][0] == AUTO_MACROS


@pytest.mark.parametrize(
    "streams",
    [
        project({"m": EMPTY_MODULE}, compiled=bytes(30) + b"AutoOpen\0" + bytes(30)),
        project({"m": b"Sub x()"}) | {"Macros/VBA/m": bytes(1000)},
    ],
)
def test_macros_without_their_source_are_said_to_be_stomped(streams: dict[str, bytes]) -> None:
    ((group, text),) = remarks(streams)
    assert group == AUTO_MACROS and "stomped" in text


def test_copies_in_compressed_source_are_followed() -> None:
    # [MS-OVBA] 3.2.2 and 3.2.3
    normal = bytes.fromhex(
        "01 2F B0 00 23 61 61 61 62 63 64 65 82 66 00 70 61 67 68 69 6A 01 38 08 61 6B 6C 00 30 6D 6E 6F 70"
        "06 71 02 70 04 10 72 73 74 75 76 10 77 78 79 7A 00 3C"
    )
    assert decompress(normal, 0, 1000, patient()) == b"#aaabcdefaaaaghijaaaaaklaaamnopqaaaaaaaaaaaarstuvwxyzaaa"
    most = bytes.fromhex("01 03 B0 02 61 45 00")
    assert decompress(most, 0, 1000, patient()) == b"a" * 73


@pytest.mark.parametrize("hidden, word_for_it", [(0, "visible"), (1, "hidden"), (2, "very hidden")])
def test_macro_sheets_of_excel_4_are_macros(hidden: int, word_for_it: str) -> None:
    ((group, text),) = remarks({"Workbook": workbook(sheet(1, hidden))})
    assert group == MACROS and f'"Tabel" ({word_for_it})' in text


def test_macro_sheets_with_auto_open_run_by_themselves() -> None:
    assert remarks({"Workbook": workbook(sheet(1), named(1))})[0][0] == AUTO_MACROS
    label = struct.pack("<HBBHHHI", 0, 0, 10, 0, 0, 0, 0) + b"\0Auto_Open1"
    assert remarks({"Workbook": workbook(sheet(1), (0x18, label))})[0][0] == AUTO_MACROS


def test_a_macro_sheet_that_is_not_listed_is_found() -> None:
    assert remarks({"Book": workbook(sheet(0), (0x809, struct.pack("<HH", 0x600, 0x40)))})[0][0] == MACROS


def test_a_link_to_another_program_is_said() -> None:
    body = struct.pack("<HHB", 1, 10, 0) + b"cmd\3 /c ca"
    assert remarks({"Workbook": workbook((0x1AE, body))}) == [(REMOTE, "a link to another program: cmd |  /c ca")]


@pytest.mark.parametrize(
    "streams",
    [
        {"EncryptedPackage": bytes(50), "EncryptionInfo": bytes(50)},
        {"WordDocument": word(b"", 0x100)},
        {"Workbook": workbook((0x2F, b"\0\0\1\2\3\4"))},
        {"PowerPoint Document": bytes(10), "Current User": bytes(12) + b"\xdf\xc4\xd1\xf3"},
        {"PowerPoint Document": b"\x0f\0\x14\x2f" + bytes(10)},
    ],
)
def test_encrypted_documents_are_said_to_be(streams: dict[str, bytes]) -> None:
    assert [group for group, _ in remarks(streams)] == [ENCRYPTED_DOCUMENT]


def test_the_password_that_excel_does_not_ask_for_is_said() -> None:
    # [MS-OFFCRYPTO] 2.3.7.1 of VelvetSweatshop.
    ((_, text),) = remarks({"Workbook": workbook((0x2F, struct.pack("<HHH", 0, 0x599A, 0x9A0A)))})
    assert "VelvetSweatshop" in text


@pytest.mark.parametrize("field", ["DDEAUTO c:\\\\cmd.exe", ' "DDE" x', "LINK Excel.Sheet http://x/y"])
@pytest.mark.parametrize("charset", ["latin-1", "utf-16-le"])
def test_fields_that_reach_beyond_a_document_are_said(field: str, charset: str) -> None:
    assert remarks({"WordDocument": word(f"text\x13 {field} \x14x\x15".encode(charset))})[0][0] == REMOTE


def test_a_template_from_elsewhere_is_said() -> None:
    def with_template(place: str) -> dict[str, bytes]:
        table = struct.pack("<HHHHH", 0xFFFF, 18, 0, 0, len(place)) + place.encode("utf-16-le")
        stream = bytearray(word(b""))
        struct.pack_into("<II", stream, 0x19A, 0, len(table))
        return {"WordDocument": bytes(stream), "0Table": table}

    assert remarks(with_template("C:\\Users\\x\\Normal.dotm")) == []
    assert remarks(with_template("https://example.com/x.dotm"))[0][0] == REMOTE


def test_no_time_left_is_said() -> None:
    assert taken_apart(open_ole, compound(project({"m": b"Sub AutoOpen()"})), spent())[1][0][0] == OVER_LIMIT


SAMPLE = compound(
    project({"m": b"Sub AutoOpen()"})
    | {"a/\1Ole10Native": packaged("a.exe", PROGRAM), "Workbook": workbook(sheet(1), named(1)), "\1Ole": bytes(30)}
    | {
        "WordDocument": word(b"\x13DDE x\x14"),
        "__substg1.0_10090102": struct.pack("<II4sI", 17, 50, b"LZFu", 0) + bytes(40),
    }
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(SAMPLE)), st.binary(min_size=1, max_size=8)), max_size=30))
def test_no_octets_make_it_raise_anything_else(changes: list[tuple[int, bytes]]) -> None:
    data = bytearray(SAMPLE)
    for at, octets in changes:
        data[at : at + len(octets)] = octets
    taken_apart(open_ole, bytes(data))
