"""What a mailer is tested with: an installed mailscan that can be broken, a policy, and a next hop that keeps mail."""

from __future__ import annotations

import contextlib
import os
import shutil
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple, Protocol

from conftest import PROJECT, needs

# The seconds that mailscan is given in the tests; what is "slow" sleeps for longer.
TIMEOUT = 4


class Delivery(NamedTuple):
    """A mail that arrived: its envelope, and its octets with LF."""

    sender: str
    recipients: tuple[str, ...]
    octets: bytes


class Outcome(NamedTuple):
    """What became of a mail once the mailer was quiet: `deferred` are those that it still has."""

    delivered: list[Delivery]
    bounces: list[bytes]
    deferred: int


class Row(Protocol):
    """A mailer with mailscan at one of its doors.

    `kind`: "smtp" answers the client in the dialogue, "queue" judges after it, "mailbox" delivers for one recipient.
    """

    name: str
    kind: str

    def start(self, site: Site) -> None: ...
    def stop(self) -> None: ...
    def submit(self, sender: str, recipients: list[str], octets: bytes, local: bool = False) -> tuple[int, str]:
        """Hand in a mail whose lines end with LF; gives the SMTP code (or exit status) and the text of the answer."""

    def outcome(self, seconds: float = 20) -> Outcome: ...


class Site:
    """A folder that any user can read, with bin/mailscan, policy.toml and tmp/.

    `command` and `policy` are paths that do not change; `become` changes what is there.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.command = folder / "bin" / "mailscan"
        self.policy = folder / "policy.toml"
        self.full = folder / "full"
        self._lib = folder / "lib"
        folder.chmod(0o755)
        for one in (self.command.parent, self._lib, self.full):
            one.mkdir(mode=0o755)
        # With what is compiled, as an installed package: a mailer's user may not write it. Not what is being written.
        ignore = shutil.ignore_patterns("*.pyc.*")
        shutil.copytree(PROJECT / "mailscan", self._lib / "mailscan", ignore=ignore)
        for package in ("click", "pybase64"):
            shutil.copytree(Path(__import__(package).__file__ or "").parent, self._lib / package, ignore=ignore)
        self.become("well", {})

    def snippet(self, name: str, number: int | None = None, timeout: int = TIMEOUT) -> bytes:
        """What `mailscan mta-config` prints for this site, whole or one file of it."""
        words = [sys.executable, "-m", "mailscan", "mta-config", name, "--command", str(self.command)]
        words += ["--policy", str(self.policy), "--timeout", str(timeout)]
        words += [] if number is None else ["--file", str(number)]
        return subprocess.run(words, cwd=PROJECT, check=True, capture_output=True).stdout

    def become(self, state: str, files: dict[str, str]) -> None:
        """Install what a column wants: `files` beside the policy, and the command `well`, `missing`, `cut` to nothing,
        or `half` removed as by an interrupted upgrade, or `full`, with a temporary folder that has no room.
        """
        self.command.unlink(missing_ok=True)
        for stale in self.folder.glob("*.py"):
            stale.unlink()
        for name, text in files.items():
            (self.folder / name).write_text(text, encoding="utf-8")
            (self.folder / name).chmod(0o644)
        cli, away = self._lib / "mailscan" / "cli", self.folder / "cli.away"
        if away.exists():
            away.rename(cli)
        if state == "missing":
            return
        if state == "half":
            cli.rename(away)
        # As pip's own script, but that no other mailscan on this machine can stand in for this one.
        self.command.write_text(
            f"#!{os.path.realpath(sys.executable)} -Es\n"
            "import os, sys\n"
            f"sys.path.insert(0, {str(self._lib)!r})\n"
            + (f"os.environ['TMPDIR'] = {str(self.full)!r}\n" if state == "full" else "")
            + "from mailscan.cli import main\n"
            "if __name__ == '__main__':\n"
            "    sys.exit(main())\n"
        )
        if state == "cut":
            self.command.write_bytes(b"")  # a shell runs that, and it ends with 0
        self.command.chmod(0o755)

    @contextlib.contextmanager
    def no_room(self) -> Iterator[None]:
        """A file system without room at `full`, while the block runs; needs root."""
        needs("mounts")
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k,mode=1777", "tmpfs", str(self.full)], check=True)
        try:
            with contextlib.suppress(OSError), open(self.full / "filler", "wb", buffering=0) as file:
                while file.write(b"x" * 4096):
                    pass
            yield
        finally:
            subprocess.run(["umount", "-l", str(self.full)], check=True)


class NextHop:
    """An SMTP server on loopback that takes all mail and keeps it (RFC 5321, 8BITMIME, SMTPUTF8, SIZE)."""

    def __init__(self) -> None:
        self.arrived: list[Delivery] = []
        arrived = self.arrived

        class Session(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                self.say("220 next.hop ESMTP")
                sender = ""
                recipients: list[str] = []
                while line := self.rfile.readline(100_000).decode("utf-8", "surrogateescape").rstrip("\r\n"):
                    word = line[:4].upper()
                    if word == "EHLO":
                        self.say("250-next.hop\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-SIZE 100000000\r\n250 PIPELINING")
                    elif word == "MAIL":
                        sender, recipients = _path(line), []
                        self.say("250 2.1.0 ok")
                    elif word == "RCPT":
                        recipients.append(_path(line))
                        self.say("250 2.1.5 ok")
                    elif word == "DATA":
                        self.say("354 go on")
                        octets = self.take()
                        arrived.append(Delivery(sender, tuple(recipients), octets))
                        self.say("250 2.0.0 taken")
                    elif word == "QUIT":
                        self.say("221 2.0.0 bye")
                        return
                    else:
                        self.say("250 2.0.0 ok")

            def take(self) -> bytes:
                lines = []
                while (line := self.rfile.readline()) not in (b".\r\n", b""):
                    lines.append(line[1:] if line.startswith(b".") else line)
                return b"".join(lines).replace(b"\r\n", b"\n")

            def say(self, text: str) -> None:
                self.wfile.write(text.encode() + b"\r\n")

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True

        self._server = Server(("127.0.0.1", 0), Session)
        self.port = int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def outcome(self, sender: str, queued: Callable[[], int], seconds: float = 20) -> Outcome:
        """Wait until nothing is under way (`queued` gives what the mailer still has, tried and deferred included,
        and stays the same), and sort what arrived: with the null sender and to `sender` it is a bounce.
        """
        end = time.monotonic() + seconds
        seen = (-1, -1)
        while time.monotonic() < end:
            now = (len(self.arrived), queued())
            if now == seen and (now[0] or now[1]):
                break
            seen = now
            time.sleep(0.3)
        arrived, self.arrived[:] = list(self.arrived), []
        bounces = [one.octets for one in arrived if not one.sender and one.recipients == (sender,) and sender]
        delivered = [one for one in arrived if one.octets not in bounces]
        return Outcome(delivered, bounces, queued())


def _path(line: str) -> str:
    """The address in MAIL FROM:<…> or RCPT TO:<…>, with its quotes; the last `>` outside quotes ends it."""
    inside = line.partition("<")[2]
    quoted = False
    for at, char in enumerate(inside):
        if char == '"' and inside[at - 1 : at] != "\\":
            quoted = not quoted
        elif char == ">" and not quoted:
            return inside[:at]
    return inside
