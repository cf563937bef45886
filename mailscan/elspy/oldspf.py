"""The module `spf`, as pyspf was in 2004: `check` answers pass, deny, unknown or error.

pyspf itself is asked (`mailscan.spfcheck`); today it says fail, softfail, neutral, none, permerror and temperror.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType

    from mailscan.elspy.surroundings import Surroundings

# RFC 7208 2.6's words, and those of the first drafts. A softfail was none of their four: it refused nothing.
WORDS = {"pass": "pass", "fail": "deny", "temperror": "error"}
CODES = {"pass": 250, "deny": 550, "error": 450, "unknown": 250}


def module(name: str, around: Surroundings) -> ModuleType:
    """A new module of that name; all but `check` is pyspf's, which asks the DNS through `outside`."""
    from mailscan.spfcheck import in_hand, pyspf

    made: ModuleType = type(sys)(name, __doc__)
    with around.without(name):
        real = pyspf()
    made.__dict__.update({key: value for key, value in vars(real).items() if not key.startswith("__")})
    token = in_hand.set(around.outside)
    around.undo.append(lambda: in_hand.reset(token))

    def check(
        i: str | None,
        s: str | None,
        h: str | None,
        local: object = None,
        receiver: str | None = None,
        verbose: object = 0,
    ) -> tuple[str, int, str]:
        """(result, SMTP code, explanation) for a client's address, the envelope sender, and the HELO name.

        Never raises: what pyspf cannot take is unknown.
        """
        from mailscan.spfcheck import check_host

        if not i or s is None or around.outside is None:
            return "unknown", CODES["unknown"], "the client's address, or the sender, is not known"
        with around.without(name):
            found = check_host(str(i), str(s), str(h or ""), around.outside, receiver or "unknown")
        result = WORDS.get(found.result, "unknown")
        return result, CODES[result], found.explanation or found.problem or f"SPF {found.result}: {found.domain}"

    made.__dict__["check"] = check
    return made
