"""The row `maildrop`: the filter file of the snippet, called as a mailer's pipe calls it, once for each recipient."""

from __future__ import annotations

from pathlib import Path

from mta.procmail import Mailbox


class Maildrop(Mailbox):
    """maildrop RC SENDER RECIPIENT MAILDIR."""

    name = "maildrop"

    def install(self) -> None:
        self.rc = self.site.folder / "maildroprc"
        self.rc.write_bytes(self.site.snippet("maildrop", 1))

    def command(self, home: Path, sender: str, recipient: str) -> list[str]:
        return ["maildrop", str(self.rc), sender, recipient, str(home / "Maildir")]
