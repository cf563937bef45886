"""A real DNS server (NSD or unbound) on loopback for the tests, and a scripted one for what no real one does."""

from __future__ import annotations

import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import dns.message
from conftest import program

Records = dict[tuple[str, str], list[str]]


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def quoted(octets: bytes) -> str:
    """Octets as one character-string of a zone file."""
    return '"' + "".join(chr(o) if 32 <= o < 127 and o not in b'"\\' else f"\\{o:03d}" for o in octets) + '"'


def owned(name: str) -> str:
    """A name as a zone file writes it."""
    return "".join(char if char.isalnum() or char in "-_." else f"\\{ord(char):03d}" for char in name)


@contextmanager
def unbound(folder: Path, records: Iterable[tuple[str, str, str]], silent: Iterable[str] = ()) -> Iterator[int]:
    """unbound with these (name, type, data), and nobody to ask: all else is NXDOMAIN. No answer for `silent` names.

    Gives its port, UDP and TCP.
    """
    exe = program("unbound")
    port = free_port()
    lines = [
        "server:",
        "  do-daemonize: no",
        '  username: ""',
        '  chroot: ""',
        f'  directory: "{folder}"',
        f'  pidfile: "{folder}/pid"',
        "  use-syslog: no",
        f'  logfile: "{folder}/log"',
        "  interface: 127.0.0.1",
        f"  port: {port}",
        "  num-threads: 1",
        "  module-config: iterator",
        "  do-ip6: no",
        "  rrset-roundrobin: no",
        '  local-zone: "." static',
    ]
    records, silent = list(records), set(silent)
    lines += [f'  local-zone: "{name}." deny' for name in silent]
    # A zone that is silent is so for all below it; what has data there is a zone of its own, which speaks.
    below = {name for name, *_ in records if name not in silent and any(name.endswith(f".{one}") for one in silent)}
    lines += [f'  local-zone: "{owned(name)}." static' for name in sorted(below)]
    for name, rdtype, data in records:
        line = f"{owned(name)}. 60 IN {rdtype} {data}"
        lines.append(f"  local-data: '{line}'" if "'" not in line else f'  local-data: "{line}"')
    (folder / "unbound.conf").write_text("\n".join([*lines, "remote-control:", "  control-enable: no", ""]), "ascii")
    server = subprocess.Popen([exe, "-d", "-c", str(folder / "unbound.conf")], stderr=subprocess.PIPE)
    try:
        until = time.monotonic() + 10
        while True:
            assert server.poll() is None, (
                server.stderr and server.stderr.read(),
                (folder / "unbound.conf").read_text(),
            )
            with socket.socket() as one:
                if one.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert time.monotonic() < until, "unbound does not start"
            time.sleep(0.01)
        yield port
    finally:
        server.kill()
        server.wait()


@contextmanager
def scripted(reply: Callable[[dns.message.Message, bool], list[bytes]], port: int = 0) -> Iterator[int]:
    """A server that answers each query with the messages that `reply(query, over_tcp)` gives, whatever they are."""
    with socket.socket() as streams, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        streams.bind(("127.0.0.1", port))
        port = streams.getsockname()[1]
        datagrams.bind(("127.0.0.1", port))  # hardly anybody else uses UDP there
        streams.listen()
        stopped = threading.Event()
        datagrams.settimeout(0.05)
        streams.settimeout(0.05)

        def udp() -> None:
            while not stopped.is_set():
                try:
                    octets, peer = datagrams.recvfrom(4096)
                except TimeoutError:
                    continue
                for one in reply(dns.message.from_wire(octets), False):
                    datagrams.sendto(one, peer)

        def tcp() -> None:
            while not stopped.is_set():
                try:
                    channel, _ = streams.accept()
                except TimeoutError:
                    continue
                with channel:
                    octets = channel.recv(4096)
                    for one in reply(dns.message.from_wire(octets[2:]), True):
                        channel.sendall(len(one).to_bytes(2, "big") + one)

        threads = [threading.Thread(target=udp), threading.Thread(target=tcp)]
        for thread in threads:
            thread.start()
        try:
            yield port
        finally:
            stopped.set()
            for thread in threads:
                thread.join()
