"""`--record` and `--replay`: the same verdict, and the network is not touched."""

from __future__ import annotations

import json
import os
import socket
import tarfile
import time
from pathlib import Path
from typing import Any

import pytest
from nameserver import unbound
from running import QUIET, mailscan, policy

from mailscan.document import document, to_json
from mailscan.envelope import Envelope
from mailscan.mail import Mail
from mailscan.message import Message
from mailscan.outside import Outside
from mailscan.pipeline import scan
from mailscan.policy import Policy, load_policy
from mailscan.recording import Replay, record

ARGS = ("--format", "json", "--client-ip", "198.51.100.7", "--sender", "joe@d.example", "--helo", "h.example")
RECORDS = [
    ("d.example", "TXT", '"v=spf1 a:x.d.example ~all"'),
    ("x.d.example", "A", "192.0.2.9"),
    ("7.100.51.198.l.test", "A", "127.0.0.2"),
]
OWN = """from mailscan import Finding

def check(mail, outside):
    yield Finding("own.now", f"{outside.now()} {outside.dns('x.d.example', 'A').records}")
    yield Finding("own.size", str(len(outside.dns(f"s{len(mail.message.raw)}.test", "A").records)))
"""
RULES = """[outside]
resolvers = "127.0.0.1:{port}"
timeout = {timeout}
[score]
tag = 1
[[filter]]
use = "spf"
[[filter]]
use = "dnsbl"
zones = {{ "l.test" = 2.0, "silent.test" = 1.0 }}
[[filter]]
use = "./own.py"
action = "tag"
"""


def without_times(octets: bytes | str) -> Any:
    said = json.loads(octets)
    for rule in said["rules"]:
        del rule["ms"]
    return said


def messages(corpora: Path, count: int) -> list[bytes]:
    found: list[bytes] = []
    for path in sorted((corpora / "corpora").glob("*.tar.xz")):
        with tarfile.open(path) as archive:
            for one in archive:
                file = archive.extractfile(one) if one.isfile() else None
                if file and not one.name.endswith(("cmds", "README")):
                    found.append(file.read())
                if len(found) == count:
                    return found
    return found


def test_a_question_that_is_not_in_the_record_is_on_error(tmp_path: Path) -> None:
    (tmp_path / "r").write_text('{"mailscan": 1, "policy": "x", "clock": 1, "answers": []}')
    rules = policy(tmp_path, QUIET + '[[filter]]\nuse = "dnsbl"\nzones = { "l.test" = 1 }\non_error = "reject"\n')
    done = mailscan(*ARGS, "--policy", rules, "--replay", str(tmp_path / "r"))
    said = json.loads(done.out)
    assert (done.status, said["rules"][0]["outcome"]) == (77, "error")
    assert "the record has no answer to dns 7.100.51.198.l.test A" in done.out.decode()
    assert "another policy" in done.err


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "{}", '{"mailscan": 2}', '{"mailscan": 1, "policy": "", "clock": 0, "answers": [1]}', "[" * 99999],
)
def test_what_is_no_record(tmp_path: Path, text: str) -> None:
    (tmp_path / "r").write_text(text)
    done = mailscan("--replay", str(tmp_path / "r"))
    assert (done.status, done.err.count("\n")) == (75, 1)
    assert "--replay" in done.err
    assert "Traceback" not in done.err


def test_files_that_cannot_be_used(tmp_path: Path) -> None:
    assert mailscan("--replay", str(tmp_path / "none")).status == 75
    assert mailscan("--record", str(tmp_path)).status == 75
    assert mailscan("--record", "x", "--replay", "x").status == 75


FACTS: dict[str, Any] = {"client_ip": "198.51.100.7", "sender": "joe@d.example", "helo": "h.example"}


def judge(raw: bytes, rules: Policy, outside: Outside) -> Any:
    return without_times(to_json(document(scan(Mail(Envelope(**FACTS), Message(raw)), rules, outside))))


