"""mailscan judges one e-mail message: accept, reject or tempfail."""

from __future__ import annotations

__version__ = "0.1.0"
