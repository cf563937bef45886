"""The policy file: what is right is read as written, and every mistake is named with its place."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

import pytest

from mailscan.errors import PolicyError
from mailscan.filters import Filter
from mailscan.keys import options_of
from mailscan.policy import STARTER, filter_names, find_filter, find_policy, load_policy, starter_text
from mailscan.rule import Rule
from mailscan.starter import TABLES


def policy_file(folder: Path, text: str, mode: int = 0o644) -> str:
    path = folder / "policy.toml"
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return str(path)


RULE = '[[filter]]\nuse = "subject"\nprefixes = ["ADV:"]\naction = "reject"\n'


def test_what_is_right_raises_nothing(tmp_path: Path) -> None:
    (tmp_path / "traps.txt").write_text("# harvested\nold@example.com\n\nsales@example.com\n")
    policy = load_policy(
        policy_file(
            tmp_path,
            """
            [site]
            trusted = "192.0.2.0/24"
            trial = true
            [score]
            tag = 5
            reject = 12.0
            [limits]
            message_size = "10 MB"
            [log]
            to = "./log/mail"
            [[filter]]
            use = "spamtrap"
            name = "traps"
            addresses = ["file:traps.txt", "x@example.org"]
            action = "reject"
            code = "554 5.7.9"
            reply = "Two\\nlines"
            scope = "recipient"
            timeout = 3
            [[filter]]
            use = "subject"
            words = "viagra"
            score = 3
            when = { clients = ["2001:db8::/32"], authenticated = false, larger_than = "1 kB" }
            [[filter]]
            use = "subject"
            words = "casino"
            score = 2
            """,
        )
    )
    assert [rule.name for rule in policy.rules] == ["traps", "subject", "subject-2"]
    traps, words, _ = policy.rules
    assert (traps.code, traps.reply, traps.timeout, traps.on_error) == ("554 5.7.9", ("Two", "lines"), 3.0, "tempfail")
    assert (words.action, words.score) == ("score", 3.0)
    assert words.when is not None
    assert words.when.larger_than == 1000
    assert policy.limits.message_size == 10_000_000
    assert policy.log.to == str(tmp_path / "log/mail")
    assert policy.trial
    assert len(policy.digest) == 64


def test_the_starter_policy_is_the_same_in_both_spellings() -> None:
    assert tomllib.loads(starter_text()) == TABLES
    policy = load_policy(None)
    assert policy.source == STARTER
    assert [(rule.name, rule.action) for rule in policy.rules] == [
        ("match", "accept"),
        ("spamtrap", "reject"),
        ("subject", "reject"),
        ("attachments", "reject"),
    ]


def test_the_comments_of_the_starter_policy_are_right_too(tmp_path: Path) -> None:
    """Whoever takes a `# ` away must get a policy that works."""
    live = []
    for line in starter_text().splitlines():
        bare = line.removeprefix("# ")
        live.append(bare if bare.startswith("[") or " = " in bare.split("#")[0] else line)
    (tmp_path / "my_filters.py").write_text("def check(mail, outside):\n    return None\n")
    policy = load_policy(policy_file(tmp_path, "\n".join(live)))
    assert policy.trial
    assert len(policy.rules) == 9


MISTAKES = [
    ("filter = 3\n", "policy.toml: rules are written as [[filter]] tables"),
    ("[filter]\nuse = 'subject'\n", "[[filter]] tables, with two brackets"),
    ("[sight]\n", "line 1: unknown table 'sight'; did you mean 'site'?"),
    ("trial = true\n", "line 1: unknown key 'trial'"),
    ("[site]\ntrusted = ['10.0.0.0/99']\n", '[site] line 2: trusted: "10.0.0.0/99" is no network'),
    ("[site]\ntrusted = ['10.0.0.1/8']\n", "has host bits set"),
    ("[site]\ntrial = 'yes'\n", 'trial: true or false is wanted, not "yes"'),
    ("site = 3\n", "[site]: is a table"),
    ("[score]\nreject = 'high'\n", '[score] line 2: reject: a number is wanted, not "high"'),
    ("[score]\nreject = nan\n", "a number is wanted, not nan"),
    ("[score]\nreject = 0\n", "reject: more than 0 is wanted"),
    ("[score]\ntag = 9\nreject = 5\n", "tag is above reject"),
    ("[log]\nto = 'sylsog'\n", '"syslog", "stderr", "none" or a path'),
    ("[log]\nformat = 'xml'\n", 'format: one of logfmt, json is wanted, not "xml"'),
    ("[limits]\nmessage_size = 'big'\n", "message_size: a size is wanted"),
    ("[limits]\nmessage_size = -1\n", "message_size: a size is wanted"),
    ("[[filter]]\naction = 'reject'\n", "[[filter]] 1 line 1: needs `use`, the name of a filter"),
    ("[[filter]]\nuse = 3\n", "use: a string is wanted"),
    ("[[filter]]\nuse = 'subjekt'\n", "there is no filter 'subjekt'; did you mean 'subject'?"),
    ("[[filter]]\nuse = '__init__'\n", "there is no filter '__init__'"),
    ("[[filter]]\nuse = 'os.path'\n", "there is no filter 'os.path'"),
    ("[[filter]]\nuse = './nowhere.py'\n", "nowhere.py: No such file or directory"),
    (RULE + "prefix = 'x'\n", "(subject) line 5: unknown key 'prefix'; did you mean 'prefixes'?"),
    (
        RULE + "\n" + RULE + "acton = 'x'\n",
        "[[filter]] 2 (subject) line 10: unknown key 'acton'; did you mean 'action'?",
    ),
    ("[[filter]]\nuse = 'subject'\nprefixes = 3\naction='reject'\n", "prefixes: a list of strings is wanted, not 3"),
    ("[[filter]]\nuse = 'subject'\nprefixes = ['']\naction='reject'\n", "an empty string in a list matches nothing"),
    ("[[filter]]\nuse = 'subject'\nprefixes = 'file:no'\naction='reject'\n", "no: No such file or directory"),
    ("[[filter]]\nuse = 'subject'\npatterns = '('\naction='reject'\n", "patterns: "),
    ("[[filter]]\nuse = 'subject'\nprefixes = 'x'\n", "needs an `action` (accept, reject"),
    ("[[filter]]\nuse = 'subject'\nprefixes = 'x'\naction = 'refuse'\n", "action: one of accept, reject"),
    ("[[filter]]\nuse = 'subject'\nprefixes = 'x'\naction = 'score'\n", 'action = "score" needs a `score`'),
    ("[[filter]]\nuse = 'subject'\nprefixes = 'x'\nscore = 3\n", "neither `tag` nor `reject` says what the sum means"),
    (RULE + "code = '250 2.0.0'\n", "code: an SMTP code of 4yz or 5yz"),
    (RULE + "code = '550 4.7.1'\n", "code: an SMTP code of 4yz or 5yz"),
    (RULE + "code = '421'\n", "code: an SMTP code of 4yz or 5yz"),
    (RULE + "code = '451'\n", 'action = "reject" wants 5yz, not "451 4.7.1"'),
    (RULE + "reply = 'verdächtig'\n", "an SMTP reply is printable ASCII (RFC 5321 4.2); 'ä' is not"),
    (RULE + "reply = ''\n", "reply: 1 to 32 lines"),
    (RULE + "on_error = 'accept'\n", "on_error: one of tempfail, reject, ignore is wanted"),
    (RULE + "timeout = 0\n", "timeout: seconds are wanted, more than 0"),
    (RULE + "scope = 'recipient'\n", "needs a filter that judges recipients"),
    (RULE + "when = {}\n", "when: an empty `when` says nothing"),
    (RULE + "when = 'never'\n", "when: a table is wanted"),
    (RULE + "when = { client = '10.0.0.0/8' }\n", "when: unknown key 'client'; did you mean 'clients'?"),
    (RULE + "when = { clients = 'example.com' }\n", 'when: clients: "example.com" is no network'),
    (RULE + "when = { senders = '@' }\n", 'when: senders: "@" is no address'),
    ("[[filter]]\nuse='spamtrap'\naddresses='a@b.c'\naction='tag'\nscope='recipient'\n", 'goes with action = "reject"'),
    (RULE + "name = 'a'\n" + RULE + "name = 'a'\n", "two rules have the name 'a'"),
    ("[[filter]\n", "not valid TOML: "),
    ("a = 1\na = 2\n", "not valid TOML: "),
]


@pytest.mark.parametrize(("text", "said"), MISTAKES, ids=range(len(MISTAKES)))
def test_each_kind_of_mistake_is_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(PolicyError) as caught:
        load_policy(policy_file(tmp_path, text))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(str(tmp_path))


def test_every_mistake_is_listed(tmp_path: Path) -> None:
    with pytest.raises(PolicyError) as caught:
        load_policy(policy_file(tmp_path, "[site]\nx = 1\ny = 2\n[[filter]]\nuse = 'nothing'\n"))
    assert len(caught.value.problems) == 3
    assert str(caught.value).endswith("(and 2 more)")


def test_a_policy_that_others_may_write_is_refused(tmp_path: Path) -> None:
    path = policy_file(tmp_path, RULE)
    assert len(load_policy(path).rules) == 1
    (tmp_path / "policy.toml").chmod(0o646)
    with pytest.raises(PolicyError, match="anyone may write to it"):
        load_policy(path)


def test_a_list_that_others_may_write_is_refused(tmp_path: Path) -> None:
    friends = tmp_path / "friends.txt"
    friends.write_text("joe@example.org\n")
    rule = "[[filter]]\nuse = 'match'\nsenders = 'file:friends.txt'\naction = 'accept'\n"
    assert len(load_policy(policy_file(tmp_path, rule)).rules) == 1
    friends.chmod(0o666)
    with pytest.raises(PolicyError, match=r"senders: .*friends\.txt: anyone may write to it"):
        load_policy(policy_file(tmp_path, rule))


@pytest.mark.needs("root")
def test_root_takes_only_its_own_policy_and_python(tmp_path: Path) -> None:
    path = policy_file(tmp_path, "[[filter]]\nuse = './own.py'\n")
    own = tmp_path / "own.py"
    own.write_text("def check(mail, outside):\n    return None\n")
    assert load_policy(path).rules[0].name == "own"
    os.chown(own, 12345, 0)
    with pytest.raises(PolicyError, match="belongs to uid 12345"):
        load_policy(path)
    os.chown(own, 0, 0)
    os.chown(path, 12345, 0)
    with pytest.raises(PolicyError, match="belongs to uid 12345"):
        load_policy(path)


def test_what_is_no_text_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="is a directory; a file is wanted"):
        load_policy(str(tmp_path))
    with pytest.raises(PolicyError, match="No such file"):
        load_policy(str(tmp_path / "no.toml"))
    with pytest.raises(PolicyError, match="null byte"):
        load_policy("a\0b")
    with pytest.raises(PolicyError, match="is a device or socket"):
        load_policy("/dev/null")
    latin = tmp_path / "latin.toml"
    latin.write_bytes(b"# \xe4\n")
    with pytest.raises(PolicyError, match=r"not UTF-8 \(octet 2\)"):
        load_policy(str(latin))
    deep = tmp_path / "deep.toml"
    deep.write_text("a = " + "[" * 100_000)
    with pytest.raises(PolicyError, match="not valid TOML"):
        load_policy(str(deep))


def test_only_a_default_path_that_is_not_there_is_passed_over(tmp_path: Path) -> None:
    assert find_policy("/named", {"MAILSCAN_POLICY": "/env"}, 1000) == "/named"
    assert find_policy(None, {"MAILSCAN_POLICY": "/env/that/is/not"}, 1000) == "/env/that/is/not"
    (tmp_path / "mailscan").mkdir()
    assert find_policy(None, {"XDG_CONFIG_HOME": str(tmp_path)}, 1000) != str(tmp_path / "mailscan/policy.toml")
    mine = tmp_path / "mailscan" / "policy.toml"
    mine.write_text(RULE)
    assert find_policy(None, {"XDG_CONFIG_HOME": str(tmp_path)}, 1000) == str(mine)
    assert find_policy(None, {"XDG_CONFIG_HOME": str(tmp_path)}, 0) != str(mine), "never for uid 0"
    home = tmp_path / "home"
    (home / ".config/mailscan").mkdir(parents=True)
    (home / ".config/mailscan/policy.toml").write_text(RULE)
    assert find_policy(None, {"HOME": str(home)}, 1000) == str(home / ".config/mailscan/policy.toml")
    assert find_policy(None, {}, 1000) in (None, "/etc/mailscan/policy.toml")


@pytest.mark.parametrize("name", filter_names())
def test_no_filter_takes_a_key_of_the_rule(name: str) -> None:
    kind = find_filter(name)
    assert issubclass(kind, Filter)
    assert not set(options_of(kind)) & set(options_of(Rule))
    assert (kind.__doc__ or "").strip(), "a filter says what it is for"
    for key, one in options_of(kind).items():
        assert one.doc, key
        assert one.read.__doc__, key
