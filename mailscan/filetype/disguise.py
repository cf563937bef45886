"""How a file hides what it is: by its name, or by the type it is declared to be.

Only what deceives is said: that a name ends in `.exe` is for others to judge, and so is what a file is. Names in
Hebrew or Arabic, Office documents that are RTF, HTML or ZIP, pictures of another format, and names that say nothing
(`.dat`, `.bin`, none) deceive nobody.
"""

from __future__ import annotations

from mailscan.filetype import (
    ARCHIVES,
    DISK_IMAGES,
    EXECUTABLES,
    SCRIPTS,
    SHORTCUTS,
    com_may_run,
    endings,
    runs,
)
from mailscan.filetype.extensions import is_class_id, looks_like, named
from mailscan.filetype.textkinds import is_any_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from mailscan.filetype import Kind

_RUN = (EXECUTABLES, SCRIPTS, SHORTCUTS)
# Of a name as much as file systems take; the extension stands at its end.
_LONGEST = 255
# Blanks of any width, and what else pushes an extension out of sight.
_BLANKS = " \t_\u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u2800\u3000\u3164"
_MANY = 8
# What looks like a full stop, and like the letters of extensions (Cyrillic, Greek, Armenian, Latin). Full-width ones
# and accents are Unicode's to say.
_ALIKE = {
    ".": "\u2024\ufe52\uff0e\uff61\u3002\u0701\u0702\u06d4\ua4f8\ua60e\u2e3c",
    "a": "аα", "b": "в", "c": "с", "d": "ԁ", "e": "еε", "g": "ɡ", "h": "һнհ", "i": "іιı", "j": "ј", "k": "кκ",
    "l": "ӏ", "m": "м", "n": "ո", "o": "оοօ", "p": "рρ", "q": "ԛ", "s": "ѕ", "t": "тτ", "u": "υս", "v": "ν",
    "w": "ԝ", "x": "хχ", "y": "у",
}  # fmt: skip
_LOOK_ALIKES = {ord(other): char for char, others in _ALIKE.items() for other in others}
# Extensions that are words too: "part.one.exe" and "public.key.reg" are no documents.
_WORDS = frozenset(("key", "one", "pub", "pages", "numbers", "log", "text", "mid", "opus", "ps"))
# Between these and what stands before them there is no file: "page.html.js" is made of it, "System.Md.dll" of words.
_OF_PARTS = {"js": frozenset(("html", "htm", "svg", "md")), "dll": None, "ocx": None}
# A picture, or any other file, as mail programs of old sent it: under its own name.
_ENCODINGS = frozenset(("binhex", "uuencode", "yenc", "applesingle", "macbinary"))
# Documents that are no ZIP archive by right. All others are, or their programs take one for the newer format.
_NO_ZIP = frozenset(
    ("pdf", "html", "htm", "xhtml", "mht", "mhtml", "eml", "msg", "ics", "vcf", "ps", "eps", "tex", "djvu", "one")
)
_PAGES = frozenset(("html", "htm", "xhtml", "mht", "mhtml", "eml", "msg"))
_GZIPPED = frozenset(("ps", "eps", "pages", "key", "numbers", "svg", "wmf", "emf"))
# Programs that a ZIP archive is by its members, and so may be called one.
_ZIPS = frozenset(("jar", "apk", "appx", "xpi", "ipa", "mac-app"))


def disguised(names: Sequence[str], declared_type: str, kind: Kind | None, data: bytes) -> str:
    """In words, how names or the declared type hide what the file is; "" where they do not.

    `kind` is what the octets are, None if that is not known, and `data` all of them, or their head.
    """
    for name in names:
        if why := _by_name(name, data) or (_by_content(name, kind, data) if kind is not None else ""):
            return why
    return _by_type(declared_type, kind, data) if kind is not None else ""


