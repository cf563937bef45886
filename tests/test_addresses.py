"""The notation for addresses and domains: what it must not mean, what it means, what it refuses."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailscan.addresses import AddressList, AddressPattern, addresses, domains, local_parts, normal_domain, normal_local

NOT_MEANT = [
    ("user@example.com", "users@example.com"),
    ("user@example.com", "user@example.com.evil.test"),
    ("user@example.com", "user@sub.example.com"),
    ("user@example.com", "user"),
    ("user@example.com", '"user@example.com"@evil.test'),
    ("user@example.com", "user-tag@example.com"),
    ("user+tag@example.com", "user@example.com"),
    ("user+tag@example.com", "user+other@example.com"),
    ("postmaster", "postmaster2@example.com"),
    ("postmaster", "joe@postmaster"),
    ("@example.com", "joe@badexample.com"),
    ("@example.com", "joe@sub.example.com"),
    ("@.example.com", "joe@example.com"),
    ("@.example.com", "joe@badexample.com"),
    ("spam-*@example.com", "spam@example.com"),
    ("a*a@example.com", "a@example.com"),
    ("@*.example.com", "joe@example.com"),
    ("@*.example.com", "joe@x.example.com.evil.test"),
    ("<>", "joe@example.com"),
    ("<>", '""@example.com'),
    ("*", ""),
    ("@straße.example", "joe@strasse.example"),
    ("joe", "+joe@example.com"),
]
MEANT = [
    ("user@example.com", "USER@Example.COM"),
    ("USER@EXAMPLE.COM", "user@example.com"),
    ("user@example.com", "user@example.com."),
    ("user@example.com", '"user"@example.com'),
    ("user@example.com", '"us\\er"@example.com'),
    ('"user"@example.com', "user@example.com"),
    ("<user@example.com>", "user@example.com"),
    ("user@example.com", "user+tag@example.com"),
    ("user@example.com", '"user+tag"@example.com'),
    ("user@example.com", "@relay.test,@other.test:user@example.com"),
    ("user+tag@example.com", "User+TAG@example.com"),
    ('"john smith"@example.com', '"John Smith"@example.com'),
    ("postmaster", "Postmaster"),
    ("postmaster", "postmaster@any.test"),
    ("@example.com", "joe@example.com"),
    ("@.example.com", "joe@a.b.example.com"),
    ("user@.example.com", "user@a.example.com"),
    ("spam-*@example.com", "spam-2024@example.com"),
    ("spam-*", "SPAM-x+tag@any.test"),
    ("*-spam-*@example.com", "a-spam-spam-b@example.com"),
    ("@*.example.com", "joe@x.y.example.com"),
    ("@.ex*.com", "joe@a.example.com"),
    ("*", "anyone@any.test"),
    ("<>", ""),
    ("@bücher.example", "joe@xn--bcher-kva.example"),
    ("@xn--bcher-kva.example", "joe@BÜCHER.example"),
    ("@bücher.example", "joe@bu\u0308cher。example"),
    ("@straße.example", "joe@xn--strae-oqa.example"),
    ("müller@example.com", "MU\u0308LLER@example.com"),
    ("joe@[IPv6:2001:db8::1]", "joe@[ipv6:2001:DB8::1]"),
    ("@[IPv6:2001:db8::1]", "joe@[IPv6:2001:db8::1]"),
]


@pytest.mark.parametrize(("pattern", "address"), NOT_MEANT)
def test_other_addresses_are_not_meant(pattern: str, address: str) -> None:
    assert not AddressPattern(pattern).matches(address)
    assert AddressList([AddressPattern(pattern)]).find(address) is None


@pytest.mark.parametrize(("pattern", "address"), MEANT)
def test_spellings_of_an_address_are_meant(pattern: str, address: str) -> None:
    one = AddressPattern(pattern)
    assert one.matches(address)
    assert AddressList([AddressPattern("nobody@else.test"), one]).find(address) is one


@pytest.mark.parametrize(
    "text",
    [
        "@", "user@", "user@.", "@.", ".example.com", "joe smith@example.com", "joe@exa mple.com",
        "joe@example.com, jane@example.com", '"joe@example.com', "@bü*cher.example",
        '""', '""@example.com',
    ],
)  # fmt: skip
def test_a_pattern_that_could_never_match_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        AddressPattern(text)
    with pytest.raises(ValueError):
        addresses([text], "")


@pytest.mark.parametrize("text", ["@example.com", "joe@example.com", ".", "a b"])
def test_a_domain_is_no_address(text: str) -> None:
    with pytest.raises(ValueError, match="no domain"):
        domains(text, "")


@pytest.mark.parametrize("text", ["joe@example.com", "@example.com", "<>"])
def test_a_local_part_is_no_address(text: str) -> None:
    with pytest.raises(ValueError, match="no local part"):
        local_parts(text, "")


def test_domains_alone() -> None:
    listed = domains(["mail.example.com", ".example.org", "*dynamic*"], "")
    for name in ("example.com", "xmail.example.com", "mail.example.com.evil.test", "example.org", "", "."):
        assert listed.find_domain(name) is None, name
    for name in ("MAIL.example.com.", "a.b.example.org", "host-1.dynamic.isp.test"):
        assert listed.find_domain(name) is not None, name
    # A HELO argument may be anything, and an address literal is no source route.
    assert domains("[IPv6:2001:db8::1]", "").find_domain("[IPv6:2001:DB8::1]")


def test_the_closest_pattern_is_named() -> None:
    listed = addresses(["*", "@example.com", "joe", "joe@example.com"], "")
    assert [one.text for a in ("joe@example.com", "joe@x.test", "ann@example.com", "ann@x.test")
            if (one := listed.find(a))] == ["joe@example.com", "joe", "@example.com", "*"]  # fmt: skip


def test_a_list_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "traps.txt").write_text("# ours\n\nspam@example.com\n@bücher.example\n", encoding="utf-8")
    listed = addresses(["file:traps.txt", "joe"], str(tmp_path))
    assert [one.text for one in listed] == ["spam@example.com", "@bücher.example", "joe"]
    (tmp_path / "empty.txt").write_text("# none yet\n", encoding="utf-8")
    assert addresses("file:empty.txt", str(tmp_path)).find("joe@example.com") is None


@given(st.text(), st.sampled_from([pattern for pattern, _ in NOT_MEANT + MEANT]))
def test_any_address_is_judged_and_alike_by_list_and_pattern(address: str, pattern: str) -> None:
    one = AddressPattern(pattern)
    assert one.matches(address) == (AddressList([one]).find(address) is not None)


@given(st.text(alphabet=st.characters()))
def test_any_domain_and_local_part_have_a_form_to_compare(text: str) -> None:
    assert normal_domain(normal_domain(text)) == normal_domain(text)
    normal_local(text)


@pytest.mark.parametrize(
    "address",
    ["a" * 1_000_000, "ü" * 1_000_000 + "@x", "x@" + "ü" * 1_000_000, "x@" + "a." * 500_000, "x@" + "ü." * 300_000,
     "\u0301\u0323" * 500_000 + "@x", "x@" + "\u0301\u0323" * 500_000, "a@" + "\u0344\u0323" * 500,
     '"' + "\\a" * 500_000 + '"@x', "+" * 1_000_000, "x@" + "".join(map(chr, range(0x4E00, 0x9000)))],
)  # fmt: skip
def test_hostile_lengths_take_no_time(address: str) -> None:
    listed = addresses(["a*a*a*a*a*a*b@x", "@*a*a*a*a*b", "joe@example.com", "@.example.com"], "")
    began = time.process_time()
    assert listed.find(address) is None
    assert time.process_time() - began < 5


def test_a_long_list_costs_what_a_short_one_does() -> None:
    listed = AddressList(AddressPattern(f"user{n}@example{n}.test") for n in range(20_000))
    listed.find("")
    began = time.process_time()
    for _ in range(1000):
        assert listed.find("user19999@example19999.test")
        assert not listed.find("nobody@example.test")
    assert time.process_time() - began < 1
