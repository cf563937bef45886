"""`mailscan mta-config`: the configuration that a mailer needs, as text that ran in the tests."""

from __future__ import annotations

import os
import shutil
import sys
from contextlib import suppress

import click

from mailscan.cli.reach import READ, RUN, RUN_SCRIPT, Reader, closed, reader
from mailscan.errors import MailscanError
from mailscan.mtaconfig import DOORS, snippet
from mailscan.policy import load_policy
from mailscan.trusted import Copies

HELP = """Print the configuration that the mailer NAME needs to call mailscan; without NAME, list them.

What is printed is what the tests install in the real mailers. It consists of files, each below a line that says where
it belongs; --file writes one of them alone, to be installed as it is. It is told what the mailer's user cannot run or
read.

\b
Examples:
  mailscan mta-config exim
  mailscan mta-config postfix --policy /etc/mailscan/policy.toml
  mailscan mta-config postfix --file 1 > /etc/postfix/mailscan.sh
"""

_PYTHON = "-python"


# Where every user's mailscan looks.
_POLICY = "/etc/mailscan/policy.toml"


def _command() -> str:
    """Where mailscan is installed: the program that runs, if it is called so, else the one on the path."""
    # The command runs a program beside it (`scripts/mailscan`), and that one runs us.
    running = os.path.abspath(sys.argv[0]).removesuffix(_PYTHON)
    if os.path.basename(running) == "mailscan" and os.access(running, os.X_OK):
        return running
    return shutil.which("mailscan") or os.path.join(os.path.dirname(sys.executable), "mailscan")


def _unreachable(path: str, who: Reader) -> str:
    """Why a mailer's user may not be able to run the command, in words; "" if nothing speaks against it."""
    if not os.path.isfile(path):
        return f"there is no {path}"
    beside = os.path.realpath(path) + _PYTHON
    programs = [path, *([beside] if os.path.isfile(beside) else [])]
    with suppress(OSError), open(programs[-1], "rb") as file:
        first = file.read(1000).partition(b"\n")[0]
        # Of a virtual environment, whose python may lie in the home of who made it.
        if first.startswith(b"#!/") and os.path.isfile(interpreter := os.fsdecode(first[2:].split()[0])):
            programs.append(interpreter)
    for program in programs:
        if where := closed(program, who, RUN_SCRIPT if _is_script(program) else RUN):
            return f"{who.name} cannot run {path}: {where} is closed to them"
    return ""


def _is_script(path: str) -> bool:
    """Whether its interpreter reads it."""
    try:
        with open(path, "rb") as file:
            return file.read(2) == b"#!"
    except OSError:
        return False


def _unread(policy: str | None, who: Reader) -> list[str]:
    """Why a mailer's user may not have the policy, a line each."""
    path = policy or _POLICY
    if policy is None and not os.path.lexists(path):
        return []  # the starter policy
    if not os.path.exists(path):
        return [f"there is no {path}"]
    if os.path.isdir(path):
        return [f"{path} is a directory, and a policy file is wanted"]
    with Copies() as copies, suppress(MailscanError):
        load_policy(path)
    # Its lists and its own Python are read for every mail too.
    blocked = [(one, closed(one, who, READ)) for one in dict.fromkeys([path, *copies.files])]
    return [f"{who.name} cannot read {one}: {where} is closed to them" for one, where in blocked if where]


def _warn(command: str, policy: str | None, who: Reader) -> None:
    """Say what keeps all mail waiting once this is installed."""
    if why := _unreachable(command, who):
        click.echo(f"mailscan: {why}; --command names another, README tells how to install for the machine", err=True)
    for why in _unread(policy, who):
        click.echo(f"mailscan: {why}; every mail is put off until it can be read", err=True)


@click.command("mta-config", help=HELP, short_help="Print the configuration that a mailer needs.")
@click.argument("name", required=False)
@click.option("--policy", metavar="PATH", help="The policy file.  [default: where mailscan looks by itself]")
@click.option("--command", metavar="PATH", help="Where mailscan is installed.  [default: this one]")
@click.option(
    "--timeout", metavar="SECONDS", type=float, help="For one message.  [default: the mailer's limit, less some]"
)
@click.option("--file", "number", metavar="N", type=int, help="Write only the Nth file, without the lines about it.")
def mta_config(
    name: str | None, policy: str | None, command: str | None, timeout: float | None, number: int | None
) -> None:
    """See HELP."""
    if name is None:
        width = max(map(len, DOORS))
        for one, door in DOORS.items():
            click.echo(f"{one:{width}}  {door.title}" + (" (not in this version)" if door.daemon else ""))
        return
    command = command or _command()
    printed = snippet(name, command, policy, timeout)
    if name != "mutt":
        _warn(command, policy, reader(DOORS[name].users))
    if number is None:
        click.echo(printed.text, nl=False)
    elif not 1 <= number <= len(printed.files):
        raise MailscanError(f"--file: {name} has the files 1 to {len(printed.files)}, not {number}")
    else:
        click.echo(printed.files[number - 1][2], nl=False)
