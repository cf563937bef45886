"""libmagic: what it adds, and what is said where it is absent, or another module has its name."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from running import ENVIRON, QUIET, policy

from mailscan.errors import FilterError
from mailscan.filetype import EXECUTABLES, HEAD, Kind, kind, libmagic
from mailscan.unpack.foreign import DECODERS

# A DOS device driver: a chain of drivers that ends here (the table has none of it).
DRIVER = b"\xff\xff\xff\xff".ljust(64, b"\0")


def test_what_it_does_not_know_is_nothing() -> None:
    assert libmagic.by_libmagic(b"\0\1\2\3" * 20) is None


def test_it_is_shown_a_head_only(monkeypatch: pytest.MonkeyPatch) -> None:
    class Counts:
        def from_buffer(self, data: bytes) -> str:
            return f"x/{len(data)}"

    monkeypatch.setattr(libmagic, "_magic", Counts())
    assert libmagic.by_libmagic(bytes(10 * HEAD)) == Kind(f"x/{HEAD}", f"x/{HEAD}")


def test_libmagic_knows_what_the_table_does_not() -> None:
    found = kind(DRIVER)
    assert found is not None
    assert found.group == EXECUTABLES


@pytest.fixture
def no_magic_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libmagic, "_magic", None)


@pytest.mark.usefixtures("no_magic_yet")
def test_no_python_magic(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "magic", None)
    with pytest.raises(FilterError, match=r"pip install python-magic"):
        kind(b"\0\1\2\3")


def test_octets_that_libmagic_gives_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    class GivesUp:
        def from_buffer(self, data: bytes) -> str:
            raise RuntimeError("regex error 14")

    monkeypatch.setattr(libmagic, "_magic", GivesUp())
    assert kind(b"\0\1\2\3") is None


@pytest.mark.usefixtures("no_magic_yet")
def test_another_module_named_magic(monkeypatch: pytest.MonkeyPatch) -> None:
    other = ModuleType("magic")
    other.__file__ = "/usr/lib/python3/dist-packages/magic.py"
    monkeypatch.setitem(sys.modules, "magic", other)
    with pytest.raises(FilterError, match=r"dist-packages/magic.py is not python-magic"):
        kind(b"\0\1\2\3")


HIDE_THE_SYSTEMS = """
import ctypes, ctypes.util, os, sys
real = ctypes.CDLL.__init__
def init(self, name, *rest, **more):
    if name == "libmagic.so.1":
        raise OSError(name)
    real(self, name, *rest, **more)
ctypes.CDLL.__init__ = init
ctypes.util.find_library = lambda name: None
if "bundled" not in sys.argv:
    sys.modules["pylibmagic"] = None
"""
WITHOUT_THE_SYSTEMS = (
    HIDE_THE_SYSTEMS
    + """
from mailscan.filetype import examined_libmagic, kind
print(kind(bytes.fromhex(sys.argv[1])), *examined_libmagic(), os.environ.get("LD_LIBRARY_PATH"))
"""
)


def run_without_libmagic(*more: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "LD_LIBRARY_PATH"}
    command = [sys.executable, "-c", WITHOUT_THE_SYSTEMS, DRIVER.hex(), *more]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60, check=False)


@pytest.mark.skipif(sys.platform != "linux", reason="finds libraries as Linux does")
def test_the_bundled_libmagic_stands_in() -> None:
    pytest.importorskip("pylibmagic")
    done = run_without_libmagic("bundled")
    assert "group='executables'" in done.stdout, done.stderr
    assert done.stdout.endswith(" None\n")


@pytest.mark.skipif(sys.platform != "linux", reason="finds libraries as Linux does")
def test_no_libmagic_at_all() -> None:
    done = run_without_libmagic()
    assert "FilterError: cannot use libmagic" in done.stderr
    assert "Debian: libmagic1" in done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="finds libraries as Linux does")
@pytest.mark.parametrize("bundled", [True, False])
def test_version_and_doctor_say_the_same(tmp_path: Path, bundled: bool) -> None:
    if bundled:
        pytest.importorskip("pylibmagic")
    chosen = policy(tmp_path, QUIET + '[[filter]]\nuse = "attachments"\naction = "reject"\n')
    hide = HIDE_THE_SYSTEMS.replace('"bundled" not in sys.argv', repr(not bundled))
    said = {}
    for args in (["--version"], ["doctor", "--format", "json", "--policy", chosen]):
        command = [sys.executable, "-c", hide + "from mailscan.cli import main\nmain()\n", *args]
        said[args[0]] = subprocess.run(command, capture_output=True, text=True, env=ENVIRON, timeout=60).stdout
    (told,) = re.findall(r"(?m)^libmagic (.*)$", said["--version"])
    checks = {one["what"]: one for one in json.loads(said["doctor"])["checks"]}
    doctors = checks["libmagic knows a program"]
    assert doctors["state"] == ("ok" if bundled else "failed")
    if bundled:
        assert doctors["said"].endswith(f"says libmagic {told}") and re.fullmatch(r"\d+\.\d\d", told)
    else:
        assert told == f"cannot be used: {doctors['said']}"
    for name in DECODERS:
        its = checks[f"decoder: {name}"]
        line = f"{name} {its['said']}" if its["state"] == "ok" else f"{name} is not here"
        assert f"\n{line}\n" in said["--version"]
