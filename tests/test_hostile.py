"""Messages made to be read for ever, their ambiguities too: 3 s and 3 × the message each, beyond the interpreter's own.

Each is read in a child, whose memory is its own. Time is bounded generously, since the machine that tests may be slow;
`pytest -s` prints what was measured.
"""

from __future__ import annotations

import base64
import os
import time
from typing import TYPE_CHECKING

import pytest

from mailscan.message import Message

if TYPE_CHECKING:
    from collections.abc import Callable

MIXED = b'Content-Type: multipart/mixed; boundary="b"\n\n'
LINE = base64.b64encode(bytes(range(57))) + b"\n"
BASE64 = b"Content-Type: application/octet-stream\nContent-Transfer-Encoding: base64\n\n"
QP = BASE64.replace(b"base64", b"quoted-printable")
# What the interpreter takes for itself and for objects that a small message makes as well as a large one.
SPARE = 48_000_000
ODD = (
    b'Content-Type: multipart/mixed; boundary=a\nContent-Type : multipart/mixed; boundary="b\\b"; boundary*0=c\nXX\n'
    b" Content-Transfer-Encoding: base64\nContent-Transfer-Encoding: x qp,base64\n\n"
)
ODD_PART = (
    b"--a\nContent-Type: text/plain;name=a.txt;name*0=b.e;name*1=xe\nContent-Transfer-Encoding: base64\n"
    b"Content-Transfer-Encoding: uue\n\nQUI=Q=!!UJD==A\n--bb\n\nContent-Type: message/partial\n\n--c\r--a--\n"
)


