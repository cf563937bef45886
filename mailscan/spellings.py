"""The fields of MIME as lenient readers find and read them: every field that can be taken for one, every value of it.

More is given here than any one reader has: whoever asks tries what is given against the body.
"""

from __future__ import annotations

import re

from mailscan.parameters import every_name, read_parameters
from mailscan.text import decode_header, decode_octets, unfold

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mailscan.mime import Part

# More lines that may be fields, fields of one name, or spellings, than these are not told apart.
_MOST_LINES = 20_000
_MOST_FIELDS = 16
_MOST_SPELLINGS = 64
_LONGEST = 4_096
_LONGEST_NAME = 200
_BLANK = (b" ", b"\t")
_LONGEST_VALUE = 1 << 16
FIELDS = {
    "contenttype": "content-type",
    "contenttransferencoding": "content-transfer-encoding",
    "contentdisposition": "content-disposition",
}
_ENCODINGS = (
    ("gzip64", "gzip64"), ("base64", "base64"), ("b64", "base64"), ("quoted", "quoted-printable"),
    ("printable", "quoted-printable"), ("xxenc", "xxencode"), ("xxe", "xxencode"), ("uuenc", "uuencode"),
    ("uue", "uuencode"), ("xuu", "uuencode"), ("binhex", "binhex"), ("yenc", "yenc"), ("7bit", "7bit"),
    ("8bit", "8bit"), ("binary", "binary"),
)  # fmt: skip


# One letter wrong in a name leaves one of its words whole; most lines have none of them.
_WORDS = (b"content", b"type", b"encod", b"coding", b"dispos", b"sition", b"=?")
_HINT = re.compile(b"|".join(map(re.escape, _WORDS)))
_WINDOW = 1 << 16


class Spelt:
    """A line that can be read as a field of MIME: which one, its value, where it stands, and what is odd about it."""

    __slots__ = ("field", "value", "start", "end", "kind")

    def __init__(self, field: str, value: bytes, start: int, end: int, kind: str) -> None:
        self.field = field
        self.value = value
        self.start = start
        self.end = end
        self.kind = kind


def fields(source: bytes, start: int, end: int) -> list[Spelt]:
    """Every line between `start` and `end` that can be read as one of the three fields, in order."""
    found: dict[str, list[Spelt]] = {}
    for at, after in _lines(source, start, end):
        for spelt in _spelt(source, at, after, end):
            found.setdefault(spelt.field, []).append(spelt)
    for same in found.values():
        del same[_MOST_FIELDS:-_MOST_FIELDS]
    return sorted([one for same in found.values() for one in same], key=lambda one: one.start)


def _spelt(source: bytes, at: int, after: int, end: int) -> Iterator[Spelt]:
    """What the line from `at` to `after` is, with the folded ones behind it."""
    line = source[at : min(after, at + _LONGEST_NAME)]
    if b":" not in line and source[after : after + 1] in _BLANK:
        # A name that is folded itself.
        after = _line_end(source, after, end)
        line = re.sub(rb"\r?\n[ \t]+", b"", source[at : min(after, at + _LONGEST_NAME)])
    spelt = _field(line)
    if spelt is None:
        return
    field, colon, kind = spelt
    last = _last(source, after, end)
    value = _value(source[at : min(last, at + colon + _LONGEST_VALUE)], colon)
    if line[:1] in _BLANK and not _is_believable(field, value):
        return
    yield Spelt(field, value, at, last, kind)
    # For readers that pass over a line that is no field, what is folded onto it belongs to the field above.
    junk = _line_end(source, last, end)
    if source[junk : junk + 1] in _BLANK and source[last : last + 1] not in _BLANK and b":" not in source[last:junk]:
        end = _last(source, junk, end)
        rest = source[junk : min(end, junk + _LONGEST_VALUE)]
        if b"=" in rest:
            yield Spelt(field, value + b" " + unfold(rest.strip()), at, end, kind)


def _value(field: bytes, colon: int) -> bytes:
    """The value in the octets of a field, `colon` being where it begins once a fold in the name is gone."""
    if b"\n" in field[:colon]:
        field = re.sub(rb"\r?\n[ \t]+", b"", field, count=1)
    return unfold(field[colon:].strip()).lstrip(b": \t=")


def _last(source: bytes, at: int, end: int) -> int:
    """Where the folded lines that begin at `at` end; one that is a field itself is none of them."""
    while at < end and source[at : at + 1] in _BLANK:
        after = _line_end(source, at, end)
        line = source[at : min(after, at + _LONGEST_NAME)]
        if _HINT.search(line.lower()) and _field(line):
            break
        at = after
    return at


