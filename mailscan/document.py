"""A verdict as a JSON document, schema 1 (docs/json.md): fields may be added to it, never changed."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from mailscan.verdict import Asked, Edits, Finding, Verdict

SCHEMA = 1


def document(verdict: Verdict) -> dict[str, Any]:
    """The whole verdict as lists, dicts, text and numbers. Text may still hold lone surrogates."""
    return {
        "schema": SCHEMA,
        "verdict": verdict.action,
        "code": verdict.code,
        "reply": list(verdict.reply),
        "rule": verdict.rule,
        "would": verdict.would,
        "quarantine": verdict.quarantine,
        "score": _number(verdict.score),
        "edits": _edits(verdict.edits),
        "rules": [_asked(asked) for asked in verdict.account],
        "error": "",
    }


def to_json(value: dict[str, Any]) -> bytes:
    """One line of valid JSON in ASCII, whatever the text in it: a lone surrogate, which no UTF-8 can hold, is `?`."""
    import json

    return json.dumps(_sound(value), allow_nan=False, ensure_ascii=True).encode("ascii") + b"\n"


def _asked(asked: Asked) -> dict[str, Any]:
    return {
        "rule": asked.rule,
        "use": asked.use,
        "outcome": asked.outcome,
        "why": asked.why,
        "action": asked.action,
        "ms": _number(asked.ms),
        "findings": [_finding(finding) for finding in asked.findings],
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "code": finding.code,
        "detail": finding.detail,
        "score": None if finding.score is None else _number(finding.score),
        "action": finding.action,
        "reply": finding.reply,
        "note": finding.note,
        "headers": _headers(finding.headers),
        "evidence": [
            {"part": one.part, "member": one.member, "start": one.start, "end": one.end} for one in finding.evidence
        ],
        "edits": None if finding.edits is None else _edits(finding.edits),
    }


def _edits(edits: Edits) -> dict[str, Any]:
    return {
        "add": _headers(edits.add),
        "remove": list(edits.remove),
        "change": [{"name": name, "index": index, "value": value} for name, index, value in edits.change],
        "rcpt_add": list(edits.rcpt_add),
        "rcpt_remove": list(edits.rcpt_remove),
        "body": None if edits.body is None else _base64(edits.body),
    }


def _headers(headers: tuple[tuple[str, str], ...]) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in headers]


def _base64(octets: bytes) -> str:
    from binascii import b2a_base64

    return b2a_base64(octets, newline=False).decode("ascii")


def _number(value: float) -> float | None:
    """To a thousandth; None for what JSON has no number for (RFC 8259 6)."""
    return round(float(value), 3) if abs(value) < float("inf") else None


def _sound(value: Any) -> Any:
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, dict):
        return {key: _sound(item) for key, item in value.items()}
    return [_sound(item) for item in value] if isinstance(value, list) else value
