"""A postmaster's own Python as a filter: a function `check(mail, outside)` that yields findings, or a class with one.

It runs in a child process of its own (`mailscan.guard`): whatever it does, the rule's `on_error` is the worst that
comes of it. None of it ever runs in the process that judges.
"""

from __future__ import annotations

import os
import sys

import mailscan.answers  # noqa: F401 - here, so that not every child imports it for itself
from mailscan.errors import FilterError, MailscanError
from mailscan.filters import Filter
from mailscan.guard import Late, in_child
from mailscan.own.findings import ENDLESS, listed, unpacked
from mailscan.own.load import NotThere, execute, load, made
from mailscan.own.source import Setting, Source, find_source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from mailscan.keys import Option
    from mailscan.mail import Mail
    from mailscan.outside import Outside
    from mailscan.own.fields import Described
    from mailscan.verdict import Finding

# A child that has not loaded the code by then is stuck.
LOAD_SECONDS = 10.0


class UserFile(Filter):
    """Python of the postmaster's own: a function `check(mail, outside)`, or a class with such a method."""

    decides = True
    writes_any = True
    source: Source
    memory: int
    # What the code says of itself: its documentation, its fields, why it cannot be used.
    doc: str = ""
    fields: tuple[Described, ...] = ()
    broken: str = ""
    # What a class says against the keys that it was made with.
    refused: str = ""
    # A line for each name in it that nothing defines, as far as the code was asked (`ready`).
    undefined: tuple[str, ...] = ()
    setting: Setting

    @classmethod
    def of(cls, use: str, setting: Setting, memory: int) -> type[UserFile]:
        """The class for what `use` names in this setting; its child may use `memory` octets.

        Raises `ValueError` for what is not there or cannot be trusted.
        """
        source = find_source(use, setting)
        known = {"__doc__": cls.__doc__, "source": source, "setting": setting, "memory": memory}
        kind: type[UserFile] = type("UserFile", (cls,), known)
        if _says_nothing(source):
            # Before anything forks: after a fork, each page that compiling touches is a fault again.
            source.prepare()
        else:
            kind.learn(fully=False)
        return kind

    @classmethod
    def learn(cls, *, fully: bool) -> None:
        """Load the code in a child and take down what it says of itself. What it does wrong makes it `broken`.

        Raises `ValueError` if there is nothing of the name.
        """
        from mailscan.own.describe import describe
        from mailscan.own.fields import options

        if cls.source.is_elspy:
            cls.doc = "A file written for elspy: `local_scan(info, headers, fd)`."
            return
        if b"dataclass" in cls.source.octets:
            # One and a half times what all of Python takes to start: paid once here, and not by each child.
            import dataclasses  # noqa: F401
        source, setting = cls.source, cls.setting

        def work(places: list[str]) -> object:
            try:
                return describe(source, setting, places, fully=fully)
            except NotThere as error:
                return str(error)

        cls.broken = ""
        try:
            found = _in_child(source, work, LOAD_SECONDS, cls.memory)
            if isinstance(found, str):
                raise ValueError(found + _as_a_file(source.called, setting.folder))
            try:
                cls.declared_keys = options(found["fields"], found["docs"])  # type: ignore[index]
                cls.fields = tuple(map(tuple, found["fields"]))  # type: ignore[index]
                cls.doc, cls.refused, cls.writes = found["doc"], found["wrong"], tuple(found["writes"])  # type: ignore[index]
                source.module, source.attribute = found["module"], found["attribute"]  # type: ignore[index]
                source.entry, source.file = "", found["file"]  # type: ignore[index]
                cls.undefined = _lines(found["undefined"], source)  # type: ignore[index]
            except (TypeError, KeyError, ValueError):
                raise FilterError(f"{source.called}: its process sent an answer that cannot be read") from None
        except MailscanError as error:
            cls.broken = str(error)

    def __init__(self, values: Mapping[str, object]) -> None:
        """Take the values of its keys. They are kept apart, for a field may be called as anything."""
        self.values = dict(values)
        for name, one in self.declared_keys.items():
            if one.required and name not in values:
                raise ValueError(f"needs `{name}`, {one.read.__doc__}")
        self.prepare()

    def __getattr__(self, name: str) -> object:
        """The value of a key."""
        declared: Mapping[str, Option] = type(self).declared_keys
        if name in declared:
            return self.values.get(name, declared[name].default)
        raise AttributeError(name)

    def prepare(self) -> None:
        """Refuses what the class itself has refused."""
        if self.refused:
            raise ValueError(self.refused)

    def ready(self) -> None:
        """Load the code in a child; raises `MailscanError` with the line that is wrong."""
        kind = type(self)
        if self.source.is_elspy:
            kind.undefined = _load_old(self.source, self.memory)
        else:
            try:
                kind.learn(fully=True)
            except ValueError as error:
                raise FilterError(str(error)) from None
            if self.broken or self.refused:
                raise FilterError(self.broken or self.refused)
        if self.undefined:
            from mailscan.own.names import Undefined

            raise Undefined([*self.undefined])

    def check(self, mail: Mail, outside: Outside) -> Iterator[Finding]:
        """Run the code's `check` in a child and take its findings."""
        if self.broken:
            raise FilterError(self.broken)
        source = self.source
        source.prepare()
        elspy = source.is_elspy
        values: dict[str, object] = {}
        if self.fields:
            from mailscan.own.fields import as_field

            values = {name: as_field(kind, self.values[name]) for name, kind, *_ in self.fields if name in self.values}

        def work(places: list[str]) -> object:
            found: object
            if elspy:
                from mailscan.elspy.call import run

                found = run(lambda: _local_scan(source, places), mail, outside)
            else:
                _, check = load(source, places)
                if isinstance(check, type):
                    check = made(check, values)
                if "spf" in sys.modules or b"spf" in source.octets:
                    # A call of pyspf asks `outside` too. This process ends with the mail: nothing is to be put back.
                    from mailscan.spfcheck import in_hand, pyspf

                    pyspf()
                    in_hand.set(outside)
                found = check(mail, outside)
            return listed(found, source.called)

        # A little less than we have: the child's end is told in better words than our own.
        plain = _in_child(source, work, outside.remaining() * 0.9, self.memory, outside)
        if not isinstance(plain, tuple) or len(plain) != 2:
            raise FilterError(f"{source.called}: its process sent an answer that cannot be read")
        yield from unpacked(plain[0], source.called)
        if plain[1]:
            raise FilterError(f"gave more than {ENDLESS} findings")


