"""`Mail`: the message and its envelope, which is what a filter is asked about; and the stages of a session."""

from __future__ import annotations

from mailscan.errors import TooEarly

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from mailscan.envelope import Envelope
    from mailscan.message import Message

# The moments of an SMTP session, in order: what is known grows. DATA: all recipients are known.
CONNECT, HELO, MAIL, RCPT, DATA, MESSAGE = range(6)
STAGES = ("CONNECT", "HELO", "MAIL", "RCPT", "DATA", "MESSAGE")


class Mail:
    """One mail as far as it is known. `envelope` always; `message` once it has come in."""

    __slots__ = ("envelope", "_message")

    def __init__(self, envelope: Envelope, message: Message | None = None) -> None:
        self.envelope = envelope
        self._message = message

    @property
    def message(self) -> Message:
        """The message. Raises `TooEarly` when asked before the end of DATA."""
        if self._message is None:
            raise TooEarly("the message has not come in yet")
        return self._message

    def for_recipients(self, recipients: Iterable[str]) -> Mail:
        """The same mail as if it had these recipients only."""
        return Mail(self.envelope.replace(recipients=recipients), self._message)
