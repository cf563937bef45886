"""A postmaster's own Python: what it finds arrives, and nothing it does hurts the walk (or the next mail)."""

from __future__ import annotations

import marshal
import os
import time
from pathlib import Path

import pytest

from mailscan.envelope import Envelope
from mailscan.errors import FilterError, MailscanError
from mailscan.guard import framed, in_child, unframed
from mailscan.mail import Mail
from mailscan.message import Message
from mailscan.outside import Outside
from mailscan.pipeline import scan
from mailscan.policy import Policy, load_policy
from mailscan.verdict import Verdict


def own(folder: Path, source: str, more: str = "") -> Policy:
    (folder / "own.py").write_text(source)
    (folder / "policy.toml").write_text(
        f'[limits]\nchild_memory = "300 MB"\n[[filter]]\nuse = "./own.py"\ntimeout = 2\n{more}\n'
        '[[filter]]\nuse = "spamtrap"\naddresses = ["trap@x.example"]\naction = "reject"\n'
    )
    return load_policy(str(folder / "policy.toml"))


def judge(policy: Policy, raw: bytes = b"Subject: hello\n\nbody\n", recipient: str = "trap@x.example") -> Verdict:
    mail = Mail(Envelope(sender="a@b.example", recipients=(recipient,)), Message(raw))
    return scan(mail, policy, Outside(time.monotonic() + 30))


def test_a_file_that_finds_nothing_is_no_objection(tmp_path: Path) -> None:
    for source in (
        "def check(mail, outside):\n    return None\n",
        "def check(mail, outside):\n    return []\n",
        "def check(mail, outside):\n    return iter(())\n",
    ):
        verdict = judge(own(tmp_path, source), recipient="joe@x.example")
        assert (verdict.action, verdict.account[0].outcome) == ("accept", "clear")


def test_everything_a_finding_can_say_arrives(tmp_path: Path) -> None:
    source = """
from mailscan import Edits, Evidence, Finding

def check(mail, outside):
    subject = mail.message.subject
    yield Finding("own.tag", "détail \\ud800", headers=[("X-Own", subject)], action="tag", note=False,
                  evidence=[Evidence("1", 0, 14, "a.zip")], edits=Edits(body=b"\\xff" * 3, rcpt_add=["x@y.example"]))
    yield Finding("own.note", note=True, score=2)
    yield Finding("own.no", action="reject", reply="No, " + mail.envelope.sender)
"""
    verdict = judge(own(tmp_path, source))
    assert (verdict.action, verdict.reply, verdict.rule) == ("reject", ("No, a@b.example",), "own")
    tag, note, no = verdict.account[0].findings
    assert (tag.code, tag.detail, tag.headers) == ("own.tag", "détail \ud800", (("X-Own", "hello"),))
    assert (tag.evidence[0].part, tag.evidence[0].end, tag.evidence[0].member) == ("1", 14, "a.zip")
    assert tag.edits is not None
    assert (tag.edits.body, tag.edits.rcpt_add) == (b"\xff\xff\xff", ("x@y.example",))
    assert (note.note, note.score, no.action) == (True, 2.0, "reject")


def test_a_sibling_can_be_imported_and_the_current_directory_cannot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sibling.py").write_text("ANSWER = 'from the sibling'\n")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "stranger.py").write_text("")
    monkeypatch.chdir(elsewhere)
    monkeypatch.syspath_prepend(str(elsewhere))
    monkeypatch.syspath_prepend("")
    found = "from mailscan import Finding\nimport {}\ndef check(mail, outside):\n    return Finding('x', {})\n"
    verdict = judge(own(tmp_path, found.format("sibling", "sibling.ANSWER")))
    assert verdict.account[0].findings[0].detail == "from the sibling"
    assert "No module named 'stranger'" in judge(own(tmp_path, found.format("stranger", "''"))).account[0].why


