"""`mailscan doctor`: is everything that the policy needs there, and does it answer rightly?"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from mailscan.doctor import examine
from mailscan.document import to_json
from mailscan.outgoing import printable
from mailscan.outside import Outside
from mailscan.policy import find_policy, load_policy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mailscan.doctor import Checked

HELP = """Ask everything that the policy needs whether it is there and answers rightly.

Each rule's servers are asked as they are for mail: spamd, rspamd and clamd with messages that must be found and one
that must not; DNS lists with their test points. Nothing is delivered, learnt or changed.

\b
Exit status: 0 all is well (perhaps with warnings), 1 something is not, or the policy has mistakes.

\b
Examples:
  mailscan doctor
  mailscan doctor --policy policy.toml --format json
"""
_STYLE = {"ok": "green", "warning": "yellow", "failed": "bold red"}
_MOST = 500


def doctor(policy_path: str | None, form: str) -> int:
    """Examine and tell; gives the exit status. Raises `PolicyError` for a policy that cannot be used."""
    policy = load_policy(find_policy(policy_path, os.environ, os.geteuid()))
    checks: list[Checked] = []
    terminal = form == "text" and sys.stderr is not None and sys.stderr.isatty()
    for checked in examine(policy, Outside):
        checks.append(checked)
        if terminal:
            click.echo(
                f"\r\x1b[K{printable(checked.rule or 'machine')}: {printable(checked.probe.what)}", err=True, nl=False
            )
    if terminal:
        click.echo("\r\x1b[K", err=True, nl=False)
    failed = sum(one.probe.state == "failed" for one in checks)
    if form == "json":
        click.echo(to_json(_document(policy.source, checks)), nl=False)
    else:
        _draw(policy.source, checks, failed)
    return 1 if failed else 0


def _document(source: str, checks: Sequence[Checked]) -> dict[str, object]:
    return {
        "schema": 1,
        "policy": source,
        "ok": all(one.probe.state != "failed" for one in checks),
        "checks": [
            {
                "rule": one.rule,
                "what": one.probe.what,
                "state": one.probe.state,
                "said": one.probe.said,
                "ms": round(one.ms, 1),
            }
            for one in checks
        ],
    }


def _draw(source: str, checks: Sequence[Checked], failed: int) -> None:
    """A table for people; not on a terminal, plain lines without a width."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    terminal = sys.stdout is not None and sys.stdout.isatty()
    table = Table("rule", "what", "", "answer", "ms", box=None, pad_edge=False)
    for one in checks:
        said = printable(one.probe.said)
        table.add_row(
            Text(printable(one.rule) or "—"),
            Text(printable(one.probe.what)),
            Text(one.probe.state, style=_STYLE[one.probe.state]),
            Text(said if len(said) <= _MOST else said[: _MOST - 1] + "…"),
            Text(f"{one.ms:.0f}", style="dim"),
        )
    console = Console(width=None if terminal else 200, soft_wrap=not terminal)
    console.print(Text(f"policy: {printable(source)}"))
    console.print(table)
    warned = sum(one.probe.state == "warning" for one in checks)
    summary = f"{failed} of {len(checks)} failed" if failed else f"all {len(checks)} are well"
    console.print(Text(summary + (f", {warned} with a warning" if warned else "")))
