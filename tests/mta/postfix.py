"""Postfix as Debian packages and configures it, on a machine of its own; its clients are another host.

What is changed is what an administrator has to: the names of host and domain, the next hop, and what the page in
docs/mta tells.
"""

from __future__ import annotations

import contextlib
import re
import shlex
import smtplib
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from conftest import PROJECT
from machines import CLIENT, SERVER, Machine, root

from mta.site import TIMEOUT, NextHop, Outcome, Site
from mta.ways import FACTS, HELO, Fate, Way

# All doors behind Postfix in one root. Debian's Postfix takes procmail for mailbox_command where it is installed.
PACKAGES = ("postfix", "dovecot-lmtpd", "dovecot-sieve", "procmail", "maildrop")
ANSWERS = "postfix postfix/main_mailer_type select Internet Site\npostfix postfix/mailname string rcpt.example\n"
USERS = ("jane", "joe")
PASSWORD = "of the tests"
_MAIN = (
    "myhostname = mx.rcpt.example",
    "myorigin = rcpt.example",
    "maillog_file = /var/log/postfix.log",
    "minimal_backoff_time = 300s",
)
# The tests send 20 MB, and a local part with a `%`, which Debian's settings let in from networks of one's own only.
_GATEWAY = (
    "mydestination = $myhostname, localhost",
    "relay_domains = rcpt.example",
    "relay_transport = smtp:[{hop}]:{port}",
    "default_transport = smtp:[{hop}]:{port}",
    "message_size_limit = 30000000",
    "allow_percent_hack = no",
    "allow_untrusted_routing = yes",
)
_VERIFIED = (
    "smtpd_sender_restrictions = reject_unverified_sender",
    "smtpd_recipient_restrictions = reject_unverified_recipient",
    "address_verify_map =",
)
_SASL = ("smtpd_sasl_auth_enable = yes", "smtpd_sasl_type = dovecot", "smtpd_sasl_path = private/auth")
# Dovecot's page for Postfix has this; users and passwords are Debian's own (PAM).
_AUTH = """
service auth {
  unix_listener /var/spool/postfix/private/auth {
    mode = 0660
    user = postfix
    group = postfix
  }
}
"""
_READY = 20.0


