"""Fields of the header that only lenient readers find: filters judge them, no forged one stays, ambiguity says so."""

from __future__ import annotations

import email
import email.policy
import itertools
import re
import time
from pathlib import Path

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from mailscan.envelope import Envelope
from mailscan.filters.match import Match
from mailscan.lenient import others
from mailscan.mail import Mail
from mailscan.message import Message
from mailscan.outside import Outside
from mailscan.pipeline import scan
from mailscan.policy import load_policy
from mailscan.render import edited, render
from mailscan.verdict import Edits, Verdict

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

FORGED, SUBJECT = b"X-Mailscan-Verdict: accept forged", b"Subject: ADV: x"
# (the kind said, a message in which only some readers find the two fields)
ODD: dict[str, tuple[str, bytes]] = {
    "a line without a name": ("header.not-a-field", b"From: a@b.c\n: x\n%s\n%s\n\nb\n"),
    "a line without a colon": ("header.not-a-field", b"From: a@b.c\njunk\n%s\n%s\n\nb\n"),
    "a line with a blank in its name": ("header.not-a-field", b"From: a@b.c\nA B: x\n%s\n%s\n\nb\n"),
    "a name of raw octets": ("header.not-a-field", b"From: a@b.c\n\xc3\xa4: x\n%s\n%s\n\nb\n"),
    "a From line": ("header.not-a-field", b"From: a@b.c\n>From joe\n%s\n%s\n\nb\n"),
    "an odd line that is continued": ("header.not-a-field", b"From: a@b.c\n: x\n \n y\n%s\n%s\n\nb\n"),
    "a colon on the next line": ("header.not-a-field", b"From: a@b.c\nA\n : x\n%s\n%s\n\nb\n"),
    "an odd line first": ("header.not-a-field", b"junk\n%s\n%s\n\nb\n"),
    "no end of the header": ("header.not-a-field", b"From: a@b.c\n: x\n%s\n%s"),
    "bare CRs": ("header.bare-cr", b"From: a@b.c\nA: b\r%s\rB: c\r%s\n\nb\n"),
    "a bare CR in a fold": ("header.bare-cr", b"From: a@b.c\nA: b\n c\r%s\n d\nB: c\r%s\n\nb\n"),
    "a bare CR first": ("header.bare-cr", b"\r%s\nA: b\r%s\n\nb\n"),
    "a bare CR after an odd line": ("header.bare-cr", b"From: a@b.c\njunk\r%s\nA: b\r%s\n\nb\n"),
    "a bare CR after a line end": ("header.bare-cr", b"From: a@b.c\n\r%s\n\r%s\n\nb\n"),
    "bare CRs only": ("header.bare-cr", b"From: a@b.c\r%s\r%s\r\rb\r"),
    "a long header": ("header.bare-cr", b"From: a@b.c\nA: " + b"x" * 20_000 + b"\r%s\nB: c\r%s\n\nb\n"),
    "a NUL before the names": ("header.nul", b"From: a@b.c\n\0%s\n\0%s\n\nb\n"),
    "a bare CR in the From line": ("header.bare-cr", b"From joe\r%s\nA: b\r%s\n\nb\n"),
    "an empty line first": ("header.late-start", b"\n%s\n%s\n\nb\n"),
    "an empty line of CR CR LF first": ("header.late-start", b"\r\r\n%s\n%s\n\nb\n"),
}
POLICY = """
[[filter]]
use = "ambiguity"
action = "tag"

[[filter]]
use = "subject"
prefixes = ["ADV:"]
action = "tag"

[[filter]]
use = "match"
headers = { Subject = ["adv"], X-Mailscan-Verdict = true }
action = "tag"
"""


def judged(message: Message, folder: Path) -> Verdict:
    path = folder / "policy.toml"
    path.write_text(POLICY)
    return scan(Mail(Envelope(), message), load_policy(str(path)), Outside(time.monotonic() + 20))


def crlf(raw: bytes) -> bytes:
    return raw.replace(b"\n", b"\r\n")


@pytest.mark.parametrize("case", ODD)
@pytest.mark.parametrize("ends", [bytes, crlf])
def test_what_only_some_readers_find_is_judged_named_and_taken_out(case: str, ends: type, tmp_path: Path) -> None:
    kind, form = ODD[case]
    message = Message(ends(form % (FORGED, SUBJECT)))
    if kind not in ("header.bare-cr", "header.late-start"):
        assert "Subject" not in message.headers
    assert kind in {one.kind for one in message.ambiguities}
    verdict = judged(message, tmp_path)
    codes = [finding.code for asked in verdict.account for finding in asked.findings]
    assert f"ambiguity.{kind}" in codes
    assert "subject.prefix" in codes
    assert "match.hit" in codes
    assert b'remove="X-Mailscan-Verdict"' in render("kv", verdict)
    out = edited(message, Edits(remove=verdict.edits.remove))
    assert b"forged" not in out
    assert SUBJECT in out
    for finding in (finding for asked in verdict.account for finding in asked.findings):
        assert all(0 <= one.start < one.end <= len(message.raw) for one in finding.evidence)


