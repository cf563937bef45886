"""What leaves: header fields, replies, and the four formats, whatever text goes in."""

from __future__ import annotations

import email
import email.header
import json
import re

import pytest
from conftest import PROJECT
from hypothesis import given, settings
from hypothesis import strategies as st

from mailscan.document import document
from mailscan.errors import MailscanError
from mailscan.explain import explain
from mailscan.message import Message
from mailscan.outgoing import header_field, header_lines, reply_lines
from mailscan.render import CARRIES, FORMATS, edited, failure, render
from mailscan.verdict import Asked, Edits, Evidence, Finding, Verdict

# Any text at all: controls, lone surrogates, what looks like another field or another verdict.
NASTY = st.sampled_from(
    (
        *("a\r\nX-Evil: 1", "\n\n", "=?utf-8?q?=0D=0AX-Evil:_1?=", 'x" verdict=accept "', "\\", "\\n", "4.3.0 x", "=?"),
        "\u202e",
        *("ü" * 300, "x" * 3000, " " * 200, "日本語 " * 50, "a " * 600, "\x00", "\x85\u2028", "\udcff", "\ud800"),
    )
)
ANY = st.one_of(st.text(st.characters(), max_size=200), NASTY, st.lists(NASTY, max_size=4).map(" ".join))
NAME = st.sampled_from(["X-A", "X-Mailscan-Tag", "Authentication-Results", "X-" + "n" * 70])
HEADERS = st.lists(st.tuples(NAME, ANY), max_size=3)
REPLY = st.lists(ANY, max_size=40)


def collapsed(text: str) -> str:
    """The text as a field can hold it: controls are blanks, runs of blanks one."""
    blank = re.sub("[\0-\x1f\x7f-\x9f\u2028\u2029]", " ", text)
    return " ".join(word for word in blank.encode("utf-8", "replace").decode()[:20_000].split(" ") if word)


def decoded(lines: str) -> str:
    value = re.sub(r"\n(?=[ \t])", "", email.message_from_string(lines + "\n").values()[0])
    return str(email.header.make_header(email.header.decode_header(value)))


def _meant(escape: re.Match[str]) -> str:
    return "\n" if escape[1] == "n" else escape[1]


def unescaped(kv: bytes) -> dict[str, str]:
    """A reader of `kv` as Exim's `${extract}` is one."""
    line = kv.decode("utf-8", "surrogateescape")
    assert line.endswith("\n") and line.count("\n") == 1
    found = re.findall(r'([a-z_]+)=("(?:[^"\\]|\\["\\n])*"|[a-z]+)(?: |$)', line[:-1])
    assert " ".join(f"{name}={value}" for name, value in found) == line[:-1]
    plain = {name: re.sub(r"\\(.)", _meant, value[1:-1] if value[0] == '"' else value) for name, value in found}
    assert len(plain) == len(found)
    return plain


def test_a_plain_field_stays_as_it_is() -> None:
    assert header_field("X-Spam-Flag", "YES") == "X-Spam-Flag: YES\n"
    assert header_field("X-Spam-Flag", "YES", "\r\n") == "X-Spam-Flag: YES\r\n"
    assert header_field("X-Empty", "") == "X-Empty:\n"


def test_long_fields_are_folded_at_blanks() -> None:
    lines = header_lines("X-Spam-Status", "word " * 40)
    assert len(lines) > 2
    assert all(len(line) <= 78 for line in lines)
    assert all(re.match(r" \S", line) for line in lines[1:])


def test_encoded_words_are_as_wide_as_rfc_2047_allows() -> None:
    for text in ("ü" * 500, "a ü " * 100, "日" * 300, "\U0001f600" * 200):
        for line in header_lines("X-Mailscan-Tag", text):
            assert len(line) <= 76  # RFC 2047 2
            for word in re.findall(r"=\?\S+\?=", line):
                assert len(word) <= 75
                email.header.decode_header(word)[0][0].decode("utf-8")  # whole characters: RFC 2047 5


def test_only_what_needs_it_is_encoded() -> None:
    assert header_field("X-A", "from Jörg today") == "X-A: from =?utf-8?q?J=C3=B6rg?= today\n"


@settings(max_examples=400, deadline=None)
@given(NAME, ANY)
def test_fields_keep_their_text_and_hold_nothing_else(name: str, value: str) -> None:
    field = header_field(name, value)
    assert field.isascii()
    lines = field.split("\n")[:-1]
    assert lines[0].startswith(f"{name}:")
    for line in lines:
        assert len(line) <= 998
        assert re.fullmatch(r"[ -~]+", line)
    assert all(re.match(r" \S", line) for line in lines[1:])
    assert decoded(field) == collapsed(value)


