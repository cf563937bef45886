"""reject, tempfail, accept and tag: what a filter of ten lines says arrives, yielded or returned."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from conftest import PROJECT
from test_userfile import judge, own

START = "from mailscan import accept, reject, tag, tempfail\ndef check(mail, outside):\n"


def test_saying_nothing_is_no_objection(tmp_path: Path) -> None:
    assert (
        judge(own(tmp_path, START + "    if False:\n        yield reject('no')\n"), recipient="j@x.example").rule == ""
    )


def test_what_is_returned_below_a_yield_is_not_lost(tmp_path: Path) -> None:
    verdict = judge(own(tmp_path, START + "    yield tag('X-Own', '1')\n    return reject('No')\n"))
    assert (verdict.action, verdict.reply) == ("reject", ("No",))
    assert [one.code for one in verdict.account[0].findings] == ["own.tag", "own.reject"]


@pytest.mark.parametrize(
    ("said", "action", "reply"),
    [
        ("reject('Not here')", "reject", ("Not here",)),
        ("reject()", "reject", ("Message refused by local policy",)),
        ("tempfail('Later', 'a secret reason')", "tempfail", ("Later",)),
        ("accept('known')", "accept", ()),
    ],
)
@pytest.mark.parametrize("word", ["return", "yield"])
def test_a_word_ends_the_walk(tmp_path: Path, said: str, action: str, reply: tuple[str, ...], word: str) -> None:
    verdict = judge(own(tmp_path, START + f"    {word} {said}\n"))
    assert (verdict.action, verdict.reply, verdict.rule) == (action, reply, "own"), "the spamtrap below is not asked"


def test_a_tag_is_a_header_and_the_next_rule_is_asked(tmp_path: Path) -> None:
    policy = own(tmp_path, START + "    return tag('X-Own', 'yes')\n")
    assert judge(policy).rule == "spamtrap"
    assert ("X-Own", "yes") in judge(policy, recipient="joe@x.example").edits.add


def test_the_policy_outranks_the_word(tmp_path: Path) -> None:
    policy = own(tmp_path, START + "    return reject('No')\n", 'action = "ignore"')
    assert judge(policy, recipient="joe@x.example").action == "accept"


def test_the_pipe_does_not_pay_for_them() -> None:
    probe = "import sys, mailscan.cli.scan, mailscan.pipeline; sys.exit('mailscan.answers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", probe], cwd=PROJECT, check=False).returncode == 0
