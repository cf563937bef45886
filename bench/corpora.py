"""Real mail for long runs: `../shared/corpora` beside the project, or $MAILSCAN_CORPORA, and our own cases."""

from __future__ import annotations

import os
import tarfile
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
# Larger ones tell no more, and each run over one costs what hundreds of small ones do.
LARGEST = 300_000


def folder() -> Path:
    """Where the corpora are looked for; nothing need be there."""
    return Path(os.environ.get("MAILSCAN_CORPORA") or PROJECT.parent / "shared" / "corpora")


def messages() -> list[bytes]:
    """Every message found, in an order that is always the same; those of the project alone where there is no corpus."""
    found = [path.read_bytes() for path in sorted((PROJECT / "testdata").rglob("*.eml"))]
    found += [path.read_bytes() for path in sorted((folder() / "mime").rglob("*")) if path.is_file()]
    for path in sorted((folder() / "corpora").glob("*.tar.xz")):
        with tarfile.open(path) as tar:
            files = (tar.extractfile(member) for member in tar if member.isfile())
            found += [file.read() for file in files if file is not None]
    return [message for message in found if 0 < len(message) <= LARGEST]
