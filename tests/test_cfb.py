"""Compound files: every stream, and no end that the file only claims."""

from __future__ import annotations

import struct

import pytest
from compound import compound, patient, spent
from hypothesis import given, settings
from hypothesis import strategies as st

from mailscan.unpack.cfb import SIGNATURE, STREAM, Compound
from mailscan.unpack.found import OVER_LIMIT, Unopened

SMALL = b"small stream"
LARGE = bytes(range(256)) * 40
STREAMS = {"one": SMALL, "two": LARGE, "a/b/three": b"deep", "a/four": LARGE[::-1], "empty": b""}


def streams(data: bytes) -> dict[str, bytes]:
    file = Compound(data, patient())
    return {"/".join(one.path): file.read(one, 1 << 40) for one in file.entries if one.kind == STREAM}


@pytest.mark.parametrize("data", [b"", SIGNATURE, b"x" * 600, SIGNATURE.ljust(511, b"\0")])
def test_what_has_no_header_is_said_to_be_damaged(data: bytes) -> None:
    with pytest.raises(Unopened):
        Compound(data, patient())


@pytest.mark.parametrize("shift", [9, 12])
def test_streams_have_their_paths_and_octets(shift: int) -> None:
    assert streams(compound(STREAMS, shift=shift)) == STREAMS


def test_no_more_is_read_than_asked_for() -> None:
    file = Compound(compound(STREAMS), patient())
    assert {len(file.read(one, 5)) for one in file.entries if one.size >= 5} == {5}


def test_a_stream_that_no_tree_leads_to_is_found() -> None:
    data = compound(STREAMS, orphans=("two", "a"))
    assert streams(data) == STREAMS
    assert {one.name for one in Compound(data, patient()).entries if one.orphan} >= {"two", "a"}


def test_names_of_streams_do_not_end_the_reading() -> None:
    data = compound({"\ud83d".encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace"): SMALL})
    assert list(streams(data).values()) == [SMALL]


def test_a_stream_that_is_cut_off_gives_what_there_is() -> None:
    data = compound({"x": b"", "two": LARGE})
    file = Compound(data, patient())
    entry = next(one for one in file.entries if one.name == "two")
    entry.size += 10_000
    with pytest.raises(Unopened) as error:
        file.reader(entry)(1_000_000)
    assert error.value.partly.startswith(LARGE)


def test_a_loop_of_sectors_is_no_longer_than_the_file() -> None:
    data = bytearray(compound({"two": LARGE}))
    table = struct.unpack_from("<I", data, 76)[0] * 512 + 512
    struct.pack_into("<I", data, table, 0)
    file = Compound(bytes(data), patient())
    entry = file.entries[0]
    entry.size = 1 << 40
    assert len(file.read(entry, 1 << 40)) <= len(data)


def test_a_loop_in_the_directory_ends() -> None:
    data = bytearray(compound(STREAMS))
    directory = struct.unpack_from("<I", data, 48)[0] * 512 + 512
    for at in range(directory + 128, directory + 128 * 6, 128):
        struct.pack_into("<III", data, at + 68, 1, 1, 2)
    assert sorted(streams(bytes(data)).values()) == sorted(STREAMS.values())


def test_streams_that_share_octets_are_not_looked_at_for_ever() -> None:
    file = Compound(compound({"two": LARGE * 10}), patient())
    with pytest.raises(Unopened) as error:
        for _ in range(1000):
            file.look(file.entries[0], 1 << 40)
    assert error.value.group == OVER_LIMIT


def test_no_time_left_is_said() -> None:
    with pytest.raises(Unopened) as error:
        Compound(compound(STREAMS), spent())
    assert error.value.group == OVER_LIMIT


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 8000), st.binary(min_size=1, max_size=8)), max_size=30), st.integers(0, 9000))
def test_no_octets_make_it_raise_anything_else(changes: list[tuple[int, bytes]], end: int) -> None:
    data = bytearray(compound({"one": SMALL, "a/two": LARGE[:4200]}))
    for at, octets in changes:
        data[at : at + len(octets)] = octets
    try:
        file = Compound(bytes(data[: max(end, 100)]), patient())
        for entry in file.entries:
            assert len(entry.path) <= 32
            assert len(file.read(entry, 1 << 40)) <= len(data)
    except Unopened:
        pass
