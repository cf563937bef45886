"""The pages for people that `--html` writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mailscan.cli.outputs import check_place, writing

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mailscan.audit.rows import Row
    from mailscan.policy import Policy


class AuditPage:
    """The page of an audit, to be written to `path`. `out` is the file of rows, if one is written."""

    def __init__(self, path: str, out: str | None) -> None:
        """Raises `MailscanError` if the page cannot be written: better now than after an hour."""
        from mailscan.report.tally import Tally

        self.path = path
        self.tally = Tally(out if out is not None and out.endswith(".jsonl") else None)
        check_place(path)

    def add(self, rows: Iterable[Row]) -> None:
        """Count rows, which come in the order of the archive."""
        for row in rows:
            self.tally.add(row)

    def write(self, policy: Policy, paths: list[str], left_out: list[str], skipped: list[tuple[str, str]]) -> None:
        """Write it. Raises `MailscanError`."""
        from mailscan.report.audited import audit_page
        from mailscan.report.facts import Facts

        limits = policy.score.tag, policy.score.reject
        facts = Facts(policy.source, paths, left_out=left_out, skipped=skipped, limits=limits)
        with writing(self.path) as file:
            file.write(audit_page(self.tally, facts).encode())
