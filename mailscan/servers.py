"""Servers that a filter asks about a mail: where they listen, and the first of several that answers."""

from __future__ import annotations

from mailscan.errors import FilterError
from mailscan.keys import texts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import TypeVar

    from mailscan.outside import Outside

    T = TypeVar("T")
    Pieces = Iterable[bytes | memoryview]


def servers(value: object, folder: str) -> tuple[str, ...]:
    """one or several of "HOST:PORT", "[V6]:PORT", "unix:/path" """
    return tuple(map(server, texts(value, folder)))


def server(address: str) -> str:
    """An address that can be asked, as it was written. Raises `ValueError`."""
    if address.startswith("unix:"):
        if not address.startswith("unix:/") or len(address.encode()) - len("unix:") > 107 or "\0" in address:
            raise ValueError(f'"{address[:80]}": a socket is written "unix:/path", of at most 107 octets')
        return address
    host, colon, port = address.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    right = colon and port.isascii() and port.isdigit() and 0 < int(port[:6]) < 65536 and len(port) < 6
    if not right or not host.strip("[]") or (":" in host and not bracketed) or any(one in host for one in " /\0"):
        raise ValueError(f'"{address[:80]}" is no address: "HOST:PORT", "[V6]:PORT" or "unix:/path" is wanted')
    return address


def host_of(address: str) -> str:
    """The host of an address, for protocols in which it is told; a socket is on this one."""
    return "localhost" if address.startswith("unix:") else address.rpartition(":")[0]


def first_of(
    addresses: tuple[str, ...],
    outside: Outside,
    request: Callable[[str], Pieces],
    read: Callable[[bytes], T],
    *,
    most: int,
    whole: Callable[[bytes], bool],
    half_close: bool = False,
) -> T:
    """What the first of these servers answers that does: each is asked `request` of its address, and its octets, at
    most `most` until they are `whole` or it closes, are for `read`.

    Each has its share of the time that is left. Raises `FilterError` that says what was wrong with each.
    """
    wrong: list[str] = []
    for number, address in enumerate(addresses):
        last: FilterError
        try:
            octets = outside.exchange(
                address,
                request(address),
                most=most,
                whole=whole,
                half_close=half_close,
                timeout=outside.remaining() / (len(addresses) - number),
            )
            return read(octets)
        except FilterError as error:
            last = error
            said = str(error)
            wrong.append(said if address in said else f"{address}: {said}")
    if len(wrong) == 1:
        raise last
    raise FilterError("; ".join(wrong))
