"""The configuration that a mailer needs to call mailscan, kept as text in mailscan/mta/: what `mta-config` prints.

A snippet is a head of comments for people, and then files, each below a line `# --- FILE: PATH MODE what for ---`.
The tests of the real mailers install these texts unchanged.
"""

from __future__ import annotations

import os
import re

from mailscan.errors import MailscanError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_FOLDER = os.path.join(os.path.dirname(__file__), "mta")
_FILE = re.compile(r"^# --- FILE: (\S+) ([0-7]{4}) (.*) ---\n", re.MULTILINE)
# What stands in a mailer's configuration with no quoting, whichever mailer it is.
_PLAIN = re.compile(r"/[A-Za-z0-9/._+-]*")


class Door:
    """One way to be called: `title` for a list, `timeout` in seconds, the `most` that is below the mailer's own limit,
    whether it needs the resident daemon, and whom mailscan runs as there: the first of `users` that is on the machine.
    """

    __slots__ = ("title", "timeout", "most", "daemon", "users")

    def __init__(
        self, title: str, timeout: int = 50, most: int = 0, daemon: bool = False, users: tuple[str, ...] = ()
    ) -> None:
        self.title = title
        self.timeout = timeout
        self.most = most or timeout
        self.daemon = daemon
        self.users = users


# Debian's, Red Hat's, FreeBSD's.
_EXIM = ("Debian-exim", "exim", "mailnull")

DOORS: Mapping[str, Door] = {
    "exim": Door("Exim, a process for each message in the DATA ACL", users=_EXIM),
    "exim-pipe": Door("Exim, a pipe transport after the queue, through `mailscan deliver`", 240, users=("mailscan",)),
    "exim-local-scan": Door("Exim, a small C plug-in for local_scan", 240, users=_EXIM),
    "exim-daemon": Door("Exim, ${readsocket} in the DATA ACL", daemon=True),
    "exim-spamd": Door("Exim, its `spam` condition", daemon=True),
    "postfix": Door("Postfix, a content filter by pipe(8), through `mailscan deliver`", 240, 800, users=("mailscan",)),
    "postfix-milter": Door("Postfix, as a milter", daemon=True),
    "sendmail": Door("Sendmail, as a milter", daemon=True),
    "procmail": Door("procmail, a recipe", 50, 900),
    "maildrop": Door("maildrop, in its filter file", 50, 240),
    "sieve": Door("Dovecot's Sieve, a script before the users' own, by `filter` of sieve_extprograms", 50, 270),
    "qmail": Door("qmail, a line in .qmail"),
    "mutt": Door("mutt, keys that judge and show the message at hand"),
}


class Snippet:
    """What is printed for one door: `text` whole, and its files as (path, mode, octets to install)."""

    __slots__ = ("text", "files")

    def __init__(self, text: str) -> None:
        self.text = text
        pieces = _FILE.split(text)[1:]
        self.files = [(pieces[at], int(pieces[at + 1], 8), pieces[at + 3]) for at in range(0, len(pieces), 4)]


def snippet(name: str, command: str, policy: str | None = None, timeout: float | None = None) -> Snippet:
    """The configuration for the door `name`.

    `command` is the path of mailscan, `policy` that of a policy file (None: where mailscan looks by itself), `timeout`
    in seconds (None: the door's own). Raises `MailscanError` for a door that there is not, and for a path that would
    need quoting.
    """
    door = DOORS.get(name)
    if door is None:
        raise MailscanError(f'there is no snippet "{name}"; there are {", ".join(DOORS)}')
    if door.daemon:
        raise MailscanError(f"{name} ({door.title}) needs the resident daemon, which this version does not have yet")
    for what, path in (("--command", command), ("--policy", policy)):
        if path is not None and not _PLAIN.fullmatch(path):
            raise MailscanError(
                f"{what}: in a mailer's configuration only an absolute path of letters, digits and / . _ + - is safe, "
                f"not {path}"
            )
    if timeout is not None and not 1 <= timeout <= door.most:
        raise MailscanError(f"--timeout: below the mailer's own limit are 1 to {door.most} seconds, not {timeout:g}")
    with open(os.path.join(_FOLDER, f"{name}.txt"), encoding="utf-8") as file:
        text = file.read()
    for placeholder, value in (
        ("@MAILSCAN@", command),
        ("@POLICY@", f" --policy {policy}" if policy else ""),
        ("@TIMEOUT@", f"{door.timeout if timeout is None else timeout:g}"),
    ):
        text = text.replace(placeholder, value)
    return Snippet(text)
