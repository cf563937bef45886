"""`Probe`: what became of one question whether something a rule needs is there and answers rightly."""

from __future__ import annotations

from mailscan.errors import MailscanError
from mailscan.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Literal

    State = Literal["ok", "warning", "failed"]


class Probe(Record):
    """`what` was asked ("127.0.0.1:783: PING"), the `state` of it, and what was `said`, any text.

    A "warning" is for what works and a postmaster would want to know: signatures of last year.
    """

    __slots__ = ("what", "state", "said")

    def __init__(self, what: str, state: State, said: str = "") -> None:
        self.what: str = what
        self.state: State = state
        self.said: str = said


def probe(what: str, ask: Callable[[], str]) -> Probe:
    """The probe of a question: `ask` puts it and gives what was said, or raises `MailscanError` where that is wrong."""
    try:
        return Probe(what, "ok", ask())
    except MailscanError as error:
        return Probe(what, "failed", str(error))
