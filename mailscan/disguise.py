"""How a file hides what it is: by its name, or by the type it is declared to be."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from mailscan.filetype import Kind


def disguised(names: Sequence[str], declared_type: str, kind: Kind | None, data: bytes) -> str:
    """In words, how names or the declared type hide what the file is; "" where they do not."""
    return ""
