"""Deflate64, method 9 of ZIP: deflate (RFC 1951) with 64 kB to look back on and matches of up to 65,538 octets."""

from __future__ import annotations

from mailscan.unpack.bounded import Output
from mailscan.unpack.huffman import Bits, Code

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mailscan.unpack import Budget

# RFC 1951 3.2.7: in which order the lengths of the code for lengths stand.
_ORDER = (16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15)
# (base, extra bits) of the symbols of lengths, from 257 on, and of distances. The last three are what differs.
_LENGTHS = (
    *((3 + i, 0) for i in range(8)),
    *((3 + ((4 + i % 4) << (i // 4 - 1)), i // 4 - 1) for i in range(8, 28)),
    (3, 16),
)
_DISTANCES = (*((1 + i, 0) for i in range(4)), *((1 + ((2 + i % 2) << (i // 2 - 1)), i // 2 - 1) for i in range(4, 32)))
_FIXED = [8] * 144 + [9] * 112 + [7] * 24 + [8] * 8


def inflate64(packed: memoryview, most: int, budget: Budget) -> tuple[bytes, int]:
    """(at most `most` octets, how many of the packed ones they took). Raises `Unopened`."""
    bits, out = Bits(packed), Output(most, budget)
    last = False
    while not last and not out.full():
        last = bool(bits.take(1))
        kind = bits.take(2)
        if kind == 0:
            _stored(bits, out)
        elif kind == 3:
            raise out.fault("damaged (a block of no kind)")
        else:
            try:
                codes = (Code(_FIXED), Code([5] * 32)) if kind == 1 else _codes(bits)
            except ValueError as error:
                raise out.fault(f"damaged ({error})") from None
            _block(bits, out, *codes)
        if bits.ended():
            raise out.fault("it is cut off")
        # A block may give nothing.
        out.check_time()
    return out.all(), min(bits.position(), len(packed))


def _stored(bits: Bits, out: Output) -> None:
    at = bits.position()
    size = int.from_bytes(bits.data[at : at + 2], "little")
    out.octets += bits.data[at + 4 : at + 4 + size]
    bits.at, bits.hold, bits.count = at + 4 + size, 0, 0


def _codes(bits: Bits) -> tuple[Code, Code]:
    """The codes that a block brings along (RFC 1951 3.2.7)."""
    literals, distances, own = bits.take(5) + 257, bits.take(5) + 1, bits.take(4) + 4
    lengths = [0] * 19
    for symbol in _ORDER[:own]:
        lengths[symbol] = bits.take(3)
    code = Code(lengths)
    lengths = []
    while len(lengths) < literals + distances:
        symbol = bits.symbol(code)
        if symbol < 0 or (symbol == 16 and not lengths):
            raise ValueError("lengths that are none")
        if symbol < 16:
            lengths.append(symbol)
        elif symbol == 16:
            lengths += lengths[-1:] * (3 + bits.take(2))
        else:
            lengths += [0] * (3 + bits.take(3) if symbol == 17 else 11 + bits.take(7))
    return Code(lengths[:literals]), Code(lengths[literals : literals + distances])


def _block(bits: Bits, out: Output, literals: Code, distances: Code) -> None:
    octets, table, mask = out.octets, literals.table, literals.mask
    hold, count = bits.hold, bits.count
    steps = 0
    while True:
        # A literal and all of a match take no more than 15 + 16 + 15 + 14 bits.
        if count < 60:
            bits.hold, bits.count = hold, count
            bits.fill(60)
            hold, count = bits.hold, bits.count
            steps += 1
            if not steps & 63 and (out.full() or bits.ended()):
                break
        found = table[hold & mask]
        width = found & 31
        hold >>= width
        count -= width
        symbol = found >> 5
        if symbol < 256:
            if not found:
                raise out.fault("damaged (no such code)")
            octets.append(symbol)
            continue
        if symbol == 256:
            break
        if symbol > 285:
            raise out.fault("damaged (no such length)")
        base, extra = _LENGTHS[symbol - 257]
        length = base + (hold & ((1 << extra) - 1))
        hold >>= extra
        bits.hold, bits.count = hold, count - extra
        number = bits.symbol(distances)
        if number < 0:
            raise out.fault("damaged (no such distance)")
        base, extra = _DISTANCES[number]
        if out.full():
            break
        out.copy(base + bits.take(extra), length)
        hold, count = bits.hold, bits.count
    bits.hold, bits.count = hold, count
