"""`mailscan test`: a postmaster's own cases, run and told."""

from __future__ import annotations

import click

from mailscan.cases import Case, folders
from mailscan.errors import MailscanError
from mailscan.outgoing import printable

HELP = """Run the cases at or below the folders DIR, and show what is not as it should be.

A case is a folder with a message (message.eml), the rules and the envelope (case.toml), and the verdict owed
(expected.json). See docs/cases.md. Exits with 0 if all are as they should be, else with 1.

\b
Example:
  mailscan test --bless my-cases
"""


def run_cases(places: tuple[str, ...], *, bless: bool) -> int:
    """Run them; gives the exit status. Raises `MailscanError` where there are none."""
    wrong = count = 0
    for place in places:
        for folder in folders(place):
            count += 1
            written = ""
            try:
                case = Case(folder)
                faults = list(case.faults(bless=bless))
                written = case.written
            except MailscanError as error:
                faults = [str(error)]
            except OSError as error:
                faults = [f"{folder}: {error.strerror}"]
            wrong += bool(faults)
            if written:
                click.echo(click.style(printable(folder), bold=True) + printable(f": written: {written}"))
            if faults:
                click.echo(click.style(printable(folder), bold=True))
            for fault in faults:
                _tell(fault)
    click.echo(f"{count} case{'s' * (count != 1)}, {wrong or 'none'} of them wrong")
    return 1 if wrong else 0


def _tell(fault: str) -> None:
    for line in fault.splitlines():
        colour = {"+": "green", "-": "red"}.get(line[:1])
        click.echo("  " + click.style(printable(line), fg=colour))


test_command = click.Command(
    "test",
    callback=lambda places, bless: click.get_current_context().exit(run_cases(places, bless=bless)),
    params=[
        click.Argument(["places"], nargs=-1, required=True, metavar="DIR...", type=click.Path(exists=True)),
        click.Option(["--bless"], is_flag=True, help="Write what comes out now into each expected.json."),
    ],
    help=HELP,
    short_help="Run cases of your own: messages with the verdicts owed.",
)
