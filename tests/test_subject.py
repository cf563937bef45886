"""`use = "subject"`: subjects that must go through, and each kind of what is looked for."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailscan.envelope import Envelope
from mailscan.filters.subject import SCRIPTS, Subject, canonical_charset
from mailscan.keys import options_of
from mailscan.mail import MESSAGE, Mail
from mailscan.message import Message
from mailscan.outside import Outside
from mailscan.verdict import Evidence, Finding

GB2312 = b"Content-Type: text/plain; charset=gb2312\n"


def made(**keys: Any) -> Subject:
    known = options_of(Subject)
    return Subject({key: known[key].read(value, "") for key, value in keys.items()})


def findings(subject: Subject, raw: bytes) -> list[Finding]:
    return list(subject.check(Mail(Envelope(), Message(raw)), Outside(0)))


def found(value: str | bytes, more: bytes = b"", **keys: Any) -> list[tuple[str, str]]:
    octets = value.encode() if isinstance(value, str) else value
    raw = b"Subject: " + octets + b"\n" + more + b"\nADV:\n"
    return [(one.code, one.detail) for one in findings(made(**keys), raw)]


@pytest.mark.parametrize(
    "value",
    [
        "Re: ADV: x", "Fwd: ADV:", "ADVICE", "ADV", "ADV x", "A DV:", "[ADV:]", "RADV: x", '"ADV:"', "", " ",
        "=?utf-8?q?Re=3A_ADV=3A?=", "=?utf-8?q?A=44?=", "=?utf-8?q?x=0AADV=3A?=", "АDV: with a Cyrillic А",
    ],
)  # fmt: skip
def test_a_near_miss_goes_through(value: str) -> None:
    assert found(value, b"X-Subject: ADV:\nSubjects: ADV:\n", prefixes="ADV:") == []


def test_no_subject_goes_through() -> None:
    subject = made(prefixes="ADV:", words="adv", patterns=["^$", "."], charsets="utf-8", scripts="Latin")
    assert findings(subject, b"From: a@b.test\n\nSubject: ADV:\n") == []
    assert findings(subject, b"") == []


@pytest.mark.parametrize(
    "value",
    [
        "ADV:", "adv: x", "   Adv:x", "\n ADV: folded", "ＡＤＶ：offer", "=?utf-8?b?77yh77yk77y277ya?= x",
        "=?utf-8?q?ADV=3A?=", "=?utf-8?q?AD?=\n =?utf-8?q?V=3A?=", "=?us-ascii?q?AD?= =?utf-8?q?V=3A?=",
        "=?utf-8?q?ADV?=: x", "\u200bADV:", "\u2800\u3164\u00a0ADV:", "A\u00adD\u200bV: x",
        "=?utf-8?q?=E2=80=8B_=0AADV=3A?=", "=?x-unknown?q?ADV=3A?=", "=?utf-8?q?ADV=3A=FF=FE?=",
    ],
)  # fmt: skip
def test_a_prefix_in_any_disguise(value: str) -> None:
    assert found(value, prefixes=["广告", "ADV:"]) == [("subject.prefix", "ADV:")]


def test_a_prefix_split_inside_a_character() -> None:
    assert found("=?utf-8?b?5bk=?= =?utf-8?b?v+WRig==?= x", prefixes="广告") == [("subject.prefix", "广告")]
    assert found(b"\xb9\xe3\xb8\xe6: x", GB2312, prefixes="广告") == [("subject.prefix", "广告")]


def test_a_blank_at_the_end_of_a_prefix_counts() -> None:
    assert found("ADVICE", prefixes="ADV ") == []
    assert found("ADV offer", prefixes="ADV ") == [("subject.prefix", "ADV ")]
    assert found("adv", prefixes="ADV ") == [("subject.prefix", "ADV ")]


def test_every_subject_field_is_looked_at_and_located() -> None:
    raw = b"Subject: hello\nFrom: a@b.test\nSUBJECT : ADV:\n x\nSubject: ADV: again\n\n"
    one, two = findings(made(prefixes="ADV:"), raw)
    assert [raw[where.start : where.end] for where in one.evidence] == [b"SUBJECT : ADV:\n x\n"]
    assert two.evidence == (Evidence("1", raw.index(b"Subject: ADV"), len(raw) - 1),)


def test_words_and_patterns() -> None:
    assert found("viagras, free  moneybox", words=["viagra", "free money"]) == []
    assert found("Get FREE\n  money", words=["viagra", "free money"]) == [("subject.word", "free money")]
    assert found("hello", patterns=["^ello", "(?-i:HELLO)"]) == []
    assert found("Re: HeLLo", patterns=["^ello", r"\bhello$"]) == [("subject.pattern", r"\bhello$")]


def test_raw_octets_are_read_in_the_charset_of_the_text() -> None:
    raw = "大家好".encode("gb2312")
    assert found(raw, words="大家", scripts="Han") == []
    wanted = [("subject.word", "大家"), ("subject.script", "Han 100%")]
    assert found(raw, GB2312, words="大家", scripts="Han") == wanted
    in_a_part = b"Content-Type: multipart/mixed; boundary=b\n\n--b\n" + GB2312 + b"\nx\n--b--\n"
    assert found(raw, in_a_part, words="大家", scripts="Han") == wanted
    assert found("大家好", GB2312, words="大家", scripts="Han") == wanted


@pytest.mark.parametrize(
    "value",
    ["hello", "=?utf-8?q?hello?=", "=?gbk?b?tPM=?=", "=?gb18030?b?tPM=?=", "gb2312", "=?gb2312?x?a?=", "=?gb2312?q?"],
)
def test_other_charsets_go_through(value: str) -> None:
    assert found(value, GB2312, charsets=["gb2312", "koi8-r"]) == []


@pytest.mark.parametrize(
    ("refused", "declared"),
    [
        ("gb2312", "GB2312"), ("gb2312", "GB_2312-80"), ("gb2312", "csISO58GB231280"), ("GB_2312-80", "gb2312"),
        ("euc-kr", "ks_c_5601-1987"), ("windows-1251", "CP1251"), ("koi8-r", "KOI8-R"), ("iso-8859-1", "latin1"),
        ("shift_jis", "x-sjis"), ("gb2312", "gb2312*zh"), ("x-nobody-knows", "X-Nobody-Knows"),
    ],
)  # fmt: skip
def test_a_charset_by_any_of_its_names(refused: str, declared: str) -> None:
    assert found(f"hi =?{declared}?q?hello?=", charsets=[refused]) == [
        ("subject.charset", declared.lower().partition("*")[0])
    ]


def test_charsets_are_not_confused() -> None:
    names = ["utf-8", "us-ascii", "iso-8859-1", "iso-8859-2", "gb2312", "gbk", "gb18030", "big5", "euc-kr", "euc-jp",
             "iso-2022-jp", "shift_jis", "koi8-r", "koi8-u", "windows-1251", "windows-1252"]  # fmt: skip
    assert len(set(map(canonical_charset, names))) == len(names)


def test_a_share_of_a_script() -> None:
    assert found("Treffen mit 田中 am Montag", scripts=["Han"]) == []
    assert found("hello 123 !?", scripts=["Han", "Hangul", "Cyrillic"]) == []
    assert found("123 。！？", scripts=["Han"]) == []
    assert found("Re: 大家好", scripts=["Han"]) == [("subject.script", "Han 60%")]
    assert found("Re: 大家好", scripts=["Han"], script_share=0.7) == []
    assert found("日本語のテスト", scripts=["Han", "Hiragana", "Katakana"]) == [
        ("subject.script", "Han 43%, Hiragana 14%, Katakana 43%")
    ]
    assert found("ﾃｽﾄ", scripts=["katakana"]) == [("subject.script", "Katakana 100%")]
    assert found("안녕", scripts=["Hangul"]) and found("ПРИВЕТ", scripts=["Cyrillic"])
    assert found("مرحبا", scripts=["Arabic"]) and found("hello", scripts=["Latin"])


@pytest.mark.parametrize("script", SCRIPTS)
def test_each_script_has_letters_of_that_name(script: str) -> None:
    import unicodedata

    called = "CJK UNIFIED IDEOGRAPH" if script == "Han" else script.upper() + " "
    letter = next(char for char in map(chr, range(0x41, 0x20000)) if unicodedata.name(char, "").startswith(called)
                  and char.isalpha() and unicodedata.is_normalized("NFKC", char))  # fmt: skip
    assert found(letter, scripts=[script]) == [("subject.script", f"{script} 100%")]


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({}, "nothing to look for"),
        ({"scripts": ["Hann"]}, "right are Arabic, .*Yi"),
        ({"script_share": 0.5}, "nothing to look for"),
        ({"scripts": "Han", "script_share": 0}, "above 0"),
        ({"scripts": "Han", "script_share": 1.5}, "at most 1"),
        ({"charsets": ["gb 2312"]}, "no name of a charset"),
        ({"prefixes": ["\u200b"]}, "no beginning"),
        ({"patterns": ["["]}, "unterminated character set at character 1"),
    ],
)
def test_what_a_policy_gets_wrong(keys: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        made(**keys)


def test_it_needs_the_message_and_nothing_of_the_envelope() -> None:
    subject = made(prefixes="ADV:")
    assert (subject.stage, tuple(subject.needs), subject.decides) == (MESSAGE, (), False)


IMPORTS = """
import sys
sys.path.insert(0, sys.argv[1])
from mailscan.envelope import Envelope
from mailscan.filters import match, spamtrap, subject
from mailscan.mail import Mail
from mailscan.message import Message
one = subject.Subject({"prefixes": subject.Subject.__dict__["prefixes"].read("ADV:", "")})
assert list(one.check(Mail(Envelope(), Message(b"Subject: ADV: x\\n\\n")), None))
print(*sys.modules)
"""


def test_a_prefix_of_ascii_costs_no_imports() -> None:
    run = [sys.executable, "-I", "-S", "-c", IMPORTS, str(Path(__file__).parent.parent)]
    modules = subprocess.run(run, capture_output=True, text=True, check=True).stdout.split()
    assert "mailscan.words" in modules
    assert not {"unicodedata", "ipaddress", "warnings", "stringprep", "encodings.idna"} & set(modules)


@pytest.mark.parametrize(
    "value", [b"x" * 5_000_000, "\u200b".encode() * 500_000, "大".encode() * 500_000, b"=?a?q?b?= =?c?q?d?= " * 50_000,
              b"\xb4\xf3" * 1_000_000],
)  # fmt: skip
def test_a_huge_subject_takes_no_time(value: bytes) -> None:
    began = time.process_time()
    found(value, prefixes="ADV:", words=["adv", "广告"], charsets="gb2312", scripts=["Han"], patterns="adv$")
    assert time.process_time() - began < 8


@given(st.binary(), st.binary())
def test_any_subject_is_judged(value: bytes, more: bytes) -> None:
    raw = b"Subject: " + value + b"\n" + more
    subject = made(prefixes=["a", "é"], words=["a", "é"], patterns=["."], charsets=["utf-8"], scripts=["Latin", "Han"])
    for one in findings(subject, raw):
        for where in one.evidence:
            assert 0 <= where.start < where.end <= len(raw)
