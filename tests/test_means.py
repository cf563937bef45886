"""What our work needs, taken away one by one, against every kind of rule: no verdict is better than without the fault.

`pytest -n0 -s tests/test_means.py` prints the table: what is taken away, the rule, the verdict with and without.
"""

from __future__ import annotations

import base64
import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dns.message
import dns.rrset
import pytest
from asking import serving
from nameserver import scripted
from running import ENVIRON, QUIET, START, policy
from test_faults import _posted

from mailscan.unpack.program import program

SEVENZ = (
    "N3q8ryccAAQLTT0bMAAAAAAAAABSAAAAAAAAABGD0WrgAf8AKF0AJpaOcAAX9+wEinmEKsde4ZdJCIg+andW6jXaYAcWi3N1zJcZYuRxowABBAYA"
    "AQkwAAcLAQABISEBAAyCAAAICgHWUDGzAAAFARkLAAAAAAAAAAAAAAARDQBhAC4AZQB4AGUAAAAUCgEAuDAy5QOB3QEVBgEAIICkgQAA"
)
PPMD = (
    "UEsDBD8AAABiACyefl3WUDGzJAAAAAACAAAFAAAAYS5kYXQHAE0Psy1t5iyvOcgcjXRVRRIzJb3LDwBnBxUBiiqgoRHVAABQSwECPwM/AAAAYgAs"
    "nn5d1lAxsyQAAAAAAgAABQAkAAAAAAAAACCApIEAAAAAYS5kYXQKACAAAAAAAAEAGAC4MDLlA4HdAQAAAAAAAAAAAAAAAAAAAABQSwUGAAAAAAEA"
    "AQBXAAAARwAAAAAA"
)
PE = "TVoAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAQAAAAFBFAABMAQEAAAAAAAAAAAAAAAAA"
# A driver of DOS, which nothing but libmagic knows.
DRIVER = "/////wCAIAAwAE1ZRFJWICAgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
ATTACHED = (
    "Content-Type: multipart/mixed; boundary=zz\n\n--zz\n\nhi\n--zz\nContent-Type: application/octet-stream; name={0}\n"
    "Content-Disposition: attachment; filename={0}\nContent-Transfer-Encoding: base64\n\n{1}\n--zz--\n"
)
ATTACHMENTS = '[[filter]]\nuse = "attachments"\naction = "reject"\n'
OWN = "import zlib\nfrom mailscan import reject\n"
# (the rule, the message). Each is rejected where nothing is missing.
RULES: dict[str, tuple[str, str]] = {
    "spamtrap": ('use = "spamtrap"\nlocal_parts = "trap"\ndomains = "x.example"\naction = "reject"', "\nhi\n"),
    "match": ('use = "match"\nwords = "money"\naction = "reject"', "Content-Transfer-Encoding: base64\n\nbW9uZXk=\n"),
    "match, pattern": ('use = "match"\npatterns = "mon.y"\naction = "reject"', "\nmoney\n"),
    "subject": ('use = "subject"\nprefixes = "ADV:"\naction = "reject"', "Subject: =?utf-8?q?ADV=3A_x?=\n\nhi\n"),
    "ambiguity": ('use = "ambiguity"\naction = "reject"', "Content-Type: text/plain\nContent-Type: text/html\n\nhi\n"),
    "attachments, by octets": (ATTACHMENTS, ATTACHED.format("a.dat", PE)),
    "attachments, libmagic": (ATTACHMENTS, ATTACHED.format("a.dat", DRIVER)),
    "attachments, 7z": (ATTACHMENTS, ATTACHED.format("a.7z", SEVENZ)),
    "attachments, PPMd": (ATTACHMENTS, ATTACHED.format("a.zip", PPMD)),
    # What only a 7z program opens, made by it.
    "attachments, 7z program": (ATTACHMENTS, ATTACHED.format("a.wim", "WIM")),
    "spf": ('use = "spf"', "\nhi\n"),
    # Also where the DNS not answering is nothing to this postmaster: that we cannot ask it is something else.
    "spf, temperror = tag": ('use = "spf"\nresults = { temperror = "tag", permerror = "tag" }', "\nhi\n"),
    "dnsbl": ('use = "dnsbl"\nzones = { "l.test" = 1.0 }\naction = "reject"\non_error = "tempfail"', "\nhi\n"),
    "spamassassin": ('use = "spamassassin"\naddress = "{spamassassin}"\nreject_at = 5', "\nhi\n"),
    "rspamd": ('use = "rspamd"\naddress = "{rspamd}"', "\nhi\n"),
    "clamav": ('use = "clamav"\naddress = "{clamav}"\naction = "reject"', "\nhi\n"),
    "own, check": ('use = "./own.py"', "\nhi\n"),
    "own, class": ('use = "./class.py"\nword = "hi"', "\nhi\n"),
    "elspy": ('use = "./old.py"', "\nhi\n"),
}
FILES = {
    "own.py": OWN + "def check(mail, outside):\n    return reject('no')\n",
    "class.py": OWN + "class Word:\n    word: str\n    def check(self, mail, outside):\n        return reject('no')\n",
    "old.py": "from elspy import RejectMessage\ndef local_scan(info, headers, fd):\n    raise RejectMessage('no')\n",
}
SCANNERS = {
    "spamassassin": b"SPAMD/1.1 0 EX_OK\r\nContent-length: 3\r\nSpam: True ; 9.0 / 5.0\r\n\r\nA,B",
    "rspamd": _posted({"action": "reject", "score": 29.0, "symbols": {}}),
    "clamav": b"stream: Win.Evil FOUND\0",
}
AWAY = 'mount --make-rprivate / && mount -t tmpfs none {} && exec "$@"'
TAKEN: dict[str, list[str]] = {
    "nothing": [],
    "processes": ["prlimit", "--nproc=0"],
    **{f"descriptors beyond {count}": ["prlimit", f"--nofile={count}"] for count in (4, 6, 8, 11)},
    **{f"memory beyond {count} MB": ["prlimit", f"--as={count << 20}"] for count in (16, 96, 112, 128, 192, 320)},
    **{f"data beyond {count} MB": ["prlimit", f"--data={count << 20}"] for count in (16, 64, 96, 200)},
    "files of any size": ["prlimit", "--fsize=0"],
    "semaphores, queues and locks": ["prlimit", "--msgqueue=0", "--locks=0", "--memlock=0", "--sigpending=0"],
    "the stack": ["prlimit", "--stack=131072"],
    "/dev": ["unshare", "--mount", "sh", "-c", AWAY.format("/dev"), "sh"],
    "/proc": ["unshare", "--mount", "sh", "-c", AWAY.format("/proc"), "sh"],
    "a /tmp to write to": ["unshare", "--mount", "sh", "-c", AWAY.format("-o ro /tmp"), "sh"],
}


