"""`mailscan test`: what is wrong is told in a line, and what is right is left alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mailscan.cli.commands import group
from mailscan.errors import MailscanError

MESSAGE = b"From: joe@example.org\nSubject: free money\n\nHello\n"
RULE = '[[filter]]\nuse = "subject"\nprefixes = ["free"]\naction = "reject"\n'


def ran(*args: str) -> Result:
    return CliRunner().invoke(group, list(args))


def case(folder: Path, toml: str = f'why = "so"\n{RULE}', message: bytes | None = MESSAGE) -> Path:
    folder.mkdir(parents=True)
    (folder / "case.toml").write_text(toml, encoding="utf-8")
    if message is not None:
        (folder / "message.eml").write_bytes(message)
    return folder


# --- cases


def test_a_new_case_is_wrong_until_it_is_blessed_and_then_right(tmp_path: Path) -> None:
    folder = case(tmp_path / "cases" / "free-money")
    first = ran("test", str(tmp_path))
    assert first.exit_code == 1
    assert "there is no expected.json" in first.output
    blessed = ran("test", "--bless", str(tmp_path))
    written = f"{folder}: written: reject 550 5.7.1 by subject; subject found subject.prefix\n"
    assert (blessed.exit_code, blessed.output) == (0, written + "1 case, none of them wrong\n")
    assert ran("test", "--bless", str(tmp_path)).output == "1 case, none of them wrong\n", "nothing new was written"
    assert json.loads((folder / "expected.json").read_text())["verdict"] == "reject"
    assert ran("test", str(tmp_path)).exit_code == 0


def test_a_difference_is_shown_as_a_diff(tmp_path: Path) -> None:
    folder = case(tmp_path / "free-money")
    ran("test", "--bless", str(tmp_path))
    said = (folder / "expected.json").read_text()
    (folder / "expected.json").write_text(said.replace('"reject"', '"accept"'))
    result = ran("test", str(tmp_path))
    assert result.exit_code == 1
    assert '- "verdict": "accept",\n  + "verdict": "reject",' in result.output
    assert "1 case, 1 of them wrong" in result.output


def test_mail_that_must_pass_and_does_not_is_wrong_even_when_blessed(tmp_path: Path) -> None:
    case(tmp_path / "pass-free-money")
    result = ran("test", "--bless", str(tmp_path))
    assert result.exit_code == 1
    assert "it is called pass-" in result.output


@pytest.mark.parametrize(
    ("toml", "message", "why"),
    [
        ("why = ", MESSAGE, "is not TOML"),
        (RULE, MESSAGE, "why = "),
        (f'why = "so"\nwhat = 1\n{RULE}', MESSAGE, "unknown key 'what'; known are why"),
        ('why = "so"\n[envelope]\nfrom = "x"\n', MESSAGE, "[envelope] unknown key 'from'; known are sender"),
        ('why = "so"\n[[filter]]\nuse = "subjekt"\n', MESSAGE, "did you mean 'subject'"),
        (f'why = "so"\n[envelop]\n{RULE}', MESSAGE, "unknown key 'envelop'; did you mean 'envelope'?"),
        ('why = "so"\n[envelope]\nclient-ip = "x"\n', MESSAGE, "'client-ip'; did you mean 'client_ip'?"),
        ('why = "so"\n[envelope]\nclient_ip = "x"\n', MESSAGE, 'client_ip: "x" is no IP address'),
        ('why = "so"\n[envelope]\nsender = 3\n', MESSAGE, "sender: text is wanted"),
        ('why = "so"\n[envelope]\nrecipients = [3]\n', MESSAGE, "recipients: a list of addresses is wanted"),
        ('why = "so"\n[envelope]\ninfo = "x"\n', MESSAGE, "envelope.info: a table is wanted"),
        ('why = "so"\nenvelope = "x"\n', MESSAGE, "envelope: a table is wanted"),
        ('why = "so"\nline_ends = "CRLF"\n', MESSAGE, 'line_ends: only "as is" can be said'),
        ('why = "so"\n[outside]\ndns = 3\n', MESSAGE, "outside.dns: a table is wanted"),
        ('why = "so"\n[outside.dsn]\n', MESSAGE, "'dsn'; did you mean 'dns'?"),
        ('why = "so"\n[outside.dns]\n"a.example" = []\n', MESSAGE, "a name and a type are wanted"),
        ('why = "so"\n[outside.dns]\n"a.example A" = [3]\n', MESSAGE, "a list of records is wanted"),
        ('why = "so"\n[outside.exchange]\n"127.0.0.1:1" = 3\n', MESSAGE, "the text of the answer is wanted"),
        (f'why = "so"\n{RULE}', None, "message.eml is missing"),
        (f'why = "so"\n{RULE}', b"a: b\rc\n\n", "line_ends"),
    ],
)
def test_mistakes_in_a_case_are_told_in_a_line(tmp_path: Path, toml: str, message: bytes | None, why: str) -> None:
    case(tmp_path / "one", toml, message)
    result = ran("test", str(tmp_path))
    assert result.exit_code == 1
    assert why in result.output
    assert "Traceback" not in result.output


def test_a_folder_with_a_message_alone_is_a_case_that_is_not_whole(tmp_path: Path) -> None:
    case(tmp_path / "good")
    ran("test", "--bless", str(tmp_path))
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "message.eml").write_bytes(MESSAGE)
    result = ran("test", str(tmp_path))
    assert result.exit_code == 1
    assert "case.toml is missing" in result.output
    assert "2 cases, 1 of them wrong" in result.output


def test_blessing_a_filter_that_fails_says_so(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text("def check(mail, outside):\n    1 / 0\n")
    case(tmp_path / "one", 'why = "so"\n[[filter]]\nuse = "../own.py"\n')
    result = ran("test", "--bless", str(tmp_path))
    assert "written: tempfail 451 4.3.0 by own; own failed: " in result.output
    assert "own.py:2: ZeroDivisionError" in result.output


def test_a_folder_without_cases_is_said(tmp_path: Path) -> None:
    result = ran("test", str(tmp_path))
    assert isinstance(result.exception, MailscanError)
    assert "there is no case in it or below" in str(result.exception)
