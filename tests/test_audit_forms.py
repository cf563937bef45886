"""Real list mail as an mbox, a Maildir and a tar archive: the same rows, but for what such a form cannot keep."""

from __future__ import annotations

import io
import lzma
import tarfile
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from archives import Row, rows

from mailscan.audit.rows import NAMES, TIMINGS
from mailscan.mailboxes.reading import Notes, messages_in_stream

COUNT = 2000
# Asks for more than the starter policy does, of most mail.
POLICY = """
[score]
tag = 1.0

[[filter]]
use = "subject"
prefixes = ["Re:"]
action = "score"
score = 1.0

[[filter]]
use = "match"
patterns = ['(?i)kernel']
action = "tag"

[[filter]]
use = "ambiguity"
action = "ignore"

[[filter]]
use = "attachments"
action = "reject"
"""


@pytest.fixture(scope="module")
def messages(corpora: Path) -> list[bytes]:
    """The first messages of the mbox, octet by octet, each with its `From ` line and the empty line at its end."""
    with lzma.open(corpora / "mbox" / "linux-mips-early.mbox.xz") as file:
        found = [one for _, _, one in islice(messages_in_stream("x", file, Notes(), 10**8), COUNT)]
    assert len(found) == COUNT
    return found


def without(row: Row, *left_out: str) -> Row:
    return {name: row[name] for name in NAMES if name not in (*left_out, "source", "offset", *TIMINGS)}


def within(row: Row, begin: int, end: int) -> Any:
    """The evidence of a row, counted from `begin` on, and without what lies behind `end`."""
    assert isinstance(row["evidence"], list)
    return [
        one | {"start": one["start"] - begin, "end": min(one["end"], end) - begin} if "start" in one else one
        for one in row["evidence"]
    ]


def differing(one: list[Row], other: list[Row], same: Callable[[Row, Row], bool]) -> list[object]:
    return [mine["message_id"] for mine, theirs in zip(one, other, strict=True) if not same(mine, theirs)]


def test_an_mbox_a_maildir_and_a_tar_archive(messages: list[bytes], tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text(POLICY)
    box = tmp_path / "a.mbox"
    box.write_bytes(b"".join(messages))
    wanted, skipped = rows(box, 2, str(policy))
    assert (len(wanted), skipped) == (COUNT, [])
    assert sum(bool(row["evidence"]) for row in wanted) > COUNT // 10
    assert sum(row["sender"] is not None for row in wanted) == COUNT

    # As files of one message each, in a tar archive: nothing is lost.
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        for number, octets in enumerate(messages):
            member = tarfile.TarInfo(f"list/{number:05}")
            member.size = len(octets)
            archive.addfile(member, io.BytesIO(octets))
    found, skipped = rows(tmp_path / "a.tar", 2, str(policy))
    assert skipped == []
    assert differing(wanted, found, lambda mine, theirs: without(mine) == without(theirs)) == []

    # A Maildir has no `From ` line, so neither its sender nor its date, and no empty line at the end.
    for folder in ("cur", "new", "tmp"):
        (tmp_path / "md" / folder).mkdir(parents=True)
    lengths = []
    for number, octets in enumerate(messages):
        begin, end = octets.index(b"\n") + 1, len(octets) - octets.endswith(b"\n\n")
        lengths.append((begin, end))
        (tmp_path / "md" / "cur" / f"{number:05}:2,S").write_bytes(octets[begin:end])
    found, skipped = rows(tmp_path / "md", 2, str(policy))
    assert skipped == []
    spans = dict(zip(map(id, wanted), lengths, strict=True))

    def same(mine: Row, theirs: Row) -> bool:
        lost = ("size", "sender", "evidence", "date")
        begin, end = spans[id(mine)]
        if without(mine, *lost) != without(theirs, *lost) or theirs["size"] != end - begin:
            return False
        agree = within(mine, begin, end) == within(theirs, 0, end - begin)
        return agree and theirs["date"] in (mine["date"], None) and theirs["sender"] in (mine["sender"], None)

    assert differing(wanted, found, same) == []
    for column in ("date", "sender"):  # most have a Date, and a Return-Path
        assert sum(row[column] is not None for row in found) > 0, column
