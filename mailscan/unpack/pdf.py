"""PDF (ISO 32000): attached files, streams that are something else than PDF needs, actions that run by themselves.

No table of objects is believed: every object is found by looking for it, in streams of objects too, so that it does
not matter which of several versions a reader would take. What is decrypted needs no password (`pdfcrypt`).
"""

from __future__ import annotations

import re

from mailscan.unpack.budget import in_time
from mailscan.unpack.found import ACTIVE, ENCRYPTED_DOCUMENT, OVER_LIMIT, Found, Remark, Unopened
from mailscan.unpack.limits import holds_as_read
from mailscan.unpack.package import names_of
from mailscan.unpack.pdfcrypt import Lock
from mailscan.unpack.pdffilters import PICTURES, decode
from mailscan.unpack.pdfscan import Indirect, scan, small
from mailscan.unpack.pdfsyntax import Name, Ref, dictionaries, parse, text_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from mailscan.unpack import Budget

MOST_OBJECTS = 200_000
_ACTIONS = ("S", "F", "Win", "Unix", "Mac", "OpenAction", "AA", "JavaScript")
_OF_STREAMS = ("Type", "Length", "First", "Filter", "Fl", "DecodeParms", "DP")
# Of the objects in streams of objects.
_PACKED, _ALL_PACKED = 10_000_000, 50_000_000
# Dictionaries of all objects together, and of one.
_ALL_TEXT, _TEXT = 16_000_000, 1_000_000
# What makes an object worth being read. A name may be written with codes of its letters.
_WORTH = (b"/EF", b"/JavaScript", b"/JS", b"/Launch", b"/OpenAction", b"/AA", b"/Encrypt", b"/EmbeddedFile", b"#")
_MOST_REMARKS = _MOST_NAMES = 20


def open_pdf(data: bytes, budget: Budget) -> Iterator[Found | Remark]:
    """The files in a PDF document, and what is to be said of its encryption and its actions."""
    document = _Document(data, budget)
    if document.lock is not None and not document.lock.key:
        yield Remark(ENCRYPTED_DOCUMENT, document.lock.why)
    if document.cut:
        yield Remark(OVER_LIMIT, document.cut)
    yield from document.actions()
    yield from document.members()


