"""What keeps a postmaster's own Python, and all that it starts, from reaching the process that judges.

Any process may signal, trace or limit another of its user. Two mechanisms of Linux take that away for good: Landlock
keeps the child from signalling (6.12) and from tracing (5.13) whatever stands outside of it, and a seccomp filter
from reaching us, who waits for us, and their groups (docs/decisions/044-what-own-python-cannot-reach.md).
"""

from __future__ import annotations

import os
import signal
import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

_PDEATHSIG, _NO_NEW_PRIVS, _SECCOMP, _FILTER = 1, 38, 22, 2
_CREATE_RULESET, _RESTRICT_SELF = 444, 446  # the same numbers everywhere
_MAKE_BLOCK, _SIGNALS = 1 << 11, 1 << 1
# (its number, whether it has a second numbering above 0x40000000) of the machines whose system calls are known here.
_MACHINES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
# System calls that reach a process by its number: (on x86_64, on aarch64, which argument that is).
_BY_NUMBER = (
    (62, 129, 0),  # kill
    (200, 130, 0),  # tkill
    (234, 131, 0),  # tgkill
    (129, 138, 0),  # rt_sigqueueinfo
    (297, 240, 0),  # rt_tgsigqueueinfo
    (434, 434, 0),  # pidfd_open
    (302, 261, 0),  # prlimit64
    (101, 117, 1),  # ptrace
    (310, 270, 0),  # process_vm_readv
    (311, 271, 0),  # process_vm_writev
    (109, 154, 1),  # setpgid: into our group, to signal its own
)
# Those that reach one in other ways: (on x86_64, on aarch64, the argument, its values), all values if there are none.
_OTHERS: tuple[tuple[int, int, int, tuple[int, ...]], ...] = (
    (424, 424, 0, ()),  # pidfd_send_signal: also takes a folder of /proc
    (72, 25, 1, (8, 15)),  # fcntl: F_SETOWN, F_SETOWN_EX: whom a descriptor signals
    (16, 29, 1, (0x8901, 0x8902)),  # ioctl: FIOSETOWN, SIOCSPGRP: the same
)
_MOST_ANCESTORS = 12
# Instructions: load a word of what is called, compare, compare, give the answer.
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOWED, _REFUSED = 0x7FFF0000, 0x00050001  # the latter: EPERM

_libc: Any = None
_program = b""
_prepared: tuple[int, tuple[int, ...]] = (0, ())


def prepare(*others: int) -> None:
    """Called before the fork, by the process that is to be out of reach, as `others` are: what takes time is done here,
    and once.
    """
    global _libc, _program, _prepared
    parent = os.getpid()
    if _prepared == (parent, others):
        return
    import ctypes

    _libc = ctypes.CDLL(None)
    _prepared = parent, others
    numbers = {parent, *_ancestors(parent), *others}
    groups = {os.getpgid(0)} | {_group(one) for one in numbers}
    _program = _filter(numbers, {one for one in groups if one > 1})


def shut() -> None:
    """Shut this process, and all that it will start, off from the one that prepared. It ends with that one.

    Where the system does not have one of the mechanisms, or none, it goes on without.
    """
    if _libc is None:
        return
    _libc.prctl(_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != _prepared[0]:
        os._exit(1)
    # Without the right to it, both are to be had only by one who gives up setuid programs.
    if os.geteuid() != 0 or not _shut_off():
        _libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0)
        _shut_off()


def _shut_off() -> bool:
    import ctypes

    known = _libc.syscall(_CREATE_RULESET, None, 0, 1)
    # Before 6.12, a ruleset of nothing that anybody does: it keeps from tracing.
    rules = (0, 0, _SIGNALS) if known >= 6 else (_MAKE_BLOCK, 0, 0)
    attribute = struct.pack("=QQQ", *rules)[: 24 if known >= 6 else 8]
    ruleset = _libc.syscall(_CREATE_RULESET, attribute, ctypes.c_size_t(len(attribute)), 0) if known > 0 else -1
    if ruleset >= 0:
        _libc.syscall(_RESTRICT_SELF, ruleset, 0)
        os.close(ruleset)
    if not _program:
        return True
    code = ctypes.create_string_buffer(_program, len(_program))
    # struct sock_fprog: how many instructions, and where they are.
    where = struct.pack("@HP", len(_program) // 8, ctypes.addressof(code))
    return not _libc.prctl(_SECCOMP, _FILTER, where, 0, 0)


def _ancestors(number: int) -> Iterable[int]:
    """Who waits for that process, and who for that one; not the first process of all, which signals do not reach."""
    for _ in range(_MOST_ANCESTORS):
        try:
            with open(f"/proc/{number}/stat", "rb") as file:
                number = int(file.read().rpartition(b")")[2].split()[1])
        except (OSError, ValueError, IndexError):
            return
        if number <= 1:
            return
        yield number


def _group(number: int) -> int:
    try:
        return os.getpgid(number)
    except OSError:
        return 0


def _filter(numbers: Iterable[int], groups: Iterable[int]) -> bytes:
    """The program of the seccomp filter; b"" for a machine whose system calls are not known here."""
    machine = os.uname().machine
    if machine not in _MACHINES:
        return b""
    architecture, column = _MACHINES[machine]
    # Programs of another numbering, as 32-bit ones, can call nothing: each of them would be a way around.
    program = [_op(_LOAD, 4), _op(_EQUAL, architecture, 1, 0), _op(_RETURN, _REFUSED), _op(_LOAD, 0)]
    if not column:
        program += [_op(_AT_LEAST, 0x40000000, 0, 1), _op(_RETURN, _REFUSED)]
    # -1 is everybody, and a group goes by its number below 0.
    reached = sorted({*numbers, *groups, *(-one for one in groups), -1})
    for *calls, argument in _BY_NUMBER:
        program += _refused(calls[column], argument, reached)
    for *called, argument, values in _OTHERS:
        program += _refused(called[column], argument, values)
    return b"".join([*program, _op(_RETURN, _ALLOWED)])


def _refused(call: int, argument: int, values: Sequence[int]) -> list[bytes]:
    """Refuse one system call where its argument has one of the values."""
    if not values:
        return [_op(_EQUAL, call, 0, 1), _op(_RETURN, _REFUSED)]
    count = len(values)
    # The low half of the argument: process numbers are 32 bits wide.
    block = [_op(_LOAD, 16 + 8 * argument)]
    block += [_op(_EQUAL, value & 0xFFFFFFFF, count - at, 0) for at, value in enumerate(values)]
    block += [_op(_RETURN, _ALLOWED), _op(_RETURN, _REFUSED)]
    return [_op(_EQUAL, call, 0, len(block)), *block]


def _op(code: int, value: int, if_so: int = 0, if_not: int = 0) -> bytes:
    """struct sock_filter."""
    return struct.pack("=HBBI", code, if_so, if_not, value)
