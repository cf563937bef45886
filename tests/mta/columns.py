"""The columns: a mail, what mailscan is like when it comes, and what is owed. Every row is asked all of them.

The policy marks each mail that it judged (X-Seen, by Python of the site's own, with the envelope that it was told), so
that mail which went through unjudged is known by its lack.
"""

from __future__ import annotations

import base64
from typing import NamedTuple
from urllib.parse import unquote

from mta.site import Delivery, Outcome, Row, Site

SENDER = "joe@sender.example"
RECIPIENT = "jane@rcpt.example"
ODD_SENDER = '"`id` ${run{/bin/false}} $(id) \\"; x"@sender.example'
REPLY = ("Spam not wanted here", "Ask postmaster@rcpt.example for help")
SEEN = """
from urllib.parse import quote
from mailscan import tag

def check(mail, outside):
    envelope = mail.envelope
    told = [envelope.sender, envelope.client_ip, *envelope.recipients]
    return tag("X-Seen", " ".join("-" if one is None else quote(one, safe="@") or "<>" for one in told))
"""
_MARK = """
[log]
to = "none"

[[filter]]
use = "subject"
patterns = ["."]
action = "tag"

[[filter]]
use = "./seen.py"
"""
_REJECT = """
[[filter]]
use = "subject"
prefixes = ["ADV:"]
action = "reject"
code = "550 5.7.1"
reply = "Spam not wanted here\\nAsk postmaster@rcpt.example for help"
"""
_TEMPFAIL = """
[[filter]]
use = "subject"
prefixes = ["LATER:"]
action = "tempfail"
code = "451 4.7.1"
reply = "Not now"
"""
_OWN = """
[[filter]]
use = "./own.py"
timeout = 600
"""
_HEAD = "From: Joe <joe@sender.example>\nTo: Jane <jane@rcpt.example>\n"
_REST = "Date: Mon, 23 Nov 2026 10:00:00 +0000\nMessage-ID: <1@sender.example>\n"


class Column(NamedTuple):
    """`owed`: accept, reject, tempfail, or safe (judged and delivered, or kept for later; nothing else)."""

    name: str
    title: str
    owed: str
    subject: str = "a letter"
    more: str = ""  # header fields
    body: str = "Hello\n"
    sender: str = SENDER
    recipients: tuple[str, ...] = (RECIPIENT,)
    state: str = "well"
    own: str = ""  # a body for own.py's `check`
    policy: str = ""
    local: bool = False

    @property
    def octets(self) -> bytes:
        head = f"{_HEAD}Subject: {self.subject}\n{_REST}{self.more}"
        return (head + "\n" + self.body).encode("utf-8", "surrogateescape")

    def files(self) -> dict[str, str]:
        """The policy and the Python beside it."""
        policy = _MARK + _REJECT + _TEMPFAIL + self.policy + (_OWN if self.own else "")
        own = {"own.py": f"import os, signal, time\n\ndef check(mail, outside):\n    {self.own}\n"} if self.own else {}
        return {"policy.toml": policy, "seen.py": SEEN} | own


def _odd_recipients() -> tuple[str, ...]:
    odd = ('"a, b"', '"x, \\"y\\" z"', "o'hara", "a+b", "{c}", "a|b", "$HOME", "`id`", "a=b", "100%", "#1", "~", "a/b")
    plain = [f"user{number}" for number in range(100 - len(odd))]
    return tuple(f"{local}@rcpt.example" for local in [*odd, *plain])


