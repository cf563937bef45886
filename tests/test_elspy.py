"""elspy's interface: what must not happen while an old file runs, and what it finds there (docs/elspy.md)."""

from __future__ import annotations

import builtins
import io
import itertools
import os
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailscan.elspy import is_elspy
from mailscan.elspy.body import Body
from mailscan.elspy.call import run
from mailscan.elspy.headers import HeaderList
from mailscan.elspy.info import EximInfo, match_recipients
from mailscan.elspy.oldtext import OldStr, unicode
from mailscan.elspy.surroundings import BUILT_IN, OURS, RENAMED, Surroundings
from mailscan.envelope import Envelope
from mailscan.errors import FilterError
from mailscan.mail import Mail
from mailscan.message import Message
from mailscan.outside import Outside
from mailscan.pipeline import scan
from mailscan.policy import load_policy
from mailscan.verdict import Finding, Verdict

ANY_OCTETS = bytes(range(256)) * 3 + b"\r\n\xff\xfe\x00\x80\n\xc4\xe3\xba\xc3 419\n"
ALL_OF_IT = """
import email.Header, email.Utils, os, spf, elspy, StringIO
from elspy import execontent_simple, spamassassin, util
spamassassin.REJECT_THRESHOLD = 1.5
execontent_simple.BAD_EXTENSIONS = ['zip']
unicode, basestring, xrange, unichr, long, file
def local_scan(info, headers, fd):
    return os.fdopen(fd).read()
"""


def old(source: str, raw: bytes = b"Subject: x\n\nbody\n", envelope: Envelope | None = None) -> list[Finding]:
    """What a file finds, run in this process."""

    def load() -> object:
        module = {"__name__": "exim_local_scan"}
        exec(compile(source, "exim_local_scan.py", "exec", dont_inherit=True), module)
        return module.get("local_scan")

    return run(load, Mail(envelope or Envelope(), Message(raw)), Outside(time.monotonic() + 10))


def judged(folder: Path, source: str, raw: bytes = b"Subject: x\n\nbody\n") -> Verdict:
    """What a policy says that has this file and a spamtrap, as `scan` judges."""
    (folder / "exim_local_scan.py").write_text(source)
    (folder / "policy.toml").write_text(
        '[[filter]]\nuse = "./exim_local_scan.py"\n'
        '[[filter]]\nuse = "spamtrap"\naddresses = ["trap@x.example"]\naction = "reject"\n'
    )
    mail = Mail(Envelope(sender="a@b.example", recipients=("trap@x.example",)), Message(raw))
    return scan(mail, load_policy(str(folder / "policy.toml")), Outside(time.monotonic() + 30))


def state() -> tuple[object, ...]:
    import email

    ours = {name for name in (*OURS, *RENAMED) if name in sys.modules}
    names = {"file", *BUILT_IN} & set(vars(builtins))
    return ours - {"spf"}, names, builtins.open, os.fdopen, list(sys.meta_path), hasattr(email, "Header")


def test_nothing_of_ours_is_left_afterwards() -> None:
    before = state()
    old(ALL_OF_IT)
    with pytest.raises(ZeroDivisionError):
        old(ALL_OF_IT.replace("return", "return 1 / 0, "))
    with pytest.raises(NameError):
        old("import elspy, spf\nnobody\n")
    assert state() == before == (set(), set(), builtins.open, os.fdopen, list(sys.meta_path), False)
    for name in ("elspy", "elspy.spamassassin", "email.Header"):
        with pytest.raises(ImportError):
            __import__(name)
    assert not hasattr(__import__("spf"), "CODES")
    assert __import__("spf").__doc__ != sys.modules["mailscan.elspy.oldspf"].__doc__, "pyspf is itself again"


def test_what_a_file_sets_is_not_there_for_the_next_mail() -> None:
    for _ in range(2):
        found = old(
            "from elspy import spamassassin, execontent_simple\n"
            "def local_scan(i, h, f):\n"
            "    seen = '%s %d' % (spamassassin.REJECT_THRESHOLD, len(execontent_simple.BAD_EXTENSIONS))\n"
            "    spamassassin.REJECT_THRESHOLD = 1; execontent_simple.BAD_EXTENSIONS = []\n"
            "    return seen\n"
        )
        assert found[0].detail == "10.0 25"