@pytest.mark.parametrize("name", ["", "X A", "X:A", "X\n", "Ünd", "x" * 77])
def test_a_name_that_is_none(name: str) -> None:
    with pytest.raises(MailscanError, match="cannot be the name of a header field"):
        header_field(name, "x")


@pytest.mark.parametrize(
    ("said", "heard"),
    [
        ("Größe überschritten – „zu groß“", 'Grosse uberschritten - "zu gross"'),
        ("Çok büyük, ｔｏｏ ﬁne…", "Cok buyuk, too fine..."),
        ("Zażółć gęślą jaźń", "Zazolc gesla jazn"),
        ("10\xa0€", "10 EUR"),
        ("Спам", "????"),
        ("中文 \udcff", "?? ?"),
        ("a\u0301\u0302\r\nb", "a b"),
    ],
)
def test_a_reply_is_spelt_in_ascii(said: str, heard: str) -> None:
    assert reply_lines([said]) == [heard]


def test_a_reply_that_grows_when_spelt_stays_within_its_lines() -> None:
    lines = reply_lines(["\ufdfa" * 100_000])  # one letter of eighteen, in four words
    assert len(lines) <= 32
    assert all(len(line) <= 496 for line in lines)


@settings(max_examples=300, deadline=None)
@given(REPLY)
def test_replies_are_within_smtp(reply: list[str]) -> None:
    lines = reply_lines(reply)
    assert len(lines) <= 32
    for line in lines:
        assert re.fullmatch(r"[ -~]+", line) and line.strip()
        assert len(f"550-5.7.1 {line}\r\n") <= 512
    for action in ("reject", "tempfail"):
        text = render("text", Verdict(action, reply=reply)).decode("ascii")
        assert text == render("message", Verdict(action, reply=reply)).decode("ascii")
        assert 1 <= len(text.splitlines()) <= 32
        assert all(re.match(r"[45]\.\d+\.\d+ \S", line) for line in text.splitlines())


def test_the_words_of_the_contract() -> None:
    reject = Verdict("reject", code="550 5.7.1", reply=["Spam not wanted here"])
    assert render("text", reject) == b"5.7.1 Spam not wanted here\n"
    assert render("kv", reject) == b'verdict=reject code="550 5.7.1" message="Spam not wanted here"\n'
    assert render("text", Verdict("accept")) == b""
    assert render("kv", Verdict("accept")) == b"verdict=accept\n"
    assert failure("text", "x") == failure("message", "x") == b"4.3.0 Message could not be checked\n"
    assert failure("kv", 'policy.toml: "x"\n') == (
        b'verdict=tempfail code="451 4.3.0" message="Message could not be checked" error="policy.toml: \\"x\\""\n'
    )
    edits = Edits(
        [("X-A", "1"), ("X-B", "2")], ["X-Spam-Flag", "X-Spam-Level"], (), ["joe@a.test"], ["x@a.test", '"a, b"@a.test']
    )
    assert render("kv", Verdict("accept", edits=edits)) == (
        rb'verdict=accept headers=":at_start:X-A: 1\n:at_start:X-B: 2" remove="X-Spam-Flag:X-Spam-Level" '
        rb'rcpt_add="joe@a.test" rcpt_remove="x@a.test, \"a, b\"@a.test"' + b"\n"
    )
    assert render("text", Verdict("accept", edits=Edits([("X-A", "1")], ["X-Spam-Flag"]))) == b"X-A: 1\n"


@settings(max_examples=300, deadline=None)
@given(HEADERS, st.lists(ANY, max_size=3), st.lists(ANY.filter(bool), max_size=3))
def test_kv_gives_back_what_was_put_in(headers: list[tuple[str, str]], reply: list[str], rcpt: list[str]) -> None:
    edits = Edits(headers, ["X-Spam-Flag"] if headers else [], (), rcpt)
    plain = unescaped(render("kv", Verdict("accept", edits=edits)))
    assert set(plain) <= {"verdict", "headers", "remove", "rcpt_add"}
    assert plain["verdict"] == "accept"
    wanted = "\n".join(":at_start:" + header_field(name, value)[:-1] for name, value in headers)
    assert plain.get("headers", "") == wanted
    kept = ", ".join(rcpt)
    if kept.isascii() and kept.isprintable():
        assert plain.get("rcpt_add", "") == kept
    plain = unescaped(render("kv", Verdict("reject", reply=reply)))
    assert plain["message"].split("\n") == (reply_lines(reply) or ["Message refused"])
    assert set(unescaped(failure("kv", " ".join(reply)))) <= {"verdict", "code", "message", "error"}


