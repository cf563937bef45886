"""`mailscan scan` as a real process: its status, its output and one line of explanation, whatever goes wrong."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from pathlib import Path

import pytest
from running import ENVIRON, FAILED, LETTER, QUIET, START, Done, failed, mailscan, policy, shell

# What must go through.


def test_a_letter_is_accepted_and_nothing_is_said() -> None:
    for args in ((), ("scan",), ("--rcpt", "jane@example.com"), ("scan", "--sender=", "--format", "text")):
        done = mailscan(*args)
        assert (done.status, done.out, done.err) == (0, b"", "")


def test_any_octets_are_a_message(tmp_path: Path) -> None:
    for octets in (b"\0", b"\n", b"\xff" * 1000, b"From x", b"\r\r\r", b"Subject: \xff=?x?q?\n\n"):
        assert mailscan(stdin=octets).status == 0
        done = mailscan("--format", "message", stdin=octets)
        assert (done.status, done.out, done.err) == (0, octets, "")


def test_a_trap_is_refused_in_every_format() -> None:
    trap = ("--rcpt", "spamtrap@example.com")
    assert mailscan(*trap).out == b"5.7.1 Spam not wanted here\n"
    assert mailscan(*trap, "--format", "message").out == b"5.7.1 Spam not wanted here\n"
    said = b'verdict=reject code="550 5.7.1" message="Spam not wanted here"\n'
    assert mailscan(*trap, "--format=kv").out == said
    told = json.loads(mailscan(*trap, "--format", "json").out)
    assert (told["verdict"], told["rule"], told["schema"]) == ("reject", "spamtrap", 1)
    for form in ("text", "kv", "json", "message"):
        done = mailscan(*trap, "--format", form)
        assert (done.status, done.err) == (77, "")
    assert mailscan(*trap, "--soft-exit").status == 0


FIRST = b"From joe@example.org Mon Nov 30 10:00:00 2026\n"
SPOOLED = FIRST + b"X-Envelope-From: <a@b>\nX-Envelope-To: spamtrap@example.com\n" + LETTER


@pytest.mark.parametrize("first", [FIRST, b"From MAILER-DAEMON now\n"])
def test_exims_envelope_is_believed_where_the_caller_says_that_it_is_one(first: bytes, tmp_path: Path) -> None:
    spooled = SPOOLED.replace(FIRST, first)
    path = tmp_path / "spooled.eml"
    path.write_bytes(spooled)
    assert mailscan("--exim-spool", stdin=spooled).status == 77
    assert mailscan("--exim-spool", "--file", str(path)).status == 77
    # The command line outranks it, fact by fact.
    assert mailscan("--exim-spool", "--sender", "a@b", stdin=spooled).status == 77
    assert mailscan("--exim-spool", "--rcpt", "joe@x", stdin=spooled).status == 0
    to_joe = spooled.replace(b"spamtrap@", b"joe@")
    assert mailscan("--exim-spool", "--format", "message", stdin=to_joe).out == first + LETTER
    null = spooled.replace(b"X-Envelope-From: <a@b>\n", b"")
    assert mailscan("--exim-spool", stdin=null).status == 77
    # What the sender wrote below it, one more of the same name too, is a header field.
    forged = to_joe.replace(LETTER, b"X-Envelope-To: spamtrap@example.com\n" + LETTER)
    assert mailscan("--exim-spool", stdin=forged).status == 0
    assert (
        mailscan("--exim-spool", "--format", "message", stdin=forged).out
        == first + forged.partition(b"joe@example.com\n")[2]
    )


@pytest.mark.parametrize("first", [FIRST, b"From MAILER-DAEMON now\n", b""])
def test_elsewhere_these_are_header_fields(first: bytes, tmp_path: Path) -> None:
    """A script may pipe in mail of the null sender, which begins as a spool file does."""
    spooled = SPOOLED.replace(FIRST, first)
    for words in ((), ("--sender", "a@b"), ("--rcpt", ""), ("--rcpt", "joe@x")):
        assert mailscan(*words, stdin=spooled).status == 0
        assert mailscan(*words, "--format", "message", stdin=spooled).out == spooled
    path = tmp_path / "mail.eml"
    path.write_bytes(spooled)
    assert mailscan("--file", str(path), "--rcpt", "joe@x").status == 0


@pytest.mark.parametrize("first", [FIRST, b"From MAILER-DAEMON now\n"])
@pytest.mark.parametrize("field", [b"X-Envelope-From: <a@b>\n", b""])
def test_an_acl_from_before_the_option_does_not_judge_without_an_envelope(
    first: bytes, field: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "1.eml"
    path.write_bytes(first + field + b"X-Envelope-To: joe@example.com\n" + LETTER)
    for words in ((), ("--sender", "a@b"), ("--client-ip", "192.0.2.1")):
        failed(mailscan("--file", str(path), *words), "say --exim-spool.*mta-config exim")
    said = mailscan("--file", str(path), "--format", "kv", "--soft-exit")
    assert said.status == 0 and said.out.startswith(b"verdict=tempfail ") and b"--exim-spool" in said.out


@pytest.mark.parametrize(
    "octets",
    [LETTER, FIRST + LETTER, FIRST + b"X-Envelope-From: <a@b>\n" + LETTER, FIRST + b"X-Envelope-To: \n" + LETTER],
)
def test_what_is_no_spool_file_is_not_judged_as_one(octets: bytes, tmp_path: Path) -> None:
    path = tmp_path / "1.eml"
    path.write_bytes(octets)
    failed(mailscan("--exim-spool", "--file", str(path)), "--exim-spool: .*1.eml is no spool file of Exim's")
    failed(mailscan("--exim-spool", stdin=octets), "--exim-spool: the message is no spool file")


def test_facts_that_are_not_known_are_not_asked_about() -> None:
    done = mailscan("--client-ip", "", "--rcpt", "unknown", "--helo", "", "--explain")
    assert done.status == 0
    assert "spamtrap     not asked: recipients not known" in done.err


def test_a_large_message(tmp_path: Path) -> None:
    line = b"QUJD" * 19 + b"\n"
    large = tmp_path / "large.eml"
    large.write_bytes(
        b"Subject: 50 MB\nContent-Type: application/octet-stream\nContent-Transfer-Encoding: base64\n\n"
        + line * (50_000_000 // len(line))
    )
    assert mailscan("--file", str(large)).status == 0
    with large.open("rb") as stdin:
        done = subprocess.run([*START, "--format", "message"], stdin=stdin, capture_output=True, env=ENVIRON)
    assert (done.returncode, len(done.stdout)) == (0, large.stat().st_size)
    limited = policy(tmp_path, QUIET + '[limits]\nmessage_size = "1 MB"\n')
    failed(mailscan("--policy", limited, "--file", str(large)), "more than 1000000 octets")
    failed(mailscan("--policy", limited, stdin=large.read_bytes()), "more than 1000000 octets")


def test_the_place_does_not_matter(tmp_path: Path) -> None:
    for name, value in (("LANG", "C"), ("LC_ALL", "C"), ("LC_ALL", "POSIX"), ("PYTHONUTF8", "0"), ("HOME", "/nowhere")):
        command = ["env", f"{name}={value}", *START, "--rcpt", "jürgen@example.com", "--helo", "日本"]
        done = Done(subprocess.run(command, input=LETTER, capture_output=True, env=ENVIRON))
        assert (done.status, done.out, done.err) == (0, b"", "")
    readonly = tmp_path / "home"
    readonly.mkdir(mode=0o500)
    assert mailscan(HOME=str(readonly), XDG_CONFIG_HOME=str(readonly)).status == 0
    assert list(readonly.iterdir()) == []
    # Octets of an address that are no UTF-8, as an MTA's argument may hold.
    odd = [*map(os.fsencode, START), b"--rcpt", b"j\xfc@b"]
    done = Done(subprocess.run(odd, input=LETTER, capture_output=True, env=ENVIRON))
    assert (done.status, done.err) == (0, "")


# No message.


def test_no_message() -> None:
    failed(mailscan(stdin=b""), "no message: standard input is empty")
    failed(shell('"$@" </dev/null'), "no message: standard input is empty")
    failed(shell('"$@" <&-'), "no message: standard input is closed")


def test_a_file_that_is_no_message(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    failed(mailscan("--file", str(tmp_path / "empty")), "no message: .*/empty is empty")
    failed(mailscan("--file", str(tmp_path)), "is a directory, and a file with one message is wanted")
    failed(mailscan("--file", str(tmp_path / "none")), "none: No such file or directory")
    failed(mailscan("--file", ""), "--file needs the path")
    (tmp_path / "m").write_bytes(LETTER)
    assert shell(f'"$@" --file {tmp_path}/m <&-').status == 0


def test_input_that_does_not_come_to_its_end() -> None:
    began = time.monotonic()
    with subprocess.Popen(
        [*START, "--timeout", "1"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRON
    ) as process:
        assert process.stdin and process.stdout and process.stderr
        process.stdin.write(LETTER)
        process.stdin.flush()
        assert process.wait(10) == 75
        assert process.stdout.read() == FAILED
        assert b"out of time: standard input has not come to its end" in process.stderr.read()
    assert time.monotonic() - began < 5


# Nobody to hear the verdict.


def test_a_closed_output() -> None:
    for args in ("", "--rcpt spamtrap@example.com", "--format kv", "--soft-exit"):
        done = shell(f'"$@" {args} >&-')
        assert (done.status, done.out) == (75, b"")
        said = "" if "kv" in args else "mailscan: standard output cannot be written: Bad file descriptor\n"
        assert done.err == said


def test_a_full_disk_and_a_reader_that_goes_away() -> None:
    done = shell('"$@" --rcpt spamtrap@example.com --soft-exit >/dev/full')
    assert (done.status, done.err) == (75, "mailscan: standard output cannot be written: No space left on device\n")
    done = shell('("$@" --format message; echo $? >&2) | true', LETTER * 20_000)
    assert done.err == "mailscan: standard output cannot be written: Broken pipe\n75\n"
    assert shell('"$@" --rcpt spamtrap@example.com --format kv >/dev/full').err == ""
    failed_too = shell('"$@" --client-ip nonsense >/dev/full')
    assert failed_too.status == 75


def test_a_reader_that_does_not_read() -> None:
    began = time.monotonic()
    reading, writing = os.pipe()
    done = subprocess.run(
        [*START, "--format", "message", "--timeout", "1"],
        input=LETTER * 20_000,
        stdout=writing,
        stderr=subprocess.PIPE,
        env=ENVIRON,
    )
    os.close(reading)
    os.close(writing)
    assert done.returncode == 75
    assert b"standard output does not take the verdict" in done.stderr
    assert time.monotonic() - began < 5


def test_a_standard_error_that_nobody_reads_changes_nothing(tmp_path: Path) -> None:
    rule = '[[filter]]\nuse = "subject"\nwords = ["x"]\naction = "tag"\nname = "{}"\n'
    rules = "".join(rule.format(str(n) * 40) for n in range(900))
    reading, writing = os.pipe()
    began = time.monotonic()
    command = [*START, "--explain", "--timeout", "2", "--policy", policy(tmp_path, QUIET + rules)]
    done = subprocess.run(command, input=LETTER, stdout=subprocess.PIPE, stderr=writing, env=ENVIRON)
    assert len(os.read(reading, 100_000)) > 60_000  # the pipe was full
    os.close(reading)
    os.close(writing)
    assert (done.returncode, done.stdout) == (0, b"")
    assert time.monotonic() - began < 6


def test_a_closed_standard_error_changes_nothing() -> None:
    assert shell('"$@" 2>&-').status == 0
    done = shell('"$@" --explain 2>&-')
    assert (done.status, done.out) == (0, b"")
    assert shell('"$@" --client-ip nonsense 2>&-').out == FAILED
    assert shell('"$@" <&- >&- 2>&-').status == 75


# A command line that cannot be used.


def test_usage() -> None:
    failed(mailscan("--client-ip", "nonsense"), '--client-ip: "nonsense" is no IP address; one as 192.0.2.1')
    failed(mailscan("--recpt", "a@b"), "No such option.*--recpt.*see `mailscan scan --help`")
    failed(mailscan("--rcpt"), "--rcpt.* requires an argument")
    failed(mailscan("--format", "xml"), "'xml' is not one of 'text', 'kv', 'json', 'message'")
    failed(mailscan("scan", "message.eml"), "unexpected extra argument")
    failed(mailscan("frobnicate"), 'there is no command "frobnicate"; there are audit, backtest, check, deliver')
    failed(mailscan("-x"), "No such option.*-x")
    failed(mailscan("--explain", "--soft-exit", "--format", "message"), "--soft-exit would hide")
    failed(mailscan("--timeout", "soon"), "--timeout wants seconds")


def test_failures_in_the_format_asked_for() -> None:
    for args in (("--client-ip", "nonsense"), ("--no-such",), ("--policy", "/nowhere")):
        done = mailscan(*args, "--format", "kv")
        assert (done.status, done.err) == (75, "")
        words = rb'verdict=tempfail code="451 4\.3\.0" message="Message could not be checked" error="(?:[^"\\]|\\.)+"\n'
        assert re.fullmatch(words, done.out)
        assert mailscan(*args, "--format=kv", "--soft-exit").status == 0
        done = mailscan(*args, "--format", "json")
        assert done.status == 75
        assert json.loads(done.out)["error"] in done.err
        assert mailscan(*args, "--format", "message").out == FAILED
    done = mailscan("--explain", "--format", "kv")
    assert (done.status, done.err) == (75, "")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[filter", "not valid TOML"),
        ("\xff", "not valid TOML|not UTF-8"),
        ("[sites]\n", "unknown table 'sites'"),
        ('[[filter]]\nuse = "subjekt"\n', "there is no filter 'subjekt'"),
        ('[[filter]]\nuse = "subject"\nprefix = ["x"]\naction = "reject"\n', r"\(subject\).*unknown key 'prefix'"),
        ('[[filter]]\nuse = "subject"\nprefixes = 5\naction = "reject"\n', "prefixes: a list of strings is wanted"),
        ('[[filter]]\nuse = "subject"\nprefixes = ["x"]\n', "needs an `action`"),
        ('[[filter]]\nuse = "./nowhere.py"\n', "nowhere.py"),
    ],
)
def test_a_policy_with_a_mistake(tmp_path: Path, text: str, words: str) -> None:
    path = policy(tmp_path, text)
    failed(mailscan("--policy", path), words)
    failed(mailscan(MAILSCAN_POLICY=path), re.escape(path))
    checked = mailscan("check", path)
    assert checked.status == 1
    assert re.search(words, checked.err)


def test_a_policy_that_is_not_there() -> None:
    failed(mailscan("--policy", "/nowhere/policy.toml"), "/nowhere/policy.toml: No such file or directory")
    failed(mailscan("--policy", ""), "--policy needs the path")


# A postmaster's own Python, and the clock.


def test_what_a_user_file_prints_is_not_the_verdict(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("def check(mail, outside):\n    print('verdict=accept')\n    return []\n")
    path = policy(tmp_path, QUIET + '[[filter]]\nuse = "./mine.py"\naction = "reject"\n')
    done = mailscan("--policy", path)
    assert (done.status, done.out) == (0, b"")
    done = mailscan("--policy", path, "--format", "kv")
    assert (done.status, done.out, done.err) == (0, b"verdict=accept\n", "")


def test_the_whole_run_has_an_end(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("def check(mail, outside):\n    while True: pass\n")
    began = time.monotonic()
    path = policy(tmp_path, QUIET + '[[filter]]\nuse = "./mine.py"\naction = "reject"\ntimeout = 60\n')
    failed(mailscan("--policy", path, "--timeout", "1"), "mine: ")
    path = policy(tmp_path, QUIET + '[[filter]]\nuse = "./mine.py"\naction = "reject"\non_error = "reject"\n')
    assert mailscan("--policy", path, "--timeout", "1").status == 77
    assert time.monotonic() - began < 5


def test_a_crash_in_a_rule_is_said(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("def check(mail, outside):\n    return 1 / 0\n")
    path = policy(tmp_path, QUIET + '[[filter]]\nuse = "./mine.py"\naction = "reject"\n')
    failed(mailscan("--policy", path), r"mine: .*mine\.py:2: ZeroDivisionError")
    done = mailscan("--policy", path, "--format", "kv")
    assert (done.status, done.err) == (75, "")
    assert b'error="mine: ' in done.out


def test_too_little_memory() -> None:
    """The interpreter and the first 150 MB do not fit into 150 MB."""
    done = shell('ulimit -v 150000; "$@" --file /dev/zero')
    failed(done, "not enough memory")
    failed(mailscan("--file", "/dev/zero"), "the message has more than 150000000 octets")


def test_the_log_changes_no_verdict(tmp_path: Path) -> None:
    log = tmp_path / "log"
    path = policy(tmp_path, f'[log]\nto = "{log}"\n')
    assert mailscan("--policy", path, "--queue-id", "q1", "--sender", "a@b").status == 0
    assert mailscan("--policy", path, stdin=b"").status == 75
    lines = log.read_text().splitlines()
    assert re.match(r"time=2\S+Z queue_id=q1 sender=a@b verdict=accept policy=", lines[0])
    assert lines[1].partition(" ")[2].startswith('verdict=tempfail error="no message: standard input is empty" policy=')
    path = policy(tmp_path, '[log]\nto = "./no/such/folder"\n')
    done = mailscan("--policy", path)
    assert (done.status, done.out) == (0, b"")
    assert "no/such/folder cannot be written" in done.err
    assert mailscan("--policy", path, "--format", "kv").err == ""
    path = policy(tmp_path, '[log]\nto = "stderr"\nformat = "json"\n')
    assert json.loads(mailscan("--policy", path).err)["verdict"] == "accept"
    assert mailscan("--policy", path, "--format", "kv").err == ""


def test_an_edit_that_the_format_cannot_carry(tmp_path: Path) -> None:
    rule = '[[filter]]\nuse = "spamtrap"\naddresses = ["a@b"]\naction = "reject"\nscope = "recipient"\n'
    path = policy(tmp_path, QUIET + rule)
    failed(mailscan("--policy", path, "--rcpt", "a@b", "--rcpt", "c@d"), "a recipient removed, which --format text")
    done = mailscan("--policy", path, "--rcpt", "a@b,c@d", "--format", "kv")
    assert (done.status, done.out) == (0, b'verdict=accept rcpt_remove="a@b"\n')
    assert mailscan("check", path, "--door", "text").status == 1
    assert mailscan("check", path, "--door", "kv").status == 0
