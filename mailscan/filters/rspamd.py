"""The filter `rspamd`."""

from __future__ import annotations

from functools import partial

from mailscan import specimens
from mailscan.addressing import Address, addresses
from mailscan.errors import FilterError
from mailscan.filters import Filter
from mailscan.keys import choice, option, size
from mailscan.probe import probe
from mailscan.verdict import Evidence, Finding
from mailscan.wire import rspamd, whole_answer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from mailscan.mail import Mail
    from mailscan.outside import Outside
    from mailscan.probe import Probe
    from mailscan.verdict import Action
    from mailscan.wire import Reader

_does = choice("reject", "tempfail", "quarantine", "tag", "ignore")
# X-Spamd-Bar of rspamd itself has as many.
_LONGEST_BAR = 50
MOST_SYMBOLS = 50
# rspamd's own actions; a site can have others.
ACTIONS = ("reject", "soft reject", "quarantine", "discard", "rewrite subject", "add header", "greylist", "no action")
_LOCAL: tuple[Address, ...] = (Address("127.0.0.1", 11333),)


class Rspamd(Filter):
    """Asks rspamd what it makes of a mail, and does what the policy says of that action.

    rspamd answers with an action; what each of them means is said here, by the keys that begin with `on_`. A mail
    that is to be rejected, put off or held is found: `rspamd.reject`, `rspamd.soft-reject` and so on, by rspamd's name
    of the action; the rule's own `action` outranks what the key says. Of any other mail the action is a note, and it
    goes through with

    - `X-Spamd-Result: default: False [3.10 / 15.00]; SYMBOL(3.10)[option]; …`, as rspamd itself writes it,
    - `X-Spamd-Bar`, a plus for each whole point, or a minus,
    - `X-Rspamd-Action: add header`

    unless its key says `ignore`. With `action = "score"` rspamd's score is added to the sum.

    rspamd is told the sender, the recipients, and of the client what is known: address, host name, HELO, SMTP AUTH
    identity, and the queue id. Symbols stand in the detail, the weightiest first.
    """

    address = option(addresses, _LOCAL, "where rspamd's normal worker, or its proxy, listens")
    on_reject = option(_does, "reject", 'what "reject" of rspamd means')
    on_soft_reject = option(_does, "tempfail", 'what "soft reject" means; greylisting and rate limits end in it')
    on_quarantine = option(_does, "quarantine", 'what "quarantine" means')
    on_discard = option(_does, "reject", 'what "discard" means; mailscan loses no mail')
    on_rewrite_subject = option(_does, "tag", 'what "rewrite subject" means; the Subject stays')
    on_add_header = option(_does, "tag", 'what "add header" means')
    on_greylist = option(_does, "tag", 'what "greylist" means, which is a score; who has to wait gets "soft reject"')
    on_no_action = option(_does, "tag", 'what "no action" means')
    on_other = option(_does, "tag", "what an action of the site's own means")
    max_size = option(size, 50_000_000, "a larger message is not sent")

    decides = True
    asks_network = True
    writes = ("X-Spamd-Result", "X-Spamd-Bar", "X-Rspamd-Action")

    def prepare(self) -> None:
        """Gather what rspamd's actions mean by their names."""
        self._means = {action: str(getattr(self, "on_" + action.replace(" ", "_"))) for action in ACTIONS}

    def ask(self, mail: Mail, outside: Outside) -> None:
        """Have rspamd begin."""
        if len(mail.message.raw) <= self.max_size:
            self._answer(mail, outside)

    def check(self, mail: Mail, outside: Outside) -> Iterator[Finding]:
        """Yields "rspamd.ACTION", a note where the mail is to go through, or the note "rspamd.not-scanned"."""
        raw = mail.message.raw
        if len(raw) > self.max_size:
            what = f"the message is larger than max_size, {self.max_size} octets"
            yield Finding("rspamd.not-scanned", what, note=True)
            return
        answer = self._answer(mail, outside)
        does = self._does(answer)
        note = does in ("tag", "ignore")
        shown = [_shown(one) for one in answer.symbols[:MOST_SYMBOLS]]
        more = f" (and {len(answer.symbols) - MOST_SYMBOLS} more)" if len(answer.symbols) > MOST_SYMBOLS else ""
        action: Action | None = None if note else does  # type: ignore[assignment]
        yield Finding(
            f"rspamd.{_code(answer.action)}",
            f"{answer.score:.2f} of {answer.threshold:.2f}: {', '.join(shown) or 'no symbol'}{more}",
            score=answer.score,
            headers=() if does == "ignore" else fields(answer),
            evidence=[Evidence("1", mail.message.start, len(raw))],
            action=action,
            note=note,
        )

    def probe(self, outside: Outside) -> Iterator[Probe]:
        """/ping, GTUBE, and a message that must not be found, of each server."""
        for address in self.address:
            there = probe(f"rspamd {address}: /ping", partial(self._ping, address, outside))
            yield there
            if there.state == "failed":
                continue
            yield probe(f"rspamd {address}: GTUBE is rejected", partial(self._spam, address, outside))
            yield probe(f"rspamd {address}: a letter is not", partial(self._letter, address, outside))

    def _ping(self, address: Address, outside: Outside) -> str:
        def read(reader: Reader) -> None:
            rspamd.pong(whole_answer(reader, rspamd.is_whole))

        outside.exchange(address, rspamd.ping(), read)
        return "pong"

    def _spam(self, address: Address, outside: Outside) -> str:
        answer = self._asked([address], specimens.spam(), (), outside)
        if answer.action != "reject":
            raise FilterError(f'"{answer.action}"; GTUBE is to be rejected: is gtube_patterns switched off?')
        return f'"{answer.action}"'

    def _letter(self, address: Address, outside: Outside) -> str:
        answer = self._asked([address], specimens.harmless(), (), outside)
        symbols = ", ".join(map(_shown, answer.symbols[:MOST_SYMBOLS]))
        said = f'"{answer.action}", {answer.score:.2f} of {answer.threshold:.2f}: {symbols or "no symbol"}'
        if self._does(answer) in ("reject", "tempfail", "quarantine"):
            raise FilterError(said)
        return said

    def _does(self, answer: rspamd.Answer) -> str:
        return self._means.get(answer.action, self.on_other)

    def _answer(self, mail: Mail, outside: Outside) -> rspamd.Answer:
        message = mail.message.raw[mail.message.start :]
        envelope = mail.envelope
        told = [(name, str(getattr(envelope, fact))) for fact, name in rspamd.TOLD if envelope.knows(fact)]
        told += [("Rcpt", recipient) for recipient in envelope.recipients]
        return self._asked(self.address, message, told, outside)

    def _asked(
        self, addresses: Sequence[Address], message: bytes, told: Iterable[tuple[str, str]], outside: Outside
    ) -> rspamd.Answer:
        def read(reader: Reader) -> rspamd.Answer:
            return rspamd.answer(whole_answer(reader, rspamd.is_whole))

        return outside.exchange(addresses, rspamd.request(message, told), read, limit=rspamd.MOST_OCTETS)


def fields(answer: rspamd.Answer) -> list[tuple[str, str]]:
    """The header fields that tell of an answer, as rspamd's own module milter_headers writes them."""
    spam = answer.action not in ("no action", "greylist")
    symbols = "; ".join(map(_shown, answer.symbols[:MOST_SYMBOLS]))
    result = f"default: {spam} [{answer.score:.2f} / {answer.threshold:.2f}]"
    points = min(abs(int(answer.score)), _LONGEST_BAR)
    bar = ("+" if answer.score > 0 else "-") * points or "/"
    return [
        ("X-Spamd-Result", f"{result}; {symbols}" if symbols else result),
        ("X-Spamd-Bar", bar),
        ("X-Rspamd-Action", answer.action),
    ]


def _shown(symbol: rspamd.Symbol) -> str:
    options = ",".join(symbol.options)
    return f"{symbol.name}({symbol.score:.2f})" + (f"[{options[:200]}]" if options else "")


def _code(action: str) -> str:
    """An action as the end of a finding's code; those of a site may be called anything."""
    return "".join(char if char.isascii() and char.isalnum() else "-" for char in action.lower())
