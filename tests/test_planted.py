"""Code that somebody else may plant beside a postmaster's own never runs, wherever the file imports it from."""

from __future__ import annotations

import importlib.util
import os
import py_compile
from collections.abc import Callable
from pathlib import Path

import pytest
from running import QUIET, failed, mailscan, policy

OWN = "{}\nfrom mailscan import reject\ndef check(mail, outside):\n    return reject('It ran: ' + X) if X else None\n"


def in_a_package(folder: Path) -> Path:
    (folder / "pkg").mkdir()
    (folder / "pkg" / "__init__.py").write_text("")
    (folder / "pkg" / "deep").mkdir()  # a namespace, without a file of its own
    (folder / "pkg" / "deep" / "inner.py").write_text("X = ''\n")
    return folder / "pkg" / "deep" / "inner.py"


def beside_it(folder: Path) -> Path:
    (folder / "sibling.py").write_text("X = ''\n")
    return folder / "sibling.py"


def bytecode(source: Path, mode: int) -> Path:
    """What Python would run in the place of `source`: of the same time and size, and with something else in it."""
    facts = source.stat()
    cached = Path(importlib.util.cache_from_source(str(source)))
    honest = source.read_text()
    source.write_text("X='p'\n\n")
    os.utime(source, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    assert source.stat().st_size == facts.st_size
    py_compile.compile(str(source), str(cached), doraise=True)
    source.write_text(honest)
    os.utime(source, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    cached.chmod(mode)
    return cached


def a_file_of_a_package(folder: Path) -> str:
    in_a_package(folder).chmod(0o666)
    return "from pkg.deep.inner import X"


def the_folder_of_a_package(folder: Path) -> str:
    in_a_package(folder).parent.chmod(0o777)
    return "from pkg.deep.inner import X"


def the_top_of_a_package(folder: Path) -> str:
    in_a_package(folder)
    (folder / "pkg").chmod(0o777)
    return "try:\n    from pkg.deep.inner import X\nexcept ImportError:\n    X = 'not there'"


def the_cache_of_a_sibling(folder: Path) -> str:
    bytecode(beside_it(folder), 0o644).parent.chmod(0o777)
    return "from sibling import X"


def the_bytecode_of_a_sibling(folder: Path) -> str:
    bytecode(beside_it(folder), 0o666)
    return "from sibling import X"


def the_cache_of_a_package(folder: Path) -> str:
    bytecode(in_a_package(folder), 0o644).parent.chmod(0o777)
    return "from pkg.deep.inner import X"


def bytecode_without_source(folder: Path) -> str:
    sibling = beside_it(folder)
    bytecode(sibling, 0o666).rename(folder / "sibling.pyc")
    sibling.unlink()
    return "from sibling import X"


def linked_folder(folder: Path) -> str:
    (folder.parent / "theirs").mkdir()
    (folder.parent / "theirs" / "inner.py").write_text("X = 'planted'\n")
    (folder.parent / "theirs").chmod(0o777)
    (folder / "pkg").symlink_to(folder.parent / "theirs")
    return "from pkg.inner import X"


def linked_file(folder: Path) -> str:
    linked_folder(folder)
    (folder / "sibling.py").symlink_to(folder.parent / "theirs" / "inner.py")
    return "from sibling import X"


def a_path_of_its_own(folder: Path) -> str:
    linked_folder(folder)
    return f"import sys\nsys.path.insert(0, {str(folder.parent / 'theirs')!r})\nfrom inner import X"


PLANTS = [
    a_file_of_a_package,
    the_folder_of_a_package,
    the_top_of_a_package,
    the_cache_of_a_sibling,
    the_bytecode_of_a_sibling,
    the_cache_of_a_package,
    bytecode_without_source,
    linked_folder,
    linked_file,
    a_path_of_its_own,
]


@pytest.mark.parametrize("plant", PLANTS)
def test_it_is_refused_by_check_and_by_a_scan(tmp_path: Path, plant: Callable[[Path], str]) -> None:
    folder = tmp_path / "ww"
    folder.mkdir()
    (folder / "own.py").write_text(OWN.format(plant(folder)))
    rules = policy(folder, QUIET + '[[filter]]\nuse = "./own.py"\n')
    failed(mailscan("--policy", rules), "anyone may write to it; chmod o-w ")
    checked = mailscan("check", rules)
    assert checked.status != 0
    assert "anyone may write to it; chmod o-w " in checked.out.decode() + checked.err


@pytest.mark.parametrize("use", ["./ww/pkg", "./ww/own.py", "./link.py"])
def test_so_it_is_of_a_package_and_of_a_link(tmp_path: Path, use: str) -> None:
    folder = tmp_path / "ww"
    folder.mkdir()
    inner = in_a_package(folder)
    (folder / "own.py").write_text(OWN.format("from pkg.deep.inner import X"))
    (folder / "pkg" / "__init__.py").write_text(OWN.format("from .deep.inner import X" if "pkg" in use else "X = ''"))
    (tmp_path / "link.py").symlink_to(folder / "own.py")
    rules = policy(tmp_path, f'{QUIET}[[filter]]\nuse = "{use}"\n')
    if "link" not in use:
        assert mailscan("--policy", rules).status == 0
        inner.chmod(0o666)
        failed(mailscan("--policy", rules), r"inner\.py: anyone may write to it")
    folder.chmod(0o777)
    failed(mailscan("--policy", rules), "ww: anyone may write to it")


def test_what_only_its_owner_may_write_runs(tmp_path: Path) -> None:
    inner = in_a_package(tmp_path)
    bytecode(inner, 0o644)
    (tmp_path / "own.py").write_text(OWN.format("from pkg.deep.inner import X"))
    rules = policy(tmp_path, QUIET + '[[filter]]\nuse = "./own.py"\n')
    assert mailscan("--policy", rules).out == b"5.7.1 It ran: p\n", "the bytecode is what runs: else nothing is tested"


def test_what_is_imported_only_for_a_mail_is_the_on_error_of_the_rule(tmp_path: Path) -> None:
    inner = in_a_package(tmp_path)
    inner.write_text("open(__file__ + '.ran', 'w')\n")
    inner.chmod(0o666)
    (tmp_path / "own.py").write_text("def check(mail, outside):\n    import pkg.deep.inner\n")
    done = mailscan(
        "--policy", policy(tmp_path, QUIET + '[[filter]]\nuse = "./own.py"\non_error = "ignore"\n'), "--format", "json"
    )
    assert done.status == 0
    assert b"inner.py: anyone may write to it" in done.out
    assert not inner.with_name("inner.py.ran").exists()
