"""The filter `attachments`."""

from __future__ import annotations

from mailscan import filetype
from mailscan.filters import Filter
from mailscan.inside import Inside, Item
from mailscan.keys import choices, count, flag, many, meant, option, seconds, size, texts
from mailscan.verdict import Evidence, Finding

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mailscan.inside import Remark
    from mailscan.mail import Mail
    from mailscan.outside import Outside
    from mailscan.unpack import Budget

# Of what was found, and of what could not be looked at, as much as a person reads.
MOST = 20
# The groups that a policy may refuse, and the code of what is found.
GROUPS: dict[str, str] = {
    "executables": "executable",
    "scripts": "script",
    "shortcuts": "shortcut",
    "bombs": "bomb",
    "macros": "macro",
    "auto-macros": "auto-macro",
    "remote-content": "remote-content",
    "active-content": "active-content",
    "encrypted-archives": "encrypted-archive",
    "encrypted-documents": "encrypted-document",
    "disk-images": "disk-image",
    "archives": "archive",
    "links": "link",
    "source": "source",
    "disguised": "disguised",
    "not-opened": "not-opened",
    "over-limit": "over-limit",
}
# Words for several groups at once.
_WIDER = {
    "macros": ("macros", "auto-macros"),
    "encrypted": ("encrypted-archives", "encrypted-documents"),
}
_RUN = ("executables", "scripts", "shortcuts")
DEFAULT: tuple[str, ...] = (*_RUN, "bombs")
# What keeps octets from being judged is told in any case, as a note.
_NOTED = ("not-opened", "over-limit", "encrypted-archives", "encrypted-documents")
_DIGESTS = {32: "md5", 40: "sha1", 64: "sha256"}
_SHOWN = {32: "MD5", 40: "SHA-1", 64: "SHA-256"}


def digest(text: str) -> str:
    """The hash of a file, as hexadecimal digits in lower case. Raises `ValueError`."""
    if len(text) not in _DIGESTS or not set(text.lower()) <= set("0123456789abcdef"):
        raise ValueError(
            f'"{text[:80]}" is no hash: 64 hexadecimal digits of SHA-256, 40 of SHA-1 or 32 of MD5 are wanted'
        )
    return text.lower()


