"""`mailscan deliver`: one message judged, and handed on to the mailer or refused (CONTRACT 1, exit status).

For Postfix's pipe(8) and Exim's pipe transport, to which an exit status of 0 means that the mail was delivered.
"""

from __future__ import annotations

import time

from mailscan.cli.failed import briefly, reason, report
from mailscan.cli.options import DELIVER_OPTIONS, Request, read
from mailscan.cli.scan import Run
from mailscan.envelope import sender_address
from mailscan.errors import EX_ACCEPT, EX_REJECT, EX_TEMPFAIL, MailscanError, UsageError
from mailscan.verdict import Edits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mailscan.cli.options import Values
    from mailscan.cli.streams import Streams
    from mailscan.message import Message
    from mailscan.verdict import Verdict

# On standard output once the mail was taken; 2.0.0 is RFC 3463's word for it.
HANDED_ON = b"2.0.0 Handed on\n"


def deliver(args: Sequence[str], streams: Streams, environ: Mapping[str, str]) -> int:
    """Judge one message and hand it on; returns the exit status.

    Raises `UsageError` for a command line that is not understood; later failures are told here.
    """
    started = time.monotonic()
    words, recipients = _split(args)
    values, wrong = read(words, DELIVER_OPTIONS)
    if wrong:
        raise UsageError(f"{wrong}; see `mailscan deliver --help`")
    run = _Delivery(_with_envelope(values, recipients, environ), values, streams, environ, started)
    try:
        return run.deliver()
    except BaseException as error:  # noqa: BLE001 - every failure of ours is told, logged, and 75
        why = reason(error)
        status = report("text", error, streams, soft_exit=False)
        briefly(lambda: run.log(None, why))
        return status


def _split(args: Sequence[str]) -> tuple[list[str], list[str]]:
    """(the options, the recipients behind `--`). A `--` that is an option's value, as a client may call itself in
    HELO, ends nothing.
    """
    valued = {option.name for option in DELIVER_OPTIONS if option.metavar}
    at = 0
    while at < len(args) and args[at] != "--":
        at += 2 if args[at] in valued else 1
    return list(args[:at]), list(args[at + 1 :])


def _with_envelope(values: Values, recipients: list[str], environ: Mapping[str, str]) -> Request:
    """What is asked, with sender and recipients from wherever they were given. Raises `UsageError`."""
    if values["from_environment"]:
        # Exim sets RECIPIENT for one recipient, and gives several of them as arguments.
        if "SENDER" not in environ or not (recipients or environ.get("RECIPIENT")):
            raise UsageError("--from-environment: SENDER and RECIPIENT are not set")
        values["sender"] = environ["SENDER"]
        recipients = recipients or [environ["RECIPIENT"]]
        for key in ("client_ip", "client_name", "helo", "auth_user", "queue_id"):
            values[key] = values[key] or environ.get(f"MAILSCAN_{key.upper()}")
    request = Request(values)
    if values["sender"] is None:
        raise UsageError("deliver needs the envelope sender: --sender ADDR, with an empty one for the null sender")
    # Those behind `--` are one address each, whatever is in it.
    request.envelope.recipients = (*request.envelope.recipients, *recipients)
    if not request.envelope.recipients:
        raise UsageError("deliver needs recipients: --rcpt ADDR, or addresses behind --")
    if values["on_reject"] == "quarantine" and not values["quarantine"]:
        raise UsageError("--on-reject quarantine needs --quarantine ADDR")
    return request


class _Delivery(Run):
    """One message on its way back to the mailer."""

    def __init__(
        self, request: Request, values: Values, streams: Streams, environ: Mapping[str, str], started: float
    ) -> None:
        super().__init__(request, streams, environ, started)
        self.values = values
        # The verdict comes early enough for the mail to be handed on: cut off there, it would come twice.
        self.kept_back = min(max(self.kept_back, request.timeout / 5), 30.0)

    def deliver(self) -> int:
        """Read, judge, hand on, explain and log. Raises what stops it before that."""
        verdict, mail = self.walk(self.made)
        status = EX_ACCEPT
        if mail is None:
            from mailscan.render import coded_reply

            self.write("".join(f"{line}\n" for line in coded_reply(verdict)).encode("ascii"))
            status = EX_REJECT if verdict.action == "reject" else EX_TEMPFAIL
        else:
            self.hand_on(*mail)
        self.told(verdict)
        if mail is not None:
            # What stands between us and the mailer believes this, and no exit status alone: a mailscan that was cut
            # off on the disk ends with 0 too. Not written it is 75: the mail may come twice, and is not lost.
            briefly(lambda: self.write(HANDED_ON))
        return status

    def made(self, verdict: Verdict, message: Message) -> tuple[bytes, tuple[str, ...]] | None:
        """(the mail to hand on, its recipients), or None where it is refused."""
        from mailscan.render import edited

        recipients, edits, action = self.envelope.recipients, verdict.edits, verdict.action
        if action == "reject" and self.values["on_reject"] != "bounce":
            edits = edits.merged(Edits(add=[("X-Mailscan-Verdict", _said(verdict))]))
            if self.values["on_reject"] == "quarantine":
                recipients = (str(self.values["quarantine"]),)
        elif action == "reject" and not self.envelope.sender:
            # Nobody is told of a bounce that is refused (RFC 5321 4.5.5): it goes through, marked.
            edits = edits.merged(Edits(add=[("X-Mailscan-Verdict", _said(verdict))]))
        elif action != "accept":
            return None
        left = [one for one in recipients if one not in edits.rcpt_remove]
        return edited(message, edits), tuple(dict.fromkeys([*left, *edits.rcpt_add]))

    def hand_on(self, octets: bytes, recipients: tuple[str, ...]) -> None:
        """Give the mail to the mailer. Raises `MailscanError` if it was not taken."""
        from mailscan import reinject

        if self.streams.stdout < 0:
            # Nobody could hear that it was taken, and who does not hear it brings the mail again.
            raise MailscanError("standard output is closed: nothing was handed on")

        if octets.startswith(b"From "):
            # A mailbox's line is no field: mailers would put it into the body, or believe it.
            octets = octets.partition(b"\n")[2]
        if not recipients:
            raise MailscanError("no recipient is left, and a mail for nobody cannot be handed on")
        sender = sender_address(str(self.values["sender"])) or ""
        smtp = self.values["smtp"]
        if smtp is not None:
            reinject.by_smtp(str(smtp), sender, recipients, octets, self.left(0))
        else:
            reinject.by_program(str(self.values["sendmail"]), sender, recipients, octets, self.left(0))


def _said(verdict: Verdict) -> str:
    return f"{verdict.action} {verdict.code.partition(' ')[2]} {verdict.rule}"
