"""`mailscan audit`: the same rows however the work is divided, nothing lost and nothing twice whatever stops it."""

from __future__ import annotations

import json
import lzma
import os
import signal
import subprocess
import tarfile
import time
from pathlib import Path

import pytest
from running import ENVIRON, START, mailscan, policy

from mailscan.audit import workers
from mailscan.audit.rows import TIMINGS, read_rows, when
from mailscan.audit.run import run
from mailscan.audit.settings import read_policy, settings
from mailscan.audit.work import Done
from mailscan.audit.workers import LocalWorkers
from mailscan.mailboxes import tasks

FROM = "From joe@example.org Sat Feb 24 10:21:37 1996\n"
MOST = 10**8


def letter(number: int, size: int = 300) -> str:
    subject = "ADV: buy" if number % 7 == 0 else f"letter {number}"
    return f"From: joe@example.org\nMessage-ID: <{number}@example.org>\nSubject: {subject}\n\n{'x' * size}\n"


def mbox(folder: Path, count: int, size: int = 300) -> Path:
    path = folder / "a.mbox"
    path.write_text("".join(f"{FROM}{letter(n, size)}\n" for n in range(count)))
    return path


def rows(path: Path, jobs: int, policy_path: str | None = None) -> list[dict[str, object]]:
    chosen = settings([read_policy(policy_path)])
    with LocalWorkers(chosen, jobs) as processes:
        found = [row for _, done in run([str(path)], processes, MOST) for row in done.rows()]
    return [{name: value for name, value in row.items() if name not in TIMINGS} for row in found]


def saved(path: Path) -> list[dict[str, object]]:
    return [{name: value for name, value in row.items() if name not in TIMINGS} for row in read_rows(str(path))]


