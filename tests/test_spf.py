"""The `spf` filter: whom it leaves alone, what its rows do, and that nothing in a record or argument raises."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import dns.message
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nameserver import scripted
from test_outside import FAULTS, Reply, answer

from mailscan.envelope import Envelope
from mailscan.errors import PolicyError
from mailscan.mail import Mail
from mailscan.message import Message
from mailscan.outside import Outside
from mailscan.pipeline import scan
from mailscan.policy import build_policy
from mailscan.recording import Prepared
from mailscan.verdict import Verdict

RAW = b"Received-SPF: pass (forged)\nAuthentication-Results: mx.example; spf=pass\nFrom: a@b.example\n\nx\n"
CLIENT: dict[str, Any] = {"sender": "joe@d.example", "helo": "h.example", "client_ip": "198.51.100.7"}
NOTHING = {"d.example TXT": "nxdomain", "h.example TXT": "nxdomain"}


def judge(dns: dict[str, Any], facts: dict[str, Any] = CLIENT, **keys: Any) -> tuple[Verdict, Prepared]:
    tables = {"site": {"trusted": ["203.0.113.0/24"]}, "filter": [{"use": "spf", "receiver": "mx.test", **keys}]}
    outside = Prepared(time.monotonic() + 30, {"dns": dns})
    return scan(Mail(Envelope(**facts), Message(RAW)), build_policy("t", b"", tables, "/"), outside), outside


def codes(verdict: Verdict) -> list[str]:
    return [finding.code for asked in verdict.account for finding in asked.findings]


@pytest.mark.parametrize(
    "facts",
    [
        {"client_ip": "203.0.113.9"},
        {"client_ip": "10.1.2.3"},
        {"client_ip": "127.0.0.1"},
        {"client_ip": "::1"},
        {"client_ip": "fe80::1"},
        {"auth_user": "joe"},
        {"client_ip": None},
        {"sender": None, "helo": None},
        {"sender": "", "helo": None},
    ],
)
def test_who_is_not_asked_about(facts: dict[str, Any]) -> None:
    verdict, outside = judge({}, CLIENT | facts)
    assert (verdict.action, outside.unprepared) == ("accept", [])
    assert codes(verdict) in ([], ["spf.not-asked"])
    # Forged ones go all the same.
    assert "Received-SPF" in verdict.edits.remove


@pytest.mark.parametrize(
    ("record", "result", "action"),
    [
        ("v=spf1 +all", "pass", "accept"),
        ("v=spf1 -all", "fail", "reject"),
        ("v=spf1 ~all", "softfail", "accept"),
        ("v=spf1 ?all", "neutral", "accept"),
        ("v=spf2.0 -all", "none", "accept"),
        ("v=spf1 bogus:x -all", "permerror", "accept"),
        ("timeout", "temperror", "tempfail"),
    ],
)
def test_each_result_has_its_row(record: str, result: str, action: str) -> None:
    dns = NOTHING | {"d.example TXT": record if record == "timeout" else [record]}
    verdict, outside = judge(dns)
    assert (codes(verdict)[-1], verdict.action, outside.unprepared) == (f"spf.{result}", action, [])
    assert "of 10 terms" in verdict.account[0].findings[-1].detail
    for row in ("accept", "reject", "tempfail", "tag", "ignore", "quarantine"):
        verdict, _ = judge(dns, results={result: row})
        owed = row if row in ("reject", "tempfail") else "accept"
        assert verdict.action == owed, row
        assert bool(verdict.quarantine) == (row == "quarantine")
    verdict, _ = judge(dns, results={result: 2.5})
    assert (verdict.action, verdict.score) == ("accept", 2.5)
    assert judge(NOTHING | {"h.example TXT": dns["d.example TXT"]}, helo={result: "reject"})[0].action == "reject"
    assert judge(NOTHING | {"h.example TXT": dns["d.example TXT"]})[0].action == "accept"


def test_header_fields() -> None:
    dns = NOTHING | {"d.example TXT": ["v=spf1 a:x.d.example ~all"], "x.d.example A": ["198.51.100.7"]}
    verdict, _ = judge(dns, authserv_id="mx.test")
    added = [value for name, value in verdict.edits.add if name == "Received-SPF"]
    assert added[1] == (
        'pass (the domain permits this client) client-ip=198.51.100.7; envelope-from="joe@d.example"; helo=h.example;'
        ' receiver=mx.test; identity=mailfrom; mechanism="a:x.d.example"'
    )
    assert ("Authentication-Results", "mx.test; spf=pass smtp.mailfrom=d.example") in verdict.edits.add
    assert set(verdict.edits.remove) == {"Received-SPF", "Authentication-Results"}
    assert judge(dns)[0].edits.remove == ("Received-SPF",)


def test_the_null_sender_is_postmaster_at_helo_and_asked_once() -> None:
    verdict, _ = judge({"h.example TXT": ["v=spf1 -all"]}, CLIENT | {"sender": ""})
    assert (codes(verdict), verdict.action) == (["spf.fail"], "reject")


def test_the_explanation_is_foreign_text() -> None:
    dns = NOTHING | {
        "d.example TXT": ["v=spf1 -all exp=e.example"],
        "e.example TXT": ["go away\r\nX-Evil: 1 " + "x" * 1000],
    }
    verdict, _ = judge(dns, explain=True)
    assert "go away??X-Evil: 1 xxx" in verdict.reply[0]
    assert len(verdict.reply) == 1
    assert len(verdict.reply[0]) < 480
    assert "go away" not in judge(dns)[0].reply[0]


def test_limits_are_those_of_the_rfc() -> None:
    dns = NOTHING | {"d.example TXT": ["v=spf1 " + " ".join(f"exists:e{n}.example" for n in range(11)) + " -all"]}
    dns |= {f"e{n}.example A": "nxdomain" for n in range(11)}
    assert "Void lookup limit of 2" in judge(dns)[0].account[0].findings[-1].detail
    dns |= {f"e{n}.example A": [] for n in range(11)}
    dns["d.example TXT"] = ["v=spf1 " + " ".join(f"include:e{n}.example" for n in range(11)) + " -all"]
    dns |= {f"e{n}.example TXT": ["v=spf1 ?all"] for n in range(11)}
    (asked,) = judge(dns)[0].account
    assert asked.findings[-1].code == "spf.permerror"
    assert "11 of 10 terms" in asked.findings[-1].detail


@pytest.mark.parametrize(("reply", "why"), FAULTS)
def test_faults_of_the_dns_are_temperror(reply: Reply, why: str) -> None:
    with scripted(reply) as port:
        tables = {
            "outside": {"resolvers": [f"127.0.0.1:{port}"], "timeout": 0.4},
            "filter": [{"use": "spf", "check_helo": False}],
        }
        policy = build_policy("t", b"", tables, "/")
        mail = Mail(Envelope(**CLIENT | {"sender": "joe@x.example"}), Message(RAW))
        began = time.monotonic()
        verdict = scan(mail, policy, Outside(time.monotonic() + 20, policy.outside))
        assert time.monotonic() - began < 0.9
        assert (verdict.action, codes(verdict)) == ("tempfail", ["spf.temperror"])


def test_the_timeout_of_the_rule_holds() -> None:
    def reply(query: dns.message.Message, tcp: bool) -> list[bytes]:
        time.sleep(0.2)
        return [answer(query, f'{query.question[0].name} TXT "v=spf1 include:a{time.monotonic_ns()}.example -all"')]

    with scripted(reply) as port:
        tables = {"outside": {"resolvers": [f"127.0.0.1:{port}"]}, "filter": [{"use": "spf", "timeout": 0.5}]}
        policy = build_policy("t", b"", tables, "/")
        began = time.monotonic()
        verdict = scan(Mail(Envelope(**CLIENT), Message(RAW)), policy, Outside(began + 20, policy.outside))
        assert time.monotonic() - began < 1.0
        assert verdict.action == "tempfail"


@given(st.text(max_size=60), st.text(max_size=60), st.text(alphabet=st.characters(max_codepoint=255), max_size=120))
def test_nothing_raises(sender: str, helo: str, record: str) -> None:
    class Says(Prepared):
        def obtain(self, question: Any, get: Any) -> Any:
            return "noerror", (("v=spf1 " + record).encode("latin-1"),) if question[2] == "TXT" else (), ""

    policy = build_policy("t", b"", {"filter": [{"use": "spf", "authserv_id": "x.test"}]}, "/")
    mail = Mail(Envelope(sender=sender, helo=helo or None, client_ip="2001:db8::1"), Message(RAW))
    (asked,) = scan(mail, policy, Says(time.monotonic() + 20, {})).account
    assert not asked.why or "not known" in asked.why
    for finding in asked.findings:
        for _, value in finding.headers:
            assert value.isascii()
            assert value.isprintable()


@pytest.mark.parametrize(
    ("keys", "why"),
    [
        ({"action": "reject"}, "has an action for each of its results"),
        ({"score": 3}, "has an action for each of its results"),
        ({"results": {"fail": "refuse"}}, "one of accept, reject"),
        ({"results": {"failed": "reject"}}, "did you mean 'fail'"),
        ({"authserv_id": "a b"}, "a host name is wanted"),
    ],
)
def test_mistakes(keys: dict[str, Any], why: str) -> None:
    with pytest.raises(PolicyError, match=why):
        build_policy("t", b"", {"filter": [{"use": "spf", **keys}]}, "/")


def test_a_users_pyspf_asks_through_us(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(
        "from mailscan import Finding\nimport spf\n\ndef check(mail, outside):\n"
        "    yield Finding('own', spf.check2('198.51.100.7', 'a@d.example', 'h.example')[0])\n"
        "    yield Finding('own', outside.dns('x.example', 'A').records[0])\n"
    )
    policy = build_policy("t", b"", {"filter": [{"use": "./own.py", "action": "tag"}]}, str(tmp_path))
    outside = Prepared(time.monotonic() + 20, {"dns": {"d.example TXT": ["v=spf1 -all"], "x.example A": ["192.0.2.1"]}})
    (asked,) = scan(Mail(Envelope(), Message(RAW)), policy, outside).account
    assert [finding.detail for finding in asked.findings] == ["fail", "192.0.2.1"], asked.why


@pytest.mark.parametrize(
    "sender",
    [
        '"a@b"@d.example',
        "a@b@d.example",
        "@pass.example:joe@d.example",
        "joe@d.example.",
        "joe@D.EXAMPLE",
        "@d.example",
    ],
)
def test_a_senders_domain_is_what_stands_behind_the_last_at(sender: str) -> None:
    verdict, outside = judge(
        {"d.example TXT": ["v=spf1 -all"], "h.example TXT": "nxdomain"}, CLIENT | {"sender": sender}
    )
    assert (verdict.action, outside.unprepared) == ("reject", [])
    assert "spf.fail" in codes(verdict)


def test_a_domain_in_u_labels_is_asked_about_in_a_labels() -> None:
    prepared = {"xn--bcher-kva.example TXT": ["v=spf1 -all"], "h.example TXT": "nxdomain"}
    verdict, outside = judge(prepared, CLIENT | {"sender": "joe@bücher.example"})
    assert (verdict.action, outside.unprepared) == ("reject", [])


def test_a_helo_with_blanks_and_a_final_dot_is_the_name() -> None:
    prepared = {"d.example TXT": "nxdomain", "h.example TXT": ["v=spf1 -all"]}
    verdict, outside = judge(prepared, CLIENT | {"helo": " h.example."})
    assert "spf.helo.fail" in codes(verdict)
    assert outside.unprepared == []
