"""mailscan judges one e-mail message: accept, reject or tempfail.

For a filter of your own: `from mailscan import Edits, Evidence, Finding, Mail, accept, reject, tag, tempfail`.
"""

from __future__ import annotations

__version__ = "0.1.0"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mailscan.answers import accept as accept
    from mailscan.answers import reject as reject
    from mailscan.answers import tag as tag
    from mailscan.answers import tempfail as tempfail
    from mailscan.mail import Mail as Mail
    from mailscan.verdict import Edits as Edits
    from mailscan.verdict import Evidence as Evidence
    from mailscan.verdict import Finding as Finding

_ROOMS = {
    "Edits": "mailscan.verdict",
    "Evidence": "mailscan.verdict",
    "Finding": "mailscan.verdict",
    "Mail": "mailscan.mail",
    "accept": "mailscan.answers",
    "reject": "mailscan.answers",
    "tag": "mailscan.answers",
    "tempfail": "mailscan.answers",
}


def __getattr__(name: str) -> object:
    """The public names, fetched when first asked for: the command's entry imports this package and nothing else."""
    if name in _ROOMS:
        return getattr(__import__(_ROOMS[name], fromlist=[name]), name)
    raise AttributeError(f"module 'mailscan' has no attribute {name!r}")
