"""What holds for every message whatever its octets are, and a judge that says which of it does not."""

from __future__ import annotations

import json
import os
import re
import resource
import time
from pathlib import Path

from mailscan.cli import run
from mailscan.envelope import Envelope
from mailscan.filters.attachments import GROUPS
from mailscan.mail import Mail
from mailscan.message import Message
from mailscan.mime import MOST_LEVELS, MOST_PARTS, Part
from mailscan.outside import Outside
from mailscan.pipeline import scan
from mailscan.policy import load_policy, starter_text
from mailscan.render import render
from mailscan.verdict import Edits, Verdict

# Seconds of CPU time: of a message below 1 MB, and of a larger one.
SMALL, SECONDS, MOST_SECONDS = 1_000_000, 2.0, 3.0
# Of a message that carries containers, with all child processes: seconds of CPU time, and octets in memory.
UNPACKING, CHILDREN = 4.0, 400_000_000
# Octets beyond what the process had: for itself, for each octet of the message, and what the limits of archives allow.
MEMORY, TIMES, UNPACKED = 48_000_000, 6, 150_000_000
ENVELOPE = ("--sender", "joe@example.net", "--rcpt", "jane@example.com")
WIDE = """
[[filter]]
use = "match"
name = "words"
words = ["free money", "viagra", "click here"]
action = "tag"
[[filter]]
use = "match"
name = "patterns"
header_patterns = { From = ['<[^<>]{1,200}>'], Subject = ['\\bre:'] }
patterns = ['https?://\\S+']
action = "quarantine"
[[filter]]
use = "subject"
prefixes = ["re:"]
charsets = ["gb2312", "koi8-r"]
scripts = ["Han", "Cyrillic"]
words = ["you"]
action = "tag"
[[filter]]
use = "attachments"
extensions = [".zip", ".txt"]
action = "tag"
"""
# Every group is looked for, so that all that may be said is.
OPENED = f"""
[[filter]]
use = "attachments"
refuse = {json.dumps(list(GROUPS))}
action = "reject"
"""
QUIET = '\n[log]\nto = "none"\n'
_FOLDED = re.compile(rb"(?:[!-9;-~]+:[ -~]{0,997}\n(?:[ \t][ -~]{0,997}\n)*)*")
_REPLY = re.compile(rb"(?:[45]\.[0-9]+\.[0-9]+ [ -~]{1,500}\n){1,32}")
_KV = re.compile(rb'verdict=[a-z]+(?: [a-z_]+="(?:[^"\\\n]|\\[n"\\])*")*\n')


class Broken(Exception):
    """A promise that was not kept: which one, and after a colon how."""


def held(true: bool, promise: str, how: object = "") -> None:
    """Raise `Broken` unless it is true."""
    if not true:
        raise Broken(f"{promise}: {how}")


class Command:
    """The command's `main` in this process, on descriptors of files in memory."""

    def __call__(self, raw: bytes, *args: str) -> tuple[int, bytes, bytes]:
        """(status, standard output, standard error) of one run on this message."""
        # Made anew for each run: a forked process would share them with its parent.
        into, out, err = descriptors = [os.memfd_create(name) for name in ("stdin", "stdout", "stderr")]
        try:
            with open(into, "wb", closefd=False) as file:
                file.write(raw)
            os.lseek(into, 0, os.SEEK_SET)
            status = run(args, into, out, err, {})
            return status, *(os.pread(one, os.fstat(one).st_size, 0) for one in (out, err))  # type: ignore[return-value]
        finally:
            for descriptor in descriptors:
                os.close(descriptor)


