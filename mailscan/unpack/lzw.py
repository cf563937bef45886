"""compress(1): LZW with codes of 9 to 16 bits."""

from __future__ import annotations

from mailscan.unpack.bounded import Output
from mailscan.unpack.found import Found, Unopened

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from mailscan.unpack import Budget

_CLEAR = 256


def open_compress(data: bytes, budget: Budget) -> Iterator[Found]:
    """The file in what compress(1) wrote (`.Z`)."""
    yield Found((), len(data), lambda most: uncompress(data, most, budget))


def uncompress(data: bytes, most: int, budget: Budget) -> bytes:
    """At most `most` octets. Raises `Unopened`.

    What a code stands for is kept as the place where it was first given: it goes on there by one octet.
    """
    flags = data[2] if len(data) > 2 else 0
    widest = flags & 31
    if not 9 <= widest <= 16:
        raise Unopened(f"codes of {widest} bits, which nobody writes")
    # Without the flag, codes are never cleared, and 256 is as any other.
    first = 257 if flags & 0x80 else 256
    out = Output(most, budget)
    octets = out.octets
    starts, sizes = [0] * (1 << widest), [0] * (1 << widest)
    at, width, free, start, size = 3, 9, first, 0, 0
    while at < len(data) and not out.full():
        # Eight codes at a time: when their width changes, the rest of the eight is passed over.
        group = data[at : at + width]
        at += width
        hold = int.from_bytes(group, "little")
        for shift in range(0, len(group) * 8 - width + 1, width):
            code = hold >> shift & ((1 << width) - 1)
            if code == _CLEAR and first == 257:
                width, free, size = 9, first, 0
                break
            here = len(octets)
            if code < 256:
                octets.append(code)
            elif code < free and code >= first:
                octets += octets[starts[code] : starts[code] + sizes[code]]
            elif code == free and size:
                octets += octets[start : start + size]
                octets.append(octets[start])
            else:
                raise out.fault("damaged (no such code)")
            if size and free < len(starts):
                starts[free], sizes[free] = start, size + 1
                free += 1
            start, size = here, len(octets) - here
            if free >> width and width < widest:
                width += 1
                break
    out.check_time()
    return out.all()
