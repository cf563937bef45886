"""`mailscan test` and `mailscan try`: what is wrong is told in a line, and what is right is left alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mailscan.cli.commands import group
from mailscan.errors import MailscanError

MESSAGE = b"From: joe@example.org\nSubject: free money\n\nHello\n"
RULE = '[[filter]]\nuse = "subject"\nprefixes = ["free"]\naction = "reject"\n'
OWN = """from mailscan import Evidence, Finding

def check(mail, outside):
    if "free" in mail.message.subject:
        (field,) = mail.message.headers.fields("Subject")
        yield Finding("own.free", "free", action="reject", evidence=[Evidence("1", field.start, field.end)])
"""


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
    assert (blessed.exit_code, blessed.output) == (0, "1 case, none of them wrong\n")
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
        (f'why = "so"\nwhat = 1\n{RULE}', MESSAGE, "unknown key 'what'"),
        ('why = "so"\n[envelope]\nfrom = "x"\n', MESSAGE, "[envelope] takes sender"),
        ('why = "so"\n[[filter]]\nuse = "subjekt"\n', MESSAGE, "did you mean 'subject'"),
        (f'why = "so"\n{RULE}', None, "message.eml: No such file"),
        (f'why = "so"\n{RULE}', b"a: b\rc\n\n", "line_ends"),
    ],
)
def test_mistakes_in_a_case_are_told_in_a_line(tmp_path: Path, toml: str, message: bytes | None, why: str) -> None:
    case(tmp_path / "one", toml, message)
    result = ran("test", str(tmp_path))
    assert result.exit_code == 1
    assert why in result.output
    assert "Traceback" not in result.output


def test_a_folder_without_cases_is_said(tmp_path: Path) -> None:
    result = ran("test", str(tmp_path))
    assert isinstance(result.exception, MailscanError)
    assert "there is no case.toml" in str(result.exception)


# --- try


def test_a_file_is_tried_without_a_policy(tmp_path: Path) -> None:
    own, message = tmp_path / "own.py", tmp_path / "message.eml"
    own.write_text(OWN)
    message.write_bytes(MESSAGE)
    result = ran("try", str(own), str(message))
    assert result.exit_code == 0
    assert "reject 550 5.7.1" in result.output
    assert "22–42  Subject: free money\\n" in result.output
    message.write_bytes(b"Subject: hello\n\n")
    assert "accept" in ran("try", str(own), str(message)).output


def test_a_file_that_fails_is_told_with_its_line(tmp_path: Path) -> None:
    own, message = tmp_path / "own.py", tmp_path / "message.eml"
    own.write_text("def check(mail, outside):\n    return 1 / 0\n")
    message.write_bytes(MESSAGE)
    result = ran("try", str(own), str(message))
    assert result.exit_code == 1
    assert f"{own}:2: ZeroDivisionError" in result.output
    own.write_text("def check(mail, outside)\n")
    broken = ran("try", str(own), str(message))
    assert isinstance(broken.exception, MailscanError)
    assert f"{own}:1: SyntaxError" in str(broken.exception)


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    result = ran("try", str(tmp_path / "none.py"), str(tmp_path))
    assert isinstance(result.exception, MailscanError)
    assert "none.py" in str(result.exception)
