"""Postfix as Debian packages it, unpacked into folders that only its own mount namespace sees as /usr and /etc.

Nothing of it is installed on this machine: in the namespace, /usr and /etc are overlays, and its queue lies on a tmpfs.
"""

from __future__ import annotations

import os
import shlex
import shutil
import smtplib
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from conftest import needs, unavailable
from daemons import free_port

from mta.site import NextHop, Outcome, Site

# Where judged mail comes back to, by the snippet.
JUDGED = 10026
_USERS = """
postfix:x:940:940::/var/spool/postfix:/usr/sbin/nologin
mailscan:x:942:942::/nonexistent:/usr/sbin/nologin
"""
_GROUPS = "\npostfix:x:940:\npostdrop:x:941:\nmailscan:x:942:\n"
_MAIN = """
compatibility_level = 3.6
queue_directory = /var/spool/mailscan-postfix
data_directory = /var/spool/mailscan-postfix-data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
meta_directory = /etc/postfix
mail_owner = postfix
setgid_group = postdrop
myhostname = mx.rcpt.example
mydomain = rcpt.example
mydestination =
# 192.0.2.0/24: clients that a test plays by XCLIENT.
mynetworks = 127.0.0.0/8 192.0.2.0/24
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
local_recipient_maps =
alias_maps =
alias_database =
default_transport = smtp:[127.0.0.1]:{hop}
relay_transport = smtp:[127.0.0.1]:{hop}
smtp_host_lookup = native
smtpd_authorized_xclient_hosts = 127.0.0.1
disable_dns_lookups = yes
smtputf8_enable = yes
message_size_limit = 30000000
maillog_file = {log}
maillog_file_prefixes = {folder}
minimal_backoff_time = 300s
"""
# The servers of Debian's master.cf that a test needs, with no chroot and our own port.
_MASTER = """
127.0.0.1:{port} inet n - n - - smtpd
pickup    unix  n       -       n       1       1       pickup
cleanup   unix  n       -       n       -       0       cleanup
qmgr      unix  n       -       n       1       1       qmgr
rewrite   unix  -       -       n       -       -       trivial-rewrite
bounce    unix  -       -       n       -       0       bounce
defer     unix  -       -       n       -       0       bounce
trace     unix  -       -       n       -       0       bounce
flush     unix  n       -       n       1000?   0       flush
proxymap  unix  -       -       n       -       -       proxymap
smtp      unix  -       -       n       -       -       smtp
showq     unix  n       -       n       -       -       showq
error     unix  -       -       n       -       -       error
retry     unix  -       -       n       -       -       error
anvil     unix  -       -       n       -       1       anvil
postlog   unix-dgram n  -       n       -       1       postlogd
"""
_MOUNT = """
set -e
mount --make-rprivate /
layer() {{ mount -t overlay overlay -o lowerdir="$1",upperdir={own}/$2,workdir={own}/$2.work "$3"; }}
layer {unpacked}/usr:/usr usr /usr
layer {unpacked}/etc:/etc etc /etc
# A Python of root's own, as pyenv makes one, is to be had by the user mailscan too.
layer /root root /root
chmod 711 /root
mount -t tmpfs -o size={room} tmpfs {own}/spool
mount --bind {own}/spool /var/spool
echo ready
exec sleep 100000
"""


def unpacked() -> Path:
    """The folder with Debian's postfix in it: fetched once."""
    needs("root", "mounts of its own")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or tempfile.gettempdir()) / "mailscan-tests" / "postfix"
    if (cache / "usr/lib/postfix/sbin/master").exists():
        return cache
    try:
        cache.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache.parent) as name:
            fetched, folder = Path(name), Path(name) / "root"
            subprocess.run(["apt-get", "download", "-q", "postfix"], cwd=fetched, check=True, capture_output=True)
            for package in fetched.glob("postfix_*.deb"):
                subprocess.run(["dpkg", "-x", str(package), str(folder)], check=True)
            if not cache.exists():
                folder.rename(cache)
    except (OSError, subprocess.CalledProcessError) as error:
        words = f"Postfix is not to be had: {error} {getattr(error, 'stderr', '')!r}"
        unavailable(words)
    return cache


