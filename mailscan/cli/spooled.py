"""The envelope that Exim writes above a message which it keeps for content scanning.

The file begins `From ADDRESS DATE`, where the address is Exim's $return_path, and MAILER-DAEMON if that is not set:
anybody's mail can begin so. Only the caller knows whether Exim wrote what is below it, and says so by `--exim-spool`.
"""

from __future__ import annotations

from mailscan.envelope import sender_address, split_addresses
from mailscan.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mailscan.cli.options import Request
    from mailscan.envelope import Envelope

_FROM_LINE = b"From "
# Exim writes at most these two, in this order; the next line is the sender's, whatever it is called.
_FIELDS = (b"x-envelope-from", b"x-envelope-to")


def spooled_envelope(raw: bytes) -> tuple[str, list[str], int] | None:
    """(sender, recipients, where the header begins) of a message that begins as Exim's do; else None.

    `X-Envelope-From:` and `X-Envelope-To:` are taken once each, directly below the line `From `. Without the first,
    the sender is the null sender (CONTRACT 1); the second is always there.
    Continuation lines are not taken: Exim writes none, and the message may begin with one.
    """
    if not raw.startswith(_FROM_LINE):
        return None
    at = raw.find(b"\n") + 1
    found: dict[bytes, str] = {}
    for wanted in _FIELDS:
        end = raw.find(b"\n", at)
        end = len(raw) if end < 0 else end + 1
        name, colon, value = raw[at:end].partition(b":") if at else (b"", b"", b"")
        if colon and name.lower() == wanted:
            found[wanted] = value.strip(b" \t\r\n").decode("utf-8", "surrogateescape")
            at = end
    if _FIELDS[1] not in found:
        return None
    return sender_address(found.get(_FIELDS[0], "")), split_addresses(found[_FIELDS[1]]), at


def completed(request: Request, raw: bytes) -> tuple[Envelope, int]:
    """The envelope asked for, completed by Exim's if `raw` is said to be a file of Exim's, and where the header begins.

    What the command line says of sender and recipients outranks the file. Raises `UsageError` for a file that is none
    of Exim's, and for one that looks so where nobody says who the recipients are: the configuration for Exim that we
    printed once said neither, and its mail would be judged without an envelope.
    """
    found = spooled_envelope(raw)
    if not request.exim_spool:
        if found and request.file is not None and not request.addressed:
            raise UsageError(
                f"{request.file} begins as a spool file of Exim's (X-Envelope-To below its first line): say "
                "--exim-spool if Exim wrote it, or --rcpt ADDR if not; an ACL of `mailscan mta-config exim` that does "
                "not say it is an old one, and is to be installed anew"
            )
        return request.envelope, 0
    if found is None or not found[1]:
        name = "the message" if request.file is None else request.file
        raise UsageError(
            f'--exim-spool: {name} is no spool file of Exim\'s: that begins with a line "From …", X-Envelope-From (not '
            "for the null sender) and X-Envelope-To"
        )
    sender, recipients, start = found
    envelope = request.envelope
    if not request.addressed:
        envelope = envelope.replace(recipients=recipients)
    if envelope.sender is None:
        envelope.sender = sender
    return envelope, start
