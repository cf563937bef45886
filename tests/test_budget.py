"""The budget of a message: its seconds end whatever is done, and names are judged beyond every limit."""

from __future__ import annotations

import gzip
import io
import re
import tarfile
import time
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from itertools import count

import payloads
import pytest
import test_cabs
import test_isos
import test_rars
from bombs import seven

from mailscan import filetype, lenient
from mailscan.envelope import Envelope
from mailscan.errors import OutOfTime
from mailscan.filters.attachments import Attachments
from mailscan.mail import Mail
from mailscan.message import Message
from mailscan.outside import Outside
from mailscan.timer import Limit
from mailscan.unpack import Budget, Member, Told, Walk
from mailscan.unpack.found import BOMBS, OVER_LIMIT, Remark, Unopened
from mailscan.unpack.pdf import open_pdf
from mailscan.unpack.pdfsyntax import parse
from mailscan.unpack.scripted import coded
from mailscan.unpack.tags import tags
from mailscan.unpack.texts import open_calendar


def budget(seconds: float = 3.0, **limits: int) -> Budget:
    end = time.monotonic() + 60
    return Budget(lambda: end - time.monotonic(), seconds=seconds, **limits)


def for_ever() -> None:
    while True:
        pass


def backtracking() -> object:
    return re.search(r"(a+)+$", "a" * 60 + "b")


@pytest.mark.parametrize("work", [for_ever, backtracking])
def test_the_seconds_end_what_asks_nobody(work: Callable[[], object]) -> None:
    began = time.process_time()
    with pytest.raises(Unopened, match=r"took longer than 0\.2 s") as error:
        budget(0.2).within(work)
    assert error.value.group == OVER_LIMIT
    assert time.process_time() - began < 5


def test_work_in_time() -> None:
    assert budget().within(lambda: 7) == budget().reading(lambda: 7) == 7


def test_the_time_of_the_rule_is_its_own() -> None:
    began = time.monotonic()
    with pytest.raises(OutOfTime), Limit(0.2):
        Budget(lambda: began + 0.2 - time.monotonic()).within(for_ever)


def test_reading_leaves_time_for_names() -> None:
    now = [10.0]
    spending = Budget(lambda: now[0])
    now[0] = 7.2
    assert not spending.late()
    assert spending.reading(spending.late)
    assert not spending.late()


def seen(data: bytes, spending: Budget) -> Iterator[Member | Told]:
    yield from Walk(spending, filetype.kind).inside(data, filetype.kind(data))


def test_names_behind_what_took_all_the_time() -> None:
    now = [10.0]
    spending = Budget(lambda: now[0])
    walk = seen(payloads.zipped({"slow": b"a", "b.exe": payloads.PE, "c.exe": payloads.PE}), spending)
    assert isinstance(one := next(walk), Member) and one.head
    now[0] = 7.3
    rest = list(walk)
    assert [one.path for one in rest] == ["b.exe", "c.exe", ""]
    assert isinstance(rest[0], Member) and not rest[0].head and rest[0].kind is None
    assert isinstance(rest[2], Told) and (rest[2].group, rest[2].text) == (OVER_LIMIT, "unpacking took longer than 3 s")


def test_names_in_the_time_that_is_left_for_them() -> None:
    now = [10.0]
    spending = Budget(lambda: now[0])
    walk = seen(payloads.zipped({str(number): b"" for number in range(9)}), spending)
    next(walk)
    now[0] = 6.9
    assert [one.path for one in walk] == [""]


# --- members beyond the limit, in every archive that has a list


