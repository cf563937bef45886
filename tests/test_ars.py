"""ar archives."""

from __future__ import annotations

import containers
import pytest
from containers import opened
from hypothesis import given, settings
from hypothesis import strategies as st

from mailscan.unpack.ars import open_ar
from mailscan.unpack.found import Unopened

MAGIC = b"!<arch>\n"


def member(name: bytes, data: bytes) -> bytes:
    header = name.ljust(16) + b"0".ljust(12) + b"0".ljust(6) * 2 + b"644".ljust(8) + b"%d" % len(data)
    return header.ljust(58) + b"`\n" + data + b"\n" * (len(data) & 1)


def test_nothing_to_complain_of() -> None:
    assert opened(open_ar, MAGIC) == []
    # Symbols are no file.
    assert opened(open_ar, MAGIC + member(b"/", b"symbols") + member(b"__.SYMDEF", b"s") + b"\n") == []


def test_members_of_a_debian_package() -> None:
    data = MAGIC + member(b"debian-binary", b"2.0\n") + member(b"control.tar.xz/", b"odd") + member(b"data.tar", b"d")
    assert opened(open_ar, data) == [
        (("debian-binary",), b"2.0\n"),
        (("control.tar.xz",), b"odd"),
        (("data.tar",), b"d"),
    ]
    assert opened(open_ar, data, 2)[0][1] == b"2."


def test_long_names() -> None:
    gnu = MAGIC + member(b"//", b"first-long-name.exe/\nsecond.exe/\n") + member(b"/0", b"1") + member(b"/21", b"2")
    assert opened(open_ar, gnu) == [(("first-long-name.exe", "/0"), b"1"), (("second.exe", "/21"), b"2")]
    assert opened(open_ar, MAGIC + member(b"#1/8", b"a b.exe\0data")) == [(("a b.exe", "#1/8"), b"data")]
    # No such name, and one that is longer than its member.
    assert opened(open_ar, MAGIC + member(b"/99", b"1")) == [(("/99",), b"1")]
    assert opened(open_ar, MAGIC + member(b"#1/99", b"name")) == [(("name", "#1/99"), b"")]


def test_damage() -> None:
    data = MAGIC + member(b"a", b"A") + member(b"b", b"B") + member(b"c", b"C")
    why = "damaged (no header of ar where one should be)"
    at = data.find(b"b ") + 50
    assert opened(open_ar, data[:at] + b"x" + data[at + 1 :]) == [(("a",), b"A"), ((), why), (("c",), b"C")]
    assert opened(open_ar, data[:68]) == [(("a",), "it is cut off")]
    assert opened(open_ar, data[:100]) == [(("a",), b"A"), ((), "it is cut off in a header")]


def test_the_time_ends() -> None:
    with pytest.raises(Unopened, match="longer"):
        list(open_ar(MAGIC + member(b"a", b"A"), containers.spent()))


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_any_damage(data: st.DataObject) -> None:
    octets = bytearray(MAGIC + member(b"//", b"long/\n") + member(b"/0", b"A" * 9) + member(b"#1/4", b"nameB"))
    for at in data.draw(st.lists(st.integers(0, len(octets) - 1), max_size=9)):
        octets[at] = data.draw(st.integers(0, 255))
    containers.survives(open_ar, bytes(octets[: data.draw(st.integers(0, len(octets)))]))


@pytest.mark.parametrize("data", [b"`\n" * 500_000, member(b"a", b"") * 3000])
def test_much_of_anything(data: bytes) -> None:
    containers.survives(open_ar, MAGIC + data, 5000)