# The messages that are made here.
letters: dict[str, str] = {}


def wim(place: Path) -> str:
    """A message with a WIM image of a program; where no 7z is, with the program itself."""
    (place / "a.dat").write_bytes(base64.b64decode(PE))
    packed = place / "a.wim"
    if seven := program():
        subprocess.run([seven, "a", "-twim", packed, place / "a.dat"], check=True, capture_output=True)
    octets = packed.read_bytes() if seven else (place / "a.dat").read_bytes()
    return ATTACHED.format(packed.name if seven else "a.dat", base64.encodebytes(octets).decode())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Policies and Python, not below /tmp, and with servers that always answer."""
    place = Path.home() / f".mailscan-means-{os.getpid()}"
    place.mkdir()

    def reply(query: dns.message.Message, over_tcp: bool) -> list[bytes]:
        question = query.question[0]
        response = dns.message.make_response(query)
        text = question.to_text()
        if text.startswith("7.100.51.198.l.test. IN A"):
            response.answer.append(dns.rrset.from_text(question.name, 60, "IN", "A", "127.0.0.2"))
        elif text.startswith("d.example. IN TXT"):
            response.answer.append(dns.rrset.from_text(question.name, 60, "IN", "TXT", '"v=spf1 -all"'))
        return [response.to_wire()]

    try:
        letters["attachments, 7z program"] = wim(place)
        with contextlib.ExitStack() as servers:
            port = servers.enter_context(scripted(reply))
            at = {name: servers.enter_context(serving(answer)).address for name, answer in SCANNERS.items()}
            for name, text in FILES.items():
                (place / name).write_text(text)
            for number, (rule, _) in enumerate(RULES.values()):
                rule = rule if rule.startswith("[[") else f"[[filter]]\n{rule}\n"
                for name, address in at.items():
                    rule = rule.replace(f"{{{name}}}", address)
                (place / str(number)).mkdir()
                for name in FILES:
                    (place / str(number) / name).write_text(FILES[name])
                policy(place / str(number), f'{QUIET}[outside]\nresolvers = "127.0.0.1:{port}"\n{rule}')
            yield place
    finally:
        shutil.rmtree(place)


def possible(taken: str) -> list[str]:
    """The words before a command that take something away from it; the test is skipped where that cannot be."""
    words = TAKEN[taken]
    if any(not shutil.which(one) for one in words[:1]):
        pytest.skip(f"there is no {words[0]}")
    if words[:1] == ["unshare"] and subprocess.run([*words, "true"], capture_output=True).returncode:
        pytest.skip("it takes root, and mounts of its own")
    if taken == "processes" and os.geteuid() == 0:
        # Root has no limit of processes.
        if not shutil.which("setpriv"):
            pytest.skip("it takes setpriv to be somebody else")
        may = "-all,+dac_read_search,+dac_override"
        return ["setpriv", "--reuid=65533", "--clear-groups", f"--inh-caps={may}", f"--ambient-caps={may}", *words]
    return words


def verdict(folder: Path, rule: str, words: list[str]) -> tuple[int, str]:
    chosen = folder / str(list(RULES).index(rule)) / "policy.toml"
    envelope = ["--client-ip", "198.51.100.7", "--sender", "joe@d.example", "--rcpt", "trap@x.example"]
    command = [*words, *START, "--policy", str(chosen), *envelope]
    letter = b"From: a@b.example\n" + letters.get(rule, RULES[rule][1]).encode()
    done = subprocess.run(command, input=letter, capture_output=True, env=ENVIRON | {"HOME": "/"}, timeout=90)
    return done.returncode, done.stderr.decode("utf-8", "replace").partition("\n")[0]


@pytest.mark.parametrize("taken", TAKEN)
def test_no_verdict_is_better_for_it(folder: Path, taken: str) -> None:
    words = possible(taken)
    wrong = []
    for rule in RULES:
        status, why = verdict(folder, rule, words)
        sys.stdout.write(f"{taken:30} {rule:24} 77 {status:4}  {why[:90]}\n")
        # A start that fails has a status of its own, which the installed command makes 75 (tests/test_start.py).
        if status == 0 or (taken == "nothing" and status != 77):
            wrong.append((rule, status, why))
    assert wrong == []