class Judge:
    """Asks the command and the reader about one message after the other. `folder` takes two policies."""

    def __init__(self, folder: Path) -> None:
        self.command = Command()
        self.starter, self.wide = str(folder / "starter.toml"), str(folder / "wide.toml")
        Path(self.starter).write_text(starter_text() + QUIET, encoding="utf-8")
        Path(self.wide).write_text(WIDE + QUIET, encoding="utf-8")
        self.opened = str(folder / "opened.toml")
        Path(self.opened).write_text(OPENED + QUIET, encoding="utf-8")
        self.policy = load_policy(self.wide)

    def broken(self, raw: bytes) -> str:
        """The first promise that this message breaks, as "promise: how"; "" if it breaks none. One octet at least."""
        try:
            self._formats(raw)
            _reading(raw)
            _edited(raw)
            self._line_ends(raw)
        except Broken as broken:
            return str(broken)
        except Exception as error:  # noqa: BLE001 - that nothing raises is one of the promises
            return f"{type(error).__name__} at {_place(error)}: {error}"[:500]
        return ""

    def _formats(self, raw: bytes) -> None:
        status, out = self._run(raw, self.starter, "json", *ENVELOPE)
        try:
            said = json.loads(out.decode("utf-8"))
        except ValueError as error:
            raise Broken(f"JSON is not valid: {error}") from None
        for rule in said["rules"]:
            held(rule["outcome"] != "error", "no rule fails", rule["why"])
            for finding in rule["findings"]:
                for one in finding["evidence"]:
                    held(0 <= one["start"] <= one["end"] <= len(raw), "evidence lies in the message", one)
        same, out = self._run(raw, self.starter, "message", *ENVELOPE)
        held(same == status, "formats agree", f"json {status}, message {same}")
        if status == 0 and not any(said["edits"].values()):
            held(out == raw, "a message without edits is given back as it came", len(out) - len(raw))
        elif status == 0:
            left = {field.name.lower() for field in Message(out).headers}
            names = [name for name in said["edits"]["remove"] if name.lower() in left]
            held(not names, "fields that are removed are gone", names)
        # Without an envelope: a mailer's, written above the message, may be believed. With headers to add.
        status, out = self._run(raw, self.wide, "text")
        form = _REPLY if status else _FOLDED
        held(form.fullmatch(out) is not None, "text is headers or a reply", out[:200])

    def _line_ends(self, raw: bytes) -> None:
        """LF and CRLF say the same, of mail without CR, and without octets to which line ends belong."""
        if b"\r" in raw:
            return
        for part in Message(raw).parts:
            if part.encoding != "base64" and (part.encoding == "binary" or b"\0" in part.data or b"PK" in part.data):
                return
        said = []
        for one in (raw, raw.replace(b"\n", b"\r\n")):
            verdict = scan(Mail(Envelope(), Message(one)), self.policy, Outside(time.monotonic() + 50))
            codes = [sorted(found.code for found in asked.findings) for asked in verdict.account]
            said.append((verdict.action, verdict.rule, codes))
        held(said[0] == said[1], "LF and CRLF say the same", said)

    def _run(self, raw: bytes, policy: str, form: str, *args: str) -> tuple[int, bytes]:
        allowed = SECONDS if len(raw) < SMALL else MOST_SECONDS
        for again in range(3):
            forget_peak()
            before = resident("VmHWM")
            began = time.process_time()
            status, out, err = self.command(raw, "--policy", policy, "--format", form, *args)
            took = time.process_time() - began
            held(status in (0, 77), "the status is a verdict's", f"{status} under {form}: {err[:300]!r} {out[:300]!r}")
            held(not err, "standard error stays empty", err[:300])
            grown = resident("VmHWM") - before - len(out)
            # CPU time, and only what is slow each time: others use this machine too.
            if took <= allowed:
                break
            held(again < 2, "time is bounded", f"{took:.2f} s under {form}, {allowed:g} allowed, {len(raw)} octets")
        most = MEMORY + TIMES * len(raw)
        if grown > most:
            most += UNPACKED if any(b"PK" in part.data for part in Message(raw).parts) else 0
            held(grown <= most, "memory is bounded", f"{grown} under {form}, {most} allowed, {len(raw)} octets")
        return status, out


