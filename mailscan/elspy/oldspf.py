"""The module `spf`, as pyspf was in 2004: `check` answers pass, deny, unknown or error.

pyspf itself is asked; today it says fail, softfail, neutral, none, permerror and temperror.
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
# RFC 7208 4.6.4 wants at least so many seconds.
_SECONDS = 20.0


def module(name: str, around: Surroundings) -> ModuleType:
    """A new module of that name; all but `check` is pyspf's."""
    real = around.real_spf()
    made: ModuleType = type(sys)(name, __doc__)
    made.__dict__.update({key: value for key, value in vars(real).items() if not key.startswith("__")})

    def check(
        i: str | None,
        s: str | None,
        h: str | None,
        local: str | None = None,
        receiver: str | None = None,
        verbose: bool = False,
    ) -> tuple[str, int, str]:
        """(result, SMTP code, explanation) for a client's address, the envelope sender, and the HELO name.

        Never raises: what pyspf cannot take is an error.
        """
        if not i or s is None:
            return "unknown", CODES["unknown"], "the client's address, or the sender, is not known"
        seconds = min(_SECONDS, around.remaining() * 0.8)
        try:
            said, why = real.check2(
                i=str(i),
                s=str(s or ""),
                h=str(h or ""),
                local=local,
                receiver=receiver,
                timeout=seconds,
                querytime=seconds,
            )
        except Exception as error:  # noqa: BLE001 - whatever a record or an address does to it
            said, why = "temperror", f"{type(error).__name__}: {error}"
        result = WORDS.get(said, "unknown")
        return result, CODES[result], str(why)

    made.__dict__["check"] = check
    return made
