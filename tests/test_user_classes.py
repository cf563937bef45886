"""A class as a filter: mistakes in its keys are told as for a built-in filter; its code never runs in our process."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from conftest import PROJECT
from running import QUIET, failed, mailscan, policy
from test_userfile import judge

import mailscan as mailscan_package
from mailscan.errors import FilterError, PolicyError
from mailscan.policy import Policy, load_policy

DATACLASS = '''
from __future__ import annotations

import os
from dataclasses import dataclass, field

from mailscan import Finding, Mail, reject

open(os.path.join(os.path.dirname(__file__), "pids"), "a").write(f"{os.getpid()}\\n")


@dataclass
class TooMany:
    """Refuse mail to too many recipients."""

    limit: int  # how many are borne
    words: list[str] = field(default_factory=list)
    """Words of the subject."""
    factor: float | None = None
    writes = ("X-Own-*",)

    def __post_init__(self) -> None:
        if self.limit < 1:
            raise ValueError("limit: 1 or more is wanted")

    def check(self, mail: Mail, outside: object) -> Finding | None:
        if len(mail.envelope.recipients) >= self.limit:
            return reject("Too many", f"{self.limit!r} {self.words!r} {self.factor!r}")
        return None
'''
PLAIN = """
from typing import ClassVar, Optional
from mailscan import reject

class Words:
    words: tuple[str, ...] = ("a", "b")
    strict: bool = False
    name_of: Optional[str] = None
    stage: str = "kept apart from ours"
    KNOWN: ClassVar[dict] = {}
    _private: dict = {}

    def __init__(self):
        self.joined = "|".join(self.words)

    def check(self, mail, outside):
        return reject("No", f"{self.joined} {self.strict} {self.name_of} {self.stage}")
