"""What text is: markup, scripts and shortcuts that are unmistakable, mail, and files written as text.

Every look takes the beginning of the text and all of its octets, and gives the name of a kind (`kinds`), ""
for plain text. They are strict: prose, source code and patches are text, whatever they quote.
"""

from __future__ import annotations

from mailscan.filetype import TEXT, is_text, scripts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_BLANKS = " \t\r\n\f\v\0"
_HEAD = 4096
_PIECE, _OVERLAP = 1 << 20, 1 << 16
# Comments, processing instructions and declarations before the first element.
_MOST_BEFORE = 50
_RECORDS = ("B;", "C;", "F;", "NE;", "NN;", "NU;", "O;", "P;", "W;", "E")
# What HTML begins with, as the WHATWG's MIME Sniffing 7.1 has it, and a little more that mail programs write.
_HTML = (
    " html head script iframe h1 h2 h3 div font table a style title b body br p meta link base form img span center"
    " hr pre ul ol strong big small input button frameset marquee object embed "
)
_XML = {
    "pcsettings": "settingcontent",
    "librarydescription": "library-ms",
    "searchconnectordescription": "library-ms",
    "persistedquery": "library-ms",
    "mmc_consolefile": "msc",
    "jnlp": "jnlp",
    "appinstaller": "clickonce",
    "worddocument": "office-xml",
}
# RFC 5322 3.6, and what mail programs write before those.
_FIELDS = frozenset(
    (
        "received", "return-path", "from", "to", "cc", "bcc", "subject", "date", "message-id", "mime-version", "sender",
        "content-type", "content-transfer-encoding", "reply-to", "in-reply-to", "references", "x-mailer", "list-id",
        "delivered-to", "x-account-key", "x-mozilla-status", "authentication-results", "dkim-signature", "thread-topic",
    )
)  # fmt: skip


def is_any_text(data: bytes) -> bool:
    """Whether it is text in an ASCII-based charset, or in UTF-16 by what it begins with."""
    from mailscan.filetype.kinds import first_octets

    return is_text(data) or first_octets(data) is TEXT


def decoded(data: bytes) -> str:
    """The text in UTF-16 where it begins so; else octets as Latin-1, which all looks here can read."""
    charset = _charset(data)
    if charset == "latin-1":
        return data.removeprefix(b"\xef\xbb\xbf").decode(charset)
    return data.decode(charset, "replace").removeprefix("\ufeff")


def _charset(data: bytes) -> str:
    if data[:2] in (b"\xff\xfe", b"<\0"):
        return "utf-16-le"
    return "utf-16-be" if data[:2] in (b"\xfe\xff", b"\0<") else "latin-1"


def lower_case(data: bytes) -> Iterator[str]:
    """The text in lower case, in pieces, since all of it would take four times the memory; each begins in the last one.

    What is longer than their overlap is not found where one ends.
    """
    charset = _charset(data)
    at = 0
    while True:
        yield data[at : at + _PIECE].decode(charset, "replace").lower()
        at += _PIECE - _OVERLAP
        if at + _OVERLAP >= len(data):
            return


def has(data: bytes, *words: str) -> bool:
    """Whether one of these words, in lower case, stands anywhere in the text."""
    return any(word in text for text in lower_case(data) for word in words)


def by_text(data: bytes) -> str:
    """The name of the kind; "" where it is just text."""
    head = decoded(data[:_HEAD]).lstrip(_BLANKS)
    look = _BY_FIRST.get(head[:1])
    return (look(head, data) if look is not None else "") or _by_line(head, data)


def _by_line(head: str, data: bytes) -> str:
    """Mail, a mailbox, and what stands on a line of its own near the beginning."""
    first = head.partition("\n")[0]
    if first[:5] == "From " and _is_mail(head.partition("\n")[2]):
        return "mbox"
    name, _, value = first.partition(":")
    if value and not (" " in name or "\t" in name) and _is_mail(head):
        return "mail"
    if value[1:2] == ":" and scripts.is_rdp(head):
        return "rdp"
    if "MIME-Version:" in head and ("ActiveMime" in head or b"QWN0aXZlTWlt" in data):
        return "mhtml"
    # As a saved page begins, and what is made to look like one.
    if value and {"mime-version", "content-type"} <= _fields(head):
        return "mail"
    if "\n(This file must be converted with BinHex" in head:
        return "binhex"
    return "yenc" if "\n=ybegin " in head else ""


def _is_mail(head: str) -> bool:
    """A header: its first line is a field, and among the first ones are two that mail has."""
    known = _fields(head)
    return len(known) >= 3 or not known.isdisjoint(("received", "return-path")) or {"from", "subject"} <= known


def _fields(head: str) -> set[str]:
    """Which of the fields that mail has stand in the header that the text begins with."""
    known: set[str] = set()
    for line in head.split("\n")[:60]:
        if line[:1] in (" ", "\t"):
            continue
        name, colon, _ = line.partition(":")
        if not colon or not name or " " in name.rstrip() or not name.isascii():
            break
        if (lower := name.rstrip().lower()) in _FIELDS:
            known.add(lower)
    return known


