"""OLE compound files ([MS-CFB]): the streams, the storages around them, and their octets.

Nothing that the file says of itself is believed before it was compared with the length of the file: a chain of sectors
has at most as many as the file, the directory is walked with a note of what was seen, and entries that no tree leads
to are listed too. Read as Windows does where the specification and Windows differ.
"""

from __future__ import annotations

from array import array
from struct import Struct, unpack_from

from mailscan.unpack.budget import in_time
from mailscan.unpack.found import OVER_LIMIT, Unopened

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from mailscan.unpack import Budget

SIGNATURE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
STORAGE, STREAM, ROOT = 1, 2, 5  # 2.6.1
# No document has more; a file of 128-octet entries and nothing else could hold a million.
MOST_ENTRIES = 100_000
_DEEPEST = 32
_NONE = 0xFFFFFFFF
_ENTRY = Struct("<64sHBB3I16s24x")
_LITTLE = array("I", [1]).tobytes()[0] == 1
_WORD = array("I").itemsize


class Entry:
    """A storage or a stream: `name`, `kind` (STORAGE, STREAM, ROOT), `class_id`, where it starts and its `size`.

    `parent` is the storage it lies in, None at the top; `orphan` says that no tree leads to it.
    """

    __slots__ = ("name", "kind", "class_id", "start", "size", "parent", "orphan", "_next")

    def __init__(self, name: str, kind: int, class_id: bytes, start: int, size: int) -> None:
        self.name = name
        self.kind = kind
        self.class_id = class_id
        self.start = start
        self.size = size
        self.parent: Entry | None = None
        self.orphan = True
        self._next: tuple[int, int, int] = (_NONE, _NONE, _NONE)

    @property
    def path(self) -> tuple[str, ...]:
        """Its name behind those of the storages around it, of 32 at most."""
        names: list[str] = []
        here: Entry | None = self
        while here is not None and len(names) < _DEEPEST:
            names.append(here.name)
            here = here.parent
        return tuple(reversed(names))


