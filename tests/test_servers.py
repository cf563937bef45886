"""Where servers listen, as a policy writes it, and which of several is believed."""

from __future__ import annotations

import time

import pytest
from asking import serving

from mailscan.errors import FilterError
from mailscan.outside import Outside
from mailscan.servers import first_of, host_of, server, servers


@pytest.mark.parametrize(
    "address",
    [
        "", "localhost", ":783", "127.0.0.1", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:x", "::1:783",
        "[::1]", "[]:783", "a b:783", "unix:", "unix:socket", "unix:/" + "x" * 200, "/run/socket", "127.0.0.1:7 83",
        "host:\u0661", "a/b:783", "unix:/a\0b",
    ],
)  # fmt: skip
def test_what_is_no_address(address: str) -> None:
    with pytest.raises(ValueError, match="unix:/path"):
        server(address)


def test_addresses() -> None:
    written = ["127.0.0.1:783", "[::1]:783", "spamd.example.com:783", "unix:/run/clamav/clamd.ctl"]
    assert servers(written, "/") == tuple(written)
    assert servers("localhost:1", "/") == ("localhost:1",)
    assert [host_of(one) for one in written] == ["127.0.0.1", "[::1]", "spamd.example.com", "localhost"]


def test_the_first_that_answers_is_believed_and_all_that_was_wrong_is_said() -> None:
    def read(octets: bytes) -> bytes:
        if octets == b"bad":
            raise FilterError("it is bad")
        return octets

    def ask(*addresses: str) -> bytes:
        outside = Outside(time.monotonic() + 5)
        return first_of(addresses, outside, lambda _: [b"?"], read, most=10, whole=lambda _: False)

    with serving(b"bad") as bad, serving(b"good") as good, serving(b"better") as better:
        assert ask("127.0.0.1:1", bad.address, good.address, better.address) == b"good"
        assert (len(bad.asked), len(good.asked), better.asked) == (1, 1, [])
        with pytest.raises(FilterError) as wrong:
            ask("127.0.0.1:1", bad.address)
        assert str(wrong.value) == f"127.0.0.1:1: Connection refused; {bad.address}: it is bad"
