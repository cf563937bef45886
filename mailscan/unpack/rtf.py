"""RTF (specification 1.9.1): the objects in it, links, and fields that ask other programs.

An object is OLE 1 in hexadecimal digits, between which senders put whatever Word passes over: groups, control words,
binary data. Of the groups, readers skip different ones, so up to three readings are made of an object that has any.
"""

from __future__ import annotations

import re
from binascii import a2b_hex

from mailscan.unpack import package
from mailscan.unpack.budget import in_time
from mailscan.unpack.cfb import SIGNATURE
from mailscan.unpack.fields import elsewhere, instruction
from mailscan.unpack.found import NOT_OPENED, OVER_LIMIT, REMOTE, Found, Remark, Unopened

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from mailscan.unpack import Budget

# Two backslashes are a character of the text, and end before what follows.
_WANTED = re.compile(rb"\\(?:\\|(objdata|datastore|fldinst|template|objautlink)(?![a-zA-Z])-?(\d*))")
_TOKEN = re.compile(rb"([^{}\\]+)|\\([a-zA-Z]+)(-?\d*) ?|\\'([^{}\\]{0,2})|(\\.|[{}]|\\\Z)", re.DOTALL)
_ENDS = (b"objdata", b"datastore", b"fldinst", b"template", b"objautlink")
_NOT_HEX = bytes(octet for octet in range(256) if octet not in b"0123456789abcdefABCDEF")
_DEEPEST, _NESTED = 10_000, 100
_LONGEST = 4096
_PIECE = 1 << 20
# So many digits an object has at most where readings differ, which are kept three times.
_MOST_IN_WAYS = 20_000_000
# The readings of an object.
_ALL, _KNOWN, _PLAIN = 1, 2, 4
# Destinations that Word knows and whose text is therefore not the object's.
_DESTINATIONS = frozenset(
    b"annotation atnauthor atndate atnid atnref author background bkmkend bkmkstart blipuid buptim category"
    b" colorschememapping colortbl comment company creatim datafield defchp defpap do doccomm docvar dptxbxtext"
    b" factoidname falt fchars ffdeftext ffentrymcr ffexitmcr ffformat ffhelptext ffl ffname ffstattext field file"
    b" filetbl fldrslt fldtype fontemb fonttbl footer footerf footerl footerr footnote formfield ftncn ftnsep ftnsepc"
    b" generator gridtbl header headerf headerl headerr hl hlinkbase hlloc hlsrc hsv info keywords latentstyles lchars"
    b" levelnumbers leveltext lfolevel linkval list listlevel listname listoverride listoverridetable listpicture"
    b" liststylename listtable listtext lsdlockedexcept mailmerge manager mmath nesttableprops nonesttables objalias"
    b" objclass objname objsect object oldcprops oldpprops oldsprops oldtprops oleclsid operator panose password"
    b" passwordhash pgp pgptbl picprop pict pn pnseclvl pntext pntxta pntxtb printim propname protend protstart"
    b" protusertbl result revtbl revtim rxe shp shpgrp shpinst shppict shprslt shptxt sn sp staticval stylesheet"
    b" subject sv svb tc themedata title txe ud upr userprops wgrffmtfilter windowcaption writereservation"
    b" writereservhash xe xform xmlattrname xmlattrvalue xmlclose xmlname xmlnstbl xmlopen".split()
)


def open_rtf(data: bytes, budget: Budget) -> Iterator[Found | Remark]:
    """The objects of an RTF document, and what is to be said of its links and fields."""
    said: set[str] = set()
    unread = "an object that cannot be read"
    found = _WANTED.search(data)
    steps = 0
    while found is not None:
        steps += 1
        if not steps & 255:
            in_time(budget)
        (word, digits), at = found.groups(), found.end()
        if word in (b"objdata", b"datastore"):
            end, objects = _objects(data, at, budget)
            for one in objects:
                inside = list(_opened(one, b""))
                if not inside and one is objects[0]:
                    # Digits that stand at the control word are a number, for a reader that counts them.
                    inside = list(_opened(one, digits))
                yield from inside
                if not inside and any(one.readings.values()) and word == b"objdata" and unread not in said:
                    said.add(unread)
                    yield Remark(NOT_OPENED, unread)
        elif word is None:
            end = at
        else:
            end, text = (at, "") if word == b"objautlink" else _text(data, at)
            remark = _said(word, text)
            if remark is not None and remark.text not in said and len(said) < 20:
                said.add(remark.text)
                yield remark
        found = _WANTED.search(data, end)


def _said(word: bytes, text: str) -> Remark | None:
    """What is to be said of a link, a template or a field."""
    if word == b"fldinst":
        return instruction(text)
    if word == b"objautlink":
        return Remark(REMOTE, "an object that is fetched by its link")
    if elsewhere(text):
        return Remark(REMOTE, f"a template from elsewhere: {text.strip()[:200]}")
    return None


