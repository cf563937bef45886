"""`Outside`: every fault of a server is a `NoAnswer` in time; what is an answer is one."""

from __future__ import annotations

import itertools
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest
from conftest import PROJECT
from nameserver import scripted, unbound

from mailscan.addressing import address, resolver
from mailscan.channel import Reader, hosts_file
from mailscan.outside import NoAnswer, Outside
from mailscan.policy import OutsideTable
from mailscan.resolver import system_resolvers

Reply = Callable[[dns.message.Message, bool], list[bytes]]


def asking(port: int, seconds: float = 1.0, timeout: float = 0.4) -> Outside:
    settings = OutsideTable({"resolvers": (("127.0.0.1", port),), "timeout": timeout})
    return Outside(time.monotonic() + seconds, settings)


def answer(query: dns.message.Message, *records: str, rcode: int = 0, flags: int = 0) -> bytes:
    response = dns.message.make_response(query)
    response.set_rcode(dns.rcode.Rcode(rcode))
    response.flags |= flags
    for text in records:
        name, rdtype, data = text.split(" ", 2)
        response.answer.append(dns.rrset.from_text(name, 60, "IN", rdtype, data))
    return response.to_wire()


def alias(query: dns.message.Message, *targets: str) -> bytes:
    """The name asked for is an alias of the first target, that of the next; "@" is the name asked for."""
    names = [str(query.question[0].name), *targets]
    names = [names[0] if name == "@" else name for name in names]
    return answer(query, *(f"{one} CNAME {other}" for one, other in itertools.pairwise(names)))


def long_chain(query: dns.message.Message, tcp: bool) -> list[bytes]:
    digits = query.question[0].name.labels[0].decode().strip("x")
    return [alias(query, f"x{int(digits) + 1 if digits.isdigit() else 1}.example.")]


FAULTS: list[tuple[Reply, str]] = [
    (lambda query, tcp: [], "no answer in time"),
    (lambda query, tcp: [answer(query, rcode=2)], "SERVFAIL"),
    (lambda query, tcp: [answer(query, rcode=5)], "REFUSED"),
    (lambda query, tcp: [b"garbage"], "no answer in time"),
    (lambda query, tcp: [b"\xff" * 60_000], "no answer in time"),
    (lambda query, tcp: [answer(query)[:2] + b"\x81\x80\x00\x01\xff\xff\x00\x00\x00\x00"], "no answer in time"),
    (lambda query, tcp: [b"\0\0" + answer(query, "x.example. A 192.0.2.1")[2:]], "no answer in time"),
    (lambda query, tcp: [alias(query, "@")], "loop"),
    (lambda query, tcp: [alias(query, "y.example.", "@")], "loop"),
    (long_chain, "a chain of more than 8 CNAMEs"),
    (lambda query, tcp: [b"garbage"] if tcp else [answer(query, flags=dns.flags.TC)], "cannot be read"),
    (lambda query, tcp: [] if tcp else [answer(query, flags=dns.flags.TC)], "closed the connection"),
]


@pytest.mark.parametrize(("reply", "why"), FAULTS)
def test_faults_of_a_resolver(reply: Reply, why: str) -> None:
    with scripted(reply) as port:
        outside = asking(port)
        began = time.monotonic()
        with pytest.raises(NoAnswer, match=why):
            outside.dns("x.example", "A")
        assert time.monotonic() - began < 0.9
        # Asked once: the failure is what is known now.
        began = time.monotonic()
        with pytest.raises(NoAnswer, match=why):
            outside.dns("X.example.", "A")
        assert time.monotonic() - began < 0.1


def test_a_resolver_that_is_not_there() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    with pytest.raises(NoAnswer, match="refused"):
        asking(port).dns("x.example", "A")


def test_truncation_is_asked_again_over_tcp() -> None:
    def reply(query: dns.message.Message, tcp: bool) -> list[bytes]:
        return [answer(query, "x.example. TXT whole") if tcp else answer(query, flags=dns.flags.TC)]

    with scripted(reply) as port:
        assert asking(port).dns("x.example", "TXT").records == ("whole",)


def test_a_forged_answer_is_passed_over() -> None:
    def reply(query: dns.message.Message, tcp: bool) -> list[bytes]:
        forged = bytearray(answer(query, "x.example. A 192.0.2.66"))
        forged[0] ^= 1
        return [bytes(forged), answer(query, "x.example. A 192.0.2.1")]

    with scripted(reply) as port:
        assert asking(port).dns("x.example", "A").records == ("192.0.2.1",)


