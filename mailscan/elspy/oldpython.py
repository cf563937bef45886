"""What to change in a file of Python 2, line by line: its syntax that Python 3 cannot parse.

By heuristics over the text of lines, strings and comments left out; every line is told, not only the first.
"""

from __future__ import annotations

import re
import warnings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

# A comment, or a string with its prefix; an unclosed one ends with its line (or the file, for three quotes).
_SKIPPED = re.compile(
    r"#[^\n]*"
    r"|(?<![\w])(?P<prefix>[uUrRbB]{0,2})(?P<quote>'''|\"\"\"|'|\")"
    r"(?:(?<=''')(?:[^\\]|\\.)*?(?:'''|\Z)|(?<=\"\"\")(?:[^\\]|\\.)*?(?:\"\"\"|\Z)"
    r"|(?<=')(?:[^'\\\n]|\\.)*(?:'|(?=\n)|\Z)|(?<=\")(?:[^\"\\\n]|\\.)*(?:\"|(?=\n)|\Z))",
    re.S,
)
_START = r"(?:^|(?<=[;:]))\s*"
_PRINT = re.compile(_START + r"print\b(?!\s*\(|\s*[=.,)\]])\s*(?P<rest>[^;]*)")
_PRINT_TO = re.compile(r">>\s*(?P<file>[\w.]+)\s*(?:,\s*(?P<rest>.*))?$")
_EXCEPT = re.compile(_START + r"except\s+(?P<kind>\([^()]*\)|[\w.]+)\s*,\s*(?P<name>\w+)\s*:")
_EXCEPT_TUPLE = re.compile(_START + r"except\s+(?P<kind>\([^()]*\)|[\w.]+)\s*,\s*(?P<names>[(\[][^)\]]*[)\]])\s*:")
_RAISE = re.compile(_START + r"raise\s+(?P<kind>[\w.]+(?:\[[^\]]*\])?)\s*,\s*(?P<rest>[^;]*)")
_RAISE_TEXT = re.compile(_START + r"raise\s+[rRuUbB]{0,2}[\"']")
_EXEC = re.compile(_START + r"exec\b(?!\s*\(|\s*[=.,)])\s*(?P<rest>[^;]*)")
_OCTAL = re.compile(r"(?<![\w.])0(?P<digits>[0-7]+)[lL]?(?![\w.])")
_LONG = re.compile(r"(?<![\w.])(?P<digits>0[xX][0-9a-fA-F]+|[1-9][0-9]*|0)[lL](?!\w)")
_WORD = re.compile(_START + r"(?P<word>async|await|True|False|None)\s*(?:,[\w\s,]*)?=(?!=)")
_TUPLE = re.compile(r"\b(?:def\s+\w+\s*\(|lambda\s)(?:[^()=:]{0,200},)?\s{0,9}\(\s{0,9}\w+\s{0,9},")
_DEFINED = re.compile(r"^[ \t]*(?:def[ \t]+(?=\w)|(?=\w+[ \t]*=))(\w+)", re.MULTILINE)
_BACKTICKS = re.compile(r"`(?P<inner>[^`\n]*)`?")


