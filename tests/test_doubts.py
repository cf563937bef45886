"""What `mailscan check` wonders about: nothing in a policy that is meant as it stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from mailscan.doubts import doubts
from mailscan.policy import load_policy

PROJECT = Path(__file__).parent.parent


def doubted(folder: Path, text: str) -> list[str]:
    (folder / "policy.toml").write_text(text, encoding="utf-8")
    return list(doubts(load_policy(str(folder / "policy.toml")), str(folder)))


def test_good_policies_raise_no_doubt(tmp_path: Path) -> None:
    assert list(doubts(load_policy(None), "/")) == []
    examples = PROJECT / "examples"
    assert list(doubts(load_policy(str(examples / "policy.toml")), str(examples))) == []
    assert (
        doubted(tmp_path, "[[filter]]\nuse='spamtrap'\nlocal_parts='a.b'\ndomains='x.example'\naction='reject'\n") == []
    )
    own = "[[filter]]\nuse='match'\nsenders=['<>', '\"a, b\"@x.example', 'postmaster', '@x.example']\naction='accept'\n"
    assert doubted(tmp_path, own) == []


RULE = "[[filter]]\nuse='match'\n{}\naction='{}'\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "there are no rules: every mail is accepted"),
        (RULE.format("senders='partner.example'", "accept"), 'for the domain write "@partner.example"'),
        (RULE.format("senders='list.txt'", "accept"), 'for the lines of the file write "file:list.txt"'),
        (RULE.format("senders='a@x.example;b@x.example'", "accept"), "is one address; several are several strings"),
        (RULE.format("senders='file:empty'", "accept"), "match: senders: the list is empty and matches nothing"),
        (RULE.format("clients=[]", "accept"), "match: clients: the list is empty"),
        (RULE.format("helo='x.example'\nwhen={senders='x.example'}", "reject"), "match: when.senders: "),
        (RULE.format("helo='x.example'\nreply='No'", "quarantine"), "reply: nobody hears it"),
        (RULE.format("helo='x.example'\nscore=3", "tag") + "[score]\ntag=1\n", "score: not counted"),
        ("[[filter]]\nuse='dnsbl'\nzones={'l.example'=3}\n", "it only adds to a sum that [score] does not look at"),
        ("[log]\nto='./nowhere/log'\n" + RULE.format("helo='x.example'", "tag"), "[log] to: there is no directory"),
    ],
)
def test_what_is_probably_not_meant(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "list.txt").write_text("a@x.example\n")
    (tmp_path / "empty").write_text("# nobody yet\n")
    found = doubted(tmp_path, text)
    assert len(found) == 1
    assert said in found[0]
