"""The filters of PDF streams (ISO 32000-1 7.4), one behind the other, as far as octets are asked for.

Each is a generator that takes pieces and gives pieces, so that a chain of ten costs no more than what comes out of it.
"""

from __future__ import annotations

import zlib
from base64 import a85decode

from mailscan.unpack.budget import in_time
from mailscan.unpack.found import OVER_LIMIT, Unopened

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from mailscan.unpack import Budget

# More than any reader needs; what has more is made to tire scanners.
MOST_FILTERS = 10
_STEP = 65_536
# Between two filters, what is more than this and a hundred times what is wanted is a bomb.
_BETWEEN = 50_000_000
_NOT_HEX = bytes(octet for octet in range(256) if octet not in b"0123456789abcdefABCDEF")
_NOT_85 = bytes(octet for octet in range(256) if not (33 <= octet <= 117 or octet == 122))


def decode(
    data: bytes, span: tuple[int, int], filters: list[tuple[str, dict[str, Any]]], most: int, budget: Budget, first: Any
) -> bytes:
    """At most `most` octets of a stream. `first` decrypts pieces, or is None. Raises `Unopened`."""
    if len(filters) > MOST_FILTERS:
        raise Unopened(f"more than {MOST_FILTERS} filters behind one another", OVER_LIMIT)
    pieces = _raw(data, *span, budget)
    if first is not None:
        pieces = first(pieces)
    for name, parameters in filters:
        decoder = _FILTERS.get(name)
        if decoder is None:
            raise Unopened(f"packed by the filter {name[:50]}, which is not opened")
        pieces = _bounded(decoder(pieces, parameters), _BETWEEN + 100 * most, budget)
    out = bytearray()
    try:
        for piece in pieces:
            out += piece
            if len(out) >= most:
                break
    except Unopened as error:
        raise Unopened(str(error), error.group, bytes(out[:most])) from None
    return bytes(out[:most])


def _raw(data: bytes, start: int, stop: int, budget: Budget) -> Iterator[bytes]:
    for at in range(start, stop, _STEP):
        in_time(budget)
        yield data[at : min(at + _STEP, stop)]


def _bounded(pieces: Iterator[bytes], most: int, budget: Budget) -> Iterator[bytes]:
    for piece in pieces:
        most -= len(piece)
        if most < 0:
            raise Unopened("more octets between its filters than are unpacked", OVER_LIMIT)
        in_time(budget)
        yield piece


def _flate(pieces: Iterator[bytes], parameters: dict[str, Any]) -> Iterator[bytes]:
    return _unpredicted(_inflate(pieces), parameters)


def _inflate(pieces: Iterator[bytes]) -> Iterator[bytes]:
    # Readers ask neither the two octets in front nor the checksum behind.
    decoder = zlib.decompressobj(-15)
    skip = 2
    try:
        for piece in pieces:
            step = piece[skip:]
            skip = max(0, skip - len(piece))
            while step and not decoder.eof:
                yield decoder.decompress(step, _STEP)
                step = decoder.unconsumed_tail
            if decoder.eof:
                return
        while tail := decoder.decompress(b"", _STEP):
            yield tail
    except zlib.error as error:
        raise Unopened(f"damaged ({error})") from None


def _hex(pieces: Iterator[bytes], parameters: dict[str, Any]) -> Iterator[bytes]:
    left = b""
    for piece in pieces:
        piece, end, _ = piece.partition(b">")
        digits = left + piece.translate(None, _NOT_HEX)
        if end:
            digits += b"0" * (len(digits) & 1)
        left = digits[-1:] if len(digits) & 1 else b""
        yield bytes.fromhex(digits[: len(digits) & ~1].decode("ascii"))
        if end:
            return
    if left:
        yield bytes.fromhex(left.decode("ascii") + "0")


def _base85(pieces: Iterator[bytes], parameters: dict[str, Any]) -> Iterator[bytes]:
    left = b""
    for piece in pieces:
        piece, end, _ = piece.removeprefix(b"<~").partition(b"~")
        # A "z" stands for a whole group (7.4.3).
        left += piece.translate(None, _NOT_85).replace(b"z", b"!!!!!")
        size = len(left) if end else len(left) // 5 * 5
        yield _from_85(left[:size])
        left = left[size:]
        if end:
            return
    yield _from_85(left)


def _from_85(digits: bytes) -> bytes:
    try:
        return a85decode(digits)
    except ValueError as error:
        raise Unopened(f"damaged ({error})") from None