class Attachments(Filter):
    """Attachments that can do harm: by what they are, by every name, and inside whatever they are packed in.

    Every part of the message is looked at, those of attached messages too, and all that is inside: archives, disk
    images, documents, mail, one in another. What a part is declared to be proves nothing.

    `refuse` names groups; when it is not said, these are the first four:

    - `executables`: programs of any system, installers, browser extensions; `.exe` `.scr` `.msi` `.jar` `.apk`
    - `scripts`: what a double click runs as a script, SVG images with script; `.js` `.vbs` `.bat` `.hta` `.reg`
    - `shortcuts`: what hands the system a command or another's file; `.lnk` `.settingcontent-ms` `.rdp` `.jnlp` `.iqy`
    - `bombs`: what no honest mail has: archives deeper in one another than `max_depth`, more members than
      `max_members`, a member that grows more than `max_ratio` times, more than `max_unpacked` out of a mail of a
      fiftieth of that. A rule that does not refuse `bombs` takes them for `over-limit`
    - `macros`: Office documents with macros, those of `auto-macros` too; `.docm` `.xlsm` `.pptm` `.slk` `.accdb`
    - `auto-macros`: macros that run when the document is opened or closed, and Excel 4 macros that do; by content only
    - `remote-content`: documents that fetch a template or an object, or ask another program (DDE); by content only
    - `active-content`: documents that act when they are opened: PDF with script or a launched program; by content only
    - `encrypted-archives`: archives, or members of them, that want a password; `encrypted` means this and the next
    - `encrypted-documents`: Office and PDF documents that want a password. A PDF that opens without is none
      of them; an Excel document with the password that Excel tries by itself is one, and is looked into
    - `disk-images`: what a system mounts as a drive; `.iso` `.img` `.vhd` `.vhdx` `.dmg` `.wim`
    - `archives`: archives and compressed files of any kind, whatever they hold; `.zip` `.rar` `.7z` `.gz`. Office
      documents, attached mail and winmail.dat are none
    - `links`: links to web pages; `.url` `.webloc`
    - `source`: scripts that a stock system opens in an editor; `.py` `.sh` `.pl` `.php` `.desktop`
    - `disguised`: names and types that hide what a file is: a program called a picture, `invoice.pdf.exe`, directions
      and letters that show another extension than there is
    - `not-opened`: archives and documents that could not be looked into, or not wholly: damaged, or nobody opens them
    - `over-limit`: what exceeds a limit below, and was therefore not looked at, or not wholly

    `attachments.executable` (and so for each group) is found where the octets are of that group, whatever the name;
    `attachments.executable-name` where Windows or macOS would take a file of that name for one, whatever the octets,
    except that `.com` is also how hosts and addresses end: a name in `.com` passes when the octets are text or another
    known format. `attachments.extension`, `.type` and `.hash` are of `extensions`, `types` and `hashes`.

    Names are compared without regard to case, dots and blanks at their end, invisible characters, and NTFS streams;
    only the last extension counts, so `google.com!example.com!1700000000!1700086399.zip` is a ZIP archive. Names of
    encrypted members count, as far as they can be read: `invoice.js` in an archive with a password is a script.

    Codes are for each group, so one rule may refuse what another tags; they look into the message once for both, if
    their limits are the same:

        [[filter]]
        use = "attachments"
        refuse = ["executables", "scripts", "shortcuts", "bombs", "auto-macros", "disguised"]
        action = "reject"

        [[filter]]
        use = "attachments"
        name = "look-twice"
        refuse = ["macros", "encrypted", "not-opened"]
        action = "tag"

    What nobody could look at is a note where no rule refuses it (`not-opened`, `over-limit`, `encrypted-archives`,
    `encrypted-documents`): it is told, and decides nothing. A container is looked at up to its limit, and what stands
    before that is judged. Beyond `max_members`, `max_unpacked` and `max_seconds` names are judged all the same, as far
    as the container lists them: `invoice.exe` is refused as member 10,001, and behind a file that takes all the time.

    Without anything else most kinds are opened: ZIP, tar, gzip, bzip2, xz, LZ4, cpio, ar, ISO and UDF images, OLE,
    OOXML, RTF, PDF, OneNote, TNEF, mail. libarchive (the system's, or that of the extra `mailscan[archives]`) adds 7z,
    RAR, all cabinets, LHA and xar, the rest of the extra Zstandard and PPMd; a `7z` program (Debian: 7zip) adds CHM,
    ARJ and the disk images VHD, VHDX, VMDK, DMG, WIM and SquashFS, and what libarchive gives up.
    """

    refuse = option(choices(*GROUPS, "encrypted"), DEFAULT, "groups of kinds to refuse")
    extensions = option(texts, (), 'further file names to refuse, by extension: [".iso", ".docm"]')
    types = option(
        texts, (), 'further kinds to refuse: names that `mailscan show` gives ("pdf"), declared types ("image/*")'
    )
    hashes = option(
        many(digest, "a list of hashes, in hexadecimal digits"), (), "files to refuse by SHA-256, SHA-1 or MD5"
    )
    allow = option(
        texts,
        (),
        'extensions (".js") and whole file names ("setup.bat") that may pass; what the octets are still counts',
    )
    archives = option(flag, True, "whether to look inside archives and documents")
    max_members = option(count, 10_000, "how many members of all archives of a message are looked at")
    max_unpacked = option(size, 100_000_000, "how many octets are unpacked of all archives of a message")
    max_ratio = option(count, 250, "how many times its packed size a member may have, above 10 MB")
    max_depth = option(count, 16, "how many archives deep in one another are opened")
    max_seconds = option(seconds, 3.0, "how long unpacking may take for a message")

    def prepare(self) -> None:
        """Split `allow` into extensions and names, and `types` into kinds and declared types."""
        self._groups = frozenset(one for word in self.refuse for one in _WIDER.get(word, (word,)))
        self._refused = frozenset(map(_extension, self.extensions))
        self._allowed = frozenset(_extension(one) for one in self.allow if one.startswith("."))
        self._allowed_names = frozenset(one.lower() for one in self.allow if not one.startswith("."))
        self._types = frozenset(one.lower() for one in self.types)
        self._lengths = frozenset(map(len, self.hashes))
        if self._types:
            from mailscan.filetype.kinds import KINDS

            for one in sorted(self._types):
                if "/" not in one and one not in KINDS:
                    raise ValueError(f'types: "{one}" is no kind{meant(one, sorted(KINDS))}')
        if both := self._refused & self._allowed:
            raise ValueError(f'".{min(both)}" stands in extensions and in allow')
        if not (self._groups or self._refused or self._types or self.hashes):
            raise ValueError("nothing is refused: give `refuse`, `extensions`, `types` or `hashes`")

    def check(self, mail: Mail, outside: Outside) -> Iterable[Finding]:
        """One finding for each part, and each member of an archive, that is refused; then the notes."""
        findings: list[Finding] = []
        notes = _Notes()
        packed: dict[tuple[str, str], Finding] = {}
        inside = self._inside(mail, outside)
        for one in inside:
            found = self.item(one) if isinstance(one, Item) else self.remark(one, notes)
            place = one.part.path, one.path
            if isinstance(one, Item):
                if found is not None and one.kind is filetype.ZIP and found.code == "attachments.archive":
                    packed[place] = found
            elif one.group == filetype.DOCUMENTS and place in packed:
                # What a document is packed in is no archive to anybody, and it is told behind its members.
                findings.remove(packed.pop(place))
            if found is not None:
                findings.append(found)
                if len(findings) >= MOST:
                    break
        if inside.trouble is not None:
            if not findings:
                raise inside.trouble
            notes.trouble = str(inside.trouble)
        return [*findings, *notes.told()]

    def _inside(self, mail: Mail, outside: Outside) -> Inside:
        """What the mail carries, unpacked once for all rules with the same limits."""
        limits = (self.max_members, self.max_unpacked, self.max_ratio, self.max_depth, self.max_seconds)

        def budget() -> Budget:
            from mailscan.unpack import Budget

            members, octets, ratio, depth, most = limits
            return Budget(outside.remaining, members=members, octets=octets, ratio=ratio, depth=depth, seconds=most)

        key = ("inside", self.archives, limits)
        known = mail.found.get(key)
        if not isinstance(known, Inside):
            known = mail.found[key] = Inside(mail.message.parts, budget, opens=self.archives)
        return known

    def item(self, item: Item) -> Finding | None:
        """The finding about a part or a member, if there is one."""
        code, why = self._by_octets(item) or self._by_name(item) or self._by_disguise(item) or ("", "")
        if not code:
            return None
        return Finding(f"attachments.{code}", _called(item) + why, evidence=[_where(item)])

    def _by_octets(self, item: Item) -> tuple[str, str] | None:
        kind = item.kind
        if kind is not None and kind.group in self._groups:
            declared = "" if item.path else f", declared as {_clip(item.declared)},"
            return GROUPS[kind.group], f"{declared} is {kind.text}"
        if kind is not None and kind.name in self._types:
            return "type", f": the policy refuses {kind.text}"
        if item.declared in self._types or item.declared.partition("/")[0] + "/*" in self._types:
            return "type", f": the policy refuses {_clip(item.declared)}"
        if self.hashes and not item.shown:
            import hashlib

            for length in self._lengths:
                found = hashlib.new(_DIGESTS[length], item.data(), usedforsecurity=False).hexdigest()
                if found in self.hashes:
                    return "hash", f": the policy refuses the file with {_SHOWN[length]} {found}"
        return None

    def _by_name(self, item: Item) -> tuple[str, str] | None:
        """By every name; then by what text is when it is called so."""
        names: list[str] = []
        for name in item.names:
            if self._allowed_names and name.lower() in self._allowed_names:
                continue
            endings = filetype.endings(name)
            for ending in endings:
                code, why = self._by_ending(ending, item)
                if code:
                    other = "" if item.path or name == item.names[0] else f' also called "{_clip(name)}"'
                    return code, f"{other}: {why}"
            if self._allowed.isdisjoint(endings):
                names.append(name)
        kind = filetype.script(item.head, names, item.declared) if names and item.kind is filetype.TEXT else None
        if kind is not None and kind.group in self._groups:
            return GROUPS[kind.group], f" is {kind.text}"
        return None

    def _by_ending(self, ending: str, item: Item) -> tuple[str, str]:
        if ending in self._allowed:
            return "", ""
        if ending in self._refused:
            return "extension", f"the policy refuses .{ending}"
        group, what = filetype.named(ending)
        if group not in self._groups or (
            ending == "com" and (item.head or not item.fault) and not filetype.com_may_run(item.head)
        ):
            return "", ""
        verb = "would be run as" if group in _RUN else "would be opened as"
        return f"{GROUPS[group]}-name", f"{verb} {what}"

    def _by_disguise(self, item: Item) -> tuple[str, str] | None:
        if "disguised" not in self._groups or item.shown:
            return None
        why = filetype.disguised(item.names, item.declared, item.kind, item.head)
        return ("disguised", f": {why}") if why else None

    def remark(self, remark: Remark, notes: _Notes) -> Finding | None:
        """The finding about a container, if there is one; else perhaps a note."""
        group = "over-limit" if remark.group == "bombs" and "bombs" not in self._groups else remark.group
        if group not in self._groups and group not in _NOTED:
            return None
        code = f"attachments.{GROUPS[group]}"
        finding = Finding(code, f"{_called(remark)}: {remark.text}", evidence=[_where(remark)])
        if group in self._groups:
            return finding
        notes.add(remark, finding)
        return None


