"""What is opened because of its name: programs go by names where octets say nothing, or something else."""

from __future__ import annotations

import re

from mailscan.filetype import ARCHIVES, endings, named

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

# A browser shows a file so called as a page, whatever it begins with; a mail client reads one as mail.
_KINDS: dict[str, str] = {
    **dict.fromkeys(("html", "htm", "xhtml", "xht", "shtml", "shtm", "svg"), "html"),
    **dict.fromkeys(("eml", "mht", "mhtml", "nws"), "mail"),
}
# Kinds that are opened in the same way, or better.
THE_SAME = {
    "html": frozenset(("html", "hta", "svg", "svg-script", "mhtml", "mail", "gzip")),
    "mail": frozenset(("mail", "mhtml", "mbox", "html")),
}
# Archives that something else may stand before, beside those that are called archives: the programs look for the end.
_ZIPS = frozenset(
    (
        "jar", "war", "ear", "apk", "xpi", "appx", "msix", "vsix", "nupkg", "whl", "kmz", "epub", "docx", "docm",
        "dotx", "dotm", "xlsx", "xlsm", "xlsb", "xltx", "xltm", "pptx", "pptm", "potx", "potm", "ppsx", "ppsm", "odt",
        "ods", "odp", "odg", "ott", "ots", "otp",
    )
)  # fmt: skip
# The second and later ones of an archive in several files.
_VOLUME = re.compile(r"(?i)\.(?:(?:7z|zip|rar|tar|gz|iso)\.\d{3}|[rsz]\d{2}|part\d+\.rar)$")


def kind_of(names: Iterable[str]) -> str:
    """The name of the kind as which a file so called is opened; "" if its octets alone decide."""
    return next((_KINDS[one] for name in names for one in endings(name) if one in _KINDS), "")


def is_archive(names: Iterable[str]) -> bool:
    """Whether it is called an archive, or what is one."""
    return any(one in _ZIPS or named(one)[0] == ARCHIVES for name in names for one in endings(name))


def not_known(names: Iterable[str]) -> str:
    """Why a file is not opened that is called an archive, or a part of one, and is none that anybody knows; or ""."""
    for name in names:
        if _VOLUME.search(name[-255:]):
            return "a part of an archive in several files, which are not put together"
        for one in endings(name):
            if named(one)[0] == ARCHIVES:
                return f"called an archive (.{one}), and none that is known"
    return ""
