"""What a newcomer's own Python often means, for the errors that Python words for programmers."""

from __future__ import annotations

import re
import sys

from mailscan.elspy import library
from mailscan.elspy.surroundings import Surroundings
from mailscan.envelope import Envelope
from mailscan.message import Message
from mailscan.slips import ANSWERS

PUBLIC = (*ANSWERS, "Edits", "Evidence", "Mail")
_NAME = re.compile(r"NameError: name '(\w+)' is not defined|nothing defines `(\w+)`")
_ATTRIBUTE = re.compile(r"AttributeError: '(Mail|Message|Envelope|Headers)' object has no attribute '(\w+)'")
_NONE = re.compile(r"TypeError: .*NoneType|AttributeError: 'NoneType' object")
_MODULE = re.compile(r"ModuleNotFoundError: No module named '([\w.]+)'")
_IMPORT = re.compile(r"ImportError: cannot import name '(\w+)' from 'mailscan' ")
_FACTS = Envelope.__slots__
# Built into Python 2, and what there is instead.
_OLD = {
    "basestring": "str",
    "execfile": "exec(open(…).read())",
    "file": "open",
    "long": "int",
    "raw_input": "input",
    "StandardError": "Exception",
    "unichr": "chr",
    "unicode": "str",
    "xrange": "range",
}


def hint(why: str) -> str:
    """What is probably meant, by the error of a file; "" if that is not known."""
    if match := _NAME.search(why):
        return _about_name(match[1] or match[2])
    if match := _ATTRIBUTE.search(why):
        name = match[2].removeprefix("get_")
        if name in _FACTS or name in ("rcpt", "recipient", "ip"):
            return f"what the mailer knows is in mail.envelope: {', '.join(_FACTS)}"
        if hasattr(Message, name) or name in ("headers", "raw", "body_start"):
            return f"write mail.message.{name}"
        return 'a header field is mail.message.headers.get("Name"); docs/your-own-python.md lists what `mail` has'
    if _NONE.search(why):
        return 'what is not known, or not in the mail, is None: write (… or "") where text is wanted'
    if match := _IMPORT.search(why):
        return f"there are {', '.join(PUBLIC)}"
    if match := _MODULE.search(why):
        return f"it must stand beside the file, or be installed for {sys.executable}"
    return ""


def _about_name(name: str) -> str:
    if name in PUBLIC:
        return f"write at the top of the file: from mailscan import {name}"
    if name in library.module("elspy.util", Surroundings()).__all__:
        return f"write at the top of the file: from elspy import {name}"
    if name == "reduce":
        return "write at the top of the file: from functools import reduce"
    if name in _OLD:
        return f"it is of Python 2: write {_OLD[name]}"
    return f"write at the top of the file: import {name}" if name in sys.stdlib_module_names else ""
