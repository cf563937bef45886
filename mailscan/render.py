"""A verdict as octets: `text`, `kv`, `json` and `message` (CONTRACT 1, "stdout")."""

from __future__ import annotations

from mailscan.errors import MailscanError
from mailscan.outgoing import header_field, header_lines, reply_lines
from mailscan.verdict import FAILURE_CODE, FAILURE_REPLY, Verdict

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from mailscan.message import Message
    from mailscan.verdict import Edits

FORMATS = ("text", "kv", "json", "message")
# What each door can do to a mail. Removing header fields is never refused: a door that cannot has nothing forged
# to believe, or its mailer removes them itself.
CARRIES: dict[str, frozenset[str]] = {
    "text": frozenset({"add"}),
    "kv": frozenset({"add", "remove", "rcpt_add", "rcpt_remove"}),
    "message": frozenset({"add", "remove", "change", "body"}),
    "json": frozenset({"add", "remove", "change", "rcpt_add", "rcpt_remove", "body"}),
}
# The kinds of edits, in words.
CALLED = {
    "add": "a header field added",
    "change": "a header field changed",
    "rcpt_add": "a recipient added",
    "rcpt_remove": "a recipient removed",
    "body": "the body replaced",
}
# Of names in `remove=`, which a sender chooses: Exim keeps the line in a variable, and writes that to its spool, whose
# lines have 16 kB. No mail that was not made to be like that comes near.
_MOST_REMOVED = 8_000
_CODES = {"accept": "", "reject": "550 5.7.1", "tempfail": "451 4.7.1"}
_REPLIES = {"reject": "Message refused", "tempfail": "Message could not be accepted now"}


def render(form: str, verdict: Verdict, message: Message | None = None) -> bytes:
    """What stdout carries for this verdict in one of `FORMATS`; `message` is needed for the format `message`.

    Raises `MailscanError` if the verdict asks for an edit that the format cannot carry.
    """
    if form == "json":
        from mailscan.document import document, to_json

        return to_json(document(verdict))
    if verdict.action == "accept":
        for edit in sorted(edits_of(verdict.edits) - CARRIES[form]):
            raise MailscanError(f"the policy wants {CALLED[edit]}, which --format {form} cannot carry")
    if form == "kv":
        return _kv(verdict)
    if verdict.action != "accept":
        return "".join(f"{line}\n" for line in coded_reply(verdict)).encode("ascii")
    if form == "message":
        if message is None:
            raise MailscanError("--format message needs the message")
        return edited(message, verdict.edits)
    return "".join(header_field(name, value) for name, value in verdict.edits.add).encode("ascii")


def failure(form: str, reason: str) -> bytes:
    """What stdout carries when mailscan itself failed; `reason` is for the postmaster, any text."""
    if form == "kv":
        return _pairs(verdict="tempfail", code=FAILURE_CODE, message=FAILURE_REPLY, error=_reason(reason))
    if form == "json":
        from mailscan.document import document, to_json

        verdict = Verdict("tempfail", code=FAILURE_CODE, reply=[FAILURE_REPLY])
        return to_json(document(verdict) | {"error": reason})
    return f"{FAILURE_CODE.partition(' ')[2]} {FAILURE_REPLY}\n".encode("ascii")


def failed_rule(verdict: Verdict) -> str:
    """Why the rule that decided could not do its work, for the postmaster; "" if it could."""
    for asked in verdict.account:
        if asked.outcome == "error" and asked.rule == verdict.rule:
            return f"{asked.rule}: {asked.why}"
    return ""


def edits_of(edits: Edits) -> set[str]:
    """Which kinds of edits these are, by the names in `CARRIES`; header fields removed are not counted."""
    kinds = {kind for kind in ("add", "rcpt_add", "rcpt_remove") if getattr(edits, kind)}
    if any(value is not None for _, _, value in edits.change):
        kinds.add("change")
    if edits.body is not None:
        kinds.add("body")
    return kinds


def codes(verdict: Verdict) -> tuple[str, str]:
    """(SMTP code, enhanced code) of a verdict that refuses; ("", "") for accept."""
    basic, _, enhanced = (verdict.code or _CODES[verdict.action]).partition(" ")
    return basic, enhanced


def reply_of(verdict: Verdict) -> list[str]:
    """The lines that a refused sender hears, without codes: printable ASCII, within the limits of RFC 5321."""
    return reply_lines(verdict.reply) or [_REPLIES[verdict.action]]


def coded_reply(verdict: Verdict) -> list[str]:
    """The lines of the reply, each beginning with the enhanced status code (RFC 3463)."""
    return [f"{codes(verdict)[1]} {line}" for line in reply_of(verdict)]


