"""`mailscan audit`: what a policy makes of a whole archive."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

import click

from mailscan.cli.options import SCAN_OPTIONS, Request
from mailscan.cli.outputs import check_place, keep_apart
from mailscan.cli.pages import AuditPage
from mailscan.errors import MailscanError, Terminated, UsageError
from mailscan.mailboxes.dialects import NAMES
from mailscan.outgoing import printable
from mailscan.policy import find_policy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from mailscan.audit.settings import Settings
    from mailscan.audit.totals import Totals
    from mailscan.audit.workers import Workers
    from mailscan.cli.options import Values
    from mailscan.mailboxes.tasks import Position

HELP = """Judge every message of archives, and say what came of it.

PATH is an mbox, a Maildir, an MH folder, any directory of messages, one message, a tar or zip archive of these, each
of them perhaps compressed (gzip, bzip2, xz, Zstandard, LZ4), or "-" for standard input. Every rule is asked; the
verdict is the one of `mailscan scan`, with the envelope that the archive kept unless options say another. Rules that
ask the network are left out without --network or --replay. Files that are no mail are named, and not judged.

\b
Exit status: 0 everything was read, 1 something had to be skipped, is no mail, or may be read in several ways
(--dialect), or the run was stopped, 2 a wrong command line.

\b
Examples:
  mailscan audit --policy policy.toml archive.mbox
  mailscan audit --out rows.jsonl --html report.html ~/Maildir
  zcat 2024.mbox.gz | mailscan audit --out rows.jsonl -