HURTS = [
    ("import os\ndef check(mail, outside):\n    os._exit(1)\n", "ended with status 1 and gave no answer"),
    ("import os\ndef check(mail, outside):\n    os._exit(0)\n", "ended with status 0 and gave no answer"),
    ("import sys\ndef check(mail, outside):\n    sys.exit()\n", "own.py:3: called sys.exit(None)"),
    ("def check(mail, outside):\n    while True: pass\n", "own.py:2: its process did not answer in time"),
    (
        "import re\ndef check(m, o):\n    re.match(r'(a+)+$', 'a' * 60 + 'b')\n",
        "own.py:3: its process did not answer in time",
    ),
    ("import time\ndef check(mail, outside):\n    time.sleep(60)\n", "own.py:3: its process did not answer in time"),
    ("def check(mail, outside):\n    x = bytearray(2_000_000_000)\n", "more memory than [limits] child_memory"),
    (
        "def check(mail, outside):\n    x = []\n    while True: x.append('y' * 40_000_000)\n",
        "more memory than | did not answer",
    ),
    ("import os\ndef check(mail, outside):\n    os.closerange(0, 100)\n", " answer"),
    ("import os\ndef check(mail, outside):\n    os.kill(os.getpid(), 15)\n", "killed by signal 15"),
    ("import os\ndef check(mail, outside):\n    os.fork()\n    while True: pass\n", "did not answer in time"),
    ("def check(mail, outside):\n    1/0\n", "own.py:2: ZeroDivisionError: division by zero"),
    ("1/0\n", "own.py:1: ZeroDivisionError"),
    ("def check(mail, outside)\n    pass\n", "own.py:1: SyntaxError: expected ':'"),
    ("def check(mail):\n    pass\n", "TypeError: check() takes 1 positional argument but 2 were given"),
    ("check = 3\n", "has no function `check(mail, outside)`"),
    ("def check(mail, outside):\n    return 'reject'\n", "gave 'str' where a Finding is wanted"),
    ("def check(mail, outside):\n    return 7\n", "TypeError: 'int' object is not iterable"),
    (
        "from mailscan import Finding\ndef check(m, o):\n    return Finding('x', action='refuse')\n",
        "'refuse' is none of",
    ),
    ("def check(mail, outside):\n    raise KeyboardInterrupt\n", "own.py:2: KeyboardInterrupt"),
]


@pytest.mark.parametrize(("source", "said"), HURTS, ids=[str(number) for number in range(len(HURTS))])
def test_a_hurt_is_the_on_error_of_the_rule(tmp_path: Path, source: str, said: str) -> None:
    began = time.monotonic()
    ignored = judge(own(tmp_path, source, 'on_error = "ignore"'))
    assert time.monotonic() - began < 6
    assert ignored.account[0].outcome == "error"
    assert any(one in ignored.account[0].why for one in said.split(" | "))
    assert "\n" not in ignored.account[0].why
    assert (ignored.action, ignored.rule) == ("reject", "spamtrap"), "the next rule was asked, and saw the mail"
    assert len(os.listdir("/proc/self/fd")) < 60


def test_nothing_on_standard_output_and_nothing_left_changed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    source = """
import os, sys
def check(mail, outside):
    print("hello"); os.system("echo from a child")
    os.environ["HURT"] = "1"; os.chdir("/"); sys.path.clear(); mail.envelope.recipients = ()
"""
    here = os.getcwd()
    assert judge(own(tmp_path, source)).rule == "spamtrap"
    out, err = capfd.readouterr()
    assert out == ""
    assert err == "from a child\nhello\n" or err == "hello\nfrom a child\n"
    assert "HURT" not in os.environ
    assert os.getcwd() == here


def test_what_it_leaves_behind_is_killed(tmp_path: Path) -> None:
    mark = tmp_path / "alive"
    source = f"""
import os, time
def check(mail, outside):
    if os.fork() == 0:
        time.sleep(1)
        open({str(mark)!r}, "w").close()
"""
    began = time.monotonic()
    assert judge(own(tmp_path, source)).account[0].outcome == "clear"
    assert time.monotonic() - began < 1, "the answer is not held up by a grandchild"
    time.sleep(1.3)
    assert not mark.exists()


def test_ready_loads_the_file_and_names_the_line(tmp_path: Path) -> None:
    own(tmp_path, "def check(mail, outside):\n    pass\n").rules[0].filter.ready()
    with pytest.raises(MailscanError, match=r"own\.py:2: ModuleNotFoundError: No module named 'not_there'"):
        own(tmp_path, "\nimport not_there\n").rules[0].filter.ready()


def test_a_child_answers_with_plain_data_only() -> None:
    assert in_child(lambda: {"a": [1, b"\xff", None, 2.5, "\ud800"]}, seconds=5, memory=10**9) == {
        "a": [1, b"\xff", None, 2.5, "\ud800"]
    }
    big = b"x" * 50_000_000
    assert in_child(lambda: big, seconds=20, memory=10**9) == big
    with pytest.raises(FilterError, match="ended with status 1"):
        in_child(lambda: object(), seconds=5, memory=10**9)


