"""The worst inputs of every opener: `GENERATORS`, for `python -m bench.growth`.

Each function gives a whole message of about so many octets.
"""

from __future__ import annotations

from bench import growth_archives, growth_documents, growth_pages

GENERATORS = growth_archives.GENERATORS | growth_documents.GENERATORS | growth_pages.GENERATORS
