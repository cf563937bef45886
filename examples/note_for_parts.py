"""Replace mail with a dangerous attachment by a note that says what was taken out."""

from mailscan import Edits, Finding, Mail

DANGEROUS = (".exe", ".scr", ".js", ".vbs", ".lnk", ".iso")


def check(mail: Mail, outside: object) -> Finding | None:
    names = [name for part in mail.message.parts for name in part.filenames if name.lower().endswith(DANGEROUS)]
    if not names:
        return None
    note = "An attachment was taken out of this message: " + ", ".join(ascii(name) for name in names) + "\n"
    edits = Edits(
        remove=["Content-Type", "Content-Transfer-Encoding"],
        add=[("Content-Type", "text/plain; charset=us-ascii")],
        body=note.encode("ascii"),
    )
    return Finding("part.replaced", ", ".join(names), action="tag", edits=edits)
