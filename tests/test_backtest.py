"""`mailscan backtest`: what must not count as a change for the worse, what must, and who is said to be innocent."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest
from browser import browser, opened
from conftest import PROJECT, terminal
from running import ENVIRON, START, mailscan
from selenium.webdriver.common.by import By

OLD = '[[filter]]\nuse = "subject"\nname = "adv"\nprefixes = ["ADV:"]\naction = "reject"\n'
FREE = '[[filter]]\nuse = "subject"\nname = "no-free"\npatterns = ["free"]\naction = "ACTION"\n'


def letter(subject: str, more: str = "", sender: str = "joe@example.org") -> str:
    return f"From: {sender}\nSubject: {subject}\n{more}\nHello\n"


class Site:
    """Two policies, and messages as `.eml` files in a folder, in the order of their names."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.old, self.new = folder / "old.toml", folder / "new.toml"
        self.old.write_text(OLD)
        self.mails = folder / "mails"
        self.mails.mkdir()

    def policy(self, text: str) -> None:
        self.new.write_text(text)

    def mail(self, text: str, folder: str = "mails") -> None:
        place = self.folder / folder
        place.mkdir(exist_ok=True)
        (place / f"{len(list(place.iterdir())) + 1:03}.eml").write_text(text)

    def backtest(self, *args: str, paths: bool = True, jobs: str = "1") -> tuple[int, str, str]:
        words = [str(self.new), "--against", str(self.old), *([str(self.mails)] if paths else []), *args]
        done = mailscan("backtest", *words, "--jobs", jobs)
        return done.status, done.out.decode(), done.err


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_nothing_is_refused_newly_by_the_same_policy(site: Site) -> None:
    site.policy(OLD)
    for subject in ("ADV: buy", "free beer", "hello"):
        site.mail(letter(subject))
    status, out, err = site.backtest("--out", str(site.folder / "x.jsonl"))
    assert (status, err) == (0, "")
    assert "newly refused: 0 of 2: at most 77.6 % with 95 % confidence" in out
    assert rows(site.folder / "x.jsonl") == []


@pytest.mark.parametrize("action", ["quarantine", "tag", "ignore", "accept"])
def test_mail_that_still_goes_through_is_not_refused(site: Site, action: str) -> None:
    site.policy(OLD + FREE.replace("ACTION", action))
    site.mail(letter("free beer"))
    assert site.backtest()[0] == 0


def test_mail_that_goes_through_now_is_no_failure(site: Site) -> None:
    site.policy("")
    site.mail(letter("ADV: buy"))
    site.mail(letter("hello"))
    status, out, _ = site.backtest()
    assert status == 0
    assert "let through now: 1; refused before by adv 1" in out


@pytest.mark.parametrize("action", ["reject", "tempfail"])
def test_accepted_mail_that_is_refused_fails_and_so_many_may_be_allowed(site: Site, action: str) -> None:
    site.policy(OLD + FREE.replace("ACTION", action))
    for subject in ("free beer", "free lunch", "ADV: free", "hello"):
        site.mail(letter(subject))
    assert site.backtest()[0] == 1
    assert site.backtest("--allow", "1")[0] == 1
    status, out, _ = site.backtest("--allow", "2")
    assert status == 0
    assert "newly refused: 2 of 3: at most 98.3 % with 95 % confidence; --allow 2" in out
    assert re.search(rf"accept +1 +{'0 +' * (action == 'tempfail')}2|accept +1 +2 +0", out)


