"""Cases: a message, the rules, and the verdict owed, as data (docs/cases.md). `mailscan test` runs a postmaster's own.

A case is a folder with `case.toml`, `message.eml` and `expected.json`. It is judged twice, with LF and with CRLF line
ends, and both must say the same, spans counted without the CRs.
"""

from __future__ import annotations

import difflib
import json
import os
import time
import tomllib

from mailscan.document import document, to_json
from mailscan.envelope import Envelope
from mailscan.errors import MailscanError, PolicyError
from mailscan.mail import Mail
from mailscan.message import Message
from mailscan.pipeline import scan
from mailscan.policy import build_policy, load_policy
from mailscan.recording import Prepared

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from mailscan.policy import Policy

# Of case.toml: about the case itself, about the mail, and tables of a policy.
ABOUT = ("why", "spec", "line_ends")
GIVEN = ("envelope", "outside")
POLICY = ("filter", "site", "score", "limits")
SECONDS = 50.0
_MOST_LINES = 60
_ENVELOPE = ("sender", "recipients", "client_ip", "client_name", "helo", "auth_user", "queue_id", "info")


class Case:
    """One case as it stands in `folder`. Raises `MailscanError` for what is missing or wrong in it."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        path = os.path.join(folder, "case.toml")
        try:
            with open(path, "rb") as file:
                self.given: dict[str, Any] = tomllib.load(file)
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise MailscanError(f"{path}: is not TOML: {error}") from None
        except OSError as error:
            raise MailscanError(f"{path}: {error.strerror}") from None
        if unknown := sorted(set(self.given) - {*ABOUT, *GIVEN, *POLICY}):
            known = ", ".join((*ABOUT, *GIVEN, *POLICY))
            raise MailscanError(f"{path}: unknown key '{unknown[0]}'; known are {known}")
        self.why = str(self.given.get("why", "")).strip()
        if not self.why:
            raise MailscanError(f'{path}: why = "…" is missing: one sentence that says what the case is for')
        self.as_is = self.given.get("line_ends") == "as is"
        self.envelope = self._envelope(path)
        self.policy = self._policy(path)
        message = os.path.join(folder, "message.eml")
        try:
            with open(message, "rb") as file:
                self.raw = file.read()
        except OSError as error:
            raise MailscanError(f"{message}: {error.strerror}") from None
        if not self.as_is:
            self.raw = self.raw.replace(b"\r\n", b"\n")
            if b"\r" in self.raw:
                raise MailscanError(f'{message}: a CR alone needs line_ends = "as is" in case.toml')

    def _envelope(self, path: str) -> Envelope:
        given = self.given.get("envelope", {})
        if not isinstance(given, dict) or not set(given) <= set(_ENVELOPE):
            raise MailscanError(f"{path}: [envelope] takes {', '.join(_ENVELOPE)}")
        recipients = given.get("recipients", [])
        return Envelope(**{**given, "recipients": [recipients] if isinstance(recipients, str) else recipients})

    def _policy(self, path: str) -> Policy:
        tables: dict[str, object] = {key: self.given[key] for key in POLICY if key in self.given}
        try:
            return build_policy(path, b"", tables, os.path.abspath(self.folder)) if tables else load_policy(None)
        except PolicyError as error:
            raise MailscanError(str(error)) from None

    @property
    def must_pass(self) -> bool:
        """Whether the case is about mail that must go through: its name begins with `pass-`."""
        return os.path.basename(os.path.abspath(self.folder)).startswith("pass-")

    @property
    def expected_path(self) -> str:
        """Where the verdict owed stands."""
        return os.path.join(self.folder, "expected.json")

    def judge(self, raw: bytes | None = None) -> dict[str, Any]:
        """What `mailscan --format json` says of the message, timings left out; `raw` with other line ends.

        Raises `MailscanError` if a rule asks outside what `[outside]` has no answer to.
        """
        raw = self.raw if raw is None else raw
        outside = Prepared(time.monotonic() + SECONDS, self.given.get("outside", {}))
        verdict = scan(Mail(self.envelope, Message(raw)), self.policy, outside)
        if outside.unprepared:
            raise MailscanError(f"{self.folder}: [outside] has no answer to {' '.join(outside.unprepared[0])[:200]}")
        said: dict[str, Any] = json.loads(to_json(document(verdict)))
        for rule in said["rules"]:
            del rule["ms"]
        return said

    def faults(self, *, bless: bool = False) -> Iterator[str]:
        """What is not as it should be, each in words or as a diff; nothing if all is.

        With `bless`, what comes out now is written to expected.json first. Raises `MailscanError`.
        """
        said = self.judge()
        if bless:
            with open(self.expected_path, "w", encoding="utf-8") as file:
                file.write(_as_text(said))
        if self.must_pass and said["verdict"] != "accept":
            yield f"it is called pass-…, and the verdict is {said['verdict']} by {said['rule']}"
        try:
            with open(self.expected_path, encoding="utf-8") as file:
                expected = json.load(file)
        except FileNotFoundError:
            yield "there is no expected.json: look at what comes out, then run this again with --bless"
            return
        except (OSError, ValueError) as error:
            yield f"expected.json cannot be read: {error}"
            return
        if said != expected:
            yield _difference(expected, said, "expected.json", "now")
        if not self.as_is:
            returns = self.raw.replace(b"\n", b"\r\n")
            other = _without_returns(self.judge(returns), returns)
            if other != said:
                yield _difference(said, other, "with LF", "with CRLF")


def folders(path: str) -> list[str]:
    """The folders of all cases at or below `path`, in order. Raises `MailscanError` if there is none."""
    found = sorted(folder for folder, _, files in os.walk(path) if "case.toml" in files)
    if not found:
        raise MailscanError(f"{path}: there is no case.toml in it or below")
    return found


def _without_returns(said: dict[str, Any], raw: bytes) -> dict[str, Any]:
    """The same verdict with every span counted as if each line ended in LF alone."""
    for rule in said["rules"]:
        for finding in rule["findings"]:
            for one in finding["evidence"]:
                for end in ("start", "end"):
                    one[end] -= raw.count(b"\r", 0, one[end])
    return said


def _as_text(said: dict[str, Any]) -> str:
    return json.dumps(said, indent=1, ensure_ascii=False) + "\n"


def _difference(one: dict[str, Any], other: dict[str, Any], called: str, other_called: str) -> str:
    lines = list(
        difflib.unified_diff(
            _as_text(one).splitlines(), _as_text(other).splitlines(), called, other_called, lineterm="", n=2
        )
    )
    return "\n".join(lines[:_MOST_LINES] + (["…"] if len(lines) > _MOST_LINES else []))
