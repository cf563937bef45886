"""A real browser for the tests of pages: Chromium, without a screen or a network.

A test without it is skipped, visibly; where $CI is set it fails.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from conftest import program
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

WIDE, PHONE = (1280, 900), (390, 844)


@contextmanager
def browser(folder: Path, *, dark: bool = False) -> Iterator[webdriver.Chrome]:
    """A browser whose profile lies in `folder`."""
    driver, chromium = program("chromedriver"), program("chromium")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    words = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]
    words += ["--host-resolver-rules=MAP * ~NOTFOUND", "--disable-background-networking", "--disable-sync"]
    words += [f"--user-data-dir={folder / 'profile'}"]
    for word in [*words, *(["--blink-settings=preferredColorScheme=0"] if dark else [])]:
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    chrome = webdriver.Chrome(options, Service(driver))
    try:
        chrome.set_page_load_timeout(30)
        yield chrome
    finally:
        chrome.quit()


def opened(chrome: webdriver.Chrome, page: Path, size: tuple[int, int] = WIDE) -> None:
    """Load the page in a window so wide and high (a phone's is narrower than windows can be)."""
    metrics = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": size[0] < 500}
    chrome.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    chrome.get(page.as_uri())


def complaints(chrome: webdriver.Chrome) -> list[str]:
    """What stands on the console, errors of the page and of its policy."""
    return [entry["message"] for entry in chrome.get_log("browser")]  # type: ignore[no-untyped-call]


def requested(chrome: webdriver.Chrome) -> list[str]:
    """What the page has asked for since the last look, itself too."""
    events = [json.loads(entry["message"])["message"] for entry in chrome.get_log("performance")]  # type: ignore[no-untyped-call]
    sent = [one["params"] for one in events if one["method"] == "Network.requestWillBeSent"]
    return [one["request"]["url"] for one in sent if one["documentURL"] != "about:blank"]
