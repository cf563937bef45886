"""A failure of ours, told to the mailer in the format it asked for and to people in one line."""

from __future__ import annotations

from mailscan.errors import EX_ACCEPT, EX_TEMPFAIL, MailscanError, OutOfTime, Terminated, place_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from mailscan.cli.streams import Streams

# Standard output, standard error or the log may be what is stuck.
_SECONDS = 1.0


def report(form: str, error: BaseException, streams: Streams, *, soft_exit: bool) -> int:
    """Write the failure; returns the exit status: 0 for a soft exit when it was written whole, else 75."""
    why = reason(error)
    said: list[str] = [why]
    status = EX_TEMPFAIL

    def write() -> None:
        nonlocal status
        try:
            streams.write(_worded(form, why))
            status = EX_ACCEPT if soft_exit else EX_TEMPFAIL
        except OSError as unwritten:
            said.append(f"standard output cannot be written: {unwritten.strerror}")

    # A second verdict after half of the first one would be read as one.
    if not streams.begun:
        briefly(write)
    briefly(lambda: streams.say("; ".join(said)))
    return status


def briefly(work: Callable[[], object]) -> None:
    """Do what may stall, and leave it when it does: nothing here is worth the mailer's time."""
    from mailscan.timer import Limit

    try:
        with Limit(_SECONDS):
            work()
    except OutOfTime:
        pass


def _worded(form: str, why: str) -> bytes:
    from mailscan.render import failure

    return failure(form, why)


def reason(error: BaseException) -> str:
    """What went wrong, in one line."""
    if isinstance(error, MailscanError):
        return str(error)
    if isinstance(error, OutOfTime):
        return str(error) or "out of time"
    if isinstance(error, MemoryError):
        return "not enough memory"
    if isinstance(error, (KeyboardInterrupt, Terminated)):
        return str(error) or "interrupted"
    if isinstance(error, OSError):
        return str(error)
    if isinstance(error, ImportError):
        return f"{error.name or 'a module'} cannot be imported: {error}"
    return f"internal error: {type(error).__name__}: {error} ({place_of(error)})"
