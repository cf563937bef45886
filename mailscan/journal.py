"""The log: one line a verdict, in logfmt or JSON, to syslog, standard error or a file (CONTRACT 4).

A log that cannot be written never changes a verdict and never holds one up. Nothing that a sender wrote can end a
line or begin a field: values are quoted, and what is not printable is escaped.
"""

from __future__ import annotations

import os

from mailscan.outgoing import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from mailscan.envelope import Envelope
    from mailscan.verdict import Verdict

    Value = str | float | list[str]

# How long a syslog daemon or a file system that does not answer may keep us, in seconds.
PATIENCE = 1.0
# Longest value, in characters, and most items of a list: a line stays readable, and one datagram.
_LONGEST = 500
_MOST = 20
_BARE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_@:/+,<>")


def entry(
    verdict: Verdict | None, envelope: Envelope, *, policy: str, milliseconds: float, error: str = "", time: str = ""
) -> dict[str, Value]:
    """The fields of one line, by name, in order; what is not known is left out. `time` is for logs that add none.

    Without a verdict we failed, and `error` says why. `detail` are the words of the rule that decided, or of all that
    found something if none did.
    """
    fields: dict[str, Value] = {
        "time": time,
        "queue_id": envelope.queue_id or "",
        "client": envelope.client_ip or envelope.client_name or "",
        "sender": "" if envelope.sender is None else envelope.sender or "<>",
        "recipients": list(envelope.recipients),
        "verdict": "tempfail" if verdict is None else verdict.action,
    }
    if verdict is not None:
        fields.update(_judged(verdict))
    fields["error"] = error
    fields["policy"] = policy
    fields["ms"] = round(milliseconds, 1)
    return {name: value for name, value in fields.items() if value or name == "ms"}


def _judged(verdict: Verdict) -> dict[str, Value]:
    found = [asked for asked in verdict.account if asked.findings or asked.outcome == "error"]
    details = [
        detail
        for asked in found
        if verdict.rule in (asked.rule, "", "score") or asked.outcome == "error"
        for detail in [*(finding.detail for finding in asked.findings), asked.why]
        if detail
    ]
    return {
        "code": verdict.code,
        "rule": verdict.rule,
        "would": verdict.would,
        "quarantine": verdict.quarantine,
        "score": verdict.score,
        "findings": [f"{asked.rule}:{finding.code}" for asked in found for finding in asked.findings],
        "failed": [asked.rule for asked in found if asked.outcome == "error"],
        "detail": "; ".join(details),
    }


def line(form: str, fields: dict[str, Value]) -> str:
    """The fields as one line without its line end: `logfmt`, or `json` as one object in ASCII."""
    bounded = {name: _bounded(value) for name, value in fields.items()}
    if form == "json":
        from mailscan.document import to_json

        return to_json(bounded)[:-1].decode("ascii")
    return " ".join(f"{name}={_logfmt(value)}" for name, value in bounded.items())


def write(to: str, text: str, complain: Callable[[bytes], None]) -> str:
    """Write one line to "syslog", "stderr" (which is `complain`), "none" or the file at the path `to`.

    Gives "" or, in words, why it could not be written. Runs in the main thread; takes at most `PATIENCE` seconds.
    """
    if to == "none":
        return ""
    if to == "stderr":
        complain(text.encode("utf-8") + b"\n")
        return ""
    from mailscan.errors import OutOfTime
    from mailscan.timer import Limit

    try:
        with Limit(PATIENCE):
            if to == "syslog":
                _to_syslog(text)
            else:
                _to_file(to, text)
    except OSError as error:
        return f"the log {to} cannot be written: {error.strerror}"
    except OutOfTime:
        return f"the log {to} does not take what is written to it"
    except (ImportError, ValueError) as error:
        return f"the log {to} cannot be written: {error}"
    return ""


def _to_syslog(text: str) -> None:
    import syslog

    syslog.openlog("mailscan", syslog.LOG_PID, syslog.LOG_MAIL)
    syslog.syslog(syslog.LOG_INFO, text)


def open_log(path: str) -> int:
    """The descriptor of the file at a path, to append to, made if it is not there. Raises `OSError`.

    A link is followed if root or we made it, as /dev/stdout and a log kept on another disk are: one that somebody
    else planted would have what senders write appended to a file of ours.
    """
    # O_NONBLOCK: a named pipe that nobody reads must not hold the mail.
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK
    try:
        return os.open(path, flags | os.O_NOFOLLOW, 0o640)
    except OSError:
        if not os.path.islink(path):
            raise
    if (owner := os.lstat(path).st_uid) not in (0, os.geteuid()):
        raise OSError(None, f"it is a link that uid {owner} made")
    return os.open(path, flags, 0o640)


def _to_file(path: str, text: str) -> None:
    log = open_log(path)
    # One write, so that lines of processes that log at the same time stay whole.
    try:
        os.write(log, text.encode("utf-8") + b"\n")
    finally:
        os.close(log)


def _bounded(value: Value) -> Value:
    if isinstance(value, str):
        return value if len(value) <= _LONGEST else value[:_LONGEST] + "…"
    if isinstance(value, list):
        more = [f"+{len(value) - _MOST}"] if len(value) > _MOST else []
        return [str(_bounded(item)) for item in value[:_MOST]] + more
    return value


def _logfmt(value: Value) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    text = ",".join(value) if isinstance(value, list) else str(value)
    if _BARE.issuperset(text):
        return text
    return '"' + printable(text.replace("\\", "\\\\").replace('"', '\\"')) + '"'
