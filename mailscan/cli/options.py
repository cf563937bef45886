"""The options of `scan`, as one table of data, and the two ways it is read.

Click's command (mailscan.cli.commands) is made from the table; so is `read`, which a pipe uses because importing
click costs three times what starting Python does. A property test holds that both read the same.
"""

from __future__ import annotations

import os

from mailscan.envelope import Envelope, sender_address, split_addresses
from mailscan.errors import UsageError
from mailscan.render import FORMATS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Values = dict[str, str | bool | list[str] | None]

TIMEOUT = 50.0  # Exim gives `${run}` 60 seconds
LONGEST = 86_400.0


class ScanOption:
    """One option. `metavar` is "" for a flag; `choices` are the only values it takes, if any."""

    __slots__ = ("name", "metavar", "help", "repeatable", "choices", "default")

    def __init__(
        self,
        name: str,
        metavar: str,
        help: str,
        *,
        repeatable: bool = False,
        choices: tuple[str, ...] = (),
        default: str | None = None,
    ) -> None:
        self.name = name
        self.metavar = metavar
        self.help = help
        self.repeatable = repeatable
        self.choices = choices
        self.default = default

    @property
    def key(self) -> str:
        """Its name among the values: `client_ip` for `--client-ip`."""
        return self.name[2:].replace("-", "_")

    @property
    def unset(self) -> str | bool | list[str] | None:
        """Its value when it is not given."""
        return [] if self.repeatable else self.default if self.metavar else False


POLICY_HELP = (
    "The policy file.  [default: $MAILSCAN_POLICY; else ~/.config/mailscan/policy.toml, not for root; else"
    " /etc/mailscan/policy.toml; else the starter policy]"
)
SCAN_OPTIONS = (
    ScanOption("--sender", "ADDR", 'Envelope sender; empty, "<>" and MAILER-DAEMON are the null sender.'),
    ScanOption("--rcpt", "ADDR", "Envelope recipient, or several joined by commas.", repeatable=True),
    ScanOption("--client-ip", "IP", "Address of the SMTP client."),
    ScanOption("--client-name", "HOST", "Verified host name of the SMTP client."),
    ScanOption("--helo", "NAME", "What the client said in HELO or EHLO."),
    ScanOption("--auth-user", "NAME", "Who the client is by SMTP AUTH."),
    ScanOption("--queue-id", "ID", "The mailer's own id of this mail, for the log."),
    ScanOption("--info", "NAME=VALUE", "Any other fact of the session.", repeatable=True),
    ScanOption("--file", "PATH", "Read the message from PATH, not from standard input."),
    ScanOption(
        "--exim-spool",
        "",
        "The message is a file that Exim wrote for content scanning: believe the X-Envelope-From and X-Envelope-To"
        " above it.",
    ),
    ScanOption("--policy", "PATH", POLICY_HELP),
    ScanOption("--format", "FORMAT", "What standard output carries.", choices=FORMATS, default="text"),
    ScanOption("--soft-exit", "", "Exit with 0 once the verdict was written, whatever it is."),
    ScanOption("--explain", "", "Say on standard error what each rule found, and where. Not with --format kv."),
    ScanOption("--record", "FILE", "Keep in FILE all that was asked outside, and the answers."),
    ScanOption("--replay", "FILE", "Answer from a FILE of --record what is asked outside; the network is not used."),
    ScanOption("--timeout", "SECONDS", f"Time for the whole run.  [default: {TIMEOUT:g}]"),
)


# What `deliver` takes instead of these, which do not go with what it is for.
DELIVER_OPTIONS = (
    *(one for one in SCAN_OPTIONS if one.name not in ("--file", "--exim-spool", "--format", "--soft-exit")),
    ScanOption(
        "--on-reject",
        "WHAT",
        "What becomes of refused mail: delivered with X-Mailscan-Verdict, bounced, or sent to --quarantine instead.",
        choices=("tag", "bounce", "quarantine"),
        default="tag",
    ),
    ScanOption("--quarantine", "ADDR", "Where refused mail goes with --on-reject quarantine."),
    ScanOption(
        "--from-environment",
        "",
        "Take SENDER and RECIPIENT from the environment, and MAILSCAN_CLIENT_IP, _CLIENT_NAME, _HELO, _AUTH_USER.",
    ),
    ScanOption("--sendmail", "PATH", "The program that mail is handed to.", default="/usr/sbin/sendmail"),
    ScanOption("--smtp", "ADDR", "Hand mail to this SMTP server instead: HOST:PORT or [V6]:PORT."),
    ScanOption("--stdout", "", "Hand mail back on standard output instead, as Dovecot's Sieve takes it."),
)  # fmt: skip


