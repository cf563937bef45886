"""Put off mail to more than twenty of our people at once from somebody who has not logged in."""

from mailscan import Finding, Mail, tempfail

MOST = 20


def check(mail: Mail, outside: object) -> Finding | None:
    number = len(mail.envelope.recipients)
    if number > MOST and not mail.envelope.auth_user:
        return tempfail("Too many recipients at once", f"{number} recipients", code="recipients.many")
    return None
