"""Real documents that others made to test such readers with: what is said of each, and what comes out of them."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from compound import patient, taken_apart

from bench import corpora
from mailscan.unpack.found import AUTO_MACROS, ENCRYPTED_DOCUMENT, REMOTE, Found
from mailscan.unpack.officexml import is_office_xml, open_office_xml
from mailscan.unpack.ole import open_ole
from mailscan.unpack.ooxml import about
from mailscan.unpack.pdf import open_pdf
from mailscan.unpack.rtf import open_rtf
from mailscan.unpack.sheettext import csv, is_sylk, sylk
from mailscan.unpack.tnef import open_tnef

FOLDER = corpora.folder() / "attach"
OPENERS = (
    (b"\xd0\xcf\x11\xe0", open_ole),
    (b"{\\rt", open_rtf),
    (b"%PDF-", open_pdf),
    (b"\x78\x9f\x3e\x22", open_tnef),
)

# What else is said of documents in `oletools`, by a part of their names; of all others nothing.
SAID = {
    "autostart-encrypt-standardpassword": {ENCRYPTED_DOCUMENT, AUTO_MACROS},
    "dde-test-encrypt-standardpassword": {ENCRYPTED_DOCUMENT, REMOTE},
    "encrypted/encrypted.": {ENCRYPTED_DOCUMENT},
    "excel4_sample_macro": {AUTO_MACROS},
    "dde-in-": {REMOTE},
    "dde-test.": {REMOTE},
    "external_link": {REMOTE},
    "sample_with_lnk_to_calc.doc": {REMOTE},
}
HELD = {"embedded-simple": "simple-text-file.txt", "embedded-unicode": "ünicöde", "sample_with_lnk_file": "calc.lnk"}


def all_of(data: bytes, name: str = "") -> tuple[set[str], dict[str, bytes]]:
    """(the groups of all remarks, all members by name), however deep."""
    members: list[tuple[tuple[str, ...], bytes]] = []
    groups: set[str] = set()
    if data[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = [((one,), archive.read(one)) for one in archive.namelist()]
        founds = [Found(names, 0, lambda most, octets=octets: octets[:most]) for names, octets in members]  # type: ignore[misc]
        groups = {one.group for one in about(founds, patient())}
    elif is_office_xml(data):
        members, remarks = taken_apart(open_office_xml, data)
        groups = {group for group, _ in remarks}
    elif is_sylk(data) or name.endswith(".csv"):
        groups = {one.group for one in (csv if name.endswith(".csv") else sylk)(data, patient())}
    for first, opener in OPENERS:
        if data.startswith(first):
            members, remarks = taken_apart(opener, data)
            groups = {group for group, _ in remarks}
    found = {one: octets for names, octets in members for one in names}
    for _, octets in members:
        more, inner = all_of(octets)
        groups |= more
        found |= inner
    return groups, found


def files(folder: str) -> list[Path]:
    """The documents in a folder; those in a ZIP archive with a password are left out."""
    return [one for one in sorted((FOLDER / folder).rglob("*.*")) if one.suffix != ".zip" and one.is_file()]


@pytest.mark.skipif(not files("oletools"), reason="no corpus of documents")
def test_what_is_said_of_documents_made_for_oletools() -> None:
    wrong = []
    for path in files("oletools"):
        groups, found = all_of(path.read_bytes(), path.name)
        wanted = next((said for part, said in SAID.items() if part in str(path)), set())
        held = next((name for part, name in HELD.items() if part in path.name), "")
        if groups != wanted or not any(held in name for name in ["", *found]):
            wrong.append(f"{path.name}: {groups}, {list(found)}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.skipif(not files("clamav-testfiles"), reason="no corpus of containers")
@pytest.mark.parametrize("name", ["clam.ole.doc", "clam.ppt", "clam.pdf", "clam.exe.rtf", "clam.tnef"])
def test_the_program_comes_out_bit_by_bit(name: str) -> None:
    folder = FOLDER / "clamav-testfiles"
    _, found = all_of((folder / name).read_bytes())
    assert found["clam.exe"] == (folder / "clam.exe").read_bytes()