def plain_fields(part: Part) -> list[Spelt]:
    """The same of a header without oddities."""
    own = [(name, part.headers.fields(name)) for name in FIELDS.values()]
    return [Spelt(name, found[0].value, found[0].start, found[0].end, "") for name, found in own if found]


def _lines(source: bytes, start: int, end: int) -> Iterator[tuple[int, int]]:
    """(start, end) of the lines that may be one of the fields: most have none of their words."""
    seen = -1
    for count, hint in enumerate(_hints(source, start, end)):
        if count >= _MOST_LINES:
            return
        at = _line_start(source, hint, start)
        if at <= seen:
            continue
        seen = at
        if at > start and source[at : at + 1] in _BLANK:
            # The end of a name that is folded itself, perhaps.
            before = _line_start(source, at - (2 if source[at - 2 : at] == b"\r\n" else 1), start)
            if before >= start and source[before : before + 1] not in _BLANK and b":" not in source[before:at]:
                yield before, at
        yield at, _line_end(source, at, end)


def _hints(source: bytes, start: int, end: int) -> Iterator[int]:
    """Where a word of the fields' names stands. A pattern that ignores case takes ten times as long."""
    for at in range(start, end, _WINDOW):
        # A word that begins in a window ends in it.
        low = source[at : min(end, at + _WINDOW + len(b"content"))].lower()
        if any(word in low for word in _WORDS):
            yield from (at + hint.start() for hint in _HINT.finditer(low) if hint.start() < _WINDOW)


def _line_start(source: bytes, at: int, start: int) -> int:
    """Where the line that holds `at` begins; -1 if too far before. For some readers a bare CR ends a line."""
    first = max(start, at - _LONGEST_NAME)
    begun = max(source.rfind(b"\n", first, at), source.rfind(b"\r", first, at)) + 1
    return begun or (start if first == start else -1)


def _line_end(source: bytes, at: int, end: int) -> int:
    """Where the line after the one that holds `at` begins."""
    after = source.find(b"\n", at, end) + 1 or end
    cut = source.find(b"\r", at, after - 2)
    return after if cut < 0 else cut + 1


def _field(line: bytes) -> tuple[str, int, str] | None:
    """(field, where its value begins, what is odd) if the line can be read as one."""
    key, colon, _ = line.partition(b":")
    field = FIELDS.get(key.lower().replace(b"-", b"").decode("latin-1"))
    if field and colon and key.count(b"-") == field.count("-"):
        rest = line[len(key) + 1 : len(key) + 2]
        return field, len(key) + 1, "header.field-name" if rest == b":" else ""
    if line[:2].lower() == b"x-" or b"=" in key.replace(b"=?", b"").replace(b"?=", b""):
        colon = b""
    if colon and len(key) <= 120 and (field := _read_as(key)):
        folded = line[:1] in b" \t" and key.lstrip().lower() == field.encode()
        return field, len(key) + 1, "header.folded-field" if folded else "header.field-name"
    # Without a colon, or with something else in its place.
    bare = re.match(rb"[ \t\0]*(content.(?:type|transfer.encoding|disposition))[ \t=;\0]+", line, re.IGNORECASE)
    if bare and (field := _read_as(bare[1])):
        return field, bare.end(), "header.field-name"
    return None


def _read_as(key: bytes) -> str | None:
    text = decode_header(key) if b"=?" in key else key.decode("latin-1")
    bare = re.sub(r"\([^()]*\)", "", text).lower()
    letters = re.sub("[^a-z]", "", bare)
    if letters in FIELDS:
        return FIELDS[letters]
    if not 9 <= len(letters) <= 25:
        return None
    return next((field for name, field in FIELDS.items() if _is_one_edit(letters, name)), None)


def _is_one_edit(one: str, other: str) -> bool:
    """Whether a letter was left out, put in or changed."""
    if abs(len(one) - len(other)) > 1:
        return False
    index = next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    rest, its = one[index:], other[index:]
    return rest[1:] == its[1:] or rest[1:] == its or rest == its[1:]


def _is_believable(field: str, value: bytes) -> bool:
    """A folded line that names a field is mostly a list of names (DKIM-Signature h=): its value must read as one."""
    if field == "content-type":
        return re.match(rb"[\"'(\\]*[A-Za-z]+/[A-Za-z]", value) is not None
    if field == "content-disposition":
        return re.match(rb"(?:attachment|inline)\b|(?:[a-z-]+;)?[ \t]*filename[*0-9]*=", value, re.I) is not None
    return len(value) <= 60 and b":" not in value and bool(encodings(value))


