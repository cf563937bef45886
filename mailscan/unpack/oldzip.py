"""What PKZIP packed by before it knew deflate: shrink, reduce and implode (PKWARE APPNOTE 5.1 to 5.3).

None of them marks its end: what is left of the last octet may decode to a few octets more than there were.
"""

from __future__ import annotations

from mailscan.unpack.bounded import Output
from mailscan.unpack.huffman import Bits, Code

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mailscan.unpack import Budget

_CLEAR = 256


def unshrink(packed: memoryview, most: int, budget: Budget) -> bytes:
    """5.1: LZW with codes of 9 to 13 bits, which are cleared in part when they run out. Raises `Unopened`."""
    bits, out = Bits(packed), Output(most, budget)
    before = [-1] * 8192
    last_octet = bytearray(range(256)) + bytearray(8192 - 256)
    free = list(range(8191, 256, -1))
    width, previous, steps = 9, -1, 0
    while not out.full():
        code = bits.take(width)
        if bits.ended():
            break
        steps += 1
        if not steps & 4095:
            out.check_time()
        if code == _CLEAR:
            command = bits.take(width)
            if command == 1 and width < 13:
                width += 1
            elif command == 2:
                parents = {parent for parent in before if parent >= 0}
                free = [one for one in range(8191, 256, -1) if one not in parents]
                for one in free:
                    before[one] = -1
            else:
                raise out.fault("damaged (no such command)")
            continue
        # A code that stands for the one before it and its own first octet has no entry yet.
        is_next = code > _CLEAR and before[code] < 0
        text = _shrunk(previous if is_next else code, before, last_octet)
        if is_next:
            if previous < 0:
                raise out.fault("damaged (no such code)")
            text += text[:1]
        out.octets += text
        if previous >= 0 and free:
            new = free.pop()
            before[new], last_octet[new] = previous, text[0]
        previous = code
    return out.all()


def _shrunk(code: int, before: list[int], last_octet: bytearray) -> bytearray:
    """What a code stands for. After a clearing codes may go round in a circle."""
    text = bytearray()
    while code >= 0 and len(text) < 8192:
        text.append(last_octet[code])
        code = before[code]
    text.reverse()
    return text


def expand(packed: memoryview, factor: int, most: int, budget: Budget) -> bytes:
    """5.2, "reduce" with a factor of 1 to 4. Raises `Unopened`."""
    bits, out = Bits(packed), Output(most, budget)
    followers: list[list[int]] = [[]] * 256
    for octet in range(255, -1, -1):
        followers[octet] = [bits.take(8) for _ in range(bits.take(6))]
    widths = [max(1, (len(one) - 1).bit_length()) for one in followers]
    shift = 8 - factor
    longest = (1 << shift) - 1
    last = state = first = length = 0
    while not out.full() and not bits.ended():
        if not followers[last] or bits.take(1):
            last = bits.take(8)
        else:
            number = bits.take(widths[last])
            last = followers[last][number] if number < len(followers[last]) else 0
        if bits.ended():
            break
        if state == 0 and last != 144:
            out.octets.append(last)
        elif state == 0:
            state = 1
        elif state == 1 and not last:
            out.octets.append(144)
            state = 0
        elif state == 1:
            first, length = last, last & longest
            state = 2 if length == longest else 3
        elif state == 2:
            length += last
            state = 3
        else:
            _from_zeros(out, ((first >> shift) << 8) + last + 1, length + 3)
            state = 0
    return out.all()


def explode(packed: memoryview, flags: int, most: int, budget: Budget) -> bytes:
    """5.3, "implode". `flags` are those of the entry: bit 1 for 8 kB to look back on, bit 2 for a code of literals.

    Raises `Unopened`.
    """
    bits, out = Bits(packed), Output(most, budget)
    low, shortest = (7 if flags & 2 else 6), (3 if flags & 4 else 2)
    try:
        literals = Code(_lengths(bits, 256)) if flags & 4 else None
        lengths = Code(_lengths(bits, 64))
        distances = Code(_lengths(bits, 64))
    except ValueError as error:
        raise out.fault(f"damaged ({error})") from None
    while not out.full():
        if bits.take(1):
            number = bits.take(8) if literals is None else bits.symbol(literals, -1)
            if not bits.ended() and number >= 0:
                out.octets.append(number)
        else:
            near = bits.take(low)
            far, number = bits.symbol(distances, -1), bits.symbol(lengths, -1)
            length = number + (bits.take(8) if number == 63 else 0)
            if not bits.ended() and far >= 0 and number >= 0:
                _from_zeros(out, (far << low | near) + 1, length + shortest)
            number = min(far, number)
        if bits.ended():
            break
        if number < 0:
            raise out.fault("damaged (no such code)")
    return out.all()


def _lengths(bits: Bits, wanted: int) -> list[int]:
    """The lengths of a code (5.3.7): how many octets follow; in each a length, less one, and how often, less one."""
    found: list[int] = []
    for _ in range(bits.take(8) + 1):
        length, times = bits.take(4) + 1, bits.take(4) + 1
        found += [length] * times
    if len(found) != wanted:
        raise ValueError("a code of the wrong size")
    return found


def _from_zeros(out: Output, distance: int, length: int) -> None:
    """Repeat what was given; before the first octet there are zeros."""
    size = len(out.octets)
    if distance > size:
        zeros = min(length, distance - size)
        out.octets += bytes(zeros)
        length -= zeros
    if length:
        out.copy(distance, length)
