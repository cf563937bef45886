"""Compound files made by code, and what an opener says of octets."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

from mailscan.unpack import Budget
from mailscan.unpack.found import Found, Remark, Unopened

FREE, END, FATSECT = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
Opener = Callable[[bytes, Budget], Iterator[Found | Remark]]


def patient(seconds: float = 100.0) -> Budget:
    """A budget whose clock stands."""
    return Budget(lambda: seconds)


def spent() -> Budget:
    """A budget without time left."""
    budget = Budget(lambda: 0.0)
    budget._end = 1.0
    return budget


def taken_apart(
    opener: Opener, data: bytes, budget: Budget | None = None, most: int = 1_000_000
) -> tuple[list[tuple[tuple[str, ...], bytes]], list[tuple[str, str]]]:
    """([(names, octets)], [(group, text)]) of what an opener yields; that it raised is a remark at the end."""
    members: list[tuple[tuple[str, ...], bytes]] = []
    remarks: list[tuple[str, str]] = []
    try:
        for one in opener(data, budget or patient()):
            if isinstance(one, Remark):
                remarks.append((one.group, one.text))
                continue
            try:
                octets = one.read(most)
                assert len(octets) <= most
                assert one.read(3) == octets[:3]
            except Unopened as error:
                octets = error.partly
                remarks.append((error.group, str(error)))
            members.append((one.names, octets))
    except Unopened as error:
        remarks.append((error.group, str(error)))
    return members, remarks


def compound(
    streams: dict[str, bytes], *, shift: int = 9, orphans: tuple[str, ...] = (), class_id: bytes = b""
) -> bytes:
    """A compound file with these streams, "/" parting storages; those in `orphans` are in no tree."""
    size = 1 << shift
    names: list[str] = [""]
    for path in streams:
        parts = path.split("/")
        for depth in range(1, len(parts) + 1):
            if "/".join(parts[:depth]) not in names:
                names.append("/".join(parts[:depth]))
    sectors: list[bytes] = []
    fat: list[int] = []

    def store(data: bytes) -> int:
        if not data:
            return END
        first = len(sectors)
        pieces = [data[i : i + size].ljust(size, b"\0") for i in range(0, len(data), size)]
        sectors.extend(pieces)
        fat.extend([*range(first + 1, first + len(pieces)), END])
        return first

    mini, mini_fat, starts = bytearray(), [], {}
    for path, data in streams.items():
        if len(data) < 4096:
            starts[path] = len(mini) // 64 if data else END
            count = (len(data) + 63) // 64
            if count:
                mini_fat += [*range(len(mini) // 64 + 1, len(mini) // 64 + count), END]
            mini += data.ljust(count * 64, b"\0")
        else:
            starts[path] = store(data)
    mini_start = store(bytes(mini))
    mini_fat_start = store(struct.pack(f"<{len(mini_fat)}I", *mini_fat))
    entries = []
    for name in names:
        inside = [one for one in names if one and one not in orphans and one.rpartition("/")[0] == name]
        child = names.index(inside[0]) if inside else FREE
        beside = [
            one for one in names if one and one not in orphans and one.rpartition("/")[0] == name.rpartition("/")[0]
        ]
        place = beside.index(name) + 1 if name in beside else len(beside)
        right = names.index(beside[place]) if name and place < len(beside) else FREE
        wide = name.rpartition("/")[2].encode("utf-16-le")
        kind = 5 if not name else 2 if name in streams else 1
        start, length = (mini_start, len(mini)) if not name else (starts.get(name, 0), len(streams.get(name, b"")))
        entries.append(
            wide.ljust(64, b"\0")
            + struct.pack("<HBBIII", len(wide) + 2, kind, 1, FREE, right, child)
            + (class_id if not name else b"").ljust(16, b"\0")
            + bytes(20)
            + struct.pack("<IQ", start, length)
        )
    directory = store(b"".join(entries))
    fats = 1
    while fats * size // 4 < len(fat) + fats:
        fats += 1
    first_fat = len(sectors)
    fat += [FATSECT] * fats
    table = struct.pack(f"<{len(fat)}I", *fat).ljust(fats * size, b"\xff")
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16)
    header += struct.pack("<HHHHH6x", 0x3E, 4 if shift == 12 else 3, 0xFFFE, shift, 6)
    header += struct.pack("<IIIIIIIIII", 0, fats, directory, 0, 4096, mini_fat_start, 1, END, 0, first_fat)
    header += b"".join(struct.pack("<I", first_fat + i) for i in range(1, fats)) if fats > 1 else b""
    return header.ljust(512, b"\xff").ljust(size, b"\0") + b"".join(sectors) + table
