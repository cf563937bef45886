"""`python -m verdicts`: a digest of every verdict on the cases and the corpora, to compare one Python with another.

A line for each set of mail: its name, how many were judged, and a digest of all that was said of them, findings and
their places too. `--each` prints a line for each mail instead. Without the program 7z and the
system's libarchive, which are not everywhere, or not the same.
"""

from __future__ import annotations

import base64
import hashlib
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from conftest import CORPORA
from test_cases import CASES, EXAMPLES
from test_corpora import Command, messages

from mailscan.cases import Case, folders
from mailscan.filters.attachments import GROUPS
from mailscan.policy import starter_text
from mailscan.unpack import clibarchive, program

SETS = ("spamassassin", "phishing", "mips", "mime")
# Before what the starter policy refuses, everything is to be said, however busy the machine is.
_POLICY = f"""
[[filter]]
use = "ambiguity"
action = "tag"
timeout = 300
[[filter]]
use = "attachments"
name = "inside"
refuse = {json.dumps([*GROUPS])}
max_seconds = 100
timeout = 300
action = "tag"
[log]
to = "none"
"""


def of_cases(path: Path) -> Iterator[tuple[str, str]]:
    """(the case's folder, what is said) of each case below."""
    for folder in folders(str(path)):
        yield str(Path(folder).relative_to(path)), json.dumps(Case(folder).judge())


def of_mails(mails: Iterator[tuple[str | int, bytes]], policy: str) -> Iterator[tuple[str, str]]:
    """(its id, what is said) of each mail."""
    command = Command()
    for identity, raw in mails:
        status, out, _ = command(raw, "--policy", policy, "--timeout", "300", "--format", "json")
        said = json.loads(out)
        for rule in said["rules"]:
            del rule["ms"]
        yield str(identity), json.dumps([status, said])


def attachments() -> Iterator[tuple[str | int, bytes]]:
    """Each file that others made to test openers, as the attachment of a mail."""
    for path in sorted((CORPORA / "attach").rglob("*")):
        if path.is_file():
            fields = (
                f'Content-Type: application/octet-stream; name="{path.name}"\nContent-Transfer-Encoding: base64\n\n'
            )
            yield str(path.relative_to(CORPORA)), fields.encode() + base64.encodebytes(path.read_bytes())


def everything(policy: str) -> Iterator[tuple[str, Iterator[tuple[str, str]]]]:
    """The name of each set, and what is said of its mails."""
    yield "cases", of_cases(CASES)
    yield "examples", of_cases(EXAMPLES / "cases")
    if CORPORA.is_dir():
        for name in SETS:
            yield name, of_mails(messages(CORPORA, name), policy)
        yield "attachments", of_mails(attachments(), policy)


def main() -> None:
    """Print the digests, or with `--each` all that they are made of."""
    program.PROGRAMS = ()
    clibarchive._system_or_bundled = clibarchive.bundled
    each = "--each" in sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="mailscan-") as folder:
        policy = Path(folder) / "policy.toml"
        patient = starter_text().replace(
            '\nuse = "attachments"', '\nmax_seconds = 100\ntimeout = 300\nuse = "attachments"', 1
        )
        policy.write_text(_POLICY + patient, encoding="utf-8")
        for name, rows in everything(str(policy)):
            digest, count = hashlib.sha256(), 0
            for identity, said in rows:
                digest.update(f"{identity} {said}\n".encode())
                count += 1
                if each:
                    print(name, identity, said)
            if not each:
                print(f"{name} {count} {digest.hexdigest()}", flush=True)


if __name__ == "__main__":
    main()
