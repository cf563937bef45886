"""Exim as Debian packages and configures it, on a machine of its own; its clients are another host.

What is changed is what an administrator has to: the names of the domains and where they go (`hubbed_hosts`), a client
that may log in, and what the page docs/mta/exim.md tells, by its own commands.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import re
import smtplib
import time
from collections.abc import Mapping
from pathlib import Path

import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
from conftest import PROJECT
from machines import CLIENT, SERVER, Machine, root
from nameserver import scripted

from mta.site import TIMEOUT, NextHop, Outcome, Site
from mta.visits import Visit

# maildrop is for the row of that name.
PACKAGES = ("exim4-daemon-heavy", "exim4-dev", "gcc", "libc6-dev", "maildrop")
ANSWERS = (
    "exim4-config exim4/dc_eximconfig_configtype select internet site; mail is sent and received directly using SMTP\n"
)
_SETTINGS = {
    "dc_other_hostnames": "local.example",
    "dc_relay_domains": "rcpt.example:callout.example",
    "dc_local_interfaces": "",
}
USERS = ("jane", "joe")
LOGIN = ("jane@login.example", "secret")
# How the outside client is called: by the DNS of the tests (/etc/hosts), and by itself.
CLIENT_NAME, HELO = "client.outside.example", "helo.outside.example"
# exim4_passwd(5), and the example of Debian's configuration without its comment signs.
_PASSWD = (
    LOGIN[0] + ":$6$mailscan$1t03xgBjxEpCK7TaQJxvVZWZs7hsAkdeWnB6ml5Sb6S.O25/jnhWvAY3PXrHM7EyZtBrB9.rYgXZEsxHe2FM.1\n"
)
_PLAIN_SERVER = "/^# plain_server:/,/^#   .endif/s/^# //"
# Debian refuses recipients with odd characters: one column has them.
_MACROS = "AUTH_SERVER_ALLOW_NOTLS_PASSWORDS = true\nCHECK_RCPT_REMOTE_LOCALPARTS = ^never\n"
_HUBBED = ("rcpt.example", "callout.example", "sender.example")
_READY = 30.0


def commands(door: str, split: bool) -> str:
    """The commands of the page for that door, with Debian's split configuration or its one file."""
    page = (PROJECT / "docs" / "mta" / "exim.md").read_text("utf-8")
    section = page.partition(f"### `{door}` on Debian\n")[2].partition("\n### ")[0]
    blocks = re.findall(r"^```sh\n# (split|one file)\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    return str(dict(blocks)["split" if split else "one file"])


def _name(query: dns.message.Message, over_tcp: bool) -> list[bytes]:
    """The DNS of the tests: it knows the outside client, both ways, and nobody else."""
    answer, question = dns.message.make_response(query), query.question[0]
    known = {
        (f"{ipaddress.ip_address(CLIENT).reverse_pointer}.", "PTR"): f"{CLIENT_NAME}.",
        (f"{CLIENT_NAME}.", "A"): CLIENT,
    }
    kind = dns.rdatatype.to_text(question.rdtype)
    if data := known.get((question.name.to_text().lower(), kind)):
        answer.answer.append(dns.rrset.from_text(question.name, 60, "IN", kind, data))
    elif not any(question.name.to_text().lower() == name for name, _ in known):
        answer.set_rcode(dns.rcode.NXDOMAIN)
    return [answer.to_wire()]


class Exim:
    """The DATA ACL."""

    name, kind = "exim", "smtp"
    split = True
    # Of update-exim4.conf.conf.
    settings: Mapping[str, str] = _SETTINGS

    def start(self, site: Site) -> None:
        self.site = site
        self._stack = contextlib.ExitStack()
        self.machine = self._stack.enter_context(Machine(root("bookworm", PACKAGES, ANSWERS)))
        self.files = Path(f"/proc/{self.machine.pid}/root")
        self.machine.share(site.folder)
        site.python, site.within = "/usr/bin/python3", self.machine.inside()
        site.become("well", {"policy.toml": '[log]\nto = "none"\n'})
        self.machine.call("ln", "-s", str(site.command), "/usr/local/bin/mailscan")
        with self.machine.outside():
            self.hop = NextHop(CLIENT)
        self._stack.callback(self.hop.close)
        self.prepare()
        self.install()
        self.wait_for()

    def prepare(self) -> None:
        """Debian's configuration as an administrator would have it, and an Exim that runs."""
        call, write = self.machine.call, self.machine.write
        for user in USERS:
            call("useradd", "-m", "-s", "/bin/sh", user)
        write("/etc/mailname", "local.example\n")
        split = {"dc_use_split_config": "true" if self.split else "false"}
        for name, value in (split | dict(self.settings)).items():
            call("sed", "-i", f"s/^{name}=.*/{name}='{value}'/", "/etc/exim4/update-exim4.conf.conf")
        write("/etc/exim4/hubbed_hosts", "".join(f"{one}: {CLIENT}::{self.hop.port}\n" for one in _HUBBED))
        write("/etc/exim4/local_rcpt_callout", "*@callout.example\n")
        write("/etc/exim4/local_sender_callout", "called@sender.example\ncalleddenied@sender.example\n")
        write("/etc/exim4/passwd", _PASSWD)
        write("/etc/exim4/" + ("conf.d/main/000_localmacros" if self.split else "exim4.conf.localmacros"), _MACROS)
        where = "conf.d/auth/30_exim4-config_examples" if self.split else "exim4.conf.template"
        call("sed", "-i", _PLAIN_SERVER, f"/etc/exim4/{where}")
        write("/etc/resolv.conf", "nameserver 127.0.0.1\n")
        with self.machine.loopback():
            self._stack.enter_context(scripted(_name, 53))

    def install(self) -> None:
        """Run the page's commands, with the tests' policy and timeout."""
        text = commands(self.name, self.split).replace("/etc/mailscan/policy.toml", str(self.site.policy))
        text = text.replace("mailscan mta-config", f"mailscan mta-config --timeout {TIMEOUT}")
        self.machine.call("sh", "-e", octets=text.encode())

    def restart(self) -> None:
        """Exim reads its files when it starts."""
        self.machine.call("service", "exim4", "restart")
        self.wait_for()

    def wait_for(self) -> None:
        """Until it answers, and is quiet."""
        end = time.monotonic() + _READY
        while time.monotonic() < end:
            try:
                self.client().quit()
                break
            except OSError:
                time.sleep(0.1)
        else:
            raise AssertionError("Exim does not answer: " + self.log()[-2000:])
        self.daemons: set[int] = set()
        while len(now := self.processes()) > 2 and time.monotonic() < end:
            time.sleep(0.1)
        self.daemons = now

    def stop(self) -> None:
        """Stop it: the machine goes, and all that runs there."""
        self._stack.close()

    def client(self, loopback: bool = False) -> smtplib.SMTP:
        """A client's connection, which has said EHLO: the outside host's, or one of the machine's own."""
        with self.machine.loopback() if loopback else self.machine.outside():
            server = smtplib.SMTP("127.0.0.1" if loopback else SERVER, 25, HELO, timeout=90)
        server.ehlo()
        return server

    def submit(self, sender: str, recipients: list[str], octets: bytes, local: bool = False) -> tuple[int, str]:
        """See `Row`; local mail is an ordinary user's."""
        if local:
            words = ["runuser", "-u", "joe", "--", "sendmail", "-bm", "-oi", "-oee", "-f", sender or "<>", "--"]
            done = self.machine.call(*words, *recipients, octets=octets, check=False)
            return done.returncode or 250, done.stderr.decode("utf-8", "replace")
        return self.transaction(self.client(), sender, recipients, octets)

    def transaction(self, server: smtplib.SMTP, sender: str, recipients: list[str], octets: bytes) -> tuple[int, str]:
        """Hand in a mail whose lines end with LF; the answer to it."""
        try:
            code, text = server.docmd("MAIL", f"FROM:<{sender}> BODY=8BITMIME")
            assert code == 250, (sender, text)
            for one in recipients:
                code, text = server.docmd("RCPT", f"TO:<{one}>")
                assert code == 250, (one, text)
            code, text = server.data(octets.replace(b"\n", b"\r\n"))
            with contextlib.suppress(smtplib.SMTPException):  # after a panic Exim says no farewell
                server.quit()
            return code, text.decode("utf-8", "replace")
        finally:
            server.close()

    def visit(self, visit: Visit) -> tuple[int, str]:
        """Hand in a mail as that client."""
        if visit.client == "local":
            return self.submit(visit.sender, list(visit.recipients), visit.octets, local=True)
        server = self.client(visit.client == "loopback")
        if visit.client == "login":
            server.login(*LOGIN)
        return self.transaction(server, visit.sender, list(visit.recipients), visit.octets)

    def told(self, client: str) -> tuple[str, str, str, str]:
        """What mailscan is to be told of that client: address, name, HELO, user."""
        if client == "local":
            # Exim has the name of who called it where others have that of who logged in.
            return "", "", "", "joe"
        if client == "loopback":
            return "127.0.0.1", "", HELO, ""
        return CLIENT, CLIENT_NAME, HELO, LOGIN[0] if client == "login" else ""

    def outcome(self, seconds: float = 20) -> Outcome:
        end = time.monotonic() + seconds
        # Who hands a mail on to a process that starts just then may end before it was looked at, and that one may not
        # be in the list yet: all have ended when none is seen in three looks, one after the other.
        quiet = 0
        while quiet < 3 and time.monotonic() < end:
            quiet = 0 if self.processes() - self.daemons else quiet + 1
            time.sleep(0.05)
        result = self.hop.outcome("joe@sender.example", self.queued, 0)
        # What is deferred would be tried again in the next test, and hints would hold that up.
        for folder in ("input", "msglog", "db", "scan"):
            for one in (self.files / "var/spool/exim4" / folder).rglob("*"):
                if one.is_file():
                    one.unlink()
        return result

    def queued(self) -> int:
        return len(list((self.files / "var/spool/exim4/input").rglob("*-H")))

    def processes(self) -> set[int]:
        """What runs on the machine, by its numbers here, beyond what keeps it."""
        ours = os.readlink(f"/proc/{self.machine.pid}/ns/pid")
        found = set()
        for one in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                # Nobody there waits for orphans: those that ended stay as they are.
                ended = (one / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
                if not ended and os.readlink(one / "ns/pid") == ours:
                    found.add(int(one.name))
        return found

    def log(self) -> str:
        return "".join(one.read_text(errors="replace") for one in sorted((self.files / "var/log/exim4").glob("*log")))

    def mailboxes(self) -> dict[str, bytes]:
        """What was delivered to users of the machine; then they are empty."""
        found = {}
        for one in (self.files / "var/mail").iterdir():
            found[one.name] = one.read_bytes()
            one.unlink()
        return found


class EximPipe(Exim):
    """A router and a pipe transport, through `mailscan deliver`."""

    name, kind = "exim-pipe", "queue"


class EximLocalScan(Exim):
    """The plug-in, compiled by the printed command."""

    name = "exim-local-scan"
