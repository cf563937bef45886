"""A server on loopback that does what no scanner should, for the tests of what a rule makes of it."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator

FAULTS = (
    "refused", "stalls", "trickles", "never reads", "closes", "closes in the middle", "garbage", "100 MB",
    "CR LF in a field", "resets",
)  # fmt: skip


@contextlib.contextmanager
def faulty(fault: str, answer: bytes) -> Iterator[str]:
    """A server with one fault, which would have to answer with `answer`; gives its address."""
    listener = socket.create_server(("127.0.0.1", 0))
    address = f"127.0.0.1:{listener.getsockname()[1]}"
    if fault == "refused":
        listener.close()
        yield address
        return
    over = threading.Event()

    def serve() -> None:
        while not over.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=_one, args=(connection, fault, answer, over.wait), daemon=True).start()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield address
    finally:
        over.set()
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


def _one(connection: socket.socket, fault: str, answer: bytes, wait: Callable[[float], bool]) -> None:
    with contextlib.suppress(OSError), connection:
        if fault == "closes":
            return
        if fault == "never reads":
            wait(20)
            return
        if fault == "resets":
            connection.recv(10)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
            return
        _read(connection)
        if fault == "stalls":
            wait(20)
        elif fault == "trickles":
            for octet in answer:
                connection.sendall(bytes([octet]))
                if wait(0.4):
                    return
        elif fault == "closes in the middle":
            connection.sendall(answer[: len(answer) // 2])
        elif fault == "garbage":
            connection.sendall(bytes(range(256)) * 4 + b"\r\n\r\n\0")
        elif fault == "100 MB":
            # What begins rightly and does not end, as far as it is listened to.
            begin = answer[: answer.rfind(b"\r\n\r\n") + 2] if b"\r\n\r\n" in answer else b""
            connection.sendall(begin.replace(b"Content-length", b"X").replace(b"Content-Length", b"X"))
            for _ in range(100):
                connection.sendall(b"A" * 1_000_000)
        elif fault == "CR LF in a field":
            connection.sendall(answer)


def _read(connection: socket.socket) -> None:
    """What a client sends, as far as it comes at once."""
    connection.settimeout(0.2)
    end = time.monotonic() + 2
    with contextlib.suppress(TimeoutError):
        while time.monotonic() < end and connection.recv(1 << 16):
            pass
    connection.settimeout(10)
