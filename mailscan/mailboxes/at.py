"""One message of an archive again, from where an audit said that it lies."""

from __future__ import annotations

import os

from mailscan.mailboxes.dialects import NAMES
from mailscan.mailboxes.reading import PACKED, Notes, kind_of, messages_in_file, open_file

# Larger ones are nowhere judged, and not opened.
MOST = 1_000_000_000


def archive_of(source: str) -> str:
    """The file in which a source lies, without the member of a tar or zip behind `!/`. "" if there is no such file."""
    path = source
    while not os.path.isfile(path):
        path, member, _ = path.rpartition("!/")
        if not member:
            return ""
    return path


def message_at(source: str, offset: int, size: int | None = None) -> bytes:
    """The octets of the message that begins there; without `size`, up to where the next one begins.

    Raises `ValueError`, saying what is wrong, where there is none, and `OSError`.
    """
    path = archive_of(source)
    if not path:
        raise ValueError("standard input was not kept" if source == "-" else f"{source} is not there")
    if size is not None and path == source and kind_of(path, Notes()) != PACKED:
        # An open archive: no need to look for its messages.
        with open_file(path) as file:
            if os.fstat(file.fileno()).st_size < offset + size:
                raise ValueError(f"{source} ends before octet {offset + size}: it has changed")
            return os.pread(file.fileno(), size, offset)
    # A run may have been told how the mbox is to be read.
    for rule in (None, *range(len(NAMES))):
        notes = Notes(rule)
        for name, start, octets in messages_in_file(path, notes, MOST):
            if (name, start) == (source, offset) and size in (None, len(octets)):
                return octets
        if not notes.boxes:
            break
    why = f" ({'; '.join(why for _, why in notes.skipped[:3])})" if notes.skipped else ""
    raise ValueError(f"no message begins at octet {offset} of {source}{why}")
