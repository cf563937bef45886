"""One rule of a policy: a configured filter, and what follows when it finds something."""

from __future__ import annotations

from mailscan.addresses import AddressList, addresses
from mailscan.keys import Table, choice, flag, number, option, optional, options_of, seconds, size, table, text
from mailscan.mail import DATA
from mailscan.networks import inside, is_ours, networks
from mailscan.verdict import ACTIONS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from mailscan.envelope import Envelope
    from mailscan.filters import Filter
    from mailscan.mail import Mail
    from mailscan.networks import Network

# RFC 5321 4.5.3.1.5 gives a reply line 512 octets with code, enhanced code and CRLF.
REPLY_LINE = 480
REPLY_LINES = 32


def reply_text(value: object, folder: str) -> tuple[str, ...]:
    """the sender's text: printable ASCII, at most 32 lines of 480 characters"""
    lines = tuple(line.rstrip() for line in text(value, folder).strip("\n").split("\n"))
    if not lines[0] or len(lines) > REPLY_LINES or max(map(len, lines)) > REPLY_LINE:
        raise ValueError(f"1 to {REPLY_LINES} lines of at most {REPLY_LINE} characters are wanted")
    for line in lines:
        wrong = [char for char in line if not " " <= char <= "~"]
        if wrong:
            raise ValueError(f"an SMTP reply is printable ASCII (RFC 5321 4.2); {wrong[0]!r} is not")
    return lines


def reply_code(value: object, folder: str) -> str:
    """an SMTP code, an enhanced code (RFC 3463), or both: "550 5.7.1" """
    words = str(value).split() if isinstance(value, (str, int)) and not isinstance(value, bool) else []
    smtp = words.pop(0) if words and "." not in words[0] else ""
    enhanced = words.pop(0) if words else ""
    smtp = smtp or {"4": "451", "5": "550"}.get(enhanced[:1], "")
    enhanced = enhanced or f"{smtp[:1]}.7.1"
    digits = enhanced.split(".")
    right = (
        not words
        and len(smtp) == 3
        and smtp.isascii()
        and smtp.isdigit()
        and smtp[0] in "45"
        and smtp[1] in "012345"
        and smtp != "421"
        and len(digits) == 3
        and all(part.isascii() and part.isdigit() and len(part) <= 3 for part in digits)
        and digits[0] == smtp[0]
    )
    if not right:
        raise ValueError('an SMTP code of 4yz or 5yz and an enhanced code of the same class is wanted, as "550 5.7.1"')
    return f"{smtp} {enhanced}"


class When(Table):
    """The mail that a rule is asked about: its keys are joined by *and*."""

    recipients = optional(addresses, "every recipient is one of these")
    any_recipient = optional(addresses, "at least one recipient is one of these")
    senders = optional(addresses, 'the envelope sender is one of these; "<>" is the null sender')
    clients = optional(networks, "the client's address lies in one of these networks")
    authenticated = optional(flag, "whether the client has authenticated itself (SMTP AUTH)")
    trusted = optional(flag, "whether the client is ours: authenticated, or in [site] trusted, private or loopback")
    larger_than = optional(size, 'the message has more octets than this: a number, or "1 MB"')

    ours: Sequence[Network] = ()

    def prepare(self) -> None:
        """Refuses a table that says nothing."""
        if all(getattr(self, key) is None for key in options_of(When)):
            raise ValueError("an empty `when` says nothing; leave it out, or name a condition")

    def why_not(self, mail: Mail) -> str:
        """In words, why the rule is not asked about this mail; "" if it is. May raise `TooEarly`."""
        envelope = mail.envelope
        for key, fact, holds in (
            ("recipients", "recipients", self._all_recipients),
            ("any_recipient", "recipients", self._any_recipient),
            ("senders", "sender", self._sender),
            ("clients", "client_ip", self._client),
            ("trusted", "client_ip", self._trusted),
        ):
            # A list without items holds for nobody: an empty file must not open the rule to everybody.
            if getattr(self, key) is not None:
                if not envelope.knows(fact) and not (key == "trusted" and envelope.knows("auth_user")):
                    return f"{fact} not known"
                if not holds(envelope):
                    return f"when.{key} does not hold"
        # No SMTP AUTH identity is what a mailer tells of a client that did not authenticate.
        if self.authenticated is not None and self.authenticated != envelope.knows("auth_user"):
            return "when.authenticated does not hold"
        if self.larger_than is not None and len(mail.message.raw) <= self.larger_than:
            return "when.larger_than does not hold"
        return ""

    def _all_recipients(self, envelope: Envelope) -> bool:
        return all(map((self.recipients or AddressList()).find, envelope.recipients))

    def _any_recipient(self, envelope: Envelope) -> bool:
        return any(map((self.any_recipient or AddressList()).find, envelope.recipients))

    def _sender(self, envelope: Envelope) -> bool:
        return (self.senders or AddressList()).find(envelope.sender or "") is not None

    def _client(self, envelope: Envelope) -> bool:
        return inside(envelope.client_ip or "", self.clients or ())

    def _trusted(self, envelope: Envelope) -> bool:
        return self.trusted == (envelope.knows("auth_user") or is_ours(envelope.client_ip or "", self.ours))