def test_no_body_raises_and_no_octet_of_it_is_lost() -> None:
    raw = b"Subject: \xff\xfe\x80\n\n" + ANY_OCTETS
    read = "import os\ndef local_scan(i, h, f):\n    return repr({}.encode('utf-8', 'surrogateescape'))\n"
    whole = repr(ANY_OCTETS.replace(b"\r\n", b"\n").replace(b"\r", b"\n"))
    for how in ("os.fdopen(f).read()", "open(f).read()", "os.fdopen(f, 'r', 0).read()", "file(f, 'rU').read()"):
        assert old(read.format(how), raw)[0].detail == whole[:1000], how
    assert old("import os\ndef local_scan(i, h, f):\n    return len(os.fdopen(f, 'rb').read())\n", raw)[
        0
    ].detail == str(len(ANY_OCTETS) - 1)
    for how in ("unicode(h.get('subject'))", "h.get('subject').decode('gb2312')", "h.get('subject').decode('nobody')"):
        found = old(f"def local_scan(i, h, f):\n    return {how}\n", raw)[0].detail
        found.encode("utf-8")  # no surrogates
    assert old("from elspy import read_data\ndef local_scan(i, h, f):\n    return str(len(read_data(f)))\n", raw)


@pytest.mark.parametrize(
    ("made", "subject", "text"),
    [
        ("Header(s)", "=?utf-8?q?ADV=3A_buy?=", "ADV: buy"),
        ("Header(s, 'iso-8859-1')", "=?utf-8?q?ADV=3A_b=C3=BCy?=", "ADV: büy"),
        ("Header(s.strip())", "=?utf-8?q?ADV=3A?=\n =?utf-8?b?YnV5?=", "ADV:buy"),
        ("Header(s)", "Re: a =?utf-8?q?b?=", "Re: a b"),
        ("Header(s)", "=?nobody?", "=?nobody?"),
        ("make_header(decode_header(s))", "=?utf-8?q?=3D=3Fus-ascii=3Fq=3FADV=3F=3D?=", "=?us-ascii?q?ADV?="),
    ],
)
@pytest.mark.parametrize("module", ["email.Header", "email.header"])
def test_a_header_made_text_is_decoded_once(module: str, made: str, subject: str, text: str) -> None:
    if module == "email.header" and "iso" in made:
        return  # Python's own, which says of text that is decoded too that it has a charset
    source = f"from {module} import Header, decode_header, make_header\n"
    source += f"def local_scan(i, h, f):\n    s = h.get('subject')\n    return unicode({made})\n"
    assert old(source, f"Subject: {subject}\n\n".encode())[0].detail == text


@pytest.mark.parametrize(
    "value", ["=?x-nobody?q?a=ff?=", "=?utf-8?b?A?=", "=?gb2312?q?=c4=e3?= =?utf-8?q?=ff?=", "é", "=?", ""]
)
def test_no_subject_raises(value: str) -> None:
    header = "email.Header.make_header(email.Header.decode_header(h.get('subject', '')))"
    for source in (f"unicode({header})", f"str({header})", f"{header}.encode()"):
        found = old(
            f"import email.Header\ndef local_scan(i, h, f):\n    return {source} + '.'\n",
            b"Subject: " + value.encode() + b"\n\n",
        )
        found[0].detail.encode("utf-8")
    joined = "''.join([unicode(s, c or 'ascii') for s, c in email.Header.decode_header(h.get('subject', ''))]) + '.'"
    assert old(
        f"import email.Header\ndef local_scan(i, h, f):\n    return {joined}\n", b"Subject: " + value.encode() + b"\n\n"
    )


def test_a_line_end_cannot_be_added_and_a_name_must_be_one() -> None:
    headers = HeaderList(Message(b"Subject: x\n\n"))
    headers.add("X-A", "one\r\nX-Evil: 1\n\n\nbody\r")
    assert headers.added == [("X-A", "one X-Evil: 1 body")]
    assert headers.as_string() == "Subject: x\nX-A: one X-Evil: 1 body\n"
    for name in ("X-A\nX-B", "", "a b", "X:", "5.7.1", "é", "x" * 99):
        if name == "X:":
            continue
        with pytest.raises(ValueError, match="cannot be the name of a header field"):
            headers.add(name, "x")
    found = old(
        "def local_scan(i, h, f):\n    h.add('X-S', h.get('subject'))\n", b"Subject: \xff =?utf-8?q?a=0D=0AX-E:_1?=\n\n"
    )
    assert found[0].edits is not None
    assert found[0].edits.add == (("X-S", "ÿ =?utf-8?q?a=0D=0AX-E:_1?="),)


def test_a_recipient_is_an_address() -> None:
    for line in ("append('a@b\\nRCPT TO: <c@d>')", "append('')", "append(None)", "append('a b@c')"):
        with pytest.raises(FilterError, match=r"info\.recipients_list"):
            old(f"def local_scan(i, h, f):\n    i.recipients_list.{line}\n")
    with pytest.raises(FilterError, match="a list of addresses"):
        old("def local_scan(i, h, f):\n    i.recipients_list = 'a@b'\n")


