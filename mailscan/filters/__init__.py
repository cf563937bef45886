"""What a filter is. A filter finds; the policy decides.

A built-in filter is one module of this package with one subclass of `Filter`, and its `use` name is the module's:
nothing else changes when one is added.
"""

from __future__ import annotations

from mailscan.keys import Table
from mailscan.mail import MESSAGE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from mailscan.mail import Mail
    from mailscan.networks import Network
    from mailscan.outside import Outside
    from mailscan.probe import Probe
    from mailscan.verdict import Finding


class Filter(Table):
    """One configured filter. Subclasses declare their keys with `mailscan.keys.option`.

    The class docstring's first line stands in `mailscan filters`; the rest of it is the filter's page in the docs.
    """

    # The earliest moment this configured filter can answer (mailscan.mail); may be a property.
    stage: int = MESSAGE
    # Facts of the envelope without which it is not asked, by attribute name; may be a property.
    needs: tuple[str, ...] = ()
    # Whether its findings carry an action of their own. If not, the rule must say `action` or `score`.
    decides: bool = False
    # Whether, where the rule has no action, what it finds is added to the sum of the mail.
    scores: bool = False
    # Whether it has, among its keys, an action for each result: then the rule has no word of its own, but to try it.
    has_rows: bool = False
    # The site's own networks, for filters that leave our own clients alone; the rule says them.
    ours: Sequence[Network] = ()
    # Names of the header fields it can write: removed from incoming mail. "X-Spam-*" stands for all that begin so.
    writes: tuple[str, ...] = ()
    # Whether it may write other fields too: incoming fields of the names that its findings add are removed as well.
    writes_any: bool = False
    # Whether it asks the network.
    asks_network: bool = False
    # What the rule's `timeout` (seconds) and `on_error` are when the policy does not say.
    timeout: float = 10.0
    on_error: str = "tempfail"

    def ready(self) -> None:
        """Find out whether this filter can run on this machine at all, for `mailscan check` and before a daemon
        serves; raises `MailscanError` saying what is missing. May be slow; a scan does not call it.
        """

    def probe(self, outside: Outside) -> Iterable[Probe]:
        """For `mailscan doctor`: ask everything this filter will need whether it is there and answers rightly; each
        question has the rule's timeout. Yields what came of it, and raises nothing for what is wrong.
        """
        return ()

    def ask(self, mail: Mail, outside: Outside) -> None:
        """Ask outside all that `check` will ask, so that the answers are known when it does; for `asks_network`.

        Called before the first `check` for every rule that may be asked, in a thread of a process of its own, where it
        must do nothing but wait. What it raises is passed over: `check` meets it again.
        """

    def check(self, mail: Mail, outside: Outside) -> Iterable[Finding]:
        """Judge the mail: yield what was found, nothing if it is clean. May raise `FilterError`."""
        raise NotImplementedError