def test_an_octet_of_a_recipient_comes_back_as_it_was() -> None:
    verdict = Verdict("accept", edits=Edits(rcpt_remove=["j\udcfcrgen@a.test", "jürgen@a.test"]))
    assert b"j\xfcrgen@a.test, j\xc3\xbcrgen@a.test" in render("kv", verdict)


@settings(max_examples=300, deadline=None)
@given(ANY, HEADERS, REPLY, st.binary(max_size=20) | st.none(), st.floats())
def test_json_is_valid_and_whole(
    text: str, headers: list[tuple[str, str]], reply: list[str], body: bytes | None, score: float
) -> None:
    finding = Finding(text, text, score=score, headers=headers, evidence=[Evidence("1.2", 0, 9, text)], reply=text)
    edits = Edits(headers, [text], [(text, 1, None), (text, 2, text)], [text], [text], body)
    account = [Asked(text, text, "found", text, [finding], "reject", score)]
    verdict = Verdict("reject", code=text, reply=reply, rule=text, score=score, edits=edits, account=account)
    octets = render("json", verdict)
    assert octets.endswith(b"\n") and octets.count(b"\n") == 1
    said = json.loads(octets, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    octets.decode("utf-8")
    json.dumps(said, ensure_ascii=False).encode("utf-8")  # no lone surrogates either
    assert said["schema"] == 1
    assert said["rule"] == text.encode("utf-8", "replace").decode()
    assert len(said["edits"]["add"]) == len(headers)
    told = json.loads(failure("json", text))
    assert set(told) == set(said) == set(document(verdict))
    assert told["error"] == text.encode("utf-8", "replace").decode()


@settings(max_examples=200, deadline=None)
@given(ANY, HEADERS)
def test_an_account_cannot_move_a_cursor_or_forge_a_line(text: str, headers: list[tuple[str, str]]) -> None:
    finding = Finding(text, text, evidence=[Evidence(text, 0, 9, text)], note=True)
    account = [Asked("r", text, "error", text, [finding]), Asked(text, "u", "not-asked", text)]
    verdict = Verdict("tempfail", rule=text, reply=[text], would=text, edits=Edits(headers, [text]), account=account)
    told = explain(verdict, text, milliseconds=1.0)
    assert told.replace("\n", "").isprintable()
    assert not re.search(r"(?m)^(?!  |tempfail )", told[:-1])
    assert "\x1b" not in told
    assert "\x1b[" in explain(verdict, text, milliseconds=1.0, colour=True)


MESSAGE = b"Received: by a\nX-Spam-Flag: YES\nSubject: one\n more\nSubject: two\nx-spam-flag: NO\n\nbody\n"


def test_an_untouched_message_is_the_same_octets() -> None:
    for raw in (MESSAGE, b"", b"\n", b"no header\n", b"From a b\nSubject: x\n\n\xff\x00\r", b"A: 1", b" x\n"):
        assert edited(Message(raw), Edits()) == raw


def test_added_fields_stand_on_top_below_the_from_line() -> None:
    add = Edits([("X-A", "1"), ("X-B", "2")])
    assert edited(Message(MESSAGE), add) == b"X-A: 1\nX-B: 2\n" + MESSAGE
    assert edited(Message(b"From a b\n" + MESSAGE), add) == b"From a b\nX-A: 1\nX-B: 2\n" + MESSAGE
    crlf = MESSAGE.replace(b"\n", b"\r\n")
    assert edited(Message(crlf), add) == b"X-A: 1\r\nX-B: 2\r\n" + crlf
    assert edited(Message(b"From a b"), add) == b"From a b\nX-A: 1\nX-B: 2\n"


def test_what_exim_wrote_above_is_not_printed() -> None:
    above = b"From MAILER-DAEMON now\nX-Envelope-From: <a@b>\n"
    assert edited(Message(above + MESSAGE, start=len(above)), Edits()) == b"From MAILER-DAEMON now\n" + MESSAGE


def test_a_leading_continuation_line_cannot_continue_our_field() -> None:
    out = edited(Message(b" evil\nSubject: x\n\n"), Edits([("X-Spam-Flag", "NO")]))
    assert email.message_from_bytes(out)["X-Spam-Flag"] == "NO"
    assert out.endswith(b" evil\nSubject: x\n\n")


def test_fields_are_removed_and_changed_by_count() -> None:
    edits = Edits(remove=["X-SPAM-flag"], change=[("subject", 2, "ü"), ("Received", 1, None), ("Subject", 9, "no")])
    assert edited(Message(MESSAGE), edits) == b"Subject: one\n more\nSubject: =?utf-8?b?w7w=?=\n\nbody\n"


def test_the_body_is_replaced() -> None:
    assert edited(Message(MESSAGE), Edits(body=b"new")) == MESSAGE[:-5] + b"new"
    assert edited(Message(b"A: 1\n"), Edits(body=b"new")) == b"A: 1\n\nnew"
    assert edited(Message(b"A: 1"), Edits(body=b"new")) == b"A: 1\n\nnew"
    assert edited(Message(b"A: 1\r\n\r\nold"), Edits(body=b"")) == b"A: 1\r\n\r\n"


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300) | st.sampled_from([MESSAGE, MESSAGE.replace(b"\n", b"\r\n")]), HEADERS)
def test_our_fields_can_be_read_again_in_any_message(raw: bytes, headers: list[tuple[str, str]]) -> None:
    message = Message(raw)
    out = edited(message, Edits(headers))
    assert out.endswith(raw[message.start :])
    again = Message(out)
    assert [field.name for field in again.headers][: len(headers)] == [name for name, _ in headers]
    assert len(again.headers) - len(headers) - len(message.headers) in (0, 1)


