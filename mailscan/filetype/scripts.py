"""Scripts and shortcuts that are text: what a computer runs, or follows, when a person opens the file.

Some are unmistakable by what they hold (`textkinds` asks for these). For the rest it is the name, or for a part
without one the declared type, that makes a computer run the text, so that the same text called `.txt` is none.
"""

from __future__ import annotations

from mailscan.filetype import SCRIPTS, SHORTCUTS, Kind, endings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# Text so called is run as this kind of script.
BY_NAME = {
    "js": "javascript", "jse": "encoded-script", "vbs": "vbscript", "vbe": "encoded-script", "vb": "vbscript",
    "wsf": "wsf", "ws": "wsf", "wsc": "sct", "sct": "sct", "hta": "hta", "msc": "msc", "bat": "batch", "cmd": "batch",
    "ps1": "powershell", "psm1": "powershell", "reg": "reg", "command": "macos-script", "tool": "macos-script",
    "terminal": "macos-script", "scf": "scf", "rdp": "rdp", "iqy": "iqy", "theme": "theme", "jnlp": "jnlp",
    "application": "clickonce", "appref-ms": "clickonce", "settingcontent-ms": "settingcontent",
    "library-ms": "library-ms", "search-ms": "library-ms", "searchconnector-ms": "library-ms",
}  # fmt: skip
# The extension that mail programs give to a part without a name.
BY_TYPE = {
    "application/hta": "hta", "application/x-hta": "hta", "application/bat": "bat", "application/x-bat": "bat",
    "application/x-msdos-program": "bat", "text/vbscript": "vbs", "text/vbs": "vbs", "application/x-vbs": "vbs",
    "application/x-powershell": "ps1", "text/x-powershell": "ps1", "text/scriptlet": "sct",
    "application/x-java-jnlp-file": "jnlp", "application/x-ms-application": "application",
}  # fmt: skip
_PLACES = ("http://", "https://", "ftp://", "mailto:", "news:", "feed:")
_REGISTRY = ("windows registry editor version ", "regedit4")
# What of a desktop entry's command line is more than the start of a program.
_COMMANDS = (
    "sh -c",
    "bash -c",
    "curl ",
    "wget ",
    "base64",
    "python -c",
    "python3 -c",
    "/tmp/",
    "/dev/shm",
    "eval ",
    "xxd",
)
# What makes an image active: elements that run or frame something, or ask for a password.
_ACTIVE = r"<(?:[a-z_][\w.-]*:)?(?:script|iframe|embed|object|form|handler|listener|meta)[\s/>]"
_HANDLER = r"""[\s"'/]on[a-z]{3,24}\s*=\s*["']"""
_HREF = r"""href\s*=\s*["']\s*+(?:vbscript:|data:text/html|data:image/svg|[^"'>]{0,40}&(?:#|tab;|newline;|colon;))"""


def script(data: bytes, names: Iterable[str], declared_type: str = "") -> Kind | None:
    """The kind of script or shortcut that text is under these names; None for other text, and for what is no text.

    `declared_type` counts for a part without a name only: mail programs call it by that.
    """
    from mailscan.filetype.kinds import KINDS
    from mailscan.filetype.textkinds import by_text, decoded, is_any_text

    if not data or not is_any_text(data):
        return None
    by_content = by_text(data)
    if by_content and KINDS[by_content].group in (SCRIPTS, SHORTCUTS):
        return KINDS[by_content]
    called = {ending for name in names for ending in endings(name)}
    named = next((BY_NAME[ending] for ending in sorted(called) if ending in BY_NAME), "")
    if not called:
        named = BY_NAME[BY_TYPE[declared_type]] if declared_type in BY_TYPE else _batch(decoded(data[:200]))
    return KINDS[named] if named else None


def _batch(head: str) -> str:
    first = head.lstrip().partition("\n")[0].split()
    return "batch" if [word.lower() for word in first[:2]] == ["@echo", "off"] else ""


def is_encoded(head: str) -> bool:
    """Whether it begins as Windows Script Encoder writes it: #@~^, six digits of base64, ==."""
    return head[:4] == "#@~^" and head[10:12] == "=="


