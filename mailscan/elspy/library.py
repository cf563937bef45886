"""The modules `elspy` and `elspy.util`."""

from __future__ import annotations

import sys

from mailscan.elspy import body, dispositions
from mailscan.elspy.dispositions import AcceptMessage, MessageDisposition, RejectMessage, TempRejectMessage
from mailscan.elspy.headers import HeaderList
from mailscan.elspy.info import EximInfo, match_recipients
from mailscan.elspy.oldtext import octets_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from email.message import Message
    from types import ModuleType

    from mailscan.elspy.surroundings import Surroundings

# Exim's local_scan.h; where a line goes to is the policy's to say here.
LOG_MAIN, LOG_PANIC, LOG_REJECT = 1, 2, 4
_NAMES = (
    "MessageDisposition", "AcceptMessage", "RejectMessage", "TempRejectMessage", "RejectSpam", "RejectVirus",
    "RejectVirusRelated",
)  # fmt: skip


def module(name: str, around: Surroundings) -> ModuleType:
    """A new module of that name, which logs to `around`."""
    made: ModuleType = type(sys)(name, "elspy's names, as mailscan has them: see docs/elspy.md.")

    def log_write(*said: object) -> None:
        """Write a line to the log: `log_write(text)`, or with one of Exim's logs before or behind it, all the same."""
        around.log(" ".join(str(one) for one in said if not isinstance(one, int)))

    def log_error(text: object) -> None:
        """Write a line to the log, as an error."""
        around.log(f"error: {text}")

    def log_warning(text: object) -> None:
        """Write a line to the log, as a warning."""
        around.log(f"warning: {text}")

    names = {one: getattr(dispositions, one) for one in _NAMES}
    names.update({one: getattr(body, one) for one in ("get_fdpos", "set_fdpos", "read_data", "transfer_data")})
    names.update(
        __version__="0.2",
        HeaderList=HeaderList,
        EximInfo=EximInfo,
        match_recipients=match_recipients,
        parse_message=parse_message,
        message_tostring=message_tostring,
        log_write=log_write,
        log_error=log_error,
        log_warning=log_warning,
        LOG_MAIN=LOG_MAIN,
        LOG_PANIC=LOG_PANIC,
        LOG_REJECT=LOG_REJECT,
    )
    made.__dict__.update(names)
    made.__dict__["__all__"] = [one for one in names if not one.startswith("_")]
    if name == "elspy":
        made.__path__ = []
    return made


def message_tostring(headers: HeaderList, fd: int) -> str:
    """The whole message as text."""
    return headers.as_string() + "\n" + body.read_data(fd)


def parse_message(headers: HeaderList, fd: int, onerror: str = "raise") -> Message:
    """The whole message as one of Python's `email`; see `mailscan.elspy.oldmessage`."""
    from mailscan.elspy.oldmessage import parse

    try:
        return parse(octets_of(message_tostring(headers, fd)))
    except MessageDisposition:
        raise
    except Exception as error:
        kind = {"accept": AcceptMessage, "tempreject": TempRejectMessage, "reject": RejectMessage}.get(onerror)
        if kind is None:
            raise
        raise kind(f"unable to parse message ({error})") from None
