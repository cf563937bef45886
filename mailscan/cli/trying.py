"""`mailscan try` and `mailscan test`: the loop for writing a filter of one's own."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

import click

from mailscan import cases
from mailscan.cli.options import SCAN_OPTIONS, Request
from mailscan.cli.scan import read_message, with_envelope
from mailscan.cli.show import SHARED
from mailscan.cli.streams import Streams
from mailscan.errors import MailscanError
from mailscan.outgoing import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mailscan.cli.options import Values
    from mailscan.policy import Policy
    from mailscan.verdict import Finding

# Of the octets that a finding points at, so many are shown.
MOST_OCTETS = 70
TRY_OPTIONS = tuple(option for option in SHARED if option.name != "--policy")
TRY_HELP = """Ask one Python file about messages, without a policy, and show what it found.

For each MESSAGE ("-" is standard input): what was found, where, and how long it took. What the file prints is shown
too. Exits with 1 if the file failed.

\b
Example:
  mailscan try my_filters.py message.eml
  mailscan try my_filters.py --sender joe@example.org message.eml
"""
TEST_HELP = """Judge the cases in DIR and below, and show where they come out otherwise than expected.

A case is a folder with message.eml, case.toml and expected.json. Exits with 1 if a case fails.

\b
Example:
  mailscan test cases
  mailscan test cases --bless
"""


def try_file(path: str, messages: Sequence[str], given: dict[str, Any]) -> int:
    """Ask the file at `path` about each message; returns how often it failed. Raises `MailscanError`."""
    from mailscan.policy import build_policy

    policy = build_policy(path, b"", {"filter": [{"use": os.path.abspath(path)}]}, os.getcwd())
    values: Values = {key: list(value) if isinstance(value, tuple) else value for key, value in given.items()}
    request = Request({option.key: option.unset for option in SCAN_OPTIONS} | values)
    return sum(_try(policy, request, message) for message in messages)


def _try(policy: Policy, request: Request, name: str) -> bool:
    from mailscan.mail import Mail
    from mailscan.outside import Outside
    from mailscan.pipeline import scan

    raw = read_message(None if name == "-" else name, policy.limits.message_size, Streams(0, 1, 2))
    envelope, message = with_envelope(request, raw)
    verdict = scan(Mail(envelope, message), policy, Outside(time.monotonic() + request.timeout))
    asked = verdict.account[0]
    colour = False if os.environ.get("NO_COLOR") else None
    what = {"clear": "found nothing", "error": "failed"}.get(asked.outcome, f"{verdict.action}")
    title = "standard input" if name == "-" else printable(name)
    click.echo(f"{click.style(title, bold=True)}: {what}  ({asked.ms:.1f} ms)", color=colour)
    if asked.why:
        click.echo(f"  {printable(asked.why)}")
    for finding in asked.findings:
        _tell(finding, raw)
    return asked.outcome == "error"


def _tell(finding: Finding, raw: bytes) -> None:
    action = f" → {finding.action}" if finding.action else ""
    detail = f"  {printable(finding.detail[:1000])}" if finding.detail else ""
    click.echo(f"  {printable(finding.code)}{action}{detail}")
    if finding.reply:
        click.echo(f"    the sender hears: {printable(finding.reply)}")
    if finding.score is not None:
        click.echo(f"    score {finding.score:+g}")
    for name, value in finding.headers:
        click.echo(f"    adds {printable(name)}: {printable(value)}")
    if finding.edits:
        click.echo("    changes the mail; `mailscan --format message` with a policy shows how")
    for at in finding.evidence:
        octets = raw[max(0, at.start) : max(0, min(at.end, at.start + MOST_OCTETS))]
        member = f", member {printable(at.member)}" if at.member else ""
        more = " …" if at.end - at.start > MOST_OCTETS else ""
        shown = printable(repr(octets)[2:-1])
        click.echo(f"    part {printable(at.part)}{member}, octets {at.start}–{at.end}: {shown}{more}")


def run_cases(folder: str, *, bless: bool) -> int:
    """Judge every case below `folder`; returns how many failed. Raises `MailscanError` if there are none."""
    found = cases.find(folder)
    failed = 0
    for one in found:
        try:
            wrong = cases.run(one, bless=bless)
        except MailscanError as error:
            wrong = [str(error)]
        if wrong:
            failed += 1
            click.echo(f"FAILED {printable(one)}")
            for line in wrong:
                click.echo(f"  {printable(line)}")
    click.echo(f"{len(found)} {'case' if len(found) == 1 else 'cases'}, {failed} failed")
    return failed
