"""A failure of ours, told to the mailer in the format it asked for and to people in one line."""

from __future__ import annotations

from mailscan.errors import EX_ACCEPT, EX_TEMPFAIL, MailscanError, OutOfTime

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mailscan.cli.streams import Streams

# Standard output may be what is stuck.
_SECONDS = 1.0


def report(form: str, error: BaseException, streams: Streams, *, soft_exit: bool) -> int:
    """Write the failure; returns the exit status: 0 for a soft exit when it was written whole, else 75."""
    from mailscan.timer import Limit

    why = reason(error)
    status = EX_TEMPFAIL
    try:
        with Limit(_SECONDS):
            # A second verdict after half of the first one would be read as one.
            octets = b"" if streams.begun else _worded(form, why)
            streams.say(why)
            if octets:
                streams.write(octets)
                status = EX_ACCEPT if soft_exit else EX_TEMPFAIL
    except OSError as unwritten:
        streams.say(f"standard output cannot be written: {unwritten.strerror}")
    except OutOfTime:
        pass
    return status


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
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    if isinstance(error, OSError):
        return str(error)
    if isinstance(error, ImportError):
        return f"{error.name or 'a module'} cannot be imported: {error}"
    return f"internal error: {type(error).__name__}: {error} ({_place(error)})"


def _place(error: BaseException) -> str:
    at = error.__traceback__
    while at is not None and at.tb_next is not None:
        at = at.tb_next
    return f"{at.tb_frame.f_code.co_filename.rpartition('/')[2]}:{at.tb_lineno}" if at else "?"
