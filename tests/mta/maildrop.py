"""The row `maildrop`: the filter file of the snippet, called as a mailer's pipe calls it, once for each recipient.

And maildrop as Postfix and Exim call it, in the namespaces of their rows: there /etc/maildroprc and the users are the
test's own.
"""

from __future__ import annotations

import re
import shutil
import time
from pathlib import Path

from machines import CLIENT

from mta.exim import Exim
from mta.postfix import Postfix
from mta.procmail import Mailbox
from mta.site import Outcome


class Maildrop(Mailbox):
    """maildrop RC SENDER RECIPIENT MAILDIR."""

    name = "maildrop"

    def install(self) -> None:
        self.rc = self.site.folder / "maildroprc"
        self.rc.write_bytes(self.site.snippet("maildrop", 1))

    def command(self, home: Path, sender: str, recipient: str) -> list[str]:
        return ["maildrop", str(self.rc), sender, recipient, str(home / "Maildir")]


_MAIN = (
    "mydestination = users.example",
    "virtual_mailbox_domains = virtual.example",
    "virtual_transport = maildrop",
    "maildrop_destination_recipient_limit = 1",
    "mailbox_command = /usr/bin/maildrop",
    f"default_transport = smtp:[{CLIENT}]:{{port}}",
)
_USERS = ("jane", "own", "vmail")


class PostfixMaildrop(Postfix):
    """Postfix that delivers by maildrop: by mailbox_command to jane@users.example, whose mail is judged in
    /etc/maildroprc, by .forward to own@users.example, who judges it in ~/.mailfilter, and by pipe(8), as the snippet's
    head has it, to jane@virtual.example. What it bounces goes to the next hop.
    """

    name = "maildrop"
    main = _MAIN

    def configure(self) -> None:
        self.homes = self.site.folder / "homes"
        self.homes.mkdir(mode=0o755)
        self.folders = {
            "jane": self.root / "var/mail",
            "virtual": self.homes / "vmail/virtual.example/jane/new",
            "own": self.homes / "own/Maildir/new",
            "own junk": self.homes / "own/Maildir/.Junk/new",
        }
        head = self.site.snippet("maildrop").decode().replace("/var/vmail/", f"{self.homes}/vmail/")
        service = re.search(r"^# +(maildrop +unix .*)$", head, re.MULTILINE)
        assert service
        # Debian's own service of that name makes way.
        self.inside("postconf", "-MX", "maildrop/unix")
        self.inside("sh", "-c", "cat >> /etc/postfix/master.cf", input=service[1].encode() + b"\n")
        self.inside("userdel", "jane")
        for number, name in enumerate(_USERS, 4240):
            home = str(self.homes / name)
            self.inside("useradd", "-u", str(number), "-g", "nogroup", "-d", home, "-s", "/usr/sbin/nologin", name)
        self.machine.write("/etc/mailscan/maildroprc", self.site.snippet("maildrop", 1).decode())
        self.inside("chown", "vmail", "/etc/mailscan/maildroprc")
        self.empty()
        self.reload()

    def empty(self) -> None:
        """Every mailbox as on the first day."""
        for name in _USERS:
            shutil.rmtree(self.homes / name, ignore_errors=True)
        for one in (self.homes / "own/Maildir", self.folders["virtual"].parent, self.homes / "jane/Maildir"):
            for folder in ("cur", "new", "tmp"):
                (one / folder).mkdir(parents=True)
        (self.root / "var/mail/jane").unlink(missing_ok=True)
        rules = self.homes / "own/.mailfilter"
        rules.write_bytes(self.site.snippet("maildrop", 2))
        rules.chmod(0o600)
        (self.homes / "own/.forward").write_text('"|/usr/bin/maildrop"\n')
        for name in _USERS:
            self.inside("chown", "-R", f"{name}:nogroup", str(self.homes / name))

    def found(self) -> dict[str, bytes]:
        """What lies in which folder; then they are emptied."""
        found = {}
        for name, folder in self.folders.items():
            for one in folder.glob("*"):
                assert name not in found, f"two mails for {name}"
                found[name] = one.read_bytes()
        self.empty()
        return found

    def mail(self, sender: str, recipient: str, octets: bytes) -> tuple[dict[str, bytes], list[bytes], int]:
        """Send one and wait: what was delivered where, what was bounced, and how many are deferred."""
        # His own file is for him alone: what /etc/maildroprc had judged would be judged twice.
        text = b"" if recipient.startswith("own@") else self.site.snippet("maildrop", 1)
        (self.root / "etc/maildroprc").write_bytes(text)
        assert self.submit(sender, [recipient], octets)[0] == 250
        end = time.monotonic() + 20
        while time.monotonic() < end and self.queued() >= 10_000:
            time.sleep(0.1)
        bounces, self.hop.arrived[:] = [one.octets for one in self.hop.arrived], []
        deferred = self.queued()
        self.inside("postsuper", "-d", "ALL", check=False)
        return self.found(), bounces, deferred


class EximMaildrop(Exim):
    """Exim that delivers by maildrop: to jane@users.example by Debian's transport for it (dc_localdelivery), and to
    own@users.example by the line that is usual in a .forward file.
    """

    name = "maildrop"
    settings = {
        "dc_other_hostnames": "users.example",
        "dc_relay_domains": "",
        "dc_local_interfaces": "",
        "dc_localdelivery": "maildrop_pipe",
    }

    def install(self) -> None:
        machine = self.machine
        machine.call("useradd", "-m", "own")
        machine.write("/home/own/.forward", '"|/usr/bin/maildrop"\n')
        machine.write("/home/own/.mailfilter", self.site.snippet("maildrop", 2).decode(), 0o600)
        machine.call("install", "-d", "-o", "own", *(f"/home/own/Maildir/{one}" for one in ("", "cur", "new", "tmp")))
        machine.call("chown", "own", "/home/own/.forward", "/home/own/.mailfilter")
        machine.call("sh", "-c", "update-exim4.conf && service exim4 restart")

    def mail(self, sender: str, user: str, octets: bytes) -> tuple[bytes, Outcome]:
        """Send one and wait: the octets of what was delivered, and the rest of what came of it."""
        self.machine.write("/etc/maildroprc", self.site.snippet("maildrop", 1).decode() if user == "jane" else "")
        assert self.submit(sender, [f"{user}@users.example"], octets)[0] == 250
        outcome = self.outcome()
        files = [one for one in (self.files / "home/own/Maildir").rglob("*") if one.is_file()]
        found = b"".join(one.read_bytes() for one in files) + b"".join(self.mailboxes().values())
        for one in files:
            one.unlink()
        return found, outcome
