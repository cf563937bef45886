"""What somebody plants where a file is to be written is neither followed nor kept."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from running import ENVIRON, START, mailscan

from mailscan import journal
from mailscan.newfile import in_place, is_device, open_own

LETTER = b"From joe@example.org Sat Feb 24 10:21:37 1996\nFrom: joe@example.org\nSubject: free x\n\nHello\n\n"
VICTIM = "not to be touched"


def link(path: Path, victim: Path) -> None:
    path.symlink_to(victim)


def dangling(path: Path, victim: Path) -> None:
    path.symlink_to(victim.with_name("made-through-the-link"))


def second_name(path: Path, victim: Path) -> None:
    os.link(victim, path)


def open_to_all(path: Path, victim: Path) -> None:
    path.write_text("planted")
    path.chmod(0o666)


PLANTS = [link, dangling, second_name, open_to_all]
Plant = Callable[[Path, Path], None]


class Folder:
    """A folder with an mbox and a file that nobody is to write to."""

    def __init__(self, folder: Path) -> None:
        self.path = folder
        self.victim = folder / "victim"
        self.victim.write_text(VICTIM)
        self.mbox = folder / "a.mbox"
        self.mbox.write_bytes(LETTER)
        (folder / "old.toml").write_text("")
        (folder / "new.toml").write_text('[[filter]]\nuse = "subject"\nprefixes = ["free"]\naction = "reject"\n')

    def is_sound(self) -> bool:
        return self.victim.read_text() == VICTIM and not (self.path / "made-through-the-link").exists()


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    os.umask(0o022)
    return Folder(tmp_path)


@pytest.mark.parametrize("plant", PLANTS)
@pytest.mark.parametrize("ending", ["jsonl", "csv", "sqlite", "parquet"])
def test_rows_go_past_what_was_planted(folder: Folder, ending: str, plant: Plant) -> None:
    for place in ("", ".partial", ".partial.new", ".progress.new"):
        out = folder.path / f"x{place.replace('.', '-')}.{ending}"
        plant(Path(f"{out}{place}"), folder.victim)
        done = mailscan("audit", "--out", str(out), str(folder.mbox), stdin=b"")
        assert done.status == 0, (place, done.err)
        assert out.stat().st_mode & 0o777 == 0o600 and not out.is_symlink() and out.stat().st_nlink == 1, place
        assert folder.is_sound(), place
        unused = [Path(f"{out}{place}")] if (ending, place) == ("jsonl", ".partial.new") else []
        assert list(folder.path.glob(f"{out.name}.*")) == unused, place
    if ending == "sqlite":
        with sqlite3.connect(out) as database:
            assert database.execute("SELECT subject FROM mail").fetchall() == [("free x",)]


@pytest.mark.parametrize("plant", PLANTS)
def test_pages_and_records_go_past_it_too(folder: Folder, plant: Plant) -> None:
    compared = ["backtest", "new.toml", "--against", "old.toml", "--allow", "9", "a.mbox"]
    for words, name in (
        (["audit", "a.mbox", "--html"], "a.html"),
        ([*compared, "--html"], "b.html"),
        ([*compared, "--out"], "b.jsonl"),
        (["scan", "--policy", "old.toml", "--file", "a.mbox", "--record"], "r"),
    ):
        for place in ("", ".partial"):
            out = folder.path / name
            planted = Path(f"{out}{place}")
            plant(planted, folder.victim)
            done = subprocess.run([*START, *words, name], cwd=folder.path, env=ENVIRON, capture_output=True, input=b"")
            assert done.returncode == 0, (words, done.stderr)
            assert out.stat().st_mode & 0o777 == 0o600 and not out.is_symlink() and out.stat().st_nlink == 1, words
            assert folder.is_sound(), words
            planted.unlink()
            out.unlink(missing_ok=True)


@pytest.mark.parametrize("which", [".partial", ".progress"])
@pytest.mark.parametrize("plant", PLANTS)
def test_no_run_goes_on_with_it(folder: Folder, plant: Plant, which: str) -> None:
    out = folder.path / "x.jsonl"
    for one in (".partial", ".progress"):
        Path(f"{out}{one}").write_text("")
    Path(f"{out}{which}").unlink()
    plant(Path(f"{out}{which}"), folder.victim)
    done = mailscan("audit", "--resume", "--out", str(out), str(folder.mbox), stdin=b"")
    assert done.status == 1 and "remove it to begin anew" in done.err, done.err
    assert folder.is_sound() and not out.exists()


def test_a_file_of_another_user_is_not_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = tmp_path / "x"
    theirs.write_text("")
    open_own(str(theirs)).close()
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(OSError, match="belongs to uid"):
        open_own(str(theirs))


def test_init_writes_through_no_link(folder: Folder) -> None:
    (folder.path / "p.toml").symlink_to(folder.path / "made-through-the-link")
    done = mailscan("init", str(folder.path / "p.toml"), stdin=b"")
    assert done.status == 1 and "exists and is left as it is" in done.err and folder.is_sound()


def test_what_comes_out_of_a_case_is_written_through_no_link(folder: Folder) -> None:
    case = folder.path / "case"
    case.mkdir()
    (case / "message.eml").write_bytes(LETTER)
    (case / "case.toml").write_text('why = "x"\n[[filter]]\nuse = "subject"\nprefixes = ["ADV:"]\naction = "reject"\n')
    (case / "expected.json").symlink_to(folder.victim)
    done = mailscan("test", "--bless", str(case), stdin=b"")
    assert done.status == 1 and b"symbolic link" in done.out and folder.is_sound(), done.err


def test_what_is_there_stands_until_all_is_written(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("before")
    with pytest.raises(ZeroDivisionError), in_place(str(path)) as file:
        file.write(b"after")
        raise ZeroDivisionError
    assert path.read_text() == "before" and list(tmp_path.iterdir()) == [path]


def test_a_link_counts_as_a_device_only_where_the_system_keeps_it(tmp_path: Path) -> None:
    (tmp_path / "planted").symlink_to("/dev/null")
    assert is_device("/dev/null") and not is_device(str(tmp_path / "planted"))
    with in_place(str(tmp_path / "planted")) as file:
        file.write(b"x")
    assert (tmp_path / "planted").read_bytes() == b"x"


def test_standard_output_is_still_a_place(folder: Folder) -> None:
    words = [*START, "scan", "--policy", str(folder.path / "old.toml"), "--record", "/dev/stdout"]
    done = subprocess.run([*words, "--format", "text"], env=ENVIRON, capture_output=True, input=LETTER)
    assert done.returncode == 0 and json.loads(done.stdout)["answers"] == [], done.stderr
    with open(folder.path / "kept", "wb") as file:
        done = subprocess.run(words, env=ENVIRON, stdout=file, stderr=subprocess.PIPE, input=LETTER)
    assert done.returncode == 75 and b"link of the system; name the file itself" in done.stderr


def test_a_log_follows_a_link_of_ours_and_no_one_elses(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(_: bytes) -> None:
        raise AssertionError

    log = folder.path / "log"
    log.symlink_to(folder.path / "elsewhere")
    assert journal.write(str(log), "one", never) == ""
    assert (folder.path / "elsewhere").read_text() == "one\n"
    if os.getuid() == 0:
        os.lchown(log, 65534, 65534)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    assert "is a link that uid" in journal.write(str(log), "two", never)
    assert (folder.path / "elsewhere").read_text() == "one\n"
