"""What an old file finds around it while it runs, and nobody afterwards: elspy's modules, `unicode`, an `open` that
decodes any octets.
"""

from __future__ import annotations

import builtins
import os
import sys
import warnings
from contextlib import contextmanager
from functools import reduce

from mailscan.elspy.dispositions import AcceptMessage, RejectMessage, TempRejectMessage
from mailscan.elspy.oldtext import unicode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any

    from mailscan.mail import Mail
    from mailscan.outside import Outside

# Modules of ours by the name that an old file imports, each made by `module` of a room of this package.
OURS = {
    "elspy": "mailscan.elspy.library",
    "elspy.util": "mailscan.elspy.library",
    "elspy.execontent_simple": "mailscan.elspy.execontent",
    "elspy.spamassassin": "mailscan.elspy.spamassassin",
    "email.Header": "mailscan.elspy.oldheader",
    "spf": "mailscan.elspy.oldspf",
}
# Modules that have another name today.
RENAMED = {
    "email.Charset": "email.charset",
    "email.Errors": "email.errors",
    "email.Message": "email.message",
    "email.Parser": "email.parser",
    "email.Utils": "email.utils",
    "StringIO": "io",
    "cStringIO": "io",
}
# What is there without an import: built into Python 2 and gone from Python 3 (`file` too), and the exceptions by which
# elspy's examples speak, which some of them do not import.
BUILT_IN: dict[str, object] = {
    "AcceptMessage": AcceptMessage,
    "RejectMessage": RejectMessage,
    "TempRejectMessage": TempRejectMessage,
    "apply": lambda function, arguments=(), named={}: function(*arguments, **named),
    "basestring": str,
    "cmp": lambda one, other: (one > other) - (one < other),
    "intern": sys.intern,
    "long": int,
    "reduce": reduce,
    "unichr": chr,
    "unicode": unicode,
    "xrange": range,
}
_MOST_LOGGED = 100


class Surroundings:
    """A context manager: within it the names of Python 2's time resolve. For one mail, or None to load a file only."""

    def __init__(self, mail: Mail | None = None, outside: Outside | None = None) -> None:
        self.mail = mail
        self.outside = outside
        self.logged: list[str] = []
        self._before: dict[str, ModuleType] = {}
        # What is done when the file has ended, the last first.
        self.undo: list[Callable[[], None]] = []
        # Old files are full of "\d", at which Python warns; mailers read our standard error.
        self._quiet = warnings.catch_warnings()

    def __enter__(self) -> Surroundings:
        for name in (*OURS, *RENAMED):
            if name in sys.modules:
                self._before[name] = sys.modules.pop(name)
        sys.meta_path.insert(0, self)
        self._quiet.__enter__()
        warnings.simplefilter("ignore")
        plain_open, plain_fdopen = builtins.open, os.fdopen

        def open_(
            file: object,
            mode: str = "r",
            buffering: int = -1,
            encoding: str | None = None,
            *args: Any,
            **more: Any,
        ) -> object:
            """Python's `open`; as text and without an encoding, any octets can be read, and written back."""
            mode = mode.replace("U", "") or "r"
            if "b" not in mode and encoding is None and not args and "errors" not in more:
                encoding = "utf-8"
                more["errors"] = "surrogateescape"
            if "b" not in mode and buffering == 0:  # Python 2 had it for text too
                buffering = -1
            return plain_open(file, mode, buffering, encoding, *args, **more)  # type: ignore[call-overload]

        def fdopen(fd: int, mode: str = "r", buffering: int = -1, *args: Any, **more: Any) -> object:
            """The same of a descriptor."""
            if not isinstance(fd, int):
                raise TypeError(f"invalid fd type ({type(fd)}, expected integer)")
            return open_(fd, mode, buffering, *args, **more)

        builtins.open = open_  # type: ignore[assignment]
        os.fdopen = fdopen  # type: ignore[assignment]
        self.undo += [lambda: setattr(builtins, "open", plain_open), lambda: setattr(os, "fdopen", plain_fdopen)]
        for name, value in {**BUILT_IN, "file": open_}.items():
            if not hasattr(builtins, name):
                setattr(builtins, name, value)
                self.undo.append(lambda name=name: delattr(builtins, name))  # type: ignore[misc]
        return self

    def __exit__(self, *raised: object) -> None:
        while self.undo:
            self.undo.pop()()
        self._quiet.__exit__(None, None, None)
        if self in sys.meta_path:
            sys.meta_path.remove(self)
        for name in (*OURS, *RENAMED):
            module = sys.modules.pop(name, None)
            parent, _, last = name.rpartition(".")
            if parent in sys.modules and getattr(sys.modules[parent], last, None) is module is not None:
                delattr(sys.modules[parent], last)
        sys.modules.update(self._before)
        self._before.clear()

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """What Python's import asks; see `importlib.abc.MetaPathFinder`."""
        if name not in OURS and name not in RENAMED:
            if name.startswith("elspy."):
                have = [one for one in OURS if one.startswith("elspy.")]
                # Not `name=name`: for `from elspy import x` Python would then say only that it cannot.
                raise ModuleNotFoundError(
                    f"mailscan has no {name}; it has {', '.join(have)}, and what docs/elspy.md lists of elspy itself",
                    name="elspy",
                )
            return None
        from importlib.machinery import ModuleSpec

        return ModuleSpec(name, self, is_package=name == "elspy")  # type: ignore[arg-type]

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """A new module, so that nothing that an old file sets in one is left for the next mail."""
        if spec.name in RENAMED:
            return _copy(spec.name, RENAMED[spec.name])
        maker = __import__(OURS[spec.name], fromlist=["module"])
        module: ModuleType = maker.module(spec.name, self)
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Nothing is left to do."""

    @contextmanager
    def without(self, name: str) -> Iterator[None]:
        """Within it the module of that name is the one that is installed, and not ours."""
        ours = sys.modules.pop(name, None)
        if name in self._before:
            sys.modules[name] = self._before[name]
        sys.meta_path.remove(self)
        try:
            yield
        finally:
            sys.meta_path.insert(0, self)
            if name in sys.modules:
                self._before[name] = sys.modules.pop(name)
            if ours is not None:
                sys.modules[name] = ours

    def log(self, text: object) -> None:
        """Keep a line for the log."""
        if len(self.logged) < _MOST_LOGGED:
            self.logged.append(str(text).strip()[:1000])


def _copy(name: str, today: str) -> ModuleType:
    real = __import__(today, fromlist=["x"])
    copy: ModuleType = type(sys)(name, real.__doc__)
    copy.__dict__.update({key: value for key, value in vars(real).items() if not key.startswith("__")})
    return copy