def is_hta(data: bytes) -> bool:
    """Whether markup is an HTML application, or holds a script that only those run."""
    from mailscan.filetype.textkinds import lower_case

    encoded = named = False
    for text in lower_case(data):
        if "<hta:application" in text:
            return True
        at = text.find("#@~^")
        encoded = encoded or (at >= 0 and text[at + 10 : at + 12] == "==")
        named = named or "script.encode" in text
    return encoded and named


def by_root(tag: str, data: bytes) -> str:
    """Windows scripts, scriptlets and deployments by their root element and what they hold."""
    if tag not in ("job", "package", "component", "scriptlet", "assembly"):
        return ""
    from mailscan.filetype.textkinds import has

    if tag == "assembly":
        return "clickonce" if has(data, "deployment ") and has(data, "deploymentprovider") else ""
    if not has(data, "<script"):
        return ""
    return "wsf" if tag in ("job", "package") else "sct"


def is_active_svg(data: bytes) -> bool:
    """Whether an SVG image runs script, frames other documents, or holds a form.

    Script elements, event handlers, script in links, and entities that could be any of these. A foreignObject alone is
    none: diagrams.net and Mermaid write their labels in it.
    """
    import re

    from mailscan.filetype.textkinds import lower_case

    return any(
        "javascript:" in text or any(re.search(one, text) for one in (_ACTIVE, _HANDLER, _HREF)) or _has_entity(text)
        for text in lower_case(data)
    )


def _has_entity(text: str) -> bool:
    """Whether an entity is declared whose value may hold markup."""
    at = text.find("<!entity")
    while at >= 0:
        end = text.find(">", at)
        end = len(text) if end < 0 else end
        value = text[at + 8 : end]
        if "%" in value or "<" in value or "&#" in value or "&lt;" in value:
            return True
        at = text.find("<!entity", end)
    return False


def by_section(head: str, data: bytes) -> str:
    """Files of sections: links, commands of the shell, themes, desktop entries, setup information."""
    lines = list(_lines(head))
    sections = {line for line in lines if line[:1] == "["}
    if "[internetshortcut]" in sections:
        return "url-file" if _leads_to_files(lines) else "url"
    if "[shell]" in sections and _values(lines, "command", "iconfile"):
        return "scf"
    if "[desktop entry]" in sections:
        runs = any(one in value for value in _values(lines, "exec") for one in _COMMANDS)
        return "desktop-command" if runs else "desktop"
    if "[theme]" in sections and len(sections) > 1:
        return "theme"
    return "inf" if "[version]" in sections and _values(lines, "signature") else ""


def registry_or_query(head: str, data: bytes) -> str:
    """Changes to the registry, with a key on a line; a web query of Excel."""
    start = head[:40].lower()
    if start.startswith(_REGISTRY) and any(line[:3] in ("[hk", "[-h") for line in _lines(head)):
        return "reg"
    lines = head.split("\n", 3)
    is_query = lines[0].strip() == "WEB" and len(lines) > 2 and lines[1].strip() == "1"
    return "iqy" if is_query and "://" in lines[2][:20] else ""


def clickonce_reference(head: str, data: bytes) -> str:
    """An .appref-ms: one line of an address and the identity of an application."""
    line = head.partition("\n")[0]
    return "clickonce" if "#" in line and "publickeytoken=" in line.lower() and "://" in line[:10] else ""


def is_rdp(head: str) -> bool:
    """Whether the lines are settings of a remote desktop connection: name, type and value."""
    lines = [line.split(":", 2) for line in head.split("\n")[:100]]
    typed = [line[0].strip().lower() for line in lines if len(line) == 3 and line[1] in ("i", "s", "b")]
    return len(typed) >= 3 and ("full address" in typed or "alternate full address" in typed or len(typed) > 5)


def _lines(head: str) -> Iterator[str]:
    return (line.strip().lower() for line in head.split("\n"))


def _values(lines: list[str], *keys: str) -> list[str]:
    pairs = (line.partition("=") for line in lines)
    return [value.strip() for key, _, value in pairs if key.strip() in keys and value]


def _leads_to_files(lines: list[str]) -> bool:
    """Whether a link opens what is no web page, or has Windows fetch a file from a server for its icon or folder."""
    if any(not url.startswith(_PLACES) for url in _values(lines, "url")):
        return True
    others = _values(lines, "iconfile", "workingdirectory", "basurl", "origurl")
    return any(value.startswith(("\\\\", "//", "file:")) for value in others)
