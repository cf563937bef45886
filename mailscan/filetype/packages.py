"""What a ZIP archive is by the names of its members."""

from __future__ import annotations

from mailscan.filetype.kinds import KINDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from mailscan.filetype import Kind


def zip_kind(names: Iterable[str]) -> Kind | None:
    """The program, package or document that these members make; None if they are just files.

    Programs first: an archive that is two things is refused as the worse one. Names are compared as loaders do that
    run on file systems without regard to case.
    """
    seen = {name.replace("\\", "/").lower() for name in names}
    name = _program(seen) or _document(seen)
    return KINDS[name] if name else None


def _program(seen: set[str]) -> str:
    if "androidmanifest.xml" in seen and any(one.endswith((".dex", ".arsc")) for one in seen):
        return "apk"
    if not seen.isdisjoint(("appxmanifest.xml", "appxmetadata/appxbundlemanifest.xml")):
        return "appx"
    if "meta-inf/manifest.mf" in seen and any(one.endswith(".class") for one in seen):
        return "jar"
    if "install.rdf" in seen or ("manifest.json" in seen and "meta-inf/mozilla.rsa" in seen):
        return "xpi"
    if any(one.endswith("/info.plist") for one in seen):
        if any(one.startswith("payload/") and one.count("/") == 2 and one.endswith(".app/info.plist") for one in seen):
            return "ipa"
        if any(".app/contents/macos/" in f"/{one}" for one in seen):
            return "mac-app"
    return ""


def _document(seen: set[str]) -> str:
    if "[content_types].xml" in seen:
        for start, name in (("word/", "docx"), ("xl/", "xlsx"), ("ppt/", "pptx")):
            if any(one.startswith(start) for one in seen):
                return name
        return "ooxml"
    if "meta-inf/container.xml" in seen and "mimetype" in seen:
        return "epub"
    return "odf" if "content.xml" in seen and "meta-inf/manifest.xml" in seen else ""