def test_the_second_resolver_answers_for_the_first(tmp_path: Path) -> None:
    with (
        scripted(lambda query, tcp: [answer(query, rcode=2)]) as bad,
        unbound(tmp_path, [("x.example", "A", "192.0.2.1")]) as good,
    ):
        settings = OutsideTable({"resolvers": (("127.0.0.1", bad), ("127.0.0.1", good))})
        assert Outside(time.monotonic() + 5, settings).dns("x.example", "A").records == ("192.0.2.1",)


def test_answers_of_a_real_server(tmp_path: Path) -> None:
    records = [
        ("a.example", "A", "192.0.2.1"),
        ("a.example", "MX", "10 mx.example."),
        ("a.example", "TXT", '"v=spf1 " "-all" "\\255"'),
        ("big.example", "TXT", " ".join(['"' + "x" * 250 + '"'] * 40)),
    ]
    with unbound(tmp_path, records) as port:
        outside = asking(port, seconds=10, timeout=2)
        assert outside.dns("A.example", "A").records == ("192.0.2.1",)
        assert outside.dns("a.example", "MX").records == ("10 mx.example",)
        assert outside.dns("a.example", "TXT").records == ("v=spf1 -all\xff",)
        assert len(outside.dns("big.example", "TXT").records[0]) == 10_000  # over TCP
        assert (outside.dns("a.example", "AAAA").status, outside.dns("a.example", "AAAA").records) == ("noerror", ())
        assert outside.dns("no.example", "A").status == "nxdomain"


@pytest.mark.parametrize("name", ["", "a..b", "x" * 64 + ".example", ".".join(["x" * 60] * 5), "."])
def test_a_name_that_no_zone_can_have_is_asked_of_nobody(name: str) -> None:
    assert asking(1).dns(name, "A").status == "nxdomain"


@contextmanager
def server(act: Callable[[socket.socket], None], family: int = socket.AF_INET, path: str = "") -> Iterator[str]:
    with socket.socket(family) as listening:
        listening.bind(path or ("127.0.0.1", 0))
        listening.listen()
        listening.settimeout(0.05)
        stopped = threading.Event()

        def serve() -> None:
            while not stopped.is_set():
                try:
                    channel, _ = listening.accept()
                except TimeoutError:
                    continue
                with channel:
                    try:
                        act(channel)
                    except OSError:
                        pass

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"unix:{path}" if path else f"127.0.0.1:{listening.getsockname()[1]}"
        stopped.set()
        thread.join()


def stall(channel: socket.socket) -> None:
    channel.settimeout(3)
    while channel.recv(1 << 20):
        pass


def flood(channel: socket.socket) -> None:
    for _ in range(100):
        channel.sendall(b"x" * 1_000_000)


def says(octets: bytes) -> Callable[[socket.socket], None]:
    def act(channel: socket.socket) -> None:
        channel.recv(1 << 16)
        channel.sendall(octets)

    return act


def line(reader: Reader) -> bytes:
    got = reader.line()
    if not got.endswith(b"\n"):
        raise ValueError("not a line")
    return got


def test_faults_of_a_server() -> None:
    for act, read, why in (
        (stall, line, "did not answer in time"),
        (lambda channel: None, lambda reader: reader.exactly(5), "in the middle of its answer"),
        (says(b"abc"), lambda reader: reader.exactly(5), "in the middle of its answer"),
        (flood, lambda reader: reader.rest(), "more than 1000000 octets"),
        (flood, line, "a line of more than 8192 octets"),
        (flood, lambda reader: reader.until(b"\r\n"), "no end within 8192 octets"),
        (says(b"garbage"), line, "not a line"),
    ):
        with server(act) as name:
            outside = Outside(time.monotonic() + 0.5)
            for _ in range(2):
                began = time.monotonic()
                with pytest.raises((NoAnswer, ValueError), match=why):
                    outside.exchange(name, b"PING\n", read)
                assert time.monotonic() - began < 0.9, why


def test_nobody_listens() -> None:
    for name, why in (("127.0.0.1:1", "refused"), ("unix:/nowhere/socket", "No such file")):
        with pytest.raises(NoAnswer, match=why):
            Outside(time.monotonic() + 1).exchange(name, b"PING\n", line)


def test_the_next_server_answers_when_one_fails() -> None:
    with server(says(b"PONG\n")) as good, server(says(b"bad")) as bad, server(stall) as slow:
        for wrong in ("127.0.0.1:1", bad, slow):
            assert Outside(time.monotonic() + 1).exchange([wrong, good], b"PING\n", line) == b"PONG\n"


