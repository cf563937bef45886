"""Click's side of the command line: the commands for people, and the words for `scan`'s usage errors and help.

A pipe never imports this module (mailscan.cli.options).
"""

from __future__ import annotations

import errno
import os
import sys
import time
from typing import TYPE_CHECKING, Any

import click

from mailscan.cli import backtest, tryout
from mailscan.cli.audit import DIALECT, audit
from mailscan.cli.audit import HELP as AUDIT_HELP
from mailscan.cli.audit import SHARED as AUDIT_SHARED
from mailscan.cli.cases import test_command
from mailscan.cli.doctor import HELP as DOCTOR_HELP
from mailscan.cli.mtaconfig import mta_config
from mailscan.cli.options import DELIVER_OPTIONS, POLICY_HELP, SCAN_OPTIONS, ScanOption
from mailscan.cli.people import list_filters, show_filter, versions
from mailscan.cli.show import HELP as SHOW_HELP
from mailscan.cli.show import SHARED, show
from mailscan.doubts import doubts
from mailscan.errors import MailscanError, PolicyError, Terminated, UsageError
from mailscan.keys import meant
from mailscan.outgoing import printable
from mailscan.policy import find_policy, load_policy, starter_text
from mailscan.render import CARRIES, FORMATS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mailscan.cli.options import Values
    from mailscan.rule import Rule

SCAN_HELP = """Judge one message: accept, reject or tempfail.

\b
Exit status: 0 accept, 77 reject, 75 tempfail and every failure of our own.

\b
Examples:
  mailscan --rcpt spamtrap@example.com < message.eml
  mailscan --format kv --sender joe@example.org --client-ip 192.0.2.1 --file message.eml
"""
DELIVER_HELP = """Judge one message and hand it back to the mailer, for Postfix's pipe(8) and Exim's pipe transport.

Recipients stand behind `--`, or in --rcpt. Mail that is accepted, or refused and tagged, is given to `sendmail -G -i`.

\b
Exit status: 0 handed on, 77 reject, 75 tempfail and every failure of our own, of sendmail, or of the SMTP server.
Handed on is also said, `2.0.0 Handed on`; with --stdout the mail itself says it. A closed standard output is 75, and
nothing is handed on; one that fails afterwards is 75 too, so that the mail may come twice rather than be lost.

\b
Example:
  mailscan deliver --sender joe@example.org --smtp 127.0.0.1:10025 -- jane@example.com < message.eml
"""
GROUP_HELP = """Judge e-mail: accept, reject or tempfail.

Without a command, `mailscan` is `mailscan scan`: it reads one message from standard input and gives its verdict.

\b
Examples:
  mailscan --rcpt spamtrap@example.com < message.eml
  mailscan init policy.toml
  mailscan check policy.toml
"""


def run_command(args: Sequence[str]) -> int:
    """Run a command for people; returns its exit status. An unknown first word raises `UsageError`."""
    word = args[0] if args else ""
    if args and not word.startswith("-") and word not in group.commands:
        raise UsageError(f'there is no command "{word}"' + _meant(word))
    status = 0
    try:
        try:
            group.main(args=list(args), prog_name="mailscan")
        except SystemExit as leaving:
            status = leaving.code if isinstance(leaving.code, int) else 1 if leaving.code else 0
        _flush()
    except MailscanError as error:
        click.echo(f"mailscan: {error}", err=True)
        status = 1
    except OSError as error:
        click.echo(f"mailscan: standard output cannot be written: {error.strerror}", err=True)
        status = 1
    except Terminated as error:
        click.echo(f"mailscan: {error}", err=True)
        status = 1
    return status


def _meant(word: str) -> str:
    """The end of a sentence about a first word that is no command: what it was probably meant to be."""
    if os.path.isfile(word) or "/" in word or word.endswith(".eml"):
        return f"; a message is judged by `mailscan --file {word}`, and taken apart by `mailscan show {word}`"
    return meant(word, sorted(group.commands)).replace("; known are", "; there are")