class Compound:
    """A compound file. Raises `Unopened` when it is none; after that, damage makes streams shorter and never raises.

    `root` is the root entry, `entries` all others in the directory's order, `cut` whether there are more than listed.
    """

    __slots__ = (
        "data",
        "root",
        "entries",
        "cut",
        "_budget",
        "_shift",
        "_cutoff",
        "_fat",
        "_mini_fat",
        "_mini",
        "_left",
    )

    def __init__(self, data: bytes, budget: Budget) -> None:
        if len(data) < 512 or data[:8] != SIGNATURE:
            raise Unopened("damaged: an OLE document without its header")
        self.data = data
        self._budget = budget
        shift = unpack_from("<H", data, 30)[0]
        # 2.2: 512 octets in version 3, 4096 in version 4; Windows opens nothing else.
        self._shift = shift if shift in (9, 12) else 12 if unpack_from("<H", data, 26)[0] == 4 else 9
        directory, cutoff, mini_fat = unpack_from("<I4xII", data, 48)
        self._cutoff = cutoff
        self._left = 4 * len(data) + 1_000_000
        self._fat = self._read_fat()
        self.cut = False
        self.entries: list[Entry] = []
        self.root = Entry("", ROOT, b"", _NONE, 0)
        self._read_directory(directory)
        self._mini_fat = _words(self._chain(mini_fat, self.root.size // 16 + 4))
        self._mini: bytes | None = None

    def read(self, entry: Entry, most: int) -> bytes:
        """At most `most` octets of a stream; fewer where it has no more or the file is damaged."""
        most = max(0, min(most, entry.size))
        if entry.size >= self._cutoff or entry.kind == ROOT:
            return self._chain(entry.start, most)
        if self._mini is None:
            self._mini = self._chain(self.root.start, min(self.root.size, len(self.data)))
        return self._mini_chain(entry.start, most)

    def look(self, entry: Entry, most: int) -> bytes:
        """`read` for finding out what a document is: all such reading together is bounded by the size of the file.

        Raises `Unopened` beyond, since many entries may name the same octets.
        """
        found = self.read(entry, most)
        self._left -= len(found) + 16
        if self._left < 0:
            raise Unopened("its streams are many times larger than it is", OVER_LIMIT)
        return found

    def reader(self, entry: Entry) -> Reader:
        """How a member that is this stream is read."""
        return Reader(self, entry)

    def _sector(self, number: int) -> int:
        """Where a sector begins. The header takes the place of one (2.1)."""
        return (number + 1) << self._shift

    def _read_fat(self) -> array[int]:
        """The file allocation table (2.3), of as many sectors as the file can have."""
        data, size = self.data, 1 << self._shift
        sectors = (len(data) + size - 1) // size
        wanted = (sectors + size // 4 - 1) // (size // 4) + 1
        pieces = []
        for number in self._fat_sectors():
            at = self._sector(number)
            # A sector that is not there stands for itself: those behind it keep their places.
            pieces.append(data[at : at + size].ljust(size, b"\xff"))
            if len(pieces) >= wanted:
                break
        return _words(b"".join(pieces))

    def _fat_sectors(self) -> Iterator[int]:
        """The sectors that hold the table: 109 in the header, more in a chain of their own (2.5)."""
        yield from (one for one in unpack_from("<109I", self.data, 76) if one < _NONE - 3)
        size = 1 << self._shift
        number = unpack_from("<I", self.data, 68)[0]
        seen: set[int] = set()
        while number not in seen and (at := self._sector(number)) + size <= len(self.data):
            seen.add(number)
            *found, number = unpack_from(f"<{size // 4}I", self.data, at)
            yield from (one for one in found if one < _NONE - 3)

    def _chain(self, number: int, most: int) -> bytes:
        """At most `most` octets from a chain of sectors."""
        data, fat, shift = self.data, self._fat, self._shift
        size = 1 << shift
        out = bytearray()
        steps = 0
        # As long as the file at most: a loop gives no more than that.
        most = min(most, len(data))
        while len(out) < most and number < _NONE - 5:
            at = (number + 1) << shift
            piece = data[at : at + min(size, most - len(out))]
            if not piece:
                break
            out += piece
            steps += 1
            if not steps & 1023:
                in_time(self._budget, out)
            # Without its table a stream may go on as most do, sector by sector.
            number = fat[number] if number < len(fat) else number + 1
        return bytes(out)

    def _mini_chain(self, number: int, most: int) -> bytes:
        """The same from the mini stream (2.4), of sectors of 64 octets."""
        mini, fat = self._mini or b"", self._mini_fat
        pieces: list[bytes] = []
        got = 0
        while got < most and number < len(fat):
            piece = mini[number * 64 : number * 64 + min(64, most - got)]
            if not piece:
                break
            pieces.append(piece)
            got += len(piece)
            number = fat[number]
        return b"".join(pieces)

    def _read_directory(self, start: int) -> None:
        """Fill `root` and `entries` (2.6)."""
        octets = self._chain(start, MOST_ENTRIES * 128 + 128)
        listed: list[Entry | None] = []
        for at in range(0, len(octets) - 127, 128):
            if len(listed) == MOST_ENTRIES:
                self.cut = True
                break
            listed.append(_entry(octets, at, self._shift))
            if not at & 0xFFFF:
                in_time(self._budget)
        if listed and listed[0] is not None:
            self.root = listed[0]
            self.root.name = ""
            self.root.kind = ROOT
            self.root.orphan = False
            _walk(listed, self.root, None, False)
        for wanted in (STORAGE, ROOT):
            for entry in listed[1:]:
                if entry is not None and entry.orphan and entry.kind == wanted and entry.parent is None:
                    _walk(listed, entry, entry, True)
        self.entries = [entry for entry in listed[1:] if entry is not None]


class Reader:
    """`Found.read` of a stream. Raises `Unopened` where there is less of it than its entry says."""

    __slots__ = ("_file", "_entry")

    def __init__(self, file: Compound, entry: Entry) -> None:
        self._file = file
        self._entry = entry

    def __call__(self, most: int) -> bytes:
        found = self._file.read(self._entry, most)
        if len(found) < min(most, self._entry.size):
            raise Unopened("damaged: its sectors end too early", partly=found)
        return found


def _words(octets: bytes) -> array[int]:
    """Little-endian numbers of 32 bits."""
    found = array("I" if _WORD == 4 else "L")
    found.frombytes(octets[: len(octets) // 4 * 4])
    if not _LITTLE:
        found.byteswap()
    return found


def _entry(octets: bytes, at: int, shift: int) -> Entry | None:
    """The directory entry at this place; None where none is in use."""
    name, length, kind, _, left, right, child, class_id = _ENTRY.unpack_from(octets[at : at + 116].ljust(120, b"\0"))
    if kind not in (STORAGE, STREAM, ROOT):
        return None
    start, low, high = unpack_from("<III", octets, at + 116)
    # 2.6.1: what stands in the upper half in version 3 means nothing.
    size = low if shift == 9 else low | high << 32
    text = name[: max(0, min(length, 64) - 2)].decode("utf-16-le", "replace").partition("\0")[0]
    found = Entry(text, kind, class_id, start, size)
    found._next = (left, right, child)
    return found


def _walk(listed: list[Entry | None], top: Entry, parent: Entry | None, orphan: bool) -> None:
    """Tell all entries below a storage where they lie (2.6.4); each is told once, so that loops end."""
    waiting = [(top._next[2], parent)]
    while waiting:
        number, inside = waiting.pop()
        if not 0 < number < len(listed):
            continue
        entry = listed[number]
        if entry is None or entry is top or not entry.orphan or entry.parent is not None:
            continue
        entry.orphan = orphan
        entry.parent = inside
        left, right, child = entry._next
        waiting += ((left, inside), (right, inside))
        if entry.kind != STREAM:
            waiting.append((child, entry))
