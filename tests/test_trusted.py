"""What anyone but us may write to is refused, by root and by others: files, folders on their way, links, groups."""

from __future__ import annotations

import grp
import os
import pwd
import re
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import PROJECT
from running import QUIET, failed, mailscan, policy

from mailscan import accounts
from mailscan.trusted import Others, check_code, check_file, check_folder, read_trusted

ROOT, JOE, ANN, EXIM = 0, 31001, 31002, 31003
TEAM, MAILERS, NOBODYS = 32000, 32001, 32002
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away and become somebody else")


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder of root's that every user can reach: pytest's own are closed."""
    made = Path(tempfile.mkdtemp(dir="/tmp"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


@pytest.fixture(autouse=True)
def people(monkeypatch: pytest.MonkeyPatch) -> None:
    """Users and groups of a machine: most users have a group of their own, joe and ann have one in common."""
    users = [("root", ROOT, 0), ("joe", JOE, JOE), ("ann", ANN, ANN), ("exim", EXIM, EXIM), ("bob", 31004, MAILERS)]
    groups = {ROOT: [], JOE: [], ANN: ["ann"], EXIM: [], TEAM: ["joe", "ann"], MAILERS: ["exim"], NOBODYS: []}
    entries = [pwd.struct_passwd((name, "x", uid, gid, "", "/", "/bin/sh")) for name, uid, gid in users]
    names = {one.pw_name: one for one in entries}
    monkeypatch.setattr(pwd, "getpwall", lambda: entries)
    monkeypatch.setattr(pwd, "getpwnam", names.__getitem__)
    monkeypatch.setattr(pwd, "getpwuid", {one.pw_uid: one for one in entries}.__getitem__)
    entry = {gid: grp.struct_group((f"group{gid}", "x", gid, members)) for gid, members in groups.items()}
    monkeypatch.setattr(grp, "getgrgid", entry.__getitem__)


def words(uid: int, work: Callable[[], object]) -> str:
    """What `work` refuses, in its words, done by this user; "" for nothing. In a child, if that is somebody else."""
    if uid == os.geteuid():
        return _words(work)
    read, write = os.pipe()
    if (child := os.fork()) == 0:
        try:
            os.setgroups([])
            os.setgid(uid)
            os.setuid(uid)
            os.write(write, _words(work).encode())
        finally:
            os._exit(0)
    os.close(write)
    with open(read, encoding="utf-8") as answer:
        told = answer.read()
    os.waitpid(child, 0)
    return told


def _words(work: Callable[[], object]) -> str:
    try:
        work()
    except ValueError as error:
        return str(error)
    except BaseException as error:  # noqa: BLE001 - the test compares the words
        return f"{type(error).__name__}: {error}"
    return ""


def built(folder: Path, owner: int, group: int, mode: int, above: tuple[int, int, int] = (0, 0, 0o755)) -> Path:
    """folder/grand/parent/file, the file with this owner, group and mode, and `grand` with those of `above`."""
    (folder / "grand" / "parent").mkdir(parents=True)
    path = folder / "grand" / "parent" / "file"
    path.write_text("x")
    for one, (uid, gid, bits) in ((path, (owner, group, mode)), (folder / "grand", above)):
        os.chown(one, uid, gid)
        one.chmod(bits)
    return path


FILES = [
    # who, owner, group, mode, what of the words follows the path
    (ROOT, ROOT, ROOT, 0o644, ""),
    (ROOT, ROOT, ROOT, 0o664, ""),
    (ROOT, ROOT, ROOT, 0o666, "anyone may write to it; chmod o-w FILE (it is root's, mode 0666)"),
    (ROOT, ROOT, JOE, 0o664, f"the members of group group{JOE} may write to it; chmod g-w FILE (it is root's, mode"),
    (ROOT, ROOT, JOE, 0o640, ""),
    (ROOT, ROOT, TEAM, 0o664, "the members of group group32000 may write to it; chmod g-w FILE"),
    (ROOT, ROOT, NOBODYS, 0o664, "the members of group group32002 may write to it"),
    (ROOT, ROOT, 32999, 0o664, "the members of group 32999 may write to it"),
    (ROOT, JOE, JOE, 0o644, f"belongs to uid {JOE}, and we run as root; chown root FILE (it is joe's, mode 0644)"),
    (JOE, JOE, JOE, 0o644, ""),
    (JOE, JOE, JOE, 0o664, ""),
    (JOE, JOE, TEAM, 0o664, "the members of group group32000 may write to it; chmod g-w FILE (it is joe's, mode 0664)"),
    (JOE, JOE, NOBODYS, 0o664, "the members of group group32002 may write to it"),
    (JOE, ROOT, ROOT, 0o644, ""),
    (JOE, ROOT, JOE, 0o664, ""),
    (JOE, ANN, ANN, 0o644, f"belongs to uid {ANN}, and neither to us (uid {JOE}) nor to root; chown root FILE"),
    (JOE, ANN, JOE, 0o664, f"belongs to uid {ANN}, and neither to us"),
    (JOE, JOE, ANN, 0o664, f"the members of group group{ANN} may write to it"),
    (EXIM, ROOT, ROOT, 0o644, ""),
    (EXIM, ROOT, EXIM, 0o640, ""),
    (EXIM, ROOT, EXIM, 0o660, ""),
    (EXIM, ROOT, MAILERS, 0o664, "the members of group group32001 may write to it"),
    (33333, ROOT, ROOT, 0o644, ""),
    (33333, JOE, JOE, 0o644, f"belongs to uid {JOE}, and neither to us (uid 33333) nor to root"),
]  # fmt: skip


@needs_root
@pytest.mark.parametrize(("who", "owner", "group", "mode", "why"), FILES)
def test_files(folder: Path, who: int, owner: int, group: int, mode: int, why: str) -> None:
    path = built(folder, owner, group, mode)
    told = words(who, lambda: read_trusted(str(path)))
    assert told.startswith(f"{path}: {why.replace('FILE', str(path))}" if why else "")
    assert bool(told) == bool(why), told


FOLDERS = [
    (ROOT, (ROOT, ROOT, 0o755), ""),
    (ROOT, (ROOT, ROOT, 0o1777), ""),
    (ROOT, (ROOT, TEAM, 0o1775), ""),
    (ROOT, (ROOT, ROOT, 0o777), "anyone may write to it; chmod o-w GRAND (it is root's, mode 0777"),
    (ROOT, (ROOT, TEAM, 0o2775), "the members of group group32000 may write to it; chmod g-w GRAND"),
    (ROOT, (JOE, JOE, 0o755), f"belongs to uid {JOE}, and we run as root; chown root GRAND"),
    (ROOT, (JOE, JOE, 0o1777), f"belongs to uid {JOE}, and we run as root; chown root GRAND"),
    (JOE, (JOE, JOE, 0o775), ""),
    (JOE, (ROOT, ROOT, 0o755), ""),
    (JOE, (ROOT, ROOT, 0o1777), ""),
    (JOE, (ANN, ANN, 0o755), f"belongs to uid {ANN}, and neither to us (uid {JOE}) nor to root; chown root GRAND"),
    (JOE, (JOE, TEAM, 0o775), "the members of group group32000 may write to it; chmod g-w GRAND"),
    (EXIM, (JOE, JOE, 0o755), f"belongs to uid {JOE}, and neither to us"),
]  # fmt: skip


@needs_root
@pytest.mark.parametrize(("who", "above", "why"), FOLDERS)
def test_folders_two_above(folder: Path, who: int, above: tuple[int, int, int], why: str) -> None:
    path = built(folder, ROOT, ROOT, 0o644, above)
    grand = folder / "grand"
    wanted = f"{grand}: {why.replace('GRAND', str(grand)).replace('FILE', str(path))}" if why else ""
    os.chdir(path.parent)
    try:
        for work in (
            lambda: read_trusted(str(path)),
            lambda: read_trusted("../parent/./file"),
            lambda: check_file(str(path)),
            lambda: check_code(str(path), set()),
            lambda: check_folder(str(path.parent)),
        ):
            told = words(who, work)
            assert bool(told) == bool(wanted), told
            assert told.startswith(wanted.partition(", on the way")[0])
    finally:
        os.chdir(PROJECT)


@needs_root
def test_links(folder: Path) -> None:
    path = built(folder, ROOT, ROOT, 0o644)
    link = folder / "link"
    link.symlink_to(path)
    assert words(JOE, lambda: read_trusted(str(link))) == ""
    os.lchown(link, ANN, ANN)
    why = f"{link}: belongs to uid {ANN}, and neither to us (uid {JOE}) nor to root; chown -h root {link} (it is ann's"
    assert words(JOE, lambda: read_trusted(str(link))).startswith(why)
    assert words(ANN, lambda: read_trusted(str(link))) == ""
    assert f"chown -h root {link}" in words(ROOT, lambda: read_trusted(str(link)))
    os.lchown(link, ROOT, ROOT)
    path.parent.chmod(0o777)
    assert words(JOE, lambda: read_trusted(str(link))).startswith(f"{path.parent}: anyone may write to it; chmod o-w ")
    path.parent.chmod(0o755)
    os.chown(folder / "grand", ANN, ANN)
    assert words(JOE, lambda: read_trusted(str(link))).startswith(f"{folder}/grand: belongs to uid {ANN}, ")
    os.chown(folder / "grand", ROOT, ROOT)
    # By way of a second link, of a folder, relative, and upwards from where it leads.
    (folder / "shared").mkdir()
    (folder / "shared" / "inner").symlink_to("../grand/parent")
    round_about = f"{folder}/shared/inner/../parent/file"
    assert words(JOE, lambda: read_trusted(round_about)) == ""
    (folder / "shared").chmod(0o777)
    assert words(JOE, lambda: read_trusted(round_about)).startswith(f"{folder}/shared: anyone may write to it")
    (folder / "shared").chmod(0o1777)
    assert words(JOE, lambda: read_trusted(round_about)) == ""
    os.lchown(folder / "shared" / "inner", ANN, ANN)
    assert words(JOE, lambda: read_trusted(round_about)).startswith(f"{folder}/shared/inner: belongs to uid {ANN}")


def test_links_in_a_ring_are_an_error_of_one_line(folder: Path) -> None:
    (folder / "one").symlink_to("two")
    (folder / "two").symlink_to("one")
    for work in (read_trusted, check_file, check_folder):
        told = words(os.geteuid(), lambda work=work: work(str(folder / "one")))  # type: ignore[misc]
        assert "links" in told and "\n" not in told


def test_a_folder_of_code_is_not_shared_even_if_sticky(folder: Path) -> None:
    path = folder / "own.py"
    path.write_text("")
    folder.chmod(0o1777)
    assert words(os.geteuid(), lambda: read_trusted(str(path))) == ""
    why = f"{folder}: anyone may put files into it; a directory of your own is wanted"
    assert words(os.geteuid(), lambda: check_folder(str(folder))) == why
    assert words(os.geteuid(), lambda: check_code(str(path), set())) == why


@needs_root
def test_code_that_is_beside_it(folder: Path) -> None:
    (folder / "sibling.py").write_text("")
    os.chown(folder / "sibling.py", ANN, ANN)
    assert words(JOE, lambda: check_folder(str(folder))).startswith(f"{folder}/sibling.py: belongs to uid {ANN}")
    assert words(ANN, lambda: check_folder(str(folder))) == ""
    os.chown(folder / "sibling.py", ROOT, TEAM)
    (folder / "sibling.py").chmod(0o664)
    assert "group group32000 may write" in words(JOE, lambda: check_folder(str(folder)))


@needs_root
def test_who_may_write_where_mailscan_is_installed_may_write_filters_there(folder: Path) -> None:
    (folder / "site").mkdir()
    os.chown(folder / "site", ANN, MAILERS)
    (folder / "site").chmod(0o2775)
    path = folder / "site" / "filters.py"
    path.write_text("")
    os.chown(path, ANN, MAILERS)
    path.chmod(0o664)
    installers = Others(str(folder / "site"))
    assert words(JOE, lambda: check_file(str(path), installers)) == ""
    assert words(JOE, lambda: check_file(str(path))) != ""
    path.chmod(0o666)
    assert "anyone may write" in words(JOE, lambda: check_file(str(path), installers))
    path.chmod(0o664)
    assert "we run as root" in words(ROOT, lambda: check_file(str(path), installers))
    (folder / "site").chmod(0o755)
    assert "group32001 may write" in words(JOE, lambda: check_file(str(path), Others(str(folder / "site"))))


@needs_root
def test_an_access_list_is_not_taken_for_a_private_group(folder: Path) -> None:
    path = built(folder, JOE, JOE, 0o664)
    nobody = 0xFFFFFFFF
    entries = [(1, 6, nobody), (2, 6, ANN), (4, 4, nobody), (16, 6, nobody), (32, 4, nobody)]
    try:
        octets = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *one) for one in entries)
        os.setxattr(path, "system.posix_acl_access", octets)
    except OSError as error:
        pytest.skip(f"a file system without access lists: {error}")
    assert f"{path}: the members of group" in words(JOE, lambda: read_trusted(str(path)))


def test_where_a_user_namespace_does_not_know_the_owner_of_the_root_directory(folder: Path) -> None:
    unshare = ["unshare", "--user", "--map-user=0", "true"]
    if not shutil.which("unshare") or subprocess.run(unshare, check=False, capture_output=True).returncode:
        pytest.skip("no user namespaces here")
    path = folder / "policy.toml"
    path.write_text("")
    if os.geteuid() == 0:
        os.chown(folder, JOE, JOE)
        os.chown(path, JOE, JOE)
    code = "import sys; from mailscan.trusted import read_trusted; read_trusted(sys.argv[1])"
    command = ["/usr/bin/python3", "-c", code, str(path)]
    become = ["setpriv", f"--reuid={JOE}", f"--regid={JOE}", "--clear-groups"] if os.geteuid() == 0 else []
    inside = [*become, "unshare", "--user", "--map-user=0", *command]
    done = subprocess.run(inside, check=False, capture_output=True, text=True, env={"PYTHONPATH": str(PROJECT)})
    assert done.returncode == 0, done.stderr


def test_membership() -> None:
    assert accounts.is_private(JOE, {JOE})
    assert accounts.is_private(ANN, {ANN, ROOT})
    assert not accounts.is_private(JOE, {ANN})
    assert not accounts.is_private(TEAM, {JOE})
    assert accounts.is_private(TEAM, {JOE, ANN})
    assert not accounts.is_private(MAILERS, {EXIM})
    assert not accounts.is_private(NOBODYS, {JOE})
    assert not accounts.is_private(39999, {JOE})


@needs_root
@pytest.mark.parametrize("what", ["policy.toml", "list.txt", "own.py", "sibling.py"])
def test_a_scan_and_check_refuse_each_kind_of_file(folder: Path, what: str) -> None:
    (folder / "list.txt").write_text("joe@example.org\n")
    (folder / "sibling.py").write_text("")
    (folder / "own.py").write_text("import sibling\ndef check(mail, outside):\n    pass\n")
    rules = '[[filter]]\nuse = "match"\nsenders = "file:list.txt"\naction = "tag"\n[[filter]]\nuse = "./own.py"\n'
    path = policy(folder, QUIET + rules)
    assert mailscan("--policy", path).status == 0
    for owner, group, mode, why in (
        (31001, 0, 0o644, "belongs to uid 31001, and we run as root; chown root "),
        (0, 39999, 0o664, "the members of group 39999 may write to it; chmod g-w "),
    ):
        os.chown(folder / what, owner, group)
        (folder / what).chmod(mode)
        failed(mailscan("--policy", path), re.escape(f"{folder}/{what}: {why}{folder}/{what}"))
        checked = mailscan("check", path)
        assert checked.status == 1
        assert f"{folder}/{what}: {why}" in checked.err
