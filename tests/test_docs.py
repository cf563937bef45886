"""What people read comes out of the code, and what it tells them to do works.

`pytest tests/test_docs.py --bless` writes the parts between `<!-- … -->` and `<!-- end -->`, and docs/filters.md.
"""

from __future__ import annotations

import importlib
import inspect
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from mailscan.filetype.extensions import named
from mailscan.filters.attachments import DEFAULT, GROUPS, Attachments
from mailscan.keys import options_of
from mailscan.policy import build_policy, filter_names, find_filter, load_policy

PROJECT = Path(__file__).parent.parent
FILTERS = PROJECT / "docs" / "filters.md"  # written whole
PAGES = [PROJECT / "README.md", *sorted(set((PROJECT / "docs").rglob("*.md")) - {FILTERS})]
MARKED = re.compile(r"(<!-- (mailscan|keys:) (.*?) -->\n).*?(<!-- end -->)", re.DOTALL)
MAIN_JOB, TEST_RUN = re.findall(
    r"^python3 -m venv --without-pip \.venv .*$", (PROJECT / "README.md").read_text("utf-8"), re.MULTILINE
)


def command(*args: str, **more: object) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "COLUMNS": "100", "NO_COLOR": "1"}
    words = [sys.executable, "-m", "mailscan", *args]
    return subprocess.run(words, capture_output=True, text=True, check=False, env=environ, cwd=PROJECT, **more)  # type: ignore[call-overload, no-any-return]


def help_block(args: str) -> str:
    return "```\n" + command(*args.split()).stdout + "```\n"


def keys_table(kind: type) -> str:
    rows = [
        f"| `{key}` | {one.read.__doc__} | {_default(one.default)} | {one.doc} |".replace("\n", " ")
        for key, one in options_of(kind).items()
    ]
    return "\n".join(["| key | value | when not said | |", "|---|---|---|---|", *rows]) + "\n"


def _default(value: object) -> str:
    if value is None or value in ((), ""):
        return "—"
    if isinstance(value, bool):
        return f"`{value}`".lower()
    if isinstance(value, tuple):
        return ", ".join(f"`{one}`" for one in value)
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


def written(page: str) -> str:
    def block(match: re.Match[str]) -> str:
        begin, kind, rest, end = match.groups()
        if kind == "mailscan":
            return begin + help_block(rest) + end
        module, _, name = rest.rpartition(".")
        return begin + keys_table(getattr(importlib.import_module(module), name)) + end

    return MARKED.sub(block, page)


def filters_page() -> str:
    parts = ["# The built-in filters\n\nWritten from the code (`mailscan filters NAME` shows the same).\n"]
    for name in filter_names():
        kind = find_filter(name)
        parts.append(f"## `{name}`\n\n{inspect.cleandoc(kind.__doc__ or '')}\n\n{keys_table(kind)}")
    return "\n".join(parts)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_pages_say_what_the_code_says(page: Path, request: pytest.FixtureRequest) -> None:
    text = page.read_text(encoding="utf-8")
    if request.config.getoption("--bless"):
        page.write_text(written(text), encoding="utf-8")
    assert written(text) == page.read_text(encoding="utf-8")


def test_the_page_of_filters_is_written_from_the_code(request: pytest.FixtureRequest) -> None:
    page = FILTERS
    if request.config.getoption("--bless"):
        page.write_text(filters_page(), encoding="utf-8")
    assert page.read_text(encoding="utf-8") == filters_page()


def test_the_page_of_attachments_names_every_group() -> None:
    page = inspect.cleandoc(Attachments.__doc__ or "")
    described = re.findall(r"^- `([a-z-]+)`: ", page, re.MULTILINE)
    assert described == list(GROUPS)
    assert described[: len(DEFAULT)] == list(DEFAULT)
    # Extensions that stand behind a group are of it.
    for group, line in re.findall(r"^- `([a-z-]+)`: (.*)$", page, re.MULTILINE):
        for ending in re.findall(r"`\.([a-z0-9-]+)`", line):
            assert named(ending)[0] == group, ending
    shown = (PROJECT / "docs/show.md").read_text(encoding="utf-8")
    assert all(f"`{group}`" in shown for group in GROUPS if group != "disguised")


