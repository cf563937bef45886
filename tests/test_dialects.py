"""Which lines of an mbox begin messages: as other programs read them, and with both counts where they may differ."""

from __future__ import annotations

import json
import lzma
import mailbox
import re
import shutil
import subprocess
from io import BytesIO
from pathlib import Path

import pytest
from running import mailscan

from mailscan.audit.settings import settings
from mailscan.mailboxes import tasks
from mailscan.mailboxes.dialects import BARE, DATED, NAMES, RFC4155, THUNDERBIRD, Counts
from mailscan.mailboxes.reading import Notes, messages_in_stream

HEADER = b"From: a@example.org\nTo: b@example.com\nSubject: %s\nMessage-ID: <%s@example.org>\n\nhello\n"
DAY = b"From a@example.org Tue Nov  3 10:00:00 2026\n"
REFUSES = '[log]\nto = "none"\n[[filter]]\nuse = "subject"\nwords = ["two"]\naction = "reject"\n'
INTERNAL = (
    b"From MAILER-DAEMON Tue Nov  3 10:00:00 2026\nDate: 03 Nov 2026 10:00:00 +0100\n"
    b"From: Mail System Internal Data <MAILER-DAEMON@mail.example.org>\n"
    b"Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\nMessage-ID: <1@mail.example.org>\n"
    b"X-IMAP: 1762160400 0000000002\nStatus: RO\n\nThis text is part of the internal format of your mail folder.\n\n"
)


def letters(*froms: bytes, gap: bytes = b"\n", count: int = 2) -> bytes:
    """An mbox whose messages begin with these lines, one after the other, with `gap` between."""
    names = [b"one", b"two", b"three", b"four", b"five", b"six"]
    lines = froms * count if len(froms) == 1 else froms
    return gap.join(line + HEADER % (name, name) for line, name in zip(lines, names, strict=False)) + b"\n"


# What is read without a doubt: (its octets, how many messages).
SURE = {
    "as Thunderbird writes it": letters(b"From \n"),
    "with returns": letters(b"From \n").replace(b"\n", b"\r\n"),
    "bare without an empty line": letters(b"From \n", gap=b""),
    "with a dash": letters(b"From -\n"),
    "a word": letters(b"From nobody\n"),
    "an address alone": letters(b"From a@example.org\n"),
    "dated first, then bare": letters(b"From - Tue Nov 03 10:00:00 2026\n", b"From \n"),
    "bare first, then dated": letters(b"From \n", DAY),
    "of a date in ISO 8601": letters(b"From a@example.org 2026-11-03T10:00:00+01:00\n"),
    "of a date alone": letters(b"From a@example.org 2026-11-03\n"),
    "of a date with a blank": letters(b"From - 2026-11-03 10:00:00\n"),
    "in German": letters(b"From a@example.org Di Nov  3 10:00:00 2026\n"),
    "in German, its own order": letters(b"From a@example.org Di, 3. Nov. 2026 10:00\n"),
    "in French": letters("From a@example.org mar. 3 févr. 2026 10:00:00\n".encode()),
    "with a numeric date": letters(b"From a@example.org 03.11.2026 10:00\n"),
    "with a zone first": letters(b"From 1@xxx Tue Nov 03 10:00:00 +0000 2026\n"),
    "behind a byte-order mark": b"\xef\xbb\xbf" + letters(DAY),
    "bare, behind a byte-order mark": b"\xef\xbb\xbf" + letters(b"From \r\n"),
    "as it should be": letters(DAY),
    "of c-client": INTERNAL + letters(DAY),
    "of c-client, with returns": (INTERNAL + letters(DAY)).replace(b"\n", b"\r\n"),
}
# What may be read in several ways: (its octets, the rule that is taken, the messages by each rule).
DOUBTFUL = {
    "no empty line": (letters(DAY, gap=b""), DATED, (1, 2, 2, 2)),
    "no empty line, with returns": (letters(DAY, gap=b"").replace(b"\n", b"\r\n"), DATED, (1, 2, 2, 2)),
    "never one": (letters(DAY, gap=b"", count=5), DATED, (1, 5, 5, 5)),
    "mostly without": (letters(DAY, gap=b"", count=4) + letters(DAY, count=1), DATED, (2, 5, 5, 5)),
    "mostly with": (letters(DAY, count=4)[:-1] + letters(DAY, count=1), RFC4155, (4, 5, 5, 5)),
    "ISO, no empty line": (letters(b"From a@example.org 2026-11-03T10:00:00\n", gap=b""), DATED, (1, 2, 2, 2)),
    "bare ones below dated ones": (letters(DAY, DAY, b"From \n"), RFC4155, (2, 2, 3, 3)),
    "bare, with no empty line": (letters(DAY, DAY) + b"x\n" + letters(b"From \n", count=1), RFC4155, (2, 2, 3, 3)),
    "a sentence above a header": (letters(DAY, b"From here on, all is well\n"), RFC4155, (1, 1, 1, 2)),
    "a sentence in a bare one": (letters(b"From \n", b"From here on all is well\n"), BARE, (0, 0, 1, 2)),
    "three kinds": (letters(DAY, DAY, b"From \n", b"From me to you\n"), RFC4155, (2, 2, 3, 4)),
}


