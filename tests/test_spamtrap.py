"""`use = "spamtrap"`: people whose addresses look like traps get their mail; traps are found in every spelling."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailscan.envelope import Envelope
from mailscan.filters.spamtrap import Spamtrap
from mailscan.keys import options_of
from mailscan.mail import RCPT, Mail
from mailscan.outside import Outside

STARTER: dict[str, Any] = {"local_parts": ["spamtrap"], "domains": ["example.com"]}


def made(folder: str = "", **keys: Any) -> Spamtrap:
    known = options_of(Spamtrap)
    return Spamtrap({key: known[key].read(value, folder) for key, value in keys.items()})


def hits(trap: Spamtrap, *recipients: str) -> list[str]:
    # A mail without its message: at RCPT there is none yet.
    found = list(trap.check(Mail(Envelope(recipients=recipients)), Outside(0)))
    assert {one.code for one in found} <= {"spamtrap.hit"}
    return [one.detail for one in found]


@pytest.mark.parametrize(
    "recipient",
    [
        "joe@example.com", "spamtrapper@example.com", "spamtrap-2@example.com", "spam.trap@example.com",
        "myspamtrap@example.com", "spamtrap@example.com.evil.test", "spamtrap@example.org", "spamtrap@sub.example.com",
        "spamtrap@myexample.com", "spamtrap", '"spamtrap@example.com"@example.org', "joe+spamtrap@example.com",
        "spamtrap@", "@example.com", "",
    ],
)  # fmt: skip
def test_a_person_is_no_trap(recipient: str) -> None:
    assert hits(made(**STARTER), recipient) == []


@pytest.mark.parametrize(
    "recipient",
    [
        "spamtrap@example.com", "SpamTrap@EXAMPLE.com", "spamtrap@example.com.", '"spamtrap"@example.com',
        '"Spam\\trap"@example.com', "spamtrap+newsletter@example.com", "@relay.test:spamtrap@example.com",
    ],
)  # fmt: skip
def test_a_trap_in_any_spelling(recipient: str) -> None:
    assert hits(made(**STARTER), recipient) == [recipient]


def test_one_trap_among_the_recipients_is_enough_and_each_is_named_once() -> None:
    recipients = ("joe@example.com", "spamtrap@example.com", "ann@example.com", "SPAMTRAP@example.com")
    assert hits(made(**STARTER), *recipients, *recipients) == ["spamtrap@example.com", "SPAMTRAP@example.com"]
    assert hits(made(**STARTER), "joe@example.com", "postmaster@example.com") == []


def test_every_local_part_at_every_domain() -> None:
    trap = made(local_parts=["spamtrap", "trap-*"], domains=["example.com", ".example.org", "bücher.example"])
    assert not hits(trap, "trap@example.com", "spamtrap@example.org", "joe@a.example.org", "trap-1@example.net")
    wanted = ["trap-1@example.com", "spamtrap@a.example.org", "spamtrap@xn--bcher-kva.example", "trap-x@BÜCHER.example"]
    assert hits(trap, *wanted) == wanted


def test_whole_addresses_and_lists_from_files(tmp_path: Path) -> None:
    (tmp_path / "traps").write_text("# harvested in 2003\nold.name@example.com\n", encoding="utf-8")
    trap = made(str(tmp_path), addresses=["file:traps", "@trap.example.com", "honey"])
    assert not hits(trap, "old.name@example.org", "joe@example.com", "joe@a.trap.example.com")
    wanted = ["Old.Name@example.com", "anything@trap.example.com", "honey@any.test"]
    assert hits(trap, *wanted) == wanted


def test_an_empty_list_has_no_traps(tmp_path: Path) -> None:
    (tmp_path / "traps").write_text("", encoding="utf-8")
    assert hits(made(str(tmp_path), addresses="file:traps"), "joe@example.com", "") == []
    assert hits(made(str(tmp_path), local_parts="file:traps", domains="example.com"), "spamtrap@example.com") == []
    assert hits(made(str(tmp_path), local_parts="spamtrap", domains="file:traps"), "spamtrap@example.com") == []


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({}, "no trap is named"),
        ({"local_parts": ["spamtrap"]}, "needs `domains`"),
        ({"domains": ["example.com"]}, "needs `local_parts`"),
        ({"local_parts": ["spamtrap@example.com"], "domains": ["example.com"]}, "no local part"),
        ({"local_parts": ["spamtrap"], "domains": ["@example.com"]}, "no domain"),
        ({"addresses": ["file:nowhere.txt"]}, r"nowhere\.txt: No such file"),
    ],
)
def test_what_a_policy_gets_wrong(keys: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        made(**keys)


def test_it_is_asked_as_soon_as_there_is_a_recipient() -> None:
    trap = made(**STARTER)
    assert (trap.stage, trap.needs, trap.decides) == (RCPT, ("recipients",), False)


@given(st.lists(st.text()))
def test_any_recipients_are_judged_and_their_order_changes_nothing(recipients: list[str]) -> None:
    trap = made(addresses=["*a*"], **STARTER)
    assert sorted(hits(trap, *recipients)) == sorted(hits(trap, *reversed(recipients)))
