"""The row `procmail`: the rc file of the snippet, called as a mailer's pipe calls it, once for each recipient."""

from __future__ import annotations

import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from mta.site import Delivery, Outcome, Site


class Mailbox:
    """A delivery agent with a command line: its exit status is the answer, and a Maildir what it delivered."""

    name = ""
    kind = "mailbox"

    def start(self, site: Site) -> None:
        self.site = site
        self.home = site.folder / "home"
        self.home.mkdir(mode=0o755)
        self.install()
        self._sent: list[tuple[str, str, Path]] = []

    def stop(self) -> None:
        """There is no server."""

    def install(self) -> None:
        """Put the snippet where it belongs."""
        raise NotImplementedError

    def command(self, home: Path, sender: str, recipient: str) -> list[str]:
        """What the mailer runs for one recipient with that home."""
        raise NotImplementedError

    def submit(self, sender: str, recipients: list[str], octets: bytes, local: bool = False) -> tuple[int, str]:
        def deliver(number: int) -> tuple[int, str]:
            home = self.home / str(number)
            shutil.rmtree(home, ignore_errors=True)
            for folder in ("cur", "new", "tmp"):
                (home / "Maildir" / folder).mkdir(parents=True)
            self._sent.append((sender, recipients[number], home))
            words = self.command(home, sender, recipients[number])
            done = subprocess.run(words, input=octets, capture_output=True, check=False, timeout=60, cwd=self.home)
            return done.returncode, (done.stdout + done.stderr).decode("utf-8", "replace")

        with ThreadPoolExecutor(3) as pool:
            answers = list(pool.map(deliver, range(len(recipients))))
        return max(answers)

    def outcome(self, seconds: float = 20) -> Outcome:
        sent, self._sent = self._sent, []
        found = [
            Delivery(sender, (recipient,), path.read_bytes())
            for sender, recipient, home in sent
            for path in sorted((home / "Maildir").rglob("*"))
            if path.parent.name in ("new", "cur") and path.is_file()
        ]
        return Outcome(found, [], 0)


class Procmail(Mailbox):
    """procmail -t -m RC SENDER RECIPIENT."""

    name = "procmail"

    def install(self) -> None:
        self.rc = self.site.folder / "procmailrc"
        self.rc.write_bytes(self.site.snippet("procmail", 1))

    def command(self, home: Path, sender: str, recipient: str) -> list[str]:
        return ["procmail", "-t", "-m", f"HOME={home}", str(self.rc), sender, recipient]
