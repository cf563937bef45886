"""The row `sieve`: Dovecot's LMTP with the snippet, in a mount namespace where /etc/dovecot is the test's own."""

from __future__ import annotations

import hashlib
import shutil
import smtplib
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from daemons import free_port

from mta.site import Delivery, Outcome, Site

DOVECOT = "/usr/sbin/dovecot"
LDA = "/usr/lib/dovecot/dovecot-lda"
# What an administrator has there before the snippet: Debian's files say the same, but for users, places and ports.
_BEFORE = """
base_dir = {own}/run
state_dir = {own}/state
log_path = {own}/log
protocols = lmtp
ssl = no
hostname = mx.rcpt.example
recipient_delimiter =
auth_username_chars =
auth_username_format = %u
mail_location = maildir:~/Maildir
mail_temp_dir = {own}/tmp
sendmail_path = {own}/sendmail
first_valid_uid = 1
passdb {{
  driver = static
  args = nopassword=y
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={own}/home/%Mu allow_all_users=yes
}}
namespace inbox {{
  inbox = yes
  mailbox Junk {{
    auto = create
    special_use = \\Junk
  }}
}}
service lmtp {{
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {port}
  }}
}}
plugin {{
  sieve = ~/.dovecot.sieve
}}
!include conf.d/*.conf
"""
_MOUNT = """
set -e
mount --make-rprivate /
mount --bind {own}/etc /etc/dovecot
# A Python of root's own, as pyenv makes one, is to be had by the users too.
mount -t tmpfs tmpfs {own}/layers
mkdir {own}/layers/upper {own}/layers/work
mount -t overlay overlay -o lowerdir=/root,upperdir={own}/layers/upper,workdir={own}/layers/work /root
chmod 711 /root
sievec /etc/dovecot/mailscan.sieve
echo ready
exec {dovecot} -F
"""
# nobody and nogroup, as Debian has them.
_UID = _GID = 65534


