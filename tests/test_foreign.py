"""Containers opened by libarchive or a 7z program. Both may be missing: the test says so, visibly."""

from __future__ import annotations

import gc
import io
import os
import signal
import tarfile
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailscan.unpack import Budget, clibarchive, foreign, libarchive, program, sevenzip
from mailscan.unpack.found import ENCRYPTED_ARCHIVE, NOT_OPENED, OVER_LIMIT, Found, Remark, Unopened

TAR = io.BytesIO()
with tarfile.open(fileobj=TAR, mode="w") as _tar:
    for _name, _octets in (("a.txt", b"hello\n"), ("sub/b.exe", b"MZ" * 5000)):
        _info = tarfile.TarInfo(_name)
        _info.size = len(_octets)
        _tar.addfile(_info, io.BytesIO(_octets))
DATA = TAR.getvalue()

needs_libarchive = pytest.mark.needs("libarchive")
needs_7z = pytest.mark.needs("7z")


def budget(seconds: float = 3.0) -> Budget:
    end = time.monotonic() + 100
    return Budget(lambda: max(0.0, end - time.monotonic()), seconds=seconds)


def without_libarchive(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> Any:
        raise OSError("not here")

    monkeypatch.setattr(clibarchive, "_system_or_bundled", missing)


def without_7z(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "PROGRAMS", ())


def found(members: Iterator[Found | Remark]) -> dict[str, bytes]:
    return {one.names[0]: one.read(1_000_000) for one in members if isinstance(one, Found)}


def test_octets_that_are_no_container_are_said_to_be_none() -> None:
    for kind in (*sorted(foreign.KINDS), "ace"):
        with pytest.raises(Unopened) as caught:
            list(foreign.open_foreign(b"no container " * 100, budget(), kind))
        assert caught.value.group == NOT_OPENED, kind


def test_where_nothing_is_installed_it_is_said_what_would_help(monkeypatch: pytest.MonkeyPatch) -> None:
    without_libarchive(monkeypatch)
    without_7z(monkeypatch)
    with pytest.raises(Unopened, match=r"libarchive13.*7zip") as caught:
        list(foreign.open_foreign(DATA, budget(), "7z"))
    assert caught.value.group == NOT_OPENED
    with pytest.raises(Unopened, match="install 7-Zip"):
        list(foreign.open_foreign(DATA, budget(), "wim"))
    assert foreign.available() == {}


@pytest.mark.parametrize("hide", [without_libarchive, without_7z])
def test_members_and_their_octets(monkeypatch: pytest.MonkeyPatch, hide: Callable[[pytest.MonkeyPatch], None]) -> None:
    hide(monkeypatch)
    if not foreign.available():
        pytest.skip("nothing else on this machine")
    assert found(foreign.open_foreign(DATA, budget(), "tar")) == {"a.txt": b"hello\n", "sub/b.exe": b"MZ" * 5000}


@pytest.mark.parametrize("hide", [without_libarchive, without_7z])
def test_a_member_may_be_read_again_and_late(
    monkeypatch: pytest.MonkeyPatch, hide: Callable[[pytest.MonkeyPatch], None]
) -> None:
    hide(monkeypatch)
    if not foreign.available():
        pytest.skip("nothing else on this machine")
    one, two = (each for each in foreign.open_foreign(DATA, budget(), "tar") if isinstance(each, Found))
    assert two.read(3) == b"MZM" and two.read(100_000) == b"MZ" * 5000 and two.read(1) == b"M"
    assert one.read(2) == b"he" and one.read(100) == b"hello\n"


@needs_libarchive
def test_the_child_that_dies_is_said_and_the_next_members_come(monkeypatch: pytest.MonkeyPatch) -> None:
    without_7z(monkeypatch)
    begin = clibarchive.begin

    def dying(data: bytes, formats: tuple[str, ...], filters: tuple[str, ...]) -> Callable[[object], object]:
        answer = begin(data, formats, filters)
        return lambda question: os.kill(os.getpid(), signal.SIGTERM) if question == 17 else answer(question)

    monkeypatch.setattr(libarchive, "begin", dying)
    said = []
    names = []
    for one in foreign.open_foreign(DATA, budget(), "tar"):
        assert isinstance(one, Found)
        names.append(one.names[0])
        with pytest.raises(Unopened) as caught:
            one.read(17)
        said.append(str(caught.value))
    assert names == ["a.txt", "sub/b.exe"]
    assert said == ["unpacking failed: its process was killed by signal 15"] * 2


@needs_libarchive
def test_a_child_that_hangs_is_over_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    without_7z(monkeypatch)
    monkeypatch.setattr(libarchive, "begin", lambda *_: lambda question: time.sleep(60))
    with pytest.raises(Unopened) as caught:
        list(foreign.open_foreign(DATA, budget(0.2), "tar"))
    assert caught.value.group == OVER_LIMIT


def test_a_child_cannot_take_more_memory_than_it_may() -> None:
    def begin() -> Callable[[object], object]:
        def answer(_: object) -> object:
            try:
                return len(bytes(clibarchive.MEMORY + (64 << 20)))
            except MemoryError:
                return "no memory"

        return answer

    from mailscan.companion import Companion

    child = Companion(begin, late=lambda: False, seconds=3, memory=clibarchive.MEMORY)
    try:
        assert child.ask(0) == "no memory"
    finally:
        child.end()


def fake_7z(tmp_path: Any, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    path = tmp_path / "7z"
    path.write_text("#!/bin/sh\n" + script)
    path.chmod(0o755)
    monkeypatch.setattr(program, "PROGRAMS", (str(path),))
    without_libarchive(monkeypatch)


def test_a_program_that_is_killed_is_said(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_7z(tmp_path, monkeypatch, "kill -SEGV $$\n")
    with pytest.raises(Unopened, match="7z was killed by signal 11"):
        list(foreign.open_foreign(DATA, budget(), "7z"))


def test_a_program_that_hangs_is_over_the_limit(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_7z(tmp_path, monkeypatch, "sleep 60\n")
    with pytest.raises(Unopened) as caught:
        list(foreign.open_foreign(DATA, budget(0.2), "7z"))
    assert caught.value.group == OVER_LIMIT


def test_a_program_that_writes_without_end_is_not_read_without_end(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_7z(
        tmp_path,
        monkeypatch,
        'if [ "$1" = l ]; then printf "Path = x\\nSize = 9000000000\\n\\n"; else exec cat /dev/zero; fi\n',
    )
    (one,) = foreign.open_foreign(DATA, budget(), "7z")
    assert isinstance(one, Found) and one.read(100_000) == bytes(100_000)


def test_a_program_can_write_no_file(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    written = tmp_path / "written"
    fake_7z(tmp_path, monkeypatch, f"echo something > {written}\n")
    with pytest.raises(Unopened):
        list(foreign.open_foreign(DATA, budget(), "7z"))
    assert not written.exists() or written.read_bytes() == b""


def test_what_cannot_be_cut_by_sizes_is_asked_for_by_name(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    # The first member is damaged: of all octets of both, the second's would be taken for the first's.
    fake_7z(
        tmp_path,
        monkeypatch,
        'case "$*" in\n'
        'l*) printf "Path = a\\nSize = 5\\n\\nPath = b\\nSize = 5\\n\\n";;\n'
        '*-i!a*) echo "ERROR: Data Error : a" >&2; exit 2;;\n'
        "*-i!b*) printf BBBBB;;\n"
        '*) echo "ERROR: Data Error : a" >&2; printf BBBBB; exit 2;;\n'
        "esac\n",
    )
    first, second = (one for one in foreign.open_foreign(DATA, budget(), "7z") if isinstance(one, Found))
    with pytest.raises(Unopened, match="Data Error"):
        first.read(100)
    assert second.read(100) == b"BBBBB"


def test_encrypted_members_are_not_asked_for(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_7z(tmp_path, monkeypatch, 'printf "Path = a.exe\\nSize = 5\\nEncrypted = +\\n\\n"\n')
    (one,) = foreign.open_foreign(DATA, budget(), "7z")
    assert isinstance(one, Found)
    with pytest.raises(Unopened) as caught:
        one.read(100)
    assert caught.value.group == ENCRYPTED_ARCHIVE


def test_no_member_is_said(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_7z(tmp_path, monkeypatch, "exit 0\n")
    assert [type(one) for one in foreign.open_foreign(DATA, budget(), "7z")] == [Remark]


@needs_7z
def test_any_name_is_asked_for_as_it_is() -> None:
    names = ["*", "?", "-y", "@x", "a b", "ü", "-i!x", "a/b"]
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        for name in names:
            info = tarfile.TarInfo(name)
            info.size = len(name)
            tar.addfile(info, io.BytesIO(name[:1].encode("latin-1") * len(name)))
    for name in names:
        want = name[:1].encode("latin-1") * len(name)
        assert sevenzip.read_named(file.getvalue(), budget(), "tar", name, 0, 100) == want


def test_a_signature_alone_is_no_self_extracting_archive() -> None:
    for signature in (b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07\0", b"Rar!\x1a\x07\1\0", b"MSCF\0\0\0\0"):
        assert foreign.find_sfx(b"MZ" + bytes(500) + signature + b"7z\xbc\xaf" * 40) is None
        assert foreign.find_sfx(b"MZ" + signature) is None


def test_a_self_extracting_archive_behind_the_signature_in_its_program() -> None:
    rar = b"Rar!\x1a\x07\0\xcf\x90\x73\0\0\x0d\0" + bytes(20)
    stub = b"MZ" + bytes(100) + b"Rar!\x1a\x07\0" + bytes(100)
    assert foreign.find_sfx(stub + rar) == len(stub)
    assert foreign.find_sfx(bytes(3_000_000) + rar) is None


@needs_libarchive
@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200), st.integers(0, len(DATA)), st.sampled_from(sorted(clibarchive.READS)))
def test_any_octets_raise_nothing_else(octets: bytes, at: int, kind: str) -> None:
    try:
        for one in foreign.open_foreign(DATA[:at] + octets + DATA[at + len(octets) :], budget(), kind):
            if isinstance(one, Found):
                try:
                    one.read(10_000)
                except Unopened:
                    pass
    except Unopened:
        pass


def test_no_child_waits_for_the_garbage_collector() -> None:
    # What is damaged, and listed by us and by others: a kept exception once held the frames that held the child.
    from mailscan.inside import Inside
    from mailscan.message import Message

    octets = b"Rar!\x1a\x07\x01\x00" + bytes(range(256))
    raw = b"Content-Type: application/x-rar; name=a.rar\nContent-Transfer-Encoding: binary\n\n" + octets
    before = len(os.listdir("/proc/self/fd"))
    gc.disable()
    try:
        end = time.monotonic() + 60
        assert list(Inside(Message(raw).parts, lambda: Budget(lambda: end - time.monotonic())))
        assert len(os.listdir("/proc/self/fd")) == before
    finally:
        gc.enable()
