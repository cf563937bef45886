"""Where the rows of an audit go, so that nothing that stops it loses one or writes one twice.

While it runs, rows are appended to `OUT.partial`, a line of JSON each, whatever OUT becomes at the end. A file of that
name that is not ours alone is never written to: it is removed, or refused where a stopped run left rows. At most a
second later `OUT.progress` is replaced by one that says how many octets of rows are safe on the disk, and behind which
task they end. Going on, the rows beyond that are cut off, and their task is done again. At the end OUT is made of the
rows, and put in its place by a rename: it is there whole or not at all.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import time

from mailscan.audit.formats import write
from mailscan.audit.rows import read_rows
from mailscan.audit.run import Reached
from mailscan.audit.totals import Totals
from mailscan.errors import MailscanError, UsageError
from mailscan.mailboxes.tasks import Position
from mailscan.newfile import create, in_place, open_own, remove

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, BinaryIO

    from mailscan.audit.rows import Row
    from mailscan.audit.work import Done

VERSION = 2
EVERY = 1.0


class Store:
    """The rows on their way to `out`. `about` says what is audited, and how: a pause must not change it."""

    def __init__(self, out: str, about: dict[str, Any], *, resume: bool) -> None:
        """Begin, or with `resume` go on where a run was stopped. Raises `MailscanError`."""
        self.out = out
        self.partial, self.progress = out + ".partial", out + ".progress"
        self.about = about
        self.totals = Totals()
        self.reached = Reached()
        self.octets = 0
        self.has_gone_on = False  # a run that was stopped was taken up
        self.is_whole = False  # `out` is there already: a run was stopped between that and tidying up
        self._digest = hashlib.sha256()
        self._saved = time.monotonic()
        try:
            if self._was_finished():
                self.is_whole = resume
                os.unlink(self.progress)
            is_new = not os.path.lexists(self.partial)
            self.file: BinaryIO = self._locked(resume)
            if resume:
                self._go_on()
            elif os.path.lexists(self.progress):
                self.file.close()
                raise UsageError(
                    f"{self.out}: a run was stopped: --resume goes on; remove {self.progress} to begin anew"
                )
            elif not is_new:
                self.file = self._anew()
            self.file.seek(self.octets)
            self.file.truncate()
        except BlockingIOError:
            raise UsageError(f"{self.partial}: another run is writing it") from None
        except OSError as error:
            raise self._failed(self.partial, error) from None

    def _locked(self, resume: bool) -> BinaryIO:
        """`OUT.partial`, which no other run writes meanwhile."""
        try:
            file = open_own(self.partial)
        except FileNotFoundError:
            file = create(self.partial)
        except OSError as error:
            if resume or os.path.lexists(self.progress):
                raise UsageError(f"{self.partial} {error.strerror}; remove it to begin anew") from None
            remove(self.partial)
            file = create(self.partial)
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not _is_at(file, self.partial):  # another run removed it before we had the lock
            raise BlockingIOError
        return file

    def _anew(self) -> BinaryIO:
        """A new file in the place of the locked one: somebody may have had that open for a long time."""
        os.unlink(self.partial)
        file = create(self.partial)
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self.file.close()
        return file

    def _was_finished(self) -> bool:
        """Whether a run made `out`, and was stopped before all that goes with it was removed."""
        if os.path.exists(self.partial) or not os.path.exists(self.out):
            return False
        try:
            with open_own(self.progress) as file:
                state = json.load(file)
            if state["version"] != VERSION or state["about"] != self.about or not state["finished"]:
                return False
            self.totals = Totals(state["totals"])
            return True
        except (OSError, ValueError, LookupError, TypeError, AttributeError):
            return False

    def _go_on(self) -> None:
        try:
            with open_own(self.progress) as file:
                state = json.load(file)
            if state["version"] == VERSION:
                self._take_up(state)
                return
        except FileNotFoundError:
            return
        except OSError as error:
            raise UsageError(f"{self.progress} {error.strerror}; remove it to begin anew") from None
        except (ValueError, KeyError, TypeError, IndexError, AttributeError):
            pass  # of an interrupted disk, or not ours
        raise UsageError(f"{self.progress}: is not what this version writes; remove it to begin anew")

    def _take_up(self, state: dict[str, Any]) -> None:
        for name, value in self.about.items():
            if state["about"].get(name) != value:
                raise UsageError(f"--resume: the {name} changed since; remove {self.progress} to begin anew")
        if os.fstat(self.file.fileno()).st_size < state["octets"]:
            raise UsageError(f"--resume: {self.partial} lacks rows; remove {self.progress} to begin anew")
        left = self.octets = int(state["octets"])
        while left > 0 and (piece := self.file.read(min(left, 1 << 20))):
            self._digest.update(piece)
            left -= len(piece)
        if self._digest.hexdigest() != state["digest"]:
            raise UsageError(f"--resume: {self.partial} was changed; remove it and {self.progress} to begin anew")
        if state["position"] is not None:
            self.reached = Reached(Position(*state["position"]), state["begin"])
            if state["stamp"] != stamp(self.reached.position.path):  # type: ignore[union-attr]
                path = state["position"][1]
                raise UsageError(f"--resume: {path} changed since; remove {self.progress} to begin anew")
        self.totals = Totals(state["totals"])
        self.has_gone_on = True

    def add(self, done: Done) -> None:
        """Take the rows of one task; `reached` stands behind it already. Raises `MailscanError`."""
        try:
            self.file.write(done.lines)
            self._digest.update(done.lines)
            self.octets += len(done.lines)
            self.totals.add(done)
            if time.monotonic() - self._saved > EVERY:
                self.save()
        except OSError as error:
            raise self._failed(self.partial, error) from None

    def save(self, *, finished: bool = False) -> None:
        """Have all rows so far on the disk, and say so."""
        self.file.flush()
        os.fsync(self.file.fileno())
        position = self.reached.position
        state = {
            "version": VERSION,
            "about": self.about,
            "octets": self.octets,
            "digest": self._digest.hexdigest(),
            "finished": finished,
            "position": position,
            "begin": self.reached.begin,
            "stamp": None if position is None else stamp(position.path),
            "totals": self.totals.plain(),
        }
        # For its owner alone, as the rows are: it has subjects.
        with in_place(self.progress, self.progress + ".new") as file:
            file.write(json.dumps(state).encode("ascii"))
        self._saved = time.monotonic()

    def rows(self) -> Iterator[Row]:
        """All rows so far, those from before a pause too. Raises `MailscanError`."""
        try:
            self.file.flush()
            yield from read_rows(self.partial)
        except (OSError, ValueError) as error:
            raise MailscanError(f"{self.partial} cannot be read: {error}") from None

    def finish(self) -> None:
        """Make `out` of the rows. Raises `MailscanError`; what is there can be finished by `--resume`."""
        try:
            self.save(finished=True)
            if self.out.endswith(".jsonl"):
                os.replace(self.partial, self.out)
            else:
                write(self.partial, self.out)
                os.unlink(self.partial)
            os.unlink(self.progress)
        except OSError as error:
            raise self._failed(self.out, error) from None
        finally:
            self.file.close()

    def forget(self) -> None:
        """Leave nothing beside `out`."""
        os.unlink(self.partial)
        self.file.close()

    def stop(self) -> None:
        """Leave all so that `--resume` can go on."""
        if self.file.closed:
            return
        try:
            self.save()
        except OSError:
            pass  # what was saved before stands
        try:
            self.file.close()
        except OSError:
            pass

    def _failed(self, path: str, error: OSError) -> MailscanError:
        return MailscanError(
            f"{path} cannot be written: {error.strerror or error}; --resume goes on from what is saved"
        )


def _is_at(file: BinaryIO, path: str) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.lstat(path))
    except FileNotFoundError:
        return False


def stamp(path: str) -> list[int] | None:
    """What changes when a file does: size and time; None for what is no file."""
    try:
        facts = os.stat(path)
    except (OSError, ValueError):
        return None
    return [facts.st_size, facts.st_mtime_ns]
