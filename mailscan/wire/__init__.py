"""What scanners beside us speak, as pure code: values to octets, octets to values. Sockets stand in `outside`.

An answer is foreign: whatever octets it is made of, reading it gives a value or raises `WireError`, in time and
memory bounded by its length.
"""

from __future__ import annotations

from mailscan.errors import FilterError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    class Reader(Protocol):
        """An answer as it comes in (mailscan.channel): the octets so far, and a wait for more of them."""

        received: bytearray

        def more(self) -> bool: ...


# Of what a scanner wrote, as much as one line for people holds.
SHOWN = 80


class WireError(FilterError):
    """Somebody answered what the protocol does not allow, or that he cannot do what was asked.

    `str()` is one line and says what came instead.
    """


def quoted(octets: bytes) -> str:
    """The beginning of what came, for an error's text: printable ASCII."""
    shown = ascii(octets[:SHOWN].decode("latin-1"))[1:-1]
    return f'"{shown}"' + (f" and {len(octets) - SHOWN} more octets" if len(octets) > SHOWN else "")


def whole_answer(reader: Reader, is_whole: Callable[[bytes], bool]) -> bytes:
    """The octets of an answer, until they are whole by its protocol or no more come."""
    while not (reader.received and is_whole(bytes(reader.received))) and reader.more():
        pass
    return bytes(reader.received)