def test_the_rules_of_the_page_of_attachments_work() -> None:
    page = inspect.cleandoc(Attachments.__doc__ or "")
    rules = "\n".join(line[4:] for line in page.splitlines() if line.startswith("    "))
    policy = build_policy("page", b"", tomllib.loads(rules), str(PROJECT))
    assert [rule.name for rule in policy.rules] == ["attachments", "look-twice"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


def test_the_main_job_of_the_readme_does_what_it_says() -> None:
    shell = MAIN_JOB.rpartition(" && ")[2].replace(".venv/bin/mailscan", f"{sys.executable} -m mailscan")
    done = subprocess.run(["sh", "-c", shell], capture_output=True, text=True, check=False, cwd=PROJECT)
    assert (done.returncode, done.stdout) == (77, "5.7.1 Spam not wanted here\n")
    assert "prints `5.7.1 Spam not wanted here` and exits with 77" in (PROJECT / "README.md").read_text("utf-8")


def test_ci_runs_the_test_command_of_the_readme() -> None:
    assert TEST_RUN.endswith("-m pytest")
    assert "sed -n '/^python3 .*pytest$/p' README.md" in (PROJECT / ".ci/run").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("recipient", "said"),
    [("joe@example.com", "deliver"), ("spamtrap@example.com", "refuse: 5.7.1 Spam not wanted here")],
)
def test_the_script_of_the_readme(tmp_path: Path, recipient: str, said: str) -> None:
    script = (PROJECT / "README.md").read_text("utf-8").partition("```sh\nreply=")[2].partition("```")[0]
    wrapper = tmp_path / "mailscan"
    wrapper.write_text(f'#!/bin/sh\nexec {sys.executable} -m mailscan "$@"\n')
    wrapper.chmod(0o755)
    environ = {
        **os.environ,
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "PYTHONPATH": str(PROJECT),
        "sender": "a@b.example",
        "recipient": recipient,
        "message": str(PROJECT / "testdata/messages/plain.eml"),
    }
    done = subprocess.run(["sh", "-c", "reply=" + script], capture_output=True, text=True, check=False, env=environ)
    assert done.stdout.strip() == said


def test_the_examples_are_policies_that_work() -> None:
    done = command("check", "examples/policy.toml")
    assert done.returncode == 0, done.stdout + done.stderr
    policy = load_policy(str(PROJECT / "examples/policy.toml"))
    assert len(policy.rules) == len(tomllib.loads((PROJECT / "examples/policy.toml").read_text("utf-8"))["filter"])
    message = b"From: Boss <boss@example.com>\nSubject: Casino\n\nx\n"
    words = [sys.executable, "-m", "mailscan", "--policy", "examples/policy.toml"]
    words += ["--sender", "x@bad.example", "--client-ip", "203.0.113.9"]
    judged = subprocess.run(words, input=message, capture_output=True, check=False, cwd=PROJECT)
    assert (judged.returncode, judged.stdout) == (77, b"5.7.1 That is not your domain\n")


def test_the_python_of_the_docs_works(tmp_path: Path) -> None:
    page = (PROJECT / "docs/your-own-python.md").read_text(encoding="utf-8")
    (tmp_path / "my_filters.py").write_text(page.partition("```python\n")[2].partition("```")[0])
    policy = page.partition("```toml\n")[2].partition("```")[0]
    words = [sys.executable, "-m", "mailscan", "--policy", str(tmp_path / "policy.toml"), "--client-ip", "198.51.100.1"]

    def judged(sender: str, header: str) -> tuple[int, str]:
        message = header + "\n\nx\n"
        done = subprocess.run([*words, "--sender", sender], input=message, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout

    (tmp_path / "policy.toml").write_text(policy)
    assert judged("x@bad.example", "From: Boss <boss@example.com>") == (0, "X-Mailscan-Tag: own-domain\n")
    (tmp_path / "policy.toml").write_text(policy.partition("action =")[0])
    assert judged("x@bad.example", "From: Boss <boss@Example.com>") == (77, "5.7.1 That is not your domain\n")
    for sender, header in (
        ("Bob@EXAMPLE.COM", "From: bob@example.com"),
        ("joe@example.com.au", "From: joe@example.com.au"),
        ("", "From: mailer@example.com"),
        ("list-bounces@lists.example", "List-Id: <x.lists.example>\nFrom: bob@example.com"),
    ):
        assert judged(sender, header) == (0, ""), header


def test_the_class_of_the_docs_works(tmp_path: Path) -> None:
    page = (PROJECT / "docs/your-own-python.md").read_text(encoding="utf-8")
    page = page.partition("## A class with keys of its own")[2]
    (tmp_path / "too_many.py").write_text(page.partition("```python\n")[2].partition("```")[0])
    (tmp_path / "policy.toml").write_text(page.partition("```toml\n")[2].partition("```")[0])
    (tmp_path / "our-lists").write_text("list@example.com\n")
    chosen = str(tmp_path / "policy.toml")
    assert command("check", chosen).stdout.startswith(f"{chosen}: no mistakes; ")
    for count, sender, owed in ((20, "x@y.example", 0), (21, "x@y.example", 77), (21, "list@example.com", 0)):
        rcpts = ",".join(f"{number}@example.com" for number in range(count))
        words = [sys.executable, "-m", "mailscan", "--policy", chosen, "--sender", sender, "--rcpt", rcpts]
        done = subprocess.run(words, input="Subject: x\n\nx\n", capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (owed, "5.7.1 Too many recipients\n" if owed else ""), done.stderr
    shown = command("filters", str(tmp_path / "too_many.py")).stdout
    assert "so many are borne" in shown and "senders who may" in shown