class Request:
    """What `scan` was asked to do, checked."""

    __slots__ = (
        "envelope",
        "enveloped",
        "addressed",
        "exim_spool",
        "file",
        "policy",
        "format",
        "soft_exit",
        "explain",
        "record",
        "replay",
        "timeout",
    )

    def __init__(self, values: Values) -> None:
        """Convert what `read` or click read. Raises `UsageError`."""
        self.format = _text(values, "format") or "text"
        self.soft_exit = bool(values.get("soft_exit"))
        self.explain = bool(values["explain"])
        self.file = _text(values, "file")
        self.policy = _text(values, "policy")
        self.record = _text(values, "record")
        self.replay = _text(values, "replay")
        self.timeout = _timeout(_text(values, "timeout"))
        self.exim_spool = bool(values.get("exim_spool"))
        # Whether the caller speaks for the recipients, and for anything of the envelope.
        self.addressed = bool(values["rcpt"])
        self.enveloped = self.addressed or values["sender"] is not None
        self.envelope = _envelope(values)
        if self.file == "":
            raise UsageError("--file needs the path of a message")
        if self.policy == "":
            raise UsageError("--policy needs the path of a policy file")
        if self.record == "" or self.replay == "":
            raise UsageError("--record and --replay need the path of a file")
        if self.record is not None and self.replay is not None:
            raise UsageError("--record with --replay would copy the record: one of them is wanted")
        if self.soft_exit and self.format == "message":
            raise UsageError("--soft-exit would hide a refusal behind --format message, which has no other sign of it")
        for name, read in (("--file", self.file), ("--policy", self.policy)):
            if self.record and read and os.path.realpath(self.record) == os.path.realpath(read):
                raise UsageError(f"--record {self.record} would be written over {name}; name another file")
        if self.explain and self.format == "kv":
            raise UsageError("--explain writes to standard error, and with --format kv nothing may stand there")


def read(args: Sequence[str], options: Sequence[ScanOption] = SCAN_OPTIONS) -> tuple[Values, str]:
    """The values of the options by `ScanOption.key`, and in words why the command line is not understood.

    The reason is "" for a well-formed command line: `--name value`, `--name=value` and flags in any order, of which
    the last one counts unless it is repeatable. Otherwise the values are those that could be made out.
    """
    table = {option.name: option for option in options}
    values: Values = {option.key: option.unset for option in options}
    wrong: list[str] = []
    left = list(reversed(args))
    while left:
        word = left.pop()
        if word == "--" and not left:
            break
        name, equals, value = word.partition("=") if word.startswith("--") else (word, "", "")
        option = table.get(name)
        if option is None or (equals and not option.metavar):
            wrong.append(f"{word} is not understood")
        elif not option.metavar:
            values[option.key] = True
        elif not equals and not left:
            wrong.append(f"{name} needs a value")
        else:
            given = value if equals else left.pop()
            earlier = values[option.key]
            if isinstance(earlier, list):
                earlier.append(given)
            else:
                values[option.key] = given
    for option in options:
        if option.choices and values[option.key] not in option.choices:
            wrong.append(f"{option.name} is one of {', '.join(option.choices)}, not {values[option.key]}")
            values[option.key] = option.default
    return values, wrong[0] if wrong else ""


def _envelope(values: Values) -> Envelope:
    sender = _text(values, "sender")
    recipients = [one for given in _texts(values, "rcpt") if known(given) for one in split_addresses(given)]
    facts: dict[str, str] = {}
    for given in _texts(values, "info"):
        name, equals, fact = given.partition("=")
        if not name or not equals:
            raise UsageError(f'--info wants NAME=VALUE, as "received_protocol=esmtps", not "{given}"')
        facts[name] = fact
    return Envelope(
        None if sender is None else sender_address(sender),
        recipients,
        _client_ip(known(_text(values, "client_ip"))),
        known(_text(values, "client_name")),
        known(_text(values, "helo")),
        known(_text(values, "auth_user")),
        _text(values, "queue_id") or None,
        facts,
    )


def known(text: str | None) -> str | None:
    """None for what a mailer says when it does not know: nothing, or Postfix's `unknown`."""
    return None if text is None or text.strip() in ("", "unknown") else text


def _client_ip(text: str | None) -> str | None:
    if text is None:
        return None
    from mailscan.networks import canonical_ip

    try:
        return canonical_ip(text)
    except ValueError:
        wanted = "one as 192.0.2.1 or 2001:db8::1 is wanted"
        raise UsageError(f'--client-ip: "{text}" is no IP address; {wanted}') from None


def _timeout(text: str | None) -> float:
    if text is None:
        return TIMEOUT
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= LONGEST:
        raise UsageError(f'--timeout wants seconds, more than 0 and at most {LONGEST:g}, not "{text}"')
    return seconds


def _text(values: Mapping[str, object], key: str) -> str | None:
    value = values.get(key)
    return value if isinstance(value, str) else None


def _texts(values: Mapping[str, object], key: str) -> list[str]:
    value = values[key]
    return [one for one in value if isinstance(one, str)] if isinstance(value, (list, tuple)) else []
