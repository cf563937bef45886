"""Containers that other people's decoders open: libarchive, else a `7z` program, each in a process of its own.

What either cannot do the other is asked for. Where neither is on the machine, or can, it is said what would help.
"""

from __future__ import annotations

from mailscan.unpack import clibarchive, sevenzip
from mailscan.unpack.found import NOT_OPENED, OVER_LIMIT, Found, Remark, Unopened
from mailscan.unpack.libarchive import Missing, open_libarchive
from mailscan.unpack.program import program

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mailscan.unpack import Budget

# Who opens them, by the name that `available` has for each.
DECODERS = ("libarchive", "7z")
KINDS = frozenset(clibarchive.READS) | frozenset(sevenzip.READS)
# An archive of nothing is smaller: its headers.
_EMPTY = 1024


def open_foreign(data: bytes, budget: Budget, kind: str) -> Iterator[Found | Remark]:
    """The members of a container; `kind` is the name of its kind, best one of `KINDS`. Raises `Unopened`."""
    seven = kind in sevenzip.READS and program() != ""
    fault: Unopened | None = None
    seen: dict[str, int] = {}
    if kind in clibarchive.READS:
        try:
            for one in open_libarchive(data, budget, kind):
                if isinstance(one, Found):
                    nth = seen[one.names[0]] = seen.get(one.names[0], 0) + 1
                    if seven:
                        one.read = _else_7z(one, nth - 1, data, budget, kind)
                yield one
        except Missing:
            if not seven:
                raise _neither(kind) from None
        except Unopened as error:
            fault = Unopened(str(error), error.group)  # anew: its traceback would hold this frame
        if fault is not None and (not seven or fault.group == OVER_LIMIT):
            raise fault
        if fault is None and seen:
            return
    elif not seven:
        raise _neither(kind)
    if seven:
        yield from _by_7z(data, budget, kind, seen, fault)
    elif len(data) > _EMPTY:
        yield Remark(NOT_OPENED, "no file is found in it")


def _by_7z(
    data: bytes, budget: Budget, kind: str, seen: dict[str, int], fault: Unopened | None
) -> Iterator[Found | Remark]:
    """What 7z finds beyond what was seen already; `fault` is what the library said."""
    any_found = bool(seen)
    try:
        for one in sevenzip.open_7z(data, budget, kind):
            if isinstance(one, Found):
                any_found = True
                if seen.get(one.names[0], 0) > 0:
                    seen[one.names[0]] -= 1
                    continue
            yield one
    except Unopened as error:
        # The library's words, which are about this very kind, are the better ones; unless 7z knows it to be encrypted.
        raise fault if fault is not None and error.group == NOT_OPENED else error from None
    if not any_found:
        if fault is not None:
            raise fault
        if len(data) > _EMPTY:
            yield Remark(NOT_OPENED, "no file is found in it")


def _else_7z(found: Found, nth: int, data: bytes, budget: Budget, kind: str) -> Callable[[int], bytes]:
    """How the member is read by the library, and where that cannot, by 7z; it is the `nth` of its name."""
    first, name = found.read, found.names[0]  # not `found` itself, which is to hold this

    def read(most: int) -> bytes:
        try:
            return first(most)
        except Unopened as error:
            if error.group != NOT_OPENED:
                raise
            try:
                return sevenzip.read_named(data, budget, kind, name, nth, most)
            except Unopened as other:
                raise other if len(other.partly) > len(error.partly) else error from None

    return read


