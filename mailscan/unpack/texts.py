"""Files carried as text: uuencode, yEnc, BinHex, base64; and mail as a file: messages and mailboxes."""

from __future__ import annotations

import re
from functools import partial

from mailscan.unpack.bounded import end_of_run, searched
from mailscan.unpack.budget import in_time
from mailscan.unpack.found import BOMBS, Found, Remark, Unopened
from mailscan.unpack.naming import names, text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mailscan.mime import Part
    from mailscan.unpack import Budget

_HEAD = 65_536
_HQX = b"!\"#$%&'()*+,-012345689@ABCDEFGHIJKLMNPQRSTUVXYZ[`abcdefhijklmpqr"
_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_NOT_BASE64 = bytes(octet for octet in range(256) if octet not in _BASE64 + b"=")


def open_uuencode(data: bytes, budget: Budget) -> Iterator[Found]:
    """The files in text: uuencode (also with base64 in it), xxencode and yEnc, each by its name."""
    from mailscan.decodings import inline, rare

    check = partial(in_time, budget)
    any_found = False
    for file in inline(data, 0, len(data), check):
        check()
        any_found = True
        yield Found(names(file.name), file.end - file.start, _reader(file.data))
    if not any_found:
        xx = rare("xxencode", data, check)
        if xx is None or not xx.data or not xx.name:
            raise Unopened("damaged (no line of uuencode or yEnc)")
        yield Found((xx.name,), len(data), _reader(xx.data))


def open_binhex(data: bytes, budget: Budget) -> Iterator[Found]:
    """The data fork of BinHex 4.0 (RFC 1741 appendix A), and the resource fork where it is not empty."""
    from mailscan.transfer import decode_base64

    begin = re.compile(rb"^[ \t]*:(?!\r?$)", re.MULTILINE).search(data)
    if begin is None:
        raise Unopened("damaged (no line of BinHex)")
    end = data.find(b":", begin.end())
    coded = data[begin.end() : len(data) if end < 0 else end]
    foreign = bytes(octet for octet in range(256) if octet not in _HQX)
    coded = coded.translate(bytes.maketrans(_HQX, _BASE64), foreign)
    packed = decode_base64(coded + b"A" * (-len(coded) % 4))
    # The name's length, the name, a zero, type and creator, flags, the sizes of the forks, a checksum.
    head = _unrepeated(packed, 0, 512, budget)
    length = head[0] if head else 0
    at = 1 + length + 1
    name = head[1 : 1 + length].decode("mac_roman")
    forks = [int.from_bytes(head[at + 10 + 4 * number : at + 14 + 4 * number], "big") for number in (0, 1)]
    start = at + 20
    for fork, size in enumerate(forks):
        if size or not fork:
            yield Found(names(name), len(data), _fork_reader(packed, start, size, budget))
        start += size + 2


def _fork_reader(packed: bytes, start: int, size: int, budget: Budget) -> Callable[[int], bytes]:
    def read(most: int) -> bytes:
        wanted = min(size, most)
        found = _unrepeated(packed, start, wanted, budget)
        if len(found) < wanted:
            raise Unopened("it is cut off", partly=found)
        return found

    return read


def _unrepeated(packed: bytes, start: int, most: int, budget: Budget) -> bytes:
    """At most `most` octets from `start` on of what these stand for.

    An octet, 0x90 and a count repeat the octet; a count of zero is a 0x90 itself.
    """
    out = bytearray()
    at = size = steps = 0
    last = b"\0"
    while at < len(packed) and size < start + most:
        steps += 1
        if not steps & 4095:
            in_time(budget, out)
        mark = packed.find(b"\x90", at)
        mark = len(packed) if mark < 0 else mark
        count = packed[mark + 1] if mark + 1 < len(packed) else 1
        run = packed[at:mark]
        last = run[-1:] or last
        run += last * (count - 1) if count else b"\x90"
        last = last if count else b"\x90"
        out += run[max(0, start - size) : max(0, start + most - size)]
        size += len(run)
        at = mark + 2
    return bytes(out)


def looks_like_base64(data: bytes) -> bool:
    """Whether it is a file of base64 and nothing else, but for lines such as `-----BEGIN CERTIFICATE-----`."""
    head = data[:_HEAD].strip()
    if head.startswith(b"-----BEGIN "):
        head = head.partition(b"\n")[2].partition(b"-----")[0].strip()
    clean = head.translate(None, b" \t\r\n")
    return len(clean) >= 40 and re.fullmatch(rb"[A-Za-z0-9+/]+={0,2}", clean) is not None and b" " not in head


def holds_known(data: bytes) -> bool:
    """Whether what such a file begins with decodes to anything known: hashes and words are base64 as well."""
    from mailscan.filetype import by_first_octets
    from mailscan.transfer import decode_base64

    head = data[:_HEAD].lstrip()
    if head.startswith(b"-----BEGIN "):
        head = head.partition(b"\n")[2]
    return by_first_octets(decode_base64(head)) is not None


def open_base64(data: bytes, budget: Budget) -> Iterator[Found]:
    """The file in a file of base64."""
    from mailscan.transfer import decode_base64

    in_time(budget)
    # As certutil writes and reads any file.
    lines = re.sub(rb"(?m)^-----[^\n]*$", b"", data) if b"-----" in data else data
    found = decode_base64(lines)
    if not found:
        raise Unopened("damaged (no base64)")
    yield Found((), len(data), _reader(found))


