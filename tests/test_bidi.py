"""In which order names with directional controls are shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailscan.filetype.bidi import visible


@pytest.mark.parametrize("name", ["a.pdf", "", "photo (1).jpg", "\u200eletter.doc\u200f", "\u202aletter.doc\u202c"])
def test_what_is_written_from_the_left(name: str) -> None:
    assert visible(name) == "".join(char for char in name if char.isprintable())


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("\u202efdp.exe", "exe.pdf"),
        ("ann\u202egpj.exe", "annexe.jpg"),
        ("ann\u202egpj\u202c.exe", "annjpg.exe"),
        ("a\u202e\u202dexe.\u202cfdp", "apdfexe."),
        ("דוח.pdf", "חוד.pdf"),
        ("\u202bדוח.pdf\u202c", "pdf.חוד"),
        ("\u2067דוח 2024.pdf\u2069", "2024.pdf חוד"),
        ("\u2068דוח.pdf\u2069", "pdf.חוד"),
        ("\u202bexe.pdf", "exe.pdf"),
    ],
)
def test_what_is_shown(name: str, shown: str) -> None:
    assert visible(name) == shown


def test_deep_nesting_ends() -> None:
    assert visible("\u202e" * 5000 + "ab") in ("ab", "ba")


@given(st.text(alphabet=st.sampled_from("ab.1 אב\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"), max_size=60))
def test_nothing_is_lost(name: str) -> None:
    assert sorted(visible(name)) == sorted(char for char in name if char.isprintable())
