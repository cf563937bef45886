"""What octets are, and which names are run."""

from __future__ import annotations

import binascii
import random
import subprocess
import sys
from pathlib import Path

import payloads
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailscan import filetype
from mailscan.filetype import EXECUTABLES, SHORTCUTS, com_may_run, endings, kind, runs
from mailscan.filetype.kinds import KINDS, TABLE

PROJECT = Path(__file__).parent.parent


def group(data: bytes) -> str:
    found = kind(data)
    return found.group if found else ""


def refused_name(name: str) -> bool:
    return any(map(runs, endings(name)))


# --- what must not fire


@pytest.mark.parametrize(
    "text",
    [
        b"MZ is what DOS programs begin with, after Mark Zbikowski.\n" * 4,
        b"MZ\n\n",
        b"MZ",
        b"ZM\r\n" + b"x" * 200,
        b"BMW and BZhang\n",
        "Привет, мир\n".encode("koi8-r"),
        "Grüße".encode("utf-16"),
        b"\x1b$B4A;z\x1b(B\n",
        payloads.EICAR_LIKE,
    ],
)
def test_text_is_no_program(text: bytes) -> None:
    assert kind(text) == filetype.TEXT


def test_a_script_that_opens_in_an_editor_is_named_and_innocent() -> None:
    found = kind(b"#!/bin/sh\nexec rm -r x\n")
    assert found is not None
    assert (found.name, found.group) == ("script-unix", "source")


@pytest.mark.parametrize(
    "data",
    [
        payloads.PNG,
        payloads.ELF_OBJECT,
        payloads.ole(),
        payloads.zipped({"a.txt": b"a"}),
        b"MZ" + b"\xfe" * 300,
        b"MZ\0\0" + b"\0" * 300,
        b"\xca\xfe\xba\xbe" + b"\xff" * 60,
        b"\x7fELF" + b"\xff" * 60,
        b"II*\0" + b"\0" * 60,
        b"\0" * 300,
        b"",
    ],
)
def test_look_alikes_are_no_programs(data: bytes) -> None:
    assert group(data) != EXECUTABLES


def test_chance_makes_no_program() -> None:
    # libmagic calls 1 of 100 of these a DOS program (COM).
    chance = random.Random(1)
    assert [data for i in range(1024) if group(data := bytes([i % 256]) + chance.randbytes(300)) == EXECUTABLES] == []


@pytest.mark.parametrize("data", [payloads.PNG, payloads.PE, b"%PDF-1.4\n\xe2\xe3\0", b"prose\n", payloads.zipped({})])
def test_libmagic_is_not_asked_about_what_is_known(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(data: bytes) -> None:
        raise AssertionError(data)

    monkeypatch.setattr(filetype, "by_libmagic", asked)
    assert kind(data) is not None


@pytest.mark.parametrize(
    "name",
    [
        "google.com!example.com!1700000000!1700086399.zip",
        "setup.exe.txt",
        "setup.exe_",
        "exe",
        "command",
        "notes about x.js and y.exe.docx",
        "Quarterly report (final).pdf",
        "a.example",
        "example.computer",
        "libfoo.so.1",
        "script.sh",
        "",
        ".",
        "...",
        "x.{not-a-class-id}",
    ],
)
def test_names_that_nothing_runs(name: str) -> None:
    assert not refused_name(name)


def test_hosts_and_addresses_are_no_programs() -> None:
    assert not com_may_run(b"<html><body>saved page</body></html>")
    assert not com_may_run(b"Received: from x\r\n")
    assert not com_may_run(payloads.zipped({"a": b"b"}))
    assert not com_may_run(b"")


# --- what must fire


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (payloads.PE, "pe"),
        (b"MZKERNEL32.DLL\0\0" + b"junk" * 11 + b"\x40\0\0\0PE\0\0" + b"\0" * 100, "pe"),
        (payloads.DOS, "mz"),
        (payloads.NE, "ne"),
        (payloads.ELF, "elf"),
        (payloads.ELF_BIG_ENDIAN, "elf"),
        (payloads.MACH_O, "mach-o"),
        (payloads.UNIVERSAL, "mach-o"),
        (payloads.JAVA_CLASS, "java-class"),
        (payloads.DEX, "dex"),
        (payloads.MSI, "msi"),
    ],
)
def test_programs(data: bytes, name: str) -> None:
    found = kind(data)
    assert found is not None
    assert (found.name, found.group) == (name, EXECUTABLES)


@pytest.mark.parametrize(
    "name",
    [
        "setup.exe",
        "SETUP.EXE",
        "invoice.pdf.scr",
        "x.exe. . .",
        'x.exe"',
        "x.exe::$DATA",
        "x.txt:y.exe",
        "x.exe:y.txt",
        "C:x.exe:y",
        "x.exe\u3164",
        "x.e\uffa0xe\u2800 ",
        "x.ex\u200be",
        "\u202efdp.exe",
        "x.exe\u00a0",
        "x.exe\0.txt",
        "x.txt\0.exe",
        "a/b\\c.js",
        "x.{3050F4D8-98B5-11CF-BB82-00AA00BDCE0B}",
        "www.example.com",
    ],
)
def test_names_that_are_run(name: str) -> None:
    assert refused_name(name)


def test_a_shortcut_is_no_program_and_as_bad() -> None:
    found = kind(payloads.LNK)
    assert found is not None
    assert (found.name, found.group) == ("lnk", SHORTCUTS)


def test_what_may_be_a_com_program() -> None:
    assert com_may_run(payloads.EICAR_LIKE + b"\r\n")
    assert com_may_run(b"\xe9\x10\x00\xcd\x21\x90\x90")


@given(st.binary(max_size=400), st.sampled_from([b"", *(row[0] for row in TABLE if not row[1])]))
def test_any_octets(data: bytes, first: bytes) -> None:
    found = filetype.by_first_octets(first + data)
    assert found is None or found is KINDS[found.name]
    assert com_may_run(first + data) in (True, False)


@given(st.text())
def test_any_name(name: str) -> None:
    assert all(ending and ending == ending.lower() and "." not in ending for ending in endings(name))


def test_programs_that_others_made(corpora: Path) -> None:
    programs = sorted((corpora / "attach" / "clamav-testfiles").glob("*.exe"))
    assert len(programs) > 10
    assert [path.name for path in programs if group(path.read_bytes()) != EXECUTABLES] == []
    shortcuts = [path for path in sorted((corpora / "attach" / "lnk").iterdir()) if path.read_bytes()[:4] == b"TAAA"]
    assert len(shortcuts) > 20
    assert [path.name for path in shortcuts if group(binascii.a2b_base64(path.read_bytes())) != SHORTCUTS] == []


def test_importing_is_cheap() -> None:
    # Each of these costs every mail more than the whole filter does.
    dear = "re zipfile zlib struct magic ctypes typing dataclasses email logging unicodedata mailscan.unpack"
    tables = ("kinds", "textkinds", "scripts", "extensions", "libmagic", "disguise")
    dear += "".join(f" mailscan.filetype.{name}" for name in tables)
    code = f"import sys, mailscan.filters.attachments; print([m for m in {dear.split()} if m in sys.modules])"
    command = [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {str(PROJECT)!r}); {code}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "[]\n"
