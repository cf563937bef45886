"""A postmaster's own Python as a filter: a file with a function `check(mail, outside)` that yields findings.

It runs in a child process of its own (`mailscan.guard`): whatever it does, the rule's `on_error` is the worst that
comes of it.
"""

from __future__ import annotations

import os
import sys

import mailscan.answers  # noqa: F401 - here, so that not every child imports it for itself
from mailscan.elspy import is_elspy
from mailscan.errors import FilterError, MailscanError
from mailscan.filters import Filter
from mailscan.guard import in_child
from mailscan.verdict import ACTIONS, Edits, Evidence, Finding, is_field_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import ModuleType
    from typing import Any

    from mailscan.mail import Mail
    from mailscan.outside import Outside

# A child that has not loaded the file by then is stuck; used by `mailscan check`.
LOAD_SECONDS = 10.0
ENDLESS = 100_000


class UserFile(Filter):
    """A Python file of the postmaster's, with a function `check(mail, outside)`."""

    decides = True
    path: str
    source: bytes
    memory: int

    @classmethod
    def of(cls, path: str, source: bytes, memory: int) -> type[UserFile]:
        """The class for one file: its path, its octets, and how many octets of memory its child may use."""
        return type("UserFile", (cls,), {"__doc__": cls.__doc__, "path": path, "source": source, "memory": memory})

    def ready(self) -> None:
        """Load the file in a child; raises `MailscanError` with the line that is wrong."""

        if is_elspy(self.source):
            from mailscan.elspy.call import check_syntax

            check_syntax(self.source, self.path)

        def work() -> object:
            if is_elspy(self.source):
                from mailscan.elspy.call import try_load

                try_load(lambda: self._load("local_scan"))
                return ()
            import inspect

            inspect.signature(self._load()).bind("mail", "outside")
            return ()

        self._in_child(work, LOAD_SECONDS)

    def check(self, mail: Mail, outside: Outside) -> Iterable[Finding]:
        """Run the file's `check` in a child and take its findings."""

        def work() -> object:
            found: object
            if is_elspy(self.source):
                from mailscan.elspy.call import run

                found = run(lambda: self._load("local_scan"), mail, outside)
            else:
                check = self._load()
                if "spf" in sys.modules or b"spf" in self.source:
                    # A call of pyspf asks `outside` too. This process ends with the mail: nothing is to be put back.
                    from mailscan.spfcheck import in_hand, pyspf

                    pyspf()
                    in_hand.set(outside)
                found = check(mail, outside)
            return [_plain(one, self.path) for one in _listed(found)]

        # A little less than we have: the child's end is told in better words than our own.
        plain = self._in_child(work, outside.remaining() * 0.9, outside)
        return [_finding(one) for one in plain]

    def _in_child(
        self, work: Callable[[], object], seconds: float, outside: Outside | None = None
    ) -> list[tuple[object, ...]]:
        """Run in a child; its exceptions come back as `FilterError` with the place in the user's file.

        What it asked `outside`, and the answers, come back too: they are part of a record.
        """
        known = set(outside.known) if outside else set()

        def told() -> tuple[bool, object]:
            try:
                return (True, work())
            except MailscanError as error:
                return (False, str(error))
            except MemoryError:
                return (False, f"{self.path}: needed more memory than [limits] child_memory")
            except SystemExit as error:
                return (False, f"{_place(error, self.path)}: called sys.exit({error.code!r})")
            except BaseException as error:  # noqa: BLE001 - whatever the file does is its rule's on_error
                return (False, f"{_place(error, self.path)}: {type(error).__name__}: {error}")

        def with_answers() -> object:
            done, value = told()
            fresh = [(asked, came) for asked, came in outside.known.items() if asked not in known] if outside else []
            return done, value, fresh, outside.clock if outside else None

        answer = in_child(with_answers, seconds=seconds, memory=self.memory)
        if not isinstance(answer, tuple) or len(answer) != 4:
            raise FilterError(f"{self.path}: its process sent an answer that cannot be read")
        done, value, fresh, clock = answer
        if outside:
            outside.known.update(fresh)
            outside.clock = clock
        if not done:
            raise FilterError(str(value))
        return value  # type: ignore[no-any-return]

    def _load(self, name: str = "check") -> Callable[..., object]:
        """Execute the file as a module, with its own folder as the place its siblings are imported from."""
        folder = os.path.dirname(self.path)
        try:
            here = os.getcwd()
        except OSError:  # it was removed
            here = ""
        sys.path[:] = [folder, *(one for one in sys.path if one and (one != here or one == folder))]
        called = os.path.basename(self.path).removesuffix(".py")
        module: ModuleType = type(sys)(called)
        module.__file__ = self.path
        sys.modules[called] = module
        exec(compile(self.source, self.path, "exec", dont_inherit=True), module.__dict__)
        check = module.__dict__.get(name)
        if not callable(check):
            wanted = "check(mail, outside)" if name == "check" else "local_scan(info, headers, fd)"
            raise FilterError(f"{self.path}: has no function `{wanted}`")
        return check  # type: ignore[no-any-return]


