"""Exim of Debian's packages, in a mount namespace of its own: unpacked over /usr and /etc, seen by nobody else."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import smtplib
import subprocess
import sys
import time
from pathlib import Path

from conftest import needs, unavailable
from daemons import free_port

from mta.site import NextHop, Outcome, Site

_PACKAGES = ("exim4-daemon-heavy", "exim4-dev")
_USERS = (("Debian-exim", 4199), ("mailscan", 4198))
# Arguments: unpacked packages, an empty folder for what is written, and where Python is: Exim's users are to reach it
# below /root too. The site's folder lets mounts in (`no_room`).
_MOUNTS = """
set -e
mount -t tmpfs tmpfs "$2"
mkdir "$2/usr" "$2/usr.work" "$2/etc" "$2/etc.work"
mount -t overlay overlay -o "lowerdir=/usr:$1/usr,upperdir=$2/usr,workdir=$2/usr.work" /usr
mount -t overlay overlay -o "lowerdir=/etc,upperdir=$2/etc,workdir=$2/etc.work" /etc
case "$3" in /root/*)
    mkdir "$2/python"
    mount --bind "$3" "$2/python"
    mount -t tmpfs -o mode=755 tmpfs /root
    mkdir -p "$3"
    mount --bind "$2/python" "$3"
esac
echo ready
exec sleep infinity
"""
_CONFIG = """
.include_if_exists /etc/exim4/conf.d/main/00_mailscan
primary_hostname = rcpt.example
daemon_smtp_ports = {port}
local_interfaces = 127.0.0.1
spool_directory = {spool}
log_file_path = {spool}/log/%s
pid_file_path =
keep_environment =
host_lookup =
rfc1413_hosts =
tls_advertise_hosts =
smtp_accept_max = 0
never_users =
timeout_frozen_after = 7d
acl_smtp_rcpt = acl_rcpt
{main}
begin acl
acl_rcpt:
  accept
acl_data:
{acl}
begin routers
{router}
next_hop:
  driver = manualroute
  route_list = * 127.0.0.1
  self = send
  transport = next_hop
begin transports
{transport}
next_hop:
  driver = smtp
  port = {next_port}
begin retry
* * F,2h,15m
"""


def unpacked() -> Path:
    """Debian's Exim and what it needs beyond this machine's packages, in a folder that is kept."""
    needs("root", "mounts of its own", "apt-get")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mailscan-tests" / "exim"
    if (cache / "made").exists():
        return cache
    shutil.rmtree(cache, ignore_errors=True)
    (cache / "archives" / "partial").mkdir(parents=True)
    command = ["apt-get", "install", "-d", "-y", "-qq", "--no-install-recommends", "-o", "Debug::NoLocking=1"]
    command += ["-o", f"Dir::Cache::archives={cache}/archives", *_PACKAGES]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    archives = sorted((cache / "archives").glob("*.deb"))
    if done.returncode or not archives:
        unavailable(f"apt-get cannot fetch {' '.join(_PACKAGES)}: {done.stderr[-300:]}")
    for one in archives:
        subprocess.run(["dpkg", "-x", str(one), str(cache)], check=True)
    (cache / "made").touch()
    return cache


class Exim:
    """The DATA ACL."""

    name, kind = "exim", "smtp"
    snippet = "exim"
    main = "acl_smtp_data = acl_data"
    acl = "  .include /etc/exim4/mailscan.acl"
    router = transport = ""

    def start(self, site: Site) -> None:
        root = unpacked()
        self.site, self.hop, self.port = site, NextHop(), free_port()
        self.spool = site.folder / "spool"
        for folder in (self.spool, self.spool / "log"):
            folder.mkdir()
            os.chown(folder, 4199, 4199)
        written = site.folder / "written"
        written.mkdir()
        # What is mounted below the folder later is to be seen in the namespace too.
        subprocess.run(["mount", "--bind", str(site.folder), str(site.folder)], check=True)
        subprocess.run(["mount", "--make-shared", str(site.folder)], check=True)
        self.holder = subprocess.Popen(
            [
                "unshare",
                "-m",
                "--propagation",
                "slave",
                "sh",
                "-c",
                _MOUNTS,
                "sh",
                str(root),
                str(written),
                sys.base_prefix,
            ],
            stdout=subprocess.PIPE,
        )
        assert self.holder.stdout and self.holder.stdout.readline() == b"ready\n"
        for name, number in _USERS:
            self.write("/etc/passwd", f"{name}:x:{number}:{number}::/:/usr/sbin/nologin\n", append=True)
            self.write("/etc/group", f"{name}:x:{number}:\n", append=True)
        self.install()
        self.configure()
        self.daemon = subprocess.Popen(self.inside("exim4", "-bdf"), stdin=subprocess.DEVNULL)
        end = time.monotonic() + 20
        while time.monotonic() < end:
            try:
                smtplib.SMTP("127.0.0.1", self.port, timeout=5).close()
                return
            except OSError:
                time.sleep(0.05)
        raise AssertionError("Exim does not listen")

    def stop(self) -> None:
        for one in (getattr(self, "daemon", None), getattr(self, "holder", None)):
            if one is not None:
                one.kill()
                one.wait()
        self.hop.close()
        subprocess.run(["umount", "-l", str(self.site.folder)], check=False)

    def inside(self, *words: str) -> list[str]:
        return ["nsenter", f"--mount=/proc/{self.holder.pid}/ns/mnt", "--", *words]

    def call(self, *words: str, octets: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(self.inside(*words), input=octets, capture_output=True, check=False)

    def write(self, path: str, text: str, append: bool = False) -> None:
        where = shlex.quote(path)
        command = f"mkdir -p $(dirname {where}) && cat {'>>' if append else '>'} {where}"
        done = self.call("sh", "-c", command, octets=text.encode())
        assert done.returncode == 0, done.stderr

    def install(self) -> None:
        """Every file of the printed snippet where it says, unchanged."""
        from mailscan.mtaconfig import Snippet

        printed = Snippet(self.site.snippet(self.snippet).decode())
        for number, (path, mode, _) in enumerate(printed.files, 1):
            self.write(path, self.site.snippet(self.snippet, number).decode())
            assert self.call("chmod", f"{mode:o}", path).returncode == 0
        self.compile(printed.text)

    def compile(self, text: str) -> None:
        """The command that the snippet's head names, if it names one."""
        for line in text.splitlines():
            if line.startswith("#     gcc "):
                done = self.call("sh", "-c", line[1:])
                assert done.returncode == 0, done.stderr

    def configure(self) -> None:
        values = {"port": self.port, "next_port": self.hop.port, "spool": self.spool}
        values |= {"main": self.main, "acl": self.acl, "router": self.router, "transport": self.transport}
        self.write("/etc/exim4/exim4.conf", _CONFIG.format(**values))
        done = self.call("exim4", "-bV")
        assert done.returncode == 0, (done.stdout, done.stderr)

    def submit(self, sender: str, recipients: list[str], octets: bytes, local: bool = False) -> tuple[int, str]:
        if local:
            done = self.call("exim4", "-oi", "-oee", "-f", sender or "<>", "--", *recipients, octets=octets)
            return done.returncode or 250, done.stderr.decode("utf-8", "replace")
        server = smtplib.SMTP("127.0.0.1", self.port, timeout=60)
        try:
            server.ehlo("client.example")
            assert server.docmd("MAIL", f"FROM:<{sender}> BODY=8BITMIME")[0] == 250
            for one in recipients:
                code, text = server.docmd("RCPT", f"TO:<{one}>")
                assert code == 250, (one, text)
            code, text = server.data(octets.replace(b"\n", b"\r\n"))
            with contextlib.suppress(smtplib.SMTPException):  # after a panic Exim says no farewell
                server.quit()
            return code, text.decode("utf-8", "replace")
        finally:
            server.close()

    def outcome(self, seconds: float = 20) -> Outcome:
        end = time.monotonic() + seconds
        while self.busy() and time.monotonic() < end:
            time.sleep(0.05)
        result = self.hop.outcome("joe@sender.example", self.queued, 0)
        # What is deferred would be tried again in the next test, and hints would hold that up.
        for folder in ("input", "msglog", "db", "scan"):
            for one in (self.spool / folder).rglob("*"):
                if one.is_file():
                    one.unlink()
        return result

    def queued(self) -> int:
        return len(list((self.spool / "input").rglob("*-H")))

    def busy(self) -> bool:
        """Whether Exim, or what it started, is at work."""
        ours = os.readlink(f"/proc/{self.holder.pid}/ns/mnt")
        for one in Path("/proc").glob("[0-9]*"):
            try:
                if int(one.name) not in (self.holder.pid, self.daemon.pid) and os.readlink(one / "ns/mnt") == ours:
                    return True
            except OSError:
                continue
        return False

    def log(self) -> str:
        return "".join(one.read_text(errors="replace") for one in sorted((self.spool / "log").iterdir()))


class EximPipe(Exim):
    """A router and a pipe transport, through `mailscan deliver`."""

    name, kind, snippet = "exim-pipe", "queue", "exim-pipe"
    main = "trusted_users = MAIN_TRUSTED_USERS"
    acl = "  accept"
    router = ".include /etc/exim4/conf.d/router/050_mailscan"
    transport = ".include /etc/exim4/conf.d/transport/05_mailscan"


class EximLocalScan(Exim):
    """The plug-in, compiled by the printed command."""

    name, snippet = "exim-local-scan", "exim-local-scan"
    main, acl = "", "  accept"
