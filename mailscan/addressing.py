"""Addresses of servers as the policy and the command line write them (CONTRACT 3)."""

from __future__ import annotations

from mailscan.keys import many
from mailscan.record import Record

WANTED = 'an address is wanted, "HOST:PORT", "[V6]:PORT" or "unix:/path"'


class Address(Record):
    """Where a server listens: a host and a port, or the `path` of a Unix socket."""

    __slots__ = ("host", "port", "path")

    def __init__(self, host: str, port: int, path: str = "") -> None:
        self.host: str = host
        self.port: int = port
        self.path: str = path

    def __str__(self) -> str:
        if self.path:
            return f"unix:{self.path}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def address(text: str) -> Address:
    """Read an address. Raises `ValueError`."""
    text = text.strip()
    if text.startswith("unix:"):
        path = text[5:]
        if not path.startswith("/") or "\0" in path:
            raise ValueError(f'{WANTED}; the path in "{text}" does not begin with "/"')
        return Address("", 0, path)
    host, colon, port = text.rpartition(":")
    if not colon or not host or any(char <= " " for char in text):
        raise ValueError(f'{WANTED}, not "{text}"')
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
        _is_ip(host, text)
    elif ":" in host:
        raise ValueError(f'{WANTED}; an IPv6 address stands in brackets, not "{text}"')
    return Address(host, _port(port, text))


addresses = many(address, 'addresses of servers, as "HOST:PORT", "[V6]:PORT" or "unix:/path"')


def resolver(text: str) -> tuple[str, int]:
    """(IP, port) of a resolver: "IP", "IP:PORT", "[V6]:PORT". Raises `ValueError`."""
    import ipaddress

    try:
        return str(ipaddress.ip_address(text.strip())), 53
    except ValueError:
        pass
    try:
        found = address(text)
    except ValueError:
        found = None
    if found is None or found.path:
        raise ValueError(f'a resolver is wanted, as "192.0.2.53" or "127.0.0.1:5353", not "{text}"')
    _is_ip(found.host, text)
    return found.host, found.port


resolvers = many(resolver, 'a list of resolvers, as "192.0.2.53" or "127.0.0.1:5353"')


def _is_ip(host: str, text: str) -> None:
    import ipaddress

    try:
        ipaddress.ip_address(host)
    except ValueError:
        raise ValueError(f'"{host}" in "{text}" is no IP address') from None


def _port(digits: str, text: str) -> int:
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 5 and 0 < int(digits) < 65536):
        raise ValueError(f'{WANTED}; the port in "{text}" is none from 1 to 65535')
    return int(digits)
