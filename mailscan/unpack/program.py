"""One run of a `7z` program: without a shell, with an empty environment and limits, unable to write a file.

It gets a container as a sealed memory file, and gives octets on its standard output.
"""

from __future__ import annotations

import os
import select
import signal

from mailscan.errors import OurFailure
from mailscan.guard import is_scarce, limit
from mailscan.leash import close, fasten
from mailscan.timer import Held
from mailscan.unpack.found import ENCRYPTED_ARCHIVE, NOT_OPENED, Unopened
from mailscan.unpack.libarchive import died, late, over_limit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from mailscan.unpack import Budget

# Where the program is looked for. The first that is there is taken.
PROGRAMS = tuple(f"/usr/{place}bin/{name}" for name in ("7zz", "7z", "7za") for place in ("", "local/"))
MEMORY = 256 * 1024 * 1024
_STEP = 65_536


def program() -> str:
    """Where the program is; "" if there is none."""
    return next((one for one in PROGRAMS if os.access(one, os.X_OK)), "")


class Run:
    """One run of the program. Raises `Unopened` when the time is over, and `OurFailure` where it cannot begin."""

    __slots__ = ("_budget", "_process", "_errors", "_leash", "_scarce")

    def __init__(self, arguments: list[str], data: bytes | None, budget: Budget) -> None:
        import subprocess

        self._budget = budget
        self._errors = b""
        path = program()
        if not path:
            raise Unopened("there is no 7z program")
        seconds = int(budget.left()) + 2
        self._scarce = is_scarce(0, seconds, MEMORY)
        try:
            with Held():
                self._start([path, *arguments], data, seconds)
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            raise OurFailure(f"7z could not be started: {error}") from None

    def _start(self, words: list[str], data: bytes | None, seconds: int) -> None:
        import subprocess

        archive = held = self._leash = -1
        try:
            archive = -1 if data is None else _sealed(data)
            held, self._leash = os.pipe()
            self._process = subprocess.Popen(
                [*words, *(["--", f"/proc/self/fd/{archive}"] if archive >= 0 else [])],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd="/",
                env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
                pass_fds=[one for one in (archive, held) if one >= 0],
                preexec_fn=_begin(seconds, held, self._leash),
                process_group=0,
                bufsize=0,
            )
        except BaseException:
            close(self._leash)
            raise
        finally:
            close(archive, held)

    def read(self, most: int) -> bytes:
        """Up to `most` octets of its output; fewer at its end."""
        pieces: list[bytes] = []
        left = most
        while left > 0 and (piece := self._piece(min(left, _STEP))):
            pieces.append(piece)
            left -= len(piece)
        return b"".join(pieces)

    def skip(self, count: int) -> None:
        while count > 0 and (piece := self._piece(min(count, _STEP))):
            count -= len(piece)

    def complaints(self) -> bytes:
        """What it has said on its standard error by now, without the blanks."""
        poll = select.poll()
        poll.register(self._errors_of, select.POLLIN)
        while poll.poll(0) and self._hear():
            pass
        return self._errors.strip()

    def status(self) -> int:
        """Its exit status, when it has written all; negative if a signal killed it."""
        import subprocess

        while self._process.poll() is None:
            if self._budget.late():
                raise late(self._budget)
            self.skip(1 << 62)
            try:
                self._process.wait(0.02)
            except subprocess.TimeoutExpired:
                continue
        return int(self._process.returncode)

    def fault(self, status: int, partly: bytes = b"") -> Unopened:
        """What is wrong, of its exit status and its complaints."""
        words = self.complaints()
        # 126 and 127 are said of a program that could not be loaded.
        if status in (-signal.SIGKILL, 126, 127):
            raise OurFailure(f"7z was killed or could not begin: {words[-200:].decode('utf-8', 'replace') or status}")
        if status < 0:
            return died(f"7z was killed by signal {-status}", partly, scarce=self._scarce)
        if b"allocate" in words or b"memory" in words or status == 8:
            return over_limit("it takes more memory than 7z may have", partly, scarce=self._scarce)
        if b"assword" in words or b"encrypted" in words:
            return Unopened("encrypted", ENCRYPTED_ARCHIVE, partly)
        # The last line is the one about the container; it may begin with what the file is called here.
        said = words.decode("utf-8", "replace").rpartition("\n")[2].removeprefix("ERROR").lstrip(" :")
        if said.startswith("/proc/self/fd/"):
            said = said.partition(" : ")[2]
        return Unopened(f"it cannot be read (7z: {said[:200]})" if said else "it cannot be read", NOT_OPENED, partly)

    def end(self) -> None:
        """Kill it and whatever it started."""
        with Held():
            for kill in (os.killpg, os.kill):
                try:
                    kill(self._process.pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
            self._process.wait()
            for pipe in (self._process.stdout, self._process.stderr):
                if pipe is not None:
                    pipe.close()
            close(self._leash)
            self._leash = -1

    @property
    def _output(self) -> int:
        assert self._process.stdout is not None
        return self._process.stdout.fileno()

    @property
    def _errors_of(self) -> int:
        assert self._process.stderr is not None
        return self._process.stderr.fileno()

    def _piece(self, most: int) -> bytes:
        """Some octets of its output; b"" at its end."""
        poll = select.poll()
        poll.register(self._output, select.POLLIN)
        poll.register(self._errors_of, select.POLLIN)
        while True:
            if self._budget.late():
                raise late(self._budget)
            for descriptor, _ in sorted(poll.poll(50), key=lambda one: one[0] != self._errors_of):
                if descriptor == self._errors_of:
                    if not self._hear():
                        poll.unregister(descriptor)
                else:
                    return os.read(descriptor, most)

    def _hear(self) -> bool:
        octets = os.read(self._errors_of, _STEP)
        self._errors = (self._errors + octets)[:_STEP]
        return bool(octets)


def _sealed(data: bytes) -> int:
    """A descriptor of a memory file with these octets, which nobody can change. Raises `OurFailure`."""
    import fcntl

    descriptor = -1
    try:
        descriptor = os.memfd_create("container", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK)
        os.stat(f"/proc/self/fd/{descriptor}")  # as 7z is to find it
    except OSError as error:
        close(descriptor)
        raise OurFailure(f"7z cannot be given a container: {error}") from None
    return descriptor


def _begin(seconds: int, held: int, leash: int) -> Callable[[], None]:
    """What the process does before it becomes 7z."""
    import resource

    wanted = (
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 64),
    )

    def begin() -> None:
        os.close(leash)
        fasten(held)
        for kind, value in wanted:
            limit(kind, value)

    return begin