def _as_a_file(called: str, folder: str) -> str:
    """The end of a sentence about a name that is nothing, where a file was meant: how that is written."""
    for name in (called, f"{called}.py") if "/" not in called else ():
        if name.endswith(".py") and (name == called or os.path.exists(os.path.join(folder, name))):
            return f'; a file is written with a `/`: "./{name}"'
    return ""


def _says_nothing(source: Source) -> bool:
    """Whether it plainly is a bare function, or elspy's, which have no keys and declare nothing."""
    octets = source.octets
    function = octets.startswith(b"def check(") or b"\ndef check(" in octets
    return (function and b"WRITES" not in octets and b" def check" not in octets) or source.is_elspy


def _local_scan(source: Source, places: list[str]) -> Callable[..., object]:
    found = execute(source, places).__dict__.get("local_scan")
    if not callable(found):
        raise FilterError(f"{source.called}: has no function `local_scan(info, headers, fd)`")
    return found  # type: ignore[no-any-return]


def _load_old(source: Source, memory: int) -> tuple[str, ...]:
    """Load a file written for elspy in a child; a line for each name in it that nothing defines."""
    from mailscan.elspy.call import check_syntax, try_load

    check_syntax(source.octets, source.path)

    def work(places: list[str]) -> object:
        from mailscan.own.names import undefined

        known = set(sys.modules)
        called = os.path.basename(source.path).removesuffix(".py")
        return try_load(
            lambda: _local_scan(source, places), lambda: undefined(sys.modules[called], source, known, places)
        )

    return _lines(_in_child(source, work, LOAD_SECONDS, memory), source)


def _lines(told: object, source: Source) -> tuple[str, ...]:
    """What a child told, a line each."""
    if not isinstance(told, list) or not all(isinstance(one, str) for one in told):
        raise FilterError(f"{source.called}: its process sent an answer that cannot be read")
    return tuple(told)


def _in_child(
    source: Source, work: Callable[[list[str]], object], seconds: float, memory: int, outside: Outside | None = None
) -> object:
    """Run in a child; its exceptions come back as `FilterError` with the place in the user's own files.

    `work` is given a list for the beginnings of their paths. What it asked `outside`, and the answers, come back too:
    they are part of a record.
    """
    if outside:
        outside.now()  # read here: the clock is not a child's to set
    places: list[str] = []

    def told() -> tuple[bool, object]:
        try:
            return (True, work(places))
        except MailscanError as error:
            return (False, str(error))
        except MemoryError:
            return (False, f"{source.called}: needed more memory than [limits] child_memory")
        except SystemExit as error:
            return (False, f"{_place(error, source, places)}: called sys.exit({error.code!r})")
        except BaseException as error:  # noqa: BLE001 - whatever the code does is its rule's on_error
            return (False, f"{_place(error, source, places)}: {type(error).__name__}: {error}")

    def with_answers() -> object:
        known = outside.apart() if outside else set()
        done, value = told()
        fresh = [(asked, came) for asked, came in outside.known.items() if asked not in known] if outside else []
        return done, value, fresh

    try:
        answer = in_child(with_answers, seconds=seconds, memory=memory, foreign=True)
    except Late as late:
        raise FilterError(f"{_hung(late.stack, source)}: {late}") from None
    if not isinstance(answer, tuple) or len(answer) != 3:
        raise FilterError(f"{source.called}: its process sent an answer that cannot be read")
    done, value, fresh = answer
    if outside and fresh:
        if not _are_answers(fresh):
            raise FilterError(f"{source.called}: put something into `outside.known` that is no answer")
        outside.take_down(dict(fresh))
    if not done:
        raise FilterError(str(value))
    return value


def _are_answers(told: object) -> bool:
    """Whether what a child says that it asked is what a record can hold: (question, what came of it), each as
    `mailscan.outside` has them.
    """
    return isinstance(told, list) and all(
        isinstance(pair, tuple)
        and [type(one) for one in pair] == [tuple, tuple]
        and all(isinstance(word, str) for word in pair[0])
        and [type(one) for one in pair[1]] == [str, tuple, str]
        and all(isinstance(one, bytes) for one in pair[1][1])
        for pair in told
    )


def _place(error: BaseException, source: Source, places: list[str]) -> str:
    """The last place in the user's own files that an exception passed: "file.py:12"."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    place = source.called
    at = error.__traceback__
    while at is not None:
        if at.tb_frame.f_code.co_filename.startswith(tuple(places)):
            place = f"{at.tb_frame.f_code.co_filename}:{at.tb_lineno}"
        at = at.tb_next
    return place


def _hung(stack: list[tuple[str, int]], source: Source) -> str:
    """Where in the user's own files a child was when its time ended; `stack` has the last call first."""
    folder = source.file.rpartition("/")[0] + "/"
    for path, line in stack:
        if source.file and path.startswith(folder):
            return f"{path}:{line}"
    return source.called
