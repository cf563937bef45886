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
from mailscan.keys import meant
from mailscan.mail import Mail
from mailscan.message import Message
from mailscan.networks import canonical_ip
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
_FILES = frozenset(("case.toml", "message.eml", "expected.json"))
_ENVELOPE = ("sender", "recipients", "client_ip", "client_name", "helo", "auth_user", "queue_id", "info")


class Case:
    """One case as it stands in `folder`. Raises `MailscanError` for what is missing or wrong in it."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        # What `faults` with `bless` wrote anew, in words; "" if it stood there so already.
        self.written = ""
        path = os.path.join(folder, "case.toml")
        try:
            with open(path, "rb") as file:
                self.given: dict[str, Any] = tomllib.load(file)
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise MailscanError(f"{path}: is not TOML: {error}") from None
        except FileNotFoundError:
            raise MailscanError(f"{path} is missing: it names the rules, and what is known of the mail") from None
        except OSError as error:
            raise MailscanError(f"{path}: {error.strerror}") from None
        _known(path, "", self.given, (*ABOUT, *GIVEN, *POLICY))
        self.why = str(self.given.get("why", "")).strip()
        if not self.why:
            raise MailscanError(f'{path}: why = "…" is missing: one sentence that says what the case is for')
        if self.given.get("line_ends", "as is") != "as is":
            raise MailscanError(f'{path}: line_ends: only "as is" can be said; without it LF and CRLF are both tried')
        self.as_is = "line_ends" in self.given
        _check_outside(path, self.given.get("outside", {}))
        self.envelope = self._envelope(path)
        self.policy = self._policy(path)
        message = os.path.join(folder, "message.eml")
        try:
            with open(message, "rb") as file:
                self.raw = file.read()
        except FileNotFoundError:
            raise MailscanError(f"{message} is missing: the message of the case, as it came") from None
        except OSError as error:
            raise MailscanError(f"{message}: {error.strerror}") from None
        if not self.as_is:
            self.raw = self.raw.replace(b"\r\n", b"\n")
            if b"\r" in self.raw:
                raise MailscanError(f'{message}: a CR alone needs line_ends = "as is" in case.toml')

    def _envelope(self, path: str) -> Envelope:
        given = _table(path, "envelope", self.given.get("envelope", {}))
        _known(path, "[envelope] ", given, _ENVELOPE)
        facts = dict(given)
        recipients, info = facts.pop("recipients", []), facts.pop("info", {})
        recipients = [recipients] if isinstance(recipients, str) else recipients
        if not isinstance(recipients, list) or not all(isinstance(one, str) for one in recipients):
            raise MailscanError(f'{path}: [envelope] recipients: a list of addresses is wanted, as ["joe@example.com"]')
        info = _table(path, "envelope.info", info)
        for key, value in {**facts, **info}.items():
            if not isinstance(value, str):
                raise MailscanError(f"{path}: [envelope] {key}: text is wanted, in quotes")
        if "client_ip" in facts:
            try:
                facts["client_ip"] = canonical_ip(facts["client_ip"])
            except ValueError:
                raise MailscanError(f'{path}: [envelope] client_ip: "{facts["client_ip"]}" is no IP address') from None
        return Envelope(**facts, recipients=recipients, info=info)

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
            self._write(said)
        if self.must_pass and said["verdict"] != "accept":
            yield f"it is called pass-…, and the verdict is {said['verdict']} by {said['rule']}"
        try:
            with open(self.expected_path, encoding="utf-8") as file:
                expected = json.load(file)
        except FileNotFoundError:
            yield f"there is no expected.json; what comes out is {_in_words(said)}"
            yield "  if that is right, run this again with --bless"
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

    def _write(self, said: dict[str, Any]) -> None:
        text = _as_text(said)
        try:
            with open(self.expected_path, encoding="utf-8") as file:
                before = file.read()
        except (OSError, UnicodeDecodeError):
            before = ""
        if before != text:
            # Not through a link, which would have another file overwritten.
            with open(self.expected_path, "w", encoding="utf-8", opener=_without_links) as file:
                file.write(text)
            self.written = _in_words(said)


def _without_links(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW, 0o666)


def folders(path: str) -> list[str]:
    """The folders of all cases at or below `path`, in order. Raises `MailscanError` if there is none."""
    found = sorted(folder for folder, _, files in os.walk(path) if not _FILES.isdisjoint(files))
    if not found:
        raise MailscanError(f"{path}: there is no case in it or below: a folder with message.eml and case.toml")
    return found


def _known(path: str, table: str, given: dict[str, Any], known: tuple[str, ...]) -> None:
    if unknown := [key for key in given if key not in known]:
        raise MailscanError(f"{path}: {table}unknown key '{unknown[0]}'{meant(unknown[0], [*known])}")


def _table(path: str, name: str, value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise MailscanError(f"{path}: {name}: a table is wanted, [{name}]")
    return value


def _check_outside(path: str, given: object) -> None:
    """Raises `MailscanError` for what `Prepared` cannot take."""
    outside = _table(path, "outside", given)
    _known(path, "[outside] ", outside, ("dns", "exchange"))
    for asked, said in _table(path, "outside.dns", outside.get("dns", {})).items():
        if not all(asked.strip().partition(" ")[::2]):
            raise MailscanError(f'{path}: [outside.dns] "{asked}": a name and a type are wanted, as "example.com A"')
        if not isinstance(said, str) and not (isinstance(said, list) and all(isinstance(one, str) for one in said)):
            raise MailscanError(f'{path}: [outside.dns] "{asked}": a list of records is wanted, "nxdomain", or why not')
    for asked, said in _table(path, "outside.exchange", outside.get("exchange", {})).items():
        if not isinstance(said, str):
            raise MailscanError(f'{path}: [outside.exchange] "{asked}": the text of the answer is wanted')


def _without_returns(said: dict[str, Any], raw: bytes) -> dict[str, Any]:
    """The same verdict with every span counted as if each line ended in LF alone."""
    for rule in said["rules"]:
        for finding in rule["findings"]:
            for one in finding["evidence"]:
                for end in ("start", "end"):
                    one[end] -= raw.count(b"\r", 0, one[end])
    return said


def _in_words(said: dict[str, Any]) -> str:
    """A verdict in one line: who decided, what was found, what failed."""
    words = " ".join(filter(None, (said["verdict"], said["code"], said["rule"] and f"by {said['rule']}")))
    for rule in said["rules"]:
        if rule["outcome"] == "error":
            words += f"; {rule['rule']} failed: {rule['why']}"
        elif rule["findings"]:
            codes = dict.fromkeys(finding["code"] for finding in rule["findings"])
            words += f"; {rule['rule']} found {', '.join([*codes][:5])}" + " …" * (len(codes) > 5)
    return words


def _as_text(said: dict[str, Any]) -> str:
    return json.dumps(said, indent=1, ensure_ascii=False) + "\n"


def _difference(one: dict[str, Any], other: dict[str, Any], called: str, other_called: str) -> str:
    lines = list(
        difflib.unified_diff(
            _as_text(one).splitlines(), _as_text(other).splitlines(), called, other_called, lineterm="", n=2
        )
    )
    return "\n".join(lines[:_MOST_LINES] + (["…"] if len(lines) > _MOST_LINES else []))
