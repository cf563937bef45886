"""`elspy.spamassassin` in an old file: its threshold, its header fields, and a spamd that is away or talks rubbish."""

from __future__ import annotations

import re
import socket
import time
from pathlib import Path

import pytest
from asking import serving
from daemons import free_port, spamd

from mailscan import specimens
from mailscan.envelope import Envelope
from mailscan.mail import Mail
from mailscan.message import Message
from mailscan.outside import Outside
from mailscan.pipeline import scan
from mailscan.policy import load_policy
from mailscan.verdict import Verdict

SOURCE = """
from elspy import spamassassin

spamassassin.REJECT_THRESHOLD = 12.0
spamassassin.SPAMD_ADDRESS = %r


def local_scan (info, headers, fd):
    return spamassassin.local_scan(info, headers, fd)
"""
LETTER = b"X-Spam-Flag: NO\nX-Spam-Status: No, hits=-100\nSubject: x\n\nbody\n"


def answer(score: float, tests: str = "A_TEST,B_TEST") -> bytes:
    word = "True" if score >= 5 else "False"
    body = tests.encode()
    head = f"SPAMD/1.1 0 EX_OK\r\nContent-length: {len(body)}\r\nSpam: {word} ; {score} / 5.0\r\n\r\n"
    return head.encode() + body


def judged(folder: Path, address: str, raw: bytes = LETTER, more: str = "") -> Verdict:
    (folder / "exim_local_scan.py").write_text(SOURCE % address)
    (folder / "policy.toml").write_text(f'[[filter]]\nuse = "./exim_local_scan.py"\n{more}\n')
    mail = Mail(Envelope("a@b.example", ["jane@example.com"]), Message(raw))
    return scan(mail, load_policy(str(folder / "policy.toml")), Outside(time.monotonic() + 30))


def test_below_the_threshold_nothing_is_refused_and_forged_fields_go(tmp_path: Path) -> None:
    for score, added in (
        (11.9, (("X-Spam-Status", "Yes, hits=11.9 required=5.0 tests=A_TEST,B_TEST"), ("X-Spam-Level", "*" * 11))),
        (0.2, (("X-Spam-Status", "No, hits=0.2 required=5.0 tests=A_TEST,B_TEST"),)),
        (-3.0, (("X-Spam-Status", "No, hits=-3.0 required=5.0 tests=A_TEST,B_TEST"),)),
    ):
        with serving(answer(score)) as server:
            verdict = judged(tmp_path, server.address)
        flag = (("X-Spam-Flag", "YES"),) if score >= 5 else ()
        assert (verdict.action, verdict.edits.add) == ("accept", added + flag)
        assert {name.lower() for name in verdict.edits.remove} == {"x-spam-flag", "x-spam-status"}
        assert server.asked[0].startswith(b"SYMBOLS SPAMC/"), "one question"
        assert server.asked[0].endswith(LETTER)
        assert len(server.asked) == 1


def test_from_the_threshold_on_it_is_refused(tmp_path: Path) -> None:
    for score in (12.0, 1000.0):
        with serving(answer(score)) as server:
            verdict = judged(tmp_path, server.address)
        reply = (f"message rejected -- looks like spam (score {score:.1f})",)
        assert (verdict.action, verdict.code, verdict.reply) == ("reject", "550 5.7.1", reply)
        assert verdict.account[0].findings[0].code == "elspy.spam"


@pytest.mark.parametrize(
    "said", [b"", b"HTTP/1.1 200 OK\r\n\r\n", answer(3)[:40], b"SPAMD/1.1 75 EX_TEMPFAIL\r\n\r\n", b"\0" * 3_000_000]
)
def test_a_spamd_that_talks_rubbish_is_the_on_error_of_the_rule(tmp_path: Path, said: bytes) -> None:
    with serving(said) as server:
        verdict = judged(tmp_path, server.address)
    assert (verdict.action, verdict.code, verdict.account[0].outcome) == ("tempfail", "451 4.3.0", "error")


def test_a_spamd_that_is_away_is_the_on_error_of_the_rule(tmp_path: Path) -> None:
    address = f"127.0.0.1:{free_port()}"
    verdict = judged(tmp_path, address)
    assert (verdict.action, verdict.account[0].outcome) == ("tempfail", "error")
    assert address in verdict.account[0].why
    assert judged(tmp_path, address, more='on_error = "ignore"').action == "accept"
    assert "SPAMD_ADDRESS" in judged(tmp_path, "nobody").account[0].why


def test_a_spamd_that_stalls_is_late_and_not_for_ever(tmp_path: Path) -> None:
    began = time.monotonic()
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        verdict = judged(tmp_path, address, more="timeout = 1")
    assert (verdict.action, verdict.account[0].outcome) == ("tempfail", "error")
    assert time.monotonic() - began < 2


def test_a_large_message_is_not_sent(tmp_path: Path) -> None:
    with serving(answer(1000)) as server:
        verdict = judged(tmp_path, server.address, LETTER + b"x\n" * 300_000)
    assert (verdict.action, server.asked) == ("accept", [])
    assert "not scanned" in verdict.account[0].findings[0].detail


def test_an_answer_cannot_put_a_line_into_the_header(tmp_path: Path) -> None:
    with serving(answer(2, "A\r\nX-Evil: 1\r\n\r\nbody")) as server:
        verdict = judged(tmp_path, server.address)
    assert all("\n" not in value and "\r" not in value for _, value in verdict.edits.add)
    assert "X-Evil" not in dict(verdict.edits.add)


def test_the_real_spamd(tmp_path: Path) -> None:
    with spamd() as address:
        verdict = judged(tmp_path, address, specimens.spam())
        assert (verdict.action, verdict.rule) == ("reject", "exim_local_scan")
        assert re.fullmatch(r"message rejected -- looks like spam \(score \d{3,4}\.\d\)", verdict.reply[0])
        verdict = judged(tmp_path, address)
        assert verdict.action == "accept"
        assert "hits=" in dict(verdict.edits.add)["X-Spam-Status"]