# Postfix takes what a command prints so for a bounce, whatever it ends with.
_EXITS = "print('5.1.1 no such user', flush=True); os._exit(1)"
# Mailscan is killed, and what it started lives on, in a session of its own.
_ORPHAN = """if os.fork() == 0:
        os.setsid()
        time.sleep(90)
        os._exit(0)
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(90)"""
_LINE = base64.b64encode(bytes(range(48)) * 1).decode() + "\n"
COLUMNS = (
    Column("accept", "accepted, two headers added, a forged one removed", "accept", more="X-Mailscan-Tag: forged\n"),
    Column("reject", "rejected with two lines", "reject", subject="ADV: buy"),
    Column("tempfail", "tempfail by the policy", "tempfail", subject="LATER: a letter"),
    Column("recipients", "100 recipients, odd characters", "accept", recipients=_odd_recipients()),
    Column("null-sender", "null sender", "accept", sender=""),
    Column("odd-sender", "sender with quotes, backticks, `${…}`", "accept", sender=ODD_SENDER),
    Column(
        "eight-bit", "raw 8-bit and UTF-8 headers", "accept", subject="caf\udce9 Grüße 你好", body="\udce9\udcff 你\n"
    ),
    Column(
        "dots", 'lone dots, "From " lines', "accept", body=".\n..\nFrom me\n\nFrom joe Mon Nov 23 10:00:00 2026\n.x\n"
    ),
    Column("large", "20 MB", "accept", body=_LINE * (20_000_000 // len(_LINE))),
    Column("missing", "mailscan missing", "tempfail", state="missing"),
    Column("half", "package half removed", "tempfail", state="half"),
    Column("cut", "mailscan cut off on the disk", "tempfail", state="cut"),
    Column("interpreter", "its Python is missing", "tempfail", state="interpreter"),
    Column("pythonhome", "PYTHONHOME is wrong", "tempfail", state="pythonhome"),
    Column("memory", "no memory for Python to start", "tempfail", state="memory"),
    Column("exits", "a filter prints `5.1.1 …` and calls os._exit(1)", "tempfail", own=_EXITS),
    Column("killed", "SIGKILL", "tempfail", own="os.kill(os.getppid(), signal.SIGKILL)"),
    Column("orphan", "SIGKILL, and a grandchild holds the pipes", "tempfail", own=_ORPHAN),
    Column("slow", "slower than the timeout", "tempfail", own="time.sleep(600)"),
    Column("broken", "policy broken", "tempfail", policy='[[filter]]\nuse = "subject"\nprefixen = ["x"]\n'),
    Column("full", "no room for temporary files", "safe", state="full"),
    Column("local", "local submission", "accept", local=True),
)
BY_NAME = {column.name: column for column in COLUMNS}
# What mailers put on top of a mail, or take away, on its way.
TRACE = (
    b"received return-path delivered-to envelope-to delivery-date x-original-to x-envelope-from x-envelope-to "
    b"x-mailscan-verdict"
).split()


def run(column: Column, row: Row, site: Site) -> str:
    """Have the row's mailer take the column's mail; gives what happened, in the words of the matrix. Raises
    AssertionError where that is not what is owed.
    """
    site.become(column.state, column.files())
    if column.state == "full":
        with site.no_room():
            return _run(column, row)
    return _run(column, row)


def _run(column: Column, row: Row) -> str:
    code, text = row.submit(column.sender, list(column.recipients), column.octets, column.local)
    outcome = row.outcome()
    said = f"{row.name}, {column.name}: {code} {text!r}, {outcome}"[:4000]
    if row.kind == "smtp":
        happened = _in_dialogue(column, code, text, outcome, said)
    elif row.kind == "queue":
        happened = _after_queue(column, code, outcome, said)
    else:
        happened = _mailbox(column, code, text, outcome, said)
    allowed = {"safe": ("accept", "tempfail")}.get(column.owed, (column.owed,))
    word, _, cell = happened.partition(": ")
    assert word in allowed, f"{said}: {happened}, and {column.owed} is owed"
    return cell


def _in_dialogue(column: Column, code: int, text: str, outcome: Outcome, said: str) -> str:
    assert not outcome.bounces and not outcome.deferred, said
    if code == 250:
        unchanged(column, outcome.delivered)
        return "accept: delivered, edited"
    assert not outcome.delivered, said
    if 500 <= code < 600:
        assert all(line in text for line in REPLY), said
        return f"reject: {code}, our text"
    assert 400 <= code < 500, said
    return f"tempfail: {code}"


def _after_queue(column: Column, code: int, outcome: Outcome, said: str) -> str:
    assert code in (0, 250), said
    assert not outcome.bounces, said
    if outcome.delivered:
        assert not outcome.deferred, said
        return _delivered(column, outcome, said)
    assert outcome.deferred, f"{said}: the mail is lost"
    return "tempfail: deferred"


def _delivered(column: Column, outcome: Outcome, said: str) -> str:
    """All of them were, with the mark of refused mail or with the edits of accepted."""
    marked = [b"\nX-Mailscan-Verdict: reject 5.7.1 " in b"\n" + one.octets for one in outcome.delivered]
    assert len(set(marked)) == 1, said
    unchanged(column, outcome.delivered, tagged=not marked[0])
    return "reject: delivered, marked" if marked[0] else "accept: delivered, edited"


def _mailbox(column: Column, code: int, text: str, outcome: Outcome, said: str) -> str:
    """`code` is the exit status (sysexits) or LMTP's answer of the delivery agent."""
    assert not outcome.bounces and not outcome.deferred, said
    if outcome.delivered:
        assert code in (0, 250), f"{said}: it comes again"
        return _delivered(column, outcome, said)
    if code in (77, 550):
        assert all(line in text for line in REPLY), said
        return f"reject: {code}, our text"
    assert code in (75, 451), f"{said}: the mail is lost"
    return f"tempfail: {code}"


def unchanged(column: Column, delivered: list[Delivery], tagged: bool = True) -> None:
    """Every recipient got the mail once, judged with the envelope that it has, and with no octet changed but ours."""
    got = [one for mail in delivered for one in mail.recipients]
    assert sorted(got) == sorted(column.recipients), (got, column.recipients)
    for mail in delivered:
        assert mail.sender == column.sender, mail.sender
        compare(column, mail.octets, mail.recipients, tagged)


def compare(column: Column, octets: bytes, recipients: tuple[str, ...], tagged: bool = True) -> None:
    """`octets` are the column's, with X-Mailscan-Tag and X-Seen on top and what a mailer writes there. Refused mail
    that is delivered all the same has the mark of that alone.
    """
    head, _, body = octets.partition(b"\n\n")
    wanted_head, _, wanted_body = column.octets.partition(b"\n\n")
    added: dict[bytes, bytes] = {}
    left: list[bytes] = []
    for field in fields(head):
        name, _, value = field.partition(b":")
        if name in (b"X-Mailscan-Tag", b"X-Seen"):
            assert name not in added, f"{name!r} stands there twice"
            added[name] = b" ".join(value.split())
        elif name.lower() not in TRACE:
            left.append(field)
    assert left == [one for one in fields(wanted_head) if b"forged" not in one]
    assert body.rstrip(b"\n") == wanted_body.rstrip(b"\n"), (len(body), len(wanted_body))
    assert max(map(len, head.split(b"\n"))) <= 998
    if not tagged:
        assert not added, added  # nothing is edited in what is refused, but the mark
        return
    assert added[b"X-Mailscan-Tag"] == b"subject"
    seen = [unquote(word.decode()) for word in added[b"X-Seen"].split()]
    assert seen[0] == (column.sender or "<>"), seen[0]
    assert set(recipients) <= set(seen[2:]), (recipients, seen)


def fields(head: bytes) -> list[bytes]:
    """The header's fields, each with its folded lines."""
    unfolded: list[bytes] = []
    for line in head.split(b"\n"):
        if line[:1] in (b" ", b"\t") and unfolded:
            unfolded[-1] += b"\n" + line
        else:
            unfolded.append(line)
    return unfolded
