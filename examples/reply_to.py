"""Mark mail whose answers would go to another domain than it says it comes from."""

from collections.abc import Iterator
from email.utils import getaddresses

from mailscan import Evidence, Finding, Mail


def domains(values: list[str]) -> set[str]:
    return {address.rpartition("@")[2].lower() for _, address in getaddresses(values) if "@" in address}


def check(mail: Mail, outside: object) -> Iterator[Finding]:
    headers = mail.message.headers
    # A mailing list may ask for answers to itself.
    if "List-Id" in headers:
        return
    shown, answers = domains(headers.get_all("From")), domains(headers.get_all("Reply-To"))
    if answers and not answers & shown:
        yield Finding(
            "reply-to.elsewhere",
            f"From {', '.join(sorted(shown))}, Reply-To {', '.join(sorted(answers))}",
            headers=[("X-Reply-To-Elsewhere", "yes")],
            evidence=[Evidence("1", field.start, field.end) for field in headers.fields("Reply-To")],
        )
