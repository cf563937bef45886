"""What the tests of enmime expect of the messages in its `testdata`: its golden files are of messages that it wrote.

Where it says that a part has no type, the default stands here (RFC 2045 5.2). Its guesses at charsets are left out.
All other messages of the suite have no expectation but that some error is or is not reported.
"""

from __future__ import annotations

# The whole tree, where all of it is stated.
TREES = {
    "parts/textplain.raw": "text/plain",
    "parts/quoted-printable.raw": "text/plain",
    "parts/quoted-printable-invalid.raw": "text/plain",
    "parts/missing-ctype-root.raw": "text/plain",
    "parts/header-only.raw": "text/html",
    "parts/malformed-content-type-params.raw": "text/html",
    "parts/missing-closing-param-quote.raw": "text/html",
    "parts/unquoted-ctype-param-special.raw": "text/calendar",
    "parts/chardet-fail.raw": "text/plain",
    "parts/chardet-fail-non-txt.raw": "image/gif",
    "parts/barren-content-type.raw": "text/plain",
    "parts/multialtern.raw": "multipart/alternative( text/plain text/html)",
    "parts/missing-ctype.raw": "multipart/alternative( text/plain text/html)",
    "parts/empty-header.raw": "multipart/alternative( text/plain text/html)",
    "parts/multimixed.raw": "multipart/mixed( text/plain text/plain)",
    "parts/multiother.raw": "multipart/x-enmime( text/plain text/plain)",
    "parts/nestedmulti.raw": "multipart/alternative( text/plain multipart/related( text/html text/plain text/plain))",
    "parts/similar-boundary.raw": "multipart/mixed( text/plain multipart/alternative( text/plain text/html))",
    "parts/bin-attach.raw": "multipart/mixed( text/plain application/octet-stream)",
    "parts/multibase64.raw": "multipart/mixed( text/plain text/html)",
    "parts/badboundary.raw": "multipart/alternative( text/plain text/html text/plain)",
}

_OCTETS = bytes.fromhex(
    "0317e17ee8eba2969d95a7678209df8e0c2c6a2b9bbe79a469d8ae86d7aba8725215fb80"
    "8e47e1aeaa5ea2b2c09059e335f860b7b16377d75f9258a875"
)

# (message, path, file name or "", octets that the decoded data holds)
PARTS: list[tuple[str, str, str, bytes]] = [
    ("parts/textplain.raw", "1", "", b"Test of text/plain section"),
    ("parts/quoted-printable.raw", "1", "", b"Start=ABC=Finish"),
    ("parts/quoted-printable-invalid.raw", "1", "", "Stuffs\u2019s Weekly Summary".encode()),
    ("parts/multialtern.raw", "1.1", "", b"A text section"),
    ("parts/multialtern.raw", "1.2", "", b"An HTML section"),
    ("parts/missing-ctype.raw", "1.1", "", b"A text section"),
    ("parts/missing-ctype.raw", "1.2", "", b"An HTML section"),
    ("parts/empty-header.raw", "1.1", "", b"A text section"),
    ("parts/empty-header.raw", "1.2", "", b"An HTML section"),
    ("parts/header-only.raw", "1", "file.html", b""),
    ("parts/multimixed.raw", "1.1", "", b"Section one"),
    ("parts/multimixed.raw", "1.2", "", b"Section two"),
    ("parts/multiother.raw", "1.1", "", b"Section one"),
    ("parts/multiother.raw", "1.2", "", b"Section two"),
    ("parts/nestedmulti.raw", "1.1", "", b"A text section"),
    ("parts/nestedmulti.raw", "1.2.1", "", b"An HTML section"),
    ("parts/nestedmulti.raw", "1.2.2", "attach.txt", b"An inline text attachment"),
    ("parts/nestedmulti.raw", "1.2.3", "attach2.txt", b"Another inline text attachment"),
    ("parts/similar-boundary.raw", "1.1", "", b"Section one"),
    ("parts/similar-boundary.raw", "1.2.1", "", b"A text section"),
    ("parts/similar-boundary.raw", "1.2.2", "", b"An HTML section"),
    ("parts/bin-attach.raw", "1.1", "", b"A text section"),
    ("parts/bin-attach.raw", "1.2", "test.bin", b"PK\x03\x04\x14\x00\x08\x00\x08\x00\xc2\x02\x29\x4a\x00\x00"),
    ("parts/multibase64.raw", "1.1", "", b"A text section"),
    ("parts/multibase64.raw", "1.2", "test.html", b"<html>"),
    ("parts/badboundary.raw", "1.2", "", b"An HTML section"),
    ("parts/unquoted-ctype-param-special.raw", "1", "calendar.ics", b""),
    ("parts/chardet-fail.raw", "1", "rzkly.txt", b"GIF89ad"),
    ("parts/chardet-fail-non-txt.raw", "1", "rzkly.gif", b"GIF89ad"),
    ("parts/multimixed-no-closing-boundary.raw", "1.1", "", b"<html>"),
    ("mail/attachment.raw", "1.1", "", b"A text section"),
    ("mail/attachment.raw", "1.2", "test.html", b"<html>"),
    ("mail/attachment-octet.raw", "1.1", "", b"A text section"),
    ("mail/attachment-octet.raw", "1.2", "ATTACHMENT.EXE", _OCTETS),
    ("mail/attachment-application.raw", "1.2", "some.doc", b""),
    ("mail/other-parts.raw", "1.1", "", b"A text section"),
    ("mail/other-parts.raw", "1.2", "B05.gif", b"GIF89a\x0f\x00\x0f\x00\xa2\x05\x00"),
    ("mail/html-mime-inline.raw", "1.1", "", b"Test of text section"),
    ("mail/html-mime-inline.raw", "1.2.1", "", b">Test of HTML section<"),
    ("mail/html-mime-inline.raw", "1.2.2", "favicon.png", b"\x89PNG"),
    ("mail/html-only-inline.raw", "1.1.2", "favicon.png", b"\x89PNG"),
    ("mail/attachment-only.raw", "1", "favicon.jpg", b"\x89PNG"),
    ("mail/attachment-only-inline.raw", "1", "favicon.jpg", b"\x89PNG"),
    ("mail/mime-alternative.raw", "1.1", "", b"Section one"),
    ("mail/mime-mixed.raw", "1.2", "", b"Section two"),
    ("mail/mime-duplicate-param.raw", "1.2", "Invoice_302232133150612.pdf", b""),
    ("mail/mime-bad-content-type.raw", "1.2", "Invoice_302232133150612.pdf", b""),
    ("mail/mime-blank-media-name.raw", "1.2", "Invoice_302232133150612.pdf", b""),
    ("mail/quoted-printable.raw", "1", "", b"Phasellus sit amet arcu"),
    ("mail/quoted-printable-mime.raw", "1.1", "", b"Nullam venenatis ante"),
]

EPILOGUES = {"mail/epilogue-sample.raw": b"Potentially malicious content\n"}
