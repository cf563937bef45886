"""What a `check` of somebody's own gives, as plain data on its way out of the child, and as findings again."""

from __future__ import annotations

from mailscan.errors import FilterError
from mailscan.verdict import ACTIONS, Edits, Evidence, Finding, Kept, is_field_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

ENDLESS = 100_000


def listed(found: object, called: str) -> tuple[list[object], bool]:
    """(what a `check` gave, as far as it can matter, `packed`; whether it went on beyond `ENDLESS`).

    It may give nothing, one finding, or any iterable of them. Raises `FilterError` for what is no finding.
    """
    kept = Kept()
    for one in _each(found):
        if not isinstance(one, Finding):
            packed(one, called)
        kept.add(one, one.action)  # type: ignore[attr-defined,arg-type]
        if kept.given > ENDLESS:
            break
    return [packed(one, called) for one in kept.findings], kept.given > ENDLESS


def _each(found: object) -> Iterator[object]:
    if isinstance(found, Finding):
        yield found
    elif hasattr(found, "gi_frame"):
        # What a generator returns too: `return reject(…)` below a `yield` must not be lost.
        last = yield from found  # type: ignore[misc]
        yield from _each(last)
    elif found is not None:
        yield from found  # type: ignore[misc]


def packed(one: object, called: str) -> tuple[object, ...]:
    """A finding as data that can be sent; it is made of checked types on the way. Raises `FilterError`, which says
    with `called` whose finding it is.
    """
    if not isinstance(one, Finding):
        raise FilterError(f"{called}: check gave {type(one).__name__!r} where a Finding is wanted")
    if one.action is not None and one.action not in ACTIONS:
        raise FilterError(f"{called}: a finding's action {one.action!r} is none of {', '.join(ACTIONS)}")
    edits = one.edits
    score = None if one.score is None else float(one.score)
    if score is not None and not abs(score) < 1e9:
        raise FilterError(f"{called}: a finding's score {score} is no number to add")
    names = [name for name, _ in one.headers] + ([name for name, *_ in (*edits.add, *edits.change)] if edits else [])
    for name in names:
        if not is_field_name(str(name)):
            raise FilterError(f"{called}: {str(name)[:80]!r} cannot be the name of a header field")
    return (
        str(one.code),
        str(one.detail),
        score,
        [(str(name), str(value)) for name, value in one.headers],
        [(str(at.part), int(at.start), int(at.end), str(at.member)) for at in one.evidence],
        None if one.action is None else str(one.action),
        None if one.reply is None else str(one.reply),
        None
        if not edits
        else (
            [(str(name), str(value)) for name, value in edits.add],
            [str(name) for name in edits.remove],
            [(str(name), int(nth), None if value is None else str(value)) for name, nth, value in edits.change],
            [str(address) for address in edits.rcpt_add],
            [str(address) for address in edits.rcpt_remove],
            None if edits.body is None else bytes(edits.body),
        ),
        bool(one.note),
    )


def unpacked(plain: object, called: str) -> list[Finding]:
    """The findings that `packed` gave as data. Raises `FilterError` for what it cannot have given: whatever code has
    taken the child over may have written it.
    """
    try:
        found = [_unpacked(one) for one in plain]  # type: ignore[attr-defined]
        if [packed(one, called) for one in found] == plain:
            return found
    except (TypeError, ValueError, AttributeError):
        pass
    raise FilterError(f"{called}: its process sent an answer that cannot be read")


def _unpacked(plain: tuple[object, ...]) -> Finding:
    code, detail, score, headers, evidence, action, reply, edits, note = plain
    return Finding(
        code,  # type: ignore[arg-type]
        detail,  # type: ignore[arg-type]
        score=score,  # type: ignore[arg-type]
        headers=headers,  # type: ignore[arg-type]
        evidence=[Evidence(*at) for at in evidence],  # type: ignore[attr-defined]
        action=action,  # type: ignore[arg-type]
        reply=reply,  # type: ignore[arg-type]
        edits=Edits(*edits) if edits else None,  # type: ignore[misc]
        note=note,  # type: ignore[arg-type]
    )
