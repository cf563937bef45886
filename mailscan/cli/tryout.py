"""`mailscan try`: one Python file of one's own against messages, without a policy."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import click

from mailscan.cli.options import SCAN_OPTIONS, Request
from mailscan.cli.scan import read_message, with_envelope
from mailscan.cli.show import SHARED
from mailscan.cli.streams import Streams
from mailscan.errors import PolicyError
from mailscan.explain import explain
from mailscan.mail import Mail
from mailscan.outgoing import printable
from mailscan.outside import Outside
from mailscan.pipeline import scan
from mailscan.policy import build_policy
from mailscan.structure import escaped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mailscan.cli.options import Values
    from mailscan.message import Message
    from mailscan.verdict import Verdict

HELP = """Try one file of your own Python on messages, without a policy.

Shows what it found, where in the message, and how long it took.

FILE is what a rule would `use`. Without MESSAGE, or for "-", standard input is read. The options say what the mailer
would. Exits with 0, or with 1 when the file could not do its work on a message.

\b
Example:
  mailscan try ./my_filters.py --sender joe@example.org message.eml
"""
# Of the octets that a finding points at.
_EXCERPT = 160
OPTIONS = tuple(option for option in SHARED if option.name != "--policy")


def try_file(path: str, messages: Sequence[str], values: Values) -> int:
    """Ask the file about each message; gives the exit status. Raises `MailscanError` for what a person can mend."""
    request = Request({option.key: option.unset for option in SCAN_OPTIONS} | values)
    use = path if os.sep in path else os.path.join(os.curdir, path)
    table = {"use": use, "timeout": min(request.timeout, 3600.0)}
    try:
        policy = build_policy("try", b"", {"filter": [table]}, os.getcwd())
    except PolicyError as error:
        raise PolicyError([problem.removeprefix("try: [[filter]] 1: ") for problem in error.problems]) from None
    (rule,) = policy.rules
    rule.filter.ready()
    failed = False
    for name in messages or ("-",):
        raw = read_message(None if name == "-" else name, policy.limits.message_size, Streams(0, 1, 2))
        envelope, message = with_envelope(request, raw)
        started = time.monotonic()
        verdict = scan(Mail(envelope, message), policy, Outside(started + request.timeout))
        _tell("standard input" if name == "-" else name, message, verdict, time.monotonic() - started)
        failed = failed or verdict.account[0].outcome == "error"
    return 1 if failed else 0


def _tell(name: str, message: Message, verdict: Verdict, seconds: float) -> None:
    click.echo(click.style(printable(name), bold=True))
    text = explain(verdict, "none, for a trial", milliseconds=seconds * 1000)
    click.echo("".join(f"  {line}\n" for line in text.splitlines()), nl=False)
    for finding in verdict.account[0].findings:
        for one in finding.evidence:
            octets = escaped(message.raw[one.start : one.end], _EXCERPT)
            click.echo(f"  {one.start}–{one.end}  " + click.style(octets, dim=True))


def command(options: Sequence[click.Parameter]) -> click.Command:
    """The command, with those of `OPTIONS`."""

    def run(file: str, messages: tuple[str, ...], **given: object) -> None:
        values: Values = {key: list(one) if isinstance(one, tuple) else one for key, one in given.items()}  # type: ignore[misc]
        click.get_current_context().exit(try_file(file, messages, values))

    return click.Command(
        "try",
        callback=run,
        params=[
            click.Argument(["file"], type=click.Path()),
            click.Argument(["messages"], nargs=-1, type=click.Path(allow_dash=True), metavar="[MESSAGE]..."),
            *options,
        ],
        help=HELP,
        short_help="Try a file of your own Python on messages.",
    )