def problems(source: bytes, path: str) -> list[str]:
    """A line for each line that must be changed: `path:12: what to write`. Empty where Python 3 parses the file."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # `mailscan check` is not about "\\d"
            compile(source, path, "exec", dont_inherit=True)
    except SyntaxError as error:
        first = error
    except (ValueError, MemoryError, RecursionError, OverflowError) as error:  # a NUL in it; nested too deeply
        return [f"{path}: Python 3 cannot read it: {error or type(error).__name__}"]
    else:
        return []
    found = sorted({(line, what) for line, what in _problems(_text(source))})
    place = first.lineno or 1
    # Python may notice a mistake only where a statement ends, some lines below it.
    if not found or (first.lineno is not None and not any(line <= place for line, _ in found)):
        found = sorted([*found, (place, f"Python 3 cannot read this line: {first.msg}")])
    return [f"{path}:{line}: {what}" for line, what in found]


def misspelt(source: bytes, path: str) -> str:
    """In words, that the file has no `local_scan`, and what in it looks like one; "" where it may have one."""
    text = _text(source)
    if re.search(r"\blocal_scan\b|\bimport[ \t]*\(?[ \t]*\*", text):
        return ""
    import difflib

    defined = {match[1]: text.count("\n", 0, match.start(1)) + 1 for match in _DEFINED.finditer(text)}
    close = difflib.get_close_matches("local_scan", defined, 1)
    meant = f"; `{close[0]}` in line {defined[close[0]]} is probably meant to be it" if close else ""
    return f"{path}: imports elspy and has no function `local_scan(info, headers, fd)`{meant}"


def summary(lines: list[str]) -> str:
    """All of them in one line, as an error is told: the first, and how many follow."""
    more = f" (and {len(lines) - 1} more lines; `mailscan check` lists them)" if len(lines) > 1 else ""
    return lines[0] + more


def _text(source: bytes) -> str:
    """The text, line ends as LF; a file in a charset of its own differs only in strings and comments."""
    return source.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")


def _problems(text: str) -> Iterator[tuple[int, str]]:
    strings: list[tuple[int, str]] = []

    def blanked(match: re.Match[str]) -> str:
        prefix, quote = match["prefix"], match["quote"]
        if quote is None:
            return " " * len(match[0])
        if prefix.lower() == "ur":
            strings.append((text.count("\n", 0, match.start()) + 1, prefix))
        inner = match[0][len(prefix) + len(quote) :].removesuffix(quote)
        return prefix + quote + re.sub(r"[^\n]", "_", inner) + quote

    code = _SKIPPED.sub(blanked, text)
    for number, prefix in strings:
        yield number, f'strings have no prefix {prefix}: write r"…"'
    written = text.split("\n")
    for number, line in enumerate(code.split("\n"), 1):
        if "`" in line or not line.isspace():
            original = written[number - 1] if number <= len(written) else line
            yield from ((number, what) for what in _of_line(line, original))
    yield from _indentation(code)


def _of_line(line: str, original: str) -> Iterator[str]:
    """What must be changed in one line; `line` has its strings blanked, `original` is for quoting."""

    def said(match: re.Match[str], group: str) -> str:
        # The columns of the two agree but for a string that runs over several lines.
        start, end = match.span(group)
        return (original[start:end] if len(line) == len(original) else match[group]).strip()

    for match in _PRINT.finditer(line):
        yield f"print is a function: write {_printed(said(match, 'rest'))}"
    for match in _EXCEPT.finditer(line):
        yield f"write `except {match['kind']} as {match['name']}:`"
    for match in _EXCEPT_TUPLE.finditer(line):
        yield f"write `except {match['kind']} as error:`, and below it `{match['names']} = error.args`"
    for match in _RAISE.finditer(line):
        yield f"write `raise {match['kind']}{_raised(said(match, 'rest'), match['rest'])}`"
    if _RAISE_TEXT.search(line):
        yield "a text cannot be raised: write `raise RuntimeError(…)`"
    for match in _EXEC.finditer(line):
        yield f"exec is a function: write `exec({_clip(re.sub(r' +in +', ', ', said(match, 'rest')))})`"
    for match in _BACKTICKS.finditer(line):
        yield f"backticks are gone: write `repr({_clip(said(match, 'inner'))})`"
    if "<>" in line:
        yield "write `!=` for `<>`"
    for match in _OCTAL.finditer(line):
        if match["digits"].strip("0"):
            yield f"an octal number has an o: write `0o{match['digits']}` for `{match[0]}`"
    for match in _LONG.finditer(line):
        yield f"numbers have no L: write `{match['digits']}` for `{match[0]}`"
    for match in _WORD.finditer(line):
        yield f"{match['word']} is a word of Python 3: nothing else can be called so"
    if _TUPLE.search(line):
        yield "a parameter cannot be a tuple: give it one name, and take it apart in the first line of the body"


def _raised(rest: str, blanked: str) -> str:
    """What follows the class in `raise CLASS, VALUE, TRACEBACK`."""
    depth = 0
    for at, char in enumerate(blanked[: len(rest)]):
        depth += (char in "([{") - (char in ")]}")
        if char == "," and not depth:
            return f"({_clip(rest[:at])}).with_traceback({_clip(rest[at + 1 :])})"
    return f"({_clip(rest)})"


def _printed(rest: str) -> str:
    to = _PRINT_TO.match(rest)
    file = ""
    if to:
        file, rest = f"file={to['file']}", to["rest"] or ""
    if rest.endswith(","):
        rest, file = rest[:-1], ", ".join(filter(None, ['end=" "', file]))
    return f"`print({', '.join(filter(None, [_clip(rest), file]))})`"


def _clip(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 120 else text[:119] + "…"


def _indentation(code: str) -> Iterator[tuple[int, str]]:
    """Lines whose tabs and blanks do not agree with those of the lines around, as Python 3 sees it.

    Python 2 took a tab to the next multiple of 8; Python 3 refuses what depends on how wide a tab is.
    """
    stack = [(0, 0)]
    depth = 0
    continued = in_string = False
    for number, line in enumerate(code.split("\n"), 1):
        indent = line[: len(line) - len(line.lstrip(" \t"))]
        bare = line.strip()
        if bare and not depth and not continued and not in_string:
            wide, narrow = len(indent.expandtabs(8)), len(indent.expandtabs(1))
            while len(stack) > 1 and stack[-1][0] > wide:
                stack.pop()
            top, top_narrow = stack[-1]
            if (wide == top) != (narrow == top_narrow) or (wide > top) != (narrow > top_narrow):
                yield number, f"tabs and blanks are mixed: indent it with {wide} blanks"
            if wide > top:
                stack.append((wide, narrow))
        depth = max(0, depth + sum(map(line.count, "([{")) - sum(map(line.count, ")]}")))
        continued = bare.endswith("\\")
        for quotes in ('"""', "'''"):
            if line.count(quotes) % 2:
                in_string = not in_string
