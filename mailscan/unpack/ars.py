"""ar archives, with long names as BSD and as GNU write them; Debian packages are some."""

from __future__ import annotations

from mailscan.unpack.bounded import stored
from mailscan.unpack.budget import in_time
from mailscan.unpack.found import NOT_OPENED, Found, Remark
from mailscan.unpack.naming import names, text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from mailscan.unpack import Budget

_MAGIC, _HEADER, _END = b"!<arch>\n", 60, b"`\n"
_LONGEST = 4096


def open_ar(data: bytes, budget: Budget) -> Iterator[Found | Remark]:
    """The members of an ar archive, those with which ar keeps names and symbols left out."""
    at = len(_MAGIC)
    long_names = b""
    while at + _HEADER <= len(data):
        in_time(budget)
        header = data[at : at + _HEADER]
        digits = header[48:58].strip()
        if header[58:] != _END or not digits.isdigit():
            yield Remark(NOT_OPENED, "damaged (no header of ar where one should be)")
            at = _resync(data, at)
            continue
        start, size = at + _HEADER, int(digits)
        end = start + size
        at = end + (size & 1)
        field = header[:16].rstrip(b" ")
        if field == b"//":
            long_names = data[start:end]
            continue
        if field in (b"/", b"/SYM64/", b"__.SYMDEF", b"__.SYMDEF SORTED"):
            continue
        found = [field]
        if field.startswith(b"#1/") and field[3:].isdigit():
            length = min(int(field[3:]), size)
            found.insert(0, data[start : start + min(length, _LONGEST)].partition(b"\0")[0])
            start += length
        elif field[:1] == b"/" and field[1:].isdigit():
            place = int(field[1:])
            found.insert(0, long_names[place : place + _LONGEST].partition(b"\n")[0])
        # GNU ar marks the end of a name.
        called = names(*[text(one.removesuffix(b"/")) for one in found]) or ("",)
        yield Found(called, min(end - start, len(data)), stored(data, start, end - start))
    if data[at:].strip(b"\0\n"):
        yield Remark(NOT_OPENED, "it is cut off in a header")


def _resync(data: bytes, at: int) -> int:
    """Where the next header may begin, by how it ends."""
    found = data.find(_END, at + _HEADER - 1)
    return found - _HEADER + len(_END) if found >= 0 else len(data)
