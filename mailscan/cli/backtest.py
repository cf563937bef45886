"""`mailscan backtest`: what a new policy would do to mail that an old one has judged, before anybody enables it."""

from __future__ import annotations

import os
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

import click

from mailscan.cli.audit import DIALECT, tell_unread, told
from mailscan.cli.outputs import check_place, keep_apart, writing
from mailscan.errors import MailscanError
from mailscan.mailboxes.dialects import NAMES
from mailscan.newfile import is_device

if TYPE_CHECKING:
    from typing import Any

    from mailscan.audit.comparison import Comparison
    from mailscan.audit.rows import Row
    from mailscan.report.facts import Facts

HELP = """Judge an archive by the policy NEW and by the one it is to replace; say what changes, and for whom.

PATH is an mbox, a Maildir, an MH folder, a directory, a message, a tar or zip of those, compressed or not. Newly
refused mail is listed, the most innocent-looking first, with what speaks for it.

\b
Exit status: 1 when more mail than --allow went through before and would be refused now, there was no mail to go by, or
an mbox may be read in several ways (--dialect), 2 for a wrong command line, else 0.

\b
Examples:
  mailscan backtest new.toml --against policy.toml --own example.com ~/Maildir
  mailscan backtest new.toml --against policy.toml --expect ham ham.mbox --expect spam spam.mbox --html report.html
"""


class Run:
    """What the command line asked for."""

    def __init__(self, given: dict[str, Any]) -> None:
        self.new: str = given["new"]
        self.old: str = given["against"]
        self.paths: tuple[str, ...] = given["paths"]
        self.expected: tuple[tuple[str, str], ...] = given["expect"]
        self.own: tuple[str, ...] = given["own"]
        self.allow: int = given["allow"]
        self.most: int = given["list"]
        self.out: str | None = given["out"]
        self.html: str | None = given["html"]
        self.network: bool = given["network"]
        self.replay: str | None = given["replay"]
        self.rule = None if given["dialect"] is None else NAMES.index(given["dialect"])
        if self.network and self.replay:
            raise click.UsageError("--network asks, and --replay answers without asking: only one can be had")
        if self.out and not self.out.endswith(".jsonl") and not is_device(self.out):
            raise click.UsageError(f"--out {self.out}: rows of a backtest are JSON lines: call it .jsonl")
        read = [self.new, self.old, *self.paths, *(path for _, path in self.expected)]
        keep_apart({"--out": self.out, "--html": self.html}, [*read, *([self.replay] if self.replay else [])])
        for path in filter(None, (self.out, self.html)):
            check_place(path)
        self.jobs: int = given["jobs"] or len(os.sched_getaffinity(0))
        if not self.paths and not self.expected:
            raise click.UsageError("what is to be judged? PATH, or --expect ham PATH, is missing")

    def groups(self) -> list[tuple[str, list[str]]]:
        """(label, paths) in the order in which they are read."""
        groups = [(label, [path]) for label, path in self.expected]
        return ([("", list(self.paths))] if self.paths else []) + groups


def backtest(**given: Any) -> None:
    """Run the command; leaves with its exit status. Raises `MailscanError` for what a person can mend."""
    run = Run(given)
    raise SystemExit(_compare(run))


