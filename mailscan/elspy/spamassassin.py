"""The module `elspy.spamassassin`: what spamd says of the mail; refused from a score on, tagged below it."""

from __future__ import annotations

import sys

from mailscan.elspy.dispositions import RejectSpam
from mailscan.errors import FilterError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType

    from mailscan.elspy.headers import HeaderList
    from mailscan.elspy.surroundings import Surroundings
    from mailscan.outside import Outside
    from mailscan.wire import Reader
    from mailscan.wire.spamd import Answer

REJECT_THRESHOLD = 10.0
SPAMD_ADDRESS = "127.0.0.1:783"
_MOST_STARS = 50
_MOST_OCTETS = 512_000  # as spamc has it: what is larger is seldom spam, and takes spamd long


def module(name: str, around: Surroundings) -> ModuleType:
    """A new module of that name, which judges the mail of `around`."""
    made: ModuleType = type(sys)(name, __doc__)

    def local_scan(info: object, headers: HeaderList, fd: object, msg: object = None) -> str | None:
        """Ask spamd. Raises `RejectSpam` for a score of `REJECT_THRESHOLD` or more, else adds X-Spam-… fields."""
        if around.mail is None or around.outside is None:
            return None
        octets = len(around.mail.message.raw)
        if octets > _MOST_OCTETS:
            around.log(f"spamassassin: not scanned, {octets} octets are more than {_MOST_OCTETS}")
            return None
        answer = _ask(around, around.outside, str(made.SPAMD_ADDRESS))
        for field in ("X-Spam-Status", "X-Spam-Level", "X-Spam-Flag"):
            headers.remove(field)  # a sender may have written them
        if answer.score >= float(made.REJECT_THRESHOLD):
            raise RejectSpam(f"message rejected -- looks like spam (score {answer.score:.1f})")
        _tag(headers, answer)
        return f"spamassassin: {answer.score:.1f}/{answer.threshold:.1f}"

    made.__dict__.update(REJECT_THRESHOLD=REJECT_THRESHOLD, SPAMD_ADDRESS=SPAMD_ADDRESS, local_scan=local_scan)
    return made


def _ask(around: Surroundings, outside: Outside, address: str) -> Answer:
    """What spamd says. Raises `FilterError` in words when it cannot be reached or says nothing of use."""
    from mailscan.addressing import address as read_address
    from mailscan.wire import spamd, whole_answer

    try:
        where = read_address(address)
    except ValueError as error:
        raise FilterError(f"elspy.spamassassin.SPAMD_ADDRESS: {error}") from None
    message = around.mail.message.raw[around.mail.message.start :] if around.mail else b""

    def read(reader: Reader) -> Answer:
        return spamd.answer(whole_answer(reader, spamd.is_whole), "SYMBOLS")

    asked = spamd.request("SYMBOLS", message)
    return outside.exchange(where, asked, read, limit=spamd.MOST_OCTETS, half_close=True)


def _tag(headers: HeaderList, answer: Answer) -> None:
    from mailscan.filters.spamassassin import status

    headers.add("X-Spam-Status", status(answer, "hits"))  # as elspy wrote it; SpamAssassin says score= since version 3
    if answer.score >= 1:
        headers.add("X-Spam-Level", "*" * min(int(answer.score), _MOST_STARS))
    if answer.spam:
        headers.add("X-Spam-Flag", "YES")