class Dovecot:
    """Dovecot's LMTP, and for `local` its dovecot-lda."""

    name = "sieve"
    kind = "mailbox"

    def start(self, site: Site) -> None:
        """Start it, with the snippet's files installed as they are printed."""
        self.site = site
        self.port = free_port()
        self.own = Path(tempfile.mkdtemp(prefix="mailscan-dovecot-"))
        self.own.chmod(0o755)
        # (the sender, where nobody writes it into the mail; the recipient)
        self._sent: list[tuple[str | None, str]] = []
        self.folders: dict[str, str] = {}
        for folder in ("run", "state", "layers", "home", "tmp", "etc/conf.d", "etc/mailscan"):
            (self.own / folder).mkdir(parents=True)
        (self.own / "tmp").chmod(0o1777)
        shutil.chown(self.own / "home", _UID, _GID)
        self.mailed = self.own / "home" / "mailed"
        (self.own / "sendmail").write_text(f"#!/bin/sh\ncat >> {self.mailed}\n")
        (self.own / "sendmail").chmod(0o755)
        facts = {"own": self.own, "port": self.port, "uid": _UID, "gid": _GID}
        (self.own / "etc/dovecot.conf").write_text(_BEFORE.format(**facts))
        for number, file in ((1, "conf.d/99-mailscan.conf"), (2, "mailscan.sieve"), (3, "mailscan/mailscan")):
            (self.own / "etc" / file).write_bytes(site.snippet("sieve", number))
        (self.own / "etc/mailscan/mailscan").chmod(0o755)
        script = _MOUNT.format(own=self.own, dovecot=DOVECOT)
        self.master = subprocess.Popen(["unshare", "-m", "sh", "-c", script], stdout=subprocess.PIPE)
        assert self.master.stdout is not None
        assert self.master.stdout.readline() == b"ready\n", "no mount namespace, or the script is wrong"
        self._answers()

    def _answers(self) -> None:
        end = time.monotonic() + 20
        while time.monotonic() < end:
            try:
                smtplib.LMTP("127.0.0.1", self.port, timeout=10).quit()
                return
            except OSError:
                time.sleep(0.1)
        raise AssertionError(f"Dovecot does not answer: {self.log()}")

    def log(self) -> str:
        """What Dovecot said so far."""
        return (self.own / "log").read_text("utf-8", "replace")

    def reload(self) -> None:
        """Have other settings obeyed."""
        self.inside("doveadm", "reload")
        end = time.monotonic() + 20
        while b"process_total: 0" not in self.inside("doveadm", "service", "status", "lmtp").stdout:
            assert time.monotonic() < end, self.log()  # those that were idle go by themselves
            time.sleep(0.1)

    def stop(self) -> None:
        """Stop it; its namespace goes with it."""
        self.master.terminate()
        self.master.wait()
        assert self.master.stdout is not None
        self.master.stdout.close()
        shutil.rmtree(self.own, ignore_errors=True)

    def home(self, recipient: str) -> Path:
        """The home of a user, who is called as the recipient, without the quotes of an address."""
        local, _, domain = recipient.rpartition("@")
        if local.startswith('"'):
            local = local[1:-1].replace('\\"', '"').replace("\\\\", "\\")
        return self.own / "home" / hashlib.md5(f"{local}@{domain}".encode()).hexdigest()

    def script(self, recipient: str, text: str) -> None:
        """Give a user a Sieve script of their own."""
        home = self.home(recipient)
        home.mkdir(exist_ok=True)
        (home / ".dovecot.sieve").write_text(text)
        for one in (home, home / ".dovecot.sieve"):
            shutil.chown(one, _UID, _GID)

    def inside(self, *words: str, input: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """Run a command where the snippet is installed."""
        command = ["nsenter", f"--mount=/proc/{self.master.pid}/ns/mnt", "--wd=/", *words]
        return subprocess.run(command, input=input, capture_output=True, check=False, timeout=60)

    def submit(self, sender: str, recipients: list[str], octets: bytes, local: bool = False) -> tuple[int, str]:
        """See `Row`; the worst answer. Many recipients come as Postfix brings them, some at a time, side by side."""
        if local:
            self._sent += [(sender, one) for one in recipients]
            done = [self.inside(LDA, "-d", one, "-f", sender, input=octets) for one in recipients]
            return max((one.returncode, one.stderr.decode("utf-8", "replace")) for one in done)
        some = [recipients[at : at + 25] for at in range(0, len(recipients), 25)]
        with ThreadPoolExecutor(4) as pool:
            return max(max(answers) for answers in pool.map(lambda one: self.transaction(sender, one, octets), some))

    def transaction(self, sender: str, recipients: list[str], octets: bytes) -> list[tuple[int, str]]:
        """Hand in a mail by LMTP; the answers, of which there is one for each recipient once all of them are taken."""
        self._sent += [(None, one) for one in recipients]
        with smtplib.LMTP("127.0.0.1", self.port, "client.example", timeout=60) as server:
            server.ehlo()
            code, text = server.mail(sender, ["BODY=8BITMIME"])
            for recipient in recipients:
                if code == 250:
                    code, text = server.rcpt(recipient)
            if code != 250:
                return [(code, text.decode("utf-8", "replace"))]
            first = server.data(octets.replace(b"\n", b"\r\n"))
            answers = [first] + [server.getreply() for _ in recipients[1:]]
        return [(code, text.decode("utf-8", "replace")) for code, text in answers]

    def outcome(self, seconds: float = 20) -> Outcome:
        """See `Row`. LMTP answers once all is done, so there is nothing to wait for; each home is emptied, and
        `folders` tells where each recipient's mail was.
        """
        sent, self._sent = self._sent, []
        found = []
        for sender, recipient in sent:
            for path in sorted(self.home(recipient).glob("Maildir/**/new/*")):
                octets = path.read_bytes()
                folder = path.parent.parent.name
                found.append(Delivery(_sender(octets) if sender is None else sender, (recipient,), octets))
                self.folders[recipient] = "INBOX" if folder == "Maildir" else folder.lstrip(".")
                path.unlink()
        mailed = [self.mailed.read_bytes()] if self.mailed.exists() else []
        self.mailed.unlink(missing_ok=True)
        return Outcome(found, mailed, 0)


def _sender(octets: bytes) -> str:
    """The sender in Return-Path, which LMTP writes."""
    for line in octets.split(b"\n"):
        if line.startswith(b"Return-Path: <") and line.endswith(b">"):
            return line[14:-1].decode()
    raise AssertionError(f"no Return-Path: {octets[:500]!r}")