def _compare(run: Run) -> int:
    from mailscan.audit.comparison import Comparison
    from mailscan.audit.pairs import Pairs, pairs_of
    from mailscan.audit.run import run as judged
    from mailscan.audit.settings import load, read_policy, settings
    from mailscan.audit.totals import Totals
    from mailscan.audit.workers import LocalWorkers
    from mailscan.cli.changes import tell
    from mailscan.recording import checked_record
    from mailscan.report.facts import Facts

    policies = [read_policy(run.old), read_policy(run.new)]
    record = None if run.replay is None else checked_record(run.replay)
    asks = run.network or record is not None
    loaded = [load(policy, network=asks) for policy in policies]
    left_out = {os.path.basename(policy.source): rules for policy, (_, rules) in zip(policies, loaded, strict=True)}
    most = min(policy.limits.message_size for policy, _ in loaded)
    both = settings(policies, network=run.network, replay=record, rule=run.rule)

    with closing(Comparison(run.own)) as comparison, LocalWorkers(both, run.jobs, Pairs) as workers:
        totals = Totals()
        for label, paths in run.groups():
            for _, done in told(judged(paths, workers, most, rule=run.rule), paths):
                comparison.take(pairs_of(done.lines), label)
                totals.add(done)
        tell_unread(totals)
        if not comparison.matrix:
            raise MailscanError("no message was read, so nothing is known about the policies")
        comparison.errors = errors = totals.tally.errors
        paths = [path for _, some in run.groups() for path in some]
        unasked = sorted({rule for rules in left_out.values() for rule in rules})
        _finish(run, comparison, Facts(run.new, paths, left_out=unasked, skipped=totals.unread(), errors=errors))
        tell(comparison, run, left_out)
        refused = comparison.refused_now()
        # Of an mbox that may be read in several ways nobody knows what its mails are.
        return 1 if refused > run.allow or totals.doubts else 0


def _finish(run: Run, comparison: Comparison, facts: Facts) -> None:
    """Weigh the changed mails, and write the files asked for."""
    from mailscan.audit.rows import to_line

    changes = None
    if run.html:
        from mailscan.report.compared import Changes

        changes = Changes(run.out)
    with ExitStack() as stack:
        file = stack.enter_context(writing(run.out)) if run.out else None

        def each(row: Row) -> None:
            if file is not None:
                file.write(to_line(row))
            if changes is not None:
                changes.add(row)

        # Of mails alike only one is listed.
        comparison.finish(run.most * 10, each)
    if run.html and changes is not None:
        from mailscan.cli.changes import apart
        from mailscan.report.compared import backtest_page

        with writing(run.html) as page:
            page.write(backtest_page(comparison, changes, *apart(run.old, run.new), facts, run.allow).encode())


command = click.Command(
    "backtest",
    callback=backtest,
    params=[
        click.Argument(["new"], type=click.Path(), metavar="NEW"),
        click.Argument(["paths"], nargs=-1, type=click.Path(exists=True, allow_dash=True), metavar="[PATH]..."),
        click.Option(["--against"], required=True, metavar="OLD", help="The policy that NEW is to replace."),
        click.Option(
            ["--expect"],
            nargs=2,
            multiple=True,
            type=(click.Choice(("ham", "spam")), click.Path(exists=True)),
            metavar="ham|spam PATH",
            help="An archive all of whose mail is wanted, or all unwanted: errors are counted. Repeatable.",
        ),
        click.Option(
            ["--own"],
            multiple=True,
            metavar="DOMAIN",
            help="A domain of ours: whom it wrote to, and answers to its mail, look innocent. Repeatable.",
        ),
        click.Option(
            ["--allow"],
            type=click.IntRange(0),
            default=0,
            show_default=True,
            metavar="N",
            help="So much newly refused mail is no failure.",
        ),
        click.Option(
            ["--list"],
            type=click.IntRange(0),
            default=20,
            show_default=True,
            metavar="N",
            help="How much of the newly refused mail is listed.",
        ),
        click.Option(["--out"], type=click.Path(), metavar="FILE.jsonl", help="Write a row for every changed mail."),
        click.Option(["--html"], type=click.Path(), metavar="FILE.html", help="Write a page with all of it."),
        click.Option(["--network"], is_flag=True, help="Also ask the rules that ask the network."),
        click.Option(["--replay"], metavar="FILE", help="Answer these rules from a FILE of `mailscan scan --record`."),
        DIALECT,
        click.Option(["--jobs"], type=click.IntRange(1, 1000), metavar="N", help="Processes.  [default: one a core]"),
    ],
    help=HELP,
    short_help="Say what a new policy would change, before it is enabled.",
)
