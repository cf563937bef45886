"""libmagic, the last that is asked what octets are: its import costs 50 ms, and text is its slowest answer."""

from __future__ import annotations

from mailscan.errors import FilterError, OurFailure, is_scarcity
from mailscan.filetype import EXECUTABLES, HEAD, Kind

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# libmagic's answers that are programs. application/x-dosexec is not among them: what begins as MZ is settled above, and
# the rest of that answer is "DOS executable (COM)", which 1 of 100 random octet strings gets (measured with 5.44).
MAGIC_EXECUTABLES = frozenset(
    (
        "application/vnd.microsoft.portable-executable",
        "application/x-ms-ne-executable",
        "application/x-lx-executable",
        "application/x-ms-w3-executable",
        "application/x-ms-w4-executable",
        "application/x-dosdriver",
        "application/x-executable",
        "application/x-pie-executable",
        "application/x-sharedlib",
        "application/x-mach-binary",
        "application/x-msi",
        "application/x-ms-shortcut",
        "application/vnd.ms-htmlhelp",
        "application/x-java-applet",
        "application/vnd.android.package-archive",
        "application/vnd.symbian.install",
        "x-epoc/x-sisx-app",
    )
)
# The least that an ELF program has: class, byte order, version, and the type ET_EXEC for x86-64.
_PROGRAM = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\0\x3e\0\x01\0\0\0" + bytes(40)

_magic: Any = None


def by_libmagic(data: bytes) -> Kind | None:
    """libmagic's answer about the first 64 kB; None if it has none. Raises `FilterError` without libmagic."""
    global _magic
    if _magic is None:
        _magic = _open_libmagic()
    try:
        mime = str(_magic.from_buffer(data[:HEAD]))
    except Exception as error:  # noqa: BLE001 - MagicException, known only where magic is
        if is_scarcity(error):
            raise OurFailure(f"libmagic failed: {error}") from None
        return None  # it gave up on these very octets
    if mime == "application/octet-stream":
        return None
    return Kind(mime, mime, EXECUTABLES if mime in MAGIC_EXECUTABLES else "")


def examined() -> tuple[str, str]:
    """(the version of libmagic as `5.44`, what it calls a program), for people: it is asked as a mail would ask it.

    Raises `FilterError` where it is missing, or cannot do its work.
    """
    kind = by_libmagic(_PROGRAM)
    if kind is None:
        raise FilterError("it has no answer; is its database of magic numbers installed? (Debian: libmagic-mgc)")
    number = int(_import_magic().version())
    return f"{number // 100}.{number % 100:02}", kind.text


def _open_libmagic() -> Any:
    magic = _import_magic()
    try:
        return magic.Magic(mime=True)
    except Exception as error:  # noqa: BLE001 - MagicException, as above
        raise FilterError(f"libmagic cannot read its database ({error}): install it (Debian: libmagic-mgc)") from None


def _import_magic() -> Any:
    try:
        magic = _magic_or_bundled()
    except (ImportError, OSError, AttributeError) as error:
        raise FilterError(
            f"cannot use libmagic ({error}): install it (Debian: libmagic1) and `pip install python-magic`, "
            "or `pip install pylibmagic`, which brings it along"
        ) from None
    # The bindings that come with file(1), file-magic on PyPI, are another module of the same name.
    if not hasattr(magic, "Magic") or not hasattr(magic, "from_buffer"):
        raise FilterError(
            f"the module magic at {getattr(magic, '__file__', '?')} is not python-magic: "
            "`pip uninstall file-magic` and `pip install python-magic`"
        )
    return magic


def _magic_or_bundled() -> Any:
    """python-magic on the system's libmagic; on pylibmagic's where there is none."""
    import os

    try:
        import magic

        return magic
    except ImportError as error:
        if "libmagic" not in str(error):
            raise
    # pylibmagic patches the search path and the environment when imported. LD_LIBRARY_PATH must not reach programs that
    # a filter starts; MAGIC, where the database lies, is read at every opening and may.
    before = {name: os.environ.get(name) for name in ("LD_LIBRARY_PATH", "LIBRARY_PATH", "DYLD_LIBRARY_PATH")}
    try:
        import pylibmagic  # noqa: F401, I001 - it must come first
        import magic
    except (ImportError, OSError) as error:
        raise ImportError(f"failed to find libmagic, and none is bundled: {error}") from None
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
    return magic
