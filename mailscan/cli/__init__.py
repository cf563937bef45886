"""The command `mailscan`. Whatever happens in here, a mailer gets an exit status that it understands.

This module imports nothing at its top that could fail (`os` is frozen into the interpreter): an exit status of 1 makes
Postfix and Exim bounce mail (CONTRACT 1, "Exit status").
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import NoReturn

    from mailscan.cli.streams import Streams

# Said when not even the module that words failures can be used.
_LAST_WORDS = {
    "kv": b'verdict=tempfail code="451 4.3.0" message="Message could not be checked"\n',
    "json": b'{"schema": 1, "verdict": "tempfail", "code": "451 4.3.0", "reply": ["Message could not be checked"], '
    b'"rule": "", "would": "", "quarantine": "", "score": 0.0, "edits": {"add": [], "remove": [], "change": [], '
    b'"rcpt_add": [], "rcpt_remove": [], "body": null}, "rules": [], "error": "mailscan is not whole"}\n',
}
_FLAGS = ("--soft-exit", "--exim-spool", "--explain", "--help", "--version")


def main() -> NoReturn:
    """The process: judges what the command line says, and leaves with the verdict's status.

    It leaves by `os._exit`: all is written by then, and taking an interpreter down costs time and can still fail.
    """
    status = 75
    try:
        _signals()
        # Addresses are UTF-8 (RFC 6531), whatever the locale made of the octets.
        args = [os.fsencode(word).decode("utf-8", "surrogateescape") for word in sys.argv[1:]]
        status = run(args, *_standard_descriptors(), os.environ, own_process=True)
    finally:
        os._exit(status)


def _signals() -> None:
    """Mailers bounce mail whose command dies by a signal: here every signal that would kill is a tempfail.

    What the caller blocked or ignored is undone: our time limits need SIGALRM, our children's ends SIGCHLD (Exim
    ignores it), and an alarm of the caller's own is not ours to die of.
    """
    # The built-in half of `signal`: ready before anything else is imported, which takes a while.
    import _signal  # type: ignore[import-not-found]

    _signal.setitimer(_signal.ITIMER_REAL, 0)
    _signal.signal(_signal.SIGALRM, _signal.SIG_IGN)
    _signal.signal(_signal.SIGCHLD, _signal.SIG_DFL)
    for name in ("HUP", "INT", "QUIT", "TERM", "USR1", "USR2", "XCPU", "VTALRM", "PROF", "IO", "PWR", "STKFLT"):
        if number := getattr(_signal, "SIG" + name, None):
            _signal.signal(number, _end)
    _signal.pthread_sigmask(_signal.SIG_SETMASK, ())


def _end(number: int, _: object) -> None:
    import _signal

    from mailscan.errors import Terminated

    _signal.signal(number, _signal.SIG_IGN)  # no second one while we leave
    raise Terminated(f"stopped by signal {number}")


def run(
    args: Sequence[str], stdin: int, stdout: int, stderr: int, environ: Mapping[str, str], *, own_process: bool = False
) -> int:
    """One run on these descriptors (-1 for a closed one); returns the exit status and never raises.

    Must be called in the main thread. In a process of our own, standard error is closed to everybody for
    `--format kv`. `--help`, `--version` and the commands for people write to `sys.stdout`.
    """
    scanning = (
        not args
        or args[0] in ("scan", "deliver")
        or (args[0].startswith("-") and args[0] not in ("--help", "--version"))
    )
    # As click names it; only a shell asks so, and it gives no arguments.
    completing = not args and environ.get("_MAILSCAN_COMPLETE", "").endswith(("_source", "_complete"))
    words = args[1:] if args and args[0] == "scan" else args
    form, soft = asked_for(words)
    streams: Streams | None = None
    try:
        from mailscan.cli.streams import Streams

        streams = Streams(stdin, stdout, stderr)
        streams.quiet = form == "kv"
        if completing or not scanning or (args[:1] == ["deliver"] and "--help" in args):
            from mailscan.cli.commands import run_command

            return run_command(args)
        if args and args[0] == "deliver" and "--help" not in args:
            from mailscan.cli.deliver import deliver

            return deliver(args[1:], streams, environ)
        from mailscan.cli.options import read

        values, wrong = read(words)
        form, soft = str(values["format"]), bool(values["soft_exit"]) and values["format"] != "message"
        streams.quiet = form == "kv"
        if streams.quiet and own_process:
            os.dup2(os.open("/dev/null", os.O_WRONLY), 2)
        from mailscan.cli.scan import scan

        return scan(words, values, wrong, streams, environ)
    except BaseException as error:  # noqa: BLE001 - the mailer must not see another status than 75
        if not scanning and streams is not None and type(error).__name__ == "Terminated":
            streams.complain(f"mailscan: {error}\n".encode())  # a person did that, before the command had begun
            return 1
        return _failed(form, soft, error, streams, stdout)


def _failed(form: str, soft: bool, error: BaseException, streams: Streams | None, stdout: int) -> int:
    """Say, in the format asked for, that we failed; returns the exit status."""
    try:
        from mailscan.cli.failed import report

        assert streams is not None
        return report(form, error, streams, soft_exit=soft)
    except BaseException:  # noqa: BLE001 - then with what is at hand here
        try:
            if streams is not None:
                streams.complain(f"mailscan: {' '.join(str(error).split())}\n".encode("utf-8", "replace"))
                if streams.begun:
                    return 75
            words = _LAST_WORDS.get(form, b"4.3.0 Message could not be checked\n")
            return 0 if os.write(stdout, words) == len(words) and soft else 75
        except BaseException:  # noqa: BLE001
            return 75


def asked_for(args: Sequence[str]) -> tuple[str, bool]:
    """(the format, whether `--soft-exit` is on), as far as a command line can be read without knowing its options:
    for failures that come before the table of options is there.

    What follows an option is its value, so that a sender called `--format=kv` has no say. Under the format `message`
    there is no soft exit.
    """
    form, soft = "text", False
    left = list(reversed(args))
    while left:
        word = left.pop()
        if word in _FLAGS:
            soft = soft or word == "--soft-exit"
            continue
        name, equals, value = word.partition("=")
        if word.startswith("--") and not equals and left:
            value = left.pop()
        if name == "--format" and value in ("text", "kv", "json", "message"):
            form = value
    return form, soft and form != "message"


def _standard_descriptors() -> tuple[int, int, int]:
    """0, 1 and 2, with -1 for those that are closed.

    A closed one is filled with /dev/null: else the next file that is opened would become our standard output.
    """
    found = []
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
            found.append(descriptor)
        except OSError:
            os.open("/dev/null", os.O_RDWR)
            found.append(-1)
    return found[0], found[1], found[2]
