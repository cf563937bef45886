"""How fast messages are read, against Python's `email`: `python bench/reader.py [REPEATS]`.

Both read every message and touch every part's decoded octets and file name. They take turns in one process, and
medians and their ratio are printed: absolute times are this machine's, ratios hold. The SpamAssassin messages are
found at `../shared/corpora` beside the project, or at $MAILSCAN_CORPORA.
"""

from __future__ import annotations

import base64
import email
import os
import quopri
import random
import resource
import statistics
import subprocess
import sys
import tarfile
import time
from email.message import Message as EmailMessage
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))

from mailscan.message import Message  # noqa: E402

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

MIXED_MESSAGES = 2_000
MIXED_OCTETS = 50_000 * MIXED_MESSAGES


def corpora() -> Path:
    return Path(os.environ.get("MAILSCAN_CORPORA", PROJECT.parent / "shared" / "corpora"))


def spamassassin() -> list[bytes]:
    """The messages of SpamAssassin set 1."""
    with tarfile.open(corpora() / "corpora" / "spamassassin-set1.tar.xz") as tar:
        files = (tar.extractfile(member) for member in tar if member.isfile())
        messages = [file.read() for file in files if file is not None]
    return [message for message in messages if b"\nReceived:" in message[:4_000] or message.startswith(b"Return-Path")]


def attachment(chance: random.Random, size: int, number: int) -> bytes:
    if number % 4:
        kind, name = ("image/jpeg", "photo") if number % 2 else ("application/pdf", "report")
        body = base64.encodebytes(chance.randbytes(size))
        encoding = "base64"
    else:
        kind, name, encoding = "text/csv; charset=iso-8859-1", "table", "quoted-printable"
        words = ["Straße", "42", "=", "naïve", "column", "value", "x" * 90]
        text = "\n".join(";".join(chance.choices(words, k=6)) for _ in range(size // 60 + 1))
        body = quopri.encodestring(text.encode("latin-1"))
    header = (
        f"Content-Type: {kind}\nContent-Transfer-Encoding: {encoding}\n"
        f'Content-Disposition: attachment;\n\tfilename="{name}-{number}.dat"\n\n'
    )
    return header.encode() + body


def multipart(chance: random.Random, model: bytes, size: int, number: int) -> bytes:
    """A message with the header of a real one, an alternative of text and HTML, and attachments of that size."""
    header, _, text = model.partition(b"\n\n")
    fields = [line for line in header.split(b"\n") if not line.lower().startswith((b"content-", b"mime-"))]
    boundary = b"----=_NextPart_%03d_%08X.%08X" % (number % 1000, chance.getrandbits(32), chance.getrandbits(32))
    inner = boundary + b".alt"
    plain = b"Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\n"
    html = b"Content-Type: text/html; charset=utf-8\n\n<html><body>"
    lines = [b"\n".join(fields), b'MIME-Version: 1.0\nContent-Type: multipart/mixed;\n boundary="%s"\n' % boundary]
    lines += [b"This is a multi-part message in MIME format.", b"--" + boundary]
    lines += [b'Content-Type: multipart/alternative; boundary="%s"\n' % inner, b"--" + inner]
    lines += [plain + quopri.encodestring(text[:2_000]), b"--" + inner, html + text[:3_000], b"--%s--\n" % inner]
    count = 1 + number % 3
    for which in range(count):
        lines += [b"--" + boundary, attachment(chance, size // count, number + which)]
    return b"\n".join([*lines, b"--%s--\n" % boundary])


def mixed(models: list[bytes]) -> list[bytes]:
    """2,000 messages of 50 kB on average: half of them real small ones, the others with attachments of many sizes."""
    chance = random.Random(20_020_310)
    chosen = [model for model in models if len(model) < 40_000 and b"\n\n" in model]
    small = chance.sample(chosen, MIXED_MESSAGES // 2)
    sizes = [chance.lognormvariate(0, 1.3) for _ in range(MIXED_MESSAGES // 2)]
    scale = 0.62 * (MIXED_OCTETS - sum(map(len, small))) / sum(sizes)
    large = [multipart(chance, chance.choice(chosen), int(one * scale), n) for n, one in enumerate(sizes)]
    both = small + large
    chance.shuffle(both)
    return both


def by_email(messages: list[bytes]) -> int:
    octets = 0
    for raw in messages:
        part: EmailMessage
        for part in email.message_from_bytes(raw).walk():
            data = part.get_payload(decode=True)
            octets += len(data) if isinstance(data, bytes) else 0
            part.get_filename()
    return octets


def by_mailscan(messages: list[bytes]) -> int:
    octets = 0
    for raw in messages:
        for part in Message(raw).parts:
            if not part.children:
                octets += len(part.data)
            part.filenames  # noqa: B018
    return octets


def mailscan_with_text(messages: list[bytes]) -> int:
    """Every part's text, and the text of every header field, too."""
    for raw in messages:
        message = Message(raw)
        for field in message.headers:
            field.text  # noqa: B018
        for part in message.parts:
            part.data, part.filenames  # noqa: B018
            if part.type.startswith("text/"):
                part.text  # noqa: B018
    return 0


def seconds(read: Callable[[list[bytes]], int], messages: list[bytes]) -> float:
    begun = time.perf_counter()
    read(messages)
    return time.perf_counter() - begun


def compare(name: str, messages: list[bytes], repeats: int) -> None:
    size = sum(map(len, messages))
    readers = (by_email, by_mailscan, mailscan_with_text)
    for read in readers:
        read(messages[:100])
    print(f"{name}: {len(messages)} messages, {size / len(messages) / 1e3:.1f} kB on average")
    times: dict[str, list[float]] = {read.__name__: [] for read in readers}
    for _ in range(repeats):
        for read in readers:
            times[read.__name__].append(seconds(read, messages))
    first = statistics.median(times["by_email"])
    for reader, taken in times.items():
        median = statistics.median(taken)
        print(
            f"  {reader:20s} {median * 1e3:8.1f} ms  {size / median / 1e6:8.1f} MB/s"
            f"  {len(messages) / median:9.0f} messages/s  {first / median:6.2f} x email"
        )
    print(f"  octets decoded: email {by_email(messages)}, mailscan {by_mailscan(messages)}")


def peak(size: int) -> None:
    """The memory of a child that reads one message with one attachment of `size` octets as sent."""
    child = subprocess.run(
        [sys.executable, __file__, "--peak", str(size)], capture_output=True, text=True, check=True, cwd=PROJECT
    )
    print(f"a message of {size / 1e6:.0f} MB: peak memory {float(child.stdout) / size:.2f} x its size beyond the start")


def read_one_large(size: int) -> None:
    line = base64.b64encode(bytes(range(57))) + b"\n"
    header = b'Content-Type: multipart/mixed; boundary="b"\n\n--b\nContent-Transfer-Encoding: base64\n\n'
    Message(header + line * 100).parts[1].data  # noqa: B018
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    raw = b"".join([header, *[line] * (size // len(line)), b"--b--\n"])
    message = Message(raw)
    kept = [part.data for part in message.parts]
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert len(kept) == 2
    print((after - before) * 1024)


def main() -> None:
    if sys.argv[1:2] == ["--peak"]:
        read_one_large(int(sys.argv[2]))
        return
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    peak(50_000_000)
    real = spamassassin()
    compare("mixed corpus", mixed(real), repeats)
    compare("SpamAssassin set 1", real, repeats)


if __name__ == "__main__":
    main()
