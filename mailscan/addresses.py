"""One notation for mail addresses and domains wherever a policy names them, and how they are compared.

    user@example.com      that address                  postmaster       that local part, in any domain
    @example.com          every address of the domain   @.example.com    of its subdomains, not of itself
    spam-*@example.com    `*` is any text, anywhere     <>               the null sender

A domain or a host alone is written `example.com`, its subdomains `.example.com`.

Local parts and domains compare without regard to case (RFC 5321 2.4 lets a site decide; mail servers do), local
parts without the quotes that change nothing (`"user"@example.com`, RFC 5321 4.1.2). A domain compares in its ASCII
form (RFC 5890), so `bücher.example` and `xn--bcher-kva.example` are one. `user+tag` is also `user` (RFC 5233), but a
pattern that itself has a tag means that tag alone.
"""

from __future__ import annotations

from mailscan.envelope import bare_address, split_address, split_addresses
from mailscan.keys import texts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    Key = tuple[str, str]

# A domain has at most 127 labels (RFC 1035 2.3.4): the parents of a longer text need no looking at.
_LABELS = 127
# What is longer is neither a domain nor a local part (RFC 5321 4.5.3.1), and `normalize` takes the square of it.
_LONGEST = 1000


def normal_domain(domain: str) -> str:
    """A domain for comparison: lower case, no final dot, A-labels (RFC 5890). Takes any text.

    Not the `idna` codec: it knows IDNA 2003 only, where `straße.example` is another name than today's, and fails on
    what is no host name. Mapped as in UTS 46 (lower case, NFKC, the ideographic full stop), nothing is checked. One of
    more than 1,000 characters is only put in lower case.
    """
    domain = domain.rstrip(".").lower()
    if domain.isascii() or len(domain) > _LONGEST:
        return domain
    from unicodedata import normalize

    mapped = normalize("NFKC", normalize("NFKC", domain).lower()).replace("\u3002", ".").rstrip(".")
    return ".".join(map(_a_label, mapped.split(".")))


def _a_label(label: str) -> str:
    # A longer label is none (RFC 1035 2.3.4), and the codec's time grows with the square of the length.
    if label.isascii() or len(label) > 63:
        return label
    return "xn--" + label.encode("punycode").decode("ascii")


def normal_local(local: str) -> str:
    """A local part for comparison: without the quotes that change nothing (RFC 5321 4.1.2), case folded, NFC.

    One of more than 1,000 characters, which no real one has, only in lower case.
    """
    if len(local) > 1 and local[0] == local[-1] == '"':
        local = local[1:-1]
        if "\\" in local:
            local = "".join(_unescaped(local))
    if local.isascii() or len(local) > _LONGEST:
        return local.lower()
    from unicodedata import normalize

    return normalize("NFC", normalize("NFC", local).casefold())


def _unescaped(text: str) -> Iterator[str]:
    escaped = False
    for char in text:
        if char != "\\" or escaped:
            yield char
            escaped = False
        else:
            escaped = True


def _read(address: str) -> tuple[list[str], str]:
    """The local part, and if it has a tag (RFC 5233) what it is without; the domain. All for comparison."""
    local, domain = split_address(address)
    local = normal_local(local)
    local_forms = [local, local[0] + local[1:].partition("+")[0]] if "+" in local[1:] else [local]
    return local_forms, normal_domain(domain)


def _keys(local_forms: Iterable[str], domain: str) -> list[Key]:
    """Every (local part, domain) by which a pattern without `*` can mean this address, the closest first.

    An empty one stands for any, a domain ".b.c" for its subdomains.
    """
    domain_forms = [""]
    if domain:
        labels = domain.rsplit(".", _LABELS)
        domain_forms = [domain, *("." + ".".join(labels[at:]) for at in range(1, len(labels))), ""]
    return [(one, other) for one in (*local_forms, "") for other in domain_forms if one or other]


_NULL_SENDER: Key = ("", "")


def _glob(pattern: str, text: str) -> bool:
    """Whether the text is the pattern, `*` being any text; in linear time, which `.*` does not promise."""
    first, star, rest = pattern.partition("*")
    if not star:
        return text == pattern
    *middle, last = rest.split("*")
    at, end = len(first), len(text) - len(last)
    if at > end or not text.startswith(first) or not text.endswith(last):
        return False
    for piece in middle:
        found = text.find(piece, at, end)
        if found < 0:
            return False
        at = found + len(piece)
    return True


