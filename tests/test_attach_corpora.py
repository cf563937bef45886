"""Files that others made to test such readers, and mail that people got: what comes out, what is said, and what is not.

The figures that the attachments filter is held to. What is said of the documents, shortcuts and odd files one by one
stands in attach_tables.toml, which `--bless` rewrites; a word of `wrong` there names what should be said instead.
"""

from __future__ import annotations

import binascii
import re
import shutil
import subprocess
import time
import tomllib
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from test_corpora import of_mbox, of_tar

from mailscan.envelope import Envelope
from mailscan.filters.attachments import GROUPS, Attachments
from mailscan.inside import Inside, Item, Remark
from mailscan.mail import Mail
from mailscan.message import Message
from mailscan.outside import Outside
from mailscan.unpack import Budget, program

TABLES = Path(__file__).parent / "attach_tables.toml"
# A busy machine is no reason for another verdict: the seconds are measured by bench, not here.
PATIENT = 60.0
EACH = tuple(group for group in GROUPS if group != "archives")
ALARMING = tuple(group for group in EACH if group not in ("links", "source"))

# Of clamav-testfiles: what `clam.exe` does not come out of, and why.
MISSED_WITHOUT_7Z = {
    "clam.arj": "nothing but 7z opens ARJ",
    "clam.chm": "nothing but 7z opens CHM; the file is an executable by itself",
}
MISSED_WITH_7Z: dict[str, str] = {}
# Of libarchive-uu: what is neither listed nor said to be not opened.
SILENT = {
    "test_read_format_mtree_nomagic2.mtree": "a list of file names in text: it holds no file",
    "test_read_format_mtree_nomagic3.mtree": "a list of file names in text: it holds no file",
    "test_read_format_raw.data": "three letters; libarchive's `raw` takes anything for one member",
    "test_read_large_splitted_rar_ad": "a later piece of a RAR archive cut up: it begins like nothing",
    "test_read_large_splitted_rar_ae": "a later piece of a RAR archive cut up: it begins like nothing",
    "test_read_splitted_rar_ab": "a later piece of a RAR archive cut up: it begins like nothing",
    "test_splitted_rar_seek_support_ab": "a later piece of a RAR archive cut up: it begins like nothing",
}
# Of 13,149 mails: every finding, and why it is right.
ALARMS = {
    ("phishing", "spam/sample-351.eml"): (
        ["attachments.encrypted-document"],
        "true: phishing, whose PDF wants the password that stands in the text of the mail",
    ),
}


def folder(corpora: Path, name: str) -> Path:
    found = corpora / "attach" / name
    if not found.is_dir():
        pytest.skip(f"no {name} in the corpora")
    return found


def wrapped(data: bytes, name: str) -> Message:
    message = EmailMessage()
    message["Subject"] = "a file"
    message.set_content("Here it is.\n")
    message.add_attachment(data, "application", "octet-stream", filename=name)
    return Message(message.as_bytes())


def inside(data: bytes, name: str) -> Iterator[Item | Remark]:
    """What there is to say of it as an attachment, the file itself first."""
    end = time.monotonic() + PATIENT
    found = Inside(wrapped(data, name).parts, lambda: Budget(lambda: end - time.monotonic(), seconds=PATIENT))
    return (one for one in found if one.part.path == "1.2")


def said(filter_: Attachments, message: Message) -> list[str]:
    findings = filter_.check(Mail(Envelope(), message), Outside(time.monotonic() + PATIENT))
    return [f"{one.code}: {one.detail}" for one in findings]