"""


def own(folder: Path, source: str, keys: str = "", more: str = "") -> Policy:
    (folder / "own.py").write_text(source)
    return load_policy(policy(folder, f'[[filter]]\nuse = "./own.py"\n{keys}\n{more}'))


MISTAKES = [
    (DATACLASS, "", "needs `limit`, a whole number"),
    (DATACLASS, 'limit = "3"', 'limit: a whole number is wanted, not "3"'),
    (DATACLASS, "limit = true", "limit: a whole number is wanted, not true"),
    (DATACLASS, "limit = 1.5", "limit: a whole number is wanted, not 1.5"),
    (DATACLASS, "limit = 1\nlimmit = 2", "unknown key 'limmit'; did you mean 'limit'?"),
    (DATACLASS, "limit = 1\nwords = [1]", "words: a list of strings is wanted"),
    (DATACLASS, "limit = 9223372036854775807", "limit: a whole number from -1000000000000 to 1000000000000 is wanted"),
    (DATACLASS, "limit = 1\nfactor = 1e10", "factor: a number from -1e9 to 1e9 is wanted, not 10000000000.0"),
    (DATACLASS, "limit = 1\nfactor = nan", "factor: a number is wanted, not nan"),
    (DATACLASS, 'limit = 1\nfactor = "x"', 'factor: a number is wanted, not "x"'),
    (DATACLASS, "limit = 0", "limit: 1 or more is wanted"),
    (PLAIN, "strict = 1", "strict: true or false is wanted, not 1"),
    (PLAIN, "_private = 1", "unknown key '_private'"),
    (PLAIN, "KNOWN = 1", "unknown key 'KNOWN'"),
    ("def check(mail, outside): pass\n", "limit = 1", "unknown key 'limit'"),
]


@pytest.mark.parametrize(("source", "keys", "said"), MISTAKES, ids=range(len(MISTAKES)))
def test_a_wrong_key_is_one_message_with_its_place(tmp_path: Path, source: str, keys: str, said: str) -> None:
    with pytest.raises(PolicyError) as caught:
        own(tmp_path, source, keys)
    (problem,) = caught.value.problems
    assert "policy.toml: [[filter]] 1 (./own.py) line " in problem
    assert said in problem
    # The same from a scan, as its own failure, and not as the rule's on_error.
    text = QUIET + f'[[filter]]\nuse = "./own.py"\non_error = "ignore"\n{keys}\n'
    failed(mailscan("--policy", policy(tmp_path, text)), r"\[\[filter\]\] 1 ")


BROKEN = [
    ("class A:\n    x: dict = {}\n    def check(self, mail, outside): pass\n", "`x`: its type is dict, which a policy"),
    ("class A:\n    x: 'Foo'\n    def check(self, m, o): pass\n", "`x`: its type cannot be read: name 'Foo'"),
    ("class A:\n    x: int = 'no'\n    def check(self, m, o): pass\n", "`x` is int, and its default 'no' is not"),
    ("class A:\n    score: int = 1\n    def check(self, m, o): pass\n", "a field cannot be called `score`"),
    (
        "class A:\n    writes = ('a b',)\n    def check(self, m, o): pass\n",
        "'a b' cannot be the name of a header field",
    ),
    (
        "class A:\n    def check(self, m, o): pass\nclass B(object):\n    check = A.check\n",
        "has the classes `A` and `B`",
    ),
    ("class A:\n    def check(self): pass\n", "A.check is called as `check(self, mail, outside)`"),
    ("class A:\n    def check(self, m, o): pass\n1/0\n", "own.py:3: ZeroDivisionError"),
    ("class A:\n    def __init__(self): 1/0\n    def check(self, m, o): pass\n", "own.py:2: ZeroDivisionError"),
    ("import os\nclass A:\n    def check(self, m, o): pass\nos._exit(0)\n", "ended with status 0 and gave no answer"),
    ("class A:\n    pass\n", "has no function `check(mail, outside)`, and no class with a method of that name"),
]


@pytest.mark.parametrize(("source", "said"), BROKEN, ids=range(len(BROKEN)))
def test_a_broken_class_is_told_by_check_and_is_on_error_in_a_scan(tmp_path: Path, source: str, said: str) -> None:
    # Which keys there are cannot be known of a file that does not load; any may stand there.
    loads = "def __init__" in source or "check(self): pass" in source
    loaded = own(tmp_path, source, 'on_error = "ignore"', "" if loads else "anything = 3")
    with pytest.raises(FilterError) as caught:
        loaded.rules[0].filter.ready()
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert judge(loaded).account[0].outcome == "error"


def test_the_keys_arrive_in_the_types_of_the_fields(tmp_path: Path) -> None:
    loaded = own(tmp_path, DATACLASS, 'limit = 1\nwords = "one"\nfactor = 2')
    assert judge(loaded).account[0].findings[0].detail == "1 ['one'] 2.0"
    assert judge(own(tmp_path, DATACLASS, "limit = 1")).account[0].findings[0].detail == "1 [] None"
    detail = judge(own(tmp_path, PLAIN)).account[0].findings[0].detail
    assert detail == "a|b False None kept apart from ours"
    loaded = own(tmp_path, PLAIN, 'words = ["x", "y"]\nstrict = true\nname_of = "n"\nstage = "s"')
    loaded.rules[0].filter.ready()
    assert judge(loaded).account[0].findings[0].detail == "x|y True n s"


def test_none_of_it_runs_in_the_process_that_judges(tmp_path: Path) -> None:
    loaded = own(tmp_path, DATACLASS, "limit = 1")
    judge(loaded)
    loaded.rules[0].filter.ready()
    pids = (tmp_path / "pids").read_text().split()
    assert len(set(pids)) == 3
    assert str(os.getpid()) not in pids
    assert "own" not in sys.modules


def test_one_of_several_and_a_package(tmp_path: Path) -> None:
    two = "from mailscan import reject\nclass A:\n    def check(self, m, o): return reject('A')\nclass B(A):\n"
    two += "    def check(self, m, o): return reject('B')\ndef bare(m, o): return reject('bare')\n"
    (tmp_path / "two.py").write_text(two)
    package = tmp_path / "mine"
    package.mkdir()
    (package / "__init__.py").write_text("from .inner import A\n")
    (package / "inner.py").write_text(two.partition("class B")[0])
    for use, reply, name in (
        ("./two.py", "B", "two"),
        ("./two.py:A", "A", "two:A"),
        ("./two.py:bare", "bare", "two:bare"),
        ("./mine", "A", "mine"),
        ("./mine/", "A", "mine"),
    ):
        verdict = judge(load_policy(policy(tmp_path, f'[[filter]]\nuse = "{use}"\n')))
        assert (verdict.reply, verdict.rule) == ((reply,), name)
    # What only bears the name of one of Python's own modules is the postmaster's.
    (tmp_path / "test.py").write_text(two)
    assert judge(load_policy(policy(tmp_path, '[[filter]]\nuse = "./test.py:bare"\n'))).reply == ("bare",)
    (tmp_path / "three.py").write_text("from subprocess import check_output\n")
    with pytest.raises(PolicyError, match="`check_output` is of `subprocess`"):
        load_policy(policy(tmp_path, '[[filter]]\nuse = "./three.py:check_output"\n'))
    with pytest.raises(PolicyError, match="has no `bear`"):
        load_policy(policy(tmp_path, '[[filter]]\nuse = "./two.py:bear"\n'))
    (package / "inner.py").chmod(0o666)
    with pytest.raises(PolicyError, match="anyone may write to it"):
        load_policy(policy(tmp_path, '[[filter]]\nuse = "./mine"\n'))


FORGED = b"X-Own: forged\nX-Own-Two: forged\nReceived: by a\nSubject: hello\n\nbody\n"


def test_a_forged_field_of_a_name_that_it_writes_goes(tmp_path: Path) -> None:
    function = "from mailscan import tag\ndef check(mail, outside):\n    return {}\n"
    cases = [
        ("class A:\n    writes = ('X-Own',)\n    def check(self, m, o): pass\n", ("X-Own",)),
        ("class A:\n    writes = 'X-Own*'\n    def check(self, m, o): pass\n", ("X-Own", "X-Own-Two")),
        ("WRITES = ('X-Own-Two',)\n" + function.format("None"), ("X-Own-Two",)),
        (function.format("tag('x-own', '1')"), ("X-Own",)),
        (function.format("None"), ()),
        # Each who handles a mail writes one: ours takes nobody else's away.
        (function.format("tag('Received', 'by us')"), ()),
    ]
    for source, removed in cases:
        verdict = judge(own(tmp_path, source), FORGED)
        assert (verdict.action, verdict.edits.remove) == ("accept", removed), source
    # Also where the rule is not asked at all.
    unasked = own(tmp_path, cases[0][0], "when = { authenticated = true }")
    assert judge(unasked, FORGED).edits.remove == ("X-Own",)


def test_filters_shows_its_keys(tmp_path: Path) -> None:
    own(tmp_path, DATACLASS, "limit = 1")
    said = mailscan("filters", str(tmp_path / "own.py")).out.decode()
    assert "Refuse mail to too many recipients." in said
    assert "limit = a whole number\n    how many are borne\n    must be given\n" in said
    assert "words = a list of strings\n    Words of the subject.\n    default: none\n" in said
    assert "It writes X-Own-*" in said
    listed = mailscan("filters", "--policy", str(tmp_path / "policy.toml")).out.decode()
    assert "./own.py      Refuse mail to too many recipients.\n" in listed
    assert "spamtrap " in listed
    misspelt = mailscan("filters", "spff")
    assert (misspelt.status, misspelt.out) == (1, b"")
    assert "did you mean 'spf'?" in misspelt.err


def test_a_small_file_is_typed(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(DATACLASS)
    words = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), "own.py"]
    environ = {**os.environ, "MYPYPATH": str(PROJECT)}
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False, env=environ)
    assert done.returncode == 0, done.stdout + done.stderr
    (tmp_path / "own.py").write_text(DATACLASS.replace("mail.envelope.recipients", "mail.envelope.recipient"))
    assert subprocess.run(words, cwd=tmp_path, capture_output=True, check=False, env=environ).returncode == 1


def test_the_types_are_shipped_and_so_is_every_room() -> None:
    assert (Path(mailscan_package.__file__).parent / "py.typed").exists()
    tools = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    assert "py.typed" in tools["package-data"]["mailscan"]
    rooms = {path.parent.relative_to(PROJECT).as_posix() for path in (PROJECT / "mailscan").rglob("__init__.py")}
    assert set(tools["packages"]) == {room.replace("/", ".") for room in rooms}
