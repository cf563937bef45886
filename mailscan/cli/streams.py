"""Standard input, output and error as descriptors: read and written whole, or an `OSError` says why not."""

from __future__ import annotations

import errno
import os


class Streams:
    """The three descriptors of one run; -1 for one that is closed, where reading and writing fail."""

    __slots__ = ("stdin", "stdout", "stderr", "quiet", "begun")

    def __init__(self, stdin: int, stdout: int, stderr: int) -> None:
        self.stdin = stdin
        self.stdout = stdout
        self.stderr = stderr
        # Set for `--format kv`: Exim reads standard output and standard error as one.
        self.quiet = False
        # Whether anything was put on standard output.
        self.begun = False

    def write(self, octets: bytes) -> None:
        """Write all octets to standard output. Raises `OSError`."""
        self.begun = True
        if self.stdout < 0:  # even if there is nothing to write, nobody could have heard it
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        _write(self.stdout, octets)

    def complain(self, octets: bytes) -> None:
        """Write to standard error, unless nothing may stand there; nobody can be told if that fails."""
        if self.quiet:
            return
        try:
            _write(self.stderr, octets)
        except OSError:
            pass

    def say(self, text: str) -> None:
        """One line for people on standard error."""
        from mailscan.outgoing import printable

        self.complain(f"mailscan: {printable(text)}\n".encode("utf-8", "replace"))


def _write(descriptor: int, octets: bytes) -> None:
    left = memoryview(octets)
    while left:
        try:
            left = left[os.write(descriptor, left) :]
        except BlockingIOError:
            # The other end was made non-blocking by whoever shares it with us. Our alarm ends the wait.
            import select

            select.select([], [descriptor], [])