class Elsewhere:
    """The octets of members whose names our own reader listed, and the members that it did not list."""

    __slots__ = ("_members", "_passed", "_counts", "_listed", "_remarks", "_fault")

    def __init__(self, data: bytes, budget: Budget, kind: str) -> None:
        self._members = open_foreign(data, budget, kind)
        self._passed: dict[tuple[str, int], Found] = {}
        self._counts: dict[str, int] = {}
        self._listed: dict[str, int] = {}
        self._remarks: list[Remark] = []
        self._fault: Unopened | None = None

    def found(self, names: tuple[str, ...], packed: int) -> Found:
        """A member that our own reader lists, and cannot read."""
        key = names[0], self._listed.get(names[0], 0)
        self._listed[names[0]] = key[1] + 1
        return Found(names, packed, lambda most: self._read(key, most))

    def rest(self) -> Iterator[Found | Remark]:
        """The members that were not listed, and what is to be said of all. Raises `Unopened`."""
        known = list(self._passed)
        while True:
            for key in known:
                if key[1] >= self._listed.get(key[0], 0):
                    yield self._passed[key]
            if (one := self._next()) is None:
                break
            known = [one]
        yield from self._remarks
        if self._fault is not None:
            raise self._fault

    def _read(self, key: tuple[str, int], most: int) -> bytes:
        while key not in self._passed:
            if self._next() is None:
                raise self._fault or Unopened("it is listed, and not found")
        return self._passed[key].read(most)

    def _next(self) -> tuple[str, int] | None:
        if self._fault is not None:
            return None
        try:
            for one in self._members:
                if isinstance(one, Remark):
                    self._remarks.append(one)
                    continue
                name = one.names[0].replace("\\", "/")
                key = name, self._counts.get(name, 0)
                self._counts[name] = key[1] + 1
                self._passed[key] = one
                return key
        except Unopened as error:
            self._fault = Unopened(str(error), error.group)  # as `Member.fault`
        return None


def _neither(kind: str) -> Unopened:
    program_too = "7-Zip (Debian: 7zip)" if kind in sevenzip.READS else ""
    library = "libarchive (Debian: libarchive13; or `pip install mailscan[archives]`)"
    if kind not in KINDS:
        return Unopened("nothing that we know of opens it")
    wanted = " or ".join(one for one in (library if kind in clibarchive.READS else "", program_too) if one)
    return Unopened(f"nothing on this machine opens it: install {wanted}")


def available() -> dict[str, str]:
    """What there is to open containers with, and its version: `{"libarchive": "3.6.2", "7z": "26.02"}`."""
    import time

    from mailscan.unpack import Budget

    end = time.monotonic() + 10
    budget = Budget(lambda: max(0.0, end - time.monotonic()))
    found = zip(DECODERS, (clibarchive.version(), sevenzip.version(budget)), strict=True)
    return {name: version for name, version in found if version}


# How far into a program a self-extracting archive is looked for: the programs before them are smaller.
_SFX = 2 * 1024 * 1024


def find_sfx(data: bytes) -> int | None:
    """Where in a program a 7z or RAR archive or a cabinet begins, in its first 2 MB; None if none does.

    The programs hold the signatures as constants too: what follows must be a header.
    """
    found = [
        at
        for signature, is_one in (
            (b"7z\xbc\xaf\x27\x1c", _is_7z),
            (b"Rar!\x1a\x07", _is_rar),
            (b"MSCF\0\0\0\0", _is_cab),
        )
        if (at := _first(data, signature, is_one)) is not None
    ]
    return min(found, default=None)


def _first(data: bytes, signature: bytes, is_one: Callable[[bytes, int], bool]) -> int | None:
    at = data.find(signature, 0, _SFX)
    for _ in range(64):
        if at < 0 or is_one(data[at : at + 36], len(data) - at):
            break
        at = data.find(signature, at + 1, _SFX)
    else:
        return None
    return at if at >= 0 else None


def _is_7z(head: bytes, size: int) -> bool:
    import zlib

    return len(head) >= 32 and zlib.crc32(head[12:32]) == int.from_bytes(head[8:12], "little")


def _is_rar(head: bytes, size: int) -> bool:
    # The main archive header (0x73), or the one before encrypted headers; the latter in RAR 5 by number (1 and 4).
    if head[6:8] == b"\1\0":
        return 0 < head[12] < 128 and head[13] in (1, 4) if len(head) > 13 else False
    return head[6:7] == b"\0" and head[9:10] == b"\x73"


def _is_cab(head: bytes, size: int) -> bool:
    # [MS-CAB] 2.1: the size of the cabinet, where its files begin, and the version, 1.3.
    if len(head) < 36:
        return False
    whole, files = int.from_bytes(head[8:12], "little"), int.from_bytes(head[16:20], "little")
    return head[24:26] == b"\3\1" and 36 <= files < whole
