"""`mailscan try`: one Python file of one's own against messages, without a policy."""

from __future__ import annotations

import difflib
import os
import re
import time
from typing import TYPE_CHECKING

import click

from mailscan.cli.hints import hint
from mailscan.cli.lines import echo, on_terminal
from mailscan.cli.options import SCAN_OPTIONS, Request
from mailscan.cli.scan import read_message, with_envelope
from mailscan.cli.show import SHARED
from mailscan.cli.streams import Streams
from mailscan.cli.tried import lines, outcome, summary
from mailscan.errors import MailscanError, PolicyError, UsageError
from mailscan.mail import Mail
from mailscan.mailboxes.reading import Notes, messages_in_file
from mailscan.mailboxes.tasks import files_below
from mailscan.outgoing import printable
from mailscan.outside import Outside
from mailscan.own.names import Undefined
from mailscan.pipeline import scan
from mailscan.policy import build_policy
from mailscan.slips import dropped, mistakes, passed_over

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mailscan.cli.options import Values
    from mailscan.policy import Policy
    from mailscan.rule import Rule

HELP = """Try one file of your own Python on messages, without a policy.

Shows what it found, where in the message, what would follow, and how long it took.

FILE is what a rule would `use`. MESSAGE is a message, or an archive as `mailscan audit` takes it: an mbox, a Maildir, a
directory. Without MESSAGE, or for "-" alone, standard input is one message. The options say what the mailer would:
without them, nothing is known of the envelope.

\b
Exit status: 0 if the file did its work on every message, whatever it found; 1 if it failed on one, or one could not
be read, or the file cannot be used at all.

\b
Examples:
  mailscan try ./my_filters.py --sender joe@example.org message.eml
  mailscan try --only-found ./my_filters.py ~/Maildir/cur
"""
# What the policy that we make says before a mistake: nobody wrote that policy.
_BEFORE = re.compile(r"^try: \[\[filter\]\] 1(?: \([^)]*\))?: (?:use: )?")
OPTIONS = tuple(option for option in SHARED if option.name != "--policy")


def try_file(path: str, messages: Sequence[str], values: Values, *, only_found: bool = False) -> int:
    """Ask the file about each message; gives the exit status. Raises `MailscanError` for what a person can mend."""
    request = Request({option.key: option.unset for option in SCAN_OPTIONS} | values)
    policy = _policy(path, request, messages)
    counted: dict[str, int] = {}
    slowest, which = 0.0, ""
    for called, raw in _messages(messages or ("-",), policy.limits.message_size):
        if isinstance(raw, str):
            counted["not read"] = counted.get("not read", 0) + 1
            echo([[(printable(f"{called}: {raw}"), "red")]])
            continue
        envelope, message = with_envelope(request, raw)
        verdict = scan(Mail(envelope, message), policy, Outside(time.monotonic() + request.timeout))
        said = outcome(verdict)
        counted[said] = counted.get(said, 0) + 1
        if verdict.account[0].ms >= slowest:
            slowest, which = verdict.account[0].ms, called
        if said != "nothing" or not only_found:
            echo(lines(called, message, verdict, carets=not on_terminal()))
    echo([[(one, "yellow")] for one in map(printable, dropped_of(policy.rules[0], os.getcwd()))])
    if sum(counted.values()) > 1 or only_found:
        echo([summary(counted, slowest, which)])
    return 1 if counted.get("failed") or counted.get("not read") else 0


def _policy(path: str, request: Request, messages: Sequence[str]) -> Policy:
    """A policy of the one file, which was loaded once, so that its mistakes are told and not found in a mail."""
    use = path if os.sep in path else os.path.join(os.curdir, path)
    table = {"use": use, "timeout": min(request.timeout, 3600.0)}
    if not path.endswith(".py") and os.path.isfile(path) and any(one.endswith(".py") for one in messages):
        raise UsageError(f"{path} stands where the Python file is wanted: `mailscan try my_filter.py {path}`")
    try:
        policy = build_policy("try", b"", {"filter": [table]}, os.getcwd())
    except PolicyError as error:
        problems = [_BEFORE.sub("", problem) for problem in error.problems]
        if problems[0].startswith("needs `"):
            problems[0] = f"{path}: {problems[0]}, which `try` cannot give: a policy can, or a case (`mailscan test`)"
        if not os.path.exists(path):
            problems[0] += _nearby(path)
        raise PolicyError(problems) from None
    if found := mistakes_of(policy.rules[0], os.getcwd()):
        for one in found[:-1]:
            click.echo(f"mailscan: {printable(one)}", err=True)
        raise PolicyError(found[-1:])
    return policy


