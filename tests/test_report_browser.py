"""The pages in a real browser: nothing in a mail runs, nothing is asked for, and a bar lists its mails."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import PHONE, WIDE, browser, complaints, opened, requested
from running import mailscan
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

EVIL = (
    "</script></style></title><img src=http://127.0.0.1:9/x onerror=\"document.body.id='owned'\">"
    "<script>document.body.id='owned'</script>"
)
OLD = '[[filter]]\nuse = "subject"\nname = "old-one"\nprefixes = ["ADV:"]\naction = "reject"\n'
NEW = f"""
[score]
reject = 5
[[filter]]
use = "subject"
name = '''no-free {EVIL}'''
patterns = ["free"]
action = "reject"
[[filter]]
use = "match"
name = "money"
words = ["money"]
score = 2
"""


def mail(subject: str, sender: str, day: int, body: str = "Hello") -> bytes:
    header = f"From: {sender}\nSubject: {subject}\nDate: {day} Nov 2026 10:00:00 +0000\nMessage-ID: <{day}@x.example>\n"
    return f"{header}List-Id: {EVIL}\n\n{body}\n".encode()


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("archive")
    mails = folder / "mails"
    mails.mkdir()
    (mails / "1.eml").write_bytes(mail(f"free {EVIL}", "joe@example.org", 1, "money"))
    # A file's name is not ours either, and its command must not do anything but open it.
    (mails / "$(touch owned) '<img src=x>.eml").write_bytes(mail("Free lunch", f"{EVIL} <x@y.example>", 2))
    (mails / "3.eml").write_bytes(mail("hello", "joe@example.org", 3, "money"))
    (mails / "4.eml").write_bytes(mail("ADV: hello", "joe@example.org", 20))
    (folder / "old.toml").write_text(OLD)
    (folder / "new.toml").write_text(NEW)
    return folder


@pytest.fixture(scope="module")
def compared(archive: Path) -> Path:
    page = archive / "backtest.html"
    args = (str(archive / "new.toml"), "--against", str(archive / "old.toml"), str(archive / "mails"))
    done = mailscan("backtest", *args, "--html", str(page), "--out", str(archive / "x.jsonl"))
    assert done.status == 1, done.err
    return page


@pytest.fixture(scope="module")
def audited(archive: Path) -> Path:
    page = archive / "audit.html"
    args = ("--policy", str(archive / "new.toml"), "--html", str(page), "--out", str(archive / "rows.jsonl"))
    done = mailscan("audit", *args, str(archive / "mails"), str(archive / EVIL.replace("/", "|")))
    assert done.status == 1, done.err  # one of them is not there: that is said on the page too
    assert "4 messages" in done.out.decode()
    return page


@pytest.fixture(scope="module")
def chrome(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    with browser(tmp_path_factory.mktemp("browser")) as started:
        yield started


def fresh(chrome: webdriver.Chrome, page: Path, size: tuple[int, int] = WIDE) -> None:
    opened(chrome, page, size)
    assert chrome.execute_script("return document.readyState") == "complete"


def unharmed(chrome: webdriver.Chrome, page: Path) -> None:
    """Nothing out of a mail became an element, ran, or asked for anything."""
    time.sleep(0.2)
    assert complaints(chrome) == []
    assert requested(chrome) == [page.as_uri()]
    assert chrome.execute_script("return document.body.id") == ""
    assert chrome.execute_script("return document.querySelectorAll('img, iframe, a').length") == 0
    assert chrome.execute_script("return document.scripts.length") == 2


def test_a_page_that_asks_for_something_would_be_seen(chrome: webdriver.Chrome, tmp_path: Path) -> None:
    page = tmp_path / "bad.html"
    page.write_text(f"<body><script type='x'>{EVIL}</body>")
    fresh(chrome, page)
    time.sleep(0.5)
    assert "http://127.0.0.1:9/x" in requested(chrome)
    assert complaints(chrome)
    assert chrome.execute_script("return document.body.id") == "owned"


def test_the_policy_of_a_page_stops_what_escaping_would_not(
    chrome: webdriver.Chrome, compared: Path, tmp_path: Path
) -> None:
    page = tmp_path / "unescaped.html"
    page.write_text(compared.read_text().replace("</main>", EVIL + "</main>", 1))
    fresh(chrome, page)
    time.sleep(0.3)
    assert "Content Security Policy" in " ".join(complaints(chrome))
    assert chrome.execute_script("return document.body.id") == ""


@pytest.mark.parametrize("name", ["audited", "compared"])
@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["desktop", "phone"])
def test_every_bar_lists_its_mails_and_nothing_in_them_runs(
    chrome: webdriver.Chrome, name: str, size: tuple[int, int], request: pytest.FixtureRequest
) -> None:
    page: Path = request.getfixturevalue(name)
    requested(chrome), complaints(chrome)
    fresh(chrome, page, size)
    chosen = chrome.find_elements(By.CSS_SELECTOR, "[data-group]")
    assert len(chosen) > 5
    for one in chosen:
        chrome.execute_script("arguments[0].dispatchEvent(new MouseEvent('click', {bubbles: true}))", one)
        rows = chrome.find_elements(By.CSS_SELECTOR, "dialog[open] tbody tr")
        assert rows, one.get_attribute("outerHTML")
        assert chrome.find_element(By.CSS_SELECTOR, "dialog h2").text
        chrome.find_element(By.CSS_SELECTOR, "dialog .close").click()
        assert not chrome.find_elements(By.CSS_SELECTOR, "dialog[open]")
    unharmed(chrome, page)
    # Nothing is wider than the window.
    assert chrome.execute_script("return document.documentElement.scrollWidth <= innerWidth")


def test_a_rule_lists_the_mail_behind_it(chrome: webdriver.Chrome, compared: Path, archive: Path) -> None:
    fresh(chrome, compared)
    chrome.find_element(By.CSS_SELECTOR, "button.row").click()
    dialog = chrome.find_element(By.CSS_SELECTOR, "dialog[open]")
    text = dialog.text
    assert f"free {EVIL}" in text
    assert "2026-11-01" in text
    assert "joe@example.org" in text
    assert "accepted → refused" in text
    rows = archive / "x.jsonl"
    commands = [one.text for one in dialog.find_elements(By.TAG_NAME, "code")]
    assert sorted(commands) == [f"mailscan show {rows}:1", f"mailscan show {rows}:2"]


def test_keys_open_a_bar_and_close_it(chrome: webdriver.Chrome, audited: Path) -> None:
    fresh(chrome, audited)
    bar: Any = chrome.find_element(By.CSS_SELECTOR, "g[data-group]")
    chrome.execute_script("arguments[0].focus()", bar)
    active = chrome.switch_to.active_element
    assert active.tag_name == "g"
    for key in (Keys.ENTER, Keys.SPACE):
        chrome.switch_to.active_element.send_keys(key)
        assert chrome.find_elements(By.CSS_SELECTOR, "dialog[open] tbody tr")
        chrome.switch_to.active_element.send_keys(Keys.ESCAPE)
        assert not chrome.find_elements(By.CSS_SELECTOR, "dialog[open]")
        # The place is kept.
        assert chrome.switch_to.active_element.tag_name == "g"


@pytest.mark.parametrize("name", ["audited", "compared"])
@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["desktop", "phone"])
def test_no_text_of_a_chart_lies_over_another(
    chrome: webdriver.Chrome, name: str, size: tuple[int, int], request: pytest.FixtureRequest
) -> None:
    fresh(chrome, request.getfixturevalue(name), size)
    overlapping = chrome.execute_script("""
        const found = [];
        for (const svg of document.querySelectorAll("svg")) {
          const boxes = [...svg.querySelectorAll("text")].map((one) => [one.textContent, one.getBoundingClientRect()]);
          for (let i = 0; i < boxes.length; i++) for (let j = 0; j < i; j++) {
            const [a, b] = [boxes[i][1], boxes[j][1]];
            const level = a.left < b.right - 1 && b.left < a.right - 1;
            if (a.width && b.width && level && a.top < b.bottom - 2 && b.top < a.bottom - 2)
              found.push(boxes[i][0] + " / " + boxes[j][0]);
          }
        }
        return found;""")
    assert overlapping == []


def test_dark_and_light(chrome: webdriver.Chrome, compared: Path) -> None:
    grounds = []
    for scheme in ("light", "dark"):
        features = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        chrome.execute_cdp_cmd("Emulation.setEmulatedMedia", features)
        fresh(chrome, compared)
        grounds.append(chrome.execute_script("return getComputedStyle(document.body).backgroundColor"))
    light, dark = (sum(map(int, ground[4:-1].split(","))) for ground in grounds)
    assert light > 600
    assert dark < 150


def test_a_command_from_a_page_does_nothing_but_open(archive: Path, tmp_path: Path) -> None:
    import json
    import re
    import subprocess

    page = archive / "plain.html"
    args = (str(archive / "new.toml"), "--against", str(archive / "old.toml"), str(archive / "mails"))
    assert mailscan("backtest", *args, "--html", str(page)).status == 1
    data = json.loads(re.search(r'id="data">(.*?)</script>', page.read_text(), re.DOTALL)[1])  # type: ignore[index]
    command = next(one["command"] for one in data["mails"] if "owned)" in one["command"])
    script = tmp_path / "mailscan"
    script.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    script.chmod(0o755)
    shown = subprocess.run(
        ["sh", "-c", command], capture_output=True, text=True, cwd=tmp_path, env={"PATH": f"{tmp_path}:/usr/bin:/bin"}
    )
    assert shown.stdout.splitlines() == ["show", f"{archive}/mails/$(touch owned) '<img src=x>.eml:0"]
    assert not (tmp_path / "owned").exists()