class _Document:
    """All objects of a document. `lock` is its encryption, `cut` says what was not read."""

    __slots__ = (
        "data",
        "lock",
        "cut",
        "_budget",
        "_objects",
        "_last",
        "_actions",
        "_packed",
        "_cache",
        "_streams",
        "_names",
        "_left",
        "_left_text",
    )

    def __init__(self, data: bytes, budget: Budget) -> None:
        self.data = data
        self.cut = ""
        self._budget = budget
        self._objects: list[Indirect] = []
        self._last: dict[int, Indirect] = {}
        self._actions: list[dict[str, Any]] = []
        self._packed: dict[int, Any] = {}
        self._cache: dict[int, Any] = {}
        self._streams: list[tuple[Indirect, dict[str, Any]]] = []
        self._names: dict[int, tuple[str, ...]] = {}
        self._left, self._left_text = _ALL_PACKED, _ALL_TEXT
        self.lock: Lock | None = None
        try:
            budget.reading(self._read_all)
        except Unopened as error:
            # What was found until then is judged.
            self.cut = str(error)

    def _read_all(self) -> None:
        for one in scan(self.data, self._budget):
            if len(self._objects) == MOST_OBJECTS:
                self.cut = "more objects than are read"
                break
            self._objects.append(one)
            self._last[one.number] = one
        self.lock = self._find_lock()
        for count, one in enumerate(self._objects):
            if not count & 255:
                in_time(self._budget)
            self._read(one)

    def members(self) -> Iterator[Found]:
        """The attached files, and other streams that begin as a program, an archive or a document."""
        for count, (one, given) in enumerate(self._streams):
            if not count & 15:
                in_time(self._budget)
            read = self._reader(one, given)
            names = self._names.get(one.number)
            if names is not None or given.get("Type") == "EmbeddedFile":
                yield Found(names or (), one.data_stop - one.data_start, read)
            elif not (PICTURES & {name for name, _ in self._filters(given)}) and holds_as_read(
                read, one.data_stop - one.data_start
            ):
                yield Found((), one.data_stop - one.data_start, read)

    def actions(self) -> Iterator[Remark]:
        """Programs that are launched, and scripts that run when the document is opened (12.6)."""
        said: set[str] = set()
        for one in self._actions:
            for text in self._active(one):
                if text not in said and len(said) < _MOST_REMARKS:
                    said.add(text)
                    yield Remark(ACTIVE, text)

    def _active(self, one: dict[str, Any]) -> Iterator[str]:
        if one.get("S") == "Launch":
            target = one.get("F") or one.get("Win") or one.get("Unix") or one.get("Mac")
            target = self._value(target)
            if isinstance(target, dict):
                target = f"{text_of(target.get('F') or target.get('UF'))} {text_of(target.get('P'))}"
            shown = target if isinstance(target, str) else text_of(target)
            yield f"an action that launches a program or file: {' '.join(shown.split())[:200]}"
        if self._is_script(one.get("OpenAction")):
            yield "JavaScript that runs when the document is opened"
        more = self._value(one.get("AA"))
        if isinstance(more, dict) and any(self._is_script(action) for action in more.values()):
            yield "JavaScript that runs at an event of the document"
        # In the dictionary of names, scripts that run at opening (12.6.4.17); in others it is no key.
        if isinstance(one.get("JavaScript"), (dict, Ref)):
            yield "JavaScript that runs when the document is opened"

    def _is_script(self, action: Any) -> bool:
        value = self._value(action)
        return isinstance(value, dict) and value.get("S") in ("JavaScript", "Rendition")

    def _value(self, value: Any) -> Any:
        """What a reference refers to, among the objects that were read."""
        for _ in range(10):
            if not isinstance(value, Ref):
                return value
            value = self._referred(value[0])
        return None

    def _referred(self, number: int) -> Any:
        one = self._last.get(number)
        if one is None:
            return self._packed.get(number)
        if number not in self._cache:
            self._cache[number] = small(self._parsed(self.data[one.start : one.stop]))
        return self._cache[number]

    def _parsed(self, text: bytes) -> Any:
        """The object that stands there; None where there is more than is read."""
        self._left_text -= len(text)
        if len(text) > _TEXT or self._left_text < 0:
            self.cut = "more than is read of its dictionaries"
            return None
        return parse(text, self._budget)

    def _find_lock(self) -> Lock | None:
        for one in self._objects:
            if self.data.find(b"/Encrypt", one.start, one.stop) < 0:
                continue
            in_time(self._budget)
            value = self._parsed(self.data[one.start : one.stop])
            given = self._value(value.get("Encrypt")) if isinstance(value, dict) else None
            if isinstance(given, dict):
                identifiers = self._value(value.get("ID"))
                first = identifiers[0] if isinstance(identifiers, list) and identifiers else b""
                return Lock(given, first if isinstance(first, bytes) else b"", self._budget)
        return None

    def _read(self, one: Indirect) -> None:
        """Take down what an object holds."""
        text = self.data[one.start : one.stop]
        worth = any(word in text for word in _WORTH)
        if not one.data_start:
            if worth:
                self._keep(one, self._parsed(text))
            return
        value = self._parsed(text)
        if worth:
            self._keep(one, value)
        given = small({key: value[key] for key in _OF_STREAMS if key in value} if isinstance(value, dict) else {})
        one.data_stop = self._stream_end(one, given)
        if given.get("Type") == "ObjStm":
            self._read_packed(one, given)
        elif given.get("Type") != "XRef":
            self._streams.append((one, given))

    def _read_packed(self, one: Indirect, given: dict[str, Any]) -> None:
        """The objects in a stream of objects (7.5.7)."""
        try:
            octets = self._reader(one, given)(min(_PACKED, self._left))
        except Unopened as error:
            octets = error.partly
            if error.group == OVER_LIMIT:
                raise
        self._left -= len(octets)
        if self._left <= 0:
            self.cut = "more packed objects than are read"
        if not any(word in octets for word in _WORTH):
            return
        first = given.get("First")
        first = first if type(first) is int and 0 < first < len(octets) else 0
        numbers = [int(number) for number in re.findall(rb"\d{1,10}", octets[:first])]
        places = sorted((first + at, number) for number, at in zip(numbers[::2], numbers[1::2], strict=False))
        # Where the list does not begin before the first object, nothing is missed.
        if not places or places[0][0] > first:
            places.insert(0, (first, -1))
        for index, (at, number) in enumerate(places):
            end = places[index + 1][0] if index + 1 < len(places) else len(octets)
            text = octets[at:end]
            if any(word in text for word in _WORTH):
                value = self._parsed(text)
                self._packed[number] = small(value)
                self._keep(Indirect(number, -1, 0), value)
            if not index & 255:
                in_time(self._budget)

    def _keep(self, one: Indirect, value: Any) -> None:
        for found in dictionaries(value):
            if found.get("S") == "Launch" or not found.keys().isdisjoint(_ACTIONS[-3:]):
                self._actions.append({key: small(found[key]) for key in _ACTIONS if key in found})
            files = self._value(found.get("EF"))
            if not isinstance(files, dict):
                continue
            names = [self._text(found.get(key), one) for key in ("UF", "F", "Unix", "DOS", "Mac")]
            for file in files.values():
                if isinstance(file, Ref) and len(known := self._names.get(file[0], ())) < _MOST_NAMES:
                    self._names[file[0]] = names_of(*known, *names)

    def _text(self, value: Any, one: Indirect) -> str:
        """A string of an object; those in streams of objects are not encrypted by themselves."""
        value = self._value(value)
        if self.lock is not None and isinstance(value, bytes) and one.generation >= 0:
            value = self.lock.string(value, one.number, one.generation) if self.lock.key else b""
        return text_of(value)

    def _filters(self, given: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
        """The filters of a stream, and their parameters (table 5)."""
        names = self._value(given.get("Filter", given.get("Fl")))
        parameters = self._value(given.get("DecodeParms", given.get("DP")))
        names = names if isinstance(names, list) else [names]
        parameters = parameters if isinstance(parameters, list) else [parameters]
        found = []
        for index, name in enumerate(names):
            name = self._value(name)
            if isinstance(name, Name):
                one = self._value(parameters[index]) if index < len(parameters) else None
                found.append((str(name), one if isinstance(one, dict) else {}))
        return found

    def _reader(self, one: Indirect, given: dict[str, Any]) -> Callable[[int], bytes]:
        """How a stream is read: decrypted, or where that gives nothing, as if it were not encrypted."""
        filters = self._filters(given)
        stage = None
        if self.lock is not None and not (filters and filters[0][0] == "Crypt"):
            stage = self.lock.stage(one.number, one.generation)

        def read(most: int) -> bytes:
            span = one.data_start, one.data_stop
            try:
                return decode(self.data, span, filters, most, self._budget, stage)
            except Unopened as error:
                if stage is None or error.partly or not filters or filters[0][0] not in ("FlateDecode", "Fl"):
                    raise
                try:
                    return decode(self.data, span, filters, most, self._budget, None)
                except Unopened:
                    raise error from None

        return read

    def _stream_end(self, one: Indirect, given: dict[str, Any]) -> int:
        """Where a stream ends: where its length says, if that is so or if its filter knows the end by itself."""
        length = given.get("Length")
        if isinstance(length, Ref):
            length = self._value(length)
        if type(length) is not int or not 0 <= length <= len(self.data) - one.data_start:
            return one.data_stop
        end = one.data_start + length
        if given.get("Filter") is not None:
            return max(end, one.data_stop)
        return end if self.data[end : end + 20].lstrip(b"\0\t\n\f\r ").startswith(b"endstream") else one.data_stop