def _flush() -> None:
    if sys.stdout is None:  # Python's way to say that it was closed
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    sys.stdout.flush()


def explain_usage(args: Sequence[str], wrong: str) -> Values | None:
    """Let click read a command line of `scan` that the pipe's reader does not understand (`wrong` says why).

    Gives None when click answered it (`--help`). Raises `UsageError` in click's words.
    """
    try:
        context = scan_command.make_context("mailscan scan", list(args))
    except click.exceptions.Exit:
        _flush()
        return None
    except click.UsageError as error:
        words = " ".join(error.format_message().split()).rstrip(".") or wrong
        raise UsageError(f"{words}; see `mailscan scan --help`") from None
    return values_of(context)


def values_of(context: click.Context) -> Values:
    """What click read, in the shape that `mailscan.cli.options.read` gives."""
    given = {key: list(value) if isinstance(value, tuple) else value for key, value in context.params.items()}
    return {option.key: given[option.key] for option in SCAN_OPTIONS}


def click_option(option: ScanOption) -> click.Option:
    """The option as click knows it."""
    if not option.metavar:
        return click.Option([option.name, option.key], is_flag=True, default=False, help=option.help)
    return click.Option(
        [option.name, option.key],
        metavar=None if option.choices else option.metavar,
        type=click.Choice(option.choices) if option.choices else click.STRING,
        multiple=option.repeatable,
        default=option.default,
        show_default=option.default is not None,
        help=option.help + (" Repeatable." if option.repeatable else ""),
    )


@click.pass_context
def _scan(context: click.Context, /, **_: object) -> None:
    # For who calls click's command himself; the process goes by `mailscan.cli.run`.
    from mailscan.cli.scan import scan_values
    from mailscan.cli.streams import Streams

    context.exit(scan_values(values_of(context), Streams(0, 1, 2), os.environ, time.monotonic()))


scan_command = click.Command(
    "scan",
    callback=_scan,
    params=[click_option(option) for option in SCAN_OPTIONS],
    help=SCAN_HELP,
    short_help="Judge one message (what `mailscan` does without a command).",
)


@click.pass_context
def _deliver(context: click.Context, /, recipients: tuple[str, ...], **given: Any) -> None:
    # As `_scan`: the process goes by `mailscan.cli.run`.
    from mailscan.cli.deliver import deliver
    from mailscan.cli.streams import Streams

    words: list[str] = []
    for option in DELIVER_OPTIONS:
        value = given[option.key]
        for one in value if isinstance(value, tuple) else (value,):
            words += [option.name] if one is True else [option.name, one] if isinstance(one, str) else []
    context.exit(deliver([*words, "--", *recipients], Streams(0, 1, 2), os.environ))


@click.group(help=GROUP_HELP, no_args_is_help=True)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=lambda context, _, wanted: _show_version(context) if wanted else None,
    help="Show the versions of mailscan and of what it stands on, for a bug report.",
)
def group() -> None:
    pass


group.add_command(scan_command)
group.add_command(
    click.Command(
        "deliver",
        callback=_deliver,
        params=[*map(click_option, DELIVER_OPTIONS), click.Argument(["recipients"], nargs=-1)],
        help=DELIVER_HELP,
        short_help="Judge one message and hand it back to the mailer.",
    )
)


@click.pass_context
def _audit(context: click.Context, /, **given: Any) -> None:
    values: Values = {option.key: given[option.key] for option in AUDIT_SHARED}
    values = {key: list(value) if isinstance(value, tuple) else value for key, value in values.items()}
    own = {name: given[name] for name in ("jobs", "out", "html", "resume", "network", "cluster", "dialect")}
    context.exit(audit(list(given["paths"]), values=values, **own))


