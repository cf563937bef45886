"""What a ZIP archive is by its members."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailscan.filetype import DOCUMENTS, EXECUTABLES, zip_kind


@pytest.mark.parametrize(
    "names",
    [
        [],
        ["a.txt"],
        ["google.com!example.com!1!2.xml"],
        ["META-INF/MANIFEST.MF", "a.txt"],
        ["src/Main.class"],
        ["AndroidManifest.xml"],
        ["manifest.json"],
        ["Info.plist"],
        ["content.xml"],
    ],
)
def test_just_an_archive(names: list[str]) -> None:
    assert zip_kind(names) is None


@pytest.mark.parametrize(
    ("names", "name"),
    [
        (["[Content_Types].xml", "word/document.xml"], "docx"),
        (["odd first member", "[content_types].xml", "WORD\\document.xml"], "docx"),
        (["[Content_Types].xml", "xl/workbook.xml"], "xlsx"),
        (["[Content_Types].xml", "ppt/presentation.xml"], "pptx"),
        (["[Content_Types].xml", "visio/document.xml"], "ooxml"),
        (["mimetype", "content.xml", "META-INF/manifest.xml"], "odf"),
        (["mimetype", "META-INF/container.xml"], "epub"),
    ],
)
def test_documents(names: list[str], name: str) -> None:
    found = zip_kind(names)
    assert found is not None
    assert (found.name, found.group) == (name, DOCUMENTS)


@pytest.mark.parametrize(
    ("names", "name"),
    [
        (["META-INF/MANIFEST.MF", "org/example/Main.class"], "jar"),
        (["meta-inf/manifest.mf", "Main.CLASS"], "jar"),
        (["AndroidManifest.xml", "classes.dex"], "apk"),
        (["AppxManifest.xml", "AppxBlockMap.xml"], "appx"),
        (["AppxMetadata/AppxBundleManifest.xml"], "appx"),
        (["manifest.json", "META-INF/mozilla.rsa"], "xpi"),
        (["Payload/A.app/Info.plist"], "ipa"),
        (["A.app/Contents/Info.plist", "A.app/Contents/MacOS/A"], "mac-app"),
        (["[Content_Types].xml", "word/document.xml", "META-INF/MANIFEST.MF", "A.class"], "jar"),
    ],
)
def test_programs(names: list[str], name: str) -> None:
    found = zip_kind(iter(names))
    assert found is not None
    assert (found.name, found.group) == (name, EXECUTABLES)


@given(st.lists(st.text(max_size=20), max_size=5))
def test_any_names(names: list[str]) -> None:
    found = zip_kind(names)
    assert found is None or found.text
