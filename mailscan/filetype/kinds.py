"""The kinds of files, by their first octets: one table, to be read and extended.

A row is: the octets, where they stand, the kind's name, what it is called for people, and its group. Several rows may
name one kind, the text and group of the first row hold. Where octets alone do not settle it, `LOOKS` names what looks
further. Rows without octets are kinds that only such a look tells, or the text, or the members of a ZIP archive.
`filetype.may_begin` knows the first two octets of the rows that stand at 0 and have a group; a test says where not.
"""

from __future__ import annotations

from mailscan.filetype import (
    ARCHIVES,
    DISK_IMAGES,
    DOCUMENTS,
    EXECUTABLES,
    LINKS,
    MACROS,
    SCRIPTS,
    SHORTCUTS,
    SOURCE,
    TEXT,
    ZIP,
    Kind,
    disks,
    packed,
    programs,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

NONE = ""

# fmt: off
TABLE: tuple[tuple[bytes, int, str, str, str], ...] = (
    # --- programs: a system loads them, an installer or a runtime takes them
    (b"MZ", 0, "mz", "a DOS program (MZ)", EXECUTABLES),
    (b"ZM", 0, "mz", "", EXECUTABLES),
    (b"", 0, "pe", "a Windows program (PE)", EXECUTABLES),
    (b"", 0, "ne", "a 16-bit Windows or OS/2 program (NE)", EXECUTABLES),
    (b"", 0, "le", "an OS/2 program or Windows driver (LE)", EXECUTABLES),
    (b"", 0, "not-mz", "octets that begin as MZ and are no program", NONE),
    (b"\x7fELF", 0, "elf", "a Unix program (ELF)", EXECUTABLES),
    (b"", 0, "elf-object", "an ELF object or core file, which cannot be run", NONE),
    (b"\xca\xfe\xba\xbf", 0, "mach-o", "a macOS program (Mach-O)", EXECUTABLES),
    (b"\xfe\xed\xfa\xce", 0, "mach-o", "", EXECUTABLES),
    (b"\xfe\xed\xfa\xcf", 0, "mach-o", "", EXECUTABLES),
    (b"\xce\xfa\xed\xfe", 0, "mach-o", "", EXECUTABLES),
    (b"\xcf\xfa\xed\xfe", 0, "mach-o", "", EXECUTABLES),
    (b"\xca\xfe\xba\xbe", 0, "java-class", "a Java class", EXECUTABLES),
    (b"dex\n03", 0, "dex", "an Android program (DEX)", EXECUTABLES),
    (b"dey\n03", 0, "dex", "", EXECUTABLES),
    (b"ITSF\3\0\0\0", 0, "chm", "compiled Windows help (CHM), which runs script", EXECUTABLES),
    (b"ITSF\2\0\0\0", 0, "chm", "", EXECUTABLES),
    (b"\x3f\x5f\3\0", 0, "hlp", "Windows help (HLP), which runs macros", EXECUTABLES),
    (b"", 0, "msi", "a Windows installer package (MSI)", EXECUTABLES),
    (b"FWS", 0, "swf", "a Flash program (SWF)", EXECUTABLES),
    (b"CWS", 0, "swf", "", EXECUTABLES),
    (b"ZWS", 0, "swf", "", EXECUTABLES),
    (b"Cr24", 0, "crx", "a browser extension (CRX)", EXECUTABLES),
    (b"\x7a\x1a\x20\x10", 0, "sis", "a Symbian installation package (SIS)", EXECUTABLES),
    (b"\x19\x04\0\x10", 8, "sis", "", EXECUTABLES),
    (bytes.fromhex("a3484bbe986c4aa9994c530a86d6487d"), 0, "autoit", "a compiled AutoIt script", EXECUTABLES),
    (b"vdex0", 0, "vdex", "an Android verification file (VDEX)", NONE),
    (b"\0asm", 0, "wasm", "a WebAssembly module", NONE),

    # --- scripts by content: `mailscan.filetype.scripts` says which text is one
    (b"FasdUAS ", 0, "applescript", "a compiled AppleScript", SCRIPTS),
    (b"", 0, "encoded-script", "an encoded Windows script (JSE, VBE)", SCRIPTS),
    (b"", 0, "hta", "an HTML application (HTA)", SCRIPTS),
    (b"", 0, "wsf", "a Windows script (WSF)", SCRIPTS),
    (b"", 0, "sct", "a Windows scriptlet (SCT, WSC)", SCRIPTS),
    (b"", 0, "msc", "a management console file (MSC), which runs commands", SCRIPTS),
    (b"", 0, "reg", "a file of changes to the Windows registry (REG)", SCRIPTS),
    (b"", 0, "batch", "a command script (BAT, CMD)", SCRIPTS),
    (b"", 0, "powershell", "a PowerShell script", SCRIPTS),
    (b"", 0, "javascript", "a script that Windows runs (JScript)", SCRIPTS),
    (b"", 0, "vbscript", "a script that Windows runs (VBScript)", SCRIPTS),
    (b"", 0, "macos-script", "a script that macOS runs in its terminal", SCRIPTS),
    (b"", 0, "svg-script", "an SVG image with script in it", SCRIPTS),
    (b"", 0, "script-unix", "a script (#!), which systems open in an editor", SOURCE),
    (b"", 0, "inf", "setup information (INF), which Windows opens in an editor", SOURCE),
    (b"", 0, "desktop", "a desktop entry of Linux", SOURCE),

    # --- what names another thing: a file, a command, a place
    (bytes.fromhex("4c0000000114020000000000c000000000000046"), 0, "lnk", "a Windows shortcut (LNK)", SHORTCUTS),
    (b"", 0, "scf", "a command of the Windows shell (SCF)", SHORTCUTS),
    (b"", 0, "settingcontent", "a link to a Windows setting, which runs a command", SHORTCUTS),
    (b"", 0, "library-ms", "a library or search of Windows, which shows folders elsewhere", SHORTCUTS),
    (b"", 0, "url-file", "a link that opens files or programs", SHORTCUTS),
    (b"", 0, "desktop-command", "a desktop entry of Linux that runs a command line", SHORTCUTS),
    (b"", 0, "rdp", "a remote desktop connection (RDP)", SHORTCUTS),
    (b"", 0, "iqy", "a web query (IQY), whose answer Excel computes", SHORTCUTS),
    (b"", 0, "theme", "a Windows theme, which loads files from elsewhere", SHORTCUTS),
    (b"", 0, "jnlp", "a link that starts a Java program (JNLP)", SHORTCUTS),
    (b"", 0, "clickonce", "a link that installs a Windows program (ClickOnce)", SHORTCUTS),
    (b"", 0, "url", "a link to a web page", LINKS),

    # --- archives, compressed data, and what carries files in text
    (b"PK\3\4", 0, "zip", ZIP.text, ARCHIVES),
    (b"PK\5\6", 0, "zip", "", ARCHIVES),
    (b"PK\7\x08PK", 0, "zip", "", ARCHIVES),
    (b"PK00PK", 0, "zip", "", ARCHIVES),
    (b"\x1f\x8b\x08", 0, "gzip", "gzip-compressed data", ARCHIVES),
    (b"BZh", 0, "bzip2", "bzip2-compressed data", ARCHIVES),
    (b"\xfd7zXZ\0", 0, "xz", "xz-compressed data", ARCHIVES),
    (b"", 0, "lzma", "LZMA-compressed data", ARCHIVES),
    (b"LZIP\0", 0, "lzip", "lzip-compressed data", ARCHIVES),
    (b"LZIP\1", 0, "lzip", "", ARCHIVES),
    (b"\x28\xb5\x2f\xfd", 0, "zstd", "Zstandard-compressed data", ARCHIVES),
    (b"\x1e\xb5\x2f\xfd", 0, "zstd-old", "Zstandard data of a version before 0.8", ARCHIVES),
    (b"\x22\xb5\x2f\xfd", 0, "zstd-old", "", ARCHIVES),
    (b"\x23\xb5\x2f\xfd", 0, "zstd-old", "", ARCHIVES),
    (b"\x24\xb5\x2f\xfd", 0, "zstd-old", "", ARCHIVES),
    (b"\x25\xb5\x2f\xfd", 0, "zstd-old", "", ARCHIVES),
    (b"\x26\xb5\x2f\xfd", 0, "zstd-old", "", ARCHIVES),
    (b"\x27\xb5\x2f\xfd", 0, "zstd-old", "", ARCHIVES),
    (b"\x37\xa4\x30\xec", 0, "zstd-dictionary", "a Zstandard dictionary", NONE),
    (b"\x04\x22\x4d\x18", 0, "lz4", "LZ4-compressed data", ARCHIVES),
    (b"\x02\x21\x4c\x18", 0, "lz4", "", ARCHIVES),
    (b"\x89LZO\0\r\n\x1a\n", 0, "lzop", "lzop-compressed data", ARCHIVES),
    (b"\x1f\x9d", 0, "compress", "compress(1) data", ARCHIVES),
    (b"GRZipII\0", 0, "grzip", "grzip-compressed data", ARCHIVES),
    (b"LRZI\0", 0, "lrzip", "lrzip-compressed data", ARCHIVES),
    (b"SZDD\x88\xf0\x27\x33", 0, "szdd", "a file compressed by MS-DOS", ARCHIVES),
    (b"SZ \x88\xf0\x27\x33\xd1", 0, "szdd", "", ARCHIVES),
    (b"KWAJ\x88\xf0\x27\xd1", 0, "kwaj", "a file compressed by MS-DOS (KWAJ)", ARCHIVES),
    (b"7z\xbc\xaf\x27\x1c", 0, "7z", "a 7z archive", ARCHIVES),
    (b"Rar!\x1a\x07", 0, "rar", "a RAR archive", ARCHIVES),
    (b"RE~^", 0, "rar", "", ARCHIVES),
    (b"MSCF\0\0\0\0", 0, "cab", "a Windows cabinet", ARCHIVES),
    (b"ISc(", 0, "iscab", "an InstallShield cabinet", ARCHIVES),
    (b"\x60\xea", 0, "arj", "an ARJ archive", ARCHIVES),
    (b"-lh", 2, "lha", "an LHA archive", ARCHIVES),
    (b"-lz", 2, "lha", "", ARCHIVES),
    (b"-pm", 2, "lha", "", ARCHIVES),
    (b"**ACE**", 7, "ace", "an ACE archive", ARCHIVES),
    (b"ustar", 257, "tar", "a tar archive", ARCHIVES),
    (b"070701", 0, "cpio", "a cpio archive", ARCHIVES),
    (b"070702", 0, "cpio", "", ARCHIVES),
    (b"070707", 0, "cpio", "", ARCHIVES),
    (b"\xc7\x71", 0, "cpio", "", ARCHIVES),
    (b"\x71\xc7", 0, "cpio", "", ARCHIVES),
    (b"!<arch>", 0, "ar", "an ar or Debian package archive", ARCHIVES),
    (b"xar!", 0, "xar", "a xar archive (macOS package)", ARCHIVES),
    (b"\xed\xab\xee\xdb", 0, "rpm", "an RPM package", ARCHIVES),
    (b"\x78\x9f\x3e\x22", 0, "tnef", "a TNEF attachment (winmail.dat)", DOCUMENTS),
    (b"\x00\x05\x16\x00", 0, "applesingle", "a Macintosh file (AppleSingle)", ARCHIVES),
    (b"\x00\x05\x16\x07", 0, "appledouble", "the Macintosh side of a file (AppleDouble)", NONE),
    (b"", 0, "macbinary", "a Macintosh file (MacBinary)", ARCHIVES),
    (b"ActiveMime\0", 0, "activemime", "the macros of an Office document (ActiveMime)", ARCHIVES),
    (b"", 0, "binhex", "a Macintosh file (BinHex)", ARCHIVES),
    (b"", 0, "uuencode", "uuencoded data", ARCHIVES),
    (b"", 0, "yenc", "data in yEnc", ARCHIVES),
    (b"", 0, "mbox", "a mailbox (mbox)", DOCUMENTS),
    (b"", 0, "mail", "a mail message", DOCUMENTS),

    # --- disk images
    (b"CD001", 0x8001, "iso", "a CD or DVD image (ISO 9660)", DISK_IMAGES),
    (b"\0" + b"\xff" * 10 + b"\0", 0, "cd-raw", "a raw CD image", DISK_IMAGES),
    (b"BEA01", 0x8001, "udf", "a DVD image (UDF)", DISK_IMAGES),
    (b"NSR0", 0x8001, "udf", "", DISK_IMAGES),
    (b"", 0, "img", "a disk image", DISK_IMAGES),
    (b"conectix", 0, "vhd", "a virtual disk (VHD)", DISK_IMAGES),
    (b"vhdxfile", 0, "vhdx", "a virtual disk (VHDX)", DISK_IMAGES),
    (b"KDMV", 0, "vmdk", "a virtual disk (VMDK)", DISK_IMAGES),
    (b"COWD", 0, "vmdk", "", DISK_IMAGES),
    (b"QFI\xfb", 0, "qcow", "a virtual disk (QCOW)", DISK_IMAGES),
    (b"\x7f\x10\xda\xbe", 64, "vdi", "a virtual disk (VDI)", DISK_IMAGES),
    (b"encrcdsa", 0, "dmg", "a macOS disk image (DMG)", DISK_IMAGES),
    (b"ER\2\0", 0, "img", "", DISK_IMAGES),
    (b"sprs\0", 0, "sparseimage", "a macOS disk image (sparse)", DISK_IMAGES),
    (b"MSWIM\0\0\0", 0, "wim", "a Windows image (WIM)", DISK_IMAGES),
    (b"WLPWM\0\0\0", 0, "wim", "", DISK_IMAGES),
    (b"hsqs", 0, "squashfs", "a SquashFS image", DISK_IMAGES),
    (b"\x45\x3d\xcd\x28", 0, "cramfs", "a cramfs image", DISK_IMAGES),
    (b"-rom1fs-", 0, "romfs", "a romfs image", DISK_IMAGES),
    (b"IsZ!", 0, "isz", "a compressed CD image (ISZ)", DISK_IMAGES),
    (b"DAA\0", 0, "daa", "a compressed CD image (DAA)", DISK_IMAGES),
    (b"NXSB", 32, "apfs", "a macOS disk image (APFS)", DISK_IMAGES),
    (b"H+\0\4", 1024, "hfs", "a macOS disk image (HFS+)", DISK_IMAGES),
    (b"HX\0\5", 1024, "hfs", "", DISK_IMAGES),

    # --- documents that may carry something: openers look into them
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", 0, "ole", "an OLE document", DOCUMENTS),
    (bytes.fromhex("e4525c7b8cd8a74daeb15378d02996d3"), 0, "onenote", "a OneNote document", DOCUMENTS),
    (bytes.fromhex("a12fff43d9ef764c9ee210ea5722765f"), 0, "onenote", "", DOCUMENTS),
    (b"%PDF-", 0, "pdf", "a PDF document", DOCUMENTS),
    (b"{\\rt", 0, "rtf", "an RTF document", DOCUMENTS),
    (b"%!PS", 0, "postscript", "a PostScript document", NONE),
    (b"\xc5\xd0\xd3\xc6", 0, "postscript", "", NONE),
    (b"", 0, "html", "an HTML document", DOCUMENTS),
    (b"", 0, "svg", "an SVG image", DOCUMENTS),
    (b"", 0, "office-xml", "an Office document as XML", DOCUMENTS),
    (b"", 0, "mhtml", "a web archive (MHTML)", DOCUMENTS),
    (b"", 0, "slk", "a spreadsheet (SYLK)", DOCUMENTS),
    (b"", 0, "slk-macros", "a spreadsheet (SYLK) with macros", MACROS),
    (b"\x09\0\4\0", 0, "biff", "a spreadsheet of Excel 2 to 4", DOCUMENTS),
    (b"\x09\2\6\0", 0, "biff", "", DOCUMENTS),
    (b"\x09\4\6\0", 0, "biff", "", DOCUMENTS),
    (b"", 0, "biff-macros", "a macro sheet of Excel 2 to 4", MACROS),
    (b"\0\1\0\0Standard Jet DB\0", 0, "access", "an Access database, which runs macros", MACROS),
    (b"\0\1\0\0Standard ACE DB\0", 0, "access", "", MACROS),
    (b"", 0, "docx", "a Word document (OOXML)", DOCUMENTS),
    (b"", 0, "xlsx", "an Excel document (OOXML)", DOCUMENTS),
    (b"", 0, "pptx", "a PowerPoint document (OOXML)", DOCUMENTS),
    (b"", 0, "ooxml", "an Office document (OOXML)", DOCUMENTS),
    (b"", 0, "odf", "an OpenDocument file", DOCUMENTS),
    (b"", 0, "epub", "an EPUB book", DOCUMENTS),

    # --- ZIP archives that are programs by what they hold (`zip_kind`)
    (b"", 0, "jar", "a Java program (JAR)", EXECUTABLES),
    (b"", 0, "apk", "an Android package (APK)", EXECUTABLES),
    (b"", 0, "appx", "a Windows package (APPX, MSIX)", EXECUTABLES),
    (b"", 0, "xpi", "a browser extension (XPI)", EXECUTABLES),
    (b"", 0, "ipa", "an iOS application (IPA)", EXECUTABLES),
    (b"", 0, "mac-app", "a ZIP archive with a macOS application", EXECUTABLES),

    # --- innocent ones: that they are known keeps libmagic unasked
    (b"\x89PNG\r\n\x1a\n", 0, "png", "a PNG image", NONE),
    (b"\xff\xd8\xff", 0, "jpeg", "a JPEG image", NONE),
    (b"GIF8", 0, "gif", "a GIF image", NONE),
    (b"BM", 0, "bmp", "a Windows bitmap", NONE),
    (b"II*\0", 0, "tiff", "a TIFF image", NONE),
    (b"MM\0*", 0, "tiff", "", NONE),
    (b"\0\0\1\0", 0, "ico", "an icon", NONE),
    (b"\xd7\xcd\xc6\x9a\0\0", 0, "wmf", "a Windows metafile", NONE),
    (b"\1\0\x09\0\0\3", 0, "wmf", "", NONE),
    (b" EMF", 40, "emf", "a Windows metafile (EMF)", NONE),
    (b"8BPS\0", 0, "psd", "a Photoshop image", NONE),
    (b"\0\0\0\x0cjP  ", 0, "jp2", "a JPEG 2000 image", NONE),
    (b"\0\0\0\x0cJXL ", 0, "jxl", "a JPEG XL image", NONE),
    (b"\xff\x0a", 0, "jxl", "", NONE),
    (b"RIFF", 0, "riff", "RIFF media (WebP, WAV, AVI)", NONE),
    (b"FORM\0", 0, "iff", "IFF media (AIFF)", NONE),
    (b".snd\0", 0, "au", "AU audio", NONE),
    (b"OggS\0", 0, "ogg", "Ogg media", NONE),
    (b"fLaC\0", 0, "flac", "FLAC audio", NONE),
    (b"#!AMR", 0, "amr", "AMR audio", NONE),
    (b"ID3", 0, "mp3", "MP3 audio", NONE),
    (b"\xff\xfb", 0, "mp3", "", NONE),
    (b"\xff\xfa", 0, "mp3", "", NONE),
    (b"\xff\xf3", 0, "mp3", "", NONE),
    (b"\xff\xf1", 0, "aac", "AAC audio", NONE),
    (b"\xff\xf9", 0, "aac", "", NONE),
    (b"ftyp", 4, "mp4", "MP4 or QuickTime media", NONE),
    (b"\x1a\x45\xdf\xa3", 0, "matroska", "Matroska or WebM media", NONE),
    (b"\0\0\1\xba", 0, "mpeg", "MPEG media", NONE),
    (b"\0\0\1\xb3", 0, "mpeg", "", NONE),
    (b"\x30\x26\xb2\x75", 0, "asf", "Windows media", NONE),
    (b"FLV\1", 0, "flv", "Flash video", NONE),
    (b"MThd\0\0", 0, "midi", "MIDI music", NONE),
    (b"\x30\x80", 0, "pkcs7", "a CMS (S/MIME) object", NONE),
    (b"\x30\x82", 0, "pkcs7", "", NONE),
    (b"\x30\x83", 0, "pkcs7", "", NONE),
    (b"", 0, "der", "an ASN.1 object (DER: a certificate, a key)", NONE),
    (b"SQLite format 3\0", 0, "sqlite", "an SQLite database", NONE),
    (b"bplist0", 0, "bplist", "a binary property list", NONE),
    (b"wOF2", 0, "font", "a font", NONE),
    (b"wOFF", 0, "font", "", NONE),
    (b"OTTO\0", 0, "font", "", NONE),
    (b"\0\1\0\0\0", 0, "font", "", NONE),
    (b"\xef\xbb\xbf", 0, "text", TEXT.text, NONE),
    (b"\xff\xfe", 0, "text", "", NONE),
    (b"\xfe\xff", 0, "text", "", NONE),
    # XML in UTF-16 needs no mark (XML 1.0 F.1).
    (b"<\0?\0", 0, "text", "", NONE),
    (b"<\0!\0", 0, "text", "", NONE),
    (b"<\0s\0", 0, "text", "", NONE),
    (b"\0<\0?", 0, "text", "", NONE),
    (b"\0<\0!", 0, "text", "", NONE),
    (b"\0<\0s", 0, "text", "", NONE),
)

# What looks further where the octets of a row are there: it gives the name of a kind, or "" where it is none of ours.
LOOKS: dict[str, Callable[[bytes], str]] = {
    "mz": programs.mz,
    "elf": programs.elf,
    "java-class": programs.cafebabe,
    "swf": programs.swf,
    "ole": programs.ole,
    "biff": programs.biff,
    "bmp": packed.bmp,
    "pkcs7": packed.der,
    "arj": packed.arj,
    "lha": packed.lha,
    "cpio": packed.cpio,
    "cd-raw": disks.raw_cd,
}
# fmt: on

KINDS: dict[str, Kind] = {TEXT.name: TEXT, ZIP.name: ZIP}
_BY_TWO: dict[bytes, list[tuple[bytes, str]]] = {}
_NEAR: list[tuple[int, int, bytes, str]] = []
_FAR: list[tuple[int, int, bytes, str]] = []
for _octets, _at, _name, _text, _group in TABLE:
    if _name not in KINDS:
        KINDS[_name] = Kind(_name, _text, _group)
    if _at:
        (_NEAR if _at < 512 else _FAR).append((_at, _at + len(_octets), _octets, _name))
    elif _octets:
        _BY_TWO.setdefault(_octets[:2], []).append((_octets, _name))


def first_octets(data: bytes) -> Kind | None:
    """The kind that the table tells; None where it does not settle it."""
    name = _named(data)
    # A macOS disk image is told by its last 512 octets; it begins as whatever its first block is packed by.
    if name in disks.HIDE_IMAGES and (trailer := disks.trailer(data)):
        name = trailer
    return KINDS[name] if name else None


def _named(data: bytes) -> str:
    for octets, name in _BY_TWO.get(data[:2], ()):
        if data.startswith(octets) and (told := LOOKS[name](data) if name in LOOKS else name):
            return told
    # What stands before a file system is its maker's to fill.
    if len(data) > 1024:
        for start, end, octets, name in _FAR:
            if data[start:end] == octets:
                return name
        if len(data) > disks.DESCRIPTORS and disks.has_udf(data):
            return "udf"
    # None of the rest is without a NUL near its beginning (an LHA archive need not have one); text hardly ever has.
    if 0 not in data[:512] and data[2:4] not in (b"-l", b"-p"):
        return "pdf" if packed.late_pdf(data) else ""
    for start, end, octets, name in _NEAR:
        if data[start:end] == octets and (told := LOOKS[name](data) if name in LOOKS else name):
            return told
    return disks.image(data) or packed.weak(data)


def also(data: bytes) -> tuple[Kind, ...]:
    """See `mailscan.filetype.also`."""
    names = [name for start, end, octets, name in _FAR if data[start:end] == octets]
    if len(data) > disks.DESCRIPTORS and disks.has_udf(data):
        names.append("udf")
    names.append(disks.trailer(data))
    if packed.late_pdf(data):
        names.append("pdf")
    return tuple(KINDS[name] for name in dict.fromkeys(names) if name)