group.add_command(
    click.Command(
        "audit",
        callback=_audit,
        params=[
            click.Argument(["paths"], metavar="PATH...", nargs=-1, required=True),
            click.Option(
                ["--jobs"], metavar="N", type=click.IntRange(1, 1000), help="Processes.  [default: all cores]"
            ),
            click.Option(
                ["--out"],
                metavar="FILE",
                help='Write a row for each message: .jsonl, .csv, .parquet, .sqlite; "-": JSON lines, standard output.',
            ),
            click.Option(["--html"], type=click.Path(), metavar="FILE", help="Write a page with plots for people."),
            click.Option(["--resume"], is_flag=True, help="Go on where a run with the same --out was stopped."),
            click.Option(["--network"], is_flag=True, help="Ask the rules that ask the network, too."),
            click.Option(["--cluster"], metavar="ADDR", help="Work on a Dask cluster: tcp://scheduler:8786."),
            DIALECT,
            *map(click_option, AUDIT_SHARED),
        ],
        help=AUDIT_HELP,
        short_help="Judge whole archives, and say what came of it.",
    )
)


def _show(**given: Any) -> None:
    values: Values = {key: list(value) if isinstance(value, tuple) else value for key, value in given.items()}
    own = {name: values.pop(name) for name in ("message", "format", "part", "headers", "all", "rules")}
    if own["part"] is not None and own["format"] == "json":
        raise click.UsageError("--part writes octets, and --format json tells of all parts: only one can be had")
    show(
        str(own["message"]),
        str(own["format"]),
        None if own["part"] is None else str(own["part"]),
        headers=bool(own["headers"]),
        everything=bool(own["all"]),
        rules=bool(own["rules"]),
        values=values,
    )


group.add_command(
    click.Command(
        "show",
        callback=_show,
        params=[
            click.Argument(["message"], type=click.Path(allow_dash=True), required=False, default="-"),
            click.Option(
                ["--format"], type=click.Choice(("text", "json")), default="text", show_default=True, help="For whom."
            ),
            click.Option(["--part"], metavar="PATH", help='Write the decoded octets of one part, as "1.2".'),
            click.Option(["--headers"], is_flag=True, help="List the header fields instead, those of --part if given."),
            click.Option(["--all"], is_flag=True, help="Show everything, however long it is."),
            click.Option(["--rules"], is_flag=True, help="Ask the rules of the policy too."),
            *map(click_option, SHARED),
        ],
        help=SHOW_HELP,
        short_help="Show what a message is made of, and in how many ways it can be read.",
    )
)


group.add_command(tryout.command([*map(click_option, tryout.OPTIONS)]))
group.add_command(test_command)
group.add_command(backtest.command)
group.add_command(mta_config)


def _show_version(context: click.Context) -> None:
    click.echo("\n".join(versions()))
    context.exit()


@group.command(short_help="Look for mistakes in a policy file.")
@click.argument("policy", required=False, type=click.Path())
@click.option("--door", type=click.Choice(FORMATS), help="Also say which rules this output format cannot obey.")
def check(policy: str | None, door: str | None) -> None:
    """Look for mistakes in the file POLICY, and show all of them.

    Without POLICY: $MAILSCAN_POLICY, else $XDG_CONFIG_HOME/mailscan/policy.toml (~/.config; not for root), else
    /etc/mailscan/policy.toml, else the starter policy.

    Exits with 0 if mail can be judged by it, with 1 if not. What is no mistake and probably not meant is said too.

    \b
    Example:
      mailscan check policy.toml --door kv
    """
    if policy and policy.endswith(".py"):
        raise UsageError(f"{policy} is no policy; `mailscan try {policy} MESSAGE` tries a file of Python")
    problems: list[str] = []
    try:
        loaded = load_policy(find_policy(policy, os.environ, os.geteuid()))
    except PolicyError as error:
        problems = list(error.problems)
    else:
        folder = os.path.dirname(os.path.abspath(loaded.source))
        for number, rule in enumerate(loaded.rules, 1):
            place = f"{loaded.source}: [[filter]] {number} ({rule.name}):"
            problems += [f"{place} {problem}" for problem in tryout.mistakes_of(rule, folder)]
            problems += [f"{place} {problem}" for problem in _cannot_carry(rule, door)]
    for problem in problems:
        click.echo(printable(problem), err=True)
    if problems:
        raise SystemExit(1)
    rules = ", ".join(rule.name for rule in loaded.rules)
    click.echo(
        printable(f"{loaded.source}: no mistakes; " + (f"the rules are {rules}" if rules else "it has no rules"))
    )
    unsure = [f"{rule.name}: {what}" for rule in loaded.rules for what in tryout.dropped_of(rule, folder)]
    for doubt in (*doubts(loaded, folder), *unsure):
        click.echo(printable(f"  is this meant? {doubt}"))
    for rule in loaded.rules if door else ():
        if rule.filter.writes_any and (unable := sorted(CARRIES["json"] - CARRIES[door or ""] - {"remove"})):
            click.echo(f"  {rule.name} is Python of your own: it must not want {', '.join(unable)} at --format {door}")


