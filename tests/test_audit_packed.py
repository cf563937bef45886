"""Compressed archives, tar and zip: whole, cut off at any place, damaged, one in another, and on a pipe."""

from __future__ import annotations

import random
import re
import subprocess
import zipfile
from io import BytesIO
from pathlib import Path

import pytest
from archives import PACKERS, ids, letter, letters, mbox, rows, tarred, zipped
from running import ENVIRON, START, Done, mailscan

from mailscan.mailboxes import tasks
from mailscan.mailboxes.reading import Notes, messages_in_stream

COUNT = 120
WHOLE = {f"mbox.{name}": pack(mbox(0, COUNT)) for name, pack in PACKERS.items()} | {
    "zip": zipped(letters(0, COUNT)),
    "stored.zip": zipped(letters(0, COUNT), zipfile.ZIP_STORED),
    "bzip2.zip": zipped(letters(0, COUNT), zipfile.ZIP_BZIP2),
    "piped.zip": zipped(letters(0, COUNT), piped=True),
    "tar": tarred(letters(0, COUNT)),
    "tar.gz": PACKERS["gz"](tarred(letters(0, COUNT))),
    "tar.zst": PACKERS["zst"](tarred(letters(0, COUNT))),
}
STREAMS = [name for name in WHOLE if name.startswith("mbox")]
ZIPS = [name for name in WHOLE if name.endswith("zip")]


def in_stream(octets: bytes) -> tuple[list[bytes], list[str]]:
    """(the messages, what was skipped) of what can be read only once."""
    notes = Notes()
    found = [message for _, _, message in messages_in_stream("x", _OnlyOnce(octets), notes, 10**8)]
    return found, [f"{source}: {why}" for source, why in notes.skipped]


class _OnlyOnce:
    def __init__(self, octets: bytes) -> None:
        self.read = BytesIO(octets).read


def names(found: list[dict[str, object]]) -> list[object]:
    return [row["message_id"] for row in found]


@pytest.mark.parametrize("small", [tasks.SMALL, 0])
@pytest.mark.parametrize("name", WHOLE)
def test_alone_and_in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, small: int) -> None:
    """Small ones are their worker's, large ones are unpacked before: both give the same."""
    monkeypatch.setattr(tasks, "SMALL", small)
    path = tmp_path / f"b.{name}"
    path.write_bytes(WHOLE[name])
    alone, skipped = rows(path)
    assert (names(alone), skipped) == (ids(0, COUNT), [])
    assert [row["verdict"] for row in alone[:8]] == ["reject", *["accept"] * 6, "reject"]
    (tmp_path / "a.eml").write_text(letter(1000))
    (tmp_path / "c.eml").write_text(letter(1001))
    both, skipped = rows(tmp_path, 2)
    assert skipped == []
    assert both[1:-1] == alone
    assert names([both[0], both[-1]]) == ids(1000, 1002)


@pytest.mark.parametrize("lost", [0.4, 5])
@pytest.mark.parametrize("name", [one for one in WHOLE if one != "tar"])
def test_cut_off_at_the_end(tmp_path: Path, name: str, lost: float) -> None:
    """What is there is judged, also what stands beside it; it is said, with octets; the status is 1."""
    whole = WHOLE[name]
    path = tmp_path / f"b.{name}"
    path.write_bytes(whole[: len(whole) - int(lost if lost > 1 else lost * len(whole))])
    (tmp_path / "a.eml").write_text(letter(1000))
    (tmp_path / "c.eml").write_text(letter(1001))
    found, skipped = rows(tmp_path)
    assert names([found[0], found[-1]]) == ids(1000, 1002)
    inner = found[1:-1]
    count = len(inner)
    # Less than one block of the packer is lost with the end.
    assert names(inner) == ids(0, count) and count >= (COUNT * 0.4 if lost < 1 else COUNT * 0.7), count
    assert skipped and all(one.startswith(str(path)) for one in skipped)
    if name in STREAMS:
        # All octets that it names are those of the rows.
        assert skipped == [f"{path}: cannot be read beyond octet {_octets(inner)}: it ends too early"]
    elif lost < 1:
        assert re.search(r"cannot be read beyond octet \d+: (it ends too early|unexpected end of data)$", skipped[-1])
    if lost > 1:
        done = mailscan("audit", str(path), stdin=b"")
        assert done.status == 1 and f"mailscan: skipped {path}" in done.err
        assert f"{count:,} messages".encode() in done.out


def _octets(found: list[dict[str, object]]) -> int:
    """The octets of an mbox that its rows stand for. Raises `AssertionError` where there is a gap between two."""
    end = 0
    for row in found:
        assert row["offset"] == end
        assert isinstance(row["size"], int)
        end += row["size"]
    return end


