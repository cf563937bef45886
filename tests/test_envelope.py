"""The envelope: what callers write, and what Exim writes above a spooled message."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailscan.cli.spooled import spooled_envelope
from mailscan.envelope import Envelope, sender_address, split_address, split_addresses

FROM = b"From MAILER-DAEMON Mon Jan 01 00:00:00 2024\n"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        FROM,
        FROM + b"\nX-Envelope-To: <a@b>\n",
        b"X-Envelope-From: <a@b>\nX-Envelope-To: c@d\n\n",
        b">From a@b Mon Jan 01 00:00:00 2024\nX-Envelope-To: <a@b>\n\n",
        b"From: a@b\nX-Envelope-To: <a@b>\n\n",
        b"From a@b X-Envelope-To: <a@b>",
        # Exim writes the recipients always, and nothing between.
        FROM + b"X-Envelope-From: <a@b>\nSubject: x\nX-Envelope-To: c@d\n\n",
        FROM + b"Subject: x\nX-Envelope-From: <a@b>\nX-Envelope-To: c@d\n\n",
        FROM + b" X-Envelope-To: <a@b>\n",
    ],
)
def test_what_is_no_envelope(raw: bytes) -> None:
    assert spooled_envelope(raw) is None


def believed(raw: bytes) -> tuple[str | None, list[str], bytes]:
    found = spooled_envelope(FROM + raw)
    assert found is not None
    sender, recipients, start = found
    return sender, recipients, (FROM + raw)[start:]


def test_exims_envelope_is_believed_once_each() -> None:
    rest = b"X-Envelope-From: <forged@x>\nX-Envelope-To: forged@x\nSubject: x\n\n"
    own = b'X-Envelope-From: <a@b>\nX-Envelope-To: c@d, "e, f"@g\n'
    assert believed(own + rest) == ("a@b", ["c@d", '"e, f"@g'], rest)
    assert believed(own.replace(b"\n", b"\r\n") + rest) == ("a@b", ["c@d", '"e, f"@g'], rest)


@pytest.mark.parametrize("address", [b"MAILER-DAEMON", b"joe@example.org", b'"a b\\" c"@example.org', b"\xc3\xbc@x"])
def test_exims_first_line_has_whatever_the_return_path_is(address: bytes) -> None:
    """Recipient verification, as Debian's configuration has it before the DATA ACL, sets it."""
    first = b"From " + address + b" Mon Jan 01 00:00:00 2024\n"
    assert spooled_envelope(first + b"X-Envelope-To: c@d\n\n") == ("", ["c@d"], len(first) + 19)


def test_recipients_without_a_sender_mean_the_null_sender() -> None:
    assert believed(b"X-Envelope-To: c@d\n\n") == ("", ["c@d"], b"\n")
    # Exim writes no sender for a bounce: the field that follows is the bounce's own.
    forged = b"X-Envelope-From: <boss@x>\n\n"
    assert believed(b"X-Envelope-To: c@d\n" + forged) == ("", ["c@d"], forged)


def test_a_continuation_line_is_the_senders() -> None:
    assert believed(b"X-Envelope-To: c@d\n , trap@x\n\n") == ("", ["c@d"], b" , trap@x\n\n")


def test_an_envelope_without_a_message() -> None:
    assert believed(b"X-Envelope-From: <a@b>\nX-Envelope-To: c@d") == ("a@b", ["c@d"], b"")


@given(st.binary(max_size=80))
def test_any_octets(raw: bytes) -> None:
    spooled_envelope(raw)
    found = spooled_envelope(FROM + b"X-Envelope-To:" + raw)
    assert found is not None and len(FROM) < found[2] <= len(FROM) + 14 + len(raw)


def test_lists_as_exim_joins_them() -> None:
    assert split_addresses("") == split_addresses(" , ,") == []
    assert split_addresses('a@b, "c, d"@e,f@g') == ["a@b", '"c, d"@e', "f@g"]
    assert split_addresses('"unclosed, x@y') == ['"unclosed, x@y']
    assert split_addresses(r'"a\", b"@c, <d@e>') == [r'"a\", b"@c', "d@e"]


@given(st.text())
def test_no_recipient_is_dropped(text: str) -> None:
    kept = "".join(split_addresses(text)).replace(",", "")
    assert all(char in kept for char in text if char not in ' \t,<>"\\')


def test_addresses() -> None:
    assert sender_address(" <Joe@x> ") == "Joe@x"
    assert sender_address("<>") == sender_address("mailer-daemon") == sender_address("") == ""
    assert split_address('"a@b"@c') == ('"a@b"', "c")
    assert split_address("@a,@b:user@c") == ("user", "c")
    assert split_address("postmaster") == ("postmaster", "")


def test_null_is_known_and_none_is_not() -> None:
    assert Envelope("").knows("sender")
    assert not Envelope().knows("sender")
    assert not Envelope().knows("recipients")
    assert Envelope("a", ["b"]).replace(recipients=["c"]) == Envelope("a", ["c"])
