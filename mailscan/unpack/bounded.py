"""Decoding that ends: no more octets than were asked for, for no longer than the budget allows.

`decompressed` runs the standard library's decoders so that damage late in a stream costs none of the octets before it,
`Output` is what our own decoders write to, and `in_child` runs those of other libraries.
"""

from __future__ import annotations

import sys

from mailscan.unpack.budget import in_time
from mailscan.unpack.found import NOT_OPENED, OVER_LIMIT, Unopened

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Iterator
    from typing import AnyStr, Protocol

    from mailscan.unpack import Budget

    class Decoder(Protocol):
        """What `bz2` and `lzma` have, and `Inflate` gives to `zlib`."""

        @property
        def eof(self) -> bool:
            """Whether the end of the stream was reached."""

        @property
        def needs_input(self) -> bool:
            """Whether it can give nothing more without further input."""

        @property
        def unused_data(self) -> bytes:
            """What of the input lies behind the end of the stream."""

        def decompress(self, data: bytes, max_length: int) -> bytes:
            """At most `max_length` octets."""


# Of input and output at a time: the decoders copy what they do not use, and lose what they gave in a call that fails.
_INPUT, _OUTPUT = 16_384, 65_536
_WINDOW = 1 << 20
# How often the time is asked for: in so many octets of output, or steps without any.
_OFTEN = 65_536
# Beside the octets of an answer.
CHILD_MEMORY = 192 * 1024 * 1024


def searched(pattern: re.Pattern[bytes], data: bytes, budget: Budget, longest: int = 1024) -> Iterator[re.Match[bytes]]:
    """`finditer`, asking for the time also where nothing is found; no match is longer than `longest`."""
    at = 0
    while at < len(data):
        in_time(budget)
        stop = at + _WINDOW
        for found in pattern.finditer(data, at, stop + longest):
            if found.start() >= stop:
                break
            yield found
            at = found.end()
        at = max(at, stop)


def end_of_run(pattern: re.Pattern[AnyStr], data: AnyStr, at: int, budget: Budget, end: int = sys.maxsize) -> int:
    """Where what `pattern` matches, again and again from `at`, ends.

    `re` keeps a hundred octets for each time that a group repeats, so a pattern repeats its own some thousand times at
    most, and what may be longer is taken in several matches.
    """
    while (found := pattern.match(data, at, end)) is not None:
        in_time(budget)
        at = found.end()
    return at


def replaced(
    pattern: re.Pattern[bytes], by: Callable[[re.Match[bytes]], bytes], data: bytes, budget: Budget, most: int
) -> bytes:
    """As `sub` with this count, which keeps an object for each piece: they take a hundred times the octets."""
    out = bytearray()
    at = 0
    for steps, found in enumerate(pattern.finditer(data)):
        if not steps & 4095:
            in_time(budget)
        if steps == most:
            break
        out += data[at : found.start()]
        out += by(found)
        at = found.end()
    if not at:
        return data
    out += data[at:]
    return bytes(out)


