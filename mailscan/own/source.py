"""What a rule's `use` names when it is no built-in filter: a file, a package, a module that is installed."""

from __future__ import annotations

import os

from mailscan.trusted import check_folder, read_trusted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import CodeType

# Compiling runs nothing of the code, but takes time and memory. What is larger is left to the child and its limits.
MOST_COMPILED = 200_000


class Setting:
    """What surrounds a source in a policy: the `keys` that its rule has beside the `reserved` ones of every rule, the
    folder from which paths start, (called when it matters) the names of the built-in filters, and the folders that
    have been found `sound`: nobody else may write there.
    """

    __slots__ = ("keys", "folder", "reserved", "built_in", "sound")

    def __init__(
        self,
        keys: Mapping[str, object],
        folder: str,
        reserved: tuple[str, ...] = (),
        built_in: Callable[[], list[str]] = list,
        sound: set[str] | None = None,
    ) -> None:
        self.keys = keys
        self.folder = folder
        self.reserved = reserved
        self.built_in = built_in
        self.sound = set() if sound is None else sound


class Source:
    """Python of somebody's own, before any of it has run.

    `called` is what messages call it. For a file or a package beside the policy, `path` is the file and `octets` what
    it holds; for a module that is installed both are empty and `module` is its dotted name, or `entry` the name of an
    entry point; `file` is the module's once it has been found. `attribute` is the function or class in it that is
    wanted, "" for the only one.
    """

    __slots__ = ("called", "path", "octets", "module", "attribute", "entry", "package", "file", "_code")

    def __init__(
        self,
        called: str,
        *,
        path: str = "",
        octets: bytes = b"",
        module: str = "",
        attribute: str = "",
        entry: str = "",
        package: bool = False,
    ) -> None:
        self.called = called
        self.path = path
        self.octets = octets
        self.module = module
        self.attribute = attribute
        self.entry = entry
        self.package = package
        self.file = path
        self._code: CodeType | None = None

    @property
    def is_elspy(self) -> bool:
        """Whether it is a file written for elspy."""
        if (b"local_scan" not in self.octets and b"elspy" not in self.octets) or self.attribute:
            return False
        from mailscan.elspy import is_elspy

        return is_elspy(self.octets)

    def prepare(self) -> None:
        """Compile the file here, so that no child has to; what cannot be compiled is left for a child to tell."""
        if self._code is not None or not 0 < len(self.octets) <= MOST_COMPILED or self.is_elspy:
            return
        import warnings

        with warnings.catch_warnings():
            # "\d" in a plain string: `mailscan check` shows it. Mailers read a scan's standard error.
            warnings.simplefilter("ignore")
            try:
                self._code = self.compiled()
            except (SyntaxError, ValueError, MemoryError, RecursionError):
                pass

    def compiled(self) -> CodeType:
        """The file's code. Raises what Python does for a file that it cannot read."""
        return self._code or compile(self.octets, self.path, "exec", dont_inherit=True)


def find_source(use: str, setting: Setting) -> Source:
    """The source that `use` names. Looks at no module that is installed.

    Raises `ValueError` for a file that is not there, or that somebody else may write to.
    """
    if "/" not in use:
        if "." not in use and ":" not in use:
            return Source(use, entry=use)
        module, _, attribute = use.partition(":")
        return Source(use, module=module, attribute=attribute)
    path = os.path.abspath(os.path.join(setting.folder, os.path.expanduser(use)))
    attribute = ""
    if not os.path.exists(path) and path.rpartition(":")[2].isidentifier():
        path, _, attribute = path.rpartition(":")
    package = os.path.isdir(path)
    if package:
        _sound(os.path.dirname(path), setting)
        path = os.path.join(path, "__init__.py")
    octets = read_trusted(path)
    _sound(os.path.dirname(path), setting)
    if os.path.islink(path):
        _sound(os.path.dirname(os.path.realpath(path)), setting)
    return Source(path, path=path, octets=octets, attribute=attribute, package=package)


def _sound(folder: str, setting: Setting) -> None:
    """What a file imports stands beside it: that may be written by nobody else either. Raises `ValueError`."""
    if folder not in setting.sound:
        check_folder(folder)
        setting.sound.add(folder)
