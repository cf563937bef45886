"""The exceptions of mailscan and the exit statuses a mailer understands.

Only what one line can explain to a person is raised from here. Statuses are those of sysexits.h that mail
transports agree on; everything else makes Postfix and Exim bounce (CONTRACT 1).
"""

import errno

EX_ACCEPT = 0
EX_TEMPFAIL = 75
EX_REJECT = 77


class MailscanError(Exception):
    """Something a user can mend. `str()` is one line: what is wrong, where, what would be right."""


class UsageError(MailscanError):
    """The command line, or what it names, cannot be used."""


class PolicyError(MailscanError):
    """The policy file, or a file that it names, cannot be used.

    `problems` has a line for each mistake, naming file, table and key; `str()` is the first and how many follow.
    """

    def __init__(self, problems: list[str]) -> None:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        super().__init__(problems[0] + more)
        self.problems = problems


class TooEarly(MailscanError):
    """A filter asked for the message, or a fact of the session, before the mailer had it."""


class FilterError(MailscanError):
    """A filter could not do its work on this mail: its rule's `on_error` applies."""


class OurFailure(FilterError):
    """What our own work needs could not be had: a process, a descriptor, memory. It says nothing about the mail, so it
    is never taken for the mail's own fault; a retry may fare better.
    """


class OutOfTime(BaseException):
    """The time of a rule, or of the whole run, has ended.

    Not an `Exception`, so that a filter's own `except Exception` cannot swallow it.
    """


class Terminated(BaseException):
    """A signal that would have ended the process: at a shutdown, say. Like `OutOfTime`, nothing may swallow it."""


def place_of(error: BaseException) -> str:
    """The file and line where an exception arose, as "file.py:12"; "?" where it does not say."""
    at = error.__traceback__
    while at is not None and at.tb_next is not None:
        at = at.tb_next
    return f"{at.tb_frame.f_code.co_filename.rpartition('/')[2]}:{at.tb_lineno}" if at else "?"


# What the system lacks, as its calls say it and as libraries put it into words.
_SCARCE = (errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_IN_WORDS = ("allocate", "Too many open files", "Memory exhausted", "ut of memory", "Resource temporarily unavailable")


def is_scarcity(error: BaseException) -> bool:
    """Whether an exception, of ours or of a library, is for want of memory, descriptors or processes."""
    if isinstance(error, MemoryError):
        return True
    known = isinstance(error, OSError) and error.errno in _SCARCE
    return known or any(words in str(error) for words in _IN_WORDS)
