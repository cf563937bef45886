"""What a filter of ten lines says: `reject("…")`, `tempfail("…")`, `accept()`, `tag(header, value)`.

Each makes a `Finding`; a filter yields it or returns it. What the rule says in the policy outranks it.
"""

from __future__ import annotations

from mailscan.verdict import Finding


def reject(reply: str = "", detail: str = "", *, code: str = "own.reject") -> Finding:
    """Refuse the mail. The sender hears `reply`; the log gets `detail`, or else the reply."""
    return Finding(code, detail or reply, action="reject", reply=reply or None)


def tempfail(reply: str = "", detail: str = "", *, code: str = "own.tempfail") -> Finding:
    """Put the mail off: the sender's server tries again. Texts as for `reject`."""
    return Finding(code, detail or reply, action="tempfail", reply=reply or None)


def accept(detail: str = "", *, code: str = "own.accept") -> Finding:
    """Let the mail through; no rule below is asked."""
    return Finding(code, detail, action="accept")


def tag(header: str, value: str, *, code: str = "own.tag") -> Finding:
    """Add a header field, and go on with the next rule."""
    return Finding(code, f"{header}: {value}", action="tag", headers=[(header, value)])