def test_a_hundred_messages_of_the_corpus(corpora: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mails = messages(corpora, 100)
    assert len(mails) == 100
    (tmp_path / "own.py").write_text(OWN)
    recorded = []
    (tmp_path / "dns").mkdir()
    with unbound(tmp_path / "dns", RECORDS, silent=["silent.test"]) as port:
        rules = load_policy(policy(tmp_path, RULES.format(port=port, timeout=0.15)))
        for number, raw in enumerate(mails):
            outside = Outside(time.monotonic() + 50, rules.outside)
            recorded.append(judge(raw, rules, outside))
            record(str(tmp_path / f"r{number}"), outside, rules.digest)
    # With so little time some answers come too late; that is recorded too.
    outcomes = [[rule["outcome"] for rule in said["rules"]] for said in recorded]
    assert outcomes.count(["found", "found", "found"]) > 50, outcomes

    def cut(*_: object, **__: object) -> None:
        raise AssertionError("the network was touched")

    monkeypatch.setattr(socket, "socket", cut)  # in the children, too
    for number, raw in enumerate(mails):
        assert judge(raw, rules, Replay(time.monotonic() + 50, str(tmp_path / f"r{number}"))) == recorded[number]


def test_the_command(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(OWN)
    (tmp_path / "dns").mkdir()
    with unbound(tmp_path / "dns", RECORDS, silent=["silent.test"]) as port:
        rules = policy(tmp_path, QUIET + RULES.format(port=port, timeout=1))
        first = mailscan(*ARGS, "--policy", rules, "--record", str(tmp_path / "r"))
    second = mailscan(*ARGS, "--policy", rules, "--replay", str(tmp_path / "r"))
    assert (first.status, first.err, without_times(first.out)) == (second.status, second.err, without_times(second.out))
    assert "127.0.0.2" in first.out.decode()
    assert oct((tmp_path / "r").stat().st_mode)[-3:] == "600"


FORGER = """from mailscan import Finding
ASKED = ("dns", "7.100.51.198.l.test", "A")
def check(mail, outside):
    outside.known[ASKED] = ("noerror", (b"127.0.0.2",), "")
    outside.clock = "x"
    return Finding("own.saw", str(outside.dns(ASKED[1], "A").records))
"""
SEES = "from mailscan import Finding\ndef check(mail, outside):\n    return Finding('own.now', repr(outside.now()))\n"


def test_what_a_file_says_that_it_asked_is_no_other_rules_answer(tmp_path: Path) -> None:
    (tmp_path / "forger.py").write_text(FORGER)
    (tmp_path / "sees.py").write_text(SEES)
    (tmp_path / "dns").mkdir()
    with unbound(tmp_path / "dns", []) as port:
        rules = load_policy(
            policy(
                tmp_path,
                f'[outside]\nresolvers = "127.0.0.1:{port}"\n[score]\nreject = 1\n'
                '[[filter]]\nuse = "./forger.py"\n[[filter]]\nuse = "./sees.py"\n'
                '[[filter]]\nuse = "dnsbl"\nzones = { "l.test" = 2.0 }\nwhen = { trusted = false }\n',
            )
        )
        outside = Outside(time.monotonic() + 50, rules.outside)
        first = judge(b"Subject: x\n\n", rules, outside)
    assert isinstance(outside.clock, float)
    record(str(tmp_path / "r"), outside, rules.digest)
    forger, sees, dnsbl = first["rules"]
    assert forger["findings"][0]["detail"] == "('127.0.0.2',)"
    assert float(sees["findings"][0]["detail"]) == outside.clock
    assert (dnsbl["outcome"], first["verdict"]) == ("clear", "accept")
    # Each has in the replay what it had, and the record is not changed by it.
    replay = Replay(time.monotonic() + 50, str(tmp_path / "r"))
    for _ in range(2):
        assert judge(b"Subject: x\n\n", rules, replay.again(time.monotonic() + 50)) == first
    assert list(replay.told) == ["forger"]


@pytest.mark.parametrize(
    "junk",
    [
        "['x'] = 1",
        "['dns', 'x', 'A'] = ('', (1,), '')",
        "['dns', 3] = ('', (), '')",
        "['dns', 'x'] = ('', [], '')",
        "[7] = ('', (), '')",
        "['dns', 'x'] = None",
    ],
)
def test_what_is_no_answer_is_the_files_on_error(tmp_path: Path, junk: str) -> None:
    (tmp_path / "own.py").write_text(f"def check(mail, outside):\n    outside.known{junk}\n")
    text = QUIET + '[[filter]]\nuse = "./own.py"\non_error = "ignore"\n'
    done = mailscan(*ARGS, "--policy", policy(tmp_path, text), "--record", str(tmp_path / "r"))
    assert (done.status, done.err) == (0, "")
    assert "own.py: put something into `outside.known` that is no answer" in done.out.decode()
    assert json.loads((tmp_path / "r").read_text())["answers"] == []


@pytest.mark.parametrize("what", ["fifo", "folder", "device"])
def test_a_record_that_is_no_file_is_refused_at_once(tmp_path: Path, what: str) -> None:
    path = tmp_path / "r"
    if what == "fifo":
        os.mkfifo(path)
    elif what == "folder":
        path.mkdir()
    else:
        path = Path("/dev/zero")
    done = mailscan("--replay", str(path))
    assert (done.status, done.out) == (75, b"4.3.0 Message could not be checked\n")
    assert done.err.startswith(f"mailscan: --replay: {path}: is ") or "is a directory" in done.err.lower(), done.err
    letter = tmp_path / "a.eml"
    letter.write_bytes(b"Subject: x\n\n")
    audited = mailscan("audit", "--replay", str(path), str(letter), stdin=b"")
    assert audited.status in (1, 2) and "--replay" in audited.err and audited.err.count("\n") == 1
