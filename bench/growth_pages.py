"""Hostile pages, mail and files carried as text: `GENERATORS`."""

from __future__ import annotations

from bench.growth_attached import in_zip, plainly, repeated, repeated_plainly

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bench.growth_attached import Made


_LETTER = b"From: a@example.org\nSubject: x\n"
_PAGE = b"<html><script>"
_SVG = b'<svg xmlns="http://www.w3.org/2000/svg">'
_URL = b"<a href='data:application/x;base64,TVqQAAMAAAAEAAAA'>"


def _page(name: str, piece: bytes, before: bytes = _PAGE, kind: str = "text/html") -> Made:
    return repeated_plainly(name, piece, before, kind=kind)


GENERATORS: dict[str, Made] = {
    "html of letters": _page("a.html", b"a"),
    "html of letters in a zip": in_zip("a.html", b"a", _PAGE),
    "html of lines": _page("a.html", b"a b\n", b"<html>"),
    "html of tags": _page("a.html", b"<p>a</p>"),
    "html of brackets": _page("a.html", b"<"),
    "html of data URLs": _page("a.html", _URL),
    "html of one data URL": _page("a.html", b"TVqQ", b"<html><a href='data:application/x;base64,"),
    "html of a percent-encoded URL": _page("a.html", b"%41", b"<html><a href='data:application/x,"),
    "html of starts of data URLs": _page("a.html", b"data:,"),
    "html of starts of quoted data URLs": _page("a.html", b"'data:,"),
    "html of the word data": _page("a.html", b"data:"),
    "html of base64": _page("a.html", b"QUFB"),
    "html of base64 in pieces": _page("a.html", b"'TVqQAAMAAAAEAAAA'+"),
    "html of base64 in lists": _page("a.html", b"'TVqQAAMAAAAEAAAA',", b"<html><script>x=join("),
    "html of base64 in lines": _page("a.html", b"TVqQ" * 19 + b"\n"),
    "html of runs of base64": _page("a.html", b"A" * 90 + b"."),
    "html of short runs of base64": _page("a.html", b"A" * 29 + b" "),
    "html of hexadecimal digits": _page("a.html", b"4d5a"),
    "html of runs of hexadecimal digits": _page("a.html", b"4d" * 41 + b"."),
    "html of hexadecimal escapes": _page("a.html", b"\\x4d"),
    "html of numbers": _page("a.html", b"77,"),
    "html of runs of numbers": _page("a.html", b"77," * 16 + b"."),
    "html of unescape": _page("a.html", b"unescape('%41'"),
    "html of one unescape": _page("a.html", b"%u4141", _PAGE + b"unescape('"),
    "html of references": _page("a.html", b"&#65;"),
    "html of quotes": _page("a.html", b"'"),
    "html of joints": _page("a.html", b"'+'"),
    "html of half joints": _page("a.html", b"';a"),
    "html of blanks behind quotes": _page("a.html", b"'" + b" " * 99),
    "html of names": _page("a.html", b"download='a.exe' ", b"<html>" + _URL),
    "html of saveAs": _page("a.html", b"saveAs(a,", b"<html>" + _URL),
    "html in UTF-16": lambda size: plainly(
        "a.html", ("\ufeff<html>" + "a" * (size // 2)).encode("utf-16-le"), "text/html"
    ),
    "html of wide letters in UTF-16": lambda size: plainly(
        "a.html", ("\ufeff<html>" + "\u4e00" * (size // 2)).encode("utf-16-le"), "text/html"
    ),
    "html of NULs": repeated("a.html", b"a\0", b"<\0h\0t\0m\0l\0>\0"),
    "html of encoded script": _page("a.html", b"#@~^"),
    "svg of letters": _page("a.svg", b"a", _SVG, "image/svg+xml"),
    "svg of tags": _page("a.svg", b"<g>", _SVG, "image/svg+xml"),
    "svg of wide letters": _page("a.svg", "\u4e00".encode(), _SVG, "image/svg+xml"),
    "svg of links": _page("a.svg", b"href='a", _SVG, "image/svg+xml"),
    "svg of handlers": _page("a.svg", b" ona=", _SVG, "image/svg+xml"),
    "svg of blanks in handlers": _page("a.svg", b" ona" + b" " * 999, _SVG, "image/svg+xml"),
    "svg of blanks": _page("a.svg", b" ", _SVG + b" href=", "image/svg+xml"),
    "svg of entities": _page("a.svg", b"<!entity ", _SVG, "image/svg+xml"),
    "svg in a zip": in_zip("a.svg", b"a", _SVG),
    "hta of letters": _page("a.hta", b"a", b"<html><hta:application>"),
    "mhtml of letters": repeated_plainly("a.mht", b"a", b"MIME-Version: 1.0\nContent-Type: text/html\n\n"),
    "mail with header fields": repeated_plainly("a.eml", b"X: a\n", _LETTER),
    "mail with header fields, in a zip": in_zip("a.eml", b"X: a\n", _LETTER),
    "mail with a long field": repeated_plainly("a.eml", b" a\n", _LETTER),
    "mail with parts": repeated_plainly(
        "a.eml", b"--a\n\n", _LETTER + b"Content-Type: multipart/mixed; boundary=a\n\n"
    ),
    "mail in mail": repeated_plainly("a.eml", _LETTER + b"Content-Type: message/rfc822\n\n"),
    "mail of base64": repeated_plainly(
        "a.eml", b"QUFB" * 19 + b"\n", _LETTER + b"Content-Transfer-Encoding: base64\n\n"
    ),
    "mail of a long body": repeated_plainly("a.eml", b"a", _LETTER + b"\n"),
    "mail with a body, in a zip": in_zip("a.eml", b"a\n", _LETTER + b"\n"),
    "mail of separators": repeated_plainly("a.eml", b"From a\n", _LETTER + b"\n"),
    "mailbox of letters": repeated_plainly("a.mbox", b"From a\n" + _LETTER + b"\nx\n\n"),
    "mailbox of short letters": repeated_plainly("a.mbox", b"From a\nA:\n\n", b"From a\n" + _LETTER + b"\n"),
    "mailbox of separators": repeated_plainly("a.mbox", b"From a\n", b"From a\n" + _LETTER + b"\n"),
    "mailbox of quoted separators": repeated_plainly("a.mbox", b"From a\n>", b"From a\n" + _LETTER + b"\n"),
    "mailbox of one letter": repeated_plainly(
        "a.mbox", b"a\n", b"From a\n" + _LETTER + b"\nx\n\nFrom b\n" + _LETTER + b"\n"
    ),
    "mailbox of letters in a zip": in_zip("a.mbox", b"From a\n" + _LETTER + b"\nx\n\n"),
    "mailbox in mailbox": repeated_plainly("a.mbox", b"From a\n" + _LETTER),
    "uuencode of files": repeated_plainly("a.uue", b"begin 644 a\n#0V%T\n`\nend\n"),
    "uuencode of starts": repeated_plainly("a.uue", b"begin 644 a\n"),
    "uuencode of lines": repeated_plainly("a.uue", b"M" + b"0V%T" * 15 + b"\n", b"begin 644 a\n"),
    "uuencode without an end": repeated_plainly("a.uue", b"begin 644 a\n#0V%T\n"),
    "uuencode of begin-base64": repeated_plainly("a.uue", b"begin-base64 644 a\nQUFB\n"),
    "yenc of files": repeated_plainly("a.ync", b"=ybegin line=128 size=2 name=a\nab\n=yend size=2\n"),
    "yenc of starts": repeated_plainly("a.ync", b"=ybegin "),
    "yenc of escapes": repeated_plainly("a.ync", b"=a", b"=ybegin line=128 size=9 name=a\n"),
    "base64 in a file": repeated_plainly("a.b64", b"QUFB" * 19 + b"\n", b"TVqQ" + b"AAAA" * 18 + b"\n"),
    "base64 of marks": repeated_plainly("a.b64", b"-----\n", b"TVqQ" + b"AAAA" * 18 + b"\n"),
    "calendar of files": repeated_plainly("a.ics", b"ATTACH;ENCODING=BASE64:TVqQ\n", b"BEGIN:VCALENDAR\n"),
    "calendar of starts": repeated_plainly("a.ics", b"ATTACH;", b"BEGIN:VCALENDAR\n"),
    "calendar of folded lines": repeated_plainly("a.ics", b"\n ", b"BEGIN:VCALENDAR\nATTACH;ENCODING=BASE64:TVqQ"),
    "text": repeated_plainly("a.txt", b"a"),
    "zeros": repeated("a.bin", b"\0"),
    "a program": repeated(
        "a.bin", b"7z\xbc\xaf\x27\x1cRar!\x1a\x07MSCF\0\0\0\0", b"MZ" + bytes(58) + b"\x40\0\0\0PE\0\0"
    ),
}