def read(octets: bytes, rule: int | None = None) -> tuple[list[bytes], Counts, list[tuple[str, str]]]:
    notes = Notes(rule)
    found = [one for _, _, one in messages_in_stream("x", BytesIO(octets), notes, 10**8)]
    return found, Counts(notes.boxes["x"]), notes.skipped


@pytest.mark.parametrize("name", SURE)
def test_it_is_read_without_a_doubt(name: str) -> None:
    found, counts, skipped = read(SURE[name])
    assert (len(found), counts.messages, counts.doubt, skipped) == (2, 2, "", []), name
    assert [b"Subject: two" in one for one in found] == [False, True]
    assert counts.internal == ("c-client" in name)
    assert b"".join(found) == SURE[name][-sum(map(len, found)) :], "no octet is lost"


@pytest.mark.parametrize("name", DOUBTFUL)
def test_a_doubt_is_said_with_the_counts_of_each_way(name: str) -> None:
    octets, rule, counts = DOUBTFUL[name]
    found, box, _ = read(octets)
    assert len(found) == counts[rule] and box.doubt.count("--dialect") > 1, box.doubt
    assert f"{counts[rule]:,} message" in box.doubt
    for other, count in enumerate(counts):
        if count:
            again, chosen, _ = read(octets, other)
            assert (len(again), chosen.doubt) == (count, ""), NAMES[other]
        if count not in (0, counts[rule]):
            assert f"{count} by --dialect" in box.doubt


def _thunderbird(octets: bytes) -> int:
    """Thunderbird's rule, by itself: `From ` and anything, and a header field on the next line."""
    return len(re.findall(rb"(?m)^(?:\xef\xbb\xbf)?From [^\n]*\n(?:>From [^\n]*\n)*[!-9;-~]+:", octets))


def _python(path: Path) -> int:
    return len(mailbox.mbox(path))


def _formail(path: Path, *options: str) -> int:
    with open(path, "rb") as file:
        return subprocess.run(["formail", *options, "-s", "echo"], stdin=file, capture_output=True).stdout.count(b"\n")


@pytest.mark.parametrize("name", [*SURE, *DOUBTFUL])
def test_others_read_it_so(name: str, tmp_path: Path) -> None:
    """Python's `mailbox` (any `From ` line), procmail's formail (a date; with and without an empty line)."""
    octets, _, counts = DOUBTFUL.get(name, (SURE.get(name, b""), None, (2,) * 4))
    path = tmp_path / "box"
    path.write_bytes(octets)
    internal = int("c-client" in name)
    assert _thunderbird(octets) == counts[THUNDERBIRD] + internal
    if not octets.startswith(b"\xef"):
        assert _python(path) == counts[THUNDERBIRD] + internal
    usual = re.findall(rb"(?m)^From .*$", octets) == re.findall(rb"(?m)^From \S+ Tue Nov +\d+ [\d:]+ 2026\r?$", octets)
    if shutil.which("formail") and usual and not octets.startswith(b"\xef"):
        assert _formail(path, "-e") == counts[DATED] + internal
        if b"\r" not in octets:
            assert _formail(path) == counts[RFC4155] + internal


def test_a_body_makes_no_doubt() -> None:
    for line in (
        b"From here on, all is well.\n",
        b"\nFrom the archives of\nhttp://example.org/2026/ we have:\n",
        b"\nFrom my point of view\nNote: this is no header\n\n",
        b"From \n\nempty above\n",
        b"\nFrom 10:30 on 2026-11-03 we meet\nand talk\n",
        b">From a@example.org Tue Nov  3 10:00:00 2026\nSubject: quoted\n",
        b"\n> From \n> Subject: x\n",
    ):
        one = DAY + HEADER % (b"one", b"one") + line + b"\n"
        found, counts, _ = read(one + letters(DAY, count=1))
        assert (len(found), counts.doubt) == (2, ""), line


