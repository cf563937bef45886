"""Tables that are text: macros in SYLK, formulas that ask other programs."""

from __future__ import annotations

import pytest
from compound import patient, spent
from hypothesis import given
from hypothesis import strategies as st

from mailscan.unpack.found import AUTO_MACROS, MACROS, REMOTE, Unopened
from mailscan.unpack.sheettext import csv, is_sylk, sylk


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"a|b|c!\r\n1|2|3\r\n",
        b"name,formula\nx,=SUM(A1:A2)\n",
        b"text,see cmd|x!A0\n",
        b"=A1,b\ncmd|'x'!A0\n",
        b"-5,+4|x\n",
    ],
)
def test_of_these_tables_nothing_is_said(data: bytes) -> None:
    assert list(csv(data, patient())) == []


@pytest.mark.parametrize(
    "data",
    [
        b"=cmd|'/c calc'!A0",
        b"a,b\r\n1,\"  @SUM(1,1)*cmd|' /c calc'!A0\"\r\n",
        b"a;-2+3+cmd|'/c calc'!A1;b",
        b"x\t+MSEXCEL|'\\..\\x.exe'!_xlbgnm.A1",
    ],
)
def test_formulas_that_ask_another_program_are_said(data: bytes) -> None:
    assert [one.group for one in csv(data, patient())] == [REMOTE]


@pytest.mark.parametrize(
    "data, groups",
    [
        (b"ID;PWXL;N;E\r\nC;Y1;X1;K0;ESUM(A1)\r\nE\r\n", []),
        (b'ID;P\r\nC;Y1;X1;K"NN;NAuto_open"\r\nNN;NAutomatic;ER1C1\r\nE\r\n', []),
        (b'ID;P\nO;P;E\nC;X1;Y1;EEXEC("calc")\nE\n', [MACROS]),
        (b"ID;P\r\nO;E\r\nNN;NAuto_open;ER101C1;F\r\nE\r\n", [AUTO_MACROS]),
        (b"ID;P\nC;X1;Y1;K0;Ecmd|'/c calc'!A0\nE\n", [REMOTE]),
    ],
)
def test_sylk(data: bytes, groups: list[str]) -> None:
    assert is_sylk(data)
    assert [one.group for one in sylk(data, patient())] == groups


def test_no_time_left_is_said() -> None:
    with pytest.raises(Unopened):
        list(csv(b"|" * 1000, spent()))


@given(
    st.lists(st.sampled_from([b"=", b"cmd", b"|", b"'", b"!", b"A0", b",", b"\n", b"C;", b";E", b"NN;N", b"\xff"])).map(
        b"".join
    )
)
def test_any_octets_are_read(data: bytes) -> None:
    assert len([*csv(data, patient()), *sylk(data, patient())]) <= 41


@pytest.mark.parametrize("piece", [b"|", b"=", b"a", b"=a|", b"C;", b"C;;E", b"NN;;", b",=a", b"\n", b"O;E"])
def test_reading_takes_linear_time(piece: bytes) -> None:
    # Were it quadratic, this took minutes.
    for check in (csv, sylk):
        list(check(b"ID;P\n" + piece * 100_000, patient()))
