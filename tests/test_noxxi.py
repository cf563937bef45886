"""The MIME of noxxi's toolkit: what it hides from one reader or another is found, or it is said that readers differ."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from mailscan.message import Message

if TYPE_CHECKING:
    from pathlib import Path

# Said of three messages: their BinHex holds "ARRAY(0x55a642d8d418)", an array's name instead of its octets.
NOT_HIDDEN = {"multipart-basic-singlepart-binhex", "multipart-basic-singlepart-binhex40"} | {
    "multipart-basic-singlepart-mac-binhex40"
}
# Controls of the second folder: the name is file.png.
CONTROLS = {"fname-cdisp.png", "fname-ctype.png"}
PAYLOAD = (b"PK\x03\x04", b"eicar.com", b"PK\x05\x06")
_ID = re.compile(rb"^X-Payload-Id: (\S+) valid\((\d)\)", re.MULTILINE)


class Case(NamedTuple):
    """One message of the suite: its kind and how valid it is (3 fully, 0 off), as its author says."""

    kind: str
    valid: int
    message: Message

    def holds_payload(self) -> bool:
        """Whether some part is the archive of the suite, whole but for what was left at its ends."""
        return any(all(one in part.data for one in PAYLOAD) for part in self.message.parts if not part.children)

    def has_zip_name(self) -> bool:
        return any(name.lower().endswith(".zip") for part in self.message.parts for name in part.filenames)


def cases(corpora: Path, folder: str) -> list[Case]:
    found = []
    for path in sorted((corpora / "mime/noxxi-mime-is-broken" / folder).glob("*.eml")):
        raw = path.read_bytes()
        said = _ID.search(re.sub(rb"\r?\n[ \t]+", b" ", raw[:4000]))
        assert said, path
        found.append(Case(said[1].decode(), int(said[2]), Message(raw)))
    return found


def test_hidden_content_is_found(corpora: Path) -> None:
    suite = cases(corpora, "hide-content")
    missed = [one for one in suite if not one.holds_payload()]
    print(f"\ncontent found in {len(suite) - len(missed)} of {len(suite)}; missed: {[one.kind for one in missed]}")
    assert len(suite) > 150
    assert {one.kind for one in missed} <= NOT_HIDDEN


def test_what_is_valid_is_in_some_reading(corpora: Path) -> None:
    suite = [one for one in cases(corpora, "hide-content") if one.valid >= 2]
    assert len(suite) > 5
    for one in suite:
        assert one.holds_payload(), one.kind
        assert one.message.ambiguities == (), one.kind


def test_every_hidden_content_is_found_or_named(corpora: Path) -> None:
    suite = cases(corpora, "hide-content")
    silent = [one.kind for one in suite if not one.holds_payload() and not one.message.ambiguities]
    assert silent == []


def test_hidden_names_are_found(corpora: Path) -> None:
    suite = cases(corpora, "hide-filename")
    missed = [one.kind for one in suite if not one.has_zip_name()]
    print(f"\nname found in {len(suite) - len(missed)} of {len(suite)}; missed: {missed}")
    assert len(suite) > 80
    assert set(missed) <= CONTROLS


def test_comments_are_read_past_by_the_first_reading(corpora: Path) -> None:
    """RFC 2045 5.1: a comment may stand between the tokens of Content-Type."""
    for one in cases(corpora, "hide-content"):
        if one.kind.startswith(("multipart-comment-C_keb.b", "multipart-comment-keCb.b")):
            assert [part.path for part in one.message.readings[0].walk()] == ["1", "1.1", "1.2"]
