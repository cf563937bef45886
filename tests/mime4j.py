"""The expected results of Apache James Mime4J: its tree of a message, in its own XML-like writing.

A `NAME.xml` gives fields, preambles, bodies and epilogues as they stand; a `NAME_decoded.xml` names the file that
holds the decoded octets of each leaf. Line ends are compared as LF: the files' own ones are those of a checkout.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mailscan.mime import Part

_TAG = re.compile(rb'<(/?)([a-z-]+)(?: name="([^"]*)")?(/?)>\n?')


class Entity(NamedTuple):
    """One entity; None where nothing is stated. `decoded` is (whether it is text, its decoded octets)."""

    fields: list[bytes]
    children: list[Entity]
    body: bytes | None
    preamble: bytes | None
    epilogue: bytes | None
    decoded: tuple[bool, bytes] | None


def lf(octets: bytes) -> bytes:
    return octets.replace(b"\r\n", b"\n")


def expected(path: Path) -> Entity:
    """The tree that a file of expected results gives."""
    source = lf(path.read_bytes())
    tags = _TAG.finditer(source)
    assert next(tags)[2] == b"message"
    return _entity(source, tags, path)


def _entity(source: bytes, tags: Iterator[re.Match[bytes]], path: Path) -> Entity:
    """The entity whose opening tag was the last one taken, up to its closing tag."""
    fields: list[bytes] = []
    children: list[Entity] = []
    texts: dict[bytes, bytes] = {}
    decoded: tuple[bool, bytes] | None = None
    depth = 0
    is_multipart = False
    for tag in tags:
        name = tag[2]
        if tag[1]:
            if depth == 0:
                break
            depth -= 1
        elif name in (b"header", b"multipart"):
            depth += 1
            is_multipart = is_multipart or name == b"multipart"
        elif name in (b"message", b"body-part"):
            children.append(_entity(source, tags, path))
        elif tag[4]:
            decoded = (name == b"text-body", lf((path.parent / tag[3].decode()).read_bytes()))
        else:
            end = next(tags)
            assert end[1] and end[2] == name, (path, name)
            text = _unescaped(source[tag.end() : end.start()])
            if name == b"field":
                fields.append(text)
            else:
                texts[name] = text
    if is_multipart:
        texts.setdefault(b"preamble", b"")
        texts.setdefault(b"epilogue", b"")
    return Entity(
        fields, children, texts.get(b"body"), texts.get(b"preamble"), texts.get(b"epilogue"), decoded
    )  # fmt: skip


def _unescaped(text: bytes) -> bytes:
    return text.replace(b"&lt;", b"<").replace(b"&gt;", b">").replace(b"&amp;", b"&")


def around(part: Part) -> tuple[bytes, bytes]:
    """The preamble and the epilogue of a multipart (RFC 2046 5.1.1), without the line ends that delimiters own."""
    if not part.is_multipart:
        return lf(part.body), b""
    boundary = re.escape(part.params["boundary"].rstrip().encode("utf-8", "surrogateescape"))
    before = part.source[part.body_start : part.children[0].start]
    after = part.source[part.children[-1].end : part.body_end]
    preamble = re.split(rb"(?:\A|\r?\n)--" + boundary + rb"[ \t]*\r?\n", before)[0]
    close = re.search(rb"(?:\A|\r?\n)--" + boundary + rb"--[ \t]*(?:\r?\n|\Z)", after)
    return lf(preamble), lf(after[close.end() :]) if close else b""


def disagreements(part: Part, entity: Entity) -> Iterator[str]:
    """`1.2 body: 3 for 5` of each thing in which a tree of ours is not as expected: octets, or how many of them."""
    path = part.path
    fields = [lf(field.raw).rstrip(b"\n") for field in part.headers]
    if fields != entity.fields:
        yield f"{path} fields: {len(fields)} for {len(entity.fields)}"
    children = entity.children
    if len(part.children) != len(children):
        yield f"{path} children: {len(part.children)} for {len(children)}"
        # What is left must agree when the entities of no octets are taken away.
        children = [child for child in children if child.fields or child.body or (child.decoded or (True, b""))[1]]
    preamble, epilogue = around(part)
    stated = (
        ("preamble", preamble, entity.preamble),
        ("epilogue", epilogue, entity.epilogue),
        ("body", lf(part.body), entity.body),
        ("data", lf(part.data), entity.decoded and entity.decoded[1]),
    )
    for matter, ours, theirs in stated:
        if theirs is not None and ours != theirs:
            yield f"{path} {matter}: {len(ours)} for {len(theirs)}"
    if entity.decoded is not None and part.type.startswith("text/") != entity.decoded[0]:
        yield f"{path} type: {part.type}"
    if len(part.children) == len(children):
        for child, other in zip(part.children, children, strict=True):
            yield from disagreements(child, other)


def leaves(entity: Entity) -> list[bytes]:
    """The decoded octets of each leaf, where they are stated."""
    own = [entity.decoded[1]] if entity.decoded is not None else []
    return own + [octets for child in entity.children for octets in leaves(child)]