def test_an_octet_changed_in_the_middle_is_said(tmp_path: Path) -> None:
    for name, whole in WHOLE.items():
        octets = bytearray(whole)
        octets[len(octets) // 2] ^= 0xFF
        path = tmp_path / f"b.{name}"
        path.write_bytes(octets)
        found, skipped = rows(path)
        if name == "tar":  # it has no checksum of what it holds
            assert len(found) == COUNT
            continue
        assert skipped and re.search("beyond octet [0-9]+: ", skipped[0]), (name, skipped)
        assert len(found) >= (COUNT - 1 if name in ZIPS else COUNT // 4), name


def test_the_last_header_of_a_tar_is_damaged(tmp_path: Path) -> None:
    """`tarfile` passes over headers that it cannot read, and over more of them in later versions of Python."""
    octets = bytearray(WHOLE["tar"])
    last = octets.rindex(b"ustar") - 257
    octets[last] ^= 0xFF
    path = tmp_path / "b.tar"
    path.write_bytes(octets)
    found, skipped = rows(path)
    assert len(found) == COUNT - 1
    assert len(skipped) == 1 and re.search(f"octets {last} to [0-9]+ are no member$", skipped[0]), skipped


@pytest.mark.parametrize("name", ZIPS)
def test_a_zip_archive_on_a_pipe_in_an_archive_and_in_a_file_is_the_same(tmp_path: Path, name: str) -> None:
    whole = WHOLE[name]
    wanted = [letter(number).encode() for number in range(COUNT)]
    assert in_stream(whole) == (wanted, [])
    assert in_stream(PACKERS["gz"](whole)) == (wanted, [])
    assert in_stream(tarred({"inner.zip": whole})) == (wanted, [])
    assert in_stream(zipped({"inner.zip": whole})) == (wanted, [])
    path = tmp_path / "a.zip"
    path.write_bytes(whole)
    command = ["sh", "-c", 'cat "$0" | "$@"', str(path), *START, "audit", "-"]
    done = Done(subprocess.run(command, capture_output=True, env=ENVIRON, timeout=60))
    assert (done.status, done.err) == (0, "") and f"{COUNT} messages".encode() in done.out


def test_a_mail_in_a_zip_archive_without_its_end_can_be_shown(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(WHOLE["zip"][: len(WHOLE["zip"]) // 2])
    done = mailscan("show", "--headers", f"{path}!/mail/0007.eml:0", stdin=b"")
    assert done.status == 0 and b"ADV: buy" in done.out, done.err
    gone = mailscan("show", f"{path}!/mail/0119.eml:0", stdin=b"")
    assert gone.status == 1 and "it ends too early" in gone.err and gone.err.count("\n") == 1


def test_what_cannot_be_read_of_a_zip_archive_costs_itself_alone() -> None:
    whole = zipped(letters(0, 3), zipfile.ZIP_STORED)
    headers = [match.start() for match in re.finditer(b"PK\3\4", whole)][1:]  # behind that of the folder
    encrypted = bytearray(whole)
    encrypted[headers[1] + 6] |= 1
    other = bytearray(whole)
    other[headers[1] + 8] = 97
    one, two, three = (letter(number).encode() for number in range(3))
    assert in_stream(bytes(encrypted)) == ([one, three], ["x!/mail/0001.eml: is encrypted"])
    found, skipped = in_stream(bytes(other))
    assert found == [one, three] and "method 97" in skipped[0] and len(skipped) == 1
    changed = bytes(whole).replace(b"Subject: letter 1", b"Subject: letter 2")
    found, skipped = in_stream(changed)
    assert len(found) == 3 and "checksum" in skipped[0]
    between = whole[: headers[1]] + b"nothing" * 1000 + whole[headers[1] :]
    octets = f"x: octets {headers[1]} to {headers[1] + 7000} are no member"
    assert in_stream(between) == ([one, two, three], [octets])
    lies = bytearray(whole)
    lies[headers[1] + 18 : headers[1] + 22] = b"\xff\xff\xff\x7f"
    found, skipped = in_stream(bytes(lies))
    assert found[0] == one and skipped[-1] == f"x: cannot be read beyond octet {len(whole)}: it ends too early"


def test_whatever_a_zip_archive_is_it_is_read_to_its_end() -> None:
    """Nothing is raised, nothing goes on for ever, and what is not damaged is never said to be more than it is."""
    chance = random.Random(5)
    for name in ZIPS:
        whole = WHOLE[name][-12000:] if name == "zip" else WHOLE[name][:12000]
        for _ in range(150):
            octets = bytearray(whole)
            for _ in range(chance.randrange(1, 6)):
                at = chance.randrange(len(octets))
                octets[at] = chance.choice((0, 0xFF, chance.randrange(256)))
            found, skipped = in_stream(bytes(octets[: chance.randrange(30, len(octets) + 1)]))
            assert len(found) <= 15 and len(skipped) < 40
            assert sum(map(len, found)) < 60_000


def test_an_mh_folder_as_nmh_leaves_it(tmp_path: Path) -> None:
    folder = tmp_path / "inbox"
    (folder / "later").mkdir(parents=True)
    for number in (1, 2, 10):
        (folder / str(number)).write_text(letter(number))
    (folder / "later" / "1").write_text(letter(20))
    (folder / ".mh_sequences").write_text("cur: 10\nunseen: 2\n")
    (folder / ",3").write_text(letter(3))  # what `rmm` leaves of a mail that was removed
    found, skipped = rows(folder, 2)
    assert sorted(map(str, names(found))) == sorted(ids(1, 3) + ids(10, 11) + ids(20, 21))
    assert skipped == []
    assert [str(row["source"]).removeprefix(f"{folder}/") for row in found] == ["1", "10", "2", "later/1"]
