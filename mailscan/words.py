"""Words and regular expressions of a policy, and how they are compared with text that a sender wrote."""

from __future__ import annotations

from mailscan.keys import texts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from re import Match, Pattern

    from mailscan.message import Field, Message
    from mailscan.text import Run

LONGEST_WORD = 500
# A text is folded piece by piece, since NFKC can make 18 characters of one, and since no signal reaches Python while it
# works. A word that touches the cut end of a piece is found in the next one, which repeats the last `_SHARED`
# characters that make a difference: NFKC makes one of four at most.
_PIECE = 1 << 16
_SHARED = 4 * LONGEST_WORD
# So many combining marks may follow each other (Unicode UAX 15, 13); of more, `normalize` takes the square.
_MOST_MARKS = 30
_PILE = r"[^\x00-\u02ff\w\s]{31,}"
_BLANKS = r"\s{2,}"
# The ligatures of which NFKC makes 18 and 8 letters: how often each is spelt out in a piece, and what stands for the
# others, its first letter and its last.
_SPELT_OUT = 100
_LONG_ONES = (("\ufdfa", "\u0635\u0645"), ("\ufdfb", "\u062c\u0647"))

# Code points that show nothing (Default_Ignorable_Code_Point of Unicode), and the controls that are no blanks.
_INVISIBLE = (
    (0x00, 0x08), (0x0E, 0x1B), (0x7F, 0x84), (0x86, 0x9F), (0xAD, 0xAD), (0x34F, 0x34F), (0x61C, 0x61C),
    (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F), (0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x206F),
    (0x3164, 0x3164), (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF), (0xFFA0, 0xFFA0), (0xFFF0, 0xFFF8), (0x1BCA0, 0x1BCA3),
    (0x1D173, 0x1D17A), (0xE0000, 0xE0FFF),
)  # fmt: skip
# Letters of scripts that are written without blanks, or (Hangul) that take their particles without one.
_SPACELESS = (
    (0x0E00, 0x0FFF), (0x1000, 0x11FF), (0x1780, 0x17FF), (0x2E80, 0x2FDF), (0x3005, 0x3007), (0x3040, 0x31FF),
    (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xA960, 0xA97F), (0xAC00, 0xD7FF), (0xF900, 0xFAFF), (0x20000, 0x3FFFF),
)  # fmt: skip
# What looks like a blank and is none, besides what `str.isprintable` knows.
_BLANK = " \u034f\u115f\u1160\u2800\u3164\uffa0"
_invisible: dict[int, None] = {}


def folded(text: str) -> str:
    """The text for comparison: NFKC_Casefold (Unicode 3.13), without controls, each run of blanks one blank.

    So full-width letters, capitals and zero-width characters make no difference; of a pile of combining marks the first
    30 are looked at. Takes any text, and takes no more than in proportion to it.
    """
    if text.isascii() and text.isprintable():
        return " ".join(text.lower().split())
    return _folded(cleaned(text))


def _folded(text: str) -> str:
    """The same of text that is `cleaned`."""
    if text.isascii():
        return " ".join(text.lower().split())
    from unicodedata import normalize

    for ligature, letters in _LONG_ONES:
        if ligature in text:
            text = text.replace(ligature, normalize("NFKC", ligature), _SPELT_OUT).replace(ligature, letters)
    return " ".join(normalize("NFKC", normalize("NFKC", text).casefold()).split())


def cleaned(text: str) -> str:
    """The text without what makes no difference but to its length: characters that show nothing, all but one of several
    blanks, and combining marks on a pile of them.
    """
    if text.isascii() and text.isprintable() and "  " not in text:
        return text
    import re

    text = without_invisible(text)
    if not text.isascii():
        # They are letters by themselves, and marks when they are folded.
        text = text.replace("\uff9e", "\u3099").replace("\uff9f", "\u309a")
        text = re.sub(_PILE, _without_piles, text)
    return re.sub(_BLANKS, " ", text)


def _without_piles(match: Match[str]) -> str:
    """A run of characters that are no letters, without the marks that are too many."""
    from unicodedata import category

    kept: list[str] = []
    marks = 0
    for char in match[0]:
        marks = marks + 1 if category(char)[0] == "M" else 0
        if marks <= _MOST_MARKS:
            kept.append(char)
    return "".join(kept)


def without_invisible(text: str) -> str:
    """The text without the characters that show nothing, and without controls that are no blanks."""
    if not _invisible:
        for first, last in _INVISIBLE:
            _invisible.update(dict.fromkeys(range(first, last + 1)))
    return text.translate(_invisible)


def beginning(text: str) -> str:
    """The first 1,000 characters that show something, folded, after the blanks."""
    return _folded(first_shown(text, 1000))


