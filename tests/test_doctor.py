"""`mailscan doctor`: what is well, what is not, and that it is said so that people and scripts understand it."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest
from asking import serving
from daemons import clamd as real_clamd
from daemons import rspamd as real_rspamd
from daemons import spamd as real_spamd
from faults import faulty
from running import mailscan, policy

QUIET = '[log]\nto = "none"\n'


def rule(use: str, address: str, more: str = "") -> str:
    return f'[[filter]]\nuse = "{use}"\naddress = "{address}"\ntimeout = 20\n{more}\n'


def examined(folder: Path, text: str) -> tuple[int, dict[tuple[str, str], dict[str, Any]]]:
    """(exit status, the checks by rule and by what was asked, without the address) of `doctor --format json`."""
    done = mailscan("doctor", "--policy", policy(folder, text), "--format", "json", stdin=b"")
    assert done.err == ""
    told = json.loads(done.out)
    assert told["schema"] == 1
    assert told["ok"] == (done.status == 0)
    return done.status, {(one["rule"], one["what"].rpartition(": ")[2]): one for one in told["checks"]}


def states(checks: dict[tuple[str, str], dict[str, Any]], rule_name: str) -> dict[str, str]:
    return {what: one["state"] for (rule_of, what), one in checks.items() if rule_of == rule_name}


def test_nothing_is_well_where_nobody_listens(tmp_path: Path) -> None:
    text = QUIET + "".join(rule(use, "127.0.0.1:1") for use in ("spamassassin", "rspamd"))
    text += rule("clamav", "unix:/nowhere/socket", 'action = "reject"')
    status, checks = examined(tmp_path, text)
    assert status == 1
    assert states(checks, "spamassassin") == {"can run here": "ok", "PING": "failed"}
    assert states(checks, "rspamd") == {"can run here": "ok", "/ping": "failed"}
    assert states(checks, "clamav") == {"can run here": "ok", "PING": "failed"}
    assert "Connection refused" in checks["rspamd", "/ping"]["said"]
    assert "/nowhere/socket" in checks["clamav", "PING"]["said"]


def test_who_answers_and_finds_nothing_is_not_well(tmp_path: Path) -> None:
    pong, clean = b"SPAMD/1.5 0 PONG\r\n", b"SPAMD/1.1 0 EX_OK\r\nSpam: False ; 1.0 / 5.0\r\n\r\n"
    letter = b"HTTP/1.1 200 OK\r\nContent-Length: 35\r\n\r\n" + b'{"action": "no action", "score": 0}'
    ping = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\npong"
    old = b"ClamAV 1.4.3/27800/Mon Oct 13 08:30:00 2025\0"
    with (
        serving(pong, clean) as spamd,
        serving(ping, letter) as rspamd,
        serving(b"PONG\0", old, b"stream: OK\0") as clamd,
    ):
        text = QUIET + rule("spamassassin", spamd.address) + rule("rspamd", rspamd.address)
        text += rule("clamav", clamd.address, 'action = "reject"')
        status, checks = examined(tmp_path, text)
    assert status == 1
    assert states(checks, "spamassassin") == {
        "can run here": "ok", "PING": "ok", "GTUBE is found": "failed", "a letter is not": "ok",
    }  # fmt: skip
    assert states(checks, "rspamd") == {
        "can run here": "ok", "/ping": "ok", "GTUBE is rejected": "failed", "a letter is not": "ok",
    }  # fmt: skip
    assert states(checks, "clamav") == {
        "can run here": "ok", "PING": "ok", "signatures": "warning", "EICAR is found": "failed",
        "a letter is not": "ok",
    }  # fmt: skip
    assert "days old" in checks["clamav", "signatures"]["said"]


def test_who_finds_everything_is_not_well(tmp_path: Path) -> None:
    with serving(b"SPAMD/1.5 0 PONG\r\n", b"SPAMD/1.1 0 EX_OK\r\nSpam: True ; 1000.0 / 5.0\r\n\r\n") as spamd:
        status, checks = examined(tmp_path, QUIET + rule("spamassassin", spamd.address))
    assert (status, checks["spamassassin", "a letter is not"]["state"]) == (1, "failed")


def test_one_that_stalls_takes_no_longer_than_the_timeout(tmp_path: Path) -> None:
    with faulty("stalls", b"") as address:
        text = QUIET + f'[[filter]]\nuse = "spamassassin"\naddress = "{address}"\ntimeout = 1\n'
        status, checks = examined(tmp_path, text)
    assert (status, checks["spamassassin", "PING"]["state"]) == (1, "failed")
    assert 900 < checks["spamassassin", "PING"]["ms"] < 1600


def test_a_policy_with_a_mistake(tmp_path: Path) -> None:
    done = mailscan("doctor", "--policy", policy(tmp_path, rule("spamassassin", "nowhere")), stdin=b"")
    assert (done.status, done.out) == (1, b"")
    assert 'address: an address is wanted, "HOST:PORT"' in done.err and done.err.count("\n") == 1
    assert mailscan("doctor", "--format", "xml", stdin=b"").status == 2


def test_the_machine(tmp_path: Path) -> None:
    status, checks = examined(tmp_path, '[log]\nto = "./log"\n[[filter]]\nuse = "attachments"\naction = "reject"\n')
    assert (status, checks["", "libmagic knows a program"]["state"]) == (0, "ok")
    assert checks["", str(tmp_path / "log")]["state"] == "ok"
    assert checks["", "libarchive"]["state"] in ("ok", "warning")
    status, checks = examined(tmp_path, '[log]\nto = "./no/such/folder/log"\n')
    assert (status, checks["", str(tmp_path / "no/such/folder/log")]["state"]) == (1, "failed")


def test_a_log_that_is_a_pipe_or_socket_nobody_reads(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(tmp_path / "socket"))
        status, _ = examined(tmp_path, '[log]\nto = "./socket"\n')
    assert status == 1


def test_a_file_of_the_postmasters_that_cannot_run(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("import no_such_module\ndef check(mail, outside):\n    return None\n")
    status, checks = examined(tmp_path, QUIET + '[[filter]]\nuse = "./mine.py"\n')
    assert (status, checks["mine", "can run here"]["state"]) == (1, "failed")
    assert "no_such_module" in checks["mine", "can run here"]["said"]


def test_what_is_said_cannot_move_a_cursor(tmp_path: Path) -> None:
    with serving(b"\x1b[2J\x1b[31mSPAMD\r\n") as server:
        done = mailscan("doctor", "--policy", policy(tmp_path, QUIET + rule("spamassassin", server.address)), stdin=b"")
    assert done.status == 1 and b"\x1b" not in done.out


@pytest.mark.parametrize("form", ["text", "json"])
def test_the_real_ones_are_well(tmp_path: Path, form: str) -> None:
    with real_spamd() as spamd, real_clamd() as (clamd, path), real_rspamd() as rspamd:
        text = QUIET + rule("spamassassin", spamd, 'user = "nobody"') + rule("rspamd", rspamd)
        text += rule("clamav", clamd, 'action = "reject"') + rule("clamav", path, 'action = "reject"')
        done = mailscan("doctor", "--policy", policy(tmp_path, text), "--format", form, stdin=b"")
    assert done.status == 0, done.out
    if form == "text":
        lines = done.out.decode().splitlines()
        assert lines[-1] == "all 19 are well"
        assert "score 9" in done.out.decode() and "Own.Test.EICAR" in done.out.decode()
    else:
        assert all(one["state"] == "ok" for one in json.loads(done.out)["checks"])