def test_headers_are_a_sequence() -> None:
    headers = HeaderList(Message(b"Received: a\r\n\tb\r\nSUBJECT : x\r\nreceived: c\r\n\r\n"))
    assert list(headers) == [("Received", "a\n\tb"), ("SUBJECT", "x"), ("received", "c")]
    assert (len(headers), headers[1], headers[-1]) == (3, ("SUBJECT", "x"), ("received", "c"))
    assert (headers.get("subject"), headers.get("To"), headers.get("To", "-")) == ("x", None, "-")
    assert headers.get_all("RECEIVED") == ["a\n\tb", "c"]
    assert "Subject" in headers
    assert "To" not in headers
    headers.remove("Received")
    headers.replace("subject", "y")
    headers.remove("not-there")
    assert (headers.added, headers.removed) == ([("subject", "y")], ["Received", "subject"])
    headers.remove("subject")
    assert (list(headers), headers.added, headers.removed) == ([], [], ["Received", "subject"])


def test_headers_are_written_to_files_of_text_and_of_octets(tmp_path: Path) -> None:
    raw = b"Subject: \xff\n\n"
    headers = HeaderList(Message(raw))
    text, octets = io.StringIO(), io.BytesIO()
    headers.write(text)
    headers.write(octets)
    assert (text.getvalue(), octets.getvalue()) == ("Subject: \udcff\n", b"Subject: \xff\n")
    log = tmp_path / "log"
    old(
        f"def local_scan(i, h, f):\n    log = open({str(log)!r}, 'a')\n    h.write(log)\n    log.write(unicode('x'))\n",
        raw,
    )
    old(f"def local_scan(i, h, f):\n    h.write(open({str(log)!r}, 'ab'))\n", raw)
    assert log.read_bytes() == b"Subject: \xff\nxSubject: \xff\n"


def test_the_body_is_a_file_that_is_ours_to_close() -> None:
    body = Body(b"a\r\nb\n")
    assert os.lseek(body.fd, 0, os.SEEK_CUR) == 0
    assert os.read(body.fd, 100) == b"a\nb\n"
    os.close(body.fd)
    other = os.open(os.devnull, os.O_RDONLY)
    assert other == body.fd, "the number is another file's by now"
    body.close()
    os.fstat(other)
    os.close(other)
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        old("import os\ndef local_scan(i, h, f):\n    os.read(f, 1)\n")
        old("import os\ndef local_scan(i, h, f):\n    os.close(f)\n")
    assert len(os.listdir("/proc/self/fd")) == before


def test_facts_have_exims_names_and_an_unknown_one_is_none() -> None:
    info = EximInfo(Envelope())
    known = "sender_address sender_host_address sender_host_name sender_host_port sender_helo_name message_id"
    known += " sender_host_authenticated received_protocol interface_address interface_port authenticated_id"
    assert [getattr(info, name) for name in known.split()] == [None] * 11
    assert info.recipients_list == []
    with pytest.raises(AttributeError):
        info.sender_adress  # type: ignore[attr-defined]  # noqa: B018
    said = {"interface_port": "25", "sender_host_port": "x", "received_protocol": "esmtp", "recipients_count": "9"}
    info = EximInfo(Envelope("", ["a@b"], "192.0.2.1", "h.example", "helo", "joe", "1abc", said))
    assert (info.sender_address, info.sender_host_address, info.sender_host_name) == ("", "192.0.2.1", "h.example")
    assert (info.sender_helo_name, info.sender_host_authenticated, info.message_id) == ("helo", "joe", "1abc")
    assert [getattr(info, name) for name in said] == [25, None, "esmtp", 1]


def test_match_recipients() -> None:
    among = ["Joe@a.example", "trap@A.example", "trap@b.example"]
    assert match_recipients(among, ["trap"], ["a.example", "c.example"]) == ["trap@A.example"]
    assert match_recipients(among, "trap") == among[1:]
    assert match_recipients(among, [], ["a.example"]) == []
    assert EximInfo(Envelope(recipients=among)).match_recipients(["joe"], "a.example") == among[:1]


def test_text_can_be_decoded_as_python_2_could() -> None:
    chinese = OldStr.of("中文".encode("gb2312"))
    assert chinese.decode("gb2312") == "中文" == unicode(chinese, "gb2312")
    assert chinese.strip().lower().decode("gb2312") == "中文"  # type: ignore[attr-defined]
    assert OldStr("a b").split() == ["a", "b"]
    assert unicode(b"\xff", "utf-8", "replace") == "\ufffd"
    assert unicode("é", "ascii", "ignore") == "é"
    assert isinstance(unicode(3), unicode)
    assert unicode(3) == "3"


