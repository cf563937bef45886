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