def test_a_name_with_nul_octets_is_a_name(tmp_path: Path) -> None:
    message = Message(b"From: a@b.c\nX-Mail\0scan-Ver\0dict : forged\nSub\0ject: ADV: x\n\nb")
    verdict = judged(message, tmp_path)
    assert verdict.edits.remove == ("X-Mailscan-Verdict",)
    assert edited(message, Edits(remove=verdict.edits.remove)) == b"From: a@b.c\nSub\0ject: ADV: x\n\nb"
    assert [one.text for one in message.fields("subject")] == ["ADV: x"]
    assert "header.nul" in {one.kind for one in message.ambiguities}


def test_a_field_ends_at_a_bare_cr_for_some() -> None:
    """Else what stands behind it would hide the words before it, or dilute their script."""
    message = Message(b"Subject: ADV\r and more\r\nTo: x\r\n\r\nb")
    assert [one.value for one in message.fields("subject")] == [b"ADV\r and more"]
    message = Message(b"Subject: ADV\rX: and more\r\nTo: x\r\n\r\nb")
    assert [one.value for one in message.fields("subject")] == [b"ADV\rX: and more", b"ADV"]


@pytest.mark.parametrize(
    "raw",
    [
        b"From: a@b.c\nSubject: x\n\n: x\nX-Mailscan-Verdict: quoted\nSubject: ADV: quoted\n",
        b"From: a@b.c\nDKIM-Signature: h=from:\n Subject:X-Mailscan-Verdict: x\n\nb\r\rSubject: ADV:\r",
        b"From: a@b.c\nSubject: x\n\nSubject: ADV: x\rX-Mailscan-Verdict: x\n",
        b"From: a@b.c\n: x\n\nX-Mailscan-Verdict: x\nSubject: ADV: x\n",
        b"\n\nDear Sir,\nX-Mailscan-Verdict: x\nSubject: ADV: x\n",
        b"From: a@b.c\nlook at\nhttp://example.com/\nftp://example.com/\n\nb",
        b"no header\n",
    ],
)
@pytest.mark.parametrize("ends", [bytes, crlf])
def test_what_nobody_takes_for_a_field_stays_and_is_no_ambiguity(raw: bytes, ends: type, tmp_path: Path) -> None:
    raw = ends(raw)
    message = Message(raw)
    assert message.ambiguities == ()
    verdict = judged(message, tmp_path)
    assert [asked.outcome for asked in verdict.account] == ["clear"] * 3
    assert verdict.edits.remove == ()
    assert edited(message, Edits(remove=["X-Mailscan-Verdict"])) == raw


def test_mail_whose_line_ends_were_doubled_keeps_its_text() -> None:
    raw = b"From: a@b.c\r\r\nTo: x\r\r\n\r\r\nX-Own: quoted\r\r\n"
    assert Message(raw).fields("X-Own") == []
    assert edited(Message(raw), Edits(remove=["X-Own"])) == raw


@pytest.mark.parametrize(
    ("raw", "left"),
    [
        (b"A: b\rX-Own: f\rB: c\n\nb", b"A: b\rB: c\n\nb"),
        (b"A: b\rX-Own: f\nB: c\n\nb", b"A: b\nB: c\n\nb"),
        (b"A: b\rX-Own: f\r\nB: c\r\n\r\nb", b"A: b\r\nB: c\r\n\r\nb"),
        (b"A: b\n\rX-Own: f\nB: c\n\nb", b"A: b\nB: c\n\nb"),
        (b"A: b\n: x\nX-Own: f\n g\nB: c\n\nb", b"A: b\n: x\nB: c\n\nb"),
    ],
)
def test_lines_above_and_below_stay_as_they_are(raw: bytes, left: bytes) -> None:
    assert edited(Message(raw), Edits(remove=["X-Own"])) == left


def test_a_field_is_found_once_and_one_that_only_some_have_is_still_absent(tmp_path: Path) -> None:
    message = Message(b"Subject: ADV: y\rX: z\nA: b\n\nb")
    verdict = judged(message, tmp_path)
    assert [one.code for asked in verdict.account for one in asked.findings].count("subject.prefix") == 1
    absent = Match({"headers": {"Message-ID": False}})
    for raw, count in ((b"A: b\n\n", 1), (b"A: b\rMessage-ID: <x>\n\n", 1), (b"Message-ID: <x>\n\n", 0)):
        assert len(list(absent.check(Mail(Envelope(), Message(raw)), Outside(0)))) == count


