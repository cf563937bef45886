"""One notation for mail addresses wherever a policy names them, and how it is compared.

    user@example.com      that address                  postmaster       that local part, in any domain
    @example.com          every address of the domain   @.example.com    of its subdomains
    spam-*@example.com    `*` is any text               <>               the null sender

Local parts and domains compare without regard to case (RFC 5321 2.4 lets a site decide; mail servers do). A domain
compares in its ASCII form (RFC 5890), so `bücher.example` and `xn--bcher-kva.example` are one. `user+tag` is also
`user` (RFC 5233), but a pattern that itself has the tag means that tag alone.
"""

from __future__ import annotations

from mailscan.envelope import split_address
from mailscan.keys import many

TYPE_CHECKING = False
if TYPE_CHECKING:
    from re import Pattern


def normal_domain(domain: str) -> str:
    """A domain for comparison: lower case, no final dot, A-labels where IDNA can make them."""
    domain = domain.rstrip(".").lower()
    if domain.isascii():
        return domain
    try:
        return domain.encode("idna").decode("ascii")
    except UnicodeError:
        return domain.casefold()


def normal_local(local: str) -> str:
    """A local part for comparison: without the quotes that change nothing (RFC 5321 4.1.2), case folded, NFC."""
    if len(local) > 1 and local[0] == local[-1] == '"':
        inner = local[1:-1]
        if "\\" in inner:
            import re

            inner = re.sub(r"\\(.)", r"\1", inner, flags=re.DOTALL)
        local = inner
    if local.isascii():
        return local.lower()
    import unicodedata

    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", local).casefold())


class AddressPattern:
    """One pattern of the notation above. `AddressPattern("@example.com").matches("joe@EXAMPLE.com")`."""

    __slots__ = ("text", "_local", "_domain", "_under", "_glob", "_null")

    def __init__(self, text: str) -> None:
        self.text = text
        bare = text.strip()
        self._null = bare in ("<>", "")
        if "@" in bare:
            local, domain = split_address(bare) if not bare.startswith("@") else ("", bare[1:])
        else:
            local, domain = bare, ""
        if not self._null and not local and not domain.strip("."):
            raise ValueError(f'"{text}" is no address: one as user@example.com, user or @example.com is wanted')
        self._under = domain.startswith(".")
        self._local = normal_local(local)
        self._domain = normal_domain(domain.removeprefix("."))
        self._glob: Pattern[str] | None = _glob(self._local) if "*" in self._local else None

    def matches(self, address: str) -> bool:
        """Whether an envelope address (without angle brackets; "" is the null sender) is meant."""
        if self._null or not address:
            return self._null and not address
        local, domain = split_address(address)
        if self._domain:
            domain = normal_domain(domain)
            if self._under:
                if not domain.endswith("." + self._domain):
                    return False
            elif domain != self._domain:
                return False
        if not self._local:
            return True
        local = normal_local(local)
        return self._is(local) or ("+" in local[1:] and self._is(local[0] + local[1:].partition("+")[0]))

    def _is(self, local: str) -> bool:
        return local == self._local if self._glob is None else self._glob.fullmatch(local) is not None

    def __repr__(self) -> str:
        return f"AddressPattern({self.text!r})"


addresses = many(
    AddressPattern, 'a list of addresses: "user@example.com", "user", "@example.com", "@.example.com", "*" in them, "<>"'
)


def _glob(text: str) -> Pattern[str]:
    import re

    return re.compile(".*".join(map(re.escape, text.split("*"))), re.DOTALL)
