"""The C library libarchive: its functions, and what a child process does with them.

Only in children is any of its code run (`mailscan.unpack.libarchive`).
"""

from __future__ import annotations

from mailscan.errors import FilterError, is_scarcity
from mailscan.guard import in_child
from mailscan.unpack.found import ENCRYPTED_ARCHIVE, NOT_OPENED, OVER_LIMIT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

# What a container of each kind is read as: formats, and the filters (compressions around it) that may be needed. None
# of the filters for which libarchive starts a program (grzip, lrzip; lzop where it was built without liblzo).
_USUAL = ("gzip", "bzip2", "xz", "lzma", "zstd")
READS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "7z": (("7zip",), ()),
    "rar": (("rar", "rar5"), ()),
    "cab": (("cab",), ()),
    "iso": (("iso9660",), ()),
    "udf": (("iso9660",), ()),
    "lha": (("lha",), ()),
    "xar": (("xar",), ()),
    "zip": (("zip",), ()),
    "tar": (("tar",), ()),
    "cpio": (("cpio",), ()),
    "ar": (("ar",), ()),
    "rpm": (("cpio",), ("rpm", *_USUAL)),
}
# Beyond what the process has already: a dictionary of 64 MB, and what the libraries are.
MEMORY = 256 * 1024 * 1024
# As many octets as are answered at once.
STEP = 1 << 18
_EOF, _OK, _WARN, _FAILED = 1, 0, -20, -25
_ENOMEM = 12
_FOLDER = 0o040000
_TYPES = 0o170000


def version() -> str:
    """The version of libarchive, as `3.6.2`; "" if there is none."""
    try:
        number = in_child(lambda: _load().archive_version_number(), seconds=5, memory=MEMORY)
    except FilterError:
        return ""
    assert isinstance(number, int)
    return f"{number // 1_000_000}.{number // 1000 % 1000}.{number % 1000}"


def begin(data: bytes, formats: tuple[str, ...], filters: tuple[str, ...]) -> Callable[[object], object]:
    """What answers: to 0 with the next member, to a number with as many of its octets and what is wrong with them."""
    import locale

    try:
        library = _load()
    except (OSError, AttributeError) as error:
        if is_scarcity(error):
            raise OSError(str(error)) from None  # it may well be there
        return lambda _: "missing"
    # In the C locale libarchive converts no name beyond ASCII.
    for name in ("C.UTF-8", "en_US.UTF-8"):
        try:
            locale.setlocale(locale.LC_CTYPE, name)
            break
        except locale.Error:
            continue
    archive = library.archive_read_new()
    if not all(_enable(library, archive, "format", one) for one in formats):
        return lambda _: "missing"
    for one in filters:
        _enable(library, archive, "filter", one)
    opened = library.archive_read_open_memory(archive, data, len(data))
    if opened < _WARN:
        fault = _fault(library, archive, known=False)
        return lambda _: fault

    import ctypes

    room = ctypes.create_string_buffer(STEP)
    entry = ctypes.c_void_p()

    def answer(question: object) -> object:
        assert isinstance(question, int)
        if question == 0:
            return _header(library, archive, entry)
        got = library.archive_read_data(archive, room, min(question, STEP))
        if got < 0:
            return b"", _fault(library, archive)
        return ctypes.string_at(room, got), ""

    return answer


def _enable(library: Any, archive: int, what: str, name: str) -> bool:
    try:
        return int(getattr(library, f"archive_read_support_{what}_{name}")(archive)) == _OK
    except AttributeError:
        return False


def _header(library: Any, archive: int, entry: Any) -> object:
    """(octets of the names, whether it is encrypted, and empty) of the next member; None after the last; or a fault."""
    import ctypes

    for _ in range(1000):
        status = library.archive_read_next_header(archive, ctypes.byref(entry))
        if status == _EOF:
            return None
        if status == _FAILED:  # this member cannot be read, the next perhaps
            continue
        if status < _WARN:
            return _fault(library, archive)
        folder = (library.archive_entry_filetype(entry) & _TYPES) == _FOLDER
        names = [] if folder else [library.archive_entry_pathname_utf8(entry), library.archive_entry_pathname(entry)]
        raw = tuple(dict.fromkeys(one for one in names if one is not None))
        empty = library.archive_entry_size_is_set(entry) and library.archive_entry_size(entry) == 0
        return raw or (() if folder else (b"?",)), bool(library.archive_entry_is_encrypted(entry)), bool(empty)
    return f"{NOT_OPENED}:damaged (a thousand members cannot be read)"


def _fault(library: Any, archive: int, known: bool = True) -> str:
    """What is wrong: a group, a colon, and why. Not yet opened (`known`), the question for encryption crashes it."""
    words = (library.archive_error_string(archive) or b"").decode("utf-8", "replace")
    if library.archive_errno(archive) == _ENOMEM:
        return f"{OVER_LIMIT}:it takes more memory than it may ({words})"
    if known and library.archive_read_has_encrypted_entries(archive) == 1:
        return f"{ENCRYPTED_ARCHIVE}:encrypted"
    # Damage, or what the library cannot do; its words alone ("Too small block encountered") are a riddle.
    return f"{NOT_OPENED}:it cannot be read (libarchive: {words})" if words else f"{NOT_OPENED}:it cannot be read"


def _load() -> Any:
    """libarchive with its functions declared. Raises `OSError`."""
    import ctypes

    library = _system_or_bundled()
    pointer, number, text = ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p
    for name, result, arguments in (
        ("read_new", pointer, ()),
        ("read_open_memory", number, (pointer, text, ctypes.c_size_t)),
        ("read_next_header", number, (pointer, pointer)),
        ("read_data", ctypes.c_ssize_t, (pointer, pointer, ctypes.c_size_t)),
        ("read_has_encrypted_entries", number, (pointer,)),
        ("error_string", text, (pointer,)),
        ("errno", number, (pointer,)),
        ("version_number", number, ()),
        ("entry_pathname", text, (pointer,)),
        ("entry_pathname_utf8", text, (pointer,)),
        ("entry_filetype", number, (pointer,)),
        ("entry_size_is_set", number, (pointer,)),
        ("entry_size", ctypes.c_int64, (pointer,)),
        ("entry_is_encrypted", number, (pointer,)),
    ):
        function = getattr(library, f"archive_{name}")
        function.restype, function.argtypes = result, arguments
    for what, names in zip(("format", "filter"), zip(*READS.values(), strict=True), strict=True):
        for name in {one for each in names for one in each}:
            function = getattr(library, f"archive_read_support_{what}_{name}", None)
            if function is not None:
                function.restype, function.argtypes = number, (pointer,)
    return library


def _system_or_bundled() -> Any:
    import ctypes

    try:
        return ctypes.CDLL("libarchive.so.13")
    except OSError:
        return bundled()


def bundled() -> Any:
    """The library that `pip install archi` brings along; what it needs lies beside it. Raises `OSError`."""
    import ctypes
    import glob
    import importlib.util

    spec = importlib.util.find_spec("archi")
    folder = (spec.origin if spec and spec.origin else "").rpartition("/")[0]
    found = sorted(glob.glob(f"{glob.escape(folder)}/archi.libs/libarchive-*.so*")) if folder else []
    if not found:
        raise OSError("there is no libarchive")
    return ctypes.CDLL(found[0])