def _cannot_carry(rule: Rule, door: str | None) -> list[str]:
    """What the rule may ask of a door that the door cannot do, as far as can be known without a mail."""
    if door is None or rule.scope != "recipient" or "rcpt_remove" in CARRIES[door]:
        return []
    able = ", ".join(form for form in FORMATS if "rcpt_remove" in CARRIES[form])
    return [f'scope = "recipient" removes recipients, which --format {door} cannot carry; these can: {able}']


@group.command(help=DOCTOR_HELP, short_help="Ask everything the policy needs whether it answers rightly.")
@click.option("--policy", metavar="PATH", help=POLICY_HELP)
@click.option(
    "--format", "form", type=click.Choice(("text", "json")), default="text", show_default=True, help="For whom."
)
def doctor(policy: str | None, form: str) -> None:
    from mailscan.cli.doctor import doctor as examined

    raise SystemExit(examined(policy, form))


@group.command(short_help="List the filters, or show the keys of one.")
@click.argument("name", required=False, metavar="[NAME]")
@click.option("--policy", metavar="PATH", help=POLICY_HELP)
def filters(name: str | None, policy: str | None) -> None:
    """List the filters: built in, installed (entry points `mailscan.filters`), and Python that the policy uses.

    With NAME, show what that one does and the keys it takes. NAME is what a rule would `use`: a built-in or installed
    filter, a file ("./my_filters.py"), or the dotted name of a module.

    \b
    Examples:
      mailscan filters
      mailscan filters spamtrap
      mailscan filters ./my_filters.py
    """
    if name is not None:
        show_filter(name)
        return
    path = find_policy(policy, os.environ, os.geteuid())
    loaded = None
    try:
        loaded = load_policy(path)
    except PolicyError as error:
        if policy is not None:
            raise
        click.echo(f"mailscan: the filters of the policy are not listed: {error}", err=True)
    list_filters(loaded)


@group.command(short_help="Write a policy file to begin with.")
@click.argument("path", required=False, type=click.Path())
def init(path: str | None) -> None:
    """Write the starter policy to PATH, or to standard output. A file that exists is left alone.

    \b
    Example:
      mailscan init policy.toml
    """
    if path is None:
        click.echo(starter_text(), nl=False)
        return
    try:
        with open(path, "x", encoding="utf-8") as file:
            file.write(starter_text())
    except FileExistsError:
        if os.path.isdir(path):
            raise MailscanError(f"{path} is a directory; name a file, as {os.path.join(path, 'policy.toml')}") from None
        raise MailscanError(f"{path} exists and is left as it is") from None
    except FileNotFoundError:
        raise MailscanError(f"{path} cannot be written: there is no directory {os.path.dirname(path)}") from None
    except OSError as error:
        raise MailscanError(f"{path} cannot be written: {error.strerror}") from None
    click.echo(f"{path} is written; `mailscan check {path}` looks for mistakes after you change it", err=True)
