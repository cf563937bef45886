"""The filter `spamassassin`."""

from __future__ import annotations

from functools import partial

from mailscan import specimens
from mailscan.addressing import Address, addresses
from mailscan.errors import FilterError
from mailscan.filters import Filter
from mailscan.keys import count, flag, number, option, size, text
from mailscan.probe import probe
from mailscan.verdict import Evidence, Finding
from mailscan.wire import spamd, whole_answer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mailscan.mail import Mail
    from mailscan.outside import Outside
    from mailscan.probe import Probe
    from mailscan.wire import Reader

# RFC 5322 2.1.1: where the list of tests can be folded; within 78 with a blank before it.
_FOLD = 70
# What SpamAssassin gives GTUBE, less whatever a site's own rules may take from it.
_GTUBE = 900.0
_LOCAL: tuple[Address, ...] = (Address("127.0.0.1", 783),)


def user(value: object, folder: str) -> str:
    """the name of a user: letters, digits and any of "-_.@+=" """
    name = text(value, folder)
    if name and not spamd.is_user(name):
        raise ValueError(f'"{name[:80]}" is no name of a user: letters, digits and any of "-_.@+=" are wanted')
    return name


class SpamAssassin(Filter):
    """Asks SpamAssassin's daemon, spamd, how much a mail looks like spam.

    With a score of `reject_at` or more the mail is found, `spamassassin.spam`, and rejected unless the rule's
    `action` says something else. Below it the score is a note, `spamassassin.score`, and the mail that goes through
    has

    - `X-Spam-Status: Yes, score=7.1 required=5.0 tests=…`, or `No`; what is required is spamd's own threshold,
    - `X-Spam-Level`, a star for each whole point, at most `most_stars`,
    - `X-Spam-Flag: YES` when spamd takes it for spam.

    All fields that came with the mail and begin with `X-Spam-` are removed. With `action = "score"` spamd's score is
    added to the sum whatever it is; with `action = "tag"` nothing is rejected.

    Of several servers in `address` the first that answers is believed; each has its share of the rule's `timeout`. A
    mail of more than `max_size` is not sent: `spamassassin.not-scanned`, a note. The envelope sender is told in a
    field X-Envelope-From above the message, where SpamAssassin looks for it.
    """

    address = option(addresses, _LOCAL, "where spamd listens; of several the first that answers is asked")
    reject_at = option(number, 12.0, "this score or more is found, and rejected")
    user = option(user, "", "whose preferences spamd is to use")
    max_size = option(size, 1_000_000, "a larger message is not sent")
    compress = option(flag, False, "whether the message is sent compressed; for a spamd far away")
    most_stars = option(count, 50, "the longest X-Spam-Level")

    decides = True
    asks_network = True
    writes = ("X-Spam-*",)

    def ask(self, mail: Mail, outside: Outside) -> None:
        """Have spamd begin."""
        if len(mail.message.raw) <= self.max_size:
            self._answer(mail, outside)

    def check(self, mail: Mail, outside: Outside) -> Iterator[Finding]:
        """Yields "spamassassin.spam", or the note "spamassassin.score" or "spamassassin.not-scanned"."""
        raw = mail.message.raw
        if len(raw) > self.max_size:
            what = f"the message is larger than max_size, {self.max_size} octets"
            yield Finding("spamassassin.not-scanned", what, note=True)
            return
        answer = self._answer(mail, outside)
        high = answer.score >= self.reject_at
        yield Finding(
            "spamassassin.spam" if high else "spamassassin.score",
            f"{answer.score:.1f} of {self.reject_at:g}, spamd's threshold is {answer.threshold:.1f}: "
            + (", ".join(answer.symbols) or "no test hit"),
            score=answer.score,
            headers=self.fields(answer),
            evidence=[Evidence("1", mail.message.start, len(raw))],
            action="reject" if high else None,
            note=not high,
        )

    def probe(self, outside: Outside) -> Iterator[Probe]:
        """PING, GTUBE, and a message that must not be found, of each server."""
        for address in self.address:
            there = probe(f"spamd {address}: PING", partial(self._ping, address, outside))
            yield there
            if there.state == "failed":
                continue
            yield probe(f"spamd {address}: GTUBE is found", partial(self._spam, address, outside))
            yield probe(f"spamd {address}: a letter is not", partial(self._letter, address, outside))

    def _ping(self, address: Address, outside: Outside) -> str:
        def read(reader: Reader) -> str:
            return spamd.pong(whole_answer(reader, spamd.is_pong))

        return f"protocol {outside.exchange(address, spamd.ping(), read, half_close=True)}"

    def _spam(self, address: Address, outside: Outside) -> str:
        answer = self._one(address, specimens.spam(), outside)
        said = f"score {answer.score:.1f}: {', '.join(answer.symbols)}"
        if answer.score < max(self.reject_at, _GTUBE):
            raise FilterError(f"{said}; {_GTUBE:g} or more is wanted for GTUBE: are its rules installed?")
        return said

    def _letter(self, address: Address, outside: Outside) -> str:
        answer = self._one(address, specimens.harmless(), outside)
        said = f"score {answer.score:.1f}: {', '.join(answer.symbols) or 'no test hit'}"
        if answer.score >= self.reject_at:
            raise FilterError(f"{said}; that would be rejected")
        return said

    def _one(self, address: Address, message: bytes, outside: Outside) -> spamd.Answer:
        return self._asked([address], message, outside, self.compress)

    def fields(self, answer: spamd.Answer) -> list[tuple[str, str]]:
        """The header fields that tell of an answer."""
        fields = [("X-Spam-Status", status(answer))]
        if stars := "*" * min(max(int(answer.score), 0), self.most_stars):
            fields.append(("X-Spam-Level", stars))
        if answer.spam:
            fields.append(("X-Spam-Flag", "YES"))
        return fields

    def _answer(self, mail: Mail, outside: Outside) -> spamd.Answer:
        message = _with_sender(mail)
        try:
            return self._asked(self.address, message, outside, self.compress)
        except spamd.Refused as refused:
            # A spamd without zlib says that it does not know the field.
            if not self.compress or refused.status != spamd.EX_PROTOCOL:
                raise
        return self._asked(self.address, message, outside, False)

    def _asked(self, addresses: Sequence[Address], message: bytes, outside: Outside, compress: bool) -> spamd.Answer:
        asked = spamd.request("SYMBOLS", message, user=self.user, compress=compress)

        def read(reader: Reader) -> spamd.Answer:
            return spamd.answer(whole_answer(reader, spamd.is_whole), "SYMBOLS")

        # Where a compressed message ends is told to spamd by nothing but the end of what comes.
        return outside.exchange(addresses, asked, read, limit=spamd.MOST_OCTETS, half_close=True)


def status(answer: spamd.Answer, word: str = "score") -> str:
    """The value of X-Spam-Status; SpamAssassin called the score `hits` until version 3."""
    tests = [""]
    for name in answer.symbols or ("none",):
        if tests[-1] and len(tests[-1]) + len(name) > _FOLD:
            tests.append("")
        tests[-1] += name + ","
    yes = "Yes" if answer.spam else "No"
    said = f"{yes}, {word}={answer.score:.1f} required={answer.threshold:.1f} tests={' '.join(tests)}"
    return said.removesuffix(",")


def _with_sender(mail: Mail) -> bytes:
    """The message, with the envelope sender above it where it is known and can stand in a field."""
    message = mail.message
    raw = message.raw[message.start :]
    sender = mail.envelope.sender
    if sender is None or not sender.isascii() or not sender.isprintable() or len(sender) > 500:
        return raw
    return f"X-Envelope-From: <{sender}>".encode("ascii") + message.line_end + raw