_ATTACH = re.compile(rb"(?im)^ATTACH;")
_PARAMETERS = re.compile(rb"(?>(?:[^\r\n:\"]++|\"[^\r\n\"]*+\"){1,4096})")
_ATTACHED = re.compile(rb":([A-Za-z0-9+/=]*+)")
_CALLED = re.compile(rb"(?i)FILENAME=(?:\"([^\"]{1,255})|([^;:\"]{1,255}))")


def open_calendar(data: bytes, budget: Budget) -> Iterator[Found]:
    """The files that entries of a calendar carry (RFC 5545 3.8.1.1)."""
    from mailscan.transfer import decode_base64

    in_time(budget)
    # Folded lines (3.1).
    lines = re.sub(rb"\r?\n[ \t]", b"", data)
    for line in _ATTACH.finditer(lines):
        in_time(budget)
        end = end_of_run(_PARAMETERS, lines, line.end(), budget)
        found = _ATTACHED.match(lines, end)
        parameters = lines[line.end() : end]
        if found is None or b"BASE64" not in parameters.upper():
            continue
        called = _CALLED.search(parameters)
        name = text((called[1] or called[2]) if called else b"")
        yield Found(names(name), len(found[1]), _reader(decode_base64(found[1])))


# --- mail

_FIELD = re.compile(rb"[!-9;-~]{1,76}[ \t]*+:")
_OF_MIME = (b"content-type", b"mime-version", b"content-transfer-encoding", b"content-disposition")
_OF_MAIL = (*_OF_MIME, b"from", b"to", b"cc", b"subject", b"date", b"message-id", b"received", b"return-path",
    b"delivered-to", b"reply-to", b"sender", b"dkim-signature", b"in-reply-to", b"references", b"x-mailer")  # fmt: skip
_MOST_RESTS = 16
_LEADING = b"\xef\xbb\xbf \t\r\n"
_FROM = re.compile(rb"^From [^\r\n]{1,500}\r?\n(?=[!-9;-~]{1,76}[ \t]{0,9}:|>From )", re.MULTILINE)


def looks_like_mail(data: bytes) -> bool:
    """Whether it begins with a header as messages have: a field of MIME, or two that mail has."""
    lines = data[:_HEAD].lstrip(_LEADING).split(b"\n", 200)
    known = set()
    for number, line in enumerate(lines[:200]):
        line = line.rstrip(b"\r")
        if number == 0 and line.startswith(b"From "):
            continue
        if not line or (line[:1] not in b" \t" and _FIELD.match(line) is None):
            break
        name = line.partition(b":")[0].rstrip().lower()
        if name in _OF_MAIL:
            known.add(name)
    return len(known) > 1 or not known.isdisjoint(_OF_MIME)


def looks_like_mbox(data: bytes) -> bool:
    """Whether it is a mailbox: a line `From …`, and a header behind it."""
    return data[:5] == b"From " and looks_like_mail(data)


def open_mail(data: bytes, budget: Budget) -> Iterator[Found | Remark]:
    """The parts of a message in a file, as any mail client may read it, but for those that hold others."""
    from mailscan.message import Message

    in_time(budget)
    for part in Message(data.lstrip(_LEADING)).parts:
        if part.unread:
            yield Remark(BOMBS, "holds more parts than are read")
        if not part.children:
            in_time(budget)
            yield Found(part.filenames, max(0, part.end - part.start), _part_reader(part))


def open_mbox(data: bytes, budget: Budget) -> Iterator[Found | Remark]:
    """The parts of the messages in a mailbox. A line `From …` divides for one reader and not for another: both ways."""
    seen: set[int] = set()
    rest = data
    # To the end, as the message's own delimiters have it. A letter of nothing is followed by what is a mailbox again.
    for _ in range(_MOST_RESTS):
        behind = b""
        for one in open_mail(rest, budget):
            octets = one.read(len(rest)) if isinstance(one, Found) and not one.names else b""
            if octets[:5] == b"From " and rest.endswith(octets):
                behind = octets
            else:
                yield from _unless_seen(one, seen, len(data))
        if not behind:
            break
        rest = behind
    for start, end in _pieces(data, budget):
        for one in open_mail(data[start:end], budget):
            yield from _unless_seen(one, seen, len(data))


def _unless_seen(one: Found | Remark, seen: set[int], size: int) -> Iterator[Found | Remark]:
    likeness = hash((one.names, one.read(size))) if isinstance(one, Found) else hash(one.text)
    if likeness not in seen:
        seen.add(likeness)
        yield one


def _pieces(data: bytes, budget: Budget) -> Iterator[tuple[int, int]]:
    """Where messages of a mailbox begin and end, if it has several."""
    start, several = -1, False
    for found in searched(_FROM, data, budget):
        if start >= 0:
            several = True
            yield start, found.start()
        start = found.start()
    if several:
        yield start, len(data)


def _part_reader(part: Part) -> Callable[[int], bytes]:
    return lambda most: part.data[:most]


def _reader(data: bytes) -> Callable[[int], bytes]:
    return lambda most: data[:most]
