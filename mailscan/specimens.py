"""Messages that scanners agree to take for the worst there is, so that one can see whether they look.

They stand here in pieces: whole, they would have this file taken for what they only stand for.
"""

from __future__ import annotations

_GTUBE = ("XJS*C4JDBQADN1.NSBN3*2IDNEN*", "GTUBE-STANDARD-ANTI-UBE", "-TEST-EMAIL*C.34X")
_EICAR = ("X5O!P%@AP[4\\PZX54(P^)7CC)7}$", "EICAR-STANDARD-ANTIVIRUS", "-TEST-FILE!$H+H*")


def _pieces(pieces: tuple[str, ...]) -> bytes:
    return "".join(pieces).encode("ascii")


def eicar() -> bytes:
    """The file that every virus scanner knows (EICAR, 2003): 68 octets."""
    return _pieces(_EICAR)


def spam() -> bytes:
    """A message with GTUBE, which SpamAssassin gives 1000 points and rspamd rejects."""
    return _message(b"text/plain", _pieces(_GTUBE))


def infected() -> bytes:
    """A message that carries EICAR's file."""
    from binascii import b2a_base64

    return _message(b'application/octet-stream; name="eicar.com"', b2a_base64(eicar()), b"base64")


def harmless() -> bytes:
    """A message that nobody can have anything against."""
    return _message(b"text/plain", b"This message asks whether mail is looked at. Nothing is wrong with it.\n")


def _message(kind: bytes, body: bytes, encoding: bytes = b"7bit") -> bytes:
    return b"\r\n".join(
        [
            b"Received: from localhost (localhost [127.0.0.1]) by localhost with SMTP; Thu, 1 Jan 2026 00:00:00 +0000",
            b"From: mailscan <doctor@example.com>",
            b"To: Postmaster <postmaster@example.com>",
            b"Subject: mailscan doctor",
            b"Date: Thu, 1 Jan 2026 00:00:00 +0000",
            b"Message-ID: <mailscan-doctor@example.com>",
            b"MIME-Version: 1.0",
            b"Content-Type: " + kind,
            b"Content-Transfer-Encoding: " + encoding,
            b"",
            body.rstrip(b"\n"),
            b"",
        ]
    )
