"""`use = "subject"`: what the Subject says, and in which charset and script."""

from __future__ import annotations

from mailscan.filters import Filter
from mailscan.keys import many, number, option, optional
from mailscan.verdict import Evidence, Finding
from mailscan.words import beginning, first_shown, folded, patterns, shown_runs, shown_text, words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from mailscan.mail import Mail
    from mailscan.message import Field, Message
    from mailscan.outside import Outside

# The scripts whose letters Unicode calls by their name ("CYRILLIC SMALL LETTER A"); Han is "CJK UNIFIED IDEOGRAPH-…".
SCRIPTS = (
    "Arabic", "Armenian", "Balinese", "Bengali", "Bopomofo", "Cherokee", "Coptic", "Cyrillic", "Devanagari", "Ethiopic",
    "Georgian", "Glagolitic", "Gothic", "Greek", "Gujarati", "Gurmukhi", "Han", "Hangul", "Hebrew", "Hiragana",
    "Javanese", "Kannada", "Katakana", "Khmer", "Lao", "Latin", "Malayalam", "Mongolian", "Myanmar", "Nko", "Oriya",
    "Runic", "Sinhala", "Syriac", "Tamil", "Telugu", "Thaana", "Thai", "Tibetan", "Tifinagh", "Yi",
)  # fmt: skip
# A share is reckoned over so many characters from the start of a Subject.
_LOOKED_AT = 10_000


def _prefix(text: str) -> tuple[str, str]:
    """A beginning as written, and as it compares; a blank at its end counts."""
    if not 0 < len(start := folded(text)) <= 200:
        raise ValueError(f'"{text[:60]}" is no beginning of 1 to 200 characters')
    return text, start + " " * text[-1].isspace()


def _charset(text: str) -> str:
    if not text.isascii() or not any(map(str.isalnum, text)) or any(map(str.isspace, text.strip())):
        raise ValueError(f'"{text}" is no name of a charset, as "gb2312"')
    return canonical_charset(text)


def _script(text: str) -> str:
    name = text.strip().capitalize()
    if name not in SCRIPTS:
        raise ValueError(f'"{text}" is no script; right are {", ".join(SCRIPTS)}')
    return name


def share(value: object, folder: str) -> float:
    """a number above 0 and at most 1"""
    part = number(value, folder)
    if not 0 < part <= 1:
        raise ValueError("a number above 0 and at most 1 is wanted: 0.5 is half of the letters")
    return part


def canonical_charset(charset: str) -> str:
    """One spelling for all names that Python knows of a charset: "GB_2312-80" and "csISO58GB231280" are "gb2312".

    Takes any text; a charset that nobody knows keeps its name, without punctuation.
    """
    if not _same_charset:
        from encodings.aliases import aliases

        _same_charset.update((_squeezed(alias), _squeezed(name)) for alias, name in aliases.items())
        # Seen in mail, unknown to Python.
        _same_charset.update({"csgb2312": "gb2312", "xsjis": "shiftjis", "xgbk": "gbk", "unicode11utf7": "utf7"})
    # A language may follow the charset (RFC 2231 5).
    name = _squeezed(charset.partition("*")[0])
    return _same_charset.get(name, name)


_same_charset: dict[str, str] = {}


def _squeezed(name: str) -> str:
    return "".join(filter(str.isalnum, name.lower()))


class Subject(Filter):
    """Finds mail by its Subject: how it begins, words, patterns, charsets and scripts in it.

    It is the decoded text that is looked at (RFC 2047; raw octets are read as UTF-8, or else in the charset that the
    message declares for its text), and every Subject field if there are several; also one that only some readers
    find, below a line of the header that is no field or behind a bare CR, say.

    `prefixes` are what a Subject begins with, whatever its case and width (Unicode NFKC and case folding: "ＡＤＶ：" is
    "adv:"), after blanks and characters that show nothing. "Re: ADV:" does not begin with "ADV:".
    `words` are words or phrases, found whole and compared in the same way. `patterns` are Python regular expressions
    without regard to case; `(?-i:…)` around a part, or all, of one makes case count.

    `charsets` are refused as an encoded-word declares them; "gb2312" also means GB_2312-80 and its other names, but
    not gbk, which is a larger charset. `scripts` are refused whatever the charset, if at least `script_share` of the
    letters in the Subject are of them, all together.
    """

    prefixes = optional(many(_prefix, "a list of beginnings"), "what the Subject begins with")
    words = optional(words, "words or phrases that stand in the Subject")
    patterns = optional(patterns, "regular expressions that match in the Subject")
    charsets = optional(many(_charset, "a list of charsets"), "charsets that encoded-words in the Subject declare")
    scripts = optional(many(_script, f"a list of scripts: {', '.join(SCRIPTS)}"), "scripts the Subject is written in")
    script_share = option(share, 0.5, "the share of letters in these scripts from which on the Subject is found")

    def prepare(self) -> None:
        """Refuses a table that looks for nothing."""
        kinds = ("prefixes", "words", "patterns", "charsets", "scripts")
        if all(getattr(self, kind) is None for kind in kinds):
            raise ValueError(f"nothing to look for is named: one or more of {', '.join(kinds)} are wanted")

    def check(self, mail: Mail, outside: Outside) -> Iterator[Finding]:
        """Yields "subject.prefix", ".word", ".pattern", ".charset", ".script", for each Subject field that has it."""
        known = set()
        for field in mail.message.fields("Subject"):
            evidence = (Evidence("1", field.start, field.end),)
            for kind, what in self._found(mail.message, field):
                if (kind, field.start) in known:
                    continue
                known.add((kind, field.start))
                yield Finding(f"subject.{kind}", what, evidence=evidence)

    def _found(self, message: Message, field: Field) -> Iterator[tuple[str, str]]:
        text = shown_text(message, field)
        if self.prefixes:
            start = beginning(text) + " "
            if prefix := next((one for one, folded_one in self.prefixes if start.startswith(folded_one)), None):
                yield "prefix", prefix
        if self.words and (word := self.words.find(text)):
            yield "word", word
        if self.patterns and (pattern := self.patterns.find(text)):
            yield "pattern", pattern
        if self.charsets:
            declared = dict.fromkeys(run.charset for run in shown_runs(message, field) if run.encoded)
            if charset := next((one for one in declared if canonical_charset(one) in self.charsets), None):
                yield "charset", charset
        if self.scripts and (shares := _shares(text, self.scripts)) and sum(shares.values()) >= self.script_share:
            yield "script", ", ".join(f"{script} {part:.0%}" for script, part in shares.items())


def _shares(text: str, scripts: tuple[str, ...]) -> dict[str, float]:
    """The share of the letters of a text that each of these scripts has, if it has any."""
    if text.isascii() and "Latin" not in scripts:
        return {}
    from unicodedata import name, normalize

    letters = [char for char in normalize("NFKC", first_shown(text, _LOOKED_AT)) if char.isalpha()]
    counts = dict.fromkeys(scripts, 0)
    for letter in letters:
        called = name(letter, "").partition(" ")[0].capitalize()
        script = "Han" if called in ("Cjk", "Ideographic") else called
        if script in counts:
            counts[script] += 1
    return {script: count / len(letters) for script, count in counts.items() if count}
