"""The module `elspy.execontent_simple`: attachments that their names say are programs."""

from __future__ import annotations

import sys

from mailscan.elspy.dispositions import RejectVirus
from mailscan.filetype import endings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType

    from mailscan.elspy.surroundings import Surroundings

# What Windows runs when a person opens a file of that name. An old file may set its own.
BAD_EXTENSIONS = (
    "vbs", "vbe", "wsf", "wsh", "js", "jse", "hta", "scr", "pif", "bat", "com", "exe", "cmd", "cpl", "lnk", "shs",
    "shb", "sct", "reg", "chm", "msi", "jar", "ps1", "ocx", "dll",
)  # fmt: skip


def module(name: str, around: Surroundings) -> ModuleType:
    """A new module of that name, which judges the mail of `around`."""
    made: ModuleType = type(sys)(name, __doc__)

    def local_scan(info: object, headers: object, fd: object, msg: object = None) -> None:
        """Raise `RejectVirus` if a part has such a name, by any way in which mail clients read names."""
        if around.mail is None:
            return
        bad = {str(one).lower().lstrip(".") for one in made.BAD_EXTENSIONS}
        for part in around.mail.message.parts:
            for called in part.filenames:
                if not bad.isdisjoint(endings(called)):
                    what = "attachment" if "." in part.path or part.path == "1~1" else "message body"
                    why = f"(name of {what} {called[:200]!r} is that of a program)"
                    raise RejectVirus(f"message rejected -- looks like a virus\n{why}")

    made.__dict__.update(BAD_EXTENSIONS=list(BAD_EXTENSIONS), local_scan=local_scan)
    return made