def edited(message: Message, edits: Edits) -> bytes:
    """The message with its edits; octets that none touches stay as they came (CONTRACT 1, `message`).

    What stands before `message.start` is envelope: a `From ` line stays first, anything else is left out.
    """
    raw = memoryview(message.raw)  # sliced without copies: a message may have 150 MB
    line_end = message.line_end.decode("ascii")
    from_line = message.from_line
    if from_line and not from_line.endswith(b"\n") and (edits.add or message.start < len(raw)):
        # It ends with the message, or at a bare CR, where only some readers would have its end.
        from_line += message.line_end
    out: list[bytes | memoryview] = [from_line]
    out += [header_field(name, value, line_end).encode("ascii") for name, value in edits.add]
    if edits.add and message.raw.startswith((b" ", b"\t"), message.start):
        # Continuation lines without a field would continue ours, and say there what the sender likes.
        out.append(f"X-Mailscan-Note: header began with a continuation line{line_end}".encode("ascii"))
    removed = {name.lower() for name in edits.remove}
    changed = {(name.lower(), index): value for name, index, value in edits.change}
    count: dict[str, int] = {}
    at = message.start
    cuts: list[tuple[int, int, bytes]] = []
    touched = removed.union(name for name, _ in changed)
    for field in message.headers.named(touched) if touched else ():
        key = field.name.lower()
        count[key] = count.get(key, 0) + 1
        if key not in removed and (key, count[key]) not in changed:
            continue
        value = None if key in removed else changed[key, count[key]]
        new = b"" if value is None else header_field(field.name, value, line_end).encode("ascii")
        cuts.append((field.start, field.end, new))
    if removed and message.headers.is_disputed:
        from mailscan.lenient import removals

        # Not only the RFCs' reader is to see none of them.
        cuts += [(start, end, b"") for start, end in removals(message.headers, removed)]
    for start, end, new in sorted(cuts):
        if end <= at or (edits.body is not None and start >= message.body_start):
            continue
        out += [raw[at : max(start, at)], new]
        at = end
    if edits.body is None:
        out.append(raw[at:])
    else:
        out += [raw[at : message.body_start], *_separator(message), edits.body]
    octets = b"".join(out)
    if cuts and removed and not edits.add:
        return _begun(octets, len(from_line), line_end)
    return octets


def _begun(octets: bytes, start: int, line_end: str) -> bytes:
    """A message whose first field may have been taken out: what ended its header must not become its beginning."""
    from mailscan.lenient import EMPTY_LINE

    if not start and octets.startswith(b"From "):
        # Standing first it would be envelope, and the fields below it, forged ones too, count.
        note = "header ended with a From line"
    elif EMPTY_LINE.match(octets, start):
        # Readers that skip empty lines would find the next ones.
        note = "no header field was left"
    else:
        return octets
    return octets[:start] + f"X-Mailscan-Note: {note}{line_end}".encode("ascii") + octets[start:]


def _separator(message: Message) -> Iterable[bytes]:
    """The empty line before a new body, where the message has none."""
    if message.body_start > message.header_end:
        return
    if message.header_end > message.start and message.raw[message.header_end - 1 : message.header_end] != b"\n":
        yield message.line_end
    yield message.line_end


def _kv(verdict: Verdict) -> bytes:
    edits = verdict.edits
    if verdict.action != "accept":
        message = "\n".join(reply_of(verdict))
        error = _reason(failed_rule(verdict))
        return _pairs(verdict=verdict.action, code=" ".join(codes(verdict)), message=message, error=error)
    remove = ":".join(name for name in edits.remove if name.isascii() and name.isprintable())
    if len(remove) > _MOST_REMOVED:
        raise MailscanError(
            f"the mail has {len(edits.remove)} fields of names that only we may write, more than --format kv can "
            f"name in {_MOST_REMOVED} octets; and what is not removed would be believed"
        )
    return _pairs(
        verdict=verdict.action,
        # Exim adds header fields at the bottom unless the line itself says otherwise.
        headers="\n".join(":at_start:" + "\n".join(header_lines(name, value)) for name, value in edits.add),
        remove=remove,
        rcpt_add=", ".join(edits.rcpt_add),
        rcpt_remove=", ".join(edits.rcpt_remove),
    )


def _reason(text: str) -> str:
    return "".join(reply_lines([text])[:1])


def _pairs(verdict: str, **values: str) -> bytes:
    """One line for Exim's `${extract}`; `\\n`, `\\"` and `\\\\` are its only escapes, and empty values are left out.

    Only addresses can hold 8-bit octets here (RFC 6531); they are given back as they came, or they would name
    nobody. Their controls become `?`.
    """
    line = f"verdict={verdict}"
    for name, value in values.items():
        if value:
            value = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
            line += f' {name}="{value}"'
    if not line.isprintable():
        line = "".join("?" if char < " " or "\x7f" <= char < "\xa0" else char for char in line)
    try:
        return line.encode("utf-8", "surrogateescape") + b"\n"
    except UnicodeEncodeError:  # a surrogate that no octet gave
        return line.encode("utf-8", "replace") + b"\n"
