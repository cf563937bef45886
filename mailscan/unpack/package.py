"""Objects of OLE 1 ([MS-OLEDS] 2.2) and the files that the Packager put into them (`\\x01Ole10Native`, `Package`)."""

from __future__ import annotations

from struct import unpack_from

from mailscan.unpack.found import REMOTE, Found, Remark

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_LINK, _EMBEDDED = 1, 2  # 2.2.4: FormatID


def found(names: tuple[str, ...], data: bytes) -> Found:
    """A member whose octets are at hand."""
    return Found(names, len(data), lambda most: data[:most])


def text(octets: bytes) -> str:
    """A name that may be in any code page."""
    octets = octets.partition(b"\0")[0]
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        return octets.decode("cp1252", "replace")


def last_part(name: str) -> str:
    """The file name at the end of a path of Windows."""
    return name.replace("\\", "/").rstrip("/").rpartition("/")[2]


def names_of(*paths: str) -> tuple[str, ...]:
    """The file names at the ends of these paths, each once, empty ones left out."""
    return tuple(dict.fromkeys(filter(None, map(last_part, paths))))


def native(data: bytes, fallback: str) -> Iterator[Found | Remark]:
    """What a stream `\\x01Ole10Native` holds: its length, then what a server of OLE 1 wrote, mostly the Packager."""
    yield from native_data(data[4:], fallback)


def native_data(data: bytes, fallback: str) -> Iterator[Found | Remark]:
    """The same without the length in front, as it stands in an OLE 1 object of the class `Package`."""
    if data[:2] == b"\2\0" and (whole := _packaged(data)) is not None:
        yield whole
    elif data:
        yield found((fallback,) if fallback else (), data)


def _packaged(data: bytes) -> Found | Remark | None:
    """The one file of a package: label, file name, where the file was, the octets, the names in UTF-16.

    There is no specification; this is what Windows writes and reads.
    """
    label, at = _string(data, 2)
    name, at = _string(data, at)
    if at + 8 > len(data):
        return None
    how, length = unpack_from("<II", data, at)
    at += 8
    if how >> 16 == _LINK:
        return Remark(REMOTE, f"a link to the file {_clip(name or label)}")
    was = text(data[at : at + min(length, 4096)])
    # The length of that path may lie; the zero at its end is what other readers go by.
    ends = {at + length, _string(data, at)[1]}
    for end in sorted(ends, key=lambda one: one != at + length):
        if end + 4 > len(data):
            continue
        size = unpack_from("<I", data, end)[0]
        if size <= len(data) - end - 4 or end == max(ends):
            stop = min(end + 4 + size, len(data))
            return found(names_of(label, name, was, *_wide_names(data, stop)), data[end + 4 : stop])
    return None


def _wide_names(data: bytes, at: int) -> list[str]:
    """The three names again, in UTF-16, behind the octets."""
    names: list[str] = []
    while at + 4 <= len(data) and len(names) < 3:
        count = unpack_from("<I", data, at)[0]
        if count > (len(data) - at - 4) // 2:
            break
        names.append(data[at + 4 : at + 4 + 2 * count].decode("utf-16-le", "replace").partition("\0")[0])
        at += 4 + 2 * count
    return names


def ole1(data: bytes) -> Iterator[Found | Remark]:
    """What an OLE 1 object holds ([MS-OLEDS] 2.2.4, 2.2.5), as RTF has them; nothing if it is none."""
    if len(data) < 12:
        return
    kind = unpack_from("<I", data, 4)[0]
    names: list[str] = []
    at = 8
    for _ in range(3):  # class, topic, item
        if at + 4 > len(data):
            return
        length = unpack_from("<I", data, at)[0]
        if length > len(data) - at - 4:
            return
        names.append(text(data[at + 4 : at + 4 + length]))
        at += 4 + length
    if kind == _LINK:
        yield Remark(REMOTE, f"an object that is linked to {_clip(names[1]) or 'another file'}")
        return
    # The length is what other writers do wrongly; what follows is there all the same.
    size = unpack_from("<I", data, at)[0] if at + 4 <= len(data) else 0
    body = data[at + 4 : at + 4 + size] if size else data[at + 4 :]
    if names[0].lower() == "package":
        yield from native_data(body, last_part(names[1]))
    elif body:
        yield found(names_of(names[0]), body)


def _string(data: bytes, at: int) -> tuple[str, int]:
    """A text that ends in a zero, and where what follows begins."""
    end = data.find(b"\0", at, at + 4096)
    if end < 0:
        return "", len(data)
    return text(data[at:end]), end + 1


def _clip(name: str) -> str:
    return name if len(name) <= 200 else name[:199] + "…"
