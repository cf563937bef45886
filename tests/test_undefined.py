"""Names that nothing defines: `mailscan check` and `try` name them, in old files and new, and no name that is there."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import PROJECT
from running import mailscan, policy

from mailscan.errors import MailscanError
from mailscan.own.names import Undefined
from mailscan.policy import build_policy, load_policy

ELSPY = sorted((PROJECT / "testdata" / "cases" / "elspy").glob("*/exim_local_scan.py"))
OWN = "def check(mail, outside):\n    return {}\n"
OLD = "def local_scan(info, headers, fd):\n    {}\n"


def told(folder: Path, source: str, name: str = "own.py") -> list[str]:
    """What `ready` says of a file, a line each."""
    (folder / name).write_text(source)
    (folder / "policy.toml").write_text(f'[[filter]]\nuse = "./{name}"\naction = "tag"\n')
    try:
        load_policy(str(folder / "policy.toml")).rules[0].filter.ready()
    except Undefined as error:
        return [one.removeprefix(f"{folder}/") for one in error.problems]
    return []


THERE = [
    "from os.path import *\n" + OWN.format("join('a', 'b') and None"),
    "from sibling import *\n" + OWN.format("public and None"),
    "try:\n    import re2\nexcept ImportError:\n    import re as re2\n" + OWN.format("re2 and None"),
    "try:\n    import nowhere\nexcept ImportError:\n    pass\n" + OWN.format("nowhere if 0 else None"),
    "try:\n    text = unicode\nexcept NameError:\n    text = str\n" + OWN.format("text and None"),
    "def check(mail, outside):\n    try:\n        return unicode('')\n    except NameError:\n        return None\n",
    "def check(m, o):\n    try:\n        unicode\n    except (NameError, KeyError):\n        return\n    unicode('')\n",
    "import contextlib\ndef check(m, o):\n    with contextlib.suppress(NameError):\n        unicode('')\n",
    "import sys\ndef check(m, o):\n    return unicode('') if sys.version_info[0] == 2 else None\n",
    "PY2 = False\ndef check(m, o):\n    if PY2:\n        unicode('')\n",
    "for name in ('one', 'two'):\n    globals()[name] = 1\n" + OWN.format("one and None"),
    "def setup():\n    globals()['one'] = 1\n" + OWN.format("setup() or one and None"),
    "exec('one = 1')\n" + OWN.format("one and None"),
    "import sys\ndef setup():\n    setattr(sys.modules[__name__], 'one', 1)\n" + OWN.format("setup() or one and None"),
    "def setup():\n    global one\n    one = 1\n" + OWN.format("setup() or one and None"),
    "one = 1\ndef first():\n    return one\nfirst()\ndel one\n" + OWN.format("None"),
    "def outer():\n    deep = 1\n    def inner():\n        nonlocal deep\n        deep = 2\n    return inner\n"
    + OWN.format("outer()()"),
    "def check(mail, outside):\n    return None if [y for x in [1] if (y := x)] and y and (lambda q: q)(1) else None\n",
    "def check(mail, outside):\n    class One:\n        a = 1\n        b = [a]\n        def m(self):\n"
    "            return __class__\n    return None if One().m() else None\n",
    "class Own:\n    limit: int = 3\n    twice = limit * 2\n    def check(self, mail, outside):\n"
    "        return super().__repr__() and None\n",
    "from __future__ import annotations\nfrom typing import TYPE_CHECKING\nif TYPE_CHECKING:\n"
    "    from collections.abc import Iterator\ndef check(mail: Nobody, outside) -> Iterator[int]:\n"
    "    here: Iterator[str]\n    return ()\n",
    "def check(mail, outside):\n    match mail:\n        case {'a': one, **rest}:\n            return one, rest\n"
    "        case [first, *others]:\n            return first, others\n        case _:\n            return None\n",
    "def check(mail, outside):\n    try:\n        1 / 0\n    except ZeroDivisionError as error:\n"
    "        return str(error) and None\n    for a, (b, *c) in []:\n        a, b, c\n"
    "    with open('/') as f:\n        f\n",
    "def check(mail, outside):\n    import os.path as path, re\n"
    "    return path and re and __file__ and __name__ and None\n",
    "import sibling\nsibling.public\n" + OWN.format("sibling.later and None"),
    "if __name__ == '__main__':\n    main()\n" + OWN.format("None"),
]


@pytest.mark.parametrize("source", THERE)
def test_a_name_that_is_there_or_is_asked_for_is_no_mistake(tmp_path: Path, source: str) -> None:
    (tmp_path / "sibling.py").write_text("public = later = 1\n")
    assert told(tmp_path, source) == []


@pytest.mark.parametrize("name", ["AcceptMessage", "RejectMessage", "TempRejectMessage", "unicode", "file", "reduce"])
def test_what_old_files_have_without_an_import(tmp_path: Path, name: str) -> None:
    assert told(tmp_path, OLD.format(f"return {name} and None"), "old.py") == []
    assert f"own.py:2: nothing defines `{name}`" in told(tmp_path, OWN.format(f"{name} and None"))[0]


def test_what_they_do_without_an_import(tmp_path: Path) -> None:
    raised = "raise RejectMessage('%s %s' % (reduce(cmp, apply(list, [(1, 2)])), intern('ab')))"
    (tmp_path / "old.py").write_text(OLD.format(raised))
    done = mailscan("--policy", policy(tmp_path, '[log]\nto = "none"\n[[filter]]\nuse = "./old.py"\n'))
    assert (done.status, done.out) == (77, b"5.7.1 -1 ab\n")


@pytest.mark.parametrize("file", [*ELSPY, *sorted((PROJECT / "examples").glob("*.py"))], ids=lambda one: str(one)[-50:])
def test_no_false_alarm_on_the_cases_and_the_examples(file: Path) -> None:
    table = {"use": str(file), "action": "tag"}
    build_policy("x", b"", {"filter": [table]}, str(file.parent)).rules[0].filter.ready()


WRONG = [
    (OWN.format("reject('x')"), ["own.py:2: nothing defines `reject`"]),
    (OWN.format("Rejct and rejct"), ["own.py:2: nothing defines `Rejct`", "own.py:2: nothing defines `rejct`"]),
    ("import re\nRULE = 1\ndef check(mail, outside):\n    return RULES\n", ["; did you mean 'RULE'?"]),
    ("def f():\n    g()\n    g()\n" + OWN.format("None"), ["own.py:2: nothing defines `g`"]),
    ("from os.path import *\n" + OWN.format("joyn and None"), ["own.py:3: nothing defines `joyn`"]),
    ("def check(mail, outside):\n    return [x for x in y]\n", ["own.py:2: nothing defines `y`"]),
    ("def check(mail, outside):\n    [x for x in ()]\n    return x\n", ["own.py:3: nothing defines `x`"]),
    ("def check(m, o):\n    try:\n        spam(m)\n    except Exception:\n        pass\n",
     ["own.py:3: nothing defines `spam`"]),
    ("class Own:\n    near = 1\n    def check(self, mail, outside):\n        return near\n",
     ["own.py:4: nothing defines `near`"]),
    ("class Own:\n    def check(self, mail, outside):\n        class In:\n            a = b\n",
     ["own.py:4: nothing defines `b`"]),
    (
        "from __future__ import annotations\nfrom typing import TYPE_CHECKING\nif TYPE_CHECKING:\n"
        "    from mailscan import Mail\ndef check(mail: Mail, outside):\n    return isinstance(mail, Mail) and None\n",
        ["own.py:6: nothing defines `Mail`"],
    ),
    ("import sibling2\n" + OWN.format("sibling2.f()"), ["sibling2.py:3: nothing defines `gone`"]),
]  # fmt: skip


@pytest.mark.parametrize(("source", "said"), WRONG)
def test_a_name_that_nothing_defines_is_told_with_its_line(tmp_path: Path, source: str, said: list[str]) -> None:
    (tmp_path / "sibling2.py").write_text("def f():\n    if f:\n        return gone\n")
    lines = told(tmp_path, source)
    assert len(lines) == len(said)
    for line, start in zip(lines, said, strict=True):
        assert start in line


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("raise RejectSpam('x')", "old.py:2: nothing defines `RejectSpam`, so mail that gets there is not judged"),
        ("raise RejectMesage('x')", "did you mean 'RejectMessage'?"),
        ("match_recipients(info.recipients_list, 'a', 'b')", "from elspy import match_recipients"),
        ("spf.check('a', 'b', 'c')", "old.py:2: nothing defines `spf`"),
        ("return re.match('a', 'b')", "write at the top of the file: import re"),
        ("execfile('/etc/x')", "it is of Python 2: write exec("),
        ("raise RejectMessage, reason", "write `raise RejectMessage(reason)`"),
    ],
)
def test_check_and_try_and_doctor_tell_it(tmp_path: Path, line: str, said: str) -> None:
    (tmp_path / "old.py").write_text(OLD.format(line))
    chosen = policy(tmp_path, '[log]\nto = "none"\n[[filter]]\nuse = "./old.py"\n')
    done = mailscan("check", chosen)
    assert (done.status, done.out, done.err.count("\n")) == (1, b"", 1)
    assert said in done.err
    done = mailscan("try", str(tmp_path / "old.py"))
    assert (done.status, done.out) == (1, b"")
    assert said in done.err
    done = mailscan("doctor", "--policy", chosen)
    assert done.status == 1


def test_check_tells_it_beside_other_slips(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text("def check(mail, outside):\n    if mail is nobody:\n        return True\n")
    done = mailscan("check", policy(tmp_path, '[[filter]]\nuse = "./own.py"\n'))
    assert done.status == 1
    assert "own.py:3: check returns True" in done.err
    assert "own.py:2: nothing defines `nobody`" in done.err


def test_a_package_and_a_class_behind_a_colon(tmp_path: Path) -> None:
    (tmp_path / "pkg").mkdir()
    (tmp_path / "pkg" / "__init__.py").write_text("from .inner import check\n")
    (tmp_path / "pkg" / "inner.py").write_text(OWN.format("nobody"))
    (tmp_path / "two.py").write_text("class A:\n    def check(self, mail, outside):\n        return nobody\n")
    for use, place in (("./pkg", "pkg/inner.py:2"), ("./two.py:A", "two.py:3")):
        done = mailscan("check", policy(tmp_path, f'[[filter]]\nuse = "{use}"\naction = "tag"\n'))
        assert done.status == 1
        assert f"{place}: nothing defines `nobody`" in done.err


def test_a_scan_is_not_kept_from_judging_by_it(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(
        "from mailscan import reject\ndef check(mail, outside):\n    return reject('x') or gone\n"
    )
    assert mailscan("--policy", policy(tmp_path, '[[filter]]\nuse = "./own.py"\n')).status == 77


def test_an_installed_module_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = tmp_path / "site-packages"
    (site / "mine").mkdir(parents=True)
    (site / "mine" / "__init__.py").write_text("from mine import other\ncheck = other.check\n")
    (site / "mine" / "other.py").write_text(OWN.format("nobody"))
    monkeypatch.syspath_prepend(str(site))
    (tmp_path / "policy.toml").write_text('[[filter]]\nuse = "mine.other"\naction = "tag"\n')
    with pytest.raises(MailscanError, match=r"other\.py:2: nothing defines `nobody`"):
        load_policy(str(tmp_path / "policy.toml")).rules[0].filter.ready()
