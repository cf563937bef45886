"""Whether everything a policy needs is there and answers rightly: its filters' servers, libmagic, decoders, the log,
and what a mailer's configuration says."""

from __future__ import annotations

import os
import time

from mailscan import eximfiles
from mailscan.errors import FilterError, MailscanError, OutOfTime, place_of
from mailscan.journal import open_log
from mailscan.probe import Probe, probe
from mailscan.timer import Limit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mailscan.outside import Outside
    from mailscan.policy import Policy
    from mailscan.rule import Rule


# Seconds beyond a rule's timeout.
_PATIENCE = 0.5


class Checked:
    """One probe of one rule ("" for what belongs to the machine), and the milliseconds it took."""

    __slots__ = ("rule", "probe", "ms")

    def __init__(self, rule: str, found: Probe, ms: float) -> None:
        self.rule = rule
        self.probe = found
        self.ms = ms


def examine(policy: Policy, make_outside: Callable[[float], Outside]) -> Iterator[Checked]:
    """Every probe of the policy, each as it comes; each question has the `timeout` of its rule.

    `make_outside` takes a deadline (`time.monotonic`). Runs in the main thread; never raises for what is found wrong.
    """
    yield from _timed("", _machine(policy))
    for rule in policy.rules:
        yield from _timed(rule.name, _rule(rule, make_outside))


def _rule(rule: Rule, make_outside: Callable[[float], Outside]) -> Iterator[Probe]:
    able = probe("can run here", lambda: _ready(rule))
    yield able
    if able.state == "failed":
        return
    seconds = rule.timeout or 10.0
    outside = make_outside(time.monotonic() + seconds)
    probes = iter(rule.filter.probe(outside))
    while True:
        outside.deadline = time.monotonic() + seconds
        try:
            # A filter keeps the deadline itself, and says better what was late.
            with Limit(seconds + _PATIENCE):
                one = next(probes, None)
        except OutOfTime:
            one = Probe("answers in time", "failed", f"not within the rule's timeout of {seconds:g} s")
            probes = iter(())
        except Exception as error:  # noqa: BLE001 - one filter's fault must not hide what the others say
            one = Probe("can be asked", "failed", f"{type(error).__name__}: {error} ({place_of(error)})")
            probes = iter(())
        if one is None:
            return
        yield one


def _ready(rule: Rule) -> str:
    try:
        rule.filter.ready()
    except (MailscanError, OutOfTime):
        raise
    except Exception as error:  # noqa: BLE001 - see above
        raise FilterError(f"{type(error).__name__}: {error} ({place_of(error)})") from None
    return ""


def _machine(policy: Policy) -> Iterator[Probe]:
    if any(rule.use == "attachments" for rule in policy.rules):
        yield probe("libmagic knows a program", _libmagic)
        yield from _decoders()
    yield probe(f"log: {policy.log.to}", lambda: _log(policy.log.to))
    yield from eximfiles.probes()


def _libmagic() -> str:
    from mailscan.filetype import examined_libmagic

    version, kind = examined_libmagic()
    return f"{kind}, says libmagic {version}"


def _decoders() -> Iterator[Probe]:
    from mailscan.unpack import foreign

    versions = foreign.available()
    for name in foreign.DECODERS:
        if name in versions:
            yield Probe(f"decoder: {name}", "ok", versions[name])
        else:
            yield Probe(f"decoder: {name}", "warning", "not here: what only it opens is `attachments.not-opened`")


def _log(to: str) -> str:
    """What is known of the log without a line in it."""
    if to in ("none", "stderr"):
        return "nothing to be reached"
    if to == "syslog":
        if not os.path.exists("/dev/log"):
            raise FilterError("/dev/log is not there: no syslog daemon listens")
        return "/dev/log"
    try:
        # As a scan does it, which makes the file; an empty one is what the first mail would have found.
        descriptor = open_log(to)
    except OSError as error:
        raise FilterError(f"cannot be written: {error.strerror}") from None
    os.close(descriptor)
    return f"can be written by uid {os.geteuid()}"


def _timed(rule: str, probes: Iterator[Probe]) -> Iterator[Checked]:
    while True:
        began = time.monotonic()
        one = next(probes, None)
        if one is None:
            return
        yield Checked(rule, one, (time.monotonic() - began) * 1000)
