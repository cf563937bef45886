"""Mark mail that says it was written more than two days from now or more than a year ago."""

from datetime import UTC
from email.utils import parsedate_to_datetime

from mailscan import Finding, Mail, tag

DAY = 86_400


def check(mail: Mail, outside: object) -> Finding | None:
    # The topmost Received is our own server's: its time is when the mail came.
    received = mail.message.headers.get("Received") or ""
    try:
        came = parsedate_to_datetime(received.rpartition(";")[2])
        written = parsedate_to_datetime(mail.message.headers.get("Date") or "")
        days = (written.replace(tzinfo=written.tzinfo or UTC) - came).total_seconds() / DAY
    except (ValueError, TypeError, OverflowError):  # no date, or none that can be read
        return None
    if days > 2 or days < -366:
        return tag("X-Date-Far-Off", f"{days:+.0f} days", code="date.far")
    return None
