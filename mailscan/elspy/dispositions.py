"""What an old `local_scan` raises to say what becomes of the mail, by elspy's names."""

from __future__ import annotations


class MessageDisposition(Exception):
    """A verdict that is raised. Its text, if any, is what the sender hears; without one, Exim's own text is."""

    action = "accept"
    code = "elspy.accept"
    default = ""

    @property
    def text(self) -> str:
        """What it was raised with, as text; the default where that is nothing."""
        return "\n".join(str(one) for one in self.args if one is not None).strip() or self.default


class AcceptMessage(MessageDisposition):
    """The mail goes through, and no rule below is asked."""


class TempRejectMessage(MessageDisposition):
    """The sender shall try again later."""

    action = "tempfail"
    code = "elspy.tempreject"
    # What Exim says when a local_scan() that it calls gives no text; elspy had none of its own.
    default = "Temporary local problem"


class RejectMessage(MessageDisposition):
    """The mail is refused."""

    action = "reject"
    code = "elspy.reject"
    default = "Administrative prohibition"


class RejectSpam(RejectMessage):
    """Refused as unsolicited bulk mail."""

    code = "elspy.spam"


class RejectVirus(RejectMessage):
    """Refused since it carries a virus."""

    code = "elspy.virus"


class RejectVirusRelated(RejectMessage):
    """Refused as rubbish about viruses: a warning of a scanner, a virus made harmless."""

    code = "elspy.virus-related"
