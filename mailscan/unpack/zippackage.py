"""ZIP archives as what they are used for: programs and packages, Office documents (OOXML, OpenDocument)."""

from __future__ import annotations

from mailscan.filetype import zip_kind
from mailscan.unpack.found import Found, Remark
from mailscan.unpack.zips import open_zip

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from mailscan.unpack import Budget

# Names, without their folders, that no Office document is without.
_OFFICE = ("[content_types].xml", "mimetype", "manifest.xml")


def open_package(data: bytes, budget: Budget) -> Iterator[Found | Remark]:
    """The members of a ZIP archive, and then what it is as a whole."""
    members: list[Found] = []
    for one in open_zip(data, budget):
        if isinstance(one, Found):
            members.append(one)
        yield one
    names = [name for one in members for name in one.names]
    kind = zip_kind(names)
    if kind is not None and kind.group:
        yield Remark(kind.group, f"is {kind.text}")
    if any(name.replace("\\", "/").rpartition("/")[2].lower() in _OFFICE for name in names):
        from mailscan.unpack.ooxml import about

        yield from about(members, budget)
