"""`spf.check` in an old file: the four words of 2004, from a real DNS server on loopback; nothing in it raises."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

from mailscan.elspy.call import run
from mailscan.envelope import Envelope
from mailscan.mail import Mail
from mailscan.message import Message
from mailscan.outside import Outside

RESOLVERS: list[tuple[str, int]] = []
RECORDS = {
    "good.example.": '"v=spf1 ip4:192.0.2.0/24 -all"',
    "soft.example.": '"v=spf1 ~all"',
    "neutral.example.": '"v=spf1 ?all"',
    "broken.example.": '"v=spf1 ip4:nonsense -all"',
    "loop.example.": '"v=spf1 include:loop.example -all"',
    "odd.example.": '"v=spf1 exists:%{i}.\\255\\254.example -all"',
    "exp.example.": '"v=spf1 -all exp=why.example"',
    "why.example.": '"go away\\013\\010X-Evil: yes"',
}
SOURCE = """
import spf
from elspy import RejectMessage, TempRejectMessage

def local_scan (info, headers, fd):
    (result, code, why) = spf.check(info.sender_host_address, info.sender_address, info.sender_helo_name)
    if result == 'deny':
        raise RejectMessage("SPF: %s may not send for this domain" % info.sender_host_address)
    if result == 'error':
        raise TempRejectMessage("SPF could not be looked up")
    assert result in ('pass', 'unknown'), result
    headers.add('Received-SPF', result)
    return "%s %d" % (result, code)
"""


def serve(server: socket.socket, stop: threading.Event) -> None:
    """Answer until it is told to stop. broken-server.example is SERVFAIL, silent.example nothing at all."""
    while not stop.is_set():
        try:
            octets, asker = server.recvfrom(4096)
        except TimeoutError:
            continue
        asked = dns.message.from_wire(octets)
        answer = dns.message.make_response(asked)
        question = asked.question[0]
        name = question.name.to_text().lower()
        if name == "silent.example.":
            continue
        if name == "broken-server.example.":
            answer.set_rcode(dns.rcode.SERVFAIL)
        elif name in RECORDS and question.rdtype == dns.rdatatype.TXT:
            answer.answer.append(dns.rrset.from_text(name, 60, "IN", "TXT", RECORDS[name]))
        elif name not in RECORDS:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        server.sendto(answer.to_wire(), asker)


@pytest.fixture
def dns_server() -> Iterator[None]:
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 0))
    server.settimeout(0.05)
    stop = threading.Event()
    thread = threading.Thread(target=serve, args=(server, stop))
    thread.start()
    RESOLVERS.append(("127.0.0.1", server.getsockname()[1]))
    yield
    RESOLVERS.clear()
    stop.set()
    thread.join()
    server.close()


def said(
    sender: str | None,
    client: str | None = "203.0.113.9",
    helo: str | None = "h.nowhere.example",
    *,
    seconds: float = 10.0,
) -> tuple[str, str]:
    """(action, text) of what the file finds."""

    def load() -> object:
        module: dict[str, object] = {}
        exec(compile(SOURCE, "exim_local_scan.py", "exec", dont_inherit=True), module)
        return module["local_scan"]

    mail = Mail(Envelope(sender, ["jane@example.com"], client, helo=helo), Message(b"Subject: x\n\nx\n"))
    outside = Outside(time.monotonic() + seconds, SimpleNamespace(resolvers=RESOLVERS, timeout=5.0))
    first = run(load, mail, outside)[0]
    return first.action or "", first.detail


@pytest.mark.usefixtures("dns_server")
def test_nobody_is_refused_for_a_domain_that_says_nothing() -> None:
    assert said("joe@nowhere.example") == ("", "unknown 250")
    assert said("joe@good.example", "192.0.2.7") == ("", "pass 250")
    for domain in ("soft", "neutral", "broken", "loop"):
        assert said(f"joe@{domain}.example") == ("", "unknown 250"), domain
    assert said("joe@good.example", None) == ("", "unknown 250"), "the client is not known"
    assert said(None) == ("", "unknown 250"), "the sender is not known, which is not the null sender"
    assert said("", helo="good.example")[0] == "reject", "the null sender is judged by HELO"
    assert said("", helo=None) == ("", "unknown 250")


@pytest.mark.usefixtures("dns_server")
def test_fail_is_deny_and_temperror_is_error() -> None:
    assert said("joe@good.example") == ("reject", "SPF: 203.0.113.9 may not send for this domain")
    assert said("joe@exp.example")[0] == "reject"
    assert said("joe@broken-server.example") == ("tempfail", "SPF could not be looked up")


@pytest.mark.usefixtures("dns_server")
def test_a_server_that_is_silent_is_an_error_within_the_time_of_the_rule() -> None:
    began = time.monotonic()
    assert said("joe@silent.example", seconds=2) == ("tempfail", "SPF could not be looked up")
    assert time.monotonic() - began < 2.5


@pytest.mark.usefixtures("dns_server")
@pytest.mark.parametrize(
    "sender", ["joe", "@", "a@b@good.example", "x@" + "a" * 300, "x@\udcff.example", "x@\0", "x@odd.example", "x@.."]
)
def test_nothing_that_a_sender_can_say_raises(sender: str) -> None:
    for client in ("203.0.113.9", "2001:db8::1", "no address", "1.2.3.4.5"):
        for helo in ("h.example", "[192.0.2.1]", "\udcff", ""):
            assert said(sender, client, helo)[0] in ("", "reject", "tempfail")