def _run_length(pieces: Iterator[bytes], parameters: dict[str, Any]) -> Iterator[bytes]:
    left = b""
    for piece in pieces:
        data, at = left + piece, 0
        out = bytearray()
        while at < len(data):
            length = data[at]
            if length == 128:
                yield bytes(out)
                return
            size = 1 + length if length < 128 else 1
            if at + 1 + size > len(data):
                break
            out += data[at + 1 : at + 1 + size] * (1 if length < 128 else 257 - length)
            at += 1 + size
        left = data[at:]
        yield bytes(out)
    yield left[1:]


def _lzw(pieces: Iterator[bytes], parameters: dict[str, Any]) -> Iterator[bytes]:
    return _unpredicted(_from_lzw(pieces, 0 if parameters.get("EarlyChange") == 0 else 1), parameters)


def _from_lzw(pieces: Iterator[bytes], early: int) -> Iterator[bytes]:
    singles = [bytes([octet]) for octet in range(256)] + [b"", b""]
    table = list(singles)
    before = b""
    bits = value = 0
    width = 9
    for piece in pieces:
        out: list[bytes] = []
        size = 0
        for octet in piece:
            value = (value << 8 | octet) & 0xFFFFFF
            bits += 8
            if bits < width:
                continue
            bits -= width
            code = value >> bits & (1 << width) - 1
            if code == 257:
                yield b"".join(out)
                return
            if code == 256:
                table, before, width = list(singles), b"", 9
                continue
            if code < len(table):
                entry = table[code]
            elif before:
                entry = before + before[:1]
            else:
                yield b"".join(out)
                raise Unopened("damaged (a code of LZW that is not in its table)")
            out.append(entry)
            size += len(entry)
            if size > _STEP:
                yield b"".join(out)
                out, size = [], 0
            if before and len(table) < 4096:
                table.append(before + entry[:1])
            before = entry
            count = len(table) + early
            width = 9 if count < 512 else 10 if count < 1024 else 11 if count < 2048 else 12
        yield b"".join(out)


def _unpredicted(pieces: Iterator[bytes], parameters: dict[str, Any]) -> Iterator[bytes]:
    """Without the predictor of PNG (7.4.4.4), if there is one."""
    predictor = parameters.get("Predictor")
    if type(predictor) is not int or predictor < 10:
        return pieces
    colours, bits, columns = (_number(parameters.get(one), usual) for one, usual in _PREDICTED)
    return _png(pieces, (colours * bits * columns + 7) // 8, max(1, colours * bits // 8))


_PREDICTED = (("Colors", 1), ("BitsPerComponent", 8), ("Columns", 1))


def _number(value: Any, usual: int) -> int:
    return value if type(value) is int and 0 < value <= 100_000 else usual


def _png(pieces: Iterator[bytes], size: int, step: int) -> Iterator[bytes]:
    """Rows of so many octets, each behind one that says how it differs from the row above."""
    if size > _STEP * 16:
        raise Unopened("damaged: rows that are longer than any page")
    above = bytearray(size)
    left = b""
    for piece in pieces:
        data, at = left + piece, 0
        out = bytearray()
        while len(data) - at > size:
            row = bytearray(data[at + 1 : at + 1 + size])
            _add(data[at], row, above, step)
            out += row
            above = row
            at += 1 + size
        left = data[at:]
        yield bytes(out)
    if left:
        row = bytearray(left[1:])
        _add(left[0], row, above, step)
        yield bytes(row)


def _add(how: int, row: bytearray, above: bytearray, step: int) -> None:
    if how == 2:
        row[:] = bytes((one + other) & 255 for one, other in zip(row, above, strict=False))
    elif how in (1, 3, 4):
        for i in range(len(row)):
            left = row[i - step] if i >= step else 0
            if how == 1:
                row[i] = (row[i] + left) & 255
            elif how == 3:
                row[i] = (row[i] + (left + above[i]) // 2) & 255
            else:
                corner = above[i - step] if i >= step else 0
                guess = left + above[i] - corner
                _, _, best = min((abs(guess - one), n, one) for n, one in enumerate((left, above[i], corner)))
                row[i] = (row[i] + best) & 255


def _same(pieces: Iterator[bytes], parameters: dict[str, Any]) -> Iterator[bytes]:
    return pieces


# Table 6, and the short names of inline images, which readers take everywhere.
_FILTERS: dict[str, Callable[[Iterator[bytes], dict[str, Any]], Iterator[bytes]]] = {
    "FlateDecode": _flate,
    "Fl": _flate,
    "ASCIIHexDecode": _hex,
    "AHx": _hex,
    "ASCII85Decode": _base85,
    "A85": _base85,
    "RunLengthDecode": _run_length,
    "RL": _run_length,
    "LZWDecode": _lzw,
    "LZW": _lzw,
    "Crypt": _same,
}
# What is decoded to a picture holds nothing else.
PICTURES = frozenset(("DCTDecode", "DCT", "JPXDecode", "CCITTFaxDecode", "CCF", "JBIG2Decode"))
