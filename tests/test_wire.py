"""What scanners answer: any octets give a value or a `WireError`, and what they do answer is read rightly."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailscan.wire import WireError, clamd, rspamd, spamd

CHECK = b"SPAMD/1.1 0 EX_OK\r\nSpam: True ; 15.5 / 5.0\r\n\r\n"
SYMBOLS = b"SPAMD/1.1 0 EX_OK\r\nContent-length: 9\r\nSpam: False ; -2.1 / 5.0\r\n\r\nBAD,WORSE"
FOUND = b"stream: Own.Test FOUND\0"
HTTP = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s"
READERS: list[Callable[[bytes], object]] = [
    spamd.pong,
    spamd.is_whole,
    lambda octets: spamd.answer(octets, "SYMBOLS"),
    lambda octets: spamd.answer(octets, "REPORT"),
    clamd.pong,
    clamd.version,
    clamd.answer,
    clamd.is_whole,
    rspamd.pong,
    rspamd.answer,
    rspamd.is_whole,
]
PIECES = [
    b"SPAMD/1.1 0 EX_OK", b"SPAMD/1.5 0 PONG", b"\r\n", b"\n", b"\0", b"Spam: True ; 1 / 5", b"Content-length: 3",
    b"stream: ", b" FOUND", b" ERROR", b"OK", b"HTTP/1.1 200 OK", b"HTTP/1.0 500 x", b'{"action":"reject"', b"}",
    b',"score":1', b',"symbols":{"A":{"score":1e400}}', b"[" * 3000, b": ", b"99999999999999999999", b"pong", b"PONG",
    b"A,B", b"\xff",
]  # fmt: skip


def posted(told: object, status: str = "200 OK") -> bytes:
    body = json.dumps(told).encode()
    return b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status.encode(), len(body), body)


@given(st.one_of(st.binary(max_size=300), st.lists(st.sampled_from(PIECES), max_size=12).map(b"".join)))
def test_any_octets_give_a_value_or_an_error_of_one_line(octets: bytes) -> None:
    for read in READERS:
        try:
            read(octets)
        except WireError as error:
            assert str(error).isprintable() and str(error).isascii() and len(str(error)) < 500


@pytest.mark.parametrize("whole", [CHECK, SYMBOLS, FOUND, posted({"action": "reject", "score": 1})])
@given(data=st.data())
def test_a_mutated_answer(whole: bytes, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(whole)))
    octets = whole[:at] + data.draw(st.binary(max_size=4)) + whole[at + data.draw(st.integers(0, 4)) :]
    for read in READERS:
        try:
            read(octets)
        except WireError:
            pass


@pytest.mark.parametrize("piece", [b"a", b"\r\n", b"SPAMD/1.1 0 EX_OK\r\n", b"A: b\r\n", b"x,", b"\0", b"{", b'{"a":'])
def test_much_of_anything_is_read_in_little_time(piece: bytes) -> None:
    for begin in (b"", CHECK, b"SPAMD/1.1 0 EX_OK\r\n", b"HTTP/1.1 200 OK\r\n\r\n"):
        octets = begin + piece * (20_000_000 // len(piece))
        began = time.monotonic()
        for read in READERS:
            try:
                read(octets)
            except WireError:
                pass
        assert time.monotonic() - began < 1.0


@pytest.mark.parametrize(
    ("octets", "wrong"),
    [
        (b"", "nothing"),
        (b"\r\n\r\n", "protocol"),
        (b"SPAMD/1.1 0 EX_OK\r\n", "ends in its header"),
        (b"SPAMD/1.1 0 EX_OK\r\n\r\n", "no score"),
        (b"SPAMD/1.1 0 EX_OK\r\nSpam: True ; nan / 5\r\n\r\n", "no score"),
        (b"SPAMD/1.1 0 EX_OK\r\nSpam: True ; 1e9 / 5\r\n\r\n", "no score"),
        (b"SPAMD/1.1 0 EX_OK\r\nSpam: Maybe ; 1 / 5\r\n\r\n", "no score"),
        (b"SPAMD/1.1 0 EX_OK\r\nContent-length: 9\r\nSpam: True ; 1 / 5\r\n\r\nA,B", "3 of 9"),
        (b"SPAMD/1.1 0 EX_OK\r\nSpam: True ; 1 / 5\r\n\r\nA,\x1b[2J", "cannot be one"),
        (b"SPAMD/1.1 0 EX_OK\r\nSpam: True ; 1 / 5\r\n\r\n" + b"A," * 1001, "more than 1000"),
        (b"SPAMD/1.1 0 EX_OK\r\nSpam: True ; 1 / 5\r\n\r\nA\r\nX-Evil: yes\r\n", "cannot be one"),
        (b"SPAMD/1.1 0 EX_OK\r\nSpam: True ; 1\r\n / 5\r\n\r\nA", "no score"),
        (b"SPAMD/1.0 79 Timeout: (300 second timeout)\r\n", "status 79"),
        (b"SPAMD/1.0 69 Service Unavailable: line 4.\n\r\n", "status 69"),
        (b"HTTP/1.1 400 Bad request\r\n\r\n", "protocol"),
    ],
)
def test_what_spamd_may_not_answer(octets: bytes, wrong: str) -> None:
    with pytest.raises(WireError, match=wrong):
        spamd.answer(octets, "SYMBOLS")


def test_what_spamd_answers() -> None:
    assert spamd.answer(CHECK, "CHECK") == spamd.Answer(True, 15.5, 5.0)
    assert spamd.answer(SYMBOLS, "SYMBOLS") == spamd.Answer(False, -2.1, 5.0, ("BAD", "WORSE"), b"BAD,WORSE")
    # No length, and line ends behind the tests, as of versions before 1.3; a field that is not known.
    old = b"SPAMD/1.1 0 EX_OK\r\nDidSet: local\r\nSpam: yes;7/5\r\n\r\nA,B\r\n\r\n"
    assert spamd.answer(old, "SYMBOLS").symbols == ("A", "B")
    assert spamd.answer(CHECK, "SYMBOLS").symbols == ()
    assert spamd.answer(SYMBOLS + b"trailing", "REPORT").body == b"BAD,WORSE"
    assert spamd.pong(b"SPAMD/1.5 0 PONG\r\n") == "1.5"
    assert not spamd.is_whole(SYMBOLS[:-1]) and spamd.is_whole(SYMBOLS) and not spamd.is_whole(CHECK)


def test_what_spamd_is_asked() -> None:
    assert spamd.ping() == b"PING SPAMC/1.5\r\n\r\n"
    asked = spamd.request("SYMBOLS", b"Subject: x\r\n\r\n", user="joe@example.com")
    assert asked == (b"SYMBOLS SPAMC/1.5\r\nUser: joe@example.com\r\nContent-length: 14\r\n\r\nSubject: x\r\n\r\n")
    packed = spamd.request("REPORT", b"x" * 10_000, compress=True)
    assert b"\r\nCompress: zlib\r\n" in packed and len(packed) < 200


@pytest.mark.parametrize("name", ["a\r\nb", "a b", "ü", "a\0", "x" * 300, "a:b", ""])
def test_a_name_that_is_no_users(name: str) -> None:
    assert not spamd.is_user(name)
    if name:
        with pytest.raises(ValueError, match="user"):
            spamd.request("CHECK", b"", user=name)


@pytest.mark.parametrize(
    ("octets", "wrong"),
    [
        (b"", "nothing"),
        (b"stream: OK", "ends in the middle"),
        (b"stream: FOUND\0", "answered"),
        (b"stream: \x1b[2J FOUND\0", "answered"),
        (b"stream: a\r\nb FOUND\0", "answered"),
        (b"OK\0", "answered"),
        (b"UNKNOWN COMMAND\0", "answered"),
        (b"Can't allocate memory ERROR\0", "Can't allocate memory"),
        (b"stream: " + b"x" * 5000 + b" FOUND\0", "more than"),
    ],
)
def test_what_clamd_may_not_answer(octets: bytes, wrong: str) -> None:
    with pytest.raises(WireError, match=wrong):
        clamd.answer(octets)


def test_what_clamd_answers_and_is_asked() -> None:
    assert clamd.answer(b"stream: OK\0") == clamd.Answer()
    assert clamd.answer(b"stream: Eicar-Test(44d8:68) FOUND\0") == clamd.Answer("Eicar-Test(44d8:68)")
    assert clamd.answer(b"INSTREAM size limit exceeded. ERROR\0") == clamd.Answer(too_large=True)
    assert clamd.version(b"ClamAV 1.4.3/27800/Mon\0") == "ClamAV 1.4.3/27800/Mon"
    octets = bytes(range(256)) * 1024
    pieces = [bytes(piece) for piece in clamd.instream(octets)]
    assert pieces[0] == b"zINSTREAM\0" and pieces[-1] == b"\0\0\0\0"
    assert b"".join(pieces[2:-1:2]) == octets
    assert [int.from_bytes(piece, "big") for piece in pieces[1:-1:2]] == [1 << 17, 1 << 17]
    assert b"".join(map(bytes, clamd.instream(b""))) == b"zINSTREAM\0\0\0\0\0"


@pytest.mark.parametrize(
    ("octets", "wrong"),
    [
        (b"", "nothing"),
        (b"SPAMD/1.5 0 PONG\r\n", "no HTTP"),
        (b"HTTP/1.1 200 OK\r\nA: b", "ends in its header"),
        (HTTP % (9, b"{}"), "2 of 9"),
        (HTTP % (2, b"[]"), "no JSON object"),
        (HTTP % (3, b"{]}"), "no JSON"),
        (HTTP % (100_000, b"[" * 100_000), "no JSON"),
        (posted({}), "no action"),
        (posted({"action": 1, "score": 1}), "no action"),
        (posted({"action": "reject"}), "no score"),
        (posted({"action": "reject", "score": "high"}), "no score"),
        (posted({"action": "reject", "score": float("nan")}), "no score"),
        (posted({"action": "reject", "score": float("inf")}), "no score"),
        (posted({"action": "reject", "score": 1, "symbols": {"A": 1}}), "cannot be one"),
        (posted({"action": "reject", "score": 1, "symbols": {"A\r\nX-Evil: yes": {}}}), "cannot be one"),
        (posted({"action": "reject\r\nX-Evil: yes", "score": 1}), "no action"),
        (posted({"action": "reject", "score": 1, "symbols": {str(n): {} for n in range(2001)}}), "more than 2000"),
        (posted({"error": "unknown\r\ncommand"}, "404 Not found"), r"status 404: \"unknown\\r\\ncommand\""),
        (posted({"error": "scan failed"}), "scan failed"),
    ],
)
def test_what_rspamd_may_not_answer(octets: bytes, wrong: str) -> None:
    with pytest.raises(WireError, match=wrong):
        rspamd.answer(octets)


def test_what_rspamd_answers() -> None:
    symbols: dict[str, Any] = {
        "R_DKIM_NA": {"name": "R_DKIM_NA", "score": 0.0, "metric_score": 0.0},
        "GOOD": {"score": -3, "options": ["a", "b" * 1000, *map(str, range(30))]},
        "BAD": {"score": 7.5, "options": ["x"]},
    }
    told = {"is_skipped": False, "score": 4.5, "required_score": 15.0, "action": "no action", "symbols": symbols}
    answer = rspamd.answer(posted(told))
    assert (answer.action, answer.score, answer.threshold, answer.skipped) == ("no action", 4.5, 15.0, False)
    assert [(one.name, one.score) for one in answer.symbols] == [("BAD", 7.5), ("GOOD", -3.0), ("R_DKIM_NA", 0.0)]
    assert len(answer.symbols[1].options) == 20 and len(answer.symbols[1].options[1]) == 500
    broken = HTTP % (40, b'{"action":"reject","score":1,"x":"\xff\xfe"}   ')
    assert rspamd.answer(broken).action == "reject"
    rspamd.pong(HTTP % (6, b"pong\r\n"))
    with pytest.raises(WireError):
        rspamd.pong(HTTP % (2, b"no"))


def test_what_rspamd_is_asked_cannot_hold_a_field_that_a_client_made_up() -> None:
    told = [("From", "a@b.example"), ("Helo", "x\r\nPass: all\nIP: 127.0.0.1\0\x7f"), ("Rcpt", "ü@b.example")]
    head, _, body = rspamd.request(b"\r\n\r\nx", told).partition(b"\r\n\r\n")
    assert body == b"\r\n\r\nx"
    assert head.decode().split("\r\n") == [
        "POST /checkv2 HTTP/1.0", "Host: rspamd", "From: a@b.example", "Helo: x  Pass: all IP: 127.0.0.1",
        "Rcpt: ü@b.example", "Content-Length: 5",
    ]  # fmt: skip