def first_shown(text: str, count: int) -> str:
    """So many characters of a text that show something, `cleaned`, after the blanks; however many show nothing."""
    found = ""
    at, size = 0, 2 * count
    while at < len(text) and len(found) < count:
        found += cleaned(text[at : at + size])
        skip = 0
        while skip < len(found) and (found[skip] in _BLANK or not found[skip].isprintable()):
            skip += 1
        found = found[skip:]
        at, size = at + size, _PIECE
    return found[:count]


class Words(tuple[str, ...]):
    """Words, or phrases, of which one is to stand in a text as a whole, whatever its case and width.

    A word ends where a letter or digit does not follow it; in scripts that are written without blanks (Han, kana,
    Thai …) it may stand anywhere. Raises `ValueError` for one that is empty when folded, or too long.
    """

    _folded: tuple[str, ...] = ()

    def __new__(cls, items: tuple[str, ...]) -> Words:
        words = super().__new__(cls, items)
        words._folded = tuple(map(folded, items))
        for item, one in zip(items, words._folded, strict=True):
            if not 0 < len(one) <= LONGEST_WORD:
                raise ValueError(f'"{item[:60]}" is no word or phrase of 1 to {LONGEST_WORD} characters')
        return words

    def find(self, text: str) -> str | None:
        """The first of these words, as the policy writes it, that stands in the text; None if none does."""
        for piece, cut_before, cut_after in _pieces(text):
            for item, word in zip(self, self._folded, strict=True):
                at = piece.find(word)
                while at >= 0:
                    end = at + len(word)
                    cut = (cut_before and at == 0) or (cut_after and end == len(piece))
                    if not cut and not _goes_on(piece, at) and not _goes_on(piece, end):
                        return item
                    at = piece.find(word, at + 1)
        return None


class Patterns(tuple["Pattern[str]", ...]):
    """Regular expressions of which one is to match somewhere in a text."""

    def find(self, text: str) -> str | None:
        """The first of these patterns, as the policy writes it, that matches; None if none does."""
        return next((one.pattern for one in self if _matches(one, text)), None)


def _matches(pattern: Pattern[str], text: str) -> bool:
    # In short text the square is nothing; what doubles has a repeat within a repeat, which takes parentheses.
    short = len(text) < 2000
    written = pattern.pattern
    if (short and ")" not in written) or not any(sign in written for sign in ("*", "+", "{")):
        return pattern.search(text) is not None
    from mailscan.linear import matches

    return matches(pattern, text, short=short)


def shown_text(message: Message, field: Field) -> str:
    """The decoded text of a field of this message's header; raw octets are read by the charset the message declares."""
    return field.text if field.value.isascii() else "".join(run.text for run in shown_runs(message, field))


def shown_runs(message: Message, field: Field) -> list[Run]:
    """The same by encoded-words and what stands between them (RFC 2047)."""
    from mailscan.text import decode_words

    hint = None
    if not field.value.isascii():
        hint = next((part.charset for part in message.parts if part.charset), None)
    return decode_words(field.value, hint)


def words(value: object, folder: str) -> Words:
    """a list of words or phrases, found whole and whatever their case"""
    return Words(texts(value, folder))


def patterns(value: object, folder: str) -> Patterns:
    """a list of Python regular expressions; case makes no difference but in `(?-i:…)`"""
    return Patterns(map(_compiled, texts(value, folder)))


def _compiled(text: str) -> Pattern[str]:
    import re
    import warnings

    try:
        with warnings.catch_warnings():
            # "[[:alpha:]]" is only a warning, and means something else than its writer thinks.
            warnings.simplefilter("error")
            return re.compile(text, re.IGNORECASE)
    except re.error as error:
        where = "" if error.pos is None else f" at character {error.pos + 1}"
        raise ValueError(f"{text!r} is no regular expression: {error.msg}{where}") from None
    except (Warning, OverflowError) as error:
        raise ValueError(f"{text!r} is no regular expression: {error}") from None
    except RecursionError:
        raise ValueError(f"{text[:60]!r}… is no regular expression: nested too deeply") from None


def _pieces(text: str) -> Iterator[tuple[str, bool, bool]]:
    """(folded piece, whether it is cut at its start, at its end)"""
    piece = ""
    is_cut = False
    for start in range(0, max(1, len(text)), _PIECE):
        piece += cleaned(text[start : start + _PIECE])
        yield _folded(piece), is_cut, start + _PIECE < len(text)
        is_cut = is_cut or len(piece) > _SHARED
        piece = piece[-_SHARED:]


def _goes_on(text: str, at: int) -> bool:
    """Whether a word goes on over this place between two characters."""
    if not 0 < at < len(text):
        return False
    before, after = text[at - 1], text[at]
    return _of_word(before) and _of_word(after) and not (_spaceless(before) or _spaceless(after))


def _of_word(char: str) -> bool:
    if char.isascii() or char.isalnum():
        return char.isalnum()
    from unicodedata import category

    return category(char)[0] == "M"


def _spaceless(char: str) -> bool:
    return not char.isascii() and any(first <= ord(char) <= last for first, last in _SPACELESS)