def matched(out: bytearray, distance: int, length: int) -> None:
    """Repeat `length` octets of what was given `distance` octets ago, which must be within it (LZ77)."""
    start = len(out) - distance
    if distance >= length:
        out += out[start : start + length]
    else:
        out += (out[start:] * (length // distance + 1))[:length]


class Inflate:
    """Raw deflate (RFC 1951) with the interface of `bz2.BZ2Decompressor`."""

    __slots__ = ("_decoder", "tail", "needs_input")

    def __init__(self, dictionary: bytes = b"") -> None:
        import zlib

        self._decoder = zlib.decompressobj(-15, dictionary) if dictionary else zlib.decompressobj(-15)
        self.tail = b""
        self.needs_input = True

    @property
    def eof(self) -> bool:
        """Whether the end of the stream was reached."""
        return self._decoder.eof

    @property
    def unused_data(self) -> bytes:
        """What of the input lies behind the end of the stream, or was not used yet."""
        return self._decoder.unused_data or self.tail

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """At most `max_length` octets, which is not 0."""
        given = self._decoder.decompress(self.tail + data if self.tail else data, max_length)
        self.tail = self._decoder.unconsumed_tail
        # It may hold back output when it has no input left.
        self.needs_input = not self.tail and len(given) < max_length
        return given


class Decompressed:
    """What came of one stream: `data`, how many octets of input it took, and what was wrong, if anything."""

    __slots__ = ("data", "consumed", "fault")

    def __init__(self, data: bytes, consumed: int, fault: Unopened | None) -> None:
        self.data = data
        self.consumed = consumed
        self.fault = fault

    def all(self) -> bytes:
        """The octets. Raises `Unopened`, with those that there are, if something was wrong."""
        if self.fault is not None:
            raise Unopened(str(self.fault), self.fault.group, self.data)
        return self.data


def decompressed(
    new: Callable[[], Decoder], faults: tuple[type[Exception], ...], packed: memoryview, most: int, budget: Budget
) -> Decompressed:
    """At most `most` octets of one stream. `new` makes its decoder, which raises `faults`."""
    run = _Run(new(), packed, most)
    pieces: list[bytes] = []
    fault: Unopened | None = None
    try:
        while run.goes_on():
            in_time(budget)
            pieces.append(run.step(_INPUT, _OUTPUT))
        if run.size < most and not run.decoder.eof:
            fault = Unopened("it is cut off")
    except faults as error:
        is_memory = "Memory usage limit" in str(error)
        why = "it needs more memory than it may have" if is_memory else f"damaged ({error})"
        fault = Unopened(why, OVER_LIMIT if is_memory else NOT_OPENED)
        if not is_memory:
            pieces += _salvaged(_Run(new(), packed, most), run.steps - 1, faults, budget)
    except Unopened as late:
        fault = late
    return Decompressed(b"".join(pieces), run.at - len(run.decoder.unused_data), fault)


def _salvaged(run: _Run, steps: int, faults: tuple[type[Exception], ...], budget: Budget) -> list[bytes]:
    """What the step that failed, the one after so many, would have given before the fault."""
    pieces: list[bytes] = []
    try:
        for _ in range(steps):
            run.step(_INPUT, _OUTPUT)
            if budget.late():
                return []
        while run.goes_on():
            pieces.append(run.step(1, 1))
            if not run.steps & 1023 and budget.late():
                break
    except faults:
        pass
    return pieces


class _Run:
    """One decoder on its way through its input; the same steps always give the same."""

    __slots__ = ("decoder", "packed", "most", "at", "size", "steps")

    def __init__(self, decoder: Decoder, packed: memoryview, most: int) -> None:
        self.decoder = decoder
        self.packed = packed
        self.most = most
        self.at = 0
        self.size = 0
        self.steps = 0

    def goes_on(self) -> bool:
        """Whether a further step can give something."""
        decoder = self.decoder
        return self.size < self.most and not decoder.eof and (self.at < len(self.packed) or not decoder.needs_input)

    def step(self, most_in: int, most_out: int) -> bytes:
        # The first steps are small, since thousands of small streams may follow one another.
        self.steps += 1
        step = b""
        if self.decoder.needs_input:
            step = bytes(self.packed[self.at : self.at + min(most_in, 64 << min(self.steps, 16))])
            self.at += len(step)
        given = self.decoder.decompress(step, min(most_out, self.most - self.size))
        self.size += len(given)
        return given


def stored(data: bytes, start: int, size: int) -> Callable[[int], bytes]:
    """How `Found.read` gives octets that stand in the container as they are. `size` may lie beyond its end."""

    def read(most: int) -> bytes:
        wanted = max(0, min(size, most))
        found = data[start : start + wanted]
        if len(found) < wanted:
            raise Unopened("it is cut off", partly=found)
        return found

    return read


class Output:
    """What a decoder of ours writes to: `octets`, whole once it is `full`. The first `keep` are not part of it."""

    __slots__ = ("octets", "most", "keep", "_budget", "_next")

    def __init__(self, most: int, budget: Budget, before: bytes = b"") -> None:
        self.octets = bytearray(before)
        self.keep = len(before)
        self.most = most + self.keep
        self._budget = budget
        self._next = 0

    def full(self) -> bool:
        """Whether all was given that was asked for. Raises `Unopened` when there is no more time."""
        size = len(self.octets)
        if size >= self._next:
            self._next = size + _OFTEN
            self.check_time()
        return size >= self.most

    def check_time(self) -> None:
        """Raise `Unopened`, with what was given, when there is no more time."""
        if self._budget.late():
            in_time(self._budget, self.all())

    def copy(self, distance: int, length: int) -> None:
        """Repeat what was given `distance` octets ago. Raises `Unopened` where that is before the beginning."""
        if not 0 < distance <= len(self.octets):
            raise self.fault("damaged (it repeats what was not there)")
        matched(self.octets, distance, min(length, self.most - len(self.octets)))

    def fault(self, why: str, group: str = NOT_OPENED) -> Unopened:
        """What to raise when it goes on no further."""
        return Unopened(why, group, self.all())

    def all(self) -> bytes:
        """What was given, and no more than was asked for."""
        # Not by a slice of it, which were a copy more of what may be 100 MB.
        with memoryview(self.octets) as octets:
            return bytes(octets[self.keep : self.most])


def in_child(work: Callable[[memoryview], tuple[int, str, str]], most: int, budget: Budget) -> bytes:
    """At most `most` octets that `work` puts into the buffer it is given, in a process of its own.

    It returns how many there are, what was wrong or "", and the group of that. What it takes, and its crash, hurt
    nobody. Raises `Unopened`, and `OurFailure` for what is not the container's fault.
    """
    import mmap

    from mailscan.errors import FilterError, OurFailure
    from mailscan.guard import in_child as answered
    from mailscan.guard import is_scarce

    in_time(budget)
    if most <= 0:
        return b""
    # Shared memory, not the way back that answers take: on that they are copied thrice.
    with mmap.mmap(-1, most) as shared, memoryview(shared) as buffer:
        seconds = max(0.05, budget.left())
        scarce = is_scarce(CHILD_MEMORY, seconds)
        try:
            answer = answered(lambda: work(buffer), seconds=seconds, memory=CHILD_MEMORY)
        except OurFailure:
            raise
        except FilterError as error:
            if scarce:
                raise OurFailure(f"a decoder failed within the limits that our caller has set: {error}") from None
            raise Unopened(f"its decoder failed: {error}") from None
        size, why, group = answer if isinstance(answer, tuple) else (0, "its decoder gave no answer", NOT_OPENED)
        data = bytes(buffer[: min(size, most)])
    if why and scarce and group == OVER_LIMIT:
        raise OurFailure("a decoder wants more memory than our caller lets it have")
    if why:
        raise Unopened(why, group, data)
    return data


def wanting(error: ImportError) -> None:
    """Raise `OurFailure` for a package that may well be there, and could not be loaded for want of means."""
    from mailscan.errors import OurFailure, is_scarcity

    if is_scarcity(error):
        raise OurFailure(f"{error.name} cannot be imported: {error}") from None
