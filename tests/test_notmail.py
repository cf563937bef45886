"""What of the files in an archive is mail, what holds it in a form of its own, and what is named and never accepted."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest
import zstandard
from compound import compound
from running import mailscan

from mailscan.mailboxes import tasks
from mailscan.mailboxes.reading import Notes, messages_in_file, messages_in_stream
from mailscan.mailboxes.tasks import files_below

MAIL = b"From: a@example.org\nTo: b@example.com\nSubject: two\nMessage-ID: <two@example.org>\n\nhello\n"
POLICY = '[log]\nto = "none"\n[[filter]]\nuse = "subject"\nwords = ["two"]\naction = "reject"\n'
PLIST = b'<?xml version="1.0" encoding="UTF-8"?>\n<plist version="1.0"><dict></dict></plist>\n'
NOT_MAIL = {
    "archive.pst": (b"!BDN\x12\x34\x56\x78SM" + bytes(600), "an Outlook store"),
    "archive.ost": (b"!BDN\x12\x34\x56\x78SO" + bytes(600) + MAIL, "an Outlook store"),
    "Inbox.dbx": (b"\xcf\xad\x12\xfe\xc5\xfd\x74\x6f" + bytes(600), "an Outlook Express store"),
    "mail.nsf": (b"\x1a\x00\x00\x04\x00\x00" + bytes(600), "a Notes database"),
    "Inbox.mbx": (b"*mbx*\r\n5f1e2d3c00000002\r\n" + bytes(2000), "its mbx format"),
    "a.pdf": (b"%PDF-1.4\nSubject: x\n", "a PDF document"),
    "archive_browser.html": (b"<html>x</html>", "an HTML page"),
    "mail.html": (b"<!DOCTYPE html>\n<html><pre>\nSubject: two\nFrom: a\n</pre>", "an HTML page"),
    "page": (b"\xef\xbb\xbf\n <HTML lang=de>\nFrom: x\n", "an HTML page"),
    "Blocked Addresses.json": (b"{}", "JSON"),
    "settings.json": (b'{\n"subject": "two",\n"from": 1}\n', "JSON"),
    "list.json": (b"[1, 2]", "JSON"),
    "a.ics": (b"BEGIN:VCALENDAR\r\nSUBJECT:x\r\n", "a calendar"),
    "All Contacts.vcf": (b"BEGIN:VCARD\r\nVERSION:3.0\r\n", "an address card"),
    "rules.sieve": (b"# rule:[x]\nvacation text:\nSubject: away\n.\n;\n", "a Sieve script"),
    "roundcube": (b'# from roundcube\nrequire ["fileinto","reject"];\n', "a Sieve script"),
    "rules.svbin": (b"\xcf\xbb\xac\xd2" + bytes(60), "a Sieve script"),
    "table_of_contents": (bytes([0, 1, 2, 3] * 100), "Apple Mail's index"),
    "Info.plist": (PLIST, "XML"),
    "index.mab": (b'// <!-- <mdb:mork:z v="1.4"/> -->\n< <(a=c)> >\n', "a Mork index"),
    "a.png": (b"\x89PNG\r\n\x1a\n" + bytes(60), "a PNG image"),
    "a.sqlite": (b"SQLite format 3\x00" + bytes(100), "an SQLite database"),
    "a.7z": (b"7z\xbc\xaf\x27\x1c" + bytes(60), "a 7z archive"),
    "a.csv": (b"Subject,From,Date\ntwo,a,b\n", "text without a header of mail"),
    "README.txt": (b"Note: these are our mails.\nSubject and sender are real.\n", "text without a header of mail"),
    "case.toml": (b'[envelope]\nsender = "a@example.org"\n', "text without a header of mail"),
    "export.txt": (MAIL.decode().encode("utf-16"), "text in UTF-16"),
    "letter.doc": (compound({"WordDocument": bytes(5000)}), "an OLE document"),
    "minutes": (b"From the meeting at 10:30 in 2026:\n\nall is well\n", "text without a header of mail"),
    "zeros": (bytes(4000), "octets of no known kind"),
}
IS_MAIL = {
    "a.eml": MAIL,
    "1": MAIL,
    "12.": b"X-Unknown-To-All: 1\n\nbody\n",
    "0001.1bfc8d64c671401d": b"Return-Path: <a@example.org>\n" + MAIL,
    "odd.eml": b"Foo: bar\n\nbody\n",
    "without-an-ending": b"Foo: bar\n\nbody\n",
    "bom.eml": b"\xef\xbb\xbf" + MAIL,
    "late.eml": b"\r\n\n" + MAIL,
    "junk.eml": b"HTTP/1.1 200 OK\nand more\n" + MAIL,
    "page.mht": b"From: <Saved by Blink>\nMIME-Version: 1.0\n\n<html></html>",
    "quoted.eml": b">From a@example.org Tue Nov  3 10:00:00 2026\n" + MAIL,
    "Latin.txt": b"SUBJECT : two\n\n" + bytes(range(256)),
}


def read(octets: bytes, name: str) -> tuple[list[bytes], list[tuple[str, str]]]:
    notes = Notes()
    return [one for _, _, one in messages_in_stream(name, io.BytesIO(octets), notes, 10**8)], notes.skipped


@pytest.mark.parametrize("name", NOT_MAIL)
def test_what_is_no_mail_is_named_and_not_accepted(name: str, tmp_path: Path) -> None:
    octets, what = NOT_MAIL[name]
    path = tmp_path / name
    path.write_bytes(octets)
    notes = Notes()
    assert [*messages_in_file(str(path), notes, 10**8)] == []
    assert [source for source, why in notes.skipped if why.startswith("is not mail: ") and what in why] == [str(path)]
    assert read(octets, name) == ([], [(name, notes.skipped[0][1])])


@pytest.mark.parametrize("name", IS_MAIL)
def test_what_looks_like_mail_is(name: str) -> None:
    assert read(IS_MAIL[name], name) == ([IS_MAIL[name]], [])


@pytest.mark.parametrize("name", NOT_MAIL)
def test_in_a_maildir_and_an_mbox_anything_is_a_message(name: str, tmp_path: Path) -> None:
    octets = NOT_MAIL[name][0]
    for place in ("cur/1700000003.M1P1.host,S=200:2,S", "new/1700000003.M1P1.host", "Maildir/.a/cur/1!2,"):
        assert read(octets, place) == ([octets], []), place
    assert read(octets, f"new/{name}")[1], "any folder may be called new"
    before = b"From a@example.org Tue Nov  3 10:00:00 2026\n"
    assert read(before + MAIL + b"\n" + before + b"X: 1\n\n" + octets, "box")[0][1].endswith(octets)


def test_a_line_for_each_kind_and_the_status(tmp_path: Path) -> None:
    """In a summary, its rows, its page; for a backtest; for `try`; packed or not."""
    folder = tmp_path / "all"
    folder.mkdir()
    for name, (octets, _) in NOT_MAIL.items():
        (folder / name).write_bytes(octets)
    for number in range(30):
        (folder / f"more{number}.json").write_bytes(b"{}")
    (folder / "a.eml").write_bytes(MAIL)
    with tarfile.open(tmp_path / "all.tgz", "w:gz") as tar:
        tar.add(folder, "all")
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as file:
        for one in folder.iterdir():
            file.write(one, one.name)
    policy, old, own = tmp_path / "p.toml", tmp_path / "old.toml", tmp_path / "own.py"
    policy.write_text(POLICY)
    old.write_text('[log]\nto = "none"\n')
    own.write_text("def check(mail, outside):\n    return None\n")
    for path in (folder, tmp_path / "all.tgz", tmp_path / "all.zip"):
        out, page = tmp_path / "x.jsonl", tmp_path / "x.html"
        done = mailscan("audit", "--policy", str(policy), "--out", str(out), "--html", str(page), str(path), stdin=b"")
        assert done.status == 1 and b"1 message, " in done.out and b"100.00 %" in done.out, done.err
        assert f"files that are not mail: {len(NOT_MAIL) + 30}".encode() in done.out
        assert done.err.count("is not mail: JSON, and 32 more of that kind") == 1
        assert len(done.err.splitlines()) == len(
            {line.partition(" is not mail: ")[2] for line in done.err.splitlines()}
        )
        assert [json.loads(line)["subject"] for line in out.read_text().splitlines()] == ["two"]
        assert "is not mail: JSON" in page.read_text()
        compared = mailscan("backtest", str(policy), "--against", str(old), "--allow", "1", str(path), stdin=b"")
        assert compared.status == 0 and "is not mail: JSON" in compared.err and b"1 mail:" in compared.out
        tried = mailscan("try", str(own), str(path), stdin=b"")
        assert tried.status == 1 and b"is not mail: JSON" in tried.out


@pytest.mark.parametrize("name", ["archive.pst", "a.pdf", "settings.json", "table_of_contents"])
def test_nothing_but_such_a_file_is_no_archive(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(NOT_MAIL[name][0])
    (tmp_path / "p.toml").write_text(POLICY)
    policy = str(tmp_path / "p.toml")
    done = mailscan("audit", "--policy", policy, str(path), stdin=b"")
    assert done.status == 1 and b"0 messages" in done.out and f"{path} is not mail: " in done.err
    compared = mailscan("backtest", policy, "--against", policy, str(path), stdin=b"")
    assert compared.status == 1 and f"{path} is not mail: " in compared.err and "no message was read" in compared.err
    assert mailscan("try", "x.py", str(path), stdin=b"").status == 1
    shown = mailscan("show", str(path), stdin=b"")
    assert shown.status != 0 and f"no message: {path} is not mail: " in shown.err
    assert mailscan("show", stdin=NOT_MAIL[name][0]).status == 0, "on standard input any octets are a message"
    assert mailscan("scan", "--policy", policy, stdin=NOT_MAIL[name][0]).status == 0


@pytest.mark.parametrize(
    "frame",
    [
        b"%d       \n",
        b"%d\n",
        b"%d\r\n",
        b"  %d \n",
        b"%012d\n",
    ],
)
def test_emlx_is_the_message_in_it(frame: bytes, tmp_path: Path) -> None:
    path, out = tmp_path / "1.emlx", tmp_path / "x.jsonl"
    octets = frame % len(MAIL) + MAIL + PLIST
    path.write_bytes(octets)
    assert read(octets, "1.emlx") == ([MAIL], []) == read(octets, "a.zip!/Messages/1.emlx")
    (tmp_path / "p.toml").write_text(POLICY)
    done = mailscan("audit", "--policy", str(tmp_path / "p.toml"), "--out", str(out), str(path), stdin=b"")
    row = json.loads(out.read_text())
    assert (done.status, row["subject"], row["verdict"], row["size"]) == (0, "two", "reject", len(MAIL))
    assert row["offset"] == octets.index(b"From:") and row["ambiguities"] == 0
    for named in (f"{out}:1", f"{path}:{row['offset']}", str(path)):
        shown = mailscan("show", "--headers", named, stdin=b"")
        assert shown.status == 0 and b"two" in shown.out and b"plist" not in shown.out, named


def test_a_million_files_that_are_no_mail_are_only_counted() -> None:
    notes = Notes()
    for number in range(200_000):
        notes.skip(f"all.zip!/{number}.json", "is not mail: JSON")
    assert len(notes.skipped) == 200_000 and len(set(map(id, notes.skipped))) < 2000


def test_emlx_that_is_not_whole() -> None:
    assert read(b"9999\n" + MAIL, "1.emlx") == ([], [("1.emlx", "ends too early: its message has 9999 octets")])
    assert "in other files" in read(b"%d\n" % len(MAIL) + MAIL, "1.partial.emlx")[1][0][1]
    assert "is not mail" in read(b"12\nno mail\n", "1.emlx")[1][0][1]
    assert "is not mail" in read(b"\x00\x01", "1.emlx")[1][0][1]
    assert read(b"%d\n" % len(MAIL) + MAIL, "cur/1.host:2,")[0] == [b"%d\n" % len(MAIL) + MAIL]


def dovecots(octets: bytes, size: int = 65536) -> bytes:
    """As Dovecot's zlib plugin writes it: literals only."""
    packed = b"Dovecot-LZ4\r*\x9b\xc5" + (65536).to_bytes(4, "big")
    for at in range(0, len(octets), size):
        some = octets[at : at + size]
        more = len(some) - 15
        token = bytes([min(len(some), 15) << 4]) + (b"\xff" * (more // 255) + bytes([more % 255]) if more >= 0 else b"")
        packed += len(token + some).to_bytes(4, "big") + token + some
    return packed


def test_a_maildir_that_dovecot_packed(tmp_path: Path) -> None:
    for size in (65536, 1000, 100, 7):
        assert read(dovecots(MAIL * 20, size), "cur/1.host:2,S") == ([MAIL * 20], []), size
    assert read(zstandard.compress(MAIL), "cur/1.host:2,S") == ([MAIL], [])
    damaged = dovecots(MAIL * 20, 100)
    for octets in (damaged[:-5], damaged[:17], damaged + bytes(9), damaged[:19] + b"\xff" * 40, damaged[:15]):
        found, skipped = read(octets, "cur/1.host:2,S")
        assert skipped and found in ([], [(MAIL * 20)[: len(found[0])]] if found else []), octets


@pytest.mark.parametrize("options", [[], ["-l"], ["-BD"], ["-B4", "-BI"], ["-BX"], ["--content-size"], ["-9", "-BD"]])
@pytest.mark.skipif(shutil.which("lz4") is None, reason="lz4(1) is not here")
def test_lz4_as_its_own_program_writes_it(options: list[str], tmp_path: Path) -> None:
    box = b"".join(
        b"From a@b Tue Nov  3 10:00:00 2026\n" + MAIL + os.urandom(9).hex().encode() + b"\n\n" for _ in range(5000)
    )
    (tmp_path / "a").write_bytes(box)
    packed = subprocess.run(["lz4", "-c", *options, str(tmp_path / "a")], capture_output=True, check=True).stdout
    for octets, times in ((packed, 1), (packed * 2, 2), (packed + b"\x50\x2a\x4d\x18\x03\0\0\0abc" + packed, 2)):
        found, skipped = read(octets, "a.lz4")
        assert (b"".join(found), skipped) == (box * times, [])
    assert read(packed[: len(packed) // 2], "a.lz4")[1]


def streams(text: str, header: str = "", **more: bytes) -> dict[str, bytes]:
    made = {"__properties_version1.0": bytes(32), "__substg1.0_1000001F": text.encode("utf-16-le")}
    return made | ({"__substg1.0_007D001F": header.encode("utf-16-le")} if header else {}) | more


def test_a_message_of_outlook(tmp_path: Path) -> None:
    """[MS-OXMSG]: the header as it came, text, HTML, attachments with their names, a message in it."""
    header = "Received: from x by y\r\nFrom: a@example.org\r\nSubject: two\r\n words\r\n"
    header += "Content-Type: text/weird;\r\n x=y\r\n"
    inner = {
        f"__attach_version1.0_#00000001/__substg1.0_3701000D/{name}": octets
        for name, octets in streams("deep", "Subject: inner\r\n").items()
    }
    attached = {
        "__attach_version1.0_#00000000/__substg1.0_37010102": b"MZ" + bytes(5000),
        "__attach_version1.0_#00000000/__substg1.0_3707001F": "evil ü.exe".encode("utf-16-le"),
        "__attach_version1.0_#00000000/__properties_version1.0": bytes(8),
    }
    whole = compound(streams("héllo", header) | {"__substg1.0_10130102": b"<b>x</b>"} | attached | inner)
    path, out = tmp_path / "a.msg", tmp_path / "x.jsonl"
    path.write_bytes(whole)
    (tmp_path / "p.toml").write_text('[[filter]]\nuse = "attachments"\naction = "reject"\n')
    done = mailscan("audit", "--policy", str(tmp_path / "p.toml"), "--out", str(out), str(path), stdin=b"")
    row = json.loads(out.read_text())
    assert (done.status, row["subject"], row["verdict"]) == (0, "two words", "reject"), done.err
    assert "evil ü.exe" in json.dumps(row["evidence"], ensure_ascii=False)
    for named in (f"{out}:1", str(path)):
        shown = mailscan("show", named, stdin=b"").out.decode()
        assert "evil ü.exe" in shown and "message/rfc822" in shown and "text/html" in shown and "weird" not in shown
    import email

    parsed = email.message_from_bytes(read(whole, "a.msg")[0][0])
    assert [one.get_content_type() for one in parsed.walk()] == [
        "multipart/mixed", "text/plain", "text/html", "application/octet-stream",
        "message/rfc822", "multipart/mixed", "text/plain",
    ]  # fmt: skip
    assert parsed.get_payload(0).get_payload(decode=True) == "héllo".encode()  # type: ignore[union-attr]
    assert parsed.get_payload(2).get_filename() == "evil ü.exe"  # type: ignore[union-attr]


def test_a_message_that_outlook_never_sent() -> None:
    date = (0x00390040).to_bytes(4, "little") + bytes(4) + (134_000_000_000_000_000).to_bytes(8, "little")
    facts = {
        "__properties_version1.0": bytes(32) + date,
        "__substg1.0_0037001E": b"two\r\nX-Forged: no",
        "__substg1.0_0C1F001F": "a@example.org".encode("utf-16-le"),
        "__substg1.0_0E04001E": b"b@example.com",
        "__substg1.0_1000001E": b"hello",
    }
    ((mail,), skipped) = read(compound(facts), "draft.msg")
    assert b"\nSubject: two X-Forged: no\n" in mail and b"From: a@example.org\n" in mail and not skipped
    assert mail.startswith(b"Date: ")


def test_damaged_messages_of_outlook_are_said() -> None:
    whole = compound(streams("x" * 9000, "Subject: two\r\n") | {"__substg1.0_10090102": bytes(40)})
    assert "cannot be read as a message of Outlook" in read(whole, "a.msg")[1][0][1]
    assert "cannot be read as a message of Outlook" in read(whole[:300], "a.msg")[1][0][1]
    for at in range(512, len(whole), 97):
        found, skipped = read(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :], "a.msg")
        assert len(found) + len(skipped) == 1


def test_no_mail_of_the_corpora_becomes_another_thing(corpora: Path) -> None:
    """Real mail stays mail; of what was made as a test of broken mail, only what has no header at all."""
    notes = Notes()
    count = sum(1 for path in files_below(str(corpora / "corpora")) for _ in messages_in_file(path, notes, 10**9))
    assert count > 3600 and {source.rpartition("!/")[2] for source, _ in notes.skipped} == {"LICENSE", "README.md"}
    notes = Notes()
    for path in files_below(str(corpora / "mime")):
        for _ in messages_in_file(path, notes, 10**9):
            pass
    lost = {Path(source).name for source, _ in notes.skipped if source.endswith((".eml", ".msg", ".raw", ".mime"))}
    assert lost == {"erroneous.raw", "malformedHeader-noheader.msg", "malformedHeaderStartsBody-noheader.msg"}


def test_all_cases_are_mail() -> None:
    notes = Notes()
    cases = [
        path for path in Path(__file__).parent.parent.glob("testdata/cases/*/*/message.eml") if path.stat().st_size
    ]
    assert len(cases) == sum(1 for path in cases for _ in messages_in_file(str(path), notes, 10**9)) > 100, (
        notes.skipped
    )


@pytest.mark.parametrize("packer", ["xz", "gz", "bz2", "zst", "lz4"])
def test_the_bar_of_a_run_that_goes_on_moves(packer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the octets of the file, not by those that come out of it."""
    from archives import PACKERS, mbox

    packed = dovecots(mbox(0, 600)) if packer == "lz4" else PACKERS[packer](mbox(0, 600))
    path = tmp_path / "a"
    path.write_bytes(packed)
    monkeypatch.setattr(tasks, "SMALL", 0)
    all_of_it = [*tasks.tasks([str(path)], 10**8)]
    assert len(all_of_it) >= 4
    for number, last in enumerate(all_of_it[:-1]):
        whole = tasks.total_octets([str(path)], last.position)
        left = [*map(tasks.size_of, tasks.tasks([str(path)], 10**8, last.position))]
        assert whole == len(packed) == sum(left), packer
        assert left[0] >= sum(map(tasks.size_of, all_of_it[: number + 1])), "what was read again counts at once"
