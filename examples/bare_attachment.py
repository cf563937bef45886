"""Mark mail that is an attachment and says not a word."""

from mailscan import Finding, Mail, tag


def check(mail: Mail, outside: object) -> Finding | None:
    leaves = [part for part in mail.message.parts if not part.children]
    files = [part for part in leaves if part.filenames]
    said = "".join(part.text for part in leaves if not part.filenames and part.type.startswith("text/"))
    if files and not said.strip():
        return tag("X-Bare-Attachment", str(len(files)), code="attachment.bare")
    return None
