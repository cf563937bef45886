"""One e-mail message as its octets: header, body, MIME tree, each looked at when it is first asked for."""

from __future__ import annotations

from mailscan.header import Field, Headers, read_header

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mailscan.ambiguity import Ambiguity
    from mailscan.mime import Part

__all__ = ["Field", "Headers", "Message"]


class Message:
    """A message from any octets; nothing here raises on any of them.

    `raw` is the whole input, `start` where the header begins in it. Line ends may be CRLF, LF or mixed; a lone CR
    ends no line (RFC 5322 2.3).
    """

    __slots__ = ("raw", "start", "from_line", "headers", "body_start", "_root", "_readings", "_parts", "_ambiguities")

    def __init__(self, raw: bytes, *, start: int | None = None) -> None:
        """`start`: where the header begins, if known; else after a leading `From ` line, which is envelope."""
        self.raw = raw
        self.from_line = b""
        if raw.startswith(b"From ") and start != 0:
            self.from_line = raw[: (raw.find(b"\n") + 1) or len(raw)]
            if self.from_line.find(b"\r", 0, -2) >= 0:
                self.from_line = _without_fields(self.from_line)
        self.start: int = len(self.from_line) if start is None else start
        self.headers, self.body_start = read_header(raw, self.start, len(raw))
        self._root: Part | None = None
        self._readings: tuple[Part, ...] = ()
        self._parts: tuple[Part, ...] | None = None
        self._ambiguities: tuple[Ambiguity, ...] = ()

    @property
    def header_end(self) -> int:
        """Where the header fields end: the empty line, or the body where there is none."""
        return self.headers.end

    @property
    def body(self) -> bytes:
        """Everything after the empty line."""
        return self.raw[self.body_start :]

    @property
    def line_end(self) -> bytes:
        """What ends the first header line: b"\\r\\n" or b"\\n" (also where there is no line end)."""
        end = self.raw.find(b"\n", self.start)
        return b"\r\n" if end > 0 and self.raw[end - 1] == 0x0D else b"\n"

    @property
    def subject(self) -> str:
        """The text of the first Subject field, "" if there is none."""
        return self.headers.get("subject") or ""

    def fields(self, name: str) -> list[Field]:
        """The header fields of that name that any reader may find: those of `headers`, then those of odd readings.

        One field may come twice, whole and as it ends at a bare CR; both begin at the same octet.
        """
        found = self.headers.fields(name)
        if self.headers.is_disputed:
            from itertools import islice

            from mailscan.header import MOST_FIELDS
            from mailscan.lenient import cut, others

            found += islice(others(self.headers, [name]), MOST_FIELDS)
            found += [short for field in found if (short := cut(field))]
        return found

    @property
    def root(self) -> Part:
        """The root of the tree as the RFCs have it."""
        if self._root is None:
            from mailscan.mime import read

            self._root = read(self.raw, self.headers, self.body_start)
        return self._root

    @property
    def readings(self) -> tuple[Part, ...]:
        """The roots of the MIME trees that mail clients may see; the first is the RFCs'."""
        self._explore()
        return self._readings

    @property
    def parts(self) -> tuple[Part, ...]:
        """Every entity that any mail client might show, each once: the first reading's, depth first, then others."""
        return self._explore()

    @property
    def ambiguities(self) -> tuple[Ambiguity, ...]:
        """What mail clients are known to read differently, in the order of the message: nothing in well-formed mail."""
        self._explore()
        return self._ambiguities

    def _explore(self) -> tuple[Part, ...]:
        """All parts, other readings being looked for only where an entity is odd."""
        if self._parts is None:
            from mailscan.oddity import has_bare_cr_delimiter, is_odd

            root = self.root
            self._readings = (root,)
            self._parts = tuple(root.walk()) if root.children else self._readings
            if any(map(is_odd, self._parts)) or (root.children and has_bare_cr_delimiter(root)):
                from mailscan.readings import explore

                self._parts, self._readings, self._ambiguities = explore(root)
        return self._parts


def _without_fields(line: bytes) -> bytes:
    """A `From ` line up to a bare CR, if more stands behind it: some readers begin the header there."""
    import re

    end = re.search(rb"\r(?=[^\r\n])", line)
    return line[: end.end()] if end else line
