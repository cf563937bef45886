"""Files in pages and script; and how few there are in pages that smuggle none."""

from __future__ import annotations

import base64
import time

import containers
import payloads
import pytest
from containers import opened
from hypothesis import given, settings
from hypothesis import strategies as st

from mailscan.unpack.found import Unopened
from mailscan.unpack.html import open_html

PE = payloads.PE + bytes(range(200))
CODED = base64.b64encode(PE)
PNG = base64.b64encode(payloads.PNG + bytes(range(256)))
ZIP = payloads.zipped({"a.exe": payloads.PE})
SCRIPT = b"<script>new ActiveXObject('WScript.Shell')</script>"


# --- pages that hold nothing


@pytest.mark.parametrize(
    "page",
    [
        b"",
        b"<html><body>data: we keep it, base64, and download=2 of it</body></html>",
        b'<img src="data:image/png;base64,' + PNG + b'">',
        b"<style>a { background: url(data:image/png;base64," + PNG + b") }</style>",
        b"<img src=\"data:image/svg+xml;utf8,<svg xmlns='http://www.w3.org/2000/svg'><path d='M0 0'/></svg>\">",
        b"<img src='data:image/x-unknown;base64," + base64.b64encode(bytes(range(1, 200))) + b"'>",
        b"<script>var token = '" + base64.b64encode(bytes(range(1, 250, 3)) * 3) + b"';</script>",
        b"<script>var list = [" + b"7, 8, 9, " * 30 + b"]; var hash = '" + b"0123456789abcdef" * 8 + b"'</script>",
        b"<p>" + b"word " * 1000 + b"averyveryverylongwordthatisnotbase64atall" * 3,
        b'<a href="https://example.com/?q=' + b"A" * 300 + b'" download="report.pdf">report</a>',
        b"<script>x = unescape('%41 plain %u0041 text')</script>",
    ],
)
def test_pages_that_hold_nothing(page: bytes) -> None:
    assert opened(open_html, page) == []


# --- data: URLs


@pytest.mark.parametrize(
    "page",
    [
        b'<a href="data:application/octet-stream;base64,' + CODED + b'">',
        b"<a href='DATA:application/x-y;charset=x;BASE64," + CODED + b"'>",
        b"<a href=data:;base64," + CODED + b" title=word>",
        b"a { b: url(data:application/x-y;base64," + CODED + b") }",
        b'<a href="data:image/png;base64,' + CODED + b'">',
        b'<a href="data:x/y;base64,' + CODED.replace(b"+", b"%2B").replace(b"/", b"%2f") + b'">',
        b'<a href="data:x/y;base64,\n ' + b"\n ".join([CODED[:80], CODED[80:]]) + b'">',
        b'<a href="data:x/y,' + b"".join(b"%%%02x" % octet for octet in PE) + b'">',
        b'<a href="&#100;ata&#x3A;x/y;base64,' + b"".join(b"&#%d;" % octet for octet in CODED) + b'">',
        b'<svg><image xlink:href="data:x/y;base64,' + CODED.replace(b"+", b"-").replace(b"/", b"_") + b'"/></svg>',
    ],
)
def test_data_urls(page: bytes) -> None:
    assert opened(open_html, page) == [((), PE)]
    for charset in ("utf-16", "utf-16-le", "utf-16-be"):
        assert opened(open_html, page.decode().encode(charset)) == [((), PE)]


def test_pages_in_pages() -> None:
    page = b'<iframe src="data:text/html;base64,' + base64.b64encode(SCRIPT) + b'"></iframe>'
    assert opened(open_html, page) == [((), SCRIPT)]
    assert opened(open_html, b"<script>document.write(unescape('%3Cscript%3Enew%20ActiveXObject(1)'))</script>") == [
        ((), b"<script>new ActiveXObject(1)")
    ]


# --- script


