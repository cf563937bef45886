"""Mark mail with a link that shows the name of a bank or shop and leads elsewhere."""

from collections.abc import Iterator
from html import unescape
from re import IGNORECASE, compile

from mailscan import Finding, Mail, tag

# Only names that are imitated: newsletters show many a name and lead to a counter of clicks.
SHOWN = ("paypal.com", "bank.example")
# Where their own mail leads.
THEIRS = (*SHOWN, "paypal-communication.com")
HREF = compile(r"\bhref\s*=\s*[\"']?\s*https?://(?:[^\"'\s/?#]*@)?([\w.-]+)", IGNORECASE)


def check(mail: Mail, outside: object) -> Iterator[Finding]:
    for part in mail.message.parts:
        # What stands between "<a " and the next "<a " or "</a": attributes, ">" and what is shown.
        links = compile(r"<a\s|</a\b", IGNORECASE).split(part.text)[1:] if part.type == "text/html" else []
        for attributes, _, inner in (link.partition(">") for link in links):
            if href := HREF.search(attributes):
                leads = "." + href[1].lower()
                words = compile(r"<[^<>]*>").sub("", unescape(inner)).lower().replace("/", " ").split()
                named = [one for one in SHOWN for word in words if word == one or word.endswith("." + one)]
                if named and not leads.endswith(tuple("." + one for one in THEIRS)):
                    yield tag("X-Imitated-Link", f"{named[0]} leads to {leads[1:]}", code="link.imitated")
