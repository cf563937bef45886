"""A policy's rule asked about a message, and small servers with prepared answers, for the tests of such filters."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any

from mailscan.envelope import Envelope
from mailscan.mail import Mail
from mailscan.message import Message
from mailscan.outside import Outside
from mailscan.pipeline import scan
from mailscan.policy import build_policy
from mailscan.verdict import Verdict


def judge(
    raw: bytes,
    tables: Mapping[str, object] | None = None,
    *,
    seconds: float = 60.0,
    envelope: Mapping[str, Any] | None = None,
    **rule: Any,
) -> Verdict:
    """What one rule makes of a message; `tables` are other tables of the policy."""
    policy = build_policy("test.toml", b"", {"filter": [rule], **(tables or {})}, os.getcwd())
    return scan(Mail(Envelope(**(envelope or {})), Message(raw)), policy, Outside(time.monotonic() + seconds))


class Server:
    """A server that gives its answers in turn, the last one again and again, and keeps what it was `asked`."""

    def __init__(self, answers: tuple[bytes, ...]) -> None:
        self.asked: list[bytes] = []
        self.answers = list(answers)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with contextlib.suppress(OSError), connection:
                # A question has come to its end when the client closes its side, or says no more.
                connection.settimeout(0.1)
                octets = b""
                with contextlib.suppress(TimeoutError):
                    while chunk := connection.recv(1 << 20):
                        octets += chunk
                self.asked.append(octets)
                connection.settimeout(5)
                connection.sendall(self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])


@contextlib.contextmanager
def serving(*answers: bytes) -> Iterator[Server]:
    server = Server(answers)
    try:
        yield server
    finally:
        with contextlib.suppress(OSError):
            server.listener.shutdown(socket.SHUT_RDWR)
        server.listener.close()
        server.thread.join(5)