def test_a_unix_socket_pieces_and_half_close(tmp_path: Path) -> None:
    def echo(channel: socket.socket) -> None:
        octets = b""
        while piece := channel.recv(1 << 16):
            octets += piece
        channel.sendall(octets)

    with server(echo, socket.AF_UNIX, str(tmp_path / "s")) as name:
        outside = Outside(time.monotonic() + 5)
        pieces = [b"x" * 3_000_000, b"end"]
        got = outside.exchange(name, pieces, lambda reader: reader.rest(5_000_000), limit=5_000_000, half_close=True)
        assert got == b"".join(pieces)


def test_a_server_that_has_heard_enough_is_still_heard() -> None:
    def act(channel: socket.socket) -> None:
        channel.recv(100)
        channel.sendall(b"too large\n")

    with server(act) as name:
        outside = Outside(time.monotonic() + 5)
        assert outside.exchange(name, b"x" * 50_000_000, line) == b"too large\n"


def test_each_question_is_asked_once() -> None:
    heard = []

    def act(channel: socket.socket) -> None:
        heard.append(channel.recv(100))
        channel.sendall(b"PONG\n")

    with server(act) as name:
        outside = Outside(time.monotonic() + 5)
        assert [outside.exchange(name, b"PING\n", line) for _ in range(3)] == [b"PONG\n"] * 3
        assert outside.exchange(name, b"OTHER\n", line) == b"PONG\n"
    assert heard == [b"PING\n", b"OTHER\n"]


def test_no_time_is_left() -> None:
    with pytest.raises(NoAnswer):
        Outside(time.monotonic() - 1).exchange("127.0.0.1:1", b"", line)
    with pytest.raises(NoAnswer):
        Outside(time.monotonic() - 1).dns("x.example", "A")


def test_the_clock_stands_still_for_a_mail() -> None:
    outside = Outside(time.monotonic() + 5)
    first = outside.now()
    time.sleep(0.01)
    assert outside.now() == first


@pytest.mark.parametrize(
    "text", ["", "host", "host:", ":25", "host:0", "host:65536", "::1:25", "[host]:25", "unix:x", "a b:1", "host:²"]
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(ValueError, match=r"wanted|is no IP address"):
        address(text)


def test_addresses() -> None:
    for text in ("localhost:783", "127.0.0.1:1", "[2001:db8::1]:25", "unix:/run/x y"):
        assert str(address(text)) == text
    assert resolver("192.0.2.53") == ("192.0.2.53", 53)
    assert resolver("2001:db8::1") == ("2001:db8::1", 53)
    assert resolver("[2001:db8::1]:5353") == ("2001:db8::1", 5353)
    for wrong in ("localhost", "localhost:53", "unix:/x"):
        with pytest.raises(ValueError):
            resolver(wrong)


def test_what_this_machine_says(tmp_path: Path) -> None:
    (tmp_path / "hosts").write_text("::1 localhost\n127.0.0.1 Localhost # x\n192.0.2.1 other\n")
    assert hosts_file("localhost", str(tmp_path / "hosts")) == ["127.0.0.1", "::1"]
    (tmp_path / "resolv").write_text("search x\nnameserver 192.0.2.1\nnameserver 192.0.2.2\n")
    assert system_resolvers(str(tmp_path / "resolv")) == [("192.0.2.1", 53), ("192.0.2.2", 53)]
    assert system_resolvers(str(tmp_path / "none")) == [("127.0.0.1", 53)]


def test_the_child_that_asks_ends_with_who_judges(tmp_path: Path) -> None:
    # A mailer that kills us by SIGKILL must not pile up processes that wait for a silent server.
    with socket.create_server(("127.0.0.1", 0)) as silent:
        policy = tmp_path / "policy.toml"
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        policy.write_text(f'[[filter]]\nuse = "spamassassin"\naddress = "{address}"\ntimeout = 30\nreject_at = 5\n')
        command = [sys.executable, "-m", "mailscan", "--policy", str(policy)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=PROJECT) as judging:
            assert judging.stdin is not None
            judging.stdin.write(b"Subject: x\n\n")
            judging.stdin.close()
            connection, _ = silent.accept()
            judging.kill()
        with connection:
            connection.settimeout(5)
            while connection.recv(4096):
                pass  # its end: the process that held it is gone