def test_what_was_expected_to_be_spam_does_not_count(site: Site) -> None:
    site.policy(OLD + FREE.replace("ACTION", "reject"))
    for folder, subject in (("spam", "free money"), ("spam", "hello"), ("ham", "a letter"), ("ham", "hello")):
        site.mail(letter(subject), folder)
    expected = ("--expect", "spam", str(site.folder / "spam"), "--expect", "ham", str(site.folder / "ham"))
    status, out, err = site.backtest(*expected, paths=False)
    assert (status, err) == (0, "")
    assert "ham refused by the old policy: 0 of 2: 0 % (0 % to 84.2 % with 95 % confidence)" in out
    assert "spam let through by the old policy: 2 of 2: 100 % (15.8 % to 100 %" in out
    assert "spam let through by the new policy: 1 of 2: 50.0 % (1.3 % to 98.7 %" in out
    site.mail(letter("free software"), "ham")
    status, out, _ = site.backtest(*expected, "--out", str(site.folder / "x.jsonl"), paths=False)
    assert status == 1
    assert "ham refused by the new policy: 1 of 3: 33.3 %" in out
    changed = rows(site.folder / "x.jsonl")
    assert [(row["expected"], row["change"]) for row in changed] == [
        ("spam", "newly-refused"),
        ("ham", "newly-refused"),
    ]
    assert changed[1]["reasons"][0] == "expected to be ham"


def test_a_rule_that_another_would_stand_in_for_did_not_do_it_alone(site: Site) -> None:
    other = '[[filter]]\nuse = "match"\nname = "beer"\nheader_patterns = { Subject = ["beer"] }\naction = "ACTION"\n'
    site.mail(letter("free beer"))
    site.mail(letter("free lunch"))
    for action, alone in (("reject", 1), ("tempfail", 1), ("accept", 2), ("tag", 2)):
        site.policy(FREE.replace("ACTION", "reject") + other.replace("ACTION", action))
        assert re.search(rf"no-free +2 +0 +{alone}\n", site.backtest()[1]), action


def test_a_policy_on_trial_is_compared_as_if_it_were_in_force(site: Site) -> None:
    site.policy("[site]\ntrial = true\n" + FREE.replace("ACTION", "reject"))
    site.mail(letter("free beer"))
    assert site.backtest()[0] == 1


def test_the_most_innocent_come_first_wherever_in_the_archive_the_evidence_lies(site: Site) -> None:
    site.policy(FREE.replace("ACTION", "reject"))
    site.mail(letter("free pills", sender="x@bad.example"))
    site.mail(letter("free list", "List-Id: <chat.example.net>\n", sender="y@list.example"))
    site.mail(letter("Re: free evening?", "In-Reply-To: <q@example.com>\n", sender="mary@friend.example"))
    # What vouches for them comes later.
    site.mail(letter("an evening", "Message-ID: <q@example.com>\nTo: mary@friend.example\n", "jane@example.com"))
    out = site.folder / "x.jsonl"
    status, text, _ = site.backtest("--own", "example.com", "--out", str(out))
    assert status == 1
    places = [text.index(subject) for subject in ("Re: free evening?", "free list", "free pills")]
    assert places == sorted(places)
    assert "answers our mail <q@example.com>; we wrote to mary@friend.example" in text
    assert "nothing speaks for it" in text
    assert re.search(r"no-free +3 +2 +3\n", text)  # mails, innocent ones, by it alone
    assert [row["innocence"] for row in rows(out)] == [0, 2, 12]
    # Without --own nobody knows which mail is ours.
    assert "answers our mail" not in site.backtest()[1]


def test_a_list_without_rows_names_no_row(site: Site) -> None:
    """The number is for `mailscan show FILE:ROW`: without a file it would name nothing."""
    site.policy(OLD + FREE.replace("ACTION", "reject"))
    site.mail(letter("free beer"))
    _, out, _ = site.backtest()
    assert "    -  free beer" in out.splitlines()[-3] and f"{site.mails}/001.eml:0" in out
    _, out, _ = site.backtest("--out", str(site.folder / "x.jsonl"))
    assert "    1  free beer" in out.splitlines()[-2] and "001.eml:0" not in out