def _listed(found: object) -> list[object]:
    """What a `check` may give: nothing, one finding, or any iterable of them."""
    if found is None:
        return []
    if isinstance(found, Finding):
        return [found]
    if hasattr(found, "gi_frame"):
        found = _with_return(found)
    listed: list[object] = []
    for one in found:  # type: ignore[attr-defined]
        listed.append(one)
        if len(listed) > ENDLESS:
            raise FilterError(f"gave more than {ENDLESS} findings")
    return listed


def _with_return(generator: Any) -> Iterator[object]:
    """All that a generator yields, and what it returns: `return reject(…)` below a `yield` must not be lost."""
    last = yield from generator
    yield from _listed(last)


def _plain(one: object, path: str) -> tuple[object, ...]:
    """A finding as data that can be sent; it is made of checked types on the way."""
    if not isinstance(one, Finding):
        raise FilterError(f"{path}: check gave {type(one).__name__!r} where a Finding is wanted")
    if one.action is not None and one.action not in ACTIONS:
        raise FilterError(f"{path}: a finding's action {one.action!r} is none of {', '.join(ACTIONS)}")
    edits = one.edits
    score = None if one.score is None else float(one.score)
    if score is not None and not abs(score) < 1e9:
        raise FilterError(f"{path}: a finding's score {score} is no number to add")
    names = [name for name, _ in one.headers] + ([name for name, *_ in (*edits.add, *edits.change)] if edits else [])
    for name in names:
        if not is_field_name(str(name)):
            raise FilterError(f"{path}: {str(name)[:80]!r} cannot be the name of a header field")
    return (
        str(one.code),
        str(one.detail),
        score,
        [(str(name), str(value)) for name, value in one.headers],
        [(str(at.part), int(at.start), int(at.end), str(at.member)) for at in one.evidence],
        None if one.action is None else str(one.action),
        None if one.reply is None else str(one.reply),
        edits
        and (
            [(str(name), str(value)) for name, value in edits.add],
            [str(name) for name in edits.remove],
            [(str(name), int(nth), None if value is None else str(value)) for name, nth, value in edits.change],
            [str(address) for address in edits.rcpt_add],
            [str(address) for address in edits.rcpt_remove],
            None if edits.body is None else bytes(edits.body),
        ),
        bool(one.note),
    )


def _finding(plain: tuple[object, ...]) -> Finding:
    code, detail, score, headers, evidence, action, reply, edits, note = plain
    return Finding(
        code,  # type: ignore[arg-type]
        detail,  # type: ignore[arg-type]
        score=score,  # type: ignore[arg-type]
        headers=headers,  # type: ignore[arg-type]
        evidence=[Evidence(*at) for at in evidence],  # type: ignore[attr-defined]
        action=action,  # type: ignore[arg-type]
        reply=reply,  # type: ignore[arg-type]
        edits=Edits(*edits) if edits else None,  # type: ignore[misc]
        note=note,  # type: ignore[arg-type]
    )


def _place(error: BaseException, path: str) -> str:
    """The last place in the user's own files that an exception passed: "file.py:12"."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    folder = os.path.dirname(path) + os.sep
    place = path
    at = error.__traceback__
    while at is not None:
        if at.tb_frame.f_code.co_filename.startswith(folder):
            place = f"{at.tb_frame.f_code.co_filename}:{at.tb_lineno}"
        at = at.tb_next
    return place