@pytest.fixture(params=["without-7z", "with-7z"])
def with_7z(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Each test twice: with a `7z` program, and with what `[archives]` brings alone."""
    if request.param == "with-7z":
        request.getfixturevalue("seven_zip")
        return True
    monkeypatch.setattr(program, "PROGRAMS", ())
    return False


# --- what comes out


def test_the_program_comes_out_of_its_containers(corpora: Path, with_7z: bool) -> None:
    files = folder(corpora, "clamav-testfiles")
    wanted = (files / "clam.exe").read_bytes()
    containers = [one for one in sorted(files.iterdir()) if one.suffix != ".exe" and one.name != "COPYRIGHT"]
    missed = {}
    for path in containers:
        found = list(inside(path.read_bytes(), path.name))
        if not any(isinstance(one, Item) and one.path and one.data() == wanted for one in found):
            missed[path.name] = [one.text for one in found if isinstance(one, Remark)]
    assert len(containers) == 27
    assert len(containers) - len(missed) >= (24 if with_7z else 20)
    assert set(missed) == set(MISSED_WITH_7Z if with_7z else MISSED_WITHOUT_7Z), missed


def test_packed_and_self_extracting_programs_are_programs(corpora: Path) -> None:
    programs = sorted(folder(corpora, "clamav-testfiles").glob("*.exe"))
    kinds = {path.name: next(inside(path.read_bytes(), "a.dat")) for path in programs}
    assert len(programs) == 17
    others = [name for name, one in kinds.items() if not isinstance(one, Item) or one.kind is None]
    assert not others
    assert {one.kind.group for one in kinds.values() if isinstance(one, Item) and one.kind} == {"executables"}


def test_archives_are_listed_or_said_not_to_be(corpora: Path, with_7z: bool) -> None:
    packed = sorted(folder(corpora, "libarchive-uu").glob("*.uu"))
    listed, silent, fewer = 0, [], []
    for path in packed:
        name, data = path.name.removesuffix(".uu"), uudecoded(path.read_bytes())
        members, remarks = 0, 0
        for one in inside(data, name):
            if isinstance(one, Remark):
                remarks += 1
            elif one.path:
                members += 1
        listed += members > 0
        if not members and not remarks:
            silent.append(name)
        elif members and (owed := listed_by_bsdtar(data)) > members and not remarks:
            fewer.append(f"{name}: {members} of {owed}")
    assert len(packed) == 155
    assert listed >= 130, listed
    assert set(silent) == set(SILENT)
    assert not fewer


def uudecoded(text: bytes) -> bytes:
    """The file in it; blanks at the ends of lines may have been lost, and there may be too many characters."""
    lines = re.split(rb"^begin \d+ .*\n", text, maxsplit=1, flags=re.MULTILINE)[1].splitlines()
    counted = ((line, (line[0] - 32) & 63) for line in lines if line not in (b"", b"end"))
    return b"".join(binascii.a2b_uu(line[: 1 + (count + 2) // 3 * 4]) for line, count in counted if count)


def listed_by_bsdtar(data: bytes) -> int:
    """How many plain files libarchive's own program lists; one where it is not there, or takes its time."""
    bsdtar = shutil.which("bsdtar")
    if bsdtar is None:
        return 1
    words = [bsdtar, "--passphrase", "x", "-tvf", "-"]
    try:
        done = subprocess.run(words, input=data, capture_output=True, timeout=3, check=False)
    except subprocess.TimeoutExpired:
        return 1
    return sum(line.startswith(b"-") for line in done.stdout.splitlines())


# --- what is said, file by file


@pytest.mark.parametrize("name", ["oletools", "lnk", "file-tests"])
def test_what_is_said_of_each(corpora: Path, seven_zip: str, name: str, request: pytest.FixtureRequest) -> None:
    tables = tomllib.loads(TABLES.read_text(encoding="utf-8")) if TABLES.exists() else {}
    filter_ = Attachments({"refuse": EACH, "max_seconds": PATIENT})
    table: dict[str, dict[str, Any]] = {}
    for path in wanted_of(folder(corpora, name)):
        data, key = path.read_bytes(), str(path.relative_to(corpora / "attach" / name))
        file = path.name.removesuffix(".testfile")
        own = next(one for one in inside(data, file) if isinstance(one, Item))
        codes = {one.partition(":")[0].removeprefix("attachments.") for one in said(filter_, wrapped(data, file))}
        table[key] = {"kind": own.kind.name if own.kind else "", "said": sorted(codes)}
    known = tables.get(name, {})
    if request.config.getoption("--bless"):
        for key, row in table.items():
            row |= {"wrong": known[key]["wrong"]} if "wrong" in known.get(key, {}) else {}
        TABLES.write_text(written(tables | {name: table}), encoding="utf-8")
        known = table
    assert table == {key: {"kind": row["kind"], "said": row["said"]} for key, row in known.items()}


def wanted_of(files: Path) -> list[Path]:
    found = [one for one in sorted(files.rglob("*")) if one.is_file() and not one.name.startswith("LICENSE")]
    return [one for one in found if one.suffix == ".testfile"] if files.name == "file-tests" else found


def written(tables: dict[str, dict[str, dict[str, Any]]]) -> str:
    """The tables as TOML, a file a line."""
    lines = ["# What is said of each file (tests/test_attach_corpora.py): what it is, and the codes of all findings."]
    for name, table in sorted(tables.items()):
        lines += ["", f"[{name}]"]
        for key, row in table.items():
            more = f', wrong = "{row["wrong"]}"' if "wrong" in row else ""
            codes = ", ".join(f'"{code}"' for code in row["said"])
            lines.append(f'"{key}" = {{ kind = "{row["kind"]}", said = [{codes}]{more} }}')
    return "\n".join(lines) + "\n"


# --- what is not said


@pytest.mark.parametrize(
    ("name", "owed"), [("ham", 2749), ("spam", 500), ("phishing", 400), ("mips", 10_000)], ids=lambda one: str(one)
)
def test_no_false_alarms(corpora: Path, name: str, owed: int) -> None:
    filter_ = Attachments({"refuse": ALARMING})
    count, found = 0, {}
    for identity, raw in mails(corpora / "corpora", name):
        count += 1
        if told := said(filter_, Message(raw)):
            found[name, identity] = told
    assert count == owed
    codes = {key: [one.partition(":")[0] for one in told] for key, told in found.items()}
    assert codes == {key: what for key, (what, _) in ALARMS.items() if key[0] == name}, found


def mails(archives: Path, name: str) -> Iterator[tuple[str | int, bytes]]:
    if name == "mips":
        return of_mbox(archives.parent / "mbox/linux-mips-early.mbox.xz", 10_000)
    if name == "phishing":
        return of_tar(archives / "phishing_pot-400.tar.xz", r"\.eml$")
    return of_tar(archives / "spamassassin-set1.tar.xz", rf"^(\./)?{name}(_hard)?/")
