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
    """One mail as far as it is known. `envelope` always; `message` once it has come in.

    `found` is for what one rule found out with some effort and another may ask for; its keys are the askers'.
    """

    __slots__ = ("envelope", "found", "_message")

    def __init__(self, envelope: Envelope, message: Message | None = None) -> None:
        self.envelope = envelope
        self.found: dict[object, object] = {}
        self._message = message

    @property
    def message(self) -> Message:
        """The message. Raises `TooEarly` when asked before the end of DATA."""
        if self._message is None:
            raise TooEarly("the message has not come in yet")
        return self._message

    def for_recipients(self, recipients: Iterable[str]) -> Mail:
        """The same mail as if it had these recipients only."""
        other = Mail(self.envelope.replace(recipients=recipients), self._message)
        other.found = self.found
        return other
