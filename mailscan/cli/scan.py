"""`mailscan scan`: one message in, one verdict out (CONTRACT 1).

This is a pipe's path, paid for at every message: what it imports is named in tests/test_modules.py.
"""

from __future__ import annotations

import os
import stat
import time

from mailscan.cli.failed import briefly, reason, report
from mailscan.cli.options import Request
from mailscan.errors import EX_ACCEPT, EX_REJECT, EX_TEMPFAIL, MailscanError, OutOfTime, UsageError
from mailscan.timer import Limit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import TypeVar

    from mailscan.cli.options import Values
    from mailscan.cli.streams import Streams
    from mailscan.envelope import Envelope
    from mailscan.message import Message
    from mailscan.outside import Outside
    from mailscan.policy import Policy
    from mailscan.verdict import Verdict

    T = TypeVar("T")

_STATUS = {"accept": EX_ACCEPT, "reject": EX_REJECT, "tempfail": EX_TEMPFAIL}
# Seconds kept back from --timeout to say the verdict.
_KEPT_BACK = 1.0
_CHUNK = 1 << 20


def scan(args: Sequence[str], values: Values, wrong: str, streams: Streams, environ: Mapping[str, str]) -> int:
    """Judge one message; returns the exit status. `values` and `wrong` are what `options.read` gave for `args`.

    Raises what stops the run before anything is read, `UsageError` for instance; later failures are told here.
    """
    started = time.monotonic()
    if wrong:
        try:
            from mailscan.cli.commands import explain_usage
        except ImportError:
            raise UsageError(wrong) from None
        explained = explain_usage(args, wrong)
        if explained is None:
            return 0
        values = explained
    return scan_values(values, streams, environ, started)


def scan_values(values: Values, streams: Streams, environ: Mapping[str, str], started: float) -> int:
    """Judge one message; `values` are those of the options, `started` the `time.monotonic` of the start."""
    request = Request(values)
    run = Run(request, streams, environ, started)
    try:
        status = _STATUS[run.judge().action]
        return EX_ACCEPT if request.soft_exit else status
    except BaseException as error:  # noqa: BLE001 - every failure of ours is told, logged, and 75
        why = reason(error)
        status = report(request.format, error, streams, soft_exit=request.soft_exit)
        briefly(lambda: run.log(None, why))
        return status


