"""One request and its answer over a TCP or Unix socket, within a time and a number of octets."""

from __future__ import annotations

import errno
import select
import socket
import time

from mailscan.addressing import Address, address
from mailscan.errors import FilterError
from mailscan.outside import NoAnswer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_PIECE = 1 << 16


def digest(pieces: Sequence[bytes]) -> str:
    """What stands for a request among the questions."""
    import hashlib

    sha = hashlib.sha256()
    for piece in pieces:
        sha.update(piece)
    return sha.hexdigest()


class Reader:
    """An answer as it comes in. Raises `NoAnswer` when it does not, and when it is longer than wanted."""

    def __init__(self) -> None:
        self.received = bytearray()
        self.at = 0
        self.ended = False

    def more(self) -> bool:
        """Wait for more octets; False when there are none. Raises `NoAnswer`."""
        return False

    def exactly(self, count: int) -> bytes:
        """The next `count` octets."""
        while len(self.received) - self.at < count:
            if not self.more():
                raise NoAnswer("the server closed the connection in the middle of its answer")
        return self._take(count)

    def line(self, limit: int = 8192) -> bytes:
        """The next line with its LF; at the end of the answer what is left, b"" when that is nothing."""
        looked = self.at
        while (end := self.received.find(b"\n", looked)) < 0:
            if len(self.received) - self.at > limit:
                break
            looked = len(self.received)
            if not self.more():
                return self.rest(limit)
        if (end + 1 if end >= 0 else len(self.received)) - self.at > limit:
            raise NoAnswer(f"the server's answer has a line of more than {limit} octets")
        return self._take(end + 1 - self.at)

    def until(self, mark: bytes, limit: int = 8192) -> bytes:
        """The octets up to and with `mark`; `NoAnswer` when they are more than `limit` or it does not come."""
        looked = self.at
        while (end := self.received.find(mark, looked)) < 0 or end + len(mark) - self.at > limit:
            if len(self.received) - self.at > limit:
                raise NoAnswer(f"the server's answer has no end within {limit} octets")
            looked = max(self.at, len(self.received) - len(mark) + 1)
            if not self.more():
                raise NoAnswer("the server closed the connection in the middle of its answer")
        return self._take(end + len(mark) - self.at)

    def rest(self, limit: int = 1_000_000) -> bytes:
        """All that is left, until the server closes."""
        while len(self.received) - self.at <= limit and self.more():
            pass
        if len(self.received) - self.at > limit:
            raise NoAnswer(f"the server's answer has more than {limit} octets")
        return self._take(len(self.received) - self.at)

    def _take(self, count: int) -> bytes:
        taken = bytes(self.received[self.at : self.at + count])
        self.at += count
        return taken


class Tape(Reader):
    """An answer that came in before; it fails where that one did, for the same reason `why`."""

    def __init__(self, received: bytes, why: str = "") -> None:
        super().__init__()
        self.received += received
        self.why = why

    def more(self) -> bool:
        """No more is to come. Raises `NoAnswer` where the answer had failed."""
        if self.why:
            raise NoAnswer(self.why)
        return False


class _Live(Reader):
    """The answer on a connected socket."""

    def __init__(self, connection: socket.socket, name: str, end: float, limit: int) -> None:
        super().__init__()
        self.connection = connection
        self.name = name
        self.end = end
        self.limit = limit

    def more(self) -> bool:
        while not self.ended:
            self.ready(select.POLLIN, "did not answer in time")
            if self.take_in():
                return True
        return False

    def ready(self, events: int, late: str) -> int:
        """Wait until the socket can be read or written. Raises `NoAnswer`."""
        poll = select.poll()
        poll.register(self.connection, events)
        left = self.end - time.monotonic()
        found = poll.poll(left * 1000 + 1) if left > 0 else []
        if not found:
            raise NoAnswer(f"{self.name} {late}")
        return found[0][1]

    def take_in(self) -> bool:
        """Take what the socket has; False when it has nothing now, or has ended."""
        try:
            piece = self.connection.recv(min(_PIECE, self.limit + 1 - len(self.received)))
        except (BlockingIOError, InterruptedError):
            return False
        except ConnectionError:  # a reset is the end too: what came before it counts
            piece = b""
        except OSError as error:
            raise NoAnswer(f"{self.name}: {error.strerror}") from None
        if not piece:
            self.ended = True
            return False
        self.received += piece
        if len(self.received) > self.limit:
            raise NoAnswer(f"{self.name} answered more than {self.limit} octets")
        return True

    def send(self, pieces: Sequence[bytes]) -> None:
        """Send a request, and take in what is said meanwhile. A server that has heard enough may close its ear."""
        for piece in pieces:
            view = memoryview(piece)
            while view:
                events = self.ready(select.POLLOUT | (0 if self.ended else select.POLLIN), "did not take our request")
                if events & select.POLLIN:
                    self.take_in()
                if not events & (select.POLLOUT | select.POLLERR | select.POLLHUP):
                    continue
                try:
                    view = view[self.connection.send(view[:_PIECE]) :]
                except (BlockingIOError, InterruptedError):
                    continue
                except OSError:  # it says why in what it has sent, if it says
                    return