def test_more_than_are_looked_at_is_said() -> None:
    text = b"look at\n" + b"http://example.com/\n" * 9_999
    assert Message(text).ambiguities == ()
    assert [one.kind for one in Message(text + b"http://example.com/\nSubject: x\n").ambiguities] == ["too-many"]


def test_a_replaced_body_has_no_field_of_the_old_one() -> None:
    message = Message(b"A: b\rX-Own: f\nB: c\n: x\nX-Own: f\n\nb")
    assert edited(message, Edits(remove=["X-Own"], body=b"new")) == b"A: b\nB: c\n\nnew"


def test_it_takes_no_more_time_than_the_octets_need() -> None:
    for piece in (b"\0", b"\r", b"a", b"a\r", b":\n", b"a:\n", b"X-Own\0", b"\n\r", b"\r\r\n", b"\n ", b"\r "):
        for start in (b"A: b\n: x\n", b"A: b\r", b"\n", b"From x", b"X-Own"):
            message = Message(start + piece * 100_000)
            began = time.process_time()
            assert len(message.fields("X-Own")) < 10
            list(others(message.headers, ["X-Own"], ["X-Spam-"]))
            _ = message.ambiguities
            edited(message, Edits(remove=["X-Own"]))
            assert time.process_time() - began < 2


PIECES = [
    b"\n", b"\n", b"\n", b"\r", b"\r\n", b"\0", b" ", b":", b": x", b"junk", b"A: b", b"X-Own: f", b"X-O", b"wn: f",
    b"X-Own", b"Subject: ADV", b"From x", b"\nX-Own: f", b"\rX-Own: f", b"\rX-Own: f\r", b"\n: x", b"X-Own: f\r",
]  # fmt: skip


@settings(max_examples=800, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=14))
@example([b"A: b", b"\n\r", b"X-Own: f", b"\r", b"X-Own: f", b"\n"])
@example([b"X-Own", b"\n", b"X-Own: f", b"\n", b" : f"])
def test_python_and_nobody_else_finds_a_field_of_ours_once_it_was_taken_out(pieces: list[bytes]) -> None:
    message = Message(b"".join(pieces))
    known = {re.sub(rb"[\r\n]", b"", field.value) for field in message.fields("Subject")}
    parser = email.policy.compat32
    for value in email.message_from_bytes(message.raw[message.start :], policy=parser).get_all("Subject", []):
        assert any(re.sub(r"[\r\n]", "", value).strip().encode() in one for one in known)
    out = Message(edited(message, Edits(remove=["x-own"])))
    assert not out.fields("x-own")
    assert "x-own" not in email.message_from_bytes(out.raw, policy=parser)
    assert edited(out, Edits(remove=["x-own"])) == out.raw


def reader(raw: bytes, is_end: bool, is_dropped: bool, is_late: bool, is_skipped: bool) -> Iterator[tuple[str, bytes]]:
    """A reader by its habits: with a bare CR, NUL octets, empty lines at the beginning, and lines that are no field."""
    raw = re.sub(rb"\r*\n", b"\n", raw)
    if is_end:
        raw = raw.replace(b"\r", b"\n")
    if raw.startswith(b"From "):
        raw = raw.partition(b"\n")[2]
    if is_dropped:
        raw = raw.replace(b"\0", b"")
    if is_late and raw.startswith(b"\n"):
        raw, is_skipped = raw.lstrip(b"\n"), False
    header = (b"\n" + raw + b"\n\n").partition(b"\n\n")[0]
    for line in re.sub(rb"\n(?=[ \t])", b"", header[1:]).split(b"\n"):
        if field := re.match(rb"([!-9;-~]+)[ \t]*:(.*)", line):
            yield field[1].decode(), field[2].replace(b"\0", b"").strip()
        elif not is_skipped:
            return


@settings(max_examples=600, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=10))
@example([b"X-Own", b"\n", b" ", b": x"])
@example([b"X-Own: f", b"\n", b"\r", b"\r\n", b"X-Own: f"])
@example([b"From x", b"\rX-Own: f", b"\n: x", b"\n", b"\nX-Own: f"])
@example([b"From x", b"\rX-Own: f", b"\n", b"\n", b"X-Own: f"])
def test_no_reader_has_a_field_that_nobody_judged_or_took_out(pieces: list[bytes]) -> None:
    raw = b"".join(pieces)
    assume(not re.search(rb"\0[\r\n \0]", raw))
    message = Message(raw)
    out = edited(message, Edits(remove=["x-own"]))
    for habits in itertools.product((False, True), repeat=4):
        # A From line that ends at a bare CR is one of ours only with that habit.
        for name, value in reader(raw, *habits) if habits[0] or not message.from_line.endswith(b"\r") else ():
            known = [field.value.replace(b"\0", b"").replace(b"\r", b"") for field in message.fields(name)]
            assert any(value.replace(b"\r", b"") in one for one in known)
        assert "x-own" not in {name.lower() for name, _ in reader(out, *habits)}
