"""cpio archives of every form, and RPM packages."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import containers
import pytest
from containers import opened
from hypothesis import given, settings
from hypothesis import strategies as st

from mailscan.decodings import inline
from mailscan.unpack.cpio import is_cpio, open_cpio, open_rpm
from mailscan.unpack.found import Unopened

FILE, LINK, FOLDER = 0o100644, 0o120777, 0o040755
Member = tuple[bytes, int, bytes]


def aligned(data: bytes, to: int) -> bytes:
    return data + bytes(-len(data) % to)


def newc(members: list[Member], magic: bytes = b"070701") -> bytes:
    data = b""
    for name, mode, body in [*members, (b"TRAILER!!!", 0, b"")]:
        fields = [1, mode, 0, 0, 1, 0, len(body), 0, 0, 0, 0, len(name) + 1, 0]
        data += aligned(magic + b"".join(b"%08X" % one for one in fields) + name + b"\0", 4) + aligned(body, 4)
    return data


def odc(members: list[Member]) -> bytes:
    data = b""
    for name, mode, body in [*members, (b"TRAILER!!!", 0, b"")]:
        fields = b"".join(b"%06o" % one for one in (0, 1, mode, 0, 0, 1, 0)) + b"%011o%06o%011o" % (
            0,
            len(name) + 1,
            len(body),
        )
        data += b"070707" + fields + name + b"\0" + body
    return data


def binary(members: list[Member], order: str = "<") -> bytes:
    data = b""
    for name, mode, body in [*members, (b"TRAILER!!!", 0, b"")]:
        fields = [0o070707, 0, 1, mode, 0, 0, 1, 0, 0, 0, len(name) + 1, len(body) >> 16, len(body) & 0xFFFF]
        data += aligned(struct.pack(f"{order}13H", *fields) + name + b"\0", 2) + aligned(body, 2)
    return data


def crc(members: list[Member]) -> bytes:
    return newc(members, b"070702")


def binary_big(members: list[Member]) -> bytes:
    return binary(members, ">")


FORMS: list[Callable[[list[Member]], bytes]] = [newc, crc, odc, binary, binary_big]


@pytest.mark.parametrize(
    "data", [b"", b"070701", b"0707010000", b"070707 is a number" * 9, b"\xc7\x71" * 50, b"\x71\xc7"]
)
def test_no_archive(data: bytes) -> None:
    assert not is_cpio(data)
    ((names, why),) = opened(open_cpio, data)
    assert names == ()
    assert "damaged" in str(why)


@pytest.mark.parametrize("form", FORMS)
def test_members(form: Callable[[list[Member]], bytes]) -> None:
    members = [(b"a.exe", FILE, b"MZ" * 99), (b"dir", FOLDER, b""), (b"empty", FILE, b""), (b"../b", FILE, b"odd")]
    data = form(members)
    assert is_cpio(data)
    expected = [((name.decode(),), body) for name, _, body in members]
    assert opened(open_cpio, data) == expected
    assert opened(open_cpio, data, 3)[0][1] == b"MZM"
    # Padded to a block, and one behind the other.
    assert opened(open_cpio, aligned(data, 512)) == expected
    assert opened(open_cpio, aligned(data, 512) + data) == expected * 2
    assert opened(open_cpio, data + b"garbage") == expected


@pytest.mark.parametrize("form", FORMS)
def test_links_have_no_data(form: Callable[[list[Member]], bytes]) -> None:
    data = form([(b"link", LINK, b"/etc/passwd"), (b"b", FILE, b"B")])
    assert opened(open_cpio, data) == [(("link",), b""), (("b",), b"B")]


@pytest.mark.parametrize("form", FORMS)
def test_cut_off(form: Callable[[list[Member]], bytes]) -> None:
    data = form([(b"a", FILE, b"A" * 600), (b"b", FILE, b"B" * 600)])
    whole, torn, *rest = opened(open_cpio, data[:1000])
    assert whole == (("a",), b"A" * 600)
    assert torn == (("b",), "it is cut off")
    assert rest == [((), "it is cut off (it has no trailer)")]


def test_damage_between_members() -> None:
    data = bytearray(newc([(b"a", FILE, b"A"), (b"b", FILE, b"B"), (b"c", FILE, b"C")]))
    data[data.find(b"070701", 6) + 8] = 0x20
    assert (("c",), b"C") in opened(open_cpio, bytes(data))


def test_rpm() -> None:
    def header(entries: int, size: int, has: int = 99) -> bytes:
        octets = b"\x8e\xad\xe8\1\0\0\0\0" + struct.pack(">II", entries, size)
        return octets + bytes(min(16 * entries + size, has))

    payload = newc([(b"a", FILE, b"A")])
    lead = b"\xed\xab\xee\xdb\3\0".ljust(96, b"\0")
    data = lead + aligned(header(1, 5), 8) + header(2, 3) + payload
    assert opened(open_rpm, data) == [(("payload.cpio",), payload)]
    assert opened(open_rpm, data, 6) == [(("payload.cpio",), b"070701")]
    for torn in (b"", lead, data[:150], lead + header(1 << 31, 9) + payload):
        assert opened(open_rpm, torn) == [((), "damaged (no header of RPM where one should be)")]


def test_the_time_ends() -> None:
    with pytest.raises(Unopened, match="longer"):
        list(open_cpio(newc([(b"a", FILE, b"A")]), containers.spent()))


@pytest.mark.parametrize(
    "data", [b"070701" * 200_000, binary([(b"a", FILE, b"")] * 2000), odc([(b"", FILE, b"")] * 999)]
)
def test_much_of_anything(data: bytes) -> None:
    containers.survives(open_cpio, data, 5000)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_any_damage(data: st.DataObject) -> None:
    members = [(b"a", FILE, b"A" * 90), (b"bb", FOLDER, b""), (b"c", FILE, b"C")]
    octets = bytearray(data.draw(st.sampled_from(FORMS))(members))
    for at in data.draw(st.lists(st.integers(0, len(octets) - 1), max_size=9)):
        octets[at] = data.draw(st.integers(0, 255))
    containers.survives(open_cpio, bytes(octets[: data.draw(st.integers(0, len(octets)))]))
    containers.survives(open_rpm, b"\xed\xab\xee\xdb" + bytes(92) + bytes(octets))


def test_those_that_others_made(corpora: Path) -> None:
    folder = corpora / "attach" / "clamav-testfiles"
    program = (folder / "clam.exe").read_bytes()
    for form in ("bin-be", "bin-le", "newc", "odc"):
        assert opened(open_cpio, (folder / f"clam.{form}.cpio").read_bytes()) == [(("clam.exe",), program)], form
    packages = sorted((corpora / "attach" / "libarchive-uu").glob("*.rpm.uu"))
    assert len(packages) == 2
    for path in packages:
        ((_, payload),) = opened(open_rpm, next(inline(path.read_bytes(), 0, 1 << 30)).data)
        assert isinstance(payload, bytes)
        assert payload[:2] == (b"BZ" if "bzip2" in path.name else b"\x1f\x8b")