def test_rows_are_the_same_for_one_worker_and_for_two_and_can_be_opened(site: Site) -> None:
    site.policy(FREE.replace("ACTION", "reject"))
    for at in range(40):
        site.mail(letter(f"free {at}" if at % 3 == 0 else f"a letter {at}"))
    files = [site.folder / "1.jsonl", site.folder / "2.jsonl"]
    for jobs, file in zip(("1", "2"), files, strict=True):
        assert site.backtest("--out", str(file), jobs=jobs)[0] == 1
    ours = [[{k: v for k, v in row.items() if k not in ("ms", "timings")} for row in rows(file)] for file in files]
    assert ours[0] == ours[1]
    assert len(ours[0]) == 14
    shown = mailscan("show", f"{files[0]}:2")
    assert shown.status == 0
    assert "Subject: free 3\n" in shown.out.decode()
    assert "! subject.pattern: free" in shown.out.decode()


def test_what_people_can_mend_is_said_in_one_line(site: Site) -> None:
    site.policy(OLD)
    (site.mails / "empty").write_text("")
    cases = [
        (site.backtest(), 1, "no message was read"),
        (site.backtest(paths=False), 2, "PATH, or --expect ham PATH, is missing"),
        (site.backtest("/no/such"), 2, "does not exist"),
        (site.backtest("--expect", "eggs", str(site.mails)), 2, "eggs"),
        (site.backtest("--allow", "-1"), 2, "-1"),
    ]
    site.mail(letter("hello"))
    cases.append((site.backtest("--out", "/dev/full"), 0, ""))  # nothing has changed, nothing is written
    site.policy(FREE.replace("ACTION", "reject"))
    site.mail(letter("free"))
    cases.append((site.backtest("--out", "/dev/full"), 1, "/dev/full cannot be written: No space left"))
    cases.append((site.backtest("--html", "/no/such/x.html"), 1, "/no/such/x.html cannot be written"))
    site.policy("[[filter]]\nuse = 'nothing'\n")
    cases.append((site.backtest(), 1, "new.toml"))
    for (status, _, err), owed, words in cases:
        assert (status, "Traceback" in err) == (owed, False), err
        assert words in err


def test_a_rule_that_asks_the_network_is_left_out_and_that_is_said(site: Site) -> None:
    site.policy(OLD + '[[filter]]\nuse = "spf"\n')
    site.mail(letter("hello", "Return-Path: <joe@example.org>\nReceived: from x ([192.0.2.1]) by y; 1 Jan 2026\n"))
    status, out, _ = site.backtest()
    assert status == 0
    assert "not asked, since they ask the network: spf (new.toml)" in out


def test_the_lines_for_ci_in_the_docs_do_what_they_say(site: Site) -> None:
    page = (PROJECT / "docs/backtest.md").read_text("utf-8")
    script = page.partition("```sh\nset -e\n")[2].partition("```")[0]
    assert "mailscan backtest policy.toml --against old.toml" in script
    program = site.folder / "bin" / "mailscan"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m mailscan "$@"\n')
    (program.parent / "git").write_text('#!/bin/sh\n[ "$*" = "show main:policy.toml" ] && cat merged.toml\n')
    for one in program.parent.iterdir():
        one.chmod(0o755)
    environ = ENVIRON | {"PATH": f"{program.parent}:{os.environ['PATH']}", "BASE": "main", "ARCHIVE": str(site.mails)}
    (site.folder / "merged.toml").write_text(OLD)
    site.mail(letter("free beer"))
    for policy, owed in ((OLD, 0), (FREE.replace("ACTION", "reject"), 1), ("use = 1", 1)):
        (site.folder / "policy.toml").write_text(policy)
        done = subprocess.run(["sh", "-c", "set -e\n" + script], env=environ, cwd=site.folder, capture_output=True)
        assert done.returncode == owed, done.stderr