class _Object:
    """The hexadecimal digits of one object, in three readings as soon as these differ."""

    __slots__ = ("readings",)

    def __init__(self) -> None:
        self.readings: dict[int, bytearray] = {_ALL | _KNOWN | _PLAIN: bytearray()}

    def add(self, digits: bytes, which: int) -> None:
        """Digits that belong to these readings."""
        self._part(which)
        for mask, reading in self.readings.items():
            if mask & which:
                reading += digits
        if len(self.readings) > 1 and len(reading) > _MOST_IN_WAYS:
            raise Unopened("an object that is too large to be read in several ways", OVER_LIMIT)

    def halve(self, which: int) -> None:
        """Where `\\'hh` stands, Word forgets the digit before it if that is the first of an octet."""
        self._part(which)
        for mask, reading in self.readings.items():
            if mask & which and len(reading) & 1:
                reading.pop()

    def _part(self, which: int) -> None:
        if which != _ALL | _KNOWN | _PLAIN and len(self.readings) == 1:
            (so_far,) = self.readings.values()
            if len(so_far) > _MOST_IN_WAYS:
                raise Unopened("an object that is too large to be read in several ways", OVER_LIMIT)
            self.readings = {mask: bytearray(so_far) for mask in (_ALL, _KNOWN, _PLAIN)}


def _objects(data: bytes, at: int, budget: Budget) -> tuple[int, list[_Object]]:
    """(where the group of an object ends, it and those within it)"""
    objects = [_Object()]
    # For each open group: which readings it belongs to, which object; groups too deep are counted only.
    groups = [(_ALL | _KNOWN | _PLAIN, objects[0])]
    deeper = steps = 0
    while (token := _TOKEN.match(data, at)) is not None:
        at = token.end()
        steps += 1
        if not steps & 4095:
            in_time(budget)
        which, here = groups[-1]
        if token.lastindex == 1:
            # Text may be all of the file: not copied whole.
            for start in range(token.start(), at, _PIECE):
                if digits := data[start : min(start + _PIECE, at)].translate(None, _NOT_HEX):
                    here.add(digits, which)
            continue
        _, word, number, quoted, other = token.groups()
        if word is not None:
            if word == b"bin":
                end = at + max(0, min(int(number[:12] or b"0") if number != b"-" else 0, len(data) - at))
                here.add(data[at:end].hex().encode(), which)
                at = end
            elif word == b"objdata" and len(objects) < _NESTED:
                objects.append(_Object())
                groups[-1] = (_ALL | _KNOWN | _PLAIN, objects[-1])
            elif word in _DESTINATIONS and len(groups) > 1:
                groups[-1] = which & _ALL, here
        elif quoted is not None:
            here.halve(which)
        elif other == b"{":
            if len(groups) < _DEEPEST:
                groups.append((which, here))
            else:
                deeper += 1
        elif other == b"}":
            if deeper:
                deeper -= 1
            else:
                groups.pop()
                if not groups:
                    break
        elif other == b"\\*" and len(groups) > 1:
            groups[-1] = which & ~_PLAIN, here
    return at, objects


def _opened(one: _Object, before: bytes) -> Iterator[Found | Remark]:
    """What an object holds, in every reading that gives something else; some digits may stand before all of them."""
    seen: set[int] = set()
    for reading in one.readings.values():
        digits = before + reading if before else reading
        octets = _from_digits(digits, 0)
        if not octets or hash(octets) in seen:
            continue
        seen.add(hash(octets))
        inside = list(package.ole1(octets))
        if not inside and (place := octets.find(SIGNATURE)) >= 0:
            inside = [package.found((), octets[place:])]
        if not inside:
            # At an odd place: a digit too many stands before it.
            octets = _from_digits(digits, 1)
            if (place := octets.find(SIGNATURE)) >= 0:
                inside = [package.found((), octets[place:])]
        yield from inside


def _from_digits(digits: bytes | bytearray, start: int) -> bytes:
    with memoryview(digits) as view:
        return a2b_hex(view[start : start + (len(digits) - start & ~1)])


def _text(data: bytes, at: int) -> tuple[int, str]:
    """(where it ends, the text of a group from here on), up to a field or object within it."""
    end, depth = at + _LONGEST, 0
    pieces: list[str] = []
    while at < end and (token := _TOKEN.match(data, at)) is not None:
        text, word, _, quoted, other = token.groups()
        if word in _ENDS:
            break
        at = token.end()
        if text is not None:
            pieces.append(text.translate(None, b"\r\n").decode("latin-1"))
        elif quoted is not None:
            try:
                pieces.append(chr(int(quoted, 16)))
            except ValueError:
                continue
        elif other == b"{":
            depth += 1
        elif other == b"}":
            depth -= 1
            if depth < 0:
                break
        elif other is not None and other != b"\\*":
            pieces.append(other[1:].decode("latin-1"))
    return at, "".join(pieces)