class Rule(Table):
    """The keys that belong to the rule, whatever its filter."""

    use = option(
        text,
        "",
        "the filter: a built-in name, the path of a Python file (it holds a `/`), a dotted name, or an entry point",
    )
    name = option(text, "", "what the log and headers call this rule; when not said, its `use`")
    action = optional(
        choice(*ACTIONS),
        "what follows: accept, reject, tempfail, quarantine, tag, score, or ignore (log it only)",
    )
    score = optional(number, "what this rule adds to the sum when it finds something")
    reply = option(reply_text, (), "what the sender is told on reject or tempfail")
    code = option(reply_code, "", 'SMTP code and enhanced code of the reply, as "550 5.7.1"')
    on_error = option(choice("tempfail", "reject", "ignore"), "", "what a failure or lack of time of the filter means")
    timeout = optional(seconds, "seconds it may take")
    when = optional(table(When), "which mail it is asked about")
    scope = option(choice("mail", "recipient"), "mail", "recipient: only the recipient that was found is refused")
    early = option(flag, False, "may refuse before RCPT, where the door can")
    filter: Filter

    def settle(self, chosen: Filter, trusted: Sequence[Network] = ()) -> None:
        """Bind the filter and the site's networks, and check the keys against them. Raises `ValueError`."""
        self.filter = chosen
        if self.when:
            self.when.ours = trusted
        chosen.ours = trusted
        self.timeout = self.timeout if self.timeout is not None else chosen.timeout
        self.on_error = self.on_error or chosen.on_error
        if chosen.has_rows and (self.score is not None or self.action not in (None, "tag", "ignore")):
            raise ValueError(
                'the filter has an action for each of its results; the rule may only say "ignore" or "tag", to try it'
            )
        if self.action is None and self.score is None and not chosen.decides:
            raise ValueError(
                f"needs an `action` ({', '.join(ACTIONS)}) or a `score`: the filter finds, the policy decides"
            )
        if self.action is None and self.score is not None:
            self.action = "score"
        if self.action == "score" and self.score is None and not chosen.decides:
            raise ValueError('action = "score" needs a `score`')
        wanted = {"reject": "5", "tempfail": "4"}.get(self.action or "")
        if self.code and wanted and self.code[0] != wanted:
            raise ValueError(f'code: action = "{self.action}" wants {wanted}yz, not "{self.code}"')
        if self.scope == "recipient":
            self._check_scope()

    def _check_scope(self) -> None:
        if self.action not in ("reject", "ignore"):
            raise ValueError('scope = "recipient" goes with action = "reject" (or "ignore", to try it)')
        if "recipients" not in self.filter.needs or self.filter.stage > DATA:
            raise ValueError('scope = "recipient" needs a filter that judges recipients, and nothing of the message')

    def why_not(self, mail: Mail) -> str:
        """In words, why the rule is not asked about this mail; "" if it is."""
        for fact in self.filter.needs:
            if not mail.envelope.knows(fact):
                return f"{fact} not known"
        return self.when.why_not(mail) if self.when else ""
