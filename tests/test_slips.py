"""The mistakes of somebody who writes a first filter: each is told with its line, and what is right is left alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import PROJECT
from hypothesis import given
from hypothesis import strategies as st
from running import mailscan, policy

import mailscan as public
from mailscan.cli.hints import PUBLIC, hint
from mailscan.slips import dropped, mistakes, passed_over

START = "from mailscan import Finding, accept, reject, tag, tempfail\n\n\n"
RIGHT = [
    "def check(mail, outside):\n    return None\n",
    "def check(mail, outside, more=3):\n    return\n",
    "def check(*both):\n    return reject('x') if both else None\n",
    "def check(mail, outside):\n    yield reject('x')\n    return tag('X-A', 'b')\n",
    "def check(mail, outside):\n    found = [reject('x')]\n    found.append(tag('X-A', 'b'))\n    return found\n",
    "def check(mail, outside):\n    return reject('x'), tag('X-A', 'b')\n",
    "def check(mail, outside):\n    def inner():\n        return True\n    return [] if inner() else ()\n",
    "def check(mail, outside):\n    return sorted([], key=lambda one: True)\n",
    "def ours(word):\n    return True\ndef check(mail, outside):\n    pass\n",
    "def wrap(f):\n    return lambda mail, outside: None\n@wrap\ndef check():\n    return True\n",
    "from sibling import check\n",
    "from sibling import *\n",
    "check = lambda mail, outside: None\n",
    "class Mine:\n    def check(self, mail, outside):\n        return []\n",
    "def local_scan(info, headers, fd):\n    return 'text is logged'\n",
    "def check(mail, outside)\n    return True\n",
]
WRONG = [
    ("def chek(mail, outside):\n    pass\n", "own.py: has no function `check(mail, outside)`; `chek` in line 4 is"),
    ("x = 1\n", "own.py: has no function `check(mail, outside)`"),
    ("def check(mail):\n    pass\n", "own.py:4: `check(mail)` is called as `check(mail, outside)`: write it so"),
    ("def check(self, mail, outside):\n    pass\n", "own.py:4: `check(self, mail, outside)` is called as"),
    ("def check():\n    pass\n", "own.py:4: `check()` is called as"),
    ("async def check(mail, outside):\n    pass\n", "own.py:4: `async def check` cannot be asked: write `def check("),
    ("def check(mail, outside):\n    return True\n", 'own.py:5: check returns True: write `return reject("…")`, or'),
    ("def check(mail, outside):\n    return 'spam'\n", "own.py:5: check returns 'spam': write"),
    ("def check(mail, outside):\n    if mail:\n        return f'{mail}'\n", "own.py:6: check returns text: write"),
    ("def check(mail, outside):\n    return 'reject', 'no'\n", "own.py:5: check returns ('reject', 'no'): write"),
    ("def check(mail, outside):\n    return reject\n", "own.py:5: check returns `reject` itself, which is not called"),
    ("def check(mail, outside):\n    yield 'spam'\n", "own.py:5: check yields 'spam': write `yield reject("),
]


@pytest.mark.parametrize("source", RIGHT)
def test_what_is_right_is_left_alone(source: str) -> None:
    octets = (START + source).encode()
    assert (mistakes(octets, "own.py"), dropped(octets, "own.py")) == ([], [])


def test_the_examples_have_none() -> None:
    for file in (PROJECT / "examples").glob("*.py"):
        assert (mistakes(file.read_bytes(), file.name), dropped(file.read_bytes(), file.name)) == ([], [])


@pytest.mark.parametrize(("source", "said"), WRONG)
def test_what_is_wrong_is_told_with_its_line(source: str, said: str) -> None:
    (told,) = mistakes((START + source).encode(), "own.py")
    assert told.startswith(said)


@pytest.mark.parametrize("word", ["reject('x')", "mailscan.tempfail()", "Finding('a.b')"])
def test_an_answer_that_is_not_given_is_told(word: str) -> None:
    source = f"import mailscan\n{START}def check(mail, outside):\n    if mail:\n        {word}\n"
    (told,) = dropped(source.encode(), "own.py")
    assert told.startswith(f"own.py:7: what `{word.partition('(')[0]}(…)` says is dropped: write `return`, or `yield`")


@given(st.binary(max_size=200), st.sampled_from([b"", b"def check(mail, outside):\n  ", b"def check(", b"("]))
def test_no_file_makes_it_raise(octets: bytes, before: bytes) -> None:
    mistakes(before + octets, "own.py")
    dropped(before + octets, "own.py")
    mistakes(before * 2000 + octets, "own.py")


@pytest.mark.parametrize(
    ("why", "meant"),
    [
        ("own.py:2: NameError: name 'reject' is not defined", "from mailscan import reject"),
        ("own.py:2: AttributeError: 'Mail' object has no attribute 'subject'", "write mail.message.subject"),
        ("own.py:2: AttributeError: 'Mail' object has no attribute 'headers'", "write mail.message.headers"),
        ("own.py:2: AttributeError: 'Mail' object has no attribute 'sender'", "mail.envelope: sender, recipients"),
        ("own.py:2: AttributeError: 'Message' object has no attribute 'get'", 'mail.message.headers.get("Name")'),
        ("own.py:2: AttributeError: 'NoneType' object has no attribute 'lower'", 'write (… or "")'),
        ("own.py:2: TypeError: argument of type 'NoneType' is not iterable", 'write (… or "")'),
        ("own.py:1: ModuleNotFoundError: No module named 'requests'", "must stand beside the file, or be installed"),
        ("own.py:1: ImportError: cannot import name 'rejct' from 'mailscan' (x)", "there are reject, tempfail"),
        ("own.py:2: ZeroDivisionError: division by zero", ""),
        ("own.py:2: NameError: name 'foo' is not defined", ""),
    ],
)
def test_errors_worded_for_programmers_have_a_hint(why: str, meant: str) -> None:
    assert hint(why) if meant else not hint(why)
    assert meant in hint(why)


def test_the_public_names_are_there() -> None:
    for name in PUBLIC:
        assert getattr(public, name)


def test_try_and_check_tell_of_both(tmp_path: Path) -> None:
    own, policy = tmp_path / "own.py", tmp_path / "policy.toml"
    policy.write_text('[[filter]]\nuse = "./own.py"\n')
    own.write_text("def check(mail, outside):\n    return True\n")
    for words in (["try", str(own)], ["check", str(policy)]):
        done = mailscan(*words)
        assert (done.status, done.out, done.err.count("\n")) == (1, b"", 1)
        assert f"{own}:2: check returns True" in done.err
    own.write_text(START + "def check(mail, outside):\n    reject('x')\n")
    for words in (["try", str(own)], ["check", str(policy)]):
        done = mailscan(*words)
        assert (done.status, done.err) == (0, "")
        assert f"{own}:5: what `reject(…)` says is dropped" in done.out.decode()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["try", "owm.py", "one.eml"], "owm.py: No such file or directory; did you mean own.py?"),
        (["try", "own", "one.eml"], "did you mean own.py?"),
        (["try", "nowhere/own.py", "one.eml"], "there is no folder nowhere"),
        (["try", "one.eml", "own.py"], "one.eml stands where the Python file is wanted"),
        (["check", "own.py"], "own.py is no policy; `mailscan try own.py MESSAGE`"),
        (["init", "nowhere/policy.toml"], "nowhere/policy.toml cannot be written: there is no directory nowhere"),
        (["init", "folder"], "folder is a directory; name a file, as folder/policy.toml"),
        (["test", "folder"], "folder: there is no case in it or below: a folder with message.eml and case.toml"),
        (["one.eml"], "a message is judged by `mailscan --file one.eml`"),
        (["filter"], "there is no command \"filter\"; did you mean 'filters'?"),
    ],
)
def test_words_of_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.py").write_text("def check(mail, outside):\n    pass\n")
    (tmp_path / "one.eml").write_text("Subject: x\n\n")
    (tmp_path / "folder").mkdir()
    done = mailscan(*words)
    assert done.status in (1, 75)
    assert said in done.err
    assert done.err.count("\n") == 1


CLASS = "class TooMany:\n    limit: int = 3\n    def check(self, mail, outside):\n        return reject('x')\n"
FUNCTION = "def check(mail, outside):\n    return None\n"


def test_a_class_beside_a_function_check_is_told_of_unless_it_is_used(tmp_path: Path) -> None:
    source = (START + CLASS + FUNCTION).encode()
    said = "own.py:4: the class `TooMany` is never asked: the function `check` in line 8 is; `:TooMany` behind `use`"
    (told,) = passed_over(source, "own.py")
    assert told.startswith(said)
    assert passed_over((START + CLASS).encode(), "own.py") == []
    assert passed_over((START + CLASS + FUNCTION.replace("None", "TooMany().check(mail, outside)")).encode(), "x") == []
    assert passed_over((START + CLASS.replace("check", "judge") + FUNCTION).encode(), "own.py") == []
    (tmp_path / "own.py").write_bytes(source)
    chosen = policy(tmp_path, '[[filter]]\nuse = "./own.py"\n')
    doubted = mailscan("check", chosen, stdin=b"").out.decode()
    assert "is this meant? own: " in doubted and "the class `TooMany` is never asked" in doubted
    tried = mailscan("try", str(tmp_path / "own.py")).out.decode()
    assert "the class `TooMany` is never asked" in tried
    named = policy(tmp_path, '[[filter]]\nuse = "./own.py:TooMany"\nlimit = 2\n')
    done = mailscan("check", named, stdin=b"")
    assert done.status == 0 and b"meant?" not in done.out
    assert mailscan("--policy", named).status == 77