def commands(page: str, title: str = "## Install") -> str:
    """The commands of the page's first sh block below that title."""
    text = (PROJECT / "docs" / "mta" / f"{page}.md").read_text("utf-8").partition(title)[2]
    found = re.search(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert found, (page, title)
    return found[1]


def page_check(page: str, server: str) -> str:
    """The command that the page has for another host, with the tests' names."""
    text = commands(page, "## Check")
    assert "mx.example.com" in text
    return (
        text.replace("mx.example.com", server).replace("example.com", "rcpt.example").replace("you@rcpt", "jane@rcpt")
    )


def starter() -> str:
    """The starter policy, with our domain in its rule about spamtraps."""
    text = (PROJECT / "mailscan" / "starter.toml").read_text("utf-8")
    return '[log]\nto = "none"\n' + text.replace('domains = ["example.com"]', 'domains = ["rcpt.example"]')


class Postfix:
    """The snippet `postfix`, by the commands of its page, and a next hop for all that it sends, bounces too."""

    name = "postfix"
    kind = "queue"
    main: tuple[str, ...] = _GATEWAY
    last_sender = "joe@sender.example"
    tells = frozenset(FACTS)
    whole = True

    def start(self, site: Site) -> None:
        """Start it, with the snippet installed as it is printed."""
        self.site = site
        self.options = f"--policy {site.policy} --timeout {TIMEOUT}"
        self._stack = contextlib.ExitStack()
        self.machine = self._stack.enter_context(Machine(root("bookworm", PACKAGES, ANSWERS)))
        self.root = Path(f"/proc/{self.machine.pid}/root")
        self.machine.share(site.folder)
        site.python, site.within = "/usr/bin/python3", self.machine.inside()
        site.become("well", {"policy.toml": '[log]\nto = "none"\n'})
        self.inside("ln", "-s", str(site.command), "/usr/local/bin/mailscan")
        with self.machine.outside():
            self.hop = NextHop(CLIENT)
        self._stack.callback(self.hop.close)
        for user in USERS:
            self.inside("useradd", "-m", "-s", "/bin/sh", user)
        self.inside("chpasswd", input="".join(f"{user}:{PASSWORD}\n" for user in USERS).encode())
        self.set(*_MAIN, *(line.format(hop=CLIENT, port=self.hop.port) for line in self.main))
        self.inside("newaliases")
        self.inside("/etc/init.d/postfix", "start")
        self.configure()
        self.wait_for(25)

    def configure(self) -> None:
        """Do what the page says."""
        self.install("postfix")

    def install(self, page: str) -> None:
        """Run the page's commands for installing it, with the tests' policy and timeout."""
        self.inside("sh", "-e", input=commands(page).replace("mta-config", f"mta-config {self.options}").encode())

    def set(self, *settings: str) -> None:
        """Have them in main.cf."""
        self.inside("postconf", "-e", *settings)

    def reload(self) -> None:
        """Have other settings obeyed at once."""
        self.inside("postfix", "reload")
        self.wait_for(25)

    def inside(self, *words: str, input: bytes = b"", check: bool = True) -> subprocess.CompletedProcess[bytes]:
        """Run a command where Postfix is installed."""
        done = self.machine.call(*words, octets=input, check=False)
        assert not check or done.returncode == 0, (shlex.join(words), done.stdout, done.stderr)
        return done

    def log(self) -> str:
        """What Postfix said so far."""
        return self.machine.read("/var/log/postfix.log")

    def wait_for(self, port: int) -> None:
        """Until it answers."""
        end = time.monotonic() + _READY
        while time.monotonic() < end:
            try:
                with self.machine.loopback():
                    smtplib.SMTP("127.0.0.1", port, HELO, timeout=10).quit()
                return
            except OSError:
                time.sleep(0.1)
        raise AssertionError("Postfix does not answer: " + self.log()[-2000:])

    def stop(self) -> None:
        """Stop it: the machine goes, and all that runs there."""
        self._stack.close()

    def client(self, loopback: bool = False, helo: str = HELO) -> smtplib.SMTP:
        """A client's connection, which has said EHLO: the outside host's, or one of the machine's own."""
        with self.machine.loopback() if loopback else self.machine.outside():
            server = smtplib.SMTP("127.0.0.1" if loopback else SERVER, 25, helo, timeout=60)
        server.ehlo()
        return server

    def submit(self, sender: str, recipients: list[str], octets: bytes, local: bool = False) -> tuple[int, str]:
        """See `Row`; local mail is an ordinary user's."""
        if local:
            words = ("runuser", "-u", USERS[0], "--", "sendmail", "-i", "-f", sender, "--", *recipients)
            done = self.inside(*words, input=octets, check=False)
            return done.returncode, (done.stdout + done.stderr).decode("utf-8", "replace")
        with self.client() as server:
            return transaction(server, sender, recipients, octets)

    def open(self) -> None:
        """See `Door`."""
        self.machine.write("/etc/dovecot/conf.d/98-postfix.conf", _AUTH)
        self.inside("sh", "-c", "doveadm reload 2> /dev/null || exec /etc/init.d/dovecot start > /dev/null 2>&1")
        self.set(*_SASL)
        self.reload()

    def verify(self, on: bool) -> None:
        """See `Door`."""
        if on:
            self.set(*_VERIFIED)
        else:
            self.inside("postconf", "-X", *(line.partition(" =")[0] for line in _VERIFIED))
        self.reload()

    def send(self, way: Way, sender: str, recipients: tuple[str, ...], octets: bytes) -> tuple[int, str]:
        """See `Door`."""
        if way.local:
            return self.submit(sender, list(recipients), octets, local=True)
        with self.client(way.loopback) as server:
            if way.user:
                server.login(way.user, PASSWORD)
            return transaction(server, sender, list(recipients), octets)

    def fates(self, sender: str, recipients: tuple[str, ...]) -> dict[str, Fate]:
        """See `Door`."""
        self.last_sender = sender
        found = self.outcome()
        assert not found.bounces and not found.deferred, (found, self.log()[-2000:])
        return {
            one: Fate(
                "marked" if b"\nX-Mailscan-Verdict: reject 5.7.1 " in b"\n" + mail.octets else "delivered", mail.octets
            )
            for mail in found.delivered
            for one in mail.recipients
        }

    def queued(self) -> int:
        """How many mails lie in the queue; those that are being tried make it another number each time."""
        queue = self.root / "var/spool/postfix"
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

    def wait(self, done: Callable[[], bool] = lambda: True, seconds: float = 30) -> None:
        """Until nothing is under way, and `done`."""
        end = time.monotonic() + seconds
        while (self.queued() >= 10_000 or not done()) and time.monotonic() < end:
            time.sleep(0.1)


def transaction(server: smtplib.SMTP, sender: str, recipients: list[str], octets: bytes) -> tuple[int, str]:
    """Hand in a mail whose lines end with LF; the first answer that is no yes, or the last one."""
    code, text = server.mail(sender, ["BODY=8BITMIME"])
    for recipient in recipients:
        if code == 250:
            code, text = server.rcpt(recipient)
    if code == 250:
        code, text = server.data(octets.replace(b"\n", b"\r\n"))
    return code, text.decode("utf-8", "replace")
