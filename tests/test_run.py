"""`mailscan.cli.run` in one process: whatever message and envelope, what leaves is within the contract."""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailscan.cli import run

# Rules that quote what they find, tag it, hold it, and only try: all ways in which text gets into mail.
POLICY = """
[log]
to = "LOG"
[score]
tag = 1.0
[[filter]]
use = "subject"
name = "tagged"
patterns = ["."]
action = "tag"
[[filter]]
use = "match"
name = "held"
headers = { From = "." }
action = "quarantine"
[[filter]]
use = "spamtrap"
name = "counted"
local_parts = ["*"]
domains = ["*"]
score = 2.0
[[filter]]
use = "attachments"
action = "reject"
reply = "Executables are not accepted"
"""
EVIL = ["\r\nX-Evil: 1", "\n\nevil", '" verdict=accept x="', "\x1b[2J", "\u2028", "=?utf-8?q?=0A?=", "\udcff", "\\n"]
WORD = st.one_of(st.text(st.characters(exclude_characters="\0"), max_size=20), st.sampled_from(EVIL))
WORDS = st.lists(WORD, max_size=4).map("".join)
NAMES = st.sampled_from([b"Subject", b"From", b"X-Mailscan-Tag", b"x-mailscan-score", b"Content-Type"])
ATTACHED = 'Content-Disposition: attachment; filename="{}.exe"\n\nMZ'


@st.composite
def messages(draw: st.DrawFn) -> bytes:
    if draw(st.booleans()):
        return draw(st.binary(min_size=1, max_size=200))
    first = draw(st.sampled_from([b"", b"From x\n", b" \n"]))
    fields = [b"%s: %s\n" % (name, octets(text)) for name, text in draw(st.lists(st.tuples(NAMES, WORDS), max_size=5))]
    rest = octets(draw(st.sampled_from(["\nbody\n", "", ATTACHED.format(draw(WORDS))])))
    return first + b"".join(fields) + rest or b"\n"


def octets(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "policy.toml").write_text(POLICY.replace("LOG", str(place / "log")), encoding="utf-8")
        yield place


def judged(place: Path, message: bytes, *args: str) -> tuple[int, bytes, str]:
    """(status, standard output, standard error)"""
    with tempfile.TemporaryFile() as stdin, tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        stdin.write(message)
        stdin.seek(0)
        options = ["--policy", str(place / "policy.toml"), *args]
        status = run(options, stdin.fileno(), stdout.fileno(), stderr.fileno(), os.environ)
        stdout.seek(0)
        stderr.seek(0)
        return status, stdout.read(), stderr.read().decode()


@settings(max_examples=250, deadline=None)
@given(messages(), WORDS, WORDS, WORDS)
def test_what_leaves_is_within_the_contract(place: Path, message: bytes, sender: str, rcpt: str, helo: str) -> None:
    (place / "log").unlink(missing_ok=True)
    envelope = ["--sender", sender, "--rcpt", rcpt, "--helo", helo, "--client-name", helo, "--queue-id", sender]
    status, text, said = judged(place, message, *envelope)
    assert status in (0, 77), said
    assert said == ""
    line = rb"X-Mailscan-[A-Za-z]+: [ -~]{1,980}| \S[ -~]{0,990}" if status == 0 else rb"5\.7\.1 [ -~]{1,490}"
    assert re.fullmatch(rb"((%s)\n)*" % line, text)

    status_too, edited, said = judged(place, message, *envelope, "--format", "message")
    assert (status_too, said) == (status, "")
    if status == 77:
        assert edited == text
    elif b"mailscan" not in message.lower():
        assert edited.endswith(message[len(from_line(message)) :])

    status_too, kv, said = judged(place, message, *envelope, "--format", "kv")
    assert (status_too, said) == (status, "")
    assert kv.isascii()
    assert re.fullmatch(rb'verdict=(accept|reject)( [a-z]+="([^"\\\n]|\\["\\n])*")*\n', kv)

    told = json.loads(judged(place, message, *envelope, "--format", "json")[1])
    assert told["verdict"] == {0: "accept", 77: "reject"}[status]
    assert "error" not in {rule["outcome"] for rule in told["rules"]}

    status_too, text_too, account = judged(place, message, *envelope, "--explain")
    assert (status_too, text_too) == (status, text)
    assert account.replace("\n", "").isprintable()

    log = (place / "log").read_text(encoding="utf-8").split("\n")
    assert len(log) == 5 + 1
    for entry in log[:-1]:
        assert entry.isprintable()
        assert re.sub(r'"(?:[^"\\]|\\.)*"', "", entry).count(" verdict=") + entry.startswith("verdict=") == 1


def from_line(message: bytes) -> bytes:
    return message[: message.find(b"\n") + 1 or len(message)] if message.startswith(b"From ") else b""
