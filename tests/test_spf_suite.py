"""The test suites of RFC 7208 and RFC 4408, through the `spf` filter, against a real DNS server."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from nameserver import quoted, unbound

from mailscan.envelope import Envelope
from mailscan.mail import Mail
from mailscan.message import Message
from mailscan.outside import Outside
from mailscan.pipeline import scan
from mailscan.policy import Policy, build_policy


@pytest.fixture(autouse=True)
def every_client_is_foreign(monkeypatch: pytest.MonkeyPatch) -> None:
    """The suites' clients are in private networks, about which the filter asks nobody."""
    monkeypatch.setattr("mailscan.filters.spf.is_ours", lambda ip, trusted: False)


MESSAGE = Message(b"From: a@b.example\n\nx\n")


def scenarios(corpora: Path, name: str) -> Iterator[dict[str, Any]]:
    # The files are ISO 8859-1 in places; their octets are those of the DNS.
    text = (corpora / "auth/spf" / name).read_text("latin-1")
    yield from yaml.safe_load_all(text)


def zone(scenario: dict[str, Any]) -> tuple[list[tuple[str, str, str]], list[str]]:
    """(records, names that never answer). SPF records are TXT records too where there are none."""
    records: list[tuple[str, str, str]] = []
    silent: list[str] = []
    for raw, entries in scenario["zonedata"].items():
        name = raw.rstrip(".")
        kinds = {kind for one in entries if isinstance(one, dict) for kind in one}
        for one in entries:
            if one == "TIMEOUT":
                silent.append(name)
                continue
            for kind, data in one.items():
                if data == "NONE":
                    continue
                if kind in ("SPF", "TXT"):
                    text = " ".join(map(quoted, strings(data)))
                    if kind == "TXT" or "TXT" not in kinds:
                        if (name, "TXT", text) in records:
                            # No DNS server keeps a record twice; cut otherwise, it is another one that says the same.
                            text = " ".join(map(quoted, [data[:1].encode(), data[1:].encode()]))
                        records.append((name, "TXT", text))
                    if kind == "SPF":
                        records.append((name, "TYPE99", generic(strings(data))))
                elif kind == "MX":
                    records.append((name, "MX", f"{data[0]} {data[1].rstrip('.')}."))
                elif kind in ("PTR", "CNAME"):
                    records.append((name, kind, data.rstrip(".") + "."))
                else:
                    records.append((name, kind, data))
    return records, silent


def strings(data: str | list[str]) -> list[bytes]:
    """The character-strings of a record, each of at most 255 octets."""
    pieces = [one.encode("latin-1") for one in ([data] if isinstance(data, str) else data)]
    return [piece[at : at + 255] for piece in pieces or [b""] for at in range(0, len(piece) or 1, 255)]


def generic(pieces: list[bytes]) -> str:
    """A record in the notation of RFC 3597, for a type that the server does not know."""
    octets = b"".join(bytes([len(piece)]) + piece for piece in pieces)
    return f"\\# {len(octets)} {octets.hex()}"


def judged(policy: Policy, test: dict[str, Any]) -> tuple[str, Any]:
    mail = Mail(Envelope(sender=test["mailfrom"], helo=test["helo"], client_ip=test["host"].lower()), MESSAGE)
    verdict = scan(mail, policy, Outside(time.monotonic() + 30, policy.outside))
    (asked,) = verdict.account
    assert not asked.why, asked.why
    return asked.findings[-1].code.removeprefix("spf."), asked.findings[-1]


def differences(corpora: Path, folder: Path, name: str) -> tuple[int, dict[str, tuple[str, str]]]:
    """(how many tests there are, {a test that came out otherwise: (what came out, what is preferred)})."""
    count = 0
    wrong: dict[str, tuple[str, str]] = {}
    for scenario in scenarios(corpora, name):
        records, silent = zone(scenario)
        with unbound(folder, records, silent) as port:
            tables = {
                "outside": {"resolvers": [f"127.0.0.1:{port}"], "timeout": 1.0},
                "filter": [{"use": "spf", "check_helo": False, "explain": True}],
            }
            policy = build_policy("test", b"", tables, "/")
            for title, test in scenario["tests"].items():
                count += 1
                result, finding = judged(policy, test)
                preferred = test["result"] if isinstance(test["result"], str) else test["result"][0]
                if result != preferred:
                    wrong[title] = (f"{result} {finding.detail}", str(test["result"]))
                said = (finding.reply or "").partition(": ")[2]
                owed = test.get("explanation", "DEFAULT")
                if result == "fail" and said != ("" if owed == "DEFAULT" else owed):
                    wrong[title] = (said, owed)
    return count, wrong


def test_rfc_7208(corpora: Path, tmp_path: Path) -> None:
    assert differences(corpora, tmp_path, "rfc7208-tests.yml") == (203, {})


# Where RFC 7208 wants another result than the one that RFC 4408's suite prefers; it allows each of them.
EXPLAINED = {
    "spfonly": ("none", "RFC 7208 3.1: records of type SPF are not asked for any more"),
    "spfoverride": ("fail", "RFC 7208 3.1: the TXT record counts, not that of type SPF"),
    "multispf2": ("pass", "RFC 7208 3.1: there is one TXT record; those of type SPF do not count"),
    "multitxt1": ("permerror", "RFC 7208 4.5: two TXT records are a permerror, whatever there is of type SPF"),
    "txttimeout": ("temperror", "RFC 7208 4.4: TXT is the only type asked for, and its time-out is a temperror"),
    "exists-dnserr": ("temperror", "RFC 7208 5: a DNS error in a mechanism is a temperror"),
    "invalid-domain-empty-label": ("fail", "RFC 7208 4.8: a name that is no domain name does not match"),
    "invalid-domain-long": ("fail", "RFC 7208 4.8: a name that is no domain name does not match"),
    "invalid-domain-long-via-macro": ("fail", "RFC 7208 4.8: a name that is no domain name does not match"),
    "mx-limit": ("permerror", "RFC 7208 4.6.4: more than ten MX records are a permerror"),
}


def test_rfc_4408(corpora: Path, tmp_path: Path) -> None:
    count, wrong = differences(corpora, tmp_path, "rfc4408-tests.yml")
    assert count == 191
    assert {title: came.partition(" ")[0] for title, (came, _) in wrong.items()} == {
        title: result for title, (result, _) in EXPLAINED.items()
    }, json.dumps(wrong, indent=1)
    for title, (_, allowed) in wrong.items():
        assert f"'{EXPLAINED[title][0]}'" in allowed, title
