"""What Python 3 cannot parse is told line by line; what it can parse, and what stands in strings, is left alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailscan.elspy.oldpython import problems, summary

# A mistake of syntax that is none of Python 2's, so that the lines before it are looked at.
BROKEN = "\nthis is no Python\n"


def told(source: str) -> list[tuple[int, str]]:
    """(line, what) of each problem."""
    lines = problems(source.encode("utf-8"), "x.py")
    return [(int(line.split(":")[1]), line.split(":", 2)[2].strip()) for line in lines]


def test_what_python_3_parses_is_left_alone() -> None:
    for source in ("", "print('x')\n", "x = 1  # print 'x' <> `y` 0777\n", 'def f():\n\t"""print x"""\n\treturn 0\n'):
        assert problems(source.encode(), "x.py") == []


@pytest.mark.parametrize(
    "source",
    [
        "print('a', 'b')",
        "print = 3",
        "x.print",
        "'''\nprint 'a'\nexcept A, b:\n'''",
        '"print `a` <> 0777 10L"',
        "# raise E, 'x'",
        "except_ = 1, 2",
        "raise E('a, b', c)",
        "raise E",
        "try:\n    pass\nexcept (A, B):\n    pass",
        "try:\n    pass\nexcept A as e:\n    pass",
        "exec('x', {})",
        "x = None\nif x == None: pass\nf(True, x=3)",
        "x = 0o777 + 0 + 00 + 0x07 + 10.05 + 1e07 + a07",
        "x = 10 * L",
        "def f(a=(1, 2), *b): pass",
        "x = lambda: (1, 2)",
        "x = (a,\n\tb,\n    c)",
        "if x:\n\treturn_ = 1\nif y:\n    return_ = 2",
        "s = 'it\\'s' # print x",
        "s = r'\\\\' + 'print x'",
    ],
)
def test_what_only_looks_like_python_2_is_not_told(source: str) -> None:
    found = told(source + BROKEN)
    assert [what for _, what in found] == ["Python 3 cannot read this line: invalid syntax"], found


@pytest.mark.parametrize(
    ("source", "what"),
    [
        ("print 'a', b", "print is a function: write `print('a', b)`"),
        ("print", "print is a function: write `print()`"),
        ("if x: print x; print y,", 'print is a function: write `print(y, end=" ")`'),
        ("print >>log, 'a' % b", "print is a function: write `print('a' % b, file=log)`"),
        ("print >>log", "print is a function: write `print(file=log)`"),
        ("try: pass\nexcept A, e: pass", "write `except A as e:`"),
        ("try: pass\nexcept (A, B.c), e:\n  pass", "write `except (A, B.c) as e:`"),
        ("x = `a.b`", "backticks are gone: write `repr(a.b)`"),
        ("raise E, 'no'", "write `raise E('no')`"),
        ("if x: raise a.E, 'no %s' % x", "write `raise a.E('no %s' % x)`"),
        ("raise E, 'a, b', tb", "write `raise E('a, b').with_traceback(tb)`"),
        ("raise x[0], f(1, 2), x[2]", "write `raise x[0](f(1, 2)).with_traceback(x[2])`"),
        ("try: pass\nexcept E, (a, b): pass", "write `except E as error:`, and below it `(a, b) = error.args`"),
        ("True, False = 1, 0", "True is a word of Python 3: nothing else can be called so"),
        ("async = None", "async is a word of Python 3"),
        ("raise 'no'", "a text cannot be raised: write `raise RuntimeError(…)`"),
        ("if a <> b: pass", "write `!=` for `<>`"),
        ("os.umask(0077)", "an octal number has an o: write `0o077` for `0077`"),
        ("x = 10L", "numbers have no L: write `10` for `10L`"),
        ("x = 0xFFl", "numbers have no L: write `0xFF` for `0xFFl`"),
        ('x = ur"\\d"', 'strings have no prefix ur: write r"…"'),
        ("exec code in names", "exec is a function: write `exec(code, names)`"),
        ("def f(a, (b, c)): pass", "a parameter cannot be a tuple: give it one name, and take it apart in the first"),
        ("f = lambda (a, b): a", "a parameter cannot be a tuple: give it one name, and take it apart in the first"),
        ("if x:\n        a\n\tb", "tabs and blanks are mixed: indent it with 8 blanks"),
        ("if x:\n\ta\n        b", "tabs and blanks are mixed: indent it with 8 blanks"),
    ],
)
def test_each_of_them_is_told_with_what_to_write(source: str, what: str) -> None:
    found = told(source + BROKEN)
    assert any(said.startswith(what) for _, said in found), found


def test_every_line_is_told_and_not_only_the_first() -> None:
    source = "import os\n" + "print 'a'\n" * 50 + "x = '''\nprint 'b'\n'''\nif a <> `b`:\n    pass\n"
    found = told(source)
    assert [line for line, _ in found] == [*range(2, 52), 55, 55]
    said = summary(problems(source.encode(), "x.py"))
    assert said == "x.py:2: print is a function: write `print('a')` (and 51 more lines; `mailscan check` lists them)"
    assert summary(["x.py:1: y"]) == "x.py:1: y"


def test_a_mistake_of_another_kind_has_its_own_line() -> None:
    assert told("x = (1,\n")[0][1].startswith("Python 3 cannot read this line: '(' was never closed")
    assert told("x = 1\ndef f()\n    pass\n") == [(2, "Python 3 cannot read this line: expected ':'")]
    assert problems(b"x\0", "x.py"), "a NUL"
    assert problems(b"# -*- coding: nobody -*-\n", "x.py")
    assert problems(b"x = '\xe9'\nprint x\n", "x.py"), "Latin-1 without a declaration"


def test_when_all_is_changed_as_told_python_3_parses_it() -> None:
    changes = {
        "print 'x', `fd`": "print('x', repr(fd))",
        "OSError, e": "OSError as e",
        "ValueError, 'no'": "ValueError('no')",
        "<> 0777": "!= 0o777",
        "10L": "10",
    }
    old = "import os\n\ndef f(fd):\n    try:\n        print 'x', `fd`\n    except OSError, e:\n"
    old += "        raise ValueError, 'no'\n"
    new = old = old + "    if fd <> 0777:\n        return 10L\n"
    for what, instead in changes.items():
        new = new.replace(what, instead)
    assert {line for line, _ in told(old)} == {5, 6, 7, 8, 9}
    assert told(new) == []


@given(st.text(alphabet="print`<>'\"\\#,;:()\n\t 0L7urexcraise"), st.text(max_size=20))
def test_nothing_in_a_file_raises(source: str, more: str) -> None:
    for octets in (source.encode(), (source + more).encode("utf-8", "replace"), source.encode()[::-1]):
        for line in problems(octets, "x.py"):
            assert "\n" not in line


def test_a_large_file_takes_no_time(tmp_path: Path) -> None:
    hard = tmp_path / "hard.py"
    for source in (
        "print 'a'\n" * 20_000,
        "'" * 200_000,
        '"""' + "\\" * 200_000,
        "`" * 200_000,
        "raise " * 50_000,
        "(" * 90 + "\n\t x\n" * 20_000,
        "def f(" + "(a, " * 20_000,
        "print " * 40_000,
        "lambda " * 40_000,
    ):
        hard.write_text(source + BROKEN)
        code = "import sys; from mailscan.elspy.oldpython import problems as p\n"
        code += "print(len(p(open(sys.argv[1], 'rb').read(), 'x')))"
        done = subprocess.run(
            [sys.executable, "-c", code, str(hard)], capture_output=True, text=True, check=True, timeout=8
        )
        assert int(done.stdout) > 0
