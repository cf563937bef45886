"""`mailscan show`: what it draws, its JSON, one part's octets, and that nothing in a mail can reach the terminal."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from conftest import terminal
from hypothesis import given
from hypothesis import strategies as st
from payloads import zipped
from running import ENVIRON, START, mailscan

from mailscan.header import MOST_FIELDS
from mailscan.message import Message
from mailscan.structure import MOST, escaped, structure

CASES = Path(__file__).parent.parent / "testdata" / "cases"
IN_ZIP = CASES / "attachments" / "program-in-zip-in-zip" / "message.eml"
PLAIN = b"From: joe@example.org\nSubject: a letter\n\nHello\n"
NESTED = b"""From: =?utf-8?q?J=C3=BCrgen?= <j@example.org>
Subject: two parts
Content-Type: multipart/mixed; boundary=x

--x
Content-Type: text/plain; charset=utf-8

Gr\xc3\xbc\xc3\x9fe
--x
Content-Type: message/rfc822

Subject: inner
Content-Type: application/octet-stream; name="a.bin"
Content-Disposition: attachment; filename="b.bin"
Content-Transfer-Encoding: base64

AAECAw==
--x--
"""


def taken_apart(raw: bytes, **more: Any) -> dict[str, Any]:
    return structure(Message(raw), lambda: 50.0, file="x", **more)


def shown(*args: str, stdin: bytes = NESTED) -> str:
    done = mailscan("show", *args, stdin=stdin)
    assert (done.status, done.err) == (0, "")
    return done.out.decode()


def on_a_terminal(*args: str, stdin: bytes) -> tuple[int, str]:
    """(exit status, what a terminal is sent, standard error too)"""
    ours, theirs = terminal()
    environ = ENVIRON | {"TERM": "xterm-256color", "COLUMNS": "100"}
    command = [*START, "show", *args]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=theirs, stderr=theirs, env=environ) as process:
        os.close(theirs)
        assert process.stdin
        process.stdin.write(stdin)
        process.stdin.close()
        sent = b""
        try:
            while piece := os.read(ours, 65_536):
                sent += piece
        except OSError:  # the other end is closed
            pass
        os.close(ours)
        return process.wait(20), sent.decode()


def test_an_ordinary_message_is_one_line_and_no_word_of_trouble() -> None:
    assert shown(stdin=PLAIN) == (
        "standard input: 47 octets, LF line ends\n"
        "  From: joe@example.org\n"
        "  Subject: a letter\n"
        "\n"
        "1  text/plain, 6 octets  (0–47)\n"
    )


def test_the_tree() -> None:
    lines = shown().splitlines()
    assert lines[1] == "  From: Jürgen <j@example.org>"
    assert [line.split()[0] for line in lines[4:]] == ["1", "1.1", "1.2", "1.2.1", "also"]
    assert [len(line) - len(line.lstrip()) for line in lines[4:]] == [0, 3, 3, 6, 9]
    assert '1.2.1  application/octet-stream "b.bin", base64, attachment, 4 octets' in lines[7]
    assert lines[8].strip() == 'also called "a.bin"'


def test_what_the_members_tell_stands_first() -> None:
    text = shown(str(CASES / "attachments" / "pass-docx" / "message.eml"))
    assert "is a Word document (OOXML), a ZIP archive\n" in text
    assert "documents: is" not in text and text.count("Word document") == 1


def test_members_of_archives_and_what_they_are() -> None:
    text = shown(str(IN_ZIP))
    assert "member inner.zip/setup.exe: a Windows program (PE)\n" in text
    assert "attachments" not in text.partition("\n")[2]  # no rule was asked


def test_findings_stand_beside_their_part() -> None:
    for args in (("--rules",), ("--rcpt", "jane@example.com")):
        tree, _, account = shown(*args, str(IN_ZIP)).partition("\n\nreject 550 5.7.1")
        lines = tree.splitlines()
        at = next(at for at, line in enumerate(lines) if "! attachments.executable: " in line)
        assert any(line.lstrip().startswith("1.2 ") for line in lines[:at])
        assert "part 1.2, octets " in account
    # An envelope may be refused without a place in the message.
    assert "spamtrap.hit  spamtrap@example.com" in shown("--rcpt", "spamtrap@example.com", stdin=PLAIN)


def test_json() -> None:
    said = json.loads(shown("--format", "json"))
    assert (said["schema"], said["file"], said["size"], said["verdict"]) == (1, "standard input", len(NESTED), None)
    parts = {part["path"]: part for part in said["parts"]}
    assert list(parts) == ["1", "1.1", "1.2", "1.2.1"]
    assert [part["parent"] for part in said["parts"]] == [None, "1", "1", "1.2"]
    leaf = parts["1.2.1"]
    assert leaf["names"] == ["b.bin", "a.bin"]
    assert NESTED[leaf["body_start"] : leaf["body_end"]] == b"AAECAw=="
    assert NESTED[leaf["start"] : leaf["end"]].startswith(b"Subject: inner\n")
    assert leaf["headers"][0]["text"] == "inner"
    judged = json.loads(shown("--format", "json", "--rules", str(IN_ZIP)))
    assert judged["verdict"]["verdict"] == "reject"
    assert judged["parts"][2]["members"][1]["is"]["group"] == "executables"


def test_ambiguities_with_their_octets() -> None:
    raw = b"Subject: x\nContent-Type: multipart/mixed; boundary=a; boundary=b\n\n"
    raw += b"--a\n\none\n--a--\n--b\n\ntwo\n--b--\n"
    said = json.loads(shown("--format", "json", stdin=raw))
    one = next(one for one in said["ambiguities"] if one["kind"] == "boundary.duplicate")
    assert raw[one["start"] : one["end"]].startswith(b"Content-Type: multipart/mixed; boundary=a")
    assert one["octets"].startswith("Content-Type: multipart/mixed; boundary=a; boundary=b")
    assert [part["parent"] for part in said["parts"] if part["other_reading"]]
    text = shown(stdin=raw)
    assert "? ambiguity.boundary.duplicate" in text
    assert "other reading: " in text


def test_one_part() -> None:
    assert mailscan("show", "--part", "1.2.1", stdin=NESTED).out == bytes(range(4))
    assert mailscan("show", "--part", "1.2", stdin=NESTED).out.startswith(b"Subject: inner\n")
    done = mailscan("show", "--part", "1.9", stdin=NESTED)
    assert (done.status, done.out) == (1, b"")
    assert done.err == 'mailscan: there is no part "1.9"; there are 1, 1.1, 1.2, 1.2.1\n'


def test_headers_beside_their_octets() -> None:
    assert shown("--headers") == (
        "From: Jürgen <j@example.org>  (0–46)\n"
        "    From: =?utf-8?q?J=C3=BCrgen?= <j@example.org>\\n\n"
        "Subject: two parts  (46–65)\n"
        "Content-Type: multipart/mixed; boundary=x  (65–107)\n"
    )
    assert shown("--headers", "--part", "1.2.1").startswith("Subject: inner  (")


def test_what_cannot_be_shown_is_said_in_a_line(tmp_path: Path) -> None:
    for args, stdin, words in (
        ((str(tmp_path),), b"", "is a directory"),
        ((str(tmp_path / "none"),), b"", "No such file"),
        ((), b"", "standard input is empty"),
        (("--policy", str(tmp_path / "none")), PLAIN, "No such file"),
        (("--client-ip", "nonsense"), PLAIN, '"nonsense" is no IP address'),
    ):
        done = mailscan("show", *args, stdin=stdin)
        assert (done.status, done.out, done.err.count("\n")) == (1, b"", 1), done.err
        assert words in done.err
    assert mailscan("show", "--part", "1", "--format", "json", stdin=PLAIN).status == 2


def test_a_terminal_gets_a_tree_in_colour_and_no_control_out_of_the_mail() -> None:
    evil = NESTED.replace(b"two parts", b"\x1b]0;owned\x07 \x9b31m =?utf-8?b?G1szMW0=?=")
    evil = evil.replace(b'"a.bin"', b'"\x1b[2J.bin"').replace(b"Gr", b"\x1b[2J\rGr")
    status, sent = on_a_terminal("--rules", stdin=evil)
    assert status == 0
    assert "├── " in sent
    assert "\x1b[1m" in sent
    assert "\\x1b[2J.bin" in sent
    for control in ("\x1b]", "\x1b[2J", "\x9b", "\x07"):
        assert control not in sent
    for args in (("--headers",), ("--part", "1.1")):
        status, sent = on_a_terminal(*args, stdin=evil)
        assert status == 0
        assert "\x1b]" not in sent and "\x1b[2J" not in sent and "\x07" not in sent


def test_a_terminal_is_spared_binary_octets() -> None:
    status, sent = on_a_terminal("--part", "1.2.1", stdin=NESTED)
    assert (status, sent) == (
        1,
        "mailscan: part 1.2.1 is no text: send it to a file or a program, as in `> part.bin`\r\n",
    )
    assert on_a_terminal("--part", "1.1", stdin=NESTED) == (0, "Grüße\r\n")


def test_output_is_bounded_unless_all_is_wanted() -> None:
    piece = b"--x\nContent-Type: text/plain; name=a.txt\n\nx\n"
    many = b"Content-Type: multipart/mixed; boundary=x\n\n" + piece * 3000 + b"--x--\n"
    text = shown(stdin=many)
    assert text.count("\n") < MOST + 10
    assert text.endswith(f"({3001 - MOST} more parts: --all shows them)\n")
    assert shown("--all", stdin=many).count(" text/plain ") == 3000
    members = zipped({f"{number}.txt": b"x" for number in range(1000)})
    raw = b"Content-Type: application/zip\nContent-Transfer-Encoding: base64\n\n" + base64.encodebytes(members)
    assert len(taken_apart(raw)["parts"][0]["members"]) == MOST
    why = "more members than are looked at of one message"
    assert taken_apart(raw)["parts"][0]["remarks"] == [{"path": "", "group": "over-limit", "text": why}]
    fields = b"".join(b"X-%d: y\n" % number for number in range(100_000)) + b"\nbody"
    # No more fields are told apart, and counted, than are read of a header.
    header = taken_apart(fields)["parts"][0]
    assert (len(header["headers"]), header["fields"]) == (MOST, MOST_FIELDS)


@pytest.mark.parametrize("everything", [False, True])
def test_large_mail_is_shown_in_a_moment(everything: bool) -> None:
    data = base64.encodebytes(os.urandom(1_000_000)) * 30
    raw = b"Content-Type: application/octet-stream\nContent-Transfer-Encoding: base64\n\n" + data
    began = time.monotonic()
    assert taken_apart(raw, everything=everything)["parts"][0]["size"] == 30_000_000
    assert time.monotonic() - began < 20


def test_exims_envelope_is_the_messages_own_unless_it_is_said_to_be_exims(tmp_path: Path) -> None:
    path = tmp_path / "1.eml"
    path.write_bytes(b"From joe@example.org now\nX-Envelope-From: <a@b>\nX-Envelope-To: spamtrap@example.com\n" + PLAIN)
    assert b"Spam not wanted here" in mailscan("show", "--exim-spool", str(path)).out
    assert b"Spam not wanted here" not in mailscan("show", "--rules", str(path)).out


@given(st.binary(max_size=400) | st.lists(st.sampled_from(NESTED.split(b"\n")), max_size=30).map(b"\n".join))
def test_any_octets_can_be_taken_apart(raw: bytes) -> None:
    said = taken_apart(raw)
    paths = [part["path"] for part in said["parts"]]
    assert paths[0] == "1"
    assert len(set(paths)) == len(paths)
    for part in said["parts"]:
        assert part["parent"] in paths or part["path"] == "1"
        assert 0 <= part["start"] <= part["end"] <= len(raw)
    for one in said["ambiguities"]:
        assert 0 <= one["start"] <= one["end"] <= len(raw)


@given(st.binary(max_size=40))
def test_octets_can_be_read_back_from_an_excerpt(octets: bytes) -> None:
    text = escaped(octets)
    assert text.isascii() and text.isprintable()
    assert text.encode("ascii").decode("unicode_escape").encode("latin-1") == octets


def test_what_lies_in_something_encoded_has_the_octets_of_its_carrier() -> None:
    inner = b"Content-Type: text/plain; name=note.txt\n\nHello\n"
    raw = b"Content-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: message/rfc822\n"
    raw += b"Content-Transfer-Encoding: base64\n\n" + base64.encodebytes(inner) + b"--x--\n"
    parts = {part["path"]: part for part in taken_apart(raw)["parts"]}
    carrier, carried = parts["1.1"], parts["1.1.1"]
    assert (carried["start"], carried["end"]) == (carrier["start"], carrier["end"])
    assert (carried["body_start"], carried["headers"][0]["start"]) == (None, None)
    assert carried["names"] == ["note.txt"]


def test_a_file_in_a_text_hangs_below_it() -> None:
    said = taken_apart(b"Subject: x\n\nbegin 644 note.txt\n%2&5L;&\\`\n`\nend\n")
    note = said["parts"][1]
    assert (note["parent"], note["other_reading"], note["names"], note["size"]) == ("1", False, ["note.txt"], 5)
