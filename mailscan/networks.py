"""IP addresses and networks as the policy and the envelope write them.

`ipaddress` is imported when an address is at hand: a pipe without one does not pay for it.
"""

from __future__ import annotations

from mailscan.keys import many

_PRIVATE: tuple[str, ...] = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "fc00::/7", "fe80::/10")

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from ipaddress import IPv4Network, IPv6Network

    Network = IPv4Network | IPv6Network


# Those of _PRIVATE, once they were wanted.
_private: list[Network] = []


def canonical_ip(text: str) -> str:
    """The address in its canonical spelling; an IPv4-mapped IPv6 address (RFC 4291 2.5.5.2) as IPv4.

    `[V6]` and `IPv6:V6` (RFC 5321 4.1.3) are taken; a zone id is left out. Raises `ValueError`.
    """
    import ipaddress

    bare = text.strip().removeprefix("[").removesuffix("]")
    if bare[:5].lower() == "ipv6:":
        bare = bare[5:]
    address = ipaddress.ip_address(bare.partition("%")[0])
    if address.version == 6 and address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(address)


def network(text: str) -> Network:
    """A network ("192.0.2.0/24", "2001:db8::/32") or a single address. Raises `ValueError`."""
    import ipaddress

    try:
        return ipaddress.ip_network(text.strip())
    except ValueError as error:
        raise ValueError(f'"{text}" is no network: one as "192.0.2.0/24" or an address is wanted ({error})') from None


networks = many(network, 'a list of networks or addresses, as "192.0.2.0/24"')


def is_ours(ip: str, trusted: Iterable[Network]) -> bool:
    """Whether a canonical address is a client of our own: loopback, private (RFC 1918, RFC 4193), or trusted."""
    import ipaddress

    if not _private:
        _private.extend(map(network, _PRIVATE))
    address = ipaddress.ip_address(ip)
    return address.is_loopback or any(address in one for one in (*_private, *trusted))


def inside(ip: str, members: Iterable[Network]) -> bool:
    """Whether a canonical address lies in one of the networks."""
    import ipaddress

    address = ipaddress.ip_address(ip)
    return any(address in one for one in members)