def on_a_terminal(*args: str, folder: Path = PROJECT) -> list[str]:
    """The lines that a terminal of 80 columns is sent, without colours."""
    ours, theirs = terminal()
    environ = ENVIRON | {"TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"}
    process = subprocess.Popen([*START, *args], stdout=theirs, stderr=subprocess.DEVNULL, env=environ, cwd=folder)
    os.close(theirs)
    octets = b""
    while True:
        try:
            block = os.read(ours, 65536)
        except OSError:
            break
        if not block:
            break
        octets += block
    process.wait()
    os.close(ours)
    return re.sub(r"\x1b\[[0-9;]*m", "", octets.decode()).replace("\r", "").splitlines()


def test_no_mail_reaches_the_terminal_but_as_text(site: Site) -> None:
    site.policy(FREE.replace("ACTION", "reject"))
    site.mail(
        letter("free \x1b[2J\x07 \N{RIGHT-TO-LEFT OVERRIDE}x =?utf-8?q?=1B]0;owned=0A?=", sender="\x1b[31m@x.example")
    )
    lines = on_a_terminal("backtest", str(site.new), "--against", str(site.old), str(site.mails))
    text = "\n".join(lines)
    assert "\\x1b" in text
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\N{RIGHT-TO-LEFT OVERRIDE}]", text)


@pytest.fixture(scope="module")
def set1(tmp_path_factory: pytest.TempPathFactory, corpora: Path) -> Path:
    """SpamAssassin's public corpus, unpacked, and a policy with one bad rule."""
    archive = corpora / "corpora" / "spamassassin-set1.tar.xz"
    if not archive.exists():
        pytest.skip(f"no {archive.name} among the corpora")
    folder = tmp_path_factory.mktemp("set1")
    with tarfile.open(archive) as tar:
        # Debian 12's Python has no filters.
        tar.extraction_filter = getattr(tarfile, "data_filter", None)
        tar.extractall(folder)
    starter = mailscan("init").out.decode()
    (folder / "old.toml").write_text(starter)
    (folder / "new.toml").write_text(starter + "\n" + FREE.replace("ACTION", "reject"))
    return folder


def test_the_bad_rule_and_the_innocent_mail_stand_on_the_first_screen(set1: Path, tmp_path: Path) -> None:
    policies = ("backtest", str(set1 / "new.toml"), "--against", str(set1 / "old.toml"))
    paths = [str(place) for place in sorted(set1.iterdir()) if place.is_dir()]
    page = tmp_path / "report.html"
    screen = on_a_terminal(*policies, *paths, "--html", str(page), "--out", "x.jsonl", folder=tmp_path)[:24]
    assert all(len(line) <= 80 for line in screen)
    text = "\n".join(screen)
    sys.stdout.write(text)
    rule = re.search(r"^no-free +(\d+) +(\d+) +(\d+)$", text, re.MULTILINE)
    assert rule
    assert int(rule[1]) > 50
    assert int(rule[2]) > 30
    # Mails of lists, by people whose other mail is accepted.
    assert len(re.findall(r"no-free: .*other mails? of ", text)) >= 4
    assert "free software" in text
    with browser(tmp_path) as chrome:
        opened(chrome, page, (1280, 800))
        bar = chrome.find_element(By.CSS_SELECTOR, "button.row")
        assert bar.text.startswith("no-free")
        first = chrome.find_elements(By.CSS_SELECTOR, ".mails tbody tr")[:3]
        assert any("free software" in one.text and "comes from a mailing list" in one.text for one in first)
        for one in (bar, *first):
            assert one.rect["y"] + one.rect["height"] <= 800
        bar.click()
        rows_listed = chrome.find_elements(By.CSS_SELECTOR, "dialog[open] tbody tr")
        assert len(rows_listed) == 30
        command = rows_listed[0].find_element(By.TAG_NAME, "code").text
    shown = mailscan("show", command.replace("mailscan show ", f"{tmp_path}/"))
    assert shown.status == 0
    assert "! subject.pattern: free" in shown.out.decode()
