"""The filters of examples/: what they must leave alone is real mail, and their page tells of all of them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from email.utils import getaddresses, parseaddr
from pathlib import Path

import pytest
from conftest import PROJECT
from test_corpora import of_tar

from mailscan.envelope import Envelope
from mailscan.mail import Mail
from mailscan.message import Message
from mailscan.verdict import Finding

FILES = sorted((PROJECT / "examples").glob("*.py"))
PAGE = PROJECT / "examples" / "README.md"
BLOCK = re.compile(r"(?<=<!-- examples -->\n).*?(?=<!-- end -->)", re.DOTALL)
# The one message of ham with a Date of 2028 is what it says it finds, and it only marks it.
FOUND_IN_HAM = {"far_date.py": 1}


def envelope(message: Message) -> Envelope:
    """What the mailer knew, as far as the message tells."""
    sender = message.headers.get("Return-Path") or message.headers.get("From") or ""
    to = message.headers.get_all("Delivered-To") or message.headers.get_all("To")
    return Envelope(parseaddr(sender)[1], [address for _, address in getaddresses(to) if address])


def load(file: Path) -> dict[str, object]:
    module: dict[str, object] = {}
    exec(compile(file.read_text("utf-8"), str(file), "exec", dont_inherit=True), module)
    return module


def ham(corpora: Path) -> Iterator[Message]:
    for _, raw in of_tar(corpora / "corpora" / "spamassassin-set1.tar.xz", r"^(\./)?ham(_hard)?/"):
        yield Message(raw)


def found(check: object, mail: Mail) -> list[Finding]:
    assert callable(check)
    said = check(mail, None)
    return [said] if isinstance(said, Finding) else list(said or ())


def test_none_finds_anything_in_ham(corpora: Path) -> None:
    checks = {file.name: load(file)["check"] for file in FILES}
    count, hits = 0, dict.fromkeys(checks, 0)
    for message in ham(corpora):
        count += 1
        for name, check in checks.items():
            hits[name] += bool(found(check, Mail(envelope(message), message)))
    assert {name: number for name, number in hits.items() if number} == FOUND_IN_HAM
    assert f"{count:,} messages of ham" in PAGE.read_text("utf-8")


def test_of_the_domains_in_ham_hardly_two_look_alike(corpora: Path) -> None:
    module = load(PROJECT / "examples" / "lookalike.py")
    senders = {parseaddr(message.headers.get("From") or "")[1].rpartition("@")[2].lower() for message in ham(corpora)}
    domains = sorted(one for one in senders if "." in one)
    mails = [(one, Mail(Envelope(), Message(f"From: joe@{one}\n\n".encode()))) for one in domains]
    alike = []
    for module["OURS"] in domains:
        alike += [(module["OURS"], one) for one, mail in mails if found(module["check"], mail)]
    assert alike == [("tcd.ie", "ucd.ie"), ("ucd.ie", "tcd.ie")]
    assert f"each of the {len(domains)} domains" in PAGE.read_text("utf-8")


def test_there_are_a_dozen_and_all_are_short() -> None:
    assert len(FILES) >= 12
    assert all(len(file.read_text("utf-8").splitlines()) <= 40 for file in FILES)


def test_the_page_tells_of_each(request: pytest.FixtureRequest) -> None:
    rows = ""
    for file in FILES:
        about = ast.get_docstring(ast.parse(file.read_text("utf-8"))) or ""
        rows += f"| [`{file.name}`]({file.name}) | {about.splitlines()[0]} |\n"
    page = PAGE.read_text("utf-8")
    wanted = BLOCK.sub(lambda _: rows, page)
    if request.config.getoption("--bless"):
        PAGE.write_text(wanted, "utf-8")
    assert PAGE.read_text("utf-8") == wanted