def test_rows_do_not_depend_on_how_the_work_is_divided(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = mbox(tmp_path, 200)
    whole = rows(path, 1)
    assert [row["message_id"] for row in whole] == [f"<{n}@example.org>" for n in range(200)]
    assert [row["verdict"] for row in whole[:8]] == ["reject", *["accept"] * 6, "reject"]
    for octets in (100, 379, 1000, 5000):
        monkeypatch.setattr(tasks, "TASK_OCTETS", octets)
        monkeypatch.setattr(tasks, "SMALL", 0)
        assert rows(path, 2) == whole, octets


def test_a_content_length_reaches_over_the_ranges(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """mboxcl2: a mail that quotes a whole mbox is one mail, also for a worker that sees only the quotation."""
    quoted = "".join(f"{FROM}{letter(n)}\n" for n in range(1, 20))
    body = f"See:\n\n{quoted}"
    outer = f"{FROM}Message-ID: <outer@example.org>\nContent-Length: {len(body)}\n\n{body}\n"
    path = tmp_path / "a.mbox"
    path.write_text(outer + f"{FROM}{letter(30)}\n" + outer + f"{FROM}{letter(31)}\n")
    whole = rows(path, 1)
    names = ["<outer@example.org>", "<30@example.org>", "<outer@example.org>", "<31@example.org>"]
    assert [row["message_id"] for row in whole] == names
    monkeypatch.setattr(tasks, "SMALL", 0)
    for octets in (100, 700, 3000):
        monkeypatch.setattr(tasks, "TASK_OCTETS", octets)
        assert rows(path, 2) == whole, octets


def _dies_once(task: tasks.Task, careful: bool = False) -> Done:
    """As `work_here`, by a process that dies at the first range it reads, and at the first that it reads again."""
    assert isinstance(task, tasks.Range)
    again = bool(task.start and task.begin is not None)
    try:
        os.close(os.open(f"{task.path}.died-{again}", os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return WORK_HERE(task, careful)
    os._exit(1)


WORK_HERE = workers.work_here


def test_a_worker_that_dies_costs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.mbox"
    monkeypatch.setattr(tasks, "SMALL", 0)
    monkeypatch.setattr(tasks, "TASK_OCTETS", 4000)
    monkeypatch.setattr(workers, "work_here", _dies_once)
    quoted = f"{FROM}Message-ID: <outer@example.org>\nContent-Length: %d\n\n%s\n"
    inner = "".join(f"{FROM}{letter(n)}\n" for n in range(40))
    path.write_text(quoted % (len(inner), inner) + f"{FROM}{letter(41)}\n")
    assert [row["message_id"] for row in rows(path, 2)] == ["<outer@example.org>", "<41@example.org>"]
    assert {one.name for one in tmp_path.iterdir()} >= {"a.mbox.died-False", "a.mbox.died-True"}


@pytest.mark.parametrize(
    "progress", ["", "[]", "null", "{}", '{"version": 1}', '{"version": 99}', '{"version": 1, "about": []}', "\x00"]
)
def test_progress_that_no_run_wrote(tmp_path: Path, progress: str) -> None:
    path, out = mbox(tmp_path, 3), tmp_path / "x.jsonl"
    Path(f"{out}.partial").write_text("")
    Path(f"{out}.progress").write_text(progress)
    done = mailscan("audit", "--out", str(out), "--resume", str(path), stdin=b"")
    assert done.status == 1
    assert done.err == f"mailscan: {out}.progress: is not what this version writes; remove it to begin anew\n"


def test_maildir_tar_and_xz_give_the_same_mails(tmp_path: Path) -> None:
    path = mbox(tmp_path, 50)
    (tmp_path / "md" / "cur").mkdir(parents=True)
    for n in range(50):
        (tmp_path / "md" / "cur" / f"{n:03}:2,S").write_text(letter(n))
    (tmp_path / "md" / "tmp").mkdir()
    (tmp_path / "md" / "tmp" / "half").write_text(letter(99))
    (tmp_path / "md" / "dovecot.index").write_bytes(b"\1\2")
    with tarfile.open(tmp_path / "md.tar", "w") as tar:
        for n in range(50):
            tar.add(tmp_path / "md" / "cur" / f"{n:03}:2,S", f"cur/{n:03}")
    packed = tmp_path / "a.xz"
    packed.write_bytes(lzma.compress(path.read_bytes()))
    keep = ("message_id", "subject", "verdict", "rule", "rules")
    wanted = [[row[name] for name in keep] for row in rows(path, 1)]
    for other in (tmp_path / "md", tmp_path / "md.tar", packed):
        assert [[row[name] for name in keep] for row in rows(other, 2)] == wanted, other


def test_what_is_damaged_is_said_and_the_rest_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "all"
    folder.mkdir()
    for n in range(20):
        (folder / f"{n:02}.eml").write_text(letter(n))
    octets = lzma.compress(("".join(f"{FROM}{letter(n)}\n" for n in range(3000))).encode() + os.urandom(3000))
    (folder / "cut.mbox.xz").write_bytes(octets[: len(octets) - 2000])
    (folder / "empty.eml").write_bytes(b"")
    (folder / "large.eml").write_text(letter(1, 20_000))
    os.mkfifo(folder / "pipe.eml")
    (folder / "gone.eml").symlink_to("nowhere")
    chosen = policy(tmp_path, '[limits]\nmessage_size = 10000\n[log]\nto = "none"\n')
    done = mailscan("audit", "--policy", chosen, "--out", str(tmp_path / "x.jsonl"), str(folder), stdin=b"")
    assert done.status == 1
    for words in ("cut.mbox.xz: cannot be read beyond octet", "large.eml: the message at octet 0 has 20", "is no file"):
        assert words in done.err, done.err
    assert "gone.eml: No such file" in done.err
    assert b"files without an octet: 1" in done.out
    assert len(saved(tmp_path / "x.jsonl")) >= 20 + 2900
    fine = mailscan("audit", str(folder / "01.eml"), stdin=b"")
    assert (fine.status, fine.err) == (0, "")


def test_killed_and_gone_on_with_gives_every_row_once(tmp_path: Path) -> None:
    """In the ranges of a large mbox, at any moment; test_audit_killed.py does it at each step, for every format."""
    path = mbox(tmp_path, 24000)
    out = tmp_path / "x.jsonl"
    command = [*START, "audit", "--jobs", "1", "--out", str(out), str(path)]
    process = subprocess.Popen(command, env=ENVIRON, stdout=subprocess.DEVNULL)
    progress = Path(f"{out}.progress")
    end = time.monotonic() + 30
    while not progress.exists() and process.poll() is None and time.monotonic() < end:
        time.sleep(0.01)
    assert process.poll() is None, "it was over before it could be killed: the mbox is too small for this machine"
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not out.exists()
    assert progress.stat().st_mode & 0o077 == 0  # it has subjects
    some = json.loads(progress.read_text())["totals"]["tally"]["messages"]
    assert 0 < some < 24000
    with open(f"{out}.partial", "ab") as file:
        file.write(b'{"source": "half a row')
    refused = mailscan("audit", "--out", str(out), str(path), stdin=b"")
    assert refused.status == 1 and f"--resume goes on; remove {progress} to begin anew" in refused.err
    other = mailscan("audit", "--out", str(out), "--resume", "--sender", "x@y.example", str(path), stdin=b"")
    assert other.status == 1 and "options changed" in other.err
    page = tmp_path.with_name(f"{tmp_path.name}.html")
    going_on = ("--out", str(out), "--resume", "--jobs", "2", "--html", str(page))
    done = mailscan("audit", *going_on, str(path), stdin=b"")
    assert done.status == 0, done.err
    assert "24,000 mails" in page.read_text()  # those from before the pause too
    assert b"24,000 messages" in done.out
    assert sorted(tmp_path.iterdir()) == [path, out]
    assert saved(out) == rows(path, 2)


@pytest.mark.needs("mounts")
def test_a_full_disk_is_said_and_gone_on_from(tmp_path: Path) -> None:
    path = mbox(tmp_path, 3000)
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", small], check=True)
    try:
        out = small / "x.jsonl"
        full = mailscan("audit", "--out", str(out), str(path), stdin=b"")
        assert full.status == 1
        assert "cannot be written: No space left on device; --resume goes on" in full.err
        subprocess.run(["mount", "-o", "remount,size=30m", small], check=True)
        done = mailscan("audit", "--out", str(out), "--resume", str(path), stdin=b"")
        assert done.status == 0, done.err
        assert saved(out) == rows(path, 2)
    finally:
        subprocess.run(["umount", "-l", small], check=True)


def test_a_pipe_that_closes_is_said(tmp_path: Path) -> None:
    path = mbox(tmp_path, 3000)
    command = [*START, "audit", "--out", "-", str(path)]
    process = subprocess.Popen(command, env=ENVIRON, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None and process.stderr is not None
    assert json.loads(process.stdout.readline())["message_id"] == "<0@example.org>"
    process.stdout.close()
    said = process.stderr.read().decode()
    process.stderr.close()
    assert process.wait(30) == 1
    assert "Broken pipe" in said and said.count("\n") == 1, said


def test_what_is_empty_was_read_and_is_no_sample(tmp_path: Path) -> None:
    """An audit says whether everything was read; a backtest whether a policy is safe, which nothing says."""
    folder = tmp_path / "empty"
    folder.mkdir()
    (tmp_path / "empty.mbox").write_bytes(b"")
    chosen = policy(tmp_path, "")
    for path in (folder, tmp_path / "empty.mbox"):
        done = mailscan("audit", str(path), stdin=b"")
        assert (done.status, done.err) == (0, "mailscan: no message was found\n")
        compared = mailscan("backtest", chosen, "--against", chosen, str(path), stdin=b"")
        assert compared.status == 1 and compared.err.count("\n") == 1 and "no message was read" in compared.err
    gone = mailscan("audit", str(tmp_path / "gone"), stdin=b"")
    assert gone.status == 1 and "no message was found" not in gone.err


def test_rules_that_ask_the_network_are_left_out_and_named(tmp_path: Path) -> None:
    text = '[[filter]]\nuse = "dnsbl"\nzones = { "zone.example" = 3.0 }\n[score]\nreject = 5\n'
    chosen = policy(tmp_path, text)
    done = mailscan("audit", "--policy", chosen, str(mbox(tmp_path, 3)), stdin=b"")
    assert b"left out, since they ask the network: dnsbl" in done.out, done.out + done.err.encode()


def test_the_archive_is_believed_about_the_envelope_unless_options_say_another(tmp_path: Path) -> None:
    text = (
        "Return-Path: <joe@example.org>\nDelivered-To: jane@example.com\n"
        "Received: from inside ([192.168.1.1]) by us\nReceived: from them (them [198.51.100.7]) by us ([203.0.113.1])\n"
        "X-Envelope-From: forged@example.net\nSubject: x\n\n"
    )
    path = tmp_path / "a.eml"
    path.write_text(text)
    (row,) = rows(path, 1)
    found = row["sender"], row["recipients"], row["client_ip"]
    assert found == ("joe@example.org", ["jane@example.com"], "198.51.100.7")
    out = tmp_path / "x.jsonl"
    options = ("--sender", "", "--rcpt", "spamtrap@example.com", "--client-ip", "192.0.2.9")
    assert mailscan("audit", *options, "--out", str(out), str(path), stdin=b"").status == 0
    (row,) = saved(out)
    found = row["sender"], row["recipients"], row["client_ip"]
    assert found == ("", ["spamtrap@example.com"], "192.0.2.9")
    assert row["verdict"] == "reject"


def test_the_dialects_are_told_apart(tmp_path: Path) -> None:
    for words, lines in {
        "mboxrd": ">>From you\n>From me\n",
        "mboxo or mboxrd": ">From me\n",
    }.items():
        path = tmp_path / "b.mbox"
        path.write_text(f"{FROM}Subject: x\n\n{lines}\n" * 3)
        done = mailscan("audit", str(path), stdin=b"")
        assert f"{words}: 1 file, 3 messages".encode() in done.out, done.out


def test_real_list_mail_has_as_many_messages_as_it_has(corpora: Path, tmp_path: Path) -> None:
    out = tmp_path / "x.jsonl"
    done = mailscan("audit", "--out", str(out), str(corpora / "mbox" / "linux-mips-early.mbox.xz"), stdin=b"")
    assert done.status == 0, done.err
    assert b"26,569 messages" in done.out
    offsets = [row["offset"] for row in saved(out)]
    assert len(offsets) == 26_569 and offsets == sorted(set(offsets), key=lambda one: int(str(one)))


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (b"Thu, 22 Aug 2002 18:57:35 +0200", "2002-08-22T16:57:35Z"),
        (b"Thu, 22 Aug 102 18:57:35 +0200", "2002-08-22T16:57:35Z"),
        (b"Thu, 22 Aug 0102 18:57:35 +0200", "2002-08-22T16:57:35Z"),
        (b"22 Aug 02 18:57 GMT", "2002-08-22T18:57:00Z"),
        (b"22 Aug 97 18:57:00 EST", "1997-08-22T23:57:00Z"),
        (b"yesterday", None),
    ],
)
def test_dates_of_any_age(written: bytes, read: str | None) -> None:
    """RFC 5322 3.3 and 4.3: years of two digits, and of three, which count from 1900."""
    assert when(written) == read
