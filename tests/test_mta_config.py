"""`mailscan mta-config`: what is printed can be installed as it is, and what would need quoting is refused."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from running import mailscan

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