FORGE = """import os, sys
from mailscan.guard import framed
def send(frame):
    at = sys._getframe()
    while at.f_code.co_name != "_child":
        at = at.f_back
    frame = memoryview(frame)
    while frame:
        frame = frame[os.write(at.f_locals["answer_out"], frame):]
    os._exit(0)
"""
DEEP = b"[\x01\0\0\0" * 500 + b"N"
FORGED = {
    "a tuple of 2^31": b"(\xff\xff\xff\x7f",
    "a list of 2^31": b"[\xff\xff\xff\x7f",
    "a list of -1": b"[\xff\xff\xff\xff",
    "tuples that claim what is left": b"(\x00\x00\x10\x00" * 50 + b"N" * 0x100000,
    "octets that are not there": b"s\xff\xff\xff\x7f",
    "a number that is not there": b"l\xff\xff\xff\x7f",
    "a short tuple": b")\x01N",
    "a reference": b"[\x02\0\0\0" + bytes([ord("i") | 0x80]) + b"\x01\0\0\0r\0\0\0\0",
    "code": marshal.dumps(compile("1", "x", "exec")),
    "a set": marshal.dumps({1}, 2),
    "keys of chosen hashes": b"{i\x01\0\0\0N0",
    "no end of a dict": b"{u\x01\0\0\0aN",
    "too deep": DEEP,
    "too many": b"(\x00\x00\x80\x00" + b"N" * 0x800000,
    "more behind it": b"NN",
    "nothing": b"",
}


@pytest.mark.parametrize("what", FORGED)
def test_an_answer_that_a_file_forged_is_not_taken_in(tmp_path: Path, what: str) -> None:
    (tmp_path / "frame").write_bytes(len(FORGED[what]).to_bytes(8, "big") + FORGED[what])
    source = FORGE + f"def check(mail, outside):\n    send(open({str(tmp_path / 'frame')!r}, 'rb').read())\n"
    asked = judge(own(tmp_path, source, 'on_error = "ignore"')).account[0]
    assert asked.outcome == "error"
    assert asked.why == "its process sent an answer that cannot be read"


def test_every_part_of_an_answer_and_every_other_octet_in_it_is_an_answer_or_none() -> None:
    value = (True, [("own.x", "é", 2.5, [("X", "\ud800")], None, b"\xff" * 3, False)], {"a": [1, -(2**70)], "b": {}})
    octets = framed(value)[8:]
    assert unframed(octets) == value
    for end in range(len(octets)):
        with pytest.raises(FilterError):
            unframed(octets[:end])
    for at in range(len(octets)):
        for other in (0, 0x28, 0x5B, 0x63, 0x7B, 0x7F, 0xA9, 0xFF):
            try:
                unframed(octets[:at] + bytes([other]) + octets[at + 1 :])
            except FilterError:
                continue


@pytest.mark.parametrize(
    "answer",
    [
        "(True, 7, [])",
        "(True, [7], [])",
        "(True, [('x', 'y', 'z', [], [], None, None, None, False)], [])",
        "(True, [(5, '', None, [], [], None, None, None, False)], [])",
        "(True, [('x', '', None, [('a b', 'c')], [], None, None, None, False)], [])",
        "(True, [('x', '', None, [], [], 'refuse', None, None, False)], [])",
        "(True, [('x', '', None, [], [], None, None, (1, 2), False)], [])",
        "(True, [], [1])",
        "(True, [])",
        "3",
    ],
)
def test_findings_that_nobody_can_have_given(tmp_path: Path, answer: str) -> None:
    source = FORGE + f"def check(mail, outside):\n    send(framed({answer}))\n"
    asked = judge(own(tmp_path, source, 'on_error = "ignore"')).account[0]
    assert asked.outcome == "error"
    assert "crashed" not in asked.why


@pytest.mark.parametrize("answer", ["(True, {}, [])", "(True, 7, [])", "(True, {'fields': [1], 'docs': {}}, [])"])
def test_what_nobody_can_have_said_of_himself(tmp_path: Path, answer: str) -> None:
    source = FORGE + f"send(framed({answer}))\nclass A:\n    def check(self, mail, outside): pass\n"
    asked = judge(own(tmp_path, source, 'on_error = "ignore"')).account[0]
    assert (asked.outcome, "cannot be read" in asked.why) == ("error", True)


def test_edits_that_change_nothing_are_none(tmp_path: Path) -> None:
    source = "from mailscan import Edits, Finding\ndef check(m, o): return Finding('x', edits=Edits())\n"
    asked = judge(own(tmp_path, source)).account[0]
    assert (asked.outcome, asked.findings[0].edits) == ("found", None)
