"""Handing a judged mail back to the mailer: by its `sendmail` program, or by SMTP.

Either the whole mail is taken for every recipient, or `MailscanError` is raised and nothing was: then the mailer that
gave it to us keeps it and tries again.
"""

from __future__ import annotations

import os

from mailscan.errors import MailscanError, OutOfTime

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import IO, Any

# Of what a server or program says when it refuses, as much as a log line holds.
_MOST = 500


def by_program(program: str, sender: str, recipients: Sequence[str], octets: bytes, seconds: float) -> None:
    """Give the mail to a `sendmail` (its options are those of all mailers). Raises `MailscanError`."""
    import subprocess

    # -G: it was received before, so addresses and header fields are not touched; -i: a lone dot is text.
    # No address can be taken for an option, or for anything by a shell.
    command = [program, "-G", "-i", "-f", sender or "<>", "--", *recipients]
    with _scratch() as said:
        try:
            done = subprocess.run(
                [os.fsencode(word) if word.isascii() else word.encode("utf-8", "surrogateescape") for word in command],
                input=octets,
                stdout=subprocess.DEVNULL,
                # No pipe: its end would come only when nobody has it open, and a mailer leaves a daemon behind.
                stderr=said,
                timeout=seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise MailscanError(f"{program} did not take the mail in {seconds:.0f} s") from None
        except (OSError, ValueError) as error:
            raise MailscanError(f"{program} cannot be run: {getattr(error, 'strerror', None) or error}") from None
        if done.returncode:
            said.seek(0)
            words = " ".join(said.read(4 * _MOST).decode("utf-8", "replace").split())[:_MOST]
            raise MailscanError(f"{program} ended with status {done.returncode}: {words or 'and said nothing'}")


def _scratch() -> IO[bytes]:
    """A file for what the program says; where there is no room for one, that is not kept."""
    import tempfile

    try:
        return tempfile.TemporaryFile()
    except OSError:
        return open(os.devnull, "r+b", buffering=0)


def by_smtp(address: str, sender: str, recipients: Sequence[str], octets: bytes, seconds: float) -> None:
    """Give the mail to an SMTP server (RFC 5321) at HOST:PORT or [V6]:PORT. Raises `MailscanError`.

    `seconds` are for all of it, however slowly the server answers.
    """
    import smtplib
    import socket
    from contextlib import suppress

    from mailscan.timer import Limit

    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise MailscanError(f'--smtp wants HOST:PORT or [V6]:PORT, not "{address}"')
    paths = [path(one) for one in (sender, *recipients)]
    if "<>" in paths[1:]:
        raise MailscanError("a recipient without an address cannot be sent by SMTP")
    # Without a name of ours, smtplib asks the DNS for one.
    name = socket.gethostname()
    try:
        with Limit(seconds):
            server = smtplib.SMTP(host.strip("[]"), int(port), name if "." in name else "[127.0.0.1]", timeout=seconds)
            try:
                _send(server, paths[0], paths[1:], octets)
            finally:
                # It was taken, or it was not, however the server says farewell.
                with suppress(OSError, smtplib.SMTPException):
                    server.putcmd("quit")
                server.close()
    except OutOfTime:
        raise MailscanError(f"{address} did not take the mail in {seconds:.0f} s") from None
    except (smtplib.SMTPException, OSError, ValueError) as error:
        raise MailscanError(f"{address} did not take the mail: {' '.join(str(error).split())[:_MOST]}") from None


def path(address: str) -> str:
    """The address as MAIL and RCPT have it: between angle brackets, and otherwise as it is (RFC 5321 4.1.2).

    Raises `MailscanError` for what would not be that address there: what ends the path before its end, or is a part of
    it only for some servers. Anything else is for the server to judge.
    """
    quoted = escaped = False
    for char in address:
        if char < " " or "\x7f" <= char < "\xa0":
            wrong = "a control character"
        elif escaped:
            escaped = False
            continue
        elif char == "\\":
            escaped, wrong = quoted, "" if quoted else "a backslash outside of quotes"
        elif char == '"':
            quoted, wrong = not quoted, ""
        else:
            wrong = f'"{char}" outside of quotes' if char in " <>" and not quoted else ""
        if wrong:
            raise MailscanError(f"{ascii(address)[:_MOST]} cannot be sent by SMTP: it has {wrong} (RFC 5321 4.1.2)")
    if quoted:
        raise MailscanError(f"{ascii(address)[:_MOST]} cannot be sent by SMTP: a quote is not closed (RFC 5321 4.1.2)")
    return f"<{address}>"


def _send(server: Any, sender: str, recipients: Sequence[str], octets: bytes) -> None:
    """One transaction; addresses as `path` gives them. Not by smtplib's `mail` and `rcpt`: these look for an address
    in what they are given, and send that.
    """
    server.ehlo_or_helo_if_needed()
    options = ""
    is_ascii = all(map(str.isascii, (sender, *recipients)))
    if not is_ascii or not octets.isascii():
        if server.has_extn("8bitmime"):
            options += " BODY=8BITMIME"
        # RFC 6531, for addresses only. A header with raw octets came without it from many a sender, and asking for it
        # now would make the next hop refuse the mail that does not have it.
        if not is_ascii:
            if not server.has_extn("smtputf8"):
                raise ValueError("an address is not ASCII, and the server does not know SMTPUTF8 (RFC 6531)")
            options += " SMTPUTF8"
            server.command_encoding = "utf-8"
    _expect(server.docmd("MAIL", f"FROM:{sender}{options}"), "MAIL FROM", (250,))
    for recipient in recipients:
        # One that is refused refuses all: what was taken for some of them would come twice to these.
        _expect(server.docmd("RCPT", f"TO:{recipient}"), f"RCPT TO:{recipient}", (250, 251))
    _expect(server.docmd("DATA"), "DATA", (354,))
    # A bare CR stays one: only LF, which ends lines here, becomes CRLF there (RFC 5321 2.3.8).
    text = octets.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    text = text.replace(b"\r\n.", b"\r\n..")  # RFC 5321 4.5.2
    server.send((b"." if text.startswith(b".") else b"") + text)
    server.send((b"" if text.endswith(b"\r\n") else b"\r\n") + b".\r\n")
    _expect(server.getreply(), "the message", (250,))


def _expect(reply: tuple[int, bytes], what: str, codes: tuple[int, ...]) -> None:
    if reply[0] not in codes:
        raise ValueError(f"{what}: {reply[0]} {reply[1].decode('utf-8', 'replace')}")
