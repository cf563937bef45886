"""The modules that `scan` may load under the starter policy: each one is paid for at every message."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from conftest import PROJECT

# What never is among them, with why not: SPEED says what each would add to the start.
NEVER = {"argparse", "asyncio", "click", "dataclasses", "dns", "email", "importlib", "inspect", "json", "logging"}
NEVER |= {"magic", "pathlib", "rich", "socket", "spf", "subprocess", "threading", "tomllib", "typing", "zipfile"}

# Python's own, with what they import themselves; those with an underscore are theirs.
PYTHONS = {"__future__", "collections", "copyreg", "encodings", "enum", "errno", "functools", "itertools", "keyword"}
PYTHONS |= {"operator", "re", "reprlib", "select", "signal", "syslog", "types"}
OURS = {
    "addresses",
    "addressing",
    "cli",
    "envelope",
    "errors",
    "filetype",
    "filters",
    "header",
    "journal",
    "keys",
    "mail",
    "message",
}
OURS |= {"mime", "networks", "oddity", "outgoing", "outside", "parameters", "pipeline", "policy", "record", "render"}
OURS |= {"inside", "rule", "starter", "text", "timer", "trusted", "verdict", "words"}
FILTERS = {"attachments", "match", "spamtrap", "subject"}
COMMAND = {"failed", "options", "scan", "spooled", "streams"}
# With something to decode, and with a client.
WITH_ATTACHMENTS = {"binascii", "bisect", "pybase64", "struct", "unicodedata", "zlib"}
WITH_A_CLIENT = {"ipaddress"}

LETTER = b"From: joe@example.org\nSubject: a letter\n\nHello\n"
ATTACHED = b"""Subject: =?utf-8?q?h=C3=BC?=
Content-Type: multipart/mixed; boundary=x

--x
Content-Type: application/zip; name=a.zip
Content-Transfer-Encoding: base64

UEsFBgAAAAAAAAAAAAAAAAAAAAAAAA==
--x--
"""
PROBE = """
import os, sys
before = set(sys.modules)
from mailscan.cli import run
status = run(sys.argv[1:], 0, 1, 2, os.environ)
os.write(2, " ".join([str(status), *sorted(set(sys.modules) - before)]).encode())
"""


def loaded(message: bytes, *args: str) -> set[str]:
    """The modules beyond those that Python itself starts with."""
    command = [sys.executable, "-c", PROBE, *args]
    environ = {"PATH": os.environ.get("PATH", ""), "PYTHONPATH": str(PROJECT)}
    done = subprocess.run(command, input=message, capture_output=True, env=environ, check=True)
    status, *modules = done.stderr.decode().rpartition("\n")[2].split()
    assert status == "0"
    return set(modules)


def surplus(modules: set[str], allowed: set[str]) -> set[str]:
    ours = {f"mailscan.{name}" for name in OURS} | {f"mailscan.filters.{name}" for name in FILTERS}
    ours |= {"mailscan"} | {f"mailscan.cli.{name}" for name in COMMAND}
    others = {name for name in modules if name.partition(".")[0] not in PYTHONS | allowed and not name.startswith("_")}
    return others - ours


def test_a_letter() -> None:
    assert surplus(loaded(LETTER, "--rcpt", "jane@example.com", "--sender", "joe@example.org"), set()) == set()


@pytest.mark.parametrize("form", ["text", "kv", "message"])
def test_an_attachment_and_a_client(form: str) -> None:
    modules = loaded(ATTACHED, "--client-ip", "192.0.2.1", "--rcpt", "a@b", "--format", form)
    ours = {"mailscan.transfer"} | {
        f"mailscan.unpack{name}"
        for name in ("", ".budget", ".found", ".bynames", ".zips", ".ziplist", ".bounded", ".zippackage")
    }
    ours |= {f"mailscan.filetype.{name}" for name in ("kinds", "programs", "packed", "disks", "extensions", "packages")}
    assert surplus(modules, WITH_ATTACHMENTS | WITH_A_CLIENT) <= ours


def test_what_is_never_loaded() -> None:
    for args in ((), ("--explain",), ("--format", "kv", "--helo", "x", "--queue-id", "y")):
        tops = {name.partition(".")[0] for name in loaded(ATTACHED, *args)}
        assert tops.isdisjoint(NEVER)
    assert "json" in {name.partition(".")[0] for name in loaded(ATTACHED, "--format", "json")}
