"""The cases of testdata/cases and of the examples: one message, the rules, and the verdict owed (docs/cases.md).

`pytest tests/test_cases.py --bless` writes what comes out now into expected.json, and nothing else.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from mailscan import cases
from mailscan.cli.commands import group
from mailscan.errors import MailscanError

PROJECT = Path(__file__).parent.parent
CASES = PROJECT / "testdata" / "cases"
EXAMPLES = PROJECT / "examples"
FOUND = [Path(one) for one in cases.find(str(CASES))]


def test_there_are_cases_and_each_is_whole() -> None:
    assert len(FOUND) > 20
    for folder in FOUND:
        cases.read(str(folder))
    for area in CASES.iterdir():
        assert list(area.glob("pass-*")), f"{area.name} has no mail that must go through"


@pytest.mark.parametrize("folder", FOUND, ids=lambda folder: f"{folder.parent.name}/{folder.name}")
def test_case(folder: Path, request: pytest.FixtureRequest) -> None:
    wrong = cases.run(str(folder), bless=request.config.getoption("--bless"))
    assert not wrong, "\n".join(wrong)


def test_every_example_has_cases_that_pass_and_that_hit(request: pytest.FixtureRequest) -> None:
    args = ["test", str(EXAMPLES / "cases")] + ["--bless"] * request.config.getoption("--bless")
    done = CliRunner().invoke(group, args)
    assert done.exit_code == 0, done.output
    for example in EXAMPLES.glob("*.py"):
        names = {path.parent.name[:4] for path in (EXAMPLES / "cases" / example.stem).glob("*/case.toml")}
        assert names >= {"pass", "hit-"}, example.name
        for hit in (EXAMPLES / "cases" / example.stem).glob("hit-*/expected.json"):
            assert any(rule["findings"] for rule in json.loads(hit.read_text())["rules"]), hit


def copied(tmp_path: Path) -> Path:
    shutil.copy(EXAMPLES / "reply_to.py", tmp_path)
    shutil.copytree(EXAMPLES / "cases" / "reply_to", tmp_path / "cases" / "reply_to")
    return tmp_path / "cases"


def test_a_verdict_that_is_not_owed_is_a_difference_until_it_is_blessed(tmp_path: Path) -> None:
    folder = copied(tmp_path)
    file = tmp_path / "reply_to.py"
    assert CliRunner().invoke(group, ["test", str(folder)]).exit_code == 0
    file.write_text(file.read_text().replace("reply-to.elsewhere", "reply-to.changed"))
    done = CliRunner().invoke(group, ["test", str(folder)])
    assert done.exit_code == 1
    assert '-     "code": "reply-to.elsewhere"' in done.output
    assert '+     "code": "reply-to.changed"' in done.output
    assert CliRunner().invoke(group, ["test", str(folder), "--bless"]).exit_code == 0
    assert CliRunner().invoke(group, ["test", str(folder)]).exit_code == 0


def test_pass_cannot_be_blessed_into_a_refusal(tmp_path: Path) -> None:
    folder = copied(tmp_path)
    (tmp_path / "reply_to.py").write_text(
        "from mailscan import reject\ndef check(mail, outside): return reject('no')\n"
    )
    done = CliRunner().invoke(group, ["test", str(folder), "--bless"])
    assert done.exit_code == 1
    assert 'its name begins with "pass-", and the verdict is reject' in done.output


def test_a_broken_case_is_told_in_words(tmp_path: Path) -> None:
    with pytest.raises(MailscanError, match=r"no case\.toml"):
        cases.find(str(tmp_path))
    (tmp_path / "message.eml").write_bytes(b"Subject: x\n\n")
    for case, said in (
        ("why = 3", "needs `why`"),
        ("wy = 'x'", "unknown key 'wy'"),
        ("why = ", "not valid TOML"),
        ("why = 'x'\nenvelope.sendr = 'a'", r"\[envelope\]"),
        ("why = 'x'\n[[filter]]\nuse = './no.py'", "no.py: No such file"),
    ):
        (tmp_path / "case.toml").write_text(case)
        with pytest.raises(MailscanError, match=said):
            cases.run(str(tmp_path))


def test_a_case_without_what_is_expected_shows_what_comes_out(tmp_path: Path) -> None:
    (tmp_path / "message.eml").write_bytes(b"Subject: x\n\n")
    (tmp_path / "case.toml").write_text("why = 'x'")
    assert cases.run(str(tmp_path))[0].startswith("no expected.json")
    assert cases.run(str(tmp_path), bless=True) == []
    assert json.loads((tmp_path / "expected.json").read_text())["verdict"] == "accept"