def test_what_is_raised_decides_and_only_accept_ends_the_walk(tmp_path: Path) -> None:
    source = "from elspy import *\ndef local_scan(i, h, f):\n    h.add('X-A', 'b')\n    {}\n"
    for raised, action, code, reply, rule in (
        ("pass", "reject", "elspy.changed", "Message refused by local policy", "spamtrap"),
        ("return 3", "reject", "elspy.returned", "Message refused by local policy", "spamtrap"),
        ("log_error('x')", "reject", "elspy.log", "Message refused by local policy", "spamtrap"),
        ("raise AcceptMessage", "accept", "elspy.accept", "", "exim_local_scan"),
        ("raise RejectMessage('n\\xf6')", "reject", "elspy.reject", "nö", "exim_local_scan"),
        ("raise RejectSpam()", "reject", "elspy.spam", "Administrative prohibition", "exim_local_scan"),
        ("raise RejectVirus('v')", "reject", "elspy.virus", "v", "exim_local_scan"),
        ("raise RejectVirusRelated", "reject", "elspy.virus-related", "Administrative prohibition", "exim_local_scan"),
        ("raise TempRejectMessage", "tempfail", "elspy.tempreject", "Temporary local problem", "exim_local_scan"),
        ("raise TempRejectMessage(None)", "tempfail", "elspy.tempreject", "Temporary local problem", "exim_local_scan"),
    ):
        verdict = judged(tmp_path, source.format(raised))
        said = (verdict.action, verdict.account[0].findings[0].code, "\n".join(verdict.reply), verdict.rule)
        assert said == (action, code, reply, rule), raised
        assert verdict.edits.add == ((("X-A", "b"),) if action == "accept" else ())


def test_a_mistake_of_the_file_is_the_on_error_of_the_rule_with_its_line(tmp_path: Path) -> None:
    for source, said in (
        ("def local_scan(i, h, f):\n    1 / 0\n", r"exim_local_scan.py:2: ZeroDivisionError"),
        ("def local_scan(i, h):\n    pass\n", "takes 2 positional arguments but 3 were given"),
        (
            "import elspy.maildir\ndef local_scan(i, h, f):\n    pass\n",
            "mailscan has no elspy.maildir; it has elspy.util, ",
        ),
        ("local_scan = 3\n", "has no function `local_scan(info, headers, fd)`"),
        ("def local_scan(i, h, f):\n    print 'x'\n", "exim_local_scan.py:2: print is a function: write `print('x')`"),
    ):
        verdict = judged(tmp_path, source)
        assert (verdict.action, verdict.account[0].outcome) == ("tempfail", "error"), source
        assert said in verdict.account[0].why
        assert "\n" not in verdict.account[0].why


def test_check_lists_every_line_that_python_3_cannot_parse(tmp_path: Path) -> None:
    judged(tmp_path, "def local_scan(i, h, f):\n    print 'x'\n    if h <> f:\n        raise E, 'y'\n")
    words = [sys.executable, "-m", "mailscan", "check", str(tmp_path / "policy.toml")]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    lines = [line.partition("exim_local_scan.py:")[2] for line in done.stderr.splitlines()]
    assert lines == [
        "2: print is a function: write `print('x')`",
        "3: write `!=` for `<>`",
        "4: write `raise E('y')`",
    ]
    judged(tmp_path, "def local_scan(i, h, f):\n    pass\n")
    assert subprocess.run(words, capture_output=True, check=False).returncode == 0


def test_a_sibling_in_the_syntax_of_python_2_is_told_by_its_own_lines(tmp_path: Path) -> None:
    (tmp_path / "traps.py").write_text("TRAPS = []\nprint TRAPS\n")
    for source in (
        "import traps\ndef local_scan(i, h, f):\n    pass\n",
        "def local_scan(i, h, f):\n    import traps\n",
    ):
        why = judged(tmp_path, source).account[0].why
        assert "traps.py:2: print is a function: write `print(TRAPS)`" in why


