"""One message of an archive again, from where an audit said that it lies."""

from __future__ import annotations

import os

from mailscan.mailboxes import batches


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
        raise ValueError(f"{source} is not there" if source != "-" else "standard input was not kept")
    troubles: list[str] = []
    for name, file, items in batches([path], lambda where, why: troubles.append(f"{where}: {why}")):
        if name != source:
            continue
        if file and size is not None:
            # An open archive: no need to look for its messages.
            with open(file, "rb") as opened:
                opened.seek(offset)
                octets = opened.read(size)
            if len(octets) == size:
                return octets
            raise ValueError(f"{source} ends before octet {offset + size}: it has changed")
        for start, what in items:
            if start == offset:
                if isinstance(what, bytes):
                    return what
                with open(file, "rb") as opened:
                    opened.seek(start)
                    return opened.read(what - start)
    why = f" ({'; '.join(troubles)})" if troubles else ""
    raise ValueError(f"no message begins at octet {offset} of {source}{why}")