"""
_OWN = ("--sender", "--rcpt", "--client-ip", "--client-name", "--helo", "--auth-user", "--info", "--policy", "--replay")
SHARED = tuple(option for option in SCAN_OPTIONS if option.name in _OWN)
DIALECT = click.Option(
    ["--dialect"],
    type=click.Choice(NAMES),
    help="Which `From ` lines begin messages in every mbox.  [default: as each was written for]",
)
_FACTS = ("client_name", "helo", "auth_user")
_MOST_TOLD = 20


def audit(
    paths: list[str],
    *,
    jobs: int | None,
    out: str | None,
    resume: bool,
    network: bool,
    cluster: str | None,
    html: str | None,
    dialect: str | None,
    values: Values,
) -> int:
    """Audit what is at `paths`; returns the exit status. `values` are those of `SHARED`. Raises `MailscanError`."""
    from mailscan.audit.settings import load, read_policy, settings
    from mailscan.audit.store import Store

    try:
        request = Request({option.key: option.unset for option in SCAN_OPTIONS} | values)
        _check(paths, request, out, resume=resume, network=network)
    except UsageError as error:
        raise click.UsageError(str(error)) from None
    for path in (out, html):
        if path not in (None, "-"):
            check_place(str(path))
    from mailscan.recording import checked_record

    chosen_policy = find_policy(request.policy, os.environ, os.geteuid())
    keep_apart({"--out": out, "--html": html}, [*paths, *filter(None, (chosen_policy, request.replay))])
    text = read_policy(chosen_policy)
    replay = None if request.replay is None else checked_record(request.replay)
    rule = None if dialect is None else NAMES.index(dialect)
    chosen = settings([text], envelope=_facts(request, values), network=network, replay=replay, rule=rule)
    policy, left_out = load(text, network=network or replay is not None)
    about = {"policy or options": chosen.digest, "paths": paths}
    page = None if html is None else AuditPage(html, out)
    store = Store(str(out), about, resume=resume) if out not in (None, "-") else None
    try:
        if resume and store is not None and not store.has_gone_on and not store.is_whole and os.path.exists(store.out):
            click.echo(f"mailscan: --resume: no run for {store.out} was stopped, so all is judged again", err=True)
        if store is not None and store.is_whole:
            store.forget()
            _summarize(store.totals, text.source, left_out, to_stderr=False)
            return _status(store.totals)
        with _workers(chosen, jobs, cluster) as workers:
            totals = _run(paths, workers, policy.limits.message_size, store, out == "-", page, rule)
        if page is not None:
            page.add(store.rows() if store is not None else ())
            page.write(policy, paths, left_out, totals.unread())
        if store is not None:
            store.finish()
    except (KeyboardInterrupt, Terminated) as error:
        if store is not None:
            store.stop()
        raise MailscanError(f"{error or 'interrupted'}{'; --resume goes on' if store else ''}") from None
    except BaseException:
        if store is not None:
            store.stop()
        raise
    _summarize(totals, text.source, left_out, to_stderr=out == "-")
    return _status(totals)


def _status(totals: Totals) -> int:
    return 1 if totals.missing or totals.doubts else 0


def _check(paths: list[str], request: Request, out: str | None, *, resume: bool, network: bool) -> None:
    """Raises `UsageError` for options that cannot be used, or not together."""
    from mailscan.audit.formats import check_format

    if request.replay is not None and network:
        raise UsageError("--network with --replay: one of them is wanted")
    if out is None and resume:
        raise UsageError("--resume goes on with rows that --out keeps: name the file")
    if out not in (None, "-"):
        check_format(str(out))
    elif resume:
        raise UsageError("--resume: what was written to standard output cannot be gone on with")
    if resume and "-" in paths:
        raise UsageError("--resume: standard input cannot be read again from where a run was stopped")


def _facts(request: Request, values: Values) -> dict[str, Any]:
    """What the options say of the envelope of every mail."""
    envelope = request.envelope
    facts: dict[str, Any] = {}
    if values.get("sender") is not None:
        facts["sender"] = envelope.sender
    if values.get("rcpt"):
        facts["recipients"] = list(envelope.recipients)
    if values.get("client_ip") is not None:
        facts["client_ip"] = envelope.client_ip
    facts.update({name: getattr(envelope, name) for name in _FACTS if values.get(name) is not None})
    return facts | ({"info": envelope.info} if envelope.info else {})


def _workers(chosen: Settings, jobs: int | None, cluster: str | None) -> Any:
    if cluster is not None:
        from mailscan.audit.cluster import ClusterWorkers

        return ClusterWorkers(chosen, cluster)
    from mailscan.audit.workers import LocalWorkers

    return LocalWorkers(chosen, jobs or len(os.sched_getaffinity(0)))


def _run(
    paths: list[str],
    workers: Workers,
    most: int,
    store: Any,
    to_stdout: bool,
    page: AuditPage | None,
    rule: int | None,
) -> Totals:
    """Go through the archives; rows to the store, which a page reads at the end, or to standard output and the page."""
    from mailscan.audit.run import Reached, run
    from mailscan.audit.totals import Totals

    totals: Totals = store.totals if store is not None else Totals()
    reached = store.reached if store is not None else Reached()
    # Rows on a terminal show how it goes on, and a bar would stand between them.
    is_shown = to_stdout and sys.stdout is not None and sys.stdout.isatty()
    for _, done in told(run(paths, workers, most, reached, rule), paths, reached.position, quiet=is_shown):
        if store is not None:
            store.add(done)
            continue
        totals.add(done)
        if page is not None:
            page.add(done.rows())
        try:
            if to_stdout:
                sys.stdout.buffer.write(done.lines)
                sys.stdout.buffer.flush()
        except OSError as error:
            # Nobody reads on: what is still to be written would fail again.
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            raise MailscanError(f"standard output cannot be written: {error.strerror}") from None
    return totals


def told(
    steps: Iterator[Any], paths: list[str], after: Position | None = None, *, quiet: bool = False
) -> Iterator[Any]:
    """The steps, with a bar on a terminal, and a line now and then elsewhere; `after` is where they go on."""
    if quiet:
        yield from steps
        return
    if sys.stderr is not None and sys.stderr.isatty():
        from mailscan.cli.progress import with_bar

        yield from with_bar(steps, paths, after)
        return
    last = began = time.monotonic()
    count = 0
    for task, done in steps:
        yield task, done
        count += done.tally["messages"]
        now = time.monotonic()
        if now - last > 30:
            last = now
            click.echo(f"{count:,} messages, {count / (now - began):,.0f} a second", err=True)


def _summarize(totals: Totals, source: str, left_out: list[str], *, to_stderr: bool) -> None:
    from mailscan.audit.summary import summary

    for line in summary(totals, source, left_out):
        click.echo(printable(line), err=to_stderr)
    if not totals.tally.messages and not totals.missing:
        click.echo("mailscan: no message was found", err=True)
    tell_unread(totals)


def tell_unread(totals: Totals) -> None:
    """Say on standard error what was not judged, or may be read otherwise."""
    unread = totals.unread()
    skipped = len(totals.skipped)
    for where, why in unread[: len(unread) - skipped]:
        click.echo(f"mailscan: {printable(where)} {printable(why)}", err=True)
    for where, why in totals.skipped[:_MOST_TOLD]:
        click.echo(f"mailscan: skipped {printable(where)}: {printable(why)}", err=True)
    more = totals.missing - sum(count for count, _ in totals.others.values()) - _MOST_TOLD
    if more > 0:
        click.echo(f"mailscan: and {more:,} more that were skipped", err=True)
