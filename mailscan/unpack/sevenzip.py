"""Containers that a `7z` program on this machine decodes: 7-Zip (Debian: 7zip), or p7zip.

The octets of all members come without names and one after another, so they are cut by the sizes in its list; from where
that cannot be trusted (a member encrypted, damaged or of no known size) each member is asked for by its name.
"""

from __future__ import annotations

from mailscan.errors import OurFailure
from mailscan.unpack.found import ENCRYPTED_ARCHIVE, Found, Remark, Unopened
from mailscan.unpack.program import Run, program

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mailscan.unpack import Budget

# The kinds it opens, and its own names of them. Disk images have none: what lies in them it opens as well.
READS = {
    "7z": "7z",
    "cab": "Cab",
    "iso": "Iso",
    "udf": "Udf",
    "dmg": "",
    "vhd": "",
    "vhdx": "",
    "vmdk": "",
    "wim": "wim",
    "squashfs": "SquashFS",
    "lha": "Lzh",
    "arj": "Arj",
    "xar": "Xar",
    "chm": "Chm",
    "rpm": "Rpm",
    "cpio": "Cpio",
    "tar": "tar",
    "ar": "Ar",
    "zip": "zip",
    "rar": "",
}
_STEP = 65_536
_LONGEST_LINE = 65_536
_LONGEST_NAME = 4096


def version(budget: Budget) -> str:
    """Its version, as `26.02`; "" if there is none."""
    if not program():
        return ""
    try:
        run = Run([], None, budget)
    except OurFailure:
        return "?"
    try:
        words = run.read(400).split()
    except Unopened:
        return ""
    finally:
        run.end()
    return next((one.decode("ascii", "replace") for one in words if one[:1].isdigit() and b"." in one), "?")


def open_7z(data: bytes, budget: Budget, kind: str) -> Iterator[Found | Remark]:
    """The members of a container of one of the kinds in `READS`. Raises `Unopened`."""
    archive = _Archive(data, budget, kind)
    try:
        fault = archive.list()
        for index, entry in enumerate(archive.entries):
            if not entry.folder:
                yield Found((entry.name,), entry.packed, _read_of(archive, index))
        if fault is not None:
            raise fault
    finally:
        archive.end()


def read_named(data: bytes, budget: Budget, kind: str, name: str, nth: int, most: int) -> bytes:
    """Up to `most` octets of the member that is, counted from 0, the `nth` of that name. Raises `Unopened`."""
    archive = _Archive(data, budget, kind)
    try:
        archive.list()
        same = [at for at, one in enumerate(archive.entries) if one.name == name and not one.folder]
        if nth >= len(same):
            raise Unopened("7z does not list it")
        archive.end()
        return archive.octets(same[nth], most)
    finally:
        archive.end()


def _read_of(archive: _Archive, index: int) -> Callable[[int], bytes]:
    return lambda most: archive.octets(index, most)


class _Entry:
    """One member as the program lists it; `size` is -1 where it does not say."""

    __slots__ = ("name", "size", "packed", "encrypted", "folder")

    def __init__(self, fields: dict[bytes, bytes]) -> None:
        size, packed = fields.get(b"Size", b""), fields.get(b"Packed Size", b"")
        self.name = fields[b"Path"].decode("utf-8", "replace")
        self.size = int(size) if size.isdigit() and len(size) < 20 else -1
        self.packed = int(packed) if packed.isdigit() and len(packed) < 20 else 0
        self.encrypted = fields.get(b"Encrypted") == b"+"
        self.folder = fields.get(b"Folder") == b"+" or fields.get(b"Attributes", b"")[:1] == b"D"


