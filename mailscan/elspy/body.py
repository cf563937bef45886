"""`fd`: the body behind a real file descriptor, and what elspy's functions do with one."""

from __future__ import annotations

import os

from mailscan.elspy.oldtext import OldStr

_PIECE = 1 << 16


class Body:
    """The octets of the body, with LF line ends as Exim's spool has them, as an open file until `close`."""

    def __init__(self, octets: bytes) -> None:
        if b"\r\n" in octets:
            octets = octets.replace(b"\r\n", b"\n")
        self.fd = _anonymous()
        view = memoryview(octets)
        while view:
            view = view[os.write(self.fd, view) :]
        os.lseek(self.fd, 0, os.SEEK_SET)
        found = os.fstat(self.fd)
        self._identity = found.st_dev, found.st_ino

    def close(self) -> None:
        """Close it, unless the old file did: by then the number may be another file's."""
        try:
            found = os.fstat(self.fd)
            if (found.st_dev, found.st_ino) == self._identity:
                os.close(self.fd)
        except OSError:
            pass


def _anonymous() -> int:
    if hasattr(os, "memfd_create"):
        return os.memfd_create("mailscan-body", os.MFD_CLOEXEC)
    import tempfile

    descriptor, path = tempfile.mkstemp(prefix="mailscan-")
    os.unlink(path)
    return descriptor


def get_fdpos(fd: int) -> int:
    """The position of a descriptor."""
    return os.lseek(fd, 0, os.SEEK_CUR)


def set_fdpos(fd: int, position: int) -> None:
    """Move a descriptor to a position."""
    os.lseek(fd, position, os.SEEK_SET)


def read_data(fd: int) -> OldStr:
    """All that is left of a descriptor, which stays where it is."""
    position = get_fdpos(fd)
    pieces = []
    while piece := os.read(fd, _PIECE):
        pieces.append(piece)
    set_fdpos(fd, position)
    return OldStr.of(b"".join(pieces))


def transfer_data(in_fd: int, out_fd: int) -> None:
    """Copy all that is left of one descriptor to another."""
    while piece := os.read(in_fd, _PIECE):
        while piece:
            piece = piece[os.write(out_fd, piece) :]