class Run:
    """One message on its way from standard input to standard output."""

    def __init__(self, request: Request, streams: Streams, environ: Mapping[str, str], started: float) -> None:
        self.request = request
        self.streams = streams
        self.environ = environ
        self.started = started
        self.end = started + request.timeout
        self.kept_back = min(_KEPT_BACK, request.timeout / 2)
        self.envelope: Envelope = request.envelope
        self.source = ""
        self.policy: Policy | None = None

    def judge(self) -> Verdict:
        """Read, judge, write, explain and log. Raises what stops it before the verdict is written."""
        verdict, octets = self.walk(self.rendered)
        self.write(octets)
        self.told(verdict)
        return verdict

    def rendered(self, verdict: Verdict, message: Message) -> bytes:
        """The verdict as standard output carries it."""
        from mailscan.render import render

        return render(self.request.format, verdict, message)

    def walk(self, work: Callable[[Verdict, Message], T]) -> tuple[Verdict, T]:
        """Read and judge; (the verdict, what `work` makes of it and the message)."""
        from mailscan.mail import Mail
        from mailscan.pipeline import scan as walk

        with Limit(self.left(self.kept_back)):
            policy = self.load()
            raw = read_message(self.request.file, policy.limits.message_size, self.streams)
            self.envelope, message = with_envelope(self.request, raw)
        # The walk keeps its own deadline; this limit is there in case something in it does not.
        with Limit(self.left(self.kept_back / 2)):
            outside = self.outside(policy)
            verdict = walk(Mail(self.envelope, message), policy, outside)
            made = work(verdict, message)
            if self.request.record:
                from mailscan.recording import record

                record(self.request.record, outside, policy.digest)
        return verdict, made

    def told(self, verdict: Verdict) -> None:
        """Explain and log, as long as that can be; the verdict is out, and stays what it is."""
        try:
            with Limit(max(self.left(0), _KEPT_BACK)):
                try:
                    self.tell(verdict)
                except Exception as error:  # noqa: BLE001 - nothing here changes the verdict
                    self.streams.say(reason(error))
        except OutOfTime:
            pass  # nobody reads standard error

    def left(self, kept_back: float) -> float:
        """Seconds until the run must be over, less those kept back; a little in any case."""
        return max(self.end - kept_back - time.monotonic(), 0.001)

    def load(self) -> Policy:
        """The policy in force."""
        from mailscan.policy import find_policy, load_policy

        path = find_policy(self.request.policy, self.environ, os.geteuid())
        self.source = path or ""
        self.policy = load_policy(path)
        self.source = self.policy.source
        return self.policy

    def outside(self, policy: Policy) -> Outside:
        """The network and the clock; with --replay, what a record has of them."""
        end = self.end - self.kept_back
        if self.request.replay is None:
            from mailscan.outside import Outside

            return Outside(end, policy.outside)
        from mailscan.recording import Replay

        replay = Replay(end, self.request.replay)
        if replay.digest != policy.digest:
            self.streams.say("the record was made with another policy; what it has no answer to is a rule's on_error")
        return replay

    def write(self, octets: bytes) -> None:
        """Put the verdict on standard output."""
        try:
            with Limit(self.left(0)):
                self.streams.write(octets)
        except OutOfTime:
            raise OutOfTime("out of time: standard output does not take the verdict") from None
        except OSError as error:
            raise MailscanError(f"standard output cannot be written: {error.strerror}") from None

    def tell(self, verdict: Verdict) -> None:
        """Say what people are to know: in the log, and on standard error."""
        from mailscan.render import failed_rule

        self.log(verdict)
        if self.request.explain:
            self.explain(verdict)
        elif problem := failed_rule(verdict):
            self.streams.say(problem)

    def explain(self, verdict: Verdict) -> None:
        """The readable account on standard error, in colour on a terminal (no-color.org)."""
        from mailscan.explain import explain

        terminal = self.streams.stderr >= 0 and os.isatty(self.streams.stderr)
        text = explain(
            verdict,
            self.source,
            milliseconds=self.milliseconds(),
            colour=terminal and not self.environ.get("NO_COLOR") and self.environ.get("TERM") != "dumb",
        )
        self.streams.complain(text.encode("utf-8", "replace"))

    def log(self, verdict: Verdict | None, error: str = "") -> None:
        """A line in the log; None is a failure of ours. What goes wrong here is said, and changes nothing."""
        to = "syslog" if self.policy is None else self.policy.log.to
        if to == "stderr" and self.streams.quiet:
            to = "syslog"  # nothing may stand on standard error, and nothing be lost
        if to == "none" or (to == "syslog" and self.streams.stdin >= 0 and os.isatty(self.streams.stdin)):
            return
        from mailscan import journal

        form = "logfmt" if self.policy is None else self.policy.log.format
        fields = journal.entry(
            verdict,
            self.envelope,
            policy=self.source,
            milliseconds=self.milliseconds(),
            error=error,
            time="" if to == "syslog" else time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        )
        if problem := journal.write(to, journal.line(form, fields), self.streams.complain):
            self.streams.say(problem)

    def milliseconds(self) -> float:
        """How long this run has taken."""
        return (time.monotonic() - self.started) * 1000


def read_message(path: str | None, limit: int, streams: Streams) -> bytes:
    """The octets of the message in a file, or without a path on standard input, at most `limit`.

    Raises `MailscanError` for none, for too many, and for what cannot be read.
    """
    if path is None:
        if streams.stdin < 0:
            raise UsageError("no message: standard input is closed")
        if os.isatty(streams.stdin):
            streams.say("a message is awaited on standard input (Ctrl-D ends it; --help tells of the options)")
        return _read_all(streams.stdin, limit, "standard input")
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        raise UsageError(f"no message: {path}: {getattr(error, 'strerror', error)}") from None
    try:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise UsageError(f"no message: {path} is a directory, and a file with one message is wanted")
        return _read_all(descriptor, limit, path)
    finally:
        os.close(descriptor)


def with_envelope(request: Request, raw: bytes) -> tuple[Envelope, Message]:
    """The message in `raw`, and the envelope asked for, completed by the one that Exim writes above the message."""
    from mailscan.cli.spooled import completed
    from mailscan.message import Message

    envelope, start = completed(request, raw)
    return envelope, Message(raw, start=start)


def _read_all(descriptor: int, limit: int, name: str) -> bytes:
    chunks: list[bytes] = []
    size = 0
    # A file is read in one piece, so that a large message is not held twice.
    expected = os.fstat(descriptor).st_size + 1
    try:
        while chunk := _read(descriptor, min(max(expected, _CHUNK), limit + 1 - size)):
            chunks.append(chunk)
            size += len(chunk)
            if size > limit:
                raise MailscanError(f"the message has more than {limit} octets ([limits] message_size)")
    except OSError as error:
        raise UsageError(f"no message: {name} cannot be read: {error.strerror}") from None
    except OutOfTime:
        raise OutOfTime(f"out of time: {name} has not come to its end") from None
    if not chunks:
        raise UsageError(f"no message: {name} is empty")
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _read(descriptor: int, most: int) -> bytes:
    while True:
        try:
            return os.read(descriptor, most)
        except BlockingIOError:
            # Whoever shares it with us made it non-blocking. Our alarm ends the wait.
            import select

            select.select([descriptor], [], [])