def exchange(
    names: Sequence[str],
    pieces: Sequence[bytes],
    read: Callable[[Reader], object],
    lookup: Callable[[str], list[str]],
    left: Callable[[], float],
    limit: int,
    half_close: bool,
) -> bytes:
    """The octets of the first answer that `read` takes; the last server's, whatever `read` says of it.

    Raises `NoAnswer`; its `received` has what came before.
    """
    places: list[tuple[str, str, int]] = []
    failed: NoAnswer | None = None
    for name in names:
        try:
            places += _places(address(name), lookup)
        except NoAnswer as error:
            failed = error
    if not places and failed is None:
        failed = NoAnswer(f"{', '.join(names)}: the name has no address")
    for number, place in enumerate(places):
        last = number + 1 == len(places)
        seconds = left() / (len(places) - number)
        if seconds <= 0:
            failed = failed or NoAnswer(f"{_called(place)} did not answer in time")
            break
        reader: _Live | None = None
        try:
            with _connect(place, time.monotonic() + seconds) as connection:
                reader = _Live(connection, _called(place), time.monotonic() + seconds, limit)
                reader.send(pieces)
                if half_close:
                    _half_close(connection)
                read(reader)
                return bytes(reader.received)
        except NoAnswer as error:
            failed = error
            error.received = bytes(reader.received) if reader else b""  # type: ignore[attr-defined]
        except (FilterError, ValueError):
            failed = None if last else failed
            if last and reader:
                return bytes(reader.received)  # `read` will say the same of it again
    raise failed or NoAnswer("no server was named")


def _half_close(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # it has gone; what it said is still to be read


def _places(where: Address, lookup: Callable[[str], list[str]]) -> list[tuple[str, str, int]]:
    """(family, IP or path, port) of each place that an address means."""
    if where.path:
        return [("unix", where.path, 0)]
    if ":" in where.host or where.host.replace(".", "").isdigit():
        return [("ip", where.host, where.port)]
    return [("ip", ip, where.port) for ip in lookup(where.host)]


def _called(place: tuple[str, str, int]) -> str:
    family, host, port = place
    return f"unix:{host}" if family == "unix" else str(Address(host, port))


def _connect(place: tuple[str, str, int], end: float) -> socket.socket:
    """A connected socket that does not block. Raises `NoAnswer`."""
    family, host, port = place
    kind = socket.AF_UNIX if family == "unix" else socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        connection = socket.socket(kind, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    except OSError as error:
        raise NoAnswer(f"{_called(place)}: {error.strerror}") from None
    connection.setblocking(False)
    try:
        state = connection.connect_ex(host if family == "unix" else (host, port))
        if state in (errno.EINPROGRESS, errno.EAGAIN) and family != "unix":
            poll = select.poll()
            poll.register(connection, select.POLLOUT)
            if not poll.poll(max(0.0, end - time.monotonic()) * 1000 + 1):
                raise NoAnswer(f"{_called(place)} did not take our connection in time")
            state = connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if state:
            import os

            raise NoAnswer(f"{_called(place)}: {os.strerror(state)}")
    except (OSError, ValueError) as error:
        connection.close()
        raise NoAnswer(f"{_called(place)}: {error}") from None
    except BaseException:
        connection.close()
        raise
    return connection


def hosts_file(host: str, path: str = "/etc/hosts") -> list[str]:
    """The addresses that this machine's hosts file gives a name; IPv4 first."""
    found: list[str] = []
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            for line in file:
                ip, *names = line.partition("#")[0].split() or [""]
                if host.lower() in (name.lower() for name in names):
                    found.append(ip)
    except OSError:
        pass
    return sorted(dict.fromkeys(found), key=lambda ip: ":" in ip)
