"""`mailscan mta-config`: what is printed can be installed as it is, and what would need quoting is refused."""

from __future__ import annotations

import os
import pwd
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from running import mailscan

from mailscan.cli import reach
from mailscan.errors import MailscanError
from mailscan.mtaconfig import DOORS, Snippet, snippet


@pytest.mark.parametrize("path", ["/bin/mail scan", "/bin/`id`", "mailscan", "/${x}", "/a'b", '/a"b', "/a\nb", "/é"])
def test_no_path_needs_quoting(path: str) -> None:
    """It would be split, expanded or worse by one mailer or another."""
    with pytest.raises(MailscanError, match="--command"):
        snippet("exim", path)
    with pytest.raises(MailscanError, match="--policy"):
        snippet("exim", "/usr/bin/mailscan", path)


def test_an_unknown_mailer_gets_the_list() -> None:
    done = mailscan("mta-config", "qmial")
    assert done.status == 1
    assert "exim, exim-pipe" in done.err and done.err.count("\n") == 1


@pytest.mark.parametrize("name", [name for name, door in DOORS.items() if door.daemon])
def test_what_needs_the_daemon_says_so(name: str) -> None:
    done = mailscan("mta-config", name)
    assert done.status == 1 and not done.out
    assert "resident daemon" in done.err


@pytest.mark.parametrize("beside", ["", "-python"])
@pytest.mark.parametrize("closed", ["", "home", "home/python", "bin", "bin/mailscan"])
def test_what_other_users_cannot_run_is_told(closed: str, beside: str) -> None:
    """Else every mail would wait: a command, or its virtual environment's Python, in a home that is closed to them.

    Not below pytest's own folder, which is closed to others.
    """
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        place = Path(name)
        for one in ("home", "bin", "venv"):
            (place / one).mkdir()
        (place / "home/python").write_text("")
        (place / "venv/python").symlink_to(place / "home/python")
        (place / "bin/mailscan").write_text("#!/bin/sh\n")
        (place / f"bin/mailscan{beside}").write_text(f"#!{place}/venv/python\nprint()\n")
        (place / "link").symlink_to(place / "bin/mailscan")
        for path in (place, *place.rglob("*")):
            path.chmod(0o755)
        (place / closed).chmod(0o700 if closed else 0o755)
        for command in ("bin/mailscan", "link"):
            done = mailscan("mta-config", "procmail", "--file", "1", "--command", f"{place}/{command}")
            assert done.status == 0 and f"{place}/{command}".encode() in done.out
            told = f"cannot run {place}/{command}: {place}/{closed} is closed to them" if closed else ""
            assert told in done.err and bool(done.err) == bool(closed), (command, done.err)


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that every user can reach, with a policy, a list and Python of its own; pytest's own is closed."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        place = Path(name)
        (place / "etc/lists").mkdir(parents=True)
        (place / "etc/lists/denied").write_text("joe@example.org\n")
        (place / "etc/own.py").write_text("def check(mail, outside):\n    return None\n")
        rules = ('use = "match"\nsenders = ["file:lists/denied"]\naction = "reject"', 'use = "./own.py"')
        (place / "etc/policy.toml").write_text("".join(f"[[filter]]\n{rule}\n" for rule in rules))
        (place / "link").symlink_to(place / "far")
        (place / "far").symlink_to("etc")
        for path in (place, *place.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)
        yield place


def warned(place: Path, policy: str, door: str = "procmail") -> list[str]:
    done = mailscan("mta-config", door, "--command", "/bin/sh", "--policy", f"{place}/{policy}")
    assert done.status == 0 and f"--policy {place}/{policy}".encode() in done.out
    return done.err.splitlines()


@pytest.mark.parametrize("way", ["etc", "link"])
@pytest.mark.parametrize("closed", ["", ".", "etc", "etc/policy.toml", "etc/lists", "etc/lists/denied", "etc/own.py"])
def test_a_policy_that_others_cannot_read_is_told(closed: str, way: str, place: Path) -> None:
    """And what it names: every mail would be put off."""
    assert warned(place, f"{way}/policy.toml") == []
    if not closed:
        return
    (place / closed).chmod(0o700 if (place / closed).is_dir() else 0o600)
    told = warned(place, f"{way}/policy.toml")
    assert told and all(" is closed to them; every mail is put off until" in line for line in told)
    where = place / closed
    assert any(
        line.startswith("mailscan: other users, as a mailer's, cannot read ") and f": {where} is" in line
        for line in told
    )


