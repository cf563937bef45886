"""An old file's `local_scan` called for one mail, and what it did and raised as findings."""

from __future__ import annotations

from mailscan.elspy.body import Body
from mailscan.elspy.dispositions import MessageDisposition
from mailscan.elspy.headers import HeaderList
from mailscan.elspy.info import EximInfo, recipients_changed
from mailscan.elspy.oldtext import unicode
from mailscan.elspy.surroundings import Surroundings
from mailscan.errors import FilterError
from mailscan.verdict import Edits, Finding

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    from mailscan.mail import Mail
    from mailscan.outside import Outside

    T = TypeVar("T")

_LONGEST = 1000


class OldSyntax(FilterError):
    """A file that Python 3 cannot parse. `problems` has a line for each of the file's that must be changed."""

    def __init__(self, lines: list[str]) -> None:
        from mailscan.elspy.oldpython import summary

        super().__init__(summary(lines))
        self.problems = lines


def run(load: Callable[[], object], mail: Mail, outside: Outside) -> list[Finding]:
    """Load an old file and have it judge a mail; `load` executes it and gives its `local_scan`, or raises."""
    with Surroundings(mail, outside) as around:
        local_scan = loaded(load)
        try:
            return judge(local_scan, mail, around)
        except SyntaxError as error:  # of a file that it imports only now
            raise _old_syntax(error) from None


def check_syntax(source: bytes, path: str) -> None:
    """Raises `OldSyntax` if Python 3 cannot parse the file; executes nothing of it.

    Raises `FilterError` if it cannot have a `local_scan`, for nothing in it is called so.
    """
    from mailscan.elspy.oldpython import misspelt, problems

    if lines := problems(source, path):
        raise OldSyntax(lines)
    if missing := misspelt(source, path):
        raise FilterError(missing)


def try_load(load: Callable[[], object], look: Callable[[], T]) -> T:
    """Load an old file only, see that it can be called, and give what `look` then sees, in the same surroundings.

    Raises `FilterError`, or what the file does.
    """
    with Surroundings():
        _check_signature(loaded(load))
        return look()


def _check_signature(local_scan: Callable[..., object]) -> None:
    import inspect

    wanted = ["info", "headers", "fd"] + ["msg"] * takes_message(local_scan)
    try:
        signature = inspect.signature(local_scan)
    except ValueError:  # of something written in C
        return
    try:
        signature.bind(*wanted)
    except TypeError:
        code = getattr(local_scan, "__code__", None)
        place = f"{code.co_filename}:{code.co_firstlineno}: " if code else ""
        called = "local_scan(info, headers, fd), or (info, headers, fd, msg) if it takes four"
        raise FilterError(f"{place}local_scan{signature} cannot be called; what is called is {called}") from None


def loaded(load: Callable[[], object]) -> Callable[..., object]:
    """The file's `local_scan`. Raises `OldSyntax` with what to change, in the file or one that it imports."""
    try:
        local_scan = load()
    except SyntaxError as error:
        raise _old_syntax(error) from None
    if not callable(local_scan):
        raise FilterError("`local_scan` is no function")
    return local_scan


def _old_syntax(error: SyntaxError) -> Exception:
    from mailscan.elspy.oldpython import problems

    try:
        with open(error.filename or "", "rb") as file:
            lines = problems(file.read(), error.filename or "")
    except OSError:
        return error
    return OldSyntax(lines) if lines else error


def judge(local_scan: Callable[..., object], mail: Mail, around: Surroundings) -> list[Finding]:
    """Call it, within `around`. Whatever else it raises is not caught."""
    info, headers = EximInfo(mail.envelope), HeaderList(mail.message)
    body = Body(mail.message.body)
    arguments: list[object] = [info, headers, body.fd]
    if takes_message(local_scan):
        from mailscan.elspy.oldmessage import parse

        arguments.append(parse(mail.message.raw[mail.message.start :]))
    raised: MessageDisposition | None = None
    returned: object = None
    try:
        returned = local_scan(*arguments)
    except MessageDisposition as disposition:
        raised = disposition
    finally:
        body.close()
    findings = [Finding("elspy.log", str(line), note=True) for line in around.logged]
    if returned is not None:
        findings.append(Finding("elspy.returned", str(returned)[:_LONGEST], note=True))
    edits = _edits(info, headers, mail)
    if raised is not None:
        text = str(unicode(raised.text))
        reply = text if raised.action != "accept" else None
        kept = edits if raised.action == "accept" else None
        findings.append(Finding(raised.code, text, action=raised.action, reply=reply, edits=kept))  # type: ignore[arg-type]
    elif edits:
        findings.append(Finding("elspy.changed", _told(edits), action="tag", edits=edits))
    return findings


def takes_message(local_scan: Callable[..., object]) -> bool:
    """Whether it takes a fourth argument, the message parsed."""
    function = getattr(local_scan, "__func__", local_scan)
    code = getattr(function, "__code__", None)
    if code is None:
        return False
    bound = 1 if function is not local_scan else 0
    return bool(code.co_argcount - bound >= 4 or code.co_flags & 0x04)


def _edits(info: EximInfo, headers: HeaderList, mail: Mail) -> Edits:
    added, removed = recipients_changed(info, mail.envelope.recipients)
    return Edits(
        add=[(name, str(unicode(value))) for name, value in headers.added],
        remove=headers.removed,
        rcpt_add=map(str, added),
        rcpt_remove=map(str, removed),
    )


def _told(edits: Edits) -> str:
    """In words, what was changed."""
    done = [f"added {name}" for name, _ in edits.add] + [f"removed {name}" for name in edits.remove]
    done += [f"recipient {one} added" for one in edits.rcpt_add]
    done += [f"recipient {one} removed" for one in edits.rcpt_remove]
    return ", ".join(done)[:_LONGEST]