def encodings(value: bytes) -> list[str]:
    """Every transfer encoding that a value can be read to name, in order."""
    text = value[:_LONGEST]
    found: list[str] = []
    bare = re.sub(rb"=\?[^?]*\?[bBqQ]\?|\?=", b"", text)
    for form in [*_forms(text), bare]:
        squeezed = re.sub(r"[^a-z0-9,; ]", "", form.decode("latin-1").lower())
        words = re.split("[,; ]+", squeezed)
        for word in [*words, squeezed.replace(" ", "")]:
            found += [name for letters, name in _ENCODINGS if letters in word]
            found += ["quoted-printable"] if word in ("qp", "q") else []
    return list(dict.fromkeys(found))


def _forms(value: bytes) -> list[bytes]:
    """A value as it stands; with encoded-words decoded; without its comments; without backslashes; without quotes."""
    forms = [value]
    if b"=?" in value:
        forms.append(decode_header(value).encode("utf-8"))
    for form in list(forms):
        if b"(" in form:
            forms.append(_without_comments(form))
    for form in list(forms):
        if b"\\" in form:
            forms.append(re.sub(rb"\\(.?)", rb"\1", form, flags=re.DOTALL))
    if b"\0" in value:
        forms.append(value.replace(b"\0", b""))
        forms.append(value.partition(b"\0")[0])
    return list(dict.fromkeys(forms))


def _without_comments(value: bytes) -> bytes:
    for _ in range(9):
        inner = re.sub(rb"\([^()]*\)", b"", value)
        if inner == value:
            return value
        value = inner
    return value


def is_multipart(value: bytes) -> bool:
    """Whether some reader can take a Content-Type for a multipart: by its type, or since it has a boundary."""
    pattern = rb"multi.{0,2}part|part/|oundar|^multi"
    return any(re.search(pattern, form, re.IGNORECASE) for form in _forms(value[:_LONGEST]))


def boundaries(values: Iterable[bytes]) -> list[bytes]:
    """Every boundary that the values of Content-Type can be read to declare."""
    found: list[bytes] = []
    for value in values:
        value = value[:_LONGEST]
        for form in [*_forms(value), re.sub(rb"[()]", b" ", value)]:
            found += _sections(form, b"oundary")
            for key in list(re.finditer(rb"o?undary?", form, re.I))[:8]:
                rest = re.match(rb"[*0-9 \t\0\"'\\]*=(.*)", form[key.end() :], re.DOTALL)
                if rest:
                    found += _spellings(rest[1])
    return [one for one in dict.fromkeys(found) if one.strip() and len(one) <= 300]


def _spellings(rest: bytes) -> Iterator[bytes]:
    """What a parameter's value may be taken for; `rest` is all that follows its "="."""
    whole = rest.rstrip()
    for text in dict.fromkeys((whole.partition(b";")[0], whole)):
        plain = re.sub(rb"\\(.)", rb"\1", text)
        for one in (text, plain, text.replace(b'"', b""), plain.replace(b'"', b""), text.strip(b"\"' \t\\")):
            yield one.strip(b" \t=")
            yield one
        yield from re.split(rb'["\'\\,]', text)[:8]
        yield re.split(rb"[\s\"(',\\]", text.lstrip(b"\"' \t"))[0]
        yield from (text.partition(b"=")[0], text.rpartition(b"=")[2].strip(b" \"'"))
        if b"(" in text:
            yield _without_comments(text).strip(b"\"' \t")
            yield text.partition(b"(")[0].strip(b"\"' \t")
        if b"%" in text or b"'" in text:
            yield _percent_decoded(text.rpartition(b"'")[2].strip(b' "'))
            yield _percent_decoded(text.strip(b" \"'"))
        if b"=?" in text:
            yield decode_header(text.strip(b"\"' ")).encode("utf-8")


def _percent_decoded(octets: bytes) -> bytes:
    return re.sub(rb"%([0-9A-Fa-f]{2})", lambda code: bytes([int(code[1], 16)]), octets, count=1_000)


def _sections(value: bytes, base: bytes) -> list[bytes]:
    """The continuations (RFC 2231 3) of a parameter, put together in every order that readers are known to use."""
    pattern = rb"%b\*([0-9]{0,6})(\*?)[ \t]*=[ \t]*(?:\"([^\"]*)\"|([^;\s]*))" % base
    sections = [
        (int(one[1] or 0), one[3] if one[3] is not None else one[4])
        for one in list(re.finditer(pattern, value, re.IGNORECASE))[:_MOST_SPELLINGS]
    ]
    if not sections:
        return []
    first: dict[int, bytes] = {}
    last: dict[int, bytes] = {}
    for number, octets in sections:
        first.setdefault(number, octets)
        last[number] = octets
    found = []
    for order in (
        [octets for _, octets in sections],
        [octets for _, octets in sorted(sections, key=lambda one: one[0])],
        [first[number] for number in sorted(first)],
        [last[number] for number in sorted(last)],
    ):
        stripped = [re.sub(rb"^[^']*'[^']*'", b"", octets) for octets in order]
        for joined in (b"".join(order), b"".join(stripped)):
            found += [joined, _percent_decoded(joined)]
    return found