def _by_name(name: str, data: bytes) -> str:
    """What the name alone tells: order, letters, class ids, blanks and double extensions."""
    real = endings(name)
    if any(is_class_id(ending) for ending in real):
        return "its name ends in a class id, which is not shown"
    plain = name
    if not name.isascii():
        if why := _by_direction(name, real):
            return why
        plain = _without_look_alikes(name)
        if looks := next((one for one in endings(plain) if one not in real and runs(one)), ""):
            return f"its name ends in characters that look like .{looks}"
    stem, _, ending = plain[-_LONGEST:].partition("::$")[0].rstrip(" .\"'/\\").rpartition(".")
    ending = ending.lower()
    what = runs(ending) or (named(ending)[1] if named(ending)[0] == DISK_IMAGES else "")
    if not what or (ending == "com" and data and not com_may_run(data)):
        return ""
    stem = stem.replace("\\", "/").rpartition("/")[2]
    shown = stem.rstrip(_BLANKS)
    if len(stem) - len(shown) >= _MANY:
        return f"its extension .{ending} ({what}) stands behind {len(stem) - len(shown)} blanks"
    before = shown.rpartition(".")[2].lower() if "." in shown else ""
    if _is_shown_as(before, ending):
        return f"named as {looks_like(before)} (.{before}), its last extension is .{ending} ({what})"
    return ""


def _is_shown_as(before: str, ending: str) -> bool:
    """Whether a person takes the extension before the last one for the file's."""
    if not looks_like(before) or before in _WORDS:
        return False
    no_file = _OF_PARTS.get(ending, frozenset())
    return no_file is not None and before not in no_file


def _by_direction(name: str, real: tuple[str, ...]) -> str:
    """Directional controls that bring another extension to the end of what is shown."""
    from mailscan.filetype.bidi import CONTROLS, RIGHT_OVERRIDE, visible

    if not real or CONTROLS.isdisjoint(name):
        return ""
    shown = endings(visible(name[-_LONGEST:]))
    if not shown or shown[0] in real:
        return ""
    # An embedding is how names in Hebrew or Arabic are written, and what is last there is a word.
    if RIGHT_OVERRIDE in name or looks_like(shown[0]) or named(shown[0])[0]:
        return f"its name is shown as ending in .{shown[0]} and ends in .{real[0]}"
    return ""


def _without_look_alikes(name: str) -> str:
    """The name with letters that look alike made the same; for its end only, where an extension stands."""
    from unicodedata import combining, normalize

    name = normalize("NFKD", name[-_LONGEST:].translate(_LOOK_ALIKES).lower().translate(_LOOK_ALIKES))
    return "".join(char for char in name if not combining(char)).translate(_LOOK_ALIKES)


def _by_content(name: str, kind: Kind, data: bytes) -> str:
    """A name that says picture, document or text, on octets that are something else to be run or opened."""
    for ending in endings(name):
        what = looks_like(ending)
        if what and _contradicts(ending, what, kind, data):
            return f"named as {what} (.{ending}), it is {kind.text}"
    return ""


def _contradicts(ending: str, what: str, kind: Kind, data: bytes) -> bool:
    if kind.name in _ENCODINGS or (ending == "svg" and kind.name.startswith("svg")):
        return False
    if kind.name in ("gzip", "compress") and ending in _GZIPPED:
        return False
    if what == "an archive":
        return kind.group in _RUN and kind.name not in _ZIPS
    is_worse = kind.group in (*_RUN, DISK_IMAGES)
    if what == "a text" or ending in _PAGES:
        # It opens in an editor, or a browser, to which a script in it is text; a table may have been any workbook.
        is_table = ending in ("csv", "tsv") and kind.name == "zip"
        return not is_any_text(data) and not is_table and (is_worse or kind.group == ARCHIVES)
    if what == "a document" and ending not in _NO_ZIP:
        return is_worse or (kind.group == ARCHIVES and kind.name != "zip")
    return is_worse or kind.group == ARCHIVES or kind.name == "html"


def _by_type(declared: str, kind: Kind, data: bytes) -> str:
    """A declared picture, sound, film or text that is run. Scripts are text by right."""
    main = declared.partition("/")[0]
    if kind.group not in _RUN or kind.name.startswith("svg"):
        return ""
    if main in ("image", "audio", "video") or (main == "text" and not is_any_text(data)):
        return f"declared as {declared[:80]}, it is {kind.text}"
    return ""