class Postfix:
    """The snippet `postfix`, and a next hop for all that it sends, bounces too."""

    name = "postfix"
    kind = "queue"
    room = "200m"

    def start(self, site: Site) -> None:
        """Start it, with the snippet installed as it is printed."""
        package = unpacked()
        with socket.socket() as judged:
            # Postfix would share the port with another one, and half of the mail would go there.
            assert judged.connect_ex(("127.0.0.1", JUDGED)) != 0, f"somebody listens on 127.0.0.1:{JUDGED} already"
        self.site = site
        self.hop = NextHop()
        self.port = free_port()
        self.own = Path(tempfile.mkdtemp(prefix="mailscan-postfix-"))
        self.own.chmod(0o755)
        self.log = self.own / "log"
        for layer in ("usr", "etc", "root", "spool"):
            (self.own / layer).mkdir()
            (self.own / f"{layer}.work").mkdir()
        script = _MOUNT.format(own=self.own, unpacked=package, room=self.room)
        self.keeper = subprocess.Popen(["unshare", "-m", "sh", "-c", script], stdout=subprocess.PIPE)
        assert self.keeper.stdout is not None
        assert self.keeper.stdout.readline() == b"ready\n", "no mount namespace"
        self.root = Path(f"/proc/{self.keeper.pid}/root")
        self.configure()
        self.inside("postfix", "check")
        self.inside("postfix", "start")
        self.wait_for(self.port)

    def configure(self) -> None:
        """Write what Debian's package would set up, and the snippet's files."""
        etc = self.root / "etc"
        for file, lines in (("passwd", _USERS), ("group", _GROUPS)):
            (etc / file).write_text((etc / file).read_text().rstrip("\n") + lines)
        facts = {"hop": self.hop.port, "log": self.log, "folder": self.own, "port": self.port}
        (etc / "postfix" / "main.cf").write_text(_MAIN.format(**facts))
        (etc / "postfix" / "master.cf").write_text(_MASTER.format(**facts))
        shutil.copy(self.root / "usr/share/postfix/dynamicmaps.cf", etc / "postfix")
        guard = etc / "postfix" / "mailscan.sh"
        guard.write_bytes(self.site.snippet("postfix", 1))
        guard.chmod(0o755)
        for number, file in ((2, "master.cf"), (3, "main.cf")):
            with open(etc / "postfix" / file, "ab") as out:
                out.write(self.site.snippet("postfix", number))
        self.inside(
            "sh",
            "-c",
            "mkdir -p -m 755 /var/spool/mailscan-postfix && install -d -o postfix /var/spool/mailscan-postfix-data",
        )
        self.inside("postfix", "set-permissions", check=False)

    def inside(self, *words: str, input: bytes = b"", check: bool = True) -> subprocess.CompletedProcess[bytes]:
        """Run a command where Postfix is installed."""
        command = ["nsenter", f"--mount=/proc/{self.keeper.pid}/ns/mnt", "--wd=/", *words]
        environ = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}
        done = subprocess.run(command, input=input, capture_output=True, check=False, env=environ)
        assert not check or done.returncode == 0, (shlex.join(words), done.stdout, done.stderr)
        return done

    def wait_for(self, port: int) -> None:
        """Until it answers."""
        end = time.monotonic() + 20
        while time.monotonic() < end:
            try:
                smtplib.SMTP("127.0.0.1", port, "client.example", timeout=10).quit()
                return
            except OSError:
                time.sleep(0.1)
        raise AssertionError("Postfix does not answer: " + self.log.read_text("utf-8", "replace")[-2000:])

    def stop(self) -> None:
        """Stop it, and have the namespace go."""
        if not hasattr(self, "keeper"):
            return  # what it needs was not there
        self.inside("postfix", "stop", check=False)
        self.keeper.kill()
        self.keeper.wait()
        self.hop.close()
        shutil.rmtree(self.own, ignore_errors=True)

    def submit(self, sender: str, recipients: list[str], octets: bytes, local: bool = False) -> tuple[int, str]:
        """See `Row`."""
        if local:
            done = self.inside("sendmail", "-i", "-f", sender, "--", *recipients, input=octets)
            return done.returncode, (done.stdout + done.stderr).decode("utf-8", "replace")
        with smtplib.SMTP("127.0.0.1", self.port, "client.example", timeout=60) as server:
            server.ehlo()
            code, text = server.mail(sender, ["BODY=8BITMIME"])
            for recipient in recipients:
                if code == 250:
                    code, text = server.rcpt(recipient)
            if code == 250:
                code, text = server.data(octets.replace(b"\n", b"\r\n"))
        return code, text.decode("utf-8", "replace")

    def queued(self) -> int:
        """How many mails lie in the queue; those that are being tried make it another number each time."""
        queue = self.root / "var/spool/mailscan-postfix"
        held = {one: sum(1 for file in (queue / one).rglob("*") if file.is_file()) for one in ("deferred", "hold")}
        busy = sum(
            1 for one in ("maildrop", "incoming", "active") for file in (queue / one).rglob("*") if file.is_file()
        )
        self._changes += busy
        return held["deferred"] + held["hold"] + (10_000 + self._changes if busy else 0)

    _changes = 0

    def outcome(self, seconds: float = 30) -> Outcome:
        """See `Row`; the queue is emptied for the next mail."""
        found = self.hop.outcome(self.last_sender, self.queued, seconds)
        self.inside("postsuper", "-d", "ALL", check=False)
        return found

    last_sender = "joe@sender.example"
