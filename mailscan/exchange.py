"""One question to a server over TCP or a Unix socket, and its answer: before a deadline, and so many octets at most."""

from __future__ import annotations

import select
import socket
import time

from mailscan.errors import FilterError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_CHUNK = 1 << 16


def exchange(
    address: str,
    request: Iterable[bytes | memoryview],
    until: float,
    *,
    most: int,
    whole: Callable[[bytes], bool],
    half_close: bool = False,
) -> bytes:
    """What the server at `address` ("HOST:PORT", "[V6]:PORT", "unix:/path") answers to these pieces.

    Ends when the answer is `whole` or the server closes; with `half_close` our side is closed behind the request.
    Raises `FilterError`, with the address, when there is no answer at `until` (`time.monotonic`) or it has more than
    `most` octets.
    """
    try:
        with _connected(address, until) as connection:
            return _talk(connection, request, until, most, whole, half_close)
    except TimeoutError:
        raise FilterError(f"{address}: no answer in time") from None
    except (OSError, ValueError) as error:
        raise FilterError(f"{address}: {getattr(error, 'strerror', None) or error}") from None


def _talk(
    connection: socket.socket,
    request: Iterable[bytes | memoryview],
    until: float,
    most: int,
    whole: Callable[[bytes], bool],
    half_close: bool,
) -> bytes:
    answer = bytearray()
    gone: OSError | None = None
    try:
        for piece in request:
            connection.settimeout(_left(until))
            connection.sendall(piece)
            # clamd says that a message is too large in the middle of it.
            if select.select([connection], [], [], 0)[0]:
                break
        else:
            if half_close:
                connection.shutdown(socket.SHUT_WR)
    except (BrokenPipeError, ConnectionResetError) as error:
        gone = error  # what it said before may still be there to be read
    try:
        while not (answer and whole(bytes(answer))):
            connection.settimeout(_left(until))
            chunk = connection.recv(_CHUNK)
            if not chunk:
                break
            answer += chunk
            if len(answer) > most:
                raise ValueError(f"answers more than {most} octets")
    except ConnectionResetError as error:
        gone = error
    if gone is not None and not answer:
        raise gone
    return bytes(answer)


def _connected(address: str, until: float) -> socket.socket:
    if address.startswith("unix:"):
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        try:
            connection.settimeout(_left(until))
            connection.connect(address[len("unix:") :])
        except BaseException:
            connection.close()
            raise
        return connection
    host, _, port = address.rpartition(":")
    return socket.create_connection((host.strip("[]"), int(port)), timeout=_left(until))


def _left(until: float) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
