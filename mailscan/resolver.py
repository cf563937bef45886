"""A stub resolver: questions to the site's recursive resolvers over UDP, and over TCP where the answer is cut off.

dnspython reads and writes the messages; the sockets are ours, because its own transports import TLS, HTTP and QUIC.
"""

from __future__ import annotations

import select
import socket
import time

from mailscan.errors import OurFailure, is_scarcity
from mailscan.outside import NoAnswer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    import dns.message
    import dns.name

ROUNDS = 2
PAYLOAD = 1232  # DNS Flag Day 2020: passes without fragments
MOST_LINKS = 8  # of a chain of CNAMEs
MOST_RECORDS = 1_000


def resolve(name: str, rdtype: str, resolvers: Sequence[tuple[str, int]], seconds: float) -> tuple[str, list[bytes]]:
    """("noerror" or "nxdomain", the records as octets). Raises `NoAnswer`."""
    import dns.rdatatype

    asked = _name(name)
    if asked is None:
        return "nxdomain", []
    end = time.monotonic() + seconds
    servers = list(resolvers) or system_resolvers()
    seen = {asked}
    for _ in range(MOST_LINKS + 1):
        response = _ask(asked, rdtype, servers, end)
        target, records = _follow(response, asked, dns.rdatatype.from_text(rdtype), seen, name)
        if target is None:
            status = "nxdomain" if response.rcode() == 3 and not records else "noerror"
            return status, records
        asked = target
    raise NoAnswer(f"{name} {rdtype}: a chain of more than {MOST_LINKS} CNAMEs")


def system_resolvers(path: str = "/etc/resolv.conf") -> list[tuple[str, int]]:
    """The resolvers of this machine: resolv.conf(5)."""
    found: list[tuple[str, int]] = []
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            for line in file:
                words = line.split()
                if len(words) > 1 and words[0] == "nameserver":
                    found.append((words[1], 53))
    except OSError as error:
        if is_scarcity(error):
            raise OurFailure(f"{path} cannot be read: {error.strerror}") from None
    return found[:3] or [("127.0.0.1", 53)]


def _name(text: str) -> dns.name.Name | None:
    """A name whose labels are taken as they are; None for one that no zone can have (RFC 1035 2.3.4)."""
    import dns.exception
    import dns.name

    if not text:
        return None
    try:
        return dns.name.Name([*(label.encode("utf-8", "surrogateescape") for label in text.split(".")), b""])
    except (dns.exception.DNSException, ValueError):
        return None


def _follow(
    response: dns.message.Message, asked: dns.name.Name, rdtype: int, seen: set[dns.name.Name], name: str
) -> tuple[dns.name.Name | None, list[bytes]]:
    """(the name to ask for next or None, the records). Raises `NoAnswer` for a loop."""
    import dns.rdatatype

    at = asked
    for _ in range(MOST_LINKS + 1):
        alias = None
        for rrset in response.answer:
            if rrset.name != at or rrset.rdclass != 1:
                continue
            if rrset.rdtype == rdtype:
                return None, [_octets(record) for record in list(rrset)[:MOST_RECORDS]]
            if rrset.rdtype == dns.rdatatype.CNAME:
                alias = rrset[0].target
        if alias is None:
            # Its end may lie in another zone, which this server did not look into.
            open_end = at != asked and response.rcode() == 0 and not response.authority
            return (at if open_end else None), []
        if alias in seen:
            raise NoAnswer(f"{name}: its CNAMEs form a loop")
        seen.add(alias)
        at = alias
    raise NoAnswer(f"{name}: a chain of more than {MOST_LINKS} CNAMEs")


def _octets(record: object) -> bytes:
    strings = getattr(record, "strings", None)
    if strings is not None:
        return b"".join(strings)
    text: str = record.to_text()  # type: ignore[attr-defined]
    return text.removesuffix(".").encode("latin-1", "replace")


def _ask(name: dns.name.Name, rdtype: str, servers: Sequence[tuple[str, int]], end: float) -> dns.message.Message:
    """The response of the first server that has one. Raises `NoAnswer` with what the last one did."""
    import dns.message

    query = dns.message.make_query(name, rdtype, use_edns=0, payload=PAYLOAD)
    query.flags |= 0x0100  # RD: recursion desired
    called = f"{name.to_text(True)} {rdtype}"[:300]
    why = f"{called}: no answer in time"
    turns = [server for _ in range(ROUNDS) for server in servers]
    for number, server in enumerate(turns):
        now = time.monotonic()
        if now >= end:
            break
        until = min(end, now + (end - now) / (len(turns) - number))
        try:
            response = _udp(query, server, until)
            if response.flags & 0x0200:  # TC
                response = _tcp(query, server, end)
        except TimeoutError:
            continue
        except (OSError, _Garbage) as error:
            if is_scarcity(error):
                raise OurFailure(f"{called}: could not be asked: {error}") from None
            why = f"{called}: {getattr(error, 'strerror', None) or error} ({server[0]} port {server[1]})"
            continue
        if response.rcode() in (0, 3):
            return response
        from dns.rcode import to_text

        why = f"{called}: {to_text(response.rcode())} ({server[0]} port {server[1]})"
    raise NoAnswer(why)


class _Garbage(Exception):
    pass


def _udp(query: dns.message.Message, server: tuple[str, int], end: float) -> dns.message.Message:
    """The answer to this very question; anything else that arrives may be forged, and is passed over."""
    with socket.socket(_family(server), socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
        channel.setblocking(False)
        channel.connect(server)
        channel.send(query.to_wire())
        while True:
            _wait(channel, select.POLLIN, end)
            try:
                octets = channel.recv(65535)
            except BlockingIOError:
                continue
            try:
                return _parsed(query, octets)
            except _Garbage:
                continue


def _tcp(query: dns.message.Message, server: tuple[str, int], end: float) -> dns.message.Message:
    """RFC 7766: the same question over TCP, each message behind its length."""
    wire = query.to_wire()
    with socket.socket(_family(server), socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as channel:
        channel.settimeout(max(0.001, end - time.monotonic()))
        channel.connect(server)
        channel.sendall(len(wire).to_bytes(2, "big") + wire)
        octets = b""
        wanted = 2
        while len(octets) < wanted:
            channel.settimeout(max(0.001, end - time.monotonic()))
            if time.monotonic() >= end:
                raise TimeoutError
            piece = channel.recv(65537)
            if not piece:
                raise _Garbage("closed the connection in the middle of its answer")
            octets += piece
            if len(octets) >= 2:
                wanted = 2 + int.from_bytes(octets[:2], "big")
        return _parsed(query, octets[2:wanted])


def _parsed(query: dns.message.Message, octets: bytes) -> dns.message.Message:
    import dns.message

    try:
        response = dns.message.from_wire(octets, ignore_trailing=True, raise_on_truncation=False)
        if query.is_response(response):
            return response
    except Exception as error:
        if is_scarcity(error):
            raise
        raise _Garbage(f"an answer that cannot be read ({type(error).__name__})") from None
    raise _Garbage("an answer to another question")


def _wait(channel: socket.socket, events: int, end: float) -> None:
    poll = select.poll()
    poll.register(channel, events)
    left = end - time.monotonic()
    if left <= 0 or not poll.poll(left * 1000 + 1):
        raise TimeoutError


def _family(server: tuple[str, int]) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in server[0] else socket.AF_INET
