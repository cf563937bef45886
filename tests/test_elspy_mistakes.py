"""Old files that cannot work: `mailscan check` says what is wrong with them, and leaves alone what works."""

from __future__ import annotations

from pathlib import Path

import pytest

from mailscan.elspy import is_elspy
from mailscan.errors import MailscanError
from mailscan.policy import load_policy


def ready(folder: Path, source: str) -> None:
    """What `mailscan check` does with a file."""
    (folder / "old.py").write_text(source)
    (folder / "policy.toml").write_text('[[filter]]\nuse = "./old.py"\n')
    load_policy(str(folder / "policy.toml")).rules[0].filter.ready()


@pytest.mark.parametrize(
    "source",
    [
        "def local_scan(info, headers, fd):\n    pass\n",
        "def local_scan(info, headers, fd, msg):\n    pass\n",
        "def local_scan(info, headers, fd, msg=None, more=None):\n    pass\n",
        "def local_scan(*arguments):\n    pass\n",
        "local_scan = lambda info, headers, *more: None\n",
        "class Old:\n    def scan(self, info, headers, fd): pass\nlocal_scan = Old().scan\n",
        "class Old:\n    def __call__(self, info, headers, fd): pass\nlocal_scan = Old()\n",
        "from elspy.spamassassin import local_scan\n",
        "from elspy.spamassassin import *\n",
        "import elspy\nif elspy:\n    def local_scan(info, headers, fd): pass\n",
        "try:\n    import elspy.maildir\nexcept ImportError:\n    pass\ndef local_scan(info, headers, fd): pass\n",
    ],
)
def test_what_can_be_called_is_left_alone(tmp_path: Path, source: str) -> None:
    ready(tmp_path, source)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("def local_scan(info, headers):\n    pass\n", "old.py:1: local_scan(info, headers) cannot be called; what is"),
        ("\ndef local_scan(a, b, c, d, e):\n    pass\n", "old.py:2: local_scan(a, b, c, d, e) cannot be called; what"),
        ("def local_scan():\n    pass\n", "(info, headers, fd, msg) if it takes four"),
        (
            "class Old:\n    def __call__(self, info): pass\nlocal_scan = Old()\n",
            "local_scan(info) cannot be called; what is called is local_scan(info, headers, fd)",
        ),
        (
            "import elspy\n\ndef localscan(info, headers, fd):\n    pass\n",
            "has no function `local_scan(info, headers, fd)`; `localscan` in line 3 is probably meant to be it",
        ),
        ("from elspy import RejectMessage\n", "old.py: imports elspy and has no function `local_scan("),
        ("import os, elspy\nlocal_scam = None\n", "`local_scam` in line 2"),
        (
            "import elspy.routespam\ndef local_scan(info, headers, fd):\n    pass\n",
            "old.py:1: ModuleNotFoundError: mailscan has no elspy.routespam; it has elspy.util, "
            "elspy.execontent_simple, elspy.spamassassin, and what docs/elspy.md lists",
        ),
        (
            "from elspy import RejectMessage, bogus_date\ndef local_scan(info, headers, fd):\n    pass\n",
            "mailscan has no elspy.bogus_date; it has elspy.util",
        ),
    ],
)
def test_what_cannot_is_told(tmp_path: Path, source: str, said: str) -> None:
    with pytest.raises(MailscanError) as told:
        ready(tmp_path, source)
    assert said in str(told.value)
    assert "\n" not in str(told.value)


def test_a_filter_of_ones_own_that_imports_elspy_is_none_of_elspys() -> None:
    assert is_elspy(b"import elspy\n")
    for source in (
        b"import elspy\ndef check(mail, outside):\n    pass\n",
        b"from elspy import RejectMessage\nclass Mine:\n    def check(self, mail, outside):\n        pass\n",
        b"# import elspy\n",
        b"import elspyx\n",
    ):
        assert not is_elspy(source), source


def test_log_write_takes_its_arguments_in_either_order(tmp_path: Path) -> None:
    from test_elspy import judged

    source = (
        "from elspy import *\ndef local_scan(info, headers, fd):\n"
        "    log_write(LOG_MAIN, 'one'); log_write('two'); log_write('three', LOG_REJECT); log_error('four')\n"
    )
    notes = [one.detail for one in judged(tmp_path, source).account[0].findings]
    assert notes == ["one", "two", "three", "error: four"]
