"""Containers that libarchive decodes (the system's, or the one that `[archives]` brings), always in a child process.

The child has the container by fork, and is asked for one member after the other and for as many of its octets as are
wanted: what nobody asks for is not decoded, and a bomb stops there. Nothing is written, no program is started.
"""

from __future__ import annotations

from mailscan.companion import Companion
from mailscan.errors import FilterError, OurFailure
from mailscan.guard import is_scarce
from mailscan.unpack.clibarchive import MEMORY, READS, STEP, begin
from mailscan.unpack.found import ENCRYPTED_ARCHIVE, OVER_LIMIT, Found, Remark, Unopened
from mailscan.unpack.membernames import names_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from mailscan.unpack import Budget


class Missing(Exception):
    """There is no libarchive here, or none that reads this kind."""


def open_libarchive(data: bytes, budget: Budget, kind: str) -> Iterator[Found | Remark]:
    """The members of a container of one of the kinds in `READS`. Raises `Missing` before the first, and `Unopened`."""
    reader = _Reader(data, budget, kind)
    index = 0
    try:
        while (header := reader.next()) is not None:
            names, encrypted = header
            if names:
                yield Found(names, 0, _read_of(reader, index, encrypted))
            index += 1
    finally:
        reader.end()


def _read_of(reader: _Reader, index: int, encrypted: bool) -> Callable[[int], bytes]:
    def read(most: int) -> bytes:
        if encrypted:
            raise Unopened("encrypted", ENCRYPTED_ARCHIVE)
        return reader.octets(index, most)

    return read


class _Reader:
    """A child that reads the container from its beginning on, and the octets so far of the member where it stands."""

    __slots__ = ("_data", "_budget", "_kind", "_child", "_at", "_pieces", "_size", "_fault", "_ended", "_scarce")

    def __init__(self, data: bytes, budget: Budget, kind: str) -> None:
        self._data = data
        self._budget = budget
        self._kind = kind
        self._at = -1
        self._pieces: list[bytes] = []
        self._size = 0
        self._fault: Unopened | None = None
        self._ended = False
        self._child = self._begin()

    def next(self) -> tuple[tuple[str, ...], bool] | None:
        """(names, whether it is encrypted) of the next member, without names if it is a folder; None after the last.

        Raises `Unopened`, and `Missing`."""
        damaged = self._fault is not None and self._fault.group != OVER_LIMIT
        try:
            answer = self._ask(0)
        except Unopened:
            if not damaged:
                raise
            answer = ""
        if isinstance(answer, str) and damaged:
            # It goes no further than a member's damage, if it lives: pass that one over, from the beginning on.
            self._child.end()
            self._child = self._begin()
            for _ in range(self._at + 2):
                answer = self._ask(0)
        self._stand_at(self._at + 1)
        if answer is None:
            return None
        if answer == "missing":
            raise Missing
        if isinstance(answer, str):
            fault = self._unopened(answer)
            if fault.group == ENCRYPTED_ARCHIVE:
                raise Unopened("encrypted, names too" if self._at == 0 else "what follows is encrypted", fault.group)
            raise fault
        raw, encrypted, self._ended = answer
        return names_of(*raw), encrypted

    def octets(self, index: int, most: int) -> bytes:
        """Up to `most` octets of a member. Raises `Unopened`."""
        if index != self._at:
            return self._again(index, most)
        try:
            while self._size < most and not self._ended:
                octets, fault = self._ask(min(most - self._size, STEP))
                self._pieces.append(octets)
                self._size += len(octets)
                self._fault = self._unopened(fault) if fault else None
                self._ended = bool(fault) or not octets
        except Unopened as error:
            self._fault, self._ended = error, True
        octets = b"".join(self._pieces)
        self._pieces = [octets]
        if self._fault is not None and self._size < most:
            raise Unopened(str(self._fault), self._fault.group, octets)
        return octets[:most]

    def end(self) -> None:
        self._child.end()
        self._at = -2

    def _begin(self) -> Companion:
        formats, filters = READS[self._kind]
        seconds = max(0.05, self._budget.left())
        self._scarce = is_scarce(MEMORY, seconds)
        return Companion(
            lambda: begin(self._data, formats, filters), late=self._budget.late, seconds=seconds, memory=MEMORY
        )

    def _stand_at(self, index: int) -> None:
        self._at = index
        self._pieces, self._size = [], 0
        self._fault, self._ended = None, False

    def _again(self, index: int, most: int) -> bytes:
        """For a member that was passed already: by another child."""
        reader = _Reader(self._data, self._budget, self._kind)
        try:
            while reader._at < index:
                if reader.next() is None:
                    raise Unopened("it is not there when looked at again")
            return reader.octets(index, most)
        finally:
            reader.end()

    def _ask(self, question: int) -> Any:
        try:
            return self._child.ask(question)
        except TimeoutError:
            raise late(self._budget) from None
        except OurFailure:
            raise
        except FilterError as error:
            raise died(str(error), scarce=self._scarce) from None

    def _unopened(self, fault: str) -> Unopened:
        group, _, why = fault.partition(":")
        return over_limit(why, scarce=self._scarce) if group == OVER_LIMIT else Unopened(why, group)


def over_limit(why: str, partly: bytes = b"", *, scarce: bool) -> Unopened:
    """What is raised for a limit. Raises `OurFailure` where that is `scarce`: lower than ours by our caller's will."""
    if scarce:
        raise OurFailure(f"unpacking failed within the limits that our caller has set: {why}")
    return Unopened(why, OVER_LIMIT, partly)


def late(budget: Budget, partly: bytes = b"") -> Unopened:
    """What is raised when the time is over."""
    return budget.spent(partly)


def died(why: str, partly: bytes = b"", *, scarce: bool) -> Unopened:
    """What is raised when the process that unpacks has died: `why` in words. SIGXCPU is 24."""
    why = f"unpacking failed: {why}"
    return (
        over_limit(why, partly, scarce=scarce) if scarce or why.endswith("signal 24") else Unopened(why, partly=partly)
    )