def _markup(head: str, data: bytes) -> str:
    tag, doctype = first_tag(head)
    if tag == "svg" or (doctype == "svg" and not tag):
        return "svg-script" if scripts.is_active_svg(data) else "svg"
    if "<?mso-application" in head[:1024] or (tag == "package" and "schemas.microsoft.com/office" in head):
        return "office-xml"
    if tag == "workbook" and "urn:schemas-microsoft-com:office" in head:
        return "office-xml"
    if tag in _XML:
        return _XML[tag]
    if found := scripts.by_root(tag, data):
        return found
    if tag == "plist" and "<key>URL</key>" in head:
        return "url-file" if "<string>file:" in head else "url"
    # Elements of XHTML run in whatever XML they stand.
    if doctype == "html" or f" {tag} " in _HTML or (b"www.w3.org/1999/xhtml" in data and b"script" in data):
        return "hta" if scripts.is_hta(data) else "html"
    return ""


def first_tag(head: str) -> tuple[str, str]:
    """(name of the first element, without prefix, what the DOCTYPE names), in lower case; "" for what is not there."""
    doctype, at = "", _past_blanks(head, 0)
    for _ in range(_MOST_BEFORE):
        if head[at : at + 9].lower() == "<!doctype":
            words = head[at + 9 : at + 60].replace(">", " ").split(None, 1)
            doctype = words[0].lower() if words else ""
        elif head[at + 1 : at + 2] not in ("!", "?"):
            break
        end = _declaration_end(head, at)
        if end < 0:
            return "", doctype
        at = _past_blanks(head, end)
    if head[at : at + 1] != "<":
        return "", doctype
    name = head[at + 1 : at + 80]
    for stop in (" ", "\t", "\r", "\n", ">", "/"):
        name = name.partition(stop)[0]
    return name.rpartition(":")[2].lower(), doctype


def _declaration_end(head: str, at: int) -> int:
    """Where a comment, a processing instruction or a declaration that begins here ends; -1 if it does not."""
    if head.startswith("<!--", at):
        end = head.find("-->", at + 4)
        return end + 3 if end >= 0 else -1
    end = head.find(">", at)
    # The internal subset of a DOCTYPE holds declarations of its own (XML 2.8).
    if head.startswith("<!", at) and end >= 0 and "[" in head[at:end]:
        subset = head.find("]", at)
        end = head.find(">", subset) if subset >= 0 else -1
    return end + 1 if end >= 0 else -1


def _past_blanks(head: str, at: int) -> int:
    while head[at : at + 1] and head[at] in _BLANKS:
        at += 1
    return at


def _number_sign(head: str, data: bytes) -> str:
    if scripts.is_encoded(head):
        return "encoded-script"
    if head[:21] == "# Disk DescriptorFile":
        return "vmdk"
    return "script-unix" if head[:2] == "#!" and head[2:60].lstrip()[:1] == "/" else ""


def _braces(head: str, data: bytes) -> str:
    return "rtf" if head[:4] == "{\\rt" else ""


def _percent(head: str, data: bytes) -> str:
    return "postscript" if head[:4] == "%!PS" else "pdf" if head[:5] == "%PDF-" else ""


def _slk(head: str, data: bytes) -> str:
    """SYLK: an ID record; macros by a sheet of them (option E), or a name that begins by itself."""
    # A table of prices may begin so, but goes on with numbers.
    if head[:4] != "ID;P" or not head.partition("\n")[2].startswith(_RECORDS):
        return ""
    return "slk-macros" if has(data, "\no;e", "nauto_", ";eexec(") else "slk"


def _uuencode(head: str, data: bytes) -> str:
    """POSIX uuencode: begin, a mode, a name, and a line whose first character tells its length."""
    words = head.partition("\n")[0].split(None, 2)
    if len(words) < 3 or words[0] not in ("begin", "begin-base64"):
        return ""
    is_mode = 3 <= len(words[1]) <= 6 and not words[1].strip("01234567")
    return "uuencode" if is_mode else ""


def _yenc(head: str, data: bytes) -> str:
    return "yenc" if head[:8] == "=ybegin " else ""


def _binhex(head: str, data: bytes) -> str:
    return "binhex" if head.startswith("(This file must be converted with BinHex") else ""


_BY_FIRST: dict[str, Callable[[str, bytes], str]] = {
    "<": _markup,
    "[": scripts.by_section,
    ";": scripts.by_section,
    "#": _number_sign,
    "{": _braces,
    "%": _percent,
    "I": _slk,
    "b": _uuencode,
    "=": _yenc,
    "(": _binhex,
    "W": scripts.registry_or_query,
    "R": scripts.registry_or_query,
    "h": scripts.clickonce_reference,
    "f": scripts.clickonce_reference,
}
