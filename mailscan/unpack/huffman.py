"""Codes of unequal length, read from the low end of octets: as deflate64 and implode have them (RFC 1951 3.2.2)."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


class Code:
    """A canonical code. `table[bits & mask]` is (symbol << 5) | its length, or 0 where the bits are no symbol's."""

    __slots__ = ("table", "mask")

    def __init__(self, lengths: Sequence[int]) -> None:
        """`lengths`: of the code of each symbol, 0 where it has none, at most 16. Raises `ValueError` for too many."""
        longest = max(lengths, default=0) or 1
        table = [0] * (1 << longest)
        self.table = table
        self.mask = len(table) - 1
        code = previous = 0
        # Codes of one length follow one another in the order of their symbols.
        for length, symbol in sorted([(length, symbol) for symbol, length in enumerate(lengths) if length]):
            code <<= length - previous
            previous = length
            if code >> length:
                raise ValueError("more codes than there can be")
            # The table is asked with the first bit lowest: every place that ends in the code has it.
            first = int(f"{code:0{length}b}"[::-1], 2)
            table[first :: 1 << length] = [symbol << 5 | length] * (1 << (longest - length))
            code += 1


class Bits:
    """Octets as a row of bits, the lowest of each first. Beyond the end there are zeros; `ended` says so."""

    __slots__ = ("data", "at", "hold", "count")

    def __init__(self, data: memoryview | bytes) -> None:
        self.data = data
        self.at = 0
        self.hold = 0
        self.count = 0

    def fill(self, width: int = 48) -> None:
        """Have at least so many bits in `hold`."""
        while self.count < width:
            piece = self.data[self.at : self.at + 16]
            self.at += 16
            self.hold |= int.from_bytes(piece, "little") << self.count
            self.count += 128

    def take(self, width: int) -> int:
        """The next bits, at most 48."""
        if self.count < width:
            self.fill()
        value = self.hold & ((1 << width) - 1)
        self.hold >>= width
        self.count -= width
        return value

    def position(self) -> int:
        """Of how many octets at least one bit was taken."""
        return self.at - self.count // 8

    def ended(self) -> bool:
        """Whether more bits were taken than there were."""
        return self.at * 8 - self.count > len(self.data) * 8

    def symbol(self, code: Code, inverted: int = 0) -> int:
        """The next symbol of a code; -1 where the bits are none's. `inverted` is -1 where all its bits are turned."""
        if self.count < 16:
            self.fill()
        found = code.table[(self.hold ^ inverted) & code.mask]
        if not found:
            return -1
        width = found & 31
        self.hold >>= width
        self.count -= width
        return found >> 5
