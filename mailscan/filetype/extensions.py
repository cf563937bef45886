"""What file names mean: what a computer does with a file of that extension when a person opens it.

One table, to be read and extended: the group, what it is, the extensions. The groups `executables`, `scripts` and
`shortcuts` are what Windows, macOS or a Java runtime starts by itself, and what hands them a command or another
machine's files. The others are not run: `links` name a web page, `source` is run by programs that people install
themselves and opens in an editor elsewhere (docs/decisions/005-what-octets-are.md), `macros` are documents that may
run something after a question. Certificates, calendars, reports and text have no row.
"""

from __future__ import annotations

from mailscan.filetype import ARCHIVES, DISK_IMAGES, EXECUTABLES, LINKS, MACROS, SCRIPTS, SHORTCUTS, SOURCE

# fmt: off
TABLE: tuple[tuple[str, str, str], ...] = (
    (EXECUTABLES, "a program", "exe com scr pif cpl xll ocx dll appimage"),
    (EXECUTABLES, "an application in a document", "chm xbap gadget"),
    (EXECUTABLES, "a Windows installer", "msi msp mst msu msix msixbundle appx appxbundle diagcab"),
    (EXECUTABLES, "a Windows scrap object", "shs shb"),
    (EXECUTABLES, "a Java program", "jar"),
    (EXECUTABLES, "an Android package", "apk"),
    (EXECUTABLES, "something macOS runs or installs", "pkg mpkg"),
    # Firefox installs it in two clicks, and it reads every page from then on.
    (EXECUTABLES, "a browser extension", "xpi"),
    (SCRIPTS, "a command script", "bat cmd ps1"),
    (SCRIPTS, "a Windows script", "vbs vbe vb js jse ws wsf wsc wsh sct"),
    (SCRIPTS, "an application in a document", "hta msc"),
    (SCRIPTS, "changes to the Windows registry", "reg"),
    # A compiled script opens in an editor with a button that runs it, which is what its senders count on.
    (SCRIPTS, "something macOS runs or installs", "command terminal tool scpt scptd"),
    # library-ms and search-ms show a stranger's folder as one of the recipient's own.
    (SHORTCUTS, "a Windows shortcut", "lnk scf settingcontent-ms library-ms search-ms searchconnector-ms"),
    (SHORTCUTS, "a link that installs a Windows program", "application appref-ms appinstaller"),
    (SHORTCUTS, "a link that starts a Java program", "jnlp"),
    (SHORTCUTS, "a link that opens files", "inetloc fileloc"),
    # It hands the recipient's drives and clipboard to the machine it names.
    (SHORTCUTS, "a remote desktop connection", "rdp"),
    # What it fetches is computed: a DDE formula in the answer starts programs.
    (SHORTCUTS, "a query whose answer Excel computes", "iqy oqy dqy rqy"),
    (SHORTCUTS, "a Windows theme, which loads files from elsewhere", "theme themepack deskthemepack"),
    (LINKS, "a link to a web page", "url website webloc"),
    (SOURCE, "a script, by programs that people install themselves",
     "py pyw pyc pyz pyzw pl pm sh bash csh ksh zsh fish run rb php lua tcl awk ahk au3 a3x psm1 psd1 ps1xml psc1"
     " applescript desktop inf mjs cjs"),
    (MACROS, "an Office document with macros",
     "docm dotm xlsm xltm xlam pptm potm ppam ppsm sldm xla xlm ppa wiz"),
    (MACROS, "a spreadsheet that may hold macros (SYLK)", "slk"),
    (MACROS, "an Access database, which runs macros",
     "mdb mde mda accdb accde accda accdr accdu ade adp mam maq mar mat maf"),
    (DISK_IMAGES, "a disk image",
     "iso img udf vhd vhdx avhd avhdx vmdk vdi qcow2 dmg toast cdr sparseimage sparsebundle wim swm esd"
     " nrg mdf mds isz daa uif squashfs snap"),
    (ARCHIVES, "an archive",
     "zip zipx 7z rar rev tar gz tgz bz2 tbz tbz2 xz txz lzma tlz lz lz4 lzo zst tzst z taz cab arj lha lzh ace arc zoo"
     " cpio deb rpm ar xar sit sitx alz egg uha zpaq br uue uu hqx"),
)
# What a person takes a file for by its extension, and would open without a thought.
LOOKS_LIKE: tuple[tuple[str, str], ...] = (
    ("a document",
     "pdf doc docx docm dot dotx odt ott rtf wpd wps pages xls xlsx xlsm xlsb xlt xltx ods numbers csv ppt pptx pptm"
     " pps ppsx pot potx odp key odg pub vsd vsdx mpp one xps oxps epub mobi azw djvu ps eps tex eml msg"
     " ics vcf hwp hwpx htm html xhtml mht mhtml"),
    ("a text", "txt text log md csv tsv"),
    ("a picture", "jpg jpeg jpe jfif png gif bmp tif tiff webp heic heif avif ico svg psd wmf emf"),
    ("audio", "mp3 wav wma m4a ogg oga flac aac amr mid midi aif aiff opus"),
    ("a video", "mp4 m4v mov avi wmv mpg mpeg mkv webm flv 3gp"),
    ("an archive", "zip 7z rar gz tgz"),
)
# fmt: on
_NAMED: dict[str, tuple[str, str]] = {
    ending: (group, what) for group, what, endings in TABLE for ending in endings.split()
}
_LIKE: dict[str, str] = {ending: what for what, endings in LOOKS_LIKE for ending in endings.split()}
_RUN = (EXECUTABLES, SCRIPTS, SHORTCUTS)
# What is run as what, of the groups that are dangerous by default.
EXECUTABLE_NAMES: dict[str, str] = {one: what for one, (group, what) in _NAMED.items() if group in _RUN}


def is_class_id(ending: str) -> bool:
    """Whether the extension is the class id of a COM class, which Windows takes for one."""
    return len(ending) == 38 and ending[0] == "{" and ending[-1] == "}"


def named(ending: str) -> tuple[str, str]:
    """(group, what it is) of an extension in lower case; ("", "") of one that means nothing here."""
    if is_class_id(ending):
        return EXECUTABLES, "whatever its class id names"
    return _NAMED.get(ending, ("", ""))


def looks_like(ending: str) -> str:
    """What a person takes a file with this extension for: "a document", "a picture" …; "" if for none of these."""
    return _LIKE.get(ending, "")
