"""`headers`: the fields of the message as elspy showed them, and what the file changes in them."""

from __future__ import annotations

from mailscan.elspy.oldtext import OldStr, octets_of
from mailscan.verdict import is_field_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import IO, Any

    from mailscan.message import Message


class HeaderList:
    """A sequence of (name, value). Values are as they were sent: not decoded, folds kept, line ends as LF.

    `added` and `removed` are what the file has done.
    """

    def __init__(self, message: Message | None) -> None:
        self._fields: list[tuple[str, OldStr, str]] = []  # name, value, and the whole field as text
        for field in message.headers if message is not None else ():
            whole = OldStr.of(field.raw.replace(b"\r\n", b"\n"))
            value = OldStr(whole.partition(":")[2].strip())
            self._fields.append((field.name, value, whole if whole.endswith("\n") else whole + "\n"))
        self._came = {name.lower() for name, _, _ in self._fields}
        self.added: list[tuple[str, str]] = []
        self.removed: list[str] = []

    def __len__(self) -> int:
        return len(self._fields)

    def __getitem__(self, index: int | slice | str) -> object:
        if isinstance(index, str):
            return self.get(index)
        if isinstance(index, slice):
            return [(name, value) for name, value, _ in self._fields[index]]
        name, value, _ = self._fields[index]
        return name, value

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter([(name, value) for name, value, _ in self._fields])

    def __contains__(self, name: object) -> bool:
        if isinstance(name, str):
            return bool(self.get_all(name))
        return name in list(self)

    has_key = __contains__

    def get(self, name: str, default: str | None = None) -> str | None:
        """The value of the first field of that name."""
        found = self.get_all(name)
        return found[0] if found else default

    def get_all(self, name: str, default: list[str] | None = None) -> list[str]:
        """The values of all fields of that name, in order."""
        wanted = name.lower()
        found: list[str] = [value for one, value, _ in self._fields if one.lower() == wanted]
        return found or (default if default is not None else [])

    getall = get_all

    def add(self, name: str, value: object) -> None:
        """Add a field. A line end in the value becomes a blank. Raises `ValueError` for what cannot be a name."""
        name, text = str(name).strip().removesuffix(":"), " ".join(str(value).split())
        if not is_field_name(name):
            raise ValueError(f"{name[:80]!r} cannot be the name of a header field")
        self._fields.append((name, OldStr(text), f"{name}: {text}\n"))
        self.added.append((name, text))

    def remove(self, name: str) -> None:
        """Take out every field of that name, if there is one."""
        wanted = name.lower()
        self._fields = [one for one in self._fields if one[0].lower() != wanted]
        self.added = [one for one in self.added if one[0].lower() != wanted]
        if wanted in self._came and wanted not in [one.lower() for one in self.removed]:
            self.removed.append(name)

    def replace(self, name: str, value: object) -> None:
        """Have one field of that name, with this value, in place of all there are."""
        self.remove(name)
        self.add(name, value)

    def as_string(self) -> str:
        """All fields, a line end after each."""
        return OldStr("".join(whole for _, _, whole in self._fields))

    __str__ = as_string

    def write(self, file: IO[Any]) -> None:
        """Write all fields to an open file, of text or of octets."""
        text = self.as_string()
        # A text file that the old file did not open through us may not take octets that are no text.
        if "b" in getattr(file, "mode", "") or not hasattr(file, "encoding"):
            try:
                file.write(octets_of(text))
                return
            except TypeError:  # io.StringIO and its like
                pass
        file.write(str(text))