def test_only_c_clients_own_first_message_is_none() -> None:
    for mail in (
        INTERNAL.replace(b"X-IMAP: ", b"X-Imap-Not: "),
        INTERNAL.replace(b"FOLDER INTERNAL", b"YOUR"),
        INTERNAL.replace(b"Date:", b"Received: from x by y; Tue, 3 Nov 2026 10:00:00 +0100\nDate:"),
    ):
        assert len(read(mail + letters(DAY))[0]) == 3, mail
    assert len(read(letters(DAY, count=1) + INTERNAL)[0]) == 2, "only the first one"


@pytest.mark.parametrize("name", [*SURE, *DOUBTFUL])
def test_ranges_give_the_same(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read in parts, by workers that see only theirs, and packed: the same messages, and the same doubt."""
    octets = DOUBTFUL[name][0] if name in DOUBTFUL else SURE[name]
    path = tmp_path / "box"
    path.write_bytes(octets)
    (tmp_path / "box.xz").write_bytes(lzma.compress(octets))
    (tmp_path / "p.toml").write_text(REFUSES)
    monkeypatch.setattr(tasks, "SMALL", 0)
    monkeypatch.setattr(tasks, "TASK_OCTETS", 90)
    from archives import rows

    wanted = read(octets)[0]
    found, skipped = rows(path, 2, str(tmp_path / "p.toml"))
    assert [row["size"] for row in found] == [*map(len, wanted)] and not skipped
    packed, _ = rows(tmp_path / "box.xz", 1, str(tmp_path / "p.toml"))
    assert [row["message_id"] for row in packed] == [row["message_id"] for row in found]


def test_audit_and_backtest_say_it_and_dialect_decides(tmp_path: Path) -> None:
    box, out = tmp_path / "a.mbox", tmp_path / "x.jsonl"
    box.write_bytes(letters(DAY, gap=b""))
    (tmp_path / "old.toml").write_text("")
    (tmp_path / "p.toml").write_text(REFUSES)
    said = mailscan(
        "audit", "--policy", str(tmp_path / "p.toml"), "--html", str(tmp_path / "x.html"), str(box), stdin=b""
    )
    assert said.status == 1 and b"2 messages" in said.out
    assert "a.mbox may be read in two ways: 2 messages as it was read, by --dialect dated" in said.err
    assert "1 by --dialect rfc4155" in said.err
    assert "may be read in two ways" in (tmp_path / "x.html").read_text()
    for dialect, count in (("rfc4155", 1), ("dated", 2), ("thunderbird", 2)):
        words = ("--policy", str(tmp_path / "p.toml"), "--dialect", dialect, "--out", str(out), str(box))
        done = mailscan("audit", *words, stdin=b"")
        assert (done.status, done.err) == (0, ""), dialect
        rows = [json.loads(line) for line in out.read_text().splitlines()]
        assert len(rows) == count
        last = f"{box}:{rows[-1]['offset']}"
        assert mailscan("show", last, stdin=b"").status == 0
        assert mailscan("show", f"{out}:{count}", stdin=b"").status == 0
    compared = ("backtest", str(tmp_path / "old.toml"), "--against", str(tmp_path / "old.toml"))
    never = mailscan(*compared, str(box), stdin=b"")
    assert never.status == 1 and "may be read in two ways" in never.err
    assert mailscan(*compared, "--dialect", "dated", str(box), stdin=b"").status == 0


def test_a_run_that_goes_on_knows_the_doubt(tmp_path: Path) -> None:
    """And refuses to go on under another dialect."""
    from mailscan.audit.totals import Totals
    from mailscan.audit.work import NOTHING

    totals = Totals()
    totals.add(NOTHING._replace(boxes={"x": read(letters(DAY, gap=b""))[1].plain()}))
    again = Totals(json.loads(json.dumps(totals.plain())))
    assert again.doubts == 1 and again.unread() == totals.unread() != []
    digests = {settings([], rule=rule).digest for rule in (None, *range(len(NAMES)))}
    assert len(digests) == len(NAMES) + 1, "what --resume compares"