def _largest_child() -> int:
    """Octets of memory that the largest child of this process had, of those that have ended."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024


class Unpacking(Judge):
    """The same of a message for what it carries: what unpacking costs, and that nothing in it raises."""

    def broken(self, raw: bytes) -> str:
        """The first promise that unpacking breaks, as `Judge.broken`."""
        try:
            self._unpacked(raw)
        except Broken as broken:
            return str(broken)
        except Exception as error:  # noqa: BLE001 - as above
            return f"{type(error).__name__} at {_place(error)}: {error}"[:500]
        return ""

    def _unpacked(self, raw: bytes) -> None:
        before, largest = resident("VmRSS"), _largest_child()
        kept = children()
        for _ in range(3):
            forget_peak()
            opened = len(os.listdir("/proc/self/fd"))
            began = _spent()
            status, out, err = self.command(raw, "--policy", self.opened, "--format", "json")
            took = _spent() - began
            grown = resident("VmHWM") - before
            # Only what is slow each time: others use this machine too.
            if took <= UNPACKING:
                break
        if status not in (0, 77) or err or b'"outcome":"error"' in out.replace(b" ", b""):
            # The command gives words for what a filter raises: here is the place.
            for rule in load_policy(self.opened).rules:
                list(rule.filter.check(Mail(Envelope(), Message(raw)), Outside(time.monotonic() + 50)))
        held(status in (0, 77), "the status is a verdict's", f"{status}: {err[:300]!r}")
        held(not err, "standard error stays empty", err[:300])
        said = json.loads(out.decode("utf-8"))
        for rule in said["rules"]:
            held(rule["outcome"] != "error", "no rule fails", rule["why"])
            for finding in rule["findings"]:
                for one in finding["evidence"]:
                    held(0 <= one["start"] <= one["end"] <= len(raw), "evidence lies in the message", one)
        held(len(os.listdir("/proc/self/fd")) == opened, "descriptors are closed")
        held(children() == kept, "no child process is left")
        held(took <= UNPACKING, "unpacking takes bounded time", f"{took:.2f} s")
        held(grown <= CHILDREN, "unpacking takes bounded memory", grown)
        # The system tells the largest child there ever was: one of before is not this message's.
        taken = _largest_child()
        held(taken <= max(CHILDREN, largest), "children take bounded memory", taken)


def children() -> set[int]:
    """The numbers of our children, running or not fetched."""
    found = set()
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            try:
                stat = Path(entry.path, "stat").read_text()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if int(stat.rpartition(")")[2].split()[1]) == os.getpid():
                found.add(int(entry.name))
    return found


def _spent() -> float:
    """Seconds of CPU time of this process and the children that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def resident(what: str = "VmRSS") -> int:
    """Octets that this process has in memory, or had at most (`VmHWM`); 0 where the system does not say."""
    try:
        found = re.search(rf"{what}:\s*([0-9]+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
    except OSError:
        return 0
    return int(found[1]) * 1024 if found else 0


def forget_peak() -> None:
    """Let `VmHWM` begin anew, where the system can (proc(5), clear_refs)."""
    try:
        Path("/proc/self/clear_refs").write_bytes(b"5")
    except OSError:
        return


def _reading(raw: bytes) -> None:
    message = Message(raw)
    _text(message.subject, "subject")
    held(message.start <= message.header_end <= message.body_start <= len(raw), "the header lies in the message")
    _header(message.headers, message.start)
    seen: set[str] = set()
    parts = message.parts
    held(0 < len(parts) <= MOST_PARTS + 1, "parts are bounded", len(parts))
    for part in parts:
        held(part.path not in seen, "each part has its own path", part.path)
        held(part.path.count(".") <= MOST_LEVELS + 1, "depth is bounded", part.path)
        seen.add(part.path)
        _part(part, raw)


def _header(fields: object, start: int) -> None:
    at = start
    for field in fields:  # type: ignore[attr-defined]
        held(field.start == at < field.end, "fields follow one another", (field.start, at, field.end))
        held(field.raw.startswith(field.name.encode()), "a field begins with its name", field.raw[:80])
        held(b"\n" not in field.value, "a value is unfolded", field.value[:80])
        _text(field.text, "header text")
        at = field.end
    whole = at == fields.end or (at < fields.end and fields.is_cut_short)  # type: ignore[attr-defined]
    held(whole, "fields fill the header, or are too many", (at, fields.end))  # type: ignore[attr-defined]


def _part(part: Part, raw: bytes) -> None:
    size = len(part.source)
    places = (0, part.start, part.body_start, part.body_end, part.end, size)
    held(list(places) == sorted(places), "a part's places are in order", (part.path, places))
    start, end = part.span
    held(0 <= start <= end <= len(raw), "a part's span lies in the message", (part.path, part.span, len(raw)))
    _header(part.headers, part.start)
    for text in (
        part.type,
        part.charset or "",
        part.disposition,
        part.encoding,
        *part.filenames,
        *part.params.values(),
    ):
        _text(text, "attribute")
    held(part.disposition in ("", "inline", "attachment"), "a disposition is one of three", part.disposition)
    held(all(part.filenames), "no file name is empty", part.filenames)
    data = part.data
    # uuencode: a line's length is what its first character says, however short the line is.
    most = len(part.body) * (64 if "uu" in part.encoding else 1)
    if part.encoding == "gzip64":
        most += 1 << 22  # it is compressed; decodings.py bounds it by this
    held(len(data) <= most, "decoding makes nothing longer", (part.path, part.encoding, len(data), len(part.body)))
    _text(part.text, "text of a part")
    at = part.body_start
    for child in part.children:
        if child.source is part.source:
            held(at <= child.start <= child.end <= part.end, "children lie in order in their part", (child.path, at))
            at = child.end


def _text(text: str, what: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise Broken(f"{what} can be written as UTF-8: {error.reason} in {text[:80]!r}") from None


def _edited(raw: bytes) -> None:
    """What a filter quotes from the message stays in the value where it was put (no header injection)."""
    message = Message(raw)
    names = [name for part in message.parts[:5] for name in part.filenames[:3]]
    texts = [message.subject, *names[:10], message.parts[0].type, message.headers.get("From") or ""]
    add = [(f"X-Quoted-{number}", text) for number, text in enumerate(texts)]
    verdict = Verdict("accept", edits=Edits(add=add))
    out = render("text", verdict, message)
    held(_FOLDED.fullmatch(out) is not None, "quoted text stays in its field", out[:300])
    held([field.name for field in Message(out).headers] == [name for name, _ in add], "only our fields are added")
    again = Message(render("message", verdict, message))
    ours = [field.name for field in list(again.headers)[: len(add)]]
    held(ours == [name for name, _ in add], "our fields stand at the top", ours)
    held(again.raw.endswith(raw[message.start :]), "what no edit touches stays as it came")
    reply = render("text", Verdict("reject", reply=texts), message)
    held(_REPLY.fullmatch(reply) is not None, "a reply is printable and bounded", reply[:300])
    held(_KV.fullmatch(render("kv", Verdict("reject", reply=texts), message)) is not None, "kv is one line")


def _place(error: BaseException) -> str:
    at = error.__traceback__
    while at is not None and at.tb_next is not None:
        at = at.tb_next
    return f"{at.tb_frame.f_code.co_filename.rpartition('/')[2]}:{at.tb_lineno}" if at else "?"