@pytest.mark.parametrize("policy", ["etc/none.toml", "nowhere/policy.toml", "etc"])
def test_a_policy_that_is_none_is_told(policy: str, place: Path) -> None:
    (line,) = warned(place, policy)
    assert f"{place}/{policy}" in line and ("there is no" in line or "is a directory" in line)


def test_whose_group_may_read_it_is_counted(place: Path) -> None:
    """As /etc/mailscan would be for Exim's user alone."""
    entry = pwd.getpwnam("nobody")
    (place / "etc/policy.toml").chmod(0o640)
    assert reach.closed(f"{place}/etc/policy.toml", reach.reader(["no-such-user", "nobody"]), reach.READ)
    facts = os.stat(place / "etc/policy.toml")
    member = reach.Reader("nobody", entry.pw_uid, frozenset([facts.st_gid]))
    owner = reach.Reader("owner", facts.st_uid)
    assert reach.closed(f"{place}/etc/policy.toml", member, reach.READ) == ""
    assert reach.closed(f"{place}/etc/policy.toml", owner, reach.READ) == ""
    # What a group is refused is not made up for by what all others may.
    (place / "etc/policy.toml").chmod(0o604)
    assert reach.closed(f"{place}/etc/policy.toml", member, reach.READ) == f"{place}/etc/policy.toml"


def test_a_loop_of_links_is_no_way(place: Path) -> None:
    (place / "a").symlink_to("b")
    (place / "b").symlink_to("a")
    assert reach.closed(f"{place}/a/x", reach.Reader(), reach.READ)


def test_a_script_that_can_be_run_and_not_read_is_told(place: Path) -> None:
    (place / "mailscan").write_text("#!/bin/sh\n")
    (place / "mailscan").chmod(0o711)
    done = mailscan("mta-config", "procmail", "--command", f"{place}/mailscan")
    assert f"cannot run {place}/mailscan: {place}/mailscan is closed to them" in done.err


@pytest.mark.parametrize("seconds", ["0", "nan", "-3", "4000"])
def test_a_timeout_out_of_range(seconds: str) -> None:
    done = mailscan("mta-config", "exim", "--timeout", seconds)
    assert done.status == 1 and "--timeout" in done.err


def test_the_list() -> None:
    listed = mailscan("mta-config").out.decode()
    assert [line.split()[0] for line in listed.splitlines()] == list(DOORS)


def test_files_are_cut_out_of_the_text() -> None:
    text = "# head\n# --- FILE: /a/b 0755 the guard ---\n#!/bin/sh\nexit 75\n# --- FILE: /c 0644 more ---\nx = 1\n"
    printed = Snippet(text)
    assert printed.text == text
    assert printed.files == [("/a/b", 0o755, "#!/bin/sh\nexit 75\n"), ("/c", 0o644, "x = 1\n")]


@pytest.mark.parametrize("name", [name for name, door in DOORS.items() if not door.daemon])
def test_every_door_has_its_text(name: str) -> None:
    """Whole, without a placeholder left, and each file of it by its number."""
    whole = mailscan("mta-config", name, "--command", "/usr/bin/mailscan", "--policy", "/etc/mailscan/policy.toml")
    text = whole.out.decode()
    assert "/usr/bin/mailscan" in text and "--policy /etc/mailscan/policy.toml" in text
    assert not any(left in text for left in ("@MAILSCAN@", "@POLICY@", "@TIMEOUT@"))
    printed = Snippet(text)
    assert printed.files and all(octets.strip() for _, _, octets in printed.files)
    for number, (_, _, octets) in enumerate(printed.files, 1):
        alone = mailscan("mta-config", name, "--command", "/usr/bin/mailscan", "--policy", "/etc/mailscan/policy.toml",
                         "--file", str(number))  # fmt: skip
        assert alone.out.decode() == octets
    beyond = mailscan("mta-config", name, "--file", str(len(printed.files) + 1))
    assert beyond.status == 1 and "--file" in beyond.err