class _Notes:
    """What could not be looked at, once for each part and reason."""

    __slots__ = ("trouble", "_unseen")

    def __init__(self) -> None:
        self.trouble = ""
        self._unseen: dict[tuple[str, str], tuple[Finding, int]] = {}

    def add(self, remark: Remark, finding: Finding) -> None:
        """Keep it in mind."""
        key = (remark.part.path, remark.text)
        if key in self._unseen:
            first, more = self._unseen[key]
            self._unseen[key] = first, more + 1
        elif len(self._unseen) < MOST:
            finding.note = True
            self._unseen[key] = finding, 0

    def told(self) -> Iterator[Finding]:
        """The notes."""
        for first, more in self._unseen.values():
            if more:
                first.detail += f" (and {more} more)"
            yield first
        if self.trouble:
            yield Finding("attachments.not-scanned", self.trouble, note=True)


def _where(one: Item | Remark) -> Evidence:
    return Evidence(one.part.path, *one.part.span, one.path)


def _called(one: Item | Remark) -> str:
    names = one.part.filenames
    carrier = f'"{_clip(names[0])}"' if names else "a part without a name"
    return f'"{_clip(one.path)}" in {carrier}' if one.path else carrier


def _clip(text: str) -> str:
    return text if len(text) <= 200 else text[:199] + "…"


def _extension(text: str) -> str:
    ending = text.removeprefix("*").removeprefix(".").lower()
    if not ending or any(char in ending for char in "./\\* \t"):
        raise ValueError(f'"{text}" is no extension: one as ".exe" is wanted')
    return ending
