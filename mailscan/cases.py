"""Cases: one message, the rules, and the verdict owed (docs/cases.md): those of this project, and a postmaster's."""

from __future__ import annotations

import difflib
import json
import os
import time
import tomllib

from mailscan.document import document, to_json
from mailscan.envelope import Envelope
from mailscan.errors import MailscanError
from mailscan.mail import Mail
from mailscan.message import Message
from mailscan.outside import Outside
from mailscan.pipeline import scan
from mailscan.policy import build_policy, load_policy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

KEYS = {"why", "spec", "line_ends", "envelope", "filter", "site", "score", "limits"}
SECONDS = 50.0


def find(folder: str) -> list[str]:
    """The folders at or below `folder` that hold a case.toml, sorted. Raises `MailscanError` if there are none."""
    if not os.path.isdir(folder):
        raise MailscanError(f"{folder} is not a directory; a directory with cases is wanted")
    found = sorted(at for at, _, names in os.walk(folder) if "case.toml" in names)
    if not found:
        raise MailscanError(f"{folder}: no case.toml in it or below; a case is a folder with case.toml and message.eml")
    return found


def read(folder: str) -> tuple[dict[str, Any], bytes]:
    """(case.toml, the octets of message.eml) of a case. Raises `MailscanError` saying what is wrong with it."""
    path = os.path.join(folder, "case.toml")
    try:
        with open(path, "rb") as file:
            case = tomllib.load(file)
        with open(os.path.join(folder, "message.eml"), "rb") as file:
            raw = file.read()
    except OSError as error:
        raise MailscanError(f"{error.filename}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise MailscanError(f"{path}: not valid TOML: {error}") from None
    if unknown := sorted(set(case) - KEYS):
        raise MailscanError(f"{path}: unknown key '{unknown[0]}'; known are {', '.join(sorted(KEYS))}")
    why = case.get("why")
    if not isinstance(why, str) or not why.strip():
        raise MailscanError(f"{path}: needs `why`, one sentence that says what the case is for")
    if not raw:
        raise MailscanError(f"{os.path.join(folder, 'message.eml')}: is empty")
    return case, raw


def judge(raw: bytes, case: dict[str, Any], folder: str) -> dict[str, Any]:
    """What `mailscan --format json` says of the message, timings left out. Raises `MailscanError`."""
    path = os.path.join(folder, "case.toml")
    tables: dict[str, object] = {key: case[key] for key in ("filter", "site", "score", "limits") if key in case}
    policy = build_policy(path, b"", tables, os.path.abspath(folder)) if tables else load_policy(None)
    try:
        envelope = Envelope(**case.get("envelope", {}))
    except (TypeError, ValueError) as error:
        raise MailscanError(f"{path}: [envelope]: {error}") from None
    verdict = scan(Mail(envelope, Message(raw)), policy, Outside(time.monotonic() + SECONDS))
    said: dict[str, Any] = json.loads(to_json(document(verdict)))
    for rule in said["rules"]:
        del rule["ms"]
    return said


def run(folder: str, *, bless: bool = False) -> list[str]:
    """What is wrong with a case, in lines of text; none if it holds. Raises `MailscanError` for a case that is broken.

    With `bless`, what comes out is written into expected.json first, and nothing else is.
    """
    case, raw = read(folder)
    as_is = case.get("line_ends") == "as is"
    if not as_is:
        raw = raw.replace(b"\r\n", b"\n")
        if b"\r" in raw:
            return ['message.eml has a lone CR: say line_ends = "as is" in case.toml']
    said = judge(raw, case, folder)
    expected = os.path.join(folder, "expected.json")
    if bless:
        with open(expected, "w", encoding="utf-8") as file:
            file.write(_shown(said) + "\n")
    wrong = []
    if os.path.basename(os.path.abspath(folder)).startswith("pass-") and said["verdict"] != "accept":
        wrong += [f'its name begins with "pass-", and the verdict is {said["verdict"]}']
    wrong += _differs(expected, said)
    if not as_is and not wrong:
        returned = raw.replace(b"\n", b"\r\n")
        if (other := without_carriage_returns(judge(returned, case, folder), returned)) != said:
            wrong += ["with CRLF line ends it comes out differently:", *_difference(said, other, "LF", "CRLF")]
    return wrong


def without_carriage_returns(said: dict[str, Any], raw: bytes) -> dict[str, Any]:
    """The same verdict with every span counted as if each line ended in LF alone."""
    for rule in said["rules"]:
        for finding in rule["findings"]:
            for one in finding["evidence"]:
                for end in ("start", "end"):
                    one[end] -= raw.count(b"\r", 0, one[end])
    return said


def _differs(expected: str, said: dict[str, Any]) -> list[str]:
    try:
        with open(expected, encoding="utf-8") as file:
            owed = json.load(file)
    except FileNotFoundError:
        return [
            "no expected.json: look at what comes out, then --bless",
            *("+" + line for line in _shown(said).split("\n")),
        ]
    except (OSError, ValueError) as error:
        return [f"expected.json cannot be read: {error}"]
    return _difference(owed, said, "expected.json", "what comes out") if owed != said else []


def _difference(one: object, other: object, before: str, after: str) -> list[str]:
    lines = difflib.unified_diff(_shown(one).split("\n"), _shown(other).split("\n"), before, after, "", "", 2, "")
    return list(lines)


def _shown(said: object) -> str:
    return json.dumps(said, indent=1, ensure_ascii=False)