def mistakes_of(rule: Rule, folder: str) -> list[str]:
    """What is wrong with the Python of a rule, whose `use` starts from `folder`; it is loaded for it."""
    source, path = _source(rule, folder)
    # What stands behind a colon is called in place of `check`.
    found = mistakes(source, path) if path and ":" not in rule.use else []
    try:
        rule.filter.ready()
    except MailscanError as error:
        said = list(getattr(error, "problems", ())) or [str(error)]
        told = [one + (f"; {meant}" if (meant := hint(one)) else "") for one in said]
        # What else makes it unready is what was seen already; a name that nothing defines is not.
        found = [*found, *told] if isinstance(error, Undefined) else found or told
    return found


def dropped_of(rule: Rule, folder: str) -> list[str]:
    """What its Python has and does not give: no mistake for sure, and not meant."""
    source, path = _source(rule, folder)
    # Behind a colon stands what is asked.
    return dropped(source, path) + ([] if ":" in rule.use else passed_over(source, path))


def _source(rule: Rule, folder: str) -> tuple[bytes, str]:
    """(the octets of the rule's file, its path); no octets if it is no file of Python."""
    match = re.fullmatch(r"(.*\.py)(:\w+)?", rule.use) if os.sep in rule.use else None
    path = os.path.join(folder, os.path.expanduser(match[1])) if match else ""
    try:
        with open(path, "rb") as file:
            return file.read(), os.path.normpath(path)
    except OSError:
        return b"", path


def _nearby(path: str) -> str:
    """The end of a sentence about a file that is not there: one of its folder that is called nearly so."""
    folder, name = os.path.split(path)
    try:
        files = [one for one in os.listdir(folder or os.curdir) if one.endswith(".py")]
    except OSError:
        return f"; there is no folder {folder}"
    close = difflib.get_close_matches(name if name.endswith(".py") else name + ".py", files, 1)
    if close:
        return f"; did you mean {os.path.join(folder, close[0])}?"
    return f"; there are {', '.join(sorted(files)[:10])}" if files else f"; there is no Python file in {folder or '.'}"


def _messages(named: Sequence[str], most: int) -> Iterator[tuple[str, bytes | str]]:
    """(where it stands, its octets) of every message in what is named, as `mailscan audit` finds them; or, in words,
    why something could not be read. Raises `MailscanError` where nothing can be.
    """
    if tuple(named) == ("-",):
        yield "standard input", read_message(None, most, Streams(0, 1, 2))
        return
    count = 0
    notes = Notes()
    for name in named:
        for path in files_below(name):
            for source, offset, raw in messages_in_file(path, notes, most):
                count += 1
                yield (f"{source}:{offset}" if offset else source), raw
            skipped, _, empty = notes.taken()
            for source, why in [*skipped, *([(path, "is empty")] if empty else [])]:
                if not count and len(named) == 1 and path == name:
                    raise MailscanError(f"no message: {source}: {why}")
                yield source, why
                count += 1
    if not count:
        raise MailscanError(f"no message: {named[0]} is a directory, and there is no file in it")


def command(options: Sequence[click.Parameter]) -> click.Command:
    """The command, with those of `OPTIONS`."""

    def run(file: str, messages: tuple[str, ...], only_found: bool, **given: object) -> None:
        values: Values = {key: list(one) if isinstance(one, tuple) else one for key, one in given.items()}  # type: ignore[misc]
        click.get_current_context().exit(try_file(file, messages, values, only_found=only_found))

    return click.Command(
        "try",
        callback=run,
        params=[
            click.Argument(["file"], type=click.Path()),
            click.Argument(["messages"], nargs=-1, type=click.Path(allow_dash=True), metavar="[MESSAGE]..."),
            click.Option(["--only-found"], is_flag=True, help="Leave out messages in which nothing is found."),
            *options,
        ],
        help=HELP,
        short_help="Try a file of your own Python on messages.",
    )
