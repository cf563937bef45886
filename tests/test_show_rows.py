"""`mailscan show x.jsonl:ROW` and `SOURCE:OFFSET`: what is no row and no message, and every archive that has one."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
from running import mailscan

from mailscan.audit.rows import NAMES
from mailscan.mailboxes.at import message_at

FIRST = b"From a@example.org Mon Nov  2 10:00:00 2026\nSubject: one\nMessage-ID: <1@x>\n\nHello\n\n"
SECOND = b"From b@example.org Mon Nov  2 11:00:00 2026\nSubject: two\nMessage-ID: <2@x>\n\nfree beer\n"
MBOX = FIRST + SECOND
AT = len(FIRST)


def row(source: Path | str, **more: Any) -> dict[str, Any]:
    one: dict[str, Any] = dict.fromkeys(NAMES)
    one |= {"source": str(source), "offset": AT, "size": len(SECOND), "message_id": "<2@x>", "verdict": "reject"}
    one |= {
        "code": "550 5.7.1",
        "rule": "beer",
        "score": 0,
        "recipients": ["jane@example.com"],
        "sender": "b@example.org",
    }
    evidence = {
        "rule": "beer",
        "code": "match.word",
        "detail": "beer",
        "part": "1",
        "member": "",
        "start": 70,
        "end": 74,
    }
    return one | {"evidence": [evidence]} | more


def rows(folder: Path, *lines: dict[str, Any] | str) -> str:
    path = folder / "x.jsonl"
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    return str(path)


def refused(named: str, words: str) -> None:
    done = mailscan("show", named)
    assert (done.status, done.out) == (1, b""), done.err
    assert done.err.count("\n") == 1
    assert words in done.err, done.err


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "a.mbox"
    path.write_bytes(MBOX)
    return path


def test_what_is_no_row_is_said_in_one_line(archive: Path, tmp_path: Path) -> None:
    file = rows(tmp_path, row(archive), "{}", "not JSON", row(tmp_path / "gone.mbox"), row("-"), row(archive, size=-5))
    for number, words in (
        (0, "has no row 0; rows are counted from 1"),
        (99, "has no row 99"),
        (2, "line 2 is no row of an audit"),
        (3, "line 3"),
        (4, "gone.mbox is not there"),
        (5, "standard input was not kept"),
        (6, "line 6 is no row of an audit: source, offset or size"),
    ):
        refused(f"{file}:{number}", words)
    refused(f"{tmp_path}/none.jsonl:1", "none.jsonl cannot be read: No such file")
    (tmp_path / "x.csv").write_text("source,offset\n")
    refused(f"{tmp_path}/x.csv:1", "only rows of a .jsonl file can be opened")


@pytest.mark.parametrize(
    "wrong",
    [
        {"evidence": [{"part": "1", "start": "x", "end": [], "member": None}]},
        {"score": "many"},
        {"evidence": [{"part": 1}]},
    ],
)
def test_a_row_that_no_audit_wrote_is_no_traceback(archive: Path, tmp_path: Path, wrong: dict[str, Any]) -> None:
    refused(f"{rows(tmp_path, row(archive, **wrong))}:1", "is not what an audit writes")


def test_another_message_is_not_shown_for_the_one_that_was_there(archive: Path, tmp_path: Path) -> None:
    file = rows(tmp_path, row(archive))
    archive.write_bytes(MBOX.replace(b"<2@x>", b"<3@x>"))
    refused(f"{file}:1", "another message stands at")
    archive.write_bytes(FIRST)
    refused(f"{file}:1", "it has changed")


def test_no_message_begins_there(archive: Path) -> None:
    refused(f"{archive}:5", f"no message begins at octet 5 of {archive}")
    # What is no archive is a file that is not there, as it always was.
    refused(f"{archive}.not:5", "No such file")


def packed(folder: Path, kind: str) -> str:
    """The mbox in an archive of that kind; gives the source that names it."""
    path = folder / f"a.{kind}"
    if kind in ("gz", "bz2", "xz"):
        path.write_bytes({"gz": gzip, "bz2": bz2, "xz": lzma}[kind].compress(MBOX))
        return str(path)
    if kind == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("in/a.mbox", MBOX)
    else:
        with tarfile.open(path, "w:gz" if kind == "tgz" else "w") as tar:
            member = tarfile.TarInfo("in/a.mbox")
            member.size = len(MBOX)
            tar.addfile(member, io.BytesIO(MBOX))
    return f"{path}!/in/a.mbox"


@pytest.mark.parametrize("kind", ["mbox", "gz", "bz2", "xz", "zip", "tar", "tgz"])
def test_the_message_and_its_evidence_from_every_archive(archive: Path, tmp_path: Path, kind: str) -> None:
    source = str(archive) if kind == "mbox" else packed(tmp_path, kind)
    assert message_at(source, AT) == message_at(source, AT, len(SECOND)) == SECOND
    done = mailscan("show", f"{rows(tmp_path, row(source))}:1")
    text = done.out.decode()
    assert (done.status, done.err) == (0, "")
    assert "Subject: two\n" in text
    assert "! match.word: beer" in text
    assert "reject 550 5.7.1  by rule beer" in text
    # By its place: the message, and what no row says is not said.
    done = mailscan("show", f"{source}:{AT}")
    assert "Subject: two\n" in done.out.decode()
    assert b"beer" not in done.out


def test_rules_are_asked_again_with_the_envelope_of_the_row(archive: Path, tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text(
        '[[filter]]\nuse = "match"\nname = "for-jane"\nrecipients = ["jane@example.com"]\naction = "reject"\n'
    )
    file = rows(tmp_path, row(archive))
    assert b"for-jane [match]  found" in mailscan("show", "--policy", str(policy), f"{file}:1").out
    other = mailscan("show", "--policy", str(policy), "--rcpt", "joe@example.com", f"{file}:1").out
    assert b"for-jane [match]  clear" in other


def test_rows_beside_their_archive_and_files_that_are_called_so(archive: Path, tmp_path: Path) -> None:
    file = rows(tmp_path, row("a.mbox"))
    assert mailscan("show", f"{file}:1").status == 0
    (tmp_path / "x.jsonl:1").write_bytes(b"Subject: really called so\n\nx\n")
    assert b"really called so" in mailscan("show", f"{file}:1").out


def test_the_row_of_an_octet_wrote_it(archive: Path, tmp_path: Path) -> None:
    done = mailscan("show", "--part", "1", f"{rows(tmp_path, row(archive))}:1")
    assert done.out == b"free beer\n"