def is_sound(value: bytes) -> bool:
    """Whether parameters of RFC 2231 are as it wants them: sections counted from 0 in order, a charset in the first."""
    pattern = (
        rb"[A-Za-z0-9.+_-]+(?:/[A-Za-z0-9.+_-]+)?"
        rb"((?:[ \t]*;[ \t]*[A-Za-z-]+(?:\*[0-9]{0,3}\*?)?=(?:\"[^\"\\\0\r]*\"|[^\s\0\"()\\;=,]+))*)[ \t]*;?"
    )
    whole = re.fullmatch(pattern, value[:_LONGEST])
    if whole is None or b"=?" in value:
        return False
    wanted: dict[bytes, int] = {}
    for key, section, octets in re.findall(rb";[ \t]*([A-Za-z-]+)(\*[0-9]{0,3}\*?)?=(\"[^\"]*\"|[^\s;]+)", whole[1]):
        if not section and octets[:1] != b'"' and b"'" in octets:
            return False
        number = section.strip(b"*")
        if not section or not number:
            base, count = key.lower() + section, 0
        else:
            base, count = key.lower() + b"*n", int(number)
        has_charset = bool(section) and octets.count(b"'") == 2
        if wanted.get(base, 0) != count or (section.endswith(b"*") and count == 0) != has_charset:
            return False
        wanted[base] = count + 1 if number else -1
    return True


def names(values: Iterable[bytes]) -> list[str]:
    """Every file name that the values of Content-Disposition and Content-Type can be read to give."""
    found: list[str] = []
    pooled = []
    for value in values:
        found += every_name(read_parameters(value))
        value = value[: 2 * _LONGEST]
        pooled.append(value)
        for form in _forms(value):
            found += every_name(read_parameters(form))
            for key in list(re.finditer(rb"name[*0-9 \t\0\"'\\]*=(?:[ \t]|=(?!\?))*", form, re.I))[:_MOST_SPELLINGS]:
                found += [decode_octets(one) for one in _name_spellings(form[key.end() :])]
    for charset, octets in _charset_sections(b";".join(pooled)):
        found.append(decode_octets(octets, charset))
    found += [decode_header(one.encode("utf-8")) for one in found if "=?" in one]
    found = [re.sub(r"^[A-Za-z0-9_-]{0,40}'[A-Za-z-]{0,20}'(?=.)", "", one).strip() for one in found]
    # What has no ending is no name that anybody judges.
    return [one for one in dict.fromkeys(found) if "." in one and len(one) <= 1_000]


def _name_spellings(rest: bytes) -> Iterator[bytes]:
    if rest[:1] == b'"':
        quoted = re.match(rb'"((?:[^"\\]|\\.){0,1000})(?:"([^;]*)|\Z)', rest, re.DOTALL)
        if quoted and (quoted[2] or b"").strip():
            yield quoted[1]
            yield (quoted[1] + quoted[2]).replace(b'"', b"")
            yield _without_comments(quoted[1] + quoted[2]).replace(b'"', b"").strip()
        return
    text = rest.partition(b";")[0].rstrip()
    yield text.strip(b"'\" ")
    yield text.replace(b'"', b"").replace(b"'", b"")
    yield re.split(rb"[\s\",]", text)[0].strip(b"'")
    if b"(" in text:
        yield _without_comments(text).strip()
        yield text.partition(b"(")[0].strip()
    escaped = re.match(rb"(?:[^;\\]|\\.)*", rest, re.DOTALL)
    if escaped and b"\\" in escaped[0]:
        yield re.sub(rb"\\(.)", rb"\1", escaped[0]).strip()


def _charset_sections(value: bytes) -> Iterator[tuple[str | None, bytes]]:
    for joined in _sections(value, b"name"):
        yield None, joined
    for one in re.finditer(rb"name\*0?\*?=[ \t\"]*([A-Za-z0-9_-]{1,40})'[^']*'([^;\s\"]*)", value, re.IGNORECASE):
        yield one[1].decode("latin-1"), _percent_decoded(one[2])