class AddressPattern:
    """One pattern of the notation above. `AddressPattern("@example.com").matches("joe@EXAMPLE.com")`.

    Raises `ValueError` for a text that could never match.
    """

    __slots__ = ("text", "key", "has_star")

    def __init__(self, text: str) -> None:
        self.text = text
        bare = bare_address(text)
        # "@[IPv6:…]" is no source route.
        local, domain = split_address(bare) if "@" in bare[1:] or "@" not in bare else ("", bare[1:])
        if bare and not _sound(bare, local, domain):
            raise ValueError(f'"{text}" is no address: one as user@example.com, user or @example.com is wanted')
        self.key: Key = (normal_local(local), _pattern_domain(domain))
        self.has_star = "*" in self.key[0] or "*" in self.key[1]

    def matches(self, address: str) -> bool:
        """Whether an envelope address (without angle brackets; "" is the null sender) is meant."""
        if not address or self.key == _NULL_SENDER:
            return not address and self.key == _NULL_SENDER
        local_forms, domain = _read(address)
        return self._holds(local_forms, domain) if self.has_star else self.key in _keys(local_forms, domain)

    def _holds(self, local_forms: Iterable[str], domain: str) -> bool:
        local_pattern, domain_pattern = self.key
        if domain_pattern.startswith("."):
            domain_pattern = "*" + domain_pattern
        return (not domain_pattern or _glob(domain_pattern, domain)) and (
            not local_pattern or any(_glob(local_pattern, local) for local in local_forms)
        )

    def __repr__(self) -> str:
        return f"AddressPattern({self.text!r})"


class AddressList(tuple[AddressPattern, ...]):
    """Patterns of which one is to match; a long list costs no more than a short one, but for those with `*`."""

    _exact: dict[Key, AddressPattern] | None = None
    _starred: list[AddressPattern]

    def find(self, address: str) -> AddressPattern | None:
        """The pattern that means this envelope address ("" is the null sender), or None."""
        return self._find(*_read(address)) if address else self._index().get(_NULL_SENDER)

    def find_domain(self, domain: str) -> AddressPattern | None:
        """The pattern that means every address of this domain or host, or None."""
        return self._find([], normal_domain(domain))

    def _find(self, local_forms: list[str], domain: str) -> AddressPattern | None:
        exact = self._index()
        for key in _keys(local_forms, domain):
            if key in exact:
                return exact[key]
        return next((one for one in self._starred if one._holds(local_forms, domain)), None)

    def _index(self) -> dict[Key, AddressPattern]:
        if self._exact is None:
            self._exact = {one.key: one for one in reversed(self) if not one.has_star}
            self._starred = [one for one in self if one.has_star]
        return self._exact


def addresses(value: object, folder: str) -> AddressList:
    """a list of addresses: "user@example.com", "user", "@example.com", "@.example.com", "<>"; `*` is any text"""
    return AddressList(map(AddressPattern, texts(value, folder)))


def domains(value: object, folder: str) -> AddressList:
    """a list of domains or host names: "example.com", ".example.com" for its subdomains, `*` in them"""
    return AddressList(map(_domain_alone, texts(value, folder)))


def local_parts(value: object, folder: str) -> AddressList:
    """a list of local parts: "spamtrap", `*` in them"""
    return AddressList(map(_local_part_alone, texts(value, folder)))


def _domain_alone(text: str) -> AddressPattern:
    if "@" in text or not _sound("@" + text.strip(), "", text.strip()):
        raise ValueError(f'"{text}" is no domain: one as example.com, or .example.com for its subdomains, is wanted')
    return AddressPattern("@" + text.strip())


def _local_part_alone(text: str) -> AddressPattern:
    pattern = AddressPattern(text)
    if pattern.key[1] or not pattern.key[0]:
        raise ValueError(f'"{text}" is no local part: what stands before the @ is wanted')
    return pattern


def _sound(bare: str, local: str, domain: str) -> bool:
    """Whether a pattern can match any address at all: a slip of the pen must not become a list that never does."""
    if "@" in bare and not domain.strip("."):
        return False
    quoted = len(local) > 1 and local[0] == local[-1] == '"'
    unquoted = domain if quoted else bare
    if local == '""' or unquoted.split() not in ([], [unquoted]) or len(split_addresses(bare)) != 1:
        return False
    return quoted or not local.startswith((".", '"'))


def _pattern_domain(domain: str) -> str:
    """A domain of a pattern for comparison; one that begins with a dot keeps it."""
    if "*" in domain and not domain.isascii():
        raise ValueError(f'"{domain}": beside `*`, write the domain in ASCII (xn--…), as it compares')
    under = "." if domain.startswith(".") else ""
    return under + normal_domain(domain[len(under) :])