def tarred(names: list[str]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name in names:
            tar.addfile(tarfile.TarInfo(name))
    return buffer.getvalue()


NAMES = ["a.txt", "b.txt", "c.txt", "d.txt", "invoice.exe"]
CABINET = test_cabs.cabinet(1, [(name.encode(), b"x") for name in NAMES])
MANY = {
    "zip": payloads.zipped(dict.fromkeys(NAMES, b"x")),
    "zip, not listed": payloads.zipped(dict.fromkeys(NAMES, b"x")).partition(b"PK\1\2")[0],
    "tar": tarred(NAMES),
    "tar.gz": gzip.compress(tarred(NAMES), mtime=0),
    "zip in a zip": payloads.zipped({"a.zip": payloads.zipped(dict.fromkeys(NAMES, b"x"))}),
    "rar 4": test_rars.old(*(test_rars.four(name.encode(), b"x") for name in NAMES)),
    "rar 5": test_rars.new(*(test_rars.five(name, b"x") for name in NAMES)),
    "cab": CABINET,
    "7z": seven(b"\0", b"", b"x" * 5, 1, 5, "{}.exe"),
    "iso": test_isos.image(),
    "mail": b"From: a\nSubject: x\nContent-Type: multipart/mixed; boundary=x\n\n"
    + b"".join(b"--x\nContent-Type: a/b; name=%s\n\nx\n" % name.encode() for name in NAMES)
    + b"--x--\n",
}


def codes(data: bytes, **options: object) -> list[str]:
    message = payloads.carrying((data, "application/octet-stream", "a"))
    mail = Mail(Envelope(), Message(message.as_bytes()))
    found = Attachments(options).check(mail, Outside(time.monotonic() + 60))
    return [one.code.partition(".")[2] for one in found if not one.note]


@pytest.mark.parametrize("name", MANY)
def test_a_program_beyond_the_members(name: str) -> None:
    found = codes(MANY[name], max_members=2)
    assert "executable-name" in found and found[-1] == "bomb"


def test_so_many_names_are_judged_and_no_more() -> None:
    data = payloads.zipped({f"{number:03}.txt": b"" for number in range(20)})
    members = [one for one in seen(data, budget(members=5, names=167 * 10)) if isinstance(one, Member)]
    assert len(members) == 15
    members = [one for one in seen(data, budget(members=5, names=0)) if isinstance(one, Member)]
    assert len(members) == 5


def test_long_names_beyond_the_members_are_bounded() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for number in range(60):
            archive.writestr(f"{number:03}" + "a" * 60_000, b"")
    members = [one for one in seen(buffer.getvalue(), budget(members=5, names=30_000)) if isinstance(one, Member)]
    assert 15 < len(members) < 25


# --- what is a bomb, and what is just large


def test_a_large_archive_is_no_bomb() -> None:
    # Half of what is unpacked was carried.
    data = payloads.zipped(
        {f"{number}.zip": payloads.zipped({"a": bytes(range(256)) * 40}, 0) for number in range(9)}, 0
    )
    told = {one.group for one in seen(data, budget(octets=50_000)) if isinstance(one, Told)}
    assert OVER_LIMIT in told and BOMBS not in told
    assert codes(data, max_unpacked=50_000) == []


def test_a_mailbox_of_letters_of_nothing_is_no_bomb() -> None:
    letter = b"From a\nFrom: a@example.org\nSubject: x\n\n"
    assert codes(letter * 40) == []
    program = b"Content-Type: a/b; name=a\nContent-Transfer-Encoding: base64\n\nTVqQ\n"
    assert "executable" in codes(letter * 40 + letter[:-1] + program.replace(b"name=a", b"name=invoice.exe"))[0]


def test_much_from_little_is_a_bomb() -> None:
    data = payloads.zipped({f"{number}.tar": tarred(["a"] * 4000) for number in range(2)})
    assert len(data) < 25_000
    assert codes(data, max_unpacked=1_500_000)[-1] == "bomb"


def test_without_bombs_it_is_over_the_limit() -> None:
    data = payloads.zipped({f"{number}.txt": b"" for number in range(5)})
    assert codes(data, max_members=2) == ["bomb"]
    assert codes(data, max_members=2, refuse=("over-limit",)) == ["over-limit"]
    assert codes(data, max_members=2, refuse=("executables",)) == []


# --- what was found before the seconds ended


def test_a_document_is_judged_as_far_as_it_was_read() -> None:
    spec = b"1 0 obj<</Type/Filespec/F(invoice.exe)/EF<</F 4 0 R>>>>endobj\n"
    script = b"2 0 obj<</OpenAction<</S/JavaScript/JS(x)>>>>endobj\n"
    file = b"4 0 obj<</Type/EmbeddedFile/Length 2>>stream\nMZ\nendstream endobj\n"
    slow = (b"9 0 obj<</AA[" + b"/A " * 300_000 + b"]>>endobj\n") * 2
    clock = count(10.0, -0.05)  # so that it is always asked as often before the seconds end
    found = list(open_pdf(b"%PDF-1.7\n" + spec + file + script + slow, Budget(lambda: next(clock))))
    assert {getattr(one, "group", "") for one in found} == {OVER_LIMIT, "active-content", ""}
    assert [one.names for one in found if not isinstance(one, Remark)] == [("invoice.exe",)]


def _calendar(parameters: bytes) -> bytes:
    return b"BEGIN:VCALENDAR\nATTACH;ENCODING=BASE64;FILENAME=a.exe" + parameters + b":TVqQ\nEND:VCALENDAR\n"


# What a pattern repeats a group for, some million times.
REPEATED: dict[str, tuple[str, Callable[[bytes, Budget], object]]] = {
    "hexadecimal digits": ("ab", lambda data, budget: list(coded(data, budget))),
    "escapes": ("\\x41", lambda data, budget: list(coded(data, budget))),
    "numbers": ("1,", lambda data, budget: list(coded(data, budget))),
    "quoted values in a tag": ("''", lambda data, budget: list(tags("<a " + data.decode() + ">", budget, "a"))),
    "comments in a PDF": ("%\n", lambda data, budget: parse(data + b"1", budget)),
    "quoted parameters": ('""', lambda data, budget: list(open_calendar(_calendar(data), budget))),
    "blank lines before a colon": (
        "\n ",
        lambda data, _: re.match(b"subject" + lenient._COLON, b"subject" + data + b":"),
    ),
}


@pytest.mark.parametrize("what", REPEATED)
def test_what_a_pattern_repeats_costs_no_memory_each_time(what: str) -> None:
    piece, read = REPEATED[what]
    data = piece.encode() * (1_000_000 // len(piece))
    ends = time.monotonic() + 60
    tracemalloc.start()
    found = read(data, Budget(lambda: ends - time.monotonic(), seconds=59))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found
    assert peak < 15 * len(data)