def levels(count: int, field: bytes) -> bytes:
    return b"".join(field + b": multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(count))


def prefixes() -> bytes:
    opening = b"".join(
        b"Content-Type: multipart/mixed; boundary=%s; boundary=x\n\n--%s\n" % (b"a" * n, b"a" * n) for n in range(1, 95)
    )
    return opening + (b"--" + b"a" * 50 + b"x\n") * 400_000


HOSTILE: dict[str, Callable[[], bytes]] = {
    "every ambiguity at once": lambda: ODD + ODD_PART * 20_000,
    "10,000 odd parts": lambda: (
        MIXED + b"--b\nContent-Type: a/b; name=a;name=b\nContent-Transfer-Encoding: base64,\n\nQUJD\n" * 10_000
    ),
    "10,000 parts with two encodings": lambda: (
        MIXED
        + (b"--b\nContent-Transfer-Encoding: base64\nContent-Transfer-Encoding: quoted-printable\n\nQUJD=\n") * 10_000
    ),
    "1,000 levels": lambda: levels(1_000, b"Content-Type") + BASE64,
    "1,000 odd levels": lambda: levels(1_000, b"Content-Type:") + BASE64,
    "100,000 fields": lambda: b"X-Field: abc\n" * 100_000 + b"\nbody\n",
    "100,000 Content-Type fields": lambda: (
        b"".join(b"Content-Type: multipart/a; boundary=b%d\n" % n for n in range(100_000)) + b"\n--b7\n\nx\n"
    ),
    "a Content-Type of 50 MB": lambda: b"Content-Type: multipart/mixed; boundary=" + b"x" * 50_000_000 + b"\n\nbody\n",
    "10 MB of sections": lambda: b"Content-Type: multipart/mixed" + b"; boundary*0=a" * 700_000 + b"\n\n--aa\n\nx\n",
    "10 MB of file names": lambda: b"Content-Disposition: attachment" + b"; filename=a.exe" * 600_000 + b"\n\nx\n",
    "a million encoded-words": lambda: (
        b'Content-Type: multipart/mixed; boundary="' + b"=?utf-8?q?a?= " * 1_000_000 + b'"\n\n--aa\n\nx\n'
    ),
    "100,000 comments": lambda: (
        b"Content-Type: multipart/mixed; boundary=b" + b"(" * 100_000 + b")" * 100_000 + b"\n\n--b\n\n"
    ),
    "malformed base64 of 100 MB": lambda: BASE64 + b"!" + LINE * 1_300_000,
    "padding in 2 MB of base64": lambda: BASE64 + b"!" + (LINE + b"QQ=\n") * 25_000,
    "padding in each group of 2 MB of base64": lambda: BASE64 + b"a=b;" * 500_000,
    "faults in 2 MB of quoted-printable": lambda: QP + b"==3D =0 =\t=Zz\n" * 140_000,
    "boundaries that are prefixes": prefixes,
    "a million lines of two hyphens": lambda: MIXED + b"--\n" * 1_000_000,
    "300,000 delimiters that nobody declared": lambda: (
        b"Content-Type: multipart/mixed\n\n" + b"--x\nContent-Type: a/b\n\n" * 300_000
    ),
    "20,000 boundaries that nobody declared": lambda: (
        b"Content-Type: multipart/x\n\n" + b"".join(b"--%d\nContent-Type: multipart/x\n\n" % n for n in range(20_000))
    ),
    "a multipart of 20 MB, encoded again and again": lambda: (
        b"Content-Type: multipart/mixed; boundary=b\nContent-Transfer-Encoding: quoted-printable\n\n--b\n" * 500
        + b"x" * 20_000_000
    ),
    "2,000 pieces of messages": lambda: b"Content-Type: message/partial; number=1\n\n" * 2_000 + b"x" * 10_000_000,
    "NUL and CR in a header": lambda: (
        b"X: \0\r\r\n" * 100_000 + b"Content-Type: multipart/mixed; boundary=b\n\n--b\n\nx\n"
    ),
    "lines that are no fields": lambda: (
        b"Content-Type: text/plain\n" + b"junk\nContent-Type: multipart/mixed; boundary=b\n" * 100_000 + b"\n--b\n\nx\n"
    ),
    "delimiters after bare CRs": lambda: MIXED + b"--b\n\n" + b"\r--b" * 5_000_000 + b"\n--b--\n",
    "uuencode of 50 MB": lambda: b"\nbegin 644 a.exe\n" + (b"M" + b"A" * 60 + b"\n") * 800_000,
    "yEnc of 50 MB": lambda: b"\nbegin \n=ybegin line=128 size=1 name=a.exe\n" + b"=a" * 25_000_000 + b"\n",
    "400,000 beginnings of uuencode": lambda: b"\n" + b"begin 644 a.exe\n!AAAA\n" * 400_000,
    "400,000 beginnings of yEnc": lambda: b"\n" + b"=ybegin line=1 name=a\n" * 400_000,
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_sizes(case: str) -> None:
    raw = HOSTILE[case]()
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.write(write_end, b"%d %d %d" % measured(raw))
            status = 0
        finally:
            os._exit(status)
    os.close(write_end)
    with os.fdopen(read_end, "rb") as pipe:
        growth, milliseconds, parts = map(int, pipe.read().split() or (-1, 0, 0))
    assert os.waitpid(child, 0)[1] == 0
    print(f"{case}: {milliseconds / 1e3:.2f} s, {1 + growth / len(raw):.2f} x {len(raw) / 1e6:.1f} MB, {parts} parts")
    assert milliseconds < 3 * 3_000
    assert 0 <= growth <= 2 * len(raw) + SPARE
    assert parts <= 11_000


def measured(raw: bytes) -> tuple[int, int, int]:
    """By how many octets the memory of this process grew at most while all was read; CPU milliseconds; parts."""
    with open("/proc/self/clear_refs", "w", encoding="ascii") as file:
        file.write("5")
    before = peak()
    begun = time.process_time()
    message = Message(raw)
    for part in message.parts:
        part.filenames, part.children or part.data  # noqa: B018
    assert message.ambiguities is not None
    return peak() - before, int((time.process_time() - begun) * 1e3), len(message.parts)


def peak() -> int:
    with open("/proc/self/status", encoding="ascii") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmHWM:"))
