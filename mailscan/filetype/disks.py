"""Disk images: what stands where a file system or a virtual disk has it. The names of kinds, "" for none."""

from __future__ import annotations

# Where the volume descriptors of ISO 9660 (8.1) and ECMA-167 (part 2, 8.3.1) begin, and how much of it tells.
DESCRIPTORS = 0x8000
ENOUGH = 0xA000
_SECTOR = 2048
# Kinds, and the want of one, behind which an image may be that only its last octets tell.
HIDE_IMAGES = ("", "bzip2", "xz", "lzma", "img")


def may_begin(head: bytes) -> bool:
    """Whether a disk image may begin so, though the first 4 kB do not tell: zeros, or a boot sector."""
    return not head[:512].strip(b"\0") or head[510:512] == b"\x55\xaa" or head[:4] in (b"ER\2\0", b"\x33\xed\x90\x90")


def trailer(data: bytes) -> str:
    """What the last 512 octets tell: `koly` of a macOS disk image, `conectix` of a virtual disk of fixed size."""
    last = data[-512:-504]
    if last[:4] == b"koly":
        return "dmg"
    # Old ones have 511 octets there.
    return "vhd" if last == b"conectix" or data[-511:-503] == b"conectix" else "dmg" if last == b"cdsaencr" else ""


def image(data: bytes) -> str:
    """A boot sector, a partition table, or a file system of Linux."""
    if data[510:512] == b"\x55\xaa" and (_is_fat(data) or _is_partitioned(data)):
        return "img"
    # ext2 to ext4: the superblock's magic, with a state, an answer to errors and a block size that there are.
    if data[0x438:0x43A] == b"\x53\xef" and len(data) > 0x43E and data[0x43A] <= 7 and data[0x43C] <= 3:
        return "img" if int.from_bytes(data[0x418:0x41C], "little") <= 6 else ""
    return ""


def has_udf(data: bytes) -> bool:
    """Whether there is a UDF file system, which may stand beside one of ISO 9660, with other files."""
    return any(data[at + 1 : at + 5] == b"NSR0" for at in range(DESCRIPTORS, DESCRIPTORS + 16 * _SECTOR, _SECTOR))


def raw_cd(data: bytes) -> str:
    """An image of whole sectors of 2352 octets: the sync field is there again after the first one."""
    return "cd-raw" if data[2352:2364] == data[:12] else ""


def _is_fat(data: bytes) -> bool:
    """The boot sector of FAT, exFAT or NTFS."""
    if data[3:11] in (b"NTFS    ", b"EXFAT   "):
        return True
    jumps = data[:1] == b"\xe9" or (data[:1] == b"\xeb" and data[2:3] == b"\x90")
    return jumps and data[11:13] in (b"\0\2", b"\0\4", b"\0\x08", b"\0\x10") and b"FAT" in data[54:90]


def _is_partitioned(data: bytes) -> bool:
    """A master boot record: four entries that are empty or sound, and not all empty."""
    entries = [data[at : at + 16] for at in range(446, 510, 16)]
    if any(entry[0] not in (0, 0x80) for entry in entries):
        return False
    used = [entry for entry in entries if entry[4]]
    return bool(used) and all(any(entry[8:12]) and any(entry[12:16]) for entry in used)
