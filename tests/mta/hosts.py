"""Debian's Postfix that delivers to its own users by procmail, maildrop or Dovecot's LMTP, as their pages tell."""

from __future__ import annotations

import re
from typing import NamedTuple

from conftest import PROJECT
from machines import CLIENT

from mta.postfix import Postfix, commands
from mta.ways import FACTS, Fate, unfolded

_HOST = (
    "mydestination = $myhostname, rcpt.example, localhost",
    f"default_transport = smtp:[{CLIENT}]:{{port}}",
)
_NAMES = ("jane", "joe", "spamtrap")


class Found(NamedTuple):
    """A mail in a mailbox: whose, in which folder, and its octets."""

    user: str
    folder: str
    octets: bytes


class Host(Postfix):
    """Mail for rcpt.example is delivered here; what is refused, Postfix bounces to the next hop."""

    kind = "mailbox"
    main = _HOST
    whole = False
    users = _NAMES

    def boxes(self) -> list[Found]:
        """What was delivered, and take it away."""
        found = []
        for user in self.users:
            home = self.root / "home" / user
            for path in sorted([*home.glob("Maildir/new/*"), *home.glob("Maildir/.*/new/*")]):
                folder = path.parent.parent.name
                found.append(Found(user, "" if folder == "Maildir" else folder, path.read_bytes()))
                path.unlink()
            box = self.root / "var/mail" / user
            if box.exists() and (octets := box.read_bytes()):
                found += [Found(user, "", b"From " + one) for one in re.split(rb"(?:^|\n\n)From ", octets)[1:]]
                box.write_bytes(b"")
        return found

    def fates(self, sender: str, recipients: tuple[str, ...]) -> dict[str, Fate]:
        """See `Door`."""
        self.wait()
        fates: dict[str, Fate] = {}
        for user, folder, octets in self.boxes():
            one = self.recipient(user, octets)
            assert one not in fates, f"{one} got it twice"
            fates[one] = Fate("marked" if folder else "delivered", octets)
        bounces, self.hop.arrived[:] = list(self.hop.arrived), []
        for bounce in bounces:
            assert bounce.recipients == (sender,) and not bounce.sender, bounce
            for one in re.findall(rb"^Final-Recipient: rfc822; ?(\S+)", bounce.octets, re.MULTILINE):
                fates[one.decode()] = Fate("refused", bounce.octets)
        deferred = self.queued()
        for one in recipients:
            assert one in fates or deferred, (one, fates, self.log()[-2000:])
            fates.setdefault(one, Fate("deferred"))
        self.inside("postsuper", "-d", "ALL", check=False)
        return fates

    def recipient(self, user: str, octets: bytes) -> str:
        """Whose mail lies in that user's mailbox."""
        return f"{user}@rcpt.example"


class ProcmailPipe(Host):
    """procmail's first file, by pipe(8): one user's Maildir for all of that user's addresses."""

    name = "procmail"
    tells = frozenset(FACTS)

    def configure(self) -> None:
        """The page's commands and lines, for jane, to whom all the addresses belong."""
        self.install("procmail")
        page = (PROJECT / "docs/mta/procmail.md").read_text("utf-8")
        blocks = re.findall(r"^```(\w*)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
        master, main = [text for language, text in blocks if not language]
        (line,) = re.findall(r"`(you@example.com procmail:)`", page)
        self.inside("sh", "-c", "cat >> /etc/postfix/master.cf", input=master.replace("YOU", "jane").encode())
        self.inside("sh", "-c", "cat >> /etc/postfix/main.cf", input=main.encode())
        table = "".join(line.replace("you@example.com", f"{name}@rcpt.example") + "\n" for name in self.users)
        self.machine.write("/etc/postfix/transport", table)
        self.inside("postmap", "/etc/postfix/transport")
        self.set("local_recipient_maps =")
        self.inside("runuser", "-u", "jane", "--", "mkdir", "-p", "/home/jane/Maildir")
        self.reload()

    def recipient(self, user: str, octets: bytes) -> str:
        """By what the rules were told, if they were."""
        told = [line.split()[-1] for line in unfolded(octets) if line.startswith(b"X-Facts: ")]
        return told[0].decode() if told else super().recipient(user, octets)


class ProcmailOwn(Host):
    """procmail's second file, in each user's home: Debian's Postfix calls procmail for all of them."""

    name = "procmail-own"
    tells = frozenset(FACTS)

    def configure(self) -> None:
        """The page's commands, as each of the users; and its line for main.cf."""
        self.inside("useradd", "-m", "-s", "/bin/sh", "spamtrap")
        page = (PROJECT / "docs/mta/procmail.md").read_text("utf-8")
        text = commands("procmail", "For your own mail")
        text = text.replace("mta-config", f"mta-config {self.options}")
        for user in self.users:
            self.inside("runuser", "-l", user, "--", "-c", text)
            rc = f"/home/{user}/.procmailrc"
            self.machine.call("sed", "-i", "s/^RCPT=.*/RCPT=$LOGNAME@rcpt.example/", rc)
        (line,) = re.findall(r"`(mailbox_command = .*?)`", page)
        self.set(line)
        self.reload()


class Maildrop(Host):
    """maildrop's first file as /etc/maildroprc, by mailbox_command."""

    name = "maildrop"
    tells = frozenset(FACTS)

    def configure(self) -> None:
        """The page's commands, and its line for main.cf."""
        self.inside("useradd", "-m", "-s", "/usr/sbin/nologin", "spamtrap")
        self.install("maildrop")
        page = (PROJECT / "docs/mta/maildrop.md").read_text("utf-8")
        (line,) = re.findall(r"`(mailbox_command = .*?)`", page)
        self.set(line)
        self.reload()


# What an administrator has before the page: users by their names alone, and Postfix's way to LMTP (Dovecot's manual).
_DOVECOT = """
auth_username_format = %Ln
mail_location = maildir:~/Maildir
namespace inbox {
  mailbox Junk {
    auto = create
  }
}
service lmtp {
  unix_listener /var/spool/postfix/private/dovecot-lmtp {
    mode = 0600
    user = postfix
    group = postfix
  }
}
"""


class Lmtp(Host):
    """Dovecot's LMTP with the page's script. Dovecot tells its programs nothing of the client."""

    name = "sieve"
    tells = frozenset[str]()

    def configure(self) -> None:
        """The page's commands, in a Dovecot that runs."""
        self.inside("useradd", "-m", "-s", "/usr/sbin/nologin", "spamtrap")
        self.machine.write("/etc/dovecot/conf.d/97-local.conf", _DOVECOT)
        self.inside("sh", "-c", "exec /etc/init.d/dovecot start > /dev/null 2>&1")
        lines = [line for line in commands("sieve").splitlines(True) if not line.startswith("apt-get")]
        self.inside("sh", "-e", input="".join(lines).replace("mta-config", f"mta-config {self.options}").encode())
        self.set("mailbox_transport = lmtp:unix:private/dovecot-lmtp")
        self.reload()
