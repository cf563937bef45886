"""`use = "ambiguity"`: mail that its readers are known to read differently."""

from __future__ import annotations

from mailscan.ambiguity import AMBIGUITIES
from mailscan.filters import Filter
from mailscan.keys import meant, option, texts
from mailscan.verdict import Evidence, Finding

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from mailscan.ambiguity import Ambiguity as Met
    from mailscan.mail import Mail
    from mailscan.outside import Outside


def read_kinds(value: object, folder: str) -> tuple[str, ...]:
    """a list of kinds ("boundary.duplicate") and of groups of them ("boundary")"""
    chosen: dict[str, None] = {}
    for word in texts(value, folder):
        of_word = of(word)
        if not of_word:
            raise ValueError(f'"{word}" is no kind of ambiguity{meant(word, [*groups(), *AMBIGUITIES])}')
        chosen.update(dict.fromkeys(of_word))
    return tuple(chosen)


def groups() -> list[str]:
    """What stands before the dot of the kinds: "boundary" of "boundary.duplicate"."""
    return list(dict.fromkeys(kind.partition(".")[0] for kind in AMBIGUITIES))


def of(word: str) -> list[str]:
    """The kinds that a word of the policy means: one, or all of a group."""
    return [kind for kind in AMBIGUITIES if word in (kind, kind.partition(".")[0])]


MOST_PLACES = 20  # of one kind
# Mail that means no harm meets these: the first two are RFC 2046 5.2, for long messages and announcements; the others
# were met in 12,749 messages of a mailing list and of ham, by one or two of them each.
INNOCENT = (
    "message.partial", "message.external", "base64.length", "quoted-printable.code", "boundary.not-declared",
    "encoding.of-message",
)  # fmt: skip
DEFAULT = tuple(kind for kind in AMBIGUITIES if kind not in INNOCENT)


class Ambiguity(Filter):
    """Mail that can be read in more than one way.

    Mail clients differ in how they read a message that is not as the RFCs want it: two boundaries, a header that an
    empty-looking line cuts, base64 with padding in its middle. A sender who knows that can show a recipient what no
    scanner has seen. mailscan reads such mail in all of the ways that are known, and the other filters judge what
    any of them shows; this one finds that there are several.

    Each kind that is met is a finding of its own, `ambiguity.boundary.duplicate` say, with the octets in question.
    `kinds` names kinds or whole groups: "boundary" stands for all that begin so. `allow` takes some of them out. When
    `kinds` is not said, it is all but those that innocent mail meets too, as a fault of a clumsy mail program or
    within the RFCs. Of 12,749 messages of a mailing list and of ham, none has one of the others.

    `mailscan show` lists every ambiguity of a message, of whatever kind.
    """

    kinds = option(
        read_kinds, tuple(kind for group in DEFAULT for kind in of(group)), "the kinds, or groups, to be found"
    )
    allow = option(read_kinds, (), "kinds, or groups, that may pass although `kinds` has them")

    def prepare(self) -> None:
        """Refuses a table that leaves nothing to find."""
        self._wanted = frozenset(self.kinds) - frozenset(self.allow)
        if not self._wanted:
            raise ValueError("`allow` leaves nothing of `kinds` to be found")

    def check(self, mail: Mail, outside: Outside) -> Iterator[Finding]:
        """Yields one "ambiguity.KIND" for each kind, with the first places where it is met as evidence."""
        met: dict[str, list[Met]] = {}
        for one in mail.message.ambiguities:
            if one.kind in self._wanted:
                met.setdefault(one.kind, []).append(one)
        for kind, places in met.items():
            said = ": ".join(filter(None, (AMBIGUITIES[kind], places[0].detail)))
            more = f" (and {len(places) - 1} more)" if len(places) > 1 else ""
            evidence = [Evidence(one.part, one.start, one.end) for one in places[:MOST_PLACES]]
            yield Finding(f"ambiguity.{kind}", said + more, evidence=evidence)


# Python 3.13 and later take the indentation out by themselves.
_ABOUT = "\n".join(line.removeprefix("    ") for line in (Ambiguity.__doc__ or "").splitlines())
Ambiguity.__doc__ = f"{_ABOUT.rstrip()}\n\nThe kinds:\n\n" + "".join(
    f"- `{kind}`: {about}" + ("; only where `kinds` names it" * (kind in INNOCENT)) + "\n"
    for kind, about in AMBIGUITIES.items()
)
