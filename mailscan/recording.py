"""Answers from outside that came in before: `--record`, `--replay`, and the twin of `Outside` for tests.

A record is one JSON object: "mailscan": 1, "policy" (the digest of the policy), "clock" (seconds since the epoch) and
"answers", each with "asked" (a list of strings), "status", "records" (octets, in Base64) and "why" there is none. What
Python of somebody's own asked has also "rule", the name of its rule: it is no other rule's answer.
"""

from __future__ import annotations

import json
import os
import stat
from binascii import Error, a2b_base64, b2a_base64

from mailscan.errors import UsageError
from mailscan.newfile import in_place
from mailscan.outside import Outside

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from mailscan.outside import Obtained, Question

VERSION = 1
MOST = 200_000_000


def record(path: str, outside: Outside, digest: str) -> None:
    """Write what was asked of `outside`. Raises `UsageError` when the file cannot be written."""
    answers = list(_plain(outside.known, {}))
    for rule, told in outside.told.items():
        answers += _plain(told, {"rule": rule})
    document = {"mailscan": VERSION, "policy": digest, "clock": outside.now(), "answers": answers}
    octets = json.dumps(document, indent=1).encode() + b"\n"
    try:
        # Answers may quote the mail: nobody else is to read them.
        with in_place(path) as file:
            file.write(octets)
    except (OSError, ValueError) as error:
        raise UsageError(f"--record: {path}: {getattr(error, 'strerror', None) or error}") from None


def _plain(known: Mapping[Question, Obtained], more: dict[str, str]) -> Iterator[dict[str, object]]:
    for question, (status, records, why) in known.items():
        octets = [b2a_base64(one, newline=False).decode() for one in records]
        yield {"asked": list(question), "status": status, "records": octets, "why": why, **more}


def read_record(path: str) -> bytes:
    """The octets of a record. Raises `UsageError`."""
    try:
        # Not held by a FIFO that nobody writes to.
        with open(path, "rb", opener=lambda path, flags: os.open(path, flags | os.O_NONBLOCK)) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise ValueError("is no regular file")
            return file.read(MOST + 1)
    except (OSError, ValueError) as error:
        raise UsageError(f"--replay: {path}: {getattr(error, 'strerror', None) or error}") from None


def checked_record(path: str) -> bytes:
    """The octets of a record, for `Replay` in another process. Raises `UsageError` for what is none."""
    octets = read_record(path)
    Replay(0.0, path, octets)
    return octets


class Replay(Outside):
    """Answers what a record has, and nothing else: the network is never asked. `digest` is its policy's."""

    __slots__ = ("digest",)

    def __init__(self, deadline: float, path: str, octets: bytes | None = None) -> None:
        """Read a record, or take the octets of one that was read at `path`. Raises `UsageError`."""
        super().__init__(deadline)
        octets = read_record(path) if octets is None else octets
        try:
            document = json.loads(octets)
            if document["mailscan"] != VERSION:
                raise UsageError(f"--replay: {path}: is of version {document['mailscan']!r}, and {VERSION} is wanted")
            self.digest = str(document["policy"])
            self.clock = float(document["clock"])
            if not abs(self.clock) < float("inf"):
                raise ValueError("no time")
            for one in document["answers"]:
                records = tuple(a2b_base64(text) for text in one["records"])
                asked = tuple(map(str, one["asked"]))
                known = self.told.setdefault(str(one["rule"]), {}) if "rule" in one else self.known
                known[asked] = (str(one["status"]), records, str(one["why"]))
        except UsageError:
            raise
        except (ValueError, KeyError, TypeError, Error, RecursionError):
            raise UsageError(f"--replay: {path}: is no record that `mailscan scan --record` wrote") from None

    def again(self, deadline: float) -> Replay:
        """The same answers for one more mail."""
        other = Replay.__new__(Replay)
        Outside.__init__(other, deadline)
        other.digest, other.clock, other.known, other.told = self.digest, self.clock, self.known, self.told
        return other

    def take_down(self, told: dict[Question, Obtained]) -> None:
        """Nothing is added to a record."""

    def obtain(self, question: Question, get: Callable[[], Obtained]) -> Obtained:
        """What the record has, else a failure."""
        return self.known.get(question, ("", (), f"the record has no answer to {' '.join(question)[:200]}"))

    def begin(self, tasks: Sequence[tuple[int, float, Callable[[Outside], object]]]) -> None:
        """Nothing is to be waited for."""


class Prepared(Outside):
    """The twin for tests: answers from a table, as `[outside]` of a case has it (docs/cases.md).

    `dns` has, for "NAME TYPE", the records, or "nxdomain", or any other word for why there is no answer; `exchange`
    has for an address the text of the answer. What nobody prepared has no answer, and stands in `unprepared`.
    """

    __slots__ = ("answers", "unprepared")

    def __init__(self, deadline: float, table: Mapping[str, Mapping[str, object]], clock: float = 0.0) -> None:
        super().__init__(deadline)
        self.clock = clock
        self.unprepared: list[Question] = []
        self.answers: dict[Question, Obtained] = {}
        for asked, said in table.get("dns", {}).items():
            name, _, rdtype = asked.rpartition(" ")
            self.answers["dns", name.lower(), rdtype] = _prepared(said)
        for asked, said in table.get("exchange", {}).items():
            self.answers["exchange", asked] = ("", (str(said).encode("utf-8", "surrogateescape"),), "")

    def obtain(self, question: Question, get: Callable[[], Obtained]) -> Obtained:
        """What was prepared for a question; what is asked of a server is not compared."""
        key = question[:2] if question[0] == "exchange" else question
        if key not in self.answers:
            self.unprepared.append(question)
            return "", (), f"nobody prepared an answer to {' '.join(key)}"
        return self.answers[key]

    def begin(self, tasks: Sequence[tuple[int, float, Callable[[Outside], object]]]) -> None:
        """Nothing is to be waited for."""


def _prepared(said: object) -> Obtained:
    if said == "nxdomain":
        return "nxdomain", (), ""
    if isinstance(said, str):
        return "", (), said
    if not isinstance(said, list):
        raise ValueError('a list of records, "nxdomain", or a word for the failure is wanted')
    return "noerror", tuple(str(one).encode("latin-1") for one in said), ""
