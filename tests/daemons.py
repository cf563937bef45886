"""Real scanners for the tests: Debian's spamd, clamd and rspamd, on loopback, each with a folder of its own.

A test whose program is absent is skipped, visibly; where $CI is set it fails.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from conftest import PATH, program

from mailscan import specimens

_PATIENCE = 60.0


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextlib.contextmanager
def own_folder() -> Iterator[Path]:
    """A folder that a daemon can reach when it has given up root; pytest's are closed to others."""
    with tempfile.TemporaryDirectory(prefix="mailscan-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@contextlib.contextmanager
def running(command: list[str], folder: Path, port: int) -> Iterator[None]:
    """A daemon in the foreground, from when it listens on to the end of the block; its words are in `folder`/out."""
    with open(folder / "out", "wb") as out:
        environ = {"PATH": PATH, "HOME": str(folder), "LANG": "C", "TMPDIR": str(folder)}
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=environ, cwd=folder)
    try:
        end = time.monotonic() + _PATIENCE
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            if process.poll() is not None or time.monotonic() > end:
                raise AssertionError(
                    f"{command[0]} does not listen:\n" + (folder / "out").read_text("utf-8", "replace")
                )
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextlib.contextmanager
def spamd() -> Iterator[str]:
    """SpamAssassin with the rules of its package and no network; gives its address."""
    with own_folder() as folder:
        command, port = program("spamd"), free_port()
        site = folder / "site"
        site.mkdir()
        for file in Path("/etc/spamassassin").glob("*.pre"):  # what loads its plug-ins
            shutil.copy(file, site)
        words = [command, "--local", "--listen", f"127.0.0.1:{port}", "--syslog", "stderr", "--nouser-config"]
        words += ["--min-children=1", "--max-children=2", f"--pidfile={folder}/pid", f"--helper-home-dir={folder}"]
        words += ["--configpath=/usr/share/spamassassin", f"--siteconfigpath={site}"]
        if os.geteuid() == 0:
            words += ["--username=nobody"]
        with running(words, folder, port):
            yield f"127.0.0.1:{port}"


@contextlib.contextmanager
def clamd() -> Iterator[tuple[str, str]]:
    """ClamAV with two signatures of our own, EICAR and the word `mailscan-own-marker`, and at most 1 MB of message.

    Gives its addresses, TCP and Unix.
    """
    with own_folder() as folder:
        command, port = program("clamd"), free_port()
        signatures = folder / "signatures"
        signatures.mkdir()
        eicar = specimens.eicar()
        digest = hashlib.md5(eicar, usedforsecurity=False).hexdigest()
        (signatures / "own.hdb").write_text(f"{digest}:{len(eicar)}:Own.Test.EICAR\n")
        (signatures / "own.ndb").write_text(f"Own.Test.Marker:0:*:{b'mailscan-own-marker'.hex()}\n")
        path = folder / "socket"
        user = f"User {'root' if os.geteuid() == 0 else os.environ.get('USER', 'nobody')}\n"
        (folder / "clamd.conf").write_text(
            f"Foreground yes\nDatabaseDirectory {signatures}\nLocalSocket {path}\nTCPSocket {port}\nTCPAddr 127.0.0.1\n"
            f"StreamMaxLength 1M\nTemporaryDirectory {folder}\nPidFile {folder}/pid\n" + user
        )
        with running([command, f"--config-file={folder / 'clamd.conf'}"], folder, port):
            yield f"127.0.0.1:{port}", f"unix:{path}"


_RSPAMD = """
options {{
    pidfile = "{folder}/pid"; tempdir = "{folder}"; history_file = "{folder}/history"; hs_cache_dir = "{folder}";
    url_tld = "{folder}/domains"; filters = "";
    dns {{ nameserver = ["127.0.0.1:9"]; timeout = 0.1s; retransmits = 1; }}
}}
logging {{ type = "console"; level = "notice"; }}
metric {{ name = "default"; actions {{ reject = 15; add_header = 6; greylist = 4; }} }}
worker "normal" {{ bind_socket = "127.0.0.1:{port}"; count = 1; }}
lua = "{folder}/rules.lua";
"""
_RULE = """
rspamd_config:register_symbol({
  name = 'OWN_MARKER', score = 7.5,
  callback = function(task)
    if (task:get_header('Subject') or ''):find('own%-marker') then
      local from = task:get_from('smtp')
      return true, 1.0, 'from=' .. (from and from[1].addr or 'nobody'), 'helo=' .. tostring(task:get_helo()),
        'ip=' .. tostring(task:get_from_ip()), 'user=' .. tostring(task:get_user()),
        'rcpts=' .. tostring(#(task:get_recipients('smtp') or {}))
    end
  end })
rspamd_config:register_symbol({
  name = 'OWN_DELAY', score = 0,
  callback = function(task)
    if (task:get_header('Subject') or ''):find('own%-delay') then
      task:set_pre_result('soft reject', 'come again')
      return true
    end
  end })
"""


@contextlib.contextmanager
def rspamd() -> Iterator[str]:
    """rspamd with two rules of our own, and what it has built in; gives its address."""
    with own_folder() as folder:
        command, port = program("rspamd"), free_port()
        (folder / "rspamd.conf").write_text(_RSPAMD.format(folder=folder, port=port))
        (folder / "rules.lua").write_text(_RULE)
        # Of the whole list of public suffixes rspamd makes an automaton first, for 20 s.
        (folder / "domains").write_text("com\nexample\n")
        words = [command, "-f", "-c", str(folder / "rspamd.conf")] + (["-i"] if os.geteuid() == 0 else [])
        with running(words, folder, port):
            yield f"127.0.0.1:{port}"