EVERY = {
    "add": Edits([("X-A", "1")]),
    "remove": Edits(remove=["X-A"]),
    "change": Edits(change=[("Subject", 1, "x")]),
    "rcpt_add": Edits(rcpt_add=["a@b"]),
    "rcpt_remove": Edits(rcpt_remove=["a@b"]),
    "body": Edits(body=b""),
}


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("edit", EVERY)
def test_an_edit_that_a_format_cannot_carry_is_said(form: str, edit: str) -> None:
    accept = Verdict("accept", edits=EVERY[edit])
    if edit in CARRIES[form] or edit == "remove":
        assert render(form, accept, Message(MESSAGE)) is not None
    else:
        with pytest.raises(MailscanError, match=f"--format {form} cannot carry"):
            render(form, accept, Message(MESSAGE))
    # Nothing is edited in a mail that does not go through, and nothing is lost by that.
    assert render(form, Verdict("reject", edits=EVERY[edit]), Message(MESSAGE))


def test_removing_one_field_is_never_an_error() -> None:
    edits = Edits(change=[("Subject", 1, None)])
    for form in FORMATS:
        render(form, Verdict("accept", edits=edits), Message(MESSAGE))


def test_the_documentation_names_every_field_of_json() -> None:
    page = (PROJECT / "docs" / "json.md").read_text(encoding="utf-8")
    finding = Finding("a", evidence=[Evidence("1", 0, 1)], headers=[("a", "b")], edits=Edits(change=[("a", 1, "b")]))
    said = document(Verdict("accept", account=[Asked("a", "b", "found", findings=[finding])]))

    def names(value: object) -> set[str]:
        if isinstance(value, dict):
            return set(value).union(*map(names, value.values()))
        return set().union(*map(names, value)) if isinstance(value, list) else set()

    for name in names(said):
        assert re.search(f'[`"]{name}[`"]', page), name


def test_no_removal_uncovers_a_forged_field() -> None:
    raw = b"x-mailscan-would:\nFrom \nx-mailscan-would: forged\n\nbody"
    out = edited(Message(raw), Edits(remove=["x-mailscan-would"]))
    assert out == b"X-Mailscan-Note: header ended with a From line\nFrom \n\nbody"
    assert "x-mailscan-would" not in Message(out).headers


def test_the_names_in_a_kv_line_are_bounded() -> None:
    """A sender chooses them. What is not removed would be believed, so a mail with more of them is not accepted."""
    few = [f"X-Spam-{number}" for number in range(700)]
    line = render("kv", Verdict("accept", edits=Edits(remove=few)))
    assert unescaped(line)["remove"] == ":".join(few) and len(line) < 9_000
    for many in ([f"X-Spam-{number}" for number in range(1_000)], ["X-Spam-" + "x" * 9_000]):
        verdict = Verdict("accept", edits=Edits(remove=many))
        with pytest.raises(MailscanError, match="names that only we may write"):
            render("kv", verdict)
        assert render("text", verdict) == b""
        rejected = Verdict("reject", code="550 5.7.1", reply=["No"], edits=Edits(remove=many))
        assert render("kv", rejected).startswith(b"verdict=reject")
