"""Makes an input smaller for as long as what is wrong with it stays (delta debugging, Zeller 1999), within bounds."""

from __future__ import annotations

import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def shrunk(raw: bytes, fails: Callable[[bytes], bool], *, seconds: float = 20.0) -> bytes:
    """The smallest input found for which `fails` still holds, as it does for `raw`. Never empty.

    `seconds` bound the search; one call of `fails` may go beyond them.
    """
    end = time.monotonic() + seconds
    before = b""
    while before != raw and time.monotonic() < end:
        before = raw
        raw = _without(raw, b"\n", fails, end)
        raw = _without(raw, b"", fails, end)
    return _plainer(raw, fails, end)


def _without(raw: bytes, separator: bytes, fails: Callable[[bytes], bool], end: float) -> bytes:
    """Without the lines, or octets, that are not needed: stretches first, shorter and shorter ones."""
    units = raw.splitlines(keepends=True) if separator else [raw[at : at + 1] for at in range(len(raw))]
    size = len(units) // 2
    while size:
        at = 0
        while at < len(units) and time.monotonic() < end:
            fewer = units[:at] + units[at + size :]
            if fewer and fails(b"".join(fewer)):
                units = fewer
            else:
                at += size
        size //= 2
    return b"".join(units)


def _plainer(raw: bytes, fails: Callable[[bytes], bool], end: float) -> bytes:
    """With an "a" wherever any octet would do, if the input is short enough to be read."""
    octets = bytearray(raw)
    for at, octet in enumerate(raw[:300]):
        if time.monotonic() >= end:
            break
        if octet not in b"a\n":
            octets[at] = 0x61
            if not fails(bytes(octets)):
                octets[at] = octet
    return bytes(octets)
