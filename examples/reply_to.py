"""Mark mail that comes from a firm and wants its answers at a free mailer."""

from collections.abc import Iterator
from email.utils import getaddresses

from mailscan import Evidence, Finding, Mail

FREE = {
    "gmail.com",
    "outlook.com",
    "hotmail.com",
    "yahoo.com",
    "aol.com",
    "gmx.net",
    "proton.me",
    "freemail.example",
    "webmail.example",
}


def domains(values: list[str]) -> set[str]:
    return {address.rpartition("@")[2].lower() for _, address in getaddresses(values) if "@" in address}


def check(mail: Mail, outside: object) -> Iterator[Finding]:
    headers = mail.message.headers
    # A mailing list passes on what its people want; some have no List-Id.
    if any(name in headers for name in ("List-Id", "List-Post", "List-Unsubscribe", "Mailing-List", "Precedence")):
        return
    shown, answers = domains(headers.get_all("From")), domains(headers.get_all("Reply-To"))
    if answers & FREE and not shown & FREE:
        yield Finding(
            "reply-to.elsewhere",
            f"From {', '.join(sorted(shown))}, Reply-To {', '.join(sorted(answers))}",
            headers=[("X-Reply-To-Elsewhere", "yes")],
            evidence=[Evidence("1", field.start, field.end) for field in headers.fields("Reply-To")],
        )