@pytest.mark.parametrize(
    "script",
    [
        b'atob("' + CODED + b'")',
        b"var a = '" + CODED[:200] + b"' +\n '" + CODED[200:] + b"';",
        b'a = "' + CODED[:200] + b'";\na += "' + CODED[200:] + b'";',
        b"a = `" + CODED[:200] + b"\n" + CODED[200:] + b"`",
        b'a = "' + CODED[:200] + b"\\\n" + CODED[200:] + b'"',
        b'a = ["' + b'", "'.join(CODED[at : at + 10] for at in range(0, len(CODED), 10)) + b'"].join("")',
        b'a = "' + CODED.replace(b"/", b"\\/") + b'"',
        b'a = "' + CODED.rstrip(b"=")[::-1] + b'"' if len(CODED.rstrip(b"=")) % 4 == 0 else b'atob("' + CODED + b'")',
        b"new Uint8Array([" + b",".join(b"%d" % octet for octet in PE) + b"])",
        b"new Uint8Array([" + b", ".join(b"0x%02x" % octet for octet in PE) + b",])",
        b"new Int8Array([" + b" ,".join(b"%d" % (octet - (octet > 127) * 256) for octet in PE) + b"])",
        b'hex = "' + PE.hex().encode() + b'"',
        b'hex = "' + b"".join(b"\\x%02x" % octet for octet in PE) + b'"',
        b'hex = "' + b"".join(b"\\u%04X" % octet for octet in PE) + b'"',
    ],
)
def test_script(script: bytes) -> None:
    assert ((), PE) in opened(open_html, b"<html><body>don't<script>" + script + b"</script></body></html>")
    assert ((), PE) in opened(open_html, script)


def test_words_of_two_octets() -> None:
    words = b"".join(b"%%u%02x%02x" % (PE[at + 1], PE[at]) for at in range(0, len(PE), 2))
    ((_, data),) = opened(open_html, b"unescape('" + words.replace(b"%u00", b"%u01") + b"')")
    assert isinstance(data, bytes)
    assert data[:2] == b"MZ"


@pytest.mark.parametrize(
    ("around", "name"),
    [
        (b'<a download="in voice.zip" href="%b">', "in voice.zip"),
        (b"<a download=invoice.zip href='%b'>", "invoice.zip"),
        (b'a.href = "%b"; a.download = "invoice.iso"', "invoice.iso"),
        (b'a.href = "%b"; saveAs(blob, "invoice.js")', "invoice.js"),
        (b'a = "%b"; new File([blob], "invoice.js", {})', "invoice.js"),
        (b'a = "%b"; navigator.msSaveOrOpenBlob(blob, "invoice.js")', "invoice.js"),
    ],
)
def test_names(around: bytes, name: str) -> None:
    url = b"data:application/zip;base64," + base64.b64encode(ZIP)
    assert opened(open_html, around.replace(b"%b", url)) == [((name,), ZIP)]


def test_each_once() -> None:
    page = b'<a href="data:x/y;base64,' + CODED + b'">'
    assert opened(open_html, page * 3 + b"&#65;") == [((), PE)]


# --- what would never end


@pytest.mark.parametrize(
    "piece",
    [
        b"data:,", b'"data:,', b"data:;base64,TVqQ", b"A", b"A" * 29 + b" ", b"A" * 30 + b" ", b"1,", b"1, ", b"12 ",
        b"1," * 14 + b"x", b'" +', b'"  ;', b'"a', b"unescape('", b"download='", b"\\x41", b"&#65;", b"new File(",
        b"0xff  ,",
    ],
)  # fmt: skip
def test_much_of_anything(piece: bytes) -> None:
    containers.survives(open_html, (piece * 300_000)[:300_000], 100)


def test_the_time_ends() -> None:
    with pytest.raises(Unopened, match="longer"):
        list(open_html(b'<a href="data:x/y;base64,' + CODED + b'">', containers.spent()))


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from([
    b"data:", b"x/y", b";base64", b",", b'"', b"'", b"TVqQ" * 30, b"77,90," * 9, b"\\x4d" * 20, b"unescape(", b"%u4d5a",
    b"&#", b"download=", b"a", b"+", b".join(", b" ", b"\n", b"0x", b"-", b"\xff\xfe", b"4d5a" * 30, b"\0",
])))  # fmt: skip
def test_any_pieces(pieces: list[bytes]) -> None:
    containers.survives(open_html, b"".join(pieces))


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300))
def test_any_octets(octets: bytes) -> None:
    containers.survives(open_html, octets)


@pytest.mark.parametrize("piece", [b"download ", b"\x00\x01", b"'+'", b"%41", b"unescape ", b"&#65;", b"0,1,x"])
def test_time_is_asked_for_where_nothing_is_found(piece: bytes) -> None:
    limited = containers.budget(seconds=0.3)
    began = time.process_time()
    with pytest.raises(Unopened, match=r"took longer|only its first"):
        list(open_html(b"<html>" + piece * (40_000_000 // len(piece)), limited))
    assert time.process_time() - began < 5