def test_the_fourth_argument_is_made_for_whoever_takes_it() -> None:
    raw = b"Subject: \xff\nContent-Type: text/plain; charset=gb2312\nContent-Transfer-Encoding: base64\n\nxOO6ww==\n"
    source = (
        "def local_scan(i, h, f, {}):\n    return msg.get('subject') + msg.get_type() + msg.get_payload(decode=1)\n"
    )
    for more in ("msg", "msg=None"):
        assert old(source.format(more), raw)[0].detail.endswith("text/plain" + OldStr.of("你好".encode("gb2312")))
    assert old("def local_scan(*args):\n    return len(args)\n")[0].detail == "4"
    assert old("def local_scan(i, h, f, *, msg=1):\n    return msg\n")[0].detail == "1"
    parsed = "from elspy import parse_message\ndef local_scan(i, h, f):\n    return parse_message(h, f).get_type()\n"
    assert old(parsed, raw)[0].detail == "text/plain"


def test_which_files_are_elspys() -> None:
    for source in (
        b"def local_scan (info, headers, fd):\n    print 'x'\n",
        b"from elspy.spamassassin import local_scan\n",
        b"import elspy\nlocal_scan = elspy.execontent_simple.local_scan\n",
        b"try:\n    from mine import local_scan\nexcept ImportError, e:\n    pass\n",
    ):
        assert is_elspy(source), source
    for source in (
        b"def check(mail, outside):\n    pass\n",
        b"def check(mail, outside):\n    local_scan(1, 2, 3)\ndef local_scan(i, h, f):\n    pass\n",
        b"# def local_scan(info, headers, fd)\n",
        b"",
    ):
        assert not is_elspy(source), source


def test_a_file_with_a_check_finds_nothing_of_this(tmp_path: Path) -> None:
    source = "def check(mail, outside):\n    import elspy\n"
    assert "No module named 'elspy'" in judged(tmp_path, source).account[0].why


def test_loading_alone_needs_no_mail() -> None:
    with Surroundings() as around:
        from importlib import import_module

        spam = import_module("elspy.spamassassin")
        assert spam.local_scan(None, None, 0) is None
        assert around.mail is None


EVERYTHING = """
import email.Header, os
from elspy import execontent_simple, read_data, RejectVirus
def local_scan(info, headers, fd, msg=None):
    said = [unicode(read_data(fd))[:10], headers.as_string()[:10], info.match_recipients(['a'], ['b'])]
    for name, value in headers:
        said.append(unicode(email.Header.make_header(email.Header.decode_header(value)))[:10])
        said.append(unicode(value, 'gb2312')[:10])
        if headers.get(name) is None: raise AssertionError(name)
    headers.add('X-All', headers.get('subject', ''))
    headers.write(open('/dev/null', 'w'))
    for part in msg.walk():
        said.append(part.get_type()); part.get_param('name'); part.get_filename()
        part.get_payload(decode=1)
    str(msg.get('subject', '')).lower()
    try: execontent_simple.local_scan(info, headers, fd)
    except RejectVirus: pass
    return repr(said) + os.fdopen(fd).read()
"""


def test_text_after_the_padding_of_base64_is_none_of_it() -> None:
    source = (
        "from elspy import RejectMessage\n"
        "def local_scan(info, headers, fd, msg):\n    raise RejectMessage(repr(msg.get_payload(decode=1)))\n"
    )
    raw = b"Content-Transfer-Encoding: BASE64\n\nPGh0bWw+Cg==\n\n--x-->\nA list's footer and more\n"
    (finding,) = old(source, raw)
    assert "'<html>\\n'" in str(finding.reply or finding.detail)


@given(
    st.binary(max_size=200),
    st.sampled_from([b"", b"Subject: ", b"Content-Type: multipart/mixed; boundary=x\n\n--x\n", b"Subject: =?"]),
)
def test_nothing_in_a_message_makes_the_interface_raise(octets: bytes, before: bytes) -> None:
    for finding in old(EVERYTHING, before + octets, Envelope(recipients=["a@b", "\udcff"])):
        assert finding.code in ("elspy.returned", "elspy.changed")
        for name, value in finding.edits.add if finding.edits else ():
            assert name == "X-All"
            value.encode("utf-8")


def test_real_spam_makes_nothing_raise(corpora: Path) -> None:
    archive = (
        next(iter(sorted((corpora / "corpora").glob("*spam*.tar.xz"))), None)
        if (corpora / "corpora").is_dir()
        else None
    )
    archive = archive or next(iter(sorted(corpora.rglob("*spam*.tar.xz"))), None)
    if archive is None:
        pytest.skip(f"no spam corpus in {corpora}")
    with tarfile.open(archive) as members:
        messages = [
            file.read() for one in itertools.islice(members, 150) if one.isfile() and (file := members.extractfile(one))
        ]
    assert len(messages) > 100
    for message in messages:
        assert old(EVERYTHING, message)[-1].code == "elspy.changed"
