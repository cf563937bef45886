"""The table of file names."""

from __future__ import annotations

import pytest

from mailscan.filetype import runs
from mailscan.filetype.extensions import EXECUTABLE_NAMES, LOOKS_LIKE, TABLE, looks_like, named

# Attached all day: reports, calendars, cards, signatures, certificates, tables, text.
INNOCENT = (
    "ics vcf p7s p7m asc sig txt csv xml json html htm eml md pdf docx xlsx pptx odt jpg png gif zip gz patch diff"
)


@pytest.mark.parametrize("ending", [*INNOCENT.split(), "", "com.", "crt", "pem", "c", "h", "svg", "mobileconfig"])
def test_innocent_names(ending: str) -> None:
    assert runs(ending) == ""
    assert named(ending)[0] in ("", "archives")


@pytest.mark.parametrize("ending", ["py", "sh", "pl", "inf", "url", "desktop", "docm", "iso", "webloc"])
def test_names_that_are_told_and_not_run(ending: str) -> None:
    group, what = named(ending)
    assert group in ("source", "links", "macros", "disk-images")
    assert what
    assert runs(ending) == ""


def test_no_extension_stands_twice() -> None:
    every = [ending for _, _, endings in TABLE for ending in endings.split()]
    assert sorted(every) == sorted(set(every))
    assert all(ending == ending.lower() for ending in every)


def test_every_name_that_was_run_is_run() -> None:
    before = (
        "exe com scr pif cpl xll ocx dll appimage bat cmd ps1 vbs vbe vb js jse ws wsf wsc wsh sct hta chm xbap msc"
        " gadget lnk scf settingcontent-ms msi msp mst msu msix msixbundle appx appxbundle appinstaller application"
        " appref-ms diagcab reg shs shb jar jnlp apk pkg mpkg command terminal"
    )
    assert set(before.split()) <= set(EXECUTABLE_NAMES)


def test_groups() -> None:
    assert named("exe") == ("executables", "a program")
    assert named("js")[0] == "scripts"
    assert named("lnk")[0] == "shortcuts"
    assert named("{3050f4d8-98b5-11cf-bb82-00aa00bdce0b}")[0] == "executables"


def test_what_a_person_sees() -> None:
    assert looks_like("jpg") == "a picture"
    assert looks_like("exe") == ""
    # What is run looks like nothing else.
    assert [ending for _, endings in LOOKS_LIKE for ending in endings.split() if runs(ending)] == []
