"""The command line of `scan`: the pipe's reader and click read the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mailscan.cli import asked_for
from mailscan.cli.commands import scan_command, values_of
from mailscan.cli.options import SCAN_OPTIONS, Request, read
from mailscan.errors import UsageError

if TYPE_CHECKING:
    from mailscan.cli.options import Values

NAMES = [option.name for option in SCAN_OPTIONS]
WORTH = ["", "-", "--", "x", "text", "kv", "json", "message", "<>", "a@b.test, c@d.test", "=", "a=b", "ü\udcff"]
WORDS = st.one_of(
    st.sampled_from(NAMES),
    st.sampled_from(WORTH),
    st.builds("{}={}".format, st.sampled_from(NAMES), st.sampled_from(WORTH)),
    st.sampled_from(["--help", "-h", "--rcp", "--client", "-x", "--no-such", "--no-such=1", "--Sender", "---", "--=x"]),
    st.text(max_size=4),
)


def by_click(args: list[str]) -> Values | None:
    try:
        return values_of(scan_command.make_context("scan", list(args)))
    except (click.UsageError, click.exceptions.Exit):
        return None


def by_reader(args: list[str]) -> Values | None:
    values, wrong = read(args)
    return None if wrong else values


@settings(max_examples=1500, deadline=None)
@given(st.lists(WORDS, max_size=7))
@example(["--sender", "--rcpt"])
@example(["--format", "xml", "--format", "kv"])
@example(["--soft-exit=1"])
@example(["--"])
@example(["--", "x"])
@example(["--sender="])
def test_both_readers_agree(args: list[str]) -> None:
    assert by_reader(args) == by_click(args)


@settings(max_examples=1000, deadline=None)
@given(st.lists(WORDS, max_size=7))
def test_the_format_is_known_before_the_options_are(args: list[str]) -> None:
    values = by_reader(args)
    if values is not None:
        form = str(values["format"])
        assert asked_for(args) == (form, bool(values["soft_exit"]) and form != "message")


def test_what_a_sender_wrote_is_never_an_option() -> None:
    values, wrong = read(["--sender", "--format=json", "--helo", "--soft-exit", "--rcpt", "--policy"])
    assert not wrong
    assert (values["sender"], values["helo"], values["rcpt"]) == ("--format=json", "--soft-exit", ["--policy"])
    assert (values["format"], values["soft_exit"], values["policy"]) == ("text", False, None)
    assert asked_for(["--sender", "--format=json", "--nonsense", "--soft-exit"]) == ("text", False)


def request(*args: str) -> Request:
    values, wrong = read(args)
    assert not wrong
    return Request(values)


def test_what_is_not_known() -> None:
    for nothing in ("", "unknown", " "):
        options = ("--rcpt", "--client-ip", "--client-name", "--helo", "--auth-user")
        envelope = request(*(word for option in options for word in (option, nothing))).envelope
        assert envelope.recipients == ()
        assert (envelope.client_ip, envelope.client_name, envelope.helo, envelope.auth_user) == (None,) * 4
    assert request().envelope.sender is None


@pytest.mark.parametrize("text", ["", "<>", "MAILER-DAEMON", "mailer-daemon", "<MAILER-DAEMON>"])
def test_the_null_sender_is_known(text: str) -> None:
    assert request("--sender", text).envelope.sender == ""


def test_recipients_as_exim_writes_them() -> None:
    envelope = request("--rcpt", 'x@a.test, "a, b"@a.test', "--rcpt", "<c@d.test>").envelope
    assert envelope.recipients == ("x@a.test", '"a, b"@a.test', "c@d.test")


def test_the_client_address_is_canonical() -> None:
    assert request("--client-ip", "::ffff:192.0.2.1").envelope.client_ip == "192.0.2.1"
    assert request("--client-ip", "2001:DB8:0::1").envelope.client_ip == "2001:db8::1"


def test_other_facts() -> None:
    assert request("--info", "a=b=c", "--info", "d=", "--info", "a=e").envelope.info == {"a": "e", "d": ""}


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--client-ip", "nonsense"], '--client-ip: "nonsense" is no IP address'),
        (["--info", "x"], "--info wants NAME=VALUE"),
        (["--info", "=x"], "--info wants NAME=VALUE"),
        (["--timeout", "soon"], "--timeout wants seconds"),
        (["--timeout", "0"], "--timeout wants seconds"),
        (["--timeout", "nan"], "--timeout wants seconds"),
        (["--timeout", "inf"], "--timeout wants seconds"),
        (["--timeout", ""], "--timeout wants seconds"),
        (["--file", ""], "--file needs the path"),
        (["--policy", ""], "--policy needs the path"),
        (["--soft-exit", "--format", "message"], "--soft-exit would hide"),
        (["--explain", "--format", "kv"], "--explain writes to standard error"),
    ],
)
def test_values_that_cannot_be_used(args: list[str], words: str) -> None:
    with pytest.raises(UsageError, match="^" + words.replace("(", r"\(")):
        request(*args)
