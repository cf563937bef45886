"""`mailscan show`: what a message is made of, for people and as JSON; one part's octets; a header."""

from __future__ import annotations

import errno
import io
import os
import sys
import time
from typing import TYPE_CHECKING

import click

from mailscan.cli.options import SCAN_OPTIONS, Request
from mailscan.cli.rowed import found
from mailscan.cli.scan import read_message, with_envelope
from mailscan.cli.streams import Streams
from mailscan.document import to_json
from mailscan.errors import MailscanError
from mailscan.message import Message
from mailscan.outgoing import printable
from mailscan.policy import Limits, find_policy, load_policy
from mailscan.structure import LONGEST_TEXT, MOST, fields, place, structure

if TYPE_CHECKING:
    from mailscan.cli.options import Values
    from mailscan.mime import Part
    from mailscan.policy import Policy
    from mailscan.verdict import Verdict

HELP = """Show what a message is made of: its parts, what they really are, and how it can be read in more than one way.

MESSAGE is a file; without it, or for "-", standard input is read. x.jsonl:12 is the message of row 12 that `mailscan
audit --out x.jsonl` wrote, with the evidence of that row; archive.mbox:34567 is the message that begins there in an
archive. Nothing is asked outside, unless --rules, or an option about policy or envelope, has the rules asked too.

\b
Examples:
  mailscan show message.eml
  mailscan show --policy policy.toml --rcpt joe@example.com message.eml
  mailscan show --part 1.2 message.eml > attachment.bin
  mailscan show --format json message.eml | python3 -m json.tool
"""
# The options of `scan` that tell of the policy and the envelope mean the same here.
_NOT_HERE = ("--file", "--format", "--soft-exit", "--explain", "--record", "--replay")
SHARED = tuple(option for option in SCAN_OPTIONS if option.name not in _NOT_HERE)


def show(
    path: str, form: str, part_path: str | None, headers: bool, everything: bool, rules: bool, values: Values
) -> None:
    """Show the message at `path` ("-": standard input). `values` are those of `SHARED`.

    The rules are asked if `rules` is set or any of `values` tells of policy or envelope. Raises `MailscanError` for
    what a person can mend.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        # What the terminal's charset has not is written as an escape.
        sys.stdout.reconfigure(errors="backslashreplace")
    request = Request({option.key: option.unset for option in SCAN_OPTIONS} | values)
    asked = rules or any(value not in (None, [], False) for key, value in values.items() if key != "timeout")
    policy = load_policy(find_policy(request.policy, os.environ, os.geteuid())) if asked else None
    limits = Limits({}) if policy is None else policy.limits
    row = found(path)
    if row is None:
        raw = read_message(None if path == "-" else path, limits.message_size, Streams(0, 1, 2))
        request.envelope, message = with_envelope(request, raw if path == "-" else _letter(path, raw))
    else:
        message = Message(row.raw)
        if not request.enveloped:
            request.envelope = row.envelope
    if headers:
        _print_headers(message, _part_at(message, part_path or "1"), everything)
        return
    if part_path is not None:
        _write_part(_part_at(message, part_path))
        return
    if policy is None:
        verdict, account = (None, "") if row is None else (row.verdict, row.account)
    else:
        verdict, account = _judge(request, message, policy)
    started = time.monotonic()

    def remaining() -> float:
        return max(0.0, started + request.timeout - time.monotonic())

    name = "standard input" if path == "-" else path
    taken_apart = structure(message, remaining, file=name, verdict=verdict, everything=everything)
    if form == "json":
        click.echo(to_json(taken_apart), nl=False)
        return
    from mailscan.cli.tree import draw

    draw(taken_apart, account)


def _letter(path: str, raw: bytes) -> bytes:
    """The message of a file that has it in a form of its own. Raises `MailscanError` for what is no mail."""
    from mailscan.mailboxes.notmail import NO_HEADER, NOT_MAIL, Letter, letter_in
    from mailscan.mailboxes.reading import OUTLOOK, Notes, messages_in_file

    if raw.startswith(OUTLOOK):
        notes = Notes()
        if octets := next((one for _, _, one in messages_in_file(path, notes, len(raw))), None):
            return octets
        raise MailscanError(f"no message: {path} {notes.skipped[0][1]}")
    found = letter_in(path, raw)
    if isinstance(found, Letter):
        return raw[found.begin : found.end]
    if not found.startswith(NOT_MAIL) or found.endswith(NO_HEADER):
        return raw  # what is asked about a broken mail
    raise MailscanError(f"no message: {path} {found}; `mailscan show < {path}` takes any octets for one")


def _judge(request: Request, message: Message, policy: Policy) -> tuple[Verdict, str]:
    """(what all the rules make of the message, the account of it for people)."""
    from mailscan.explain import explain
    from mailscan.mail import Mail
    from mailscan.outside import Outside
    from mailscan.pipeline import scan

    started = time.monotonic()
    verdict = scan(
        Mail(request.envelope, message), policy, Outside(started + request.timeout, policy.outside), thorough=True
    )
    colour = _on_terminal() and not os.environ.get("NO_COLOR")
    return verdict, explain(verdict, policy.source, milliseconds=(time.monotonic() - started) * 1000, colour=colour)


def _part_at(message: Message, path: str) -> Part:
    for part in message.parts:
        if part.path == path:
            return part
    paths = sorted((part.path for part in message.parts), key=place)
    some = ", ".join(paths[:20]) + (" …" if len(paths) > 20 else "")
    raise MailscanError(f'there is no part "{path}"; there are {some}')


def _write_part(part: Part) -> None:
    """A part's decoded octets on standard output; a terminal gets text only, without controls."""
    from mailscan.filetype import is_text

    if not _on_terminal():
        if sys.stdout is None:  # Python's way to say that it was closed
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        sys.stdout.buffer.write(part.data)
    elif is_text(part.data):
        for line in part.text.splitlines():
            click.echo("\t".join(map(printable, line.split("\t"))))
    else:
        raise MailscanError(f"part {part.path} is no text: send it to a file or a program, as in `> part.bin`")


def _print_headers(message: Message, part: Part, everything: bool) -> None:
    """The header fields of a part, decoded; below those that were not written so, their octets."""
    most = len(part.headers) if everything else MOST
    colour = False if os.environ.get("NO_COLOR") else None  # None: on terminals
    for field in fields(message, part, most, len(message.raw) if everything else LONGEST_TEXT):
        name, text = printable(field["name"]), printable(field["text"])
        span = "" if field["start"] is None else f"  ({field['start']}–{field['end']})"
        click.echo(click.style(f"{name}:", bold=True) + f" {text}" + click.style(span, dim=True), color=colour)
        if f"{field['name']}: {field['text']}\\n" != field["raw"].replace("\\r\\n", "\\n"):
            click.echo(click.style(f"    {field['raw']}", dim=True), color=colour)
    if len(part.headers) > most:
        click.echo(f"({len(part.headers) - most} more fields: --all shows them)")


def _on_terminal() -> bool:
    return sys.stdout is not None and sys.stdout.isatty()