class _Archive:
    """A container, its list, and the octets so far of the member where the program that gives all of them stands."""

    __slots__ = ("_data", "_budget", "_kind", "entries", "_stream", "_trusted", "_at", "_octets")

    def __init__(self, data: bytes, budget: Budget, kind: str) -> None:
        self._data = data
        self._budget = budget
        self._kind = [f"-t{READS[kind]}"] if READS[kind] else []
        self.entries: list[_Entry] = []
        self._stream: Run | None = None
        self._trusted = 0  # how many members, from the first, may be cut by their sizes
        self._at = -1
        self._octets = b""

    def list(self) -> Unopened | None:
        """Fill `entries`, not far beyond what the budget has names; and why there may be more of them."""
        run = self._run("l", "-slt", "-ba")
        try:
            for fields in _blocks(run):
                self.entries.append(_Entry(fields))
                if len(self.entries) > self._budget.most_listed():
                    return None
            status = run.status()
            fault = run.fault(status) if status else None
        except Unopened as error:
            fault = Unopened(str(error), error.group)  # anew: its traceback would hold this frame
        finally:
            run.end()
        cuts = (at for at, one in enumerate(self.entries) if one.encrypted or (one.size < 0 and not one.folder))
        self._trusted = next(cuts, len(self.entries))
        return fault

    def octets(self, index: int, most: int) -> bytes:
        """Up to `most` octets of a member. Raises `Unopened`."""
        entry = self.entries[index]
        if entry.encrypted:
            raise Unopened("encrypted", ENCRYPTED_ARCHIVE)
        if entry.size == 0:
            return b""
        if index < self._trusted and index >= self._at and self._advance(index, most):
            return self._octets[:most]
        return self._by_name(index, most)

    def end(self) -> None:
        if self._stream is not None:
            self._stream.end()
            self._stream = None
        self._trusted = 0

    def _advance(self, index: int, most: int) -> bool:
        """Read on in all octets until `_octets` are the first `most` of the member; False if they cannot be trusted."""
        if self._stream is None:
            self._stream = self._run("x", "-so")
            self._at = 0
        if index > self._at:
            # The rest of where we stand, and all that lies between.
            passed = sum(max(0, one.size) for one in self.entries[self._at : index] if not one.folder)
            self._stream.skip(passed - len(self._octets))
            self._at, self._octets = index, b""
        wanted = min(most, self.entries[index].size)
        if wanted > len(self._octets):
            self._octets = b"".join((self._octets, self._stream.read(wanted - len(self._octets))))
        # It complains before it writes the next member's first octet. Sooner, then, than what was cut wrongly is here.
        if len(self._octets) < wanted or self._stream.complaints():
            self.end()
            return False
        return True

    def _by_name(self, index: int, most: int) -> bytes:
        entry = self.entries[index]
        if len(entry.name) > _LONGEST_NAME or "\0" in entry.name:
            raise Unopened("its name is longer than any that 7z may be asked for")
        before = [one.size for one in self.entries[:index] if one.name == entry.name]
        if -1 in before:
            raise Unopened("there are others of its name, and 7z does not say where it begins")
        run = self._run("x", "-so", "-spd", "-ssc", f"-i!{entry.name}")
        try:
            run.skip(sum(before))
            wanted = most if entry.size < 0 else min(most, entry.size)
            octets = run.read(wanted)
            if len(octets) == wanted:
                return octets
            status = run.status()
            if status:
                raise run.fault(status, octets)
            if len(octets) < entry.size:  # such as one with a line break, which the list shows as another character
                raise Unopened("7z does not find it by the name that it lists", partly=octets)
            return octets
        finally:
            run.end()

    def _run(self, *arguments: str) -> Run:
        # A password, so that it does not ask for one; no threads, whose stacks would count as memory.
        return Run([*arguments, *self._kind, "-sccUTF-8", "-bd", "-y", "-mmt=1", "-pnone"], self._data, self._budget)


def _blocks(run: Run) -> Iterator[dict[bytes, bytes]]:
    """The members of a list of `l -slt`: their fields by name. The program shows a line break in a name as another."""
    fields: dict[bytes, bytes] = {}
    rest = b""
    while piece := run.read(_STEP):
        lines = (rest + piece).split(b"\n")
        rest = lines.pop()[:_LONGEST_LINE]
        for line in lines:
            name, equals, value = line.rstrip(b"\r").partition(b" = ")
            if equals or name.endswith(b" ="):
                fields.setdefault(name.removesuffix(b" ="), value)
            elif not line.strip() and b"Path" in fields:
                yield fields
                fields = {}
    if b"Path" in fields:
        yield fields
