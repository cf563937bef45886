"""elspy's own interface, for people who have an `exim_local_scan.py` (docs/elspy.md).

Nothing here is loaded unless a policy names such a file.
"""

from __future__ import annotations

import re

# Bound at the top of a file: defined, assigned, or imported from a module of elspy's.
_BOUND = re.compile(
    rb"^(?:[ \t]*def[ \t]+local_scan\b|local_scan[ \t]*=|[ \t]*from[ \t].*\bimport\b.*\blocal_scan\b)", re.M
)
_CHECK = re.compile(rb"^(?:async[ \t]+)?def[ \t]+check\b", re.M)
_ANY_CHECK = re.compile(rb"\bdef[ \t]+check\b")
_IMPORT = re.compile(rb"^[ \t]*(?:from[ \t]+elspy\b|import[ \t][^#\n]*\belspy\b)", re.M)


def is_elspy(source: bytes) -> bool:
    """Whether a Python file is one of elspy's: it has a `local_scan`, and no `check` of its own.

    By its text, not its tree: what Python 3 cannot parse must be known for what it is. A file that imports `elspy` and
    has neither is one too, whose `local_scan` is misspelt.
    """
    if _BOUND.search(source) is not None:
        return _CHECK.search(source) is None
    return _IMPORT.search(source) is not None and _ANY_CHECK.search(source) is None
