"""The `dnsbl` filter: what is no listing, and what the answers of lists weigh."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from nameserver import scripted, unbound
from test_outside import FAULTS, Reply

from mailscan.envelope import Envelope
from mailscan.errors import PolicyError
from mailscan.mail import Mail
from mailscan.message import Message
from mailscan.outside import Outside
from mailscan.pipeline import scan
from mailscan.policy import build_policy
from mailscan.recording import Prepared
from mailscan.verdict import Verdict

CLIENT: dict[str, Any] = {"sender": "joe@Bad.example", "helo": "h.example", "client_ip": "198.51.100.7"}
NAME = "7.100.51.198.l.test A"
ZONES = {"l.test": {"127.0.0.2": 3.0, "127.0.0.4": 1.5}}


def judge(dns: dict[str, Any], facts: dict[str, Any] = CLIENT, **keys: Any) -> tuple[Verdict, Prepared]:
    tables = {"score": {"reject": 10}, "filter": [{"use": "dnsbl", "zones": ZONES, **keys}]}
    outside = Prepared(time.monotonic() + 30, {"dns": dns})
    mail = Mail(Envelope(**facts), Message(b"From: a@b.example\n\nx\n"))
    return scan(mail, build_policy("t", b"", tables, "/"), outside), outside


@pytest.mark.parametrize("answer", ["nxdomain", []])
def test_not_listed(answer: object) -> None:
    verdict, outside = judge({NAME: answer}, action="reject")
    assert (verdict.action, verdict.account[0].outcome, outside.unprepared) == ("accept", "clear", [])


@pytest.mark.parametrize("answer", ["127.255.255.254", "127.255.255.252", "192.0.2.1", "128.0.0.2", "0.0.0.0"])
def test_an_error_of_the_list_is_no_listing(answer: str) -> None:
    for records in ([answer], ["127.0.0.2", answer]):
        verdict, _ = judge({NAME: records}, action="reject")
        assert (verdict.action, verdict.account[0].outcome) == ("accept", "error")
        assert f"{answer} is no listing" in verdict.account[0].why
    assert judge({NAME: [answer]}, action="reject", on_error="tempfail")[0].action == "tempfail"


@pytest.mark.parametrize(
    "facts", [{"client_ip": "10.0.0.1"}, {"client_ip": "::1"}, {"auth_user": "x"}, {"client_ip": None}]
)
def test_who_is_not_asked_about(facts: dict[str, Any]) -> None:
    verdict, outside = judge({}, CLIENT | facts, action="reject")
    assert (verdict.action, outside.unprepared) == ("accept", [])


@pytest.mark.parametrize(
    "helo", ["[198.51.100.7]", "localhost", "198.51.100.7", "a..b", "x" * 64 + ".example", "a b.example"]
)
def test_a_helo_that_is_no_name_is_asked_of_nobody(helo: str) -> None:
    verdict, outside = judge({}, CLIENT | {"helo": helo}, of="helo", action="reject")
    assert (verdict.action, outside.unprepared) == ("accept", [])


def test_weights_by_answer() -> None:
    verdict, _ = judge({NAME: ["127.0.0.2", "127.0.0.4", "127.0.0.9"]})
    assert [(one.code, one.score, one.note) for one in verdict.account[0].findings] == [
        ("dnsbl.client", 3.0, False),
        ("dnsbl.client", 1.5, False),
        ("dnsbl.client", None, True),
    ]
    assert verdict.score == 4.5
    dns = {NAME: ["127.0.0.4"]}
    assert judge(dns, action="reject")[0].action == "reject"
    assert judge(dns, action="reject", at_least=3)[0].action == "accept"
    assert judge({NAME: ["127.0.0.9"]}, action="reject")[0].action == "accept"
    assert judge({NAME: ["127.0.0.9"]}, action="reject", zones={"l.test": 1})[0].action == "reject"


def test_ipv6_is_asked_by_nibbles() -> None:
    name = "1." + "0." * 23 + "8.b.d.0.1.0.0.2.l.test A"
    assert judge({name: ["127.0.0.2"]}, CLIENT | {"client_ip": "2001:db8::1"}, action="reject")[0].action == "reject"


def test_domains() -> None:
    dns = {"bad.example.l.test A": ["127.0.0.2"], "h.example.l.test A": "nxdomain"}
    verdict, _ = judge(dns, of=["sender", "helo"])
    assert [one.code for one in verdict.account[0].findings] == ["dnsbl.sender"]
    assert judge({}, CLIENT | {"sender": ""}, of="sender")[1].unprepared == []


def test_a_listing_counts_though_another_list_fails() -> None:
    dns = {NAME: ["127.0.0.2"], "7.100.51.198.other.test A": "SERVFAIL"}
    verdict, _ = judge(dns, zones=ZONES | {"other.test": 1}, action="reject")
    assert verdict.action == "reject"


def test_a_real_server_and_many_lists_at_once(tmp_path: Path) -> None:
    with unbound(tmp_path, [("7.100.51.198.l0.test", "A", "127.0.0.2")], silent=["l1.test", "l2.test"]) as port:
        tables = {
            "outside": {"resolvers": [f"127.0.0.1:{port}"], "timeout": 0.5},
            "filter": [{"use": "dnsbl", "zones": {f"l{n}.test": 1 for n in range(6)}, "action": "reject"}],
        }
        policy = build_policy("t", b"", tables, "/")
        began = time.monotonic()
        verdict = scan(Mail(Envelope(**CLIENT), Message(b"\n")), policy, Outside(began + 20, policy.outside))
        assert verdict.action == "reject"
        assert time.monotonic() - began < 0.9  # two lists that stall, at the same time


@pytest.mark.parametrize(("reply", "why"), FAULTS)
def test_faults_of_the_dns_are_on_error(reply: Reply, why: str) -> None:
    with scripted(reply) as port:
        tables = {
            "outside": {"resolvers": [f"127.0.0.1:{port}"], "timeout": 0.4},
            "filter": [{"use": "dnsbl", "zones": {"x.example": 1}, "of": "helo", "action": "reject"}],
        }
        policy = build_policy("t", b"", tables, "/")
        began = time.monotonic()
        verdict = scan(Mail(Envelope(**CLIENT), Message(b"\n")), policy, Outside(began + 20, policy.outside))
        assert time.monotonic() - began < 0.9
        assert (verdict.action, verdict.account[0].outcome) == ("accept", "error")
        assert why in verdict.account[0].why


@pytest.mark.parametrize(
    ("keys", "why"),
    [
        ({"zones": {}}, "a table is wanted"),
        ({"zones": {"x": 1}}, "the zone of a list"),
        ({"zones": {"a.test": {"192.0.2.1": 1}}}, "is no answer of a list"),
        ({"zones": {"a.test": {"127.255.255.254": 1}}}, "is no answer of a list"),
        ({"zones": {"a.test": "x"}}, "a number is wanted"),
        ({"of": "client_ip"}, "none of client, sender, helo"),
    ],
)
def test_mistakes(keys: dict[str, Any], why: str) -> None:
    with pytest.raises(PolicyError, match=why):
        build_policy("t", b"", {"filter": [{"use": "dnsbl", "zones": ZONES, **keys}]}, "/")
