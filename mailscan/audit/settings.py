"""What judges an archive, as plain data: policies with all the files they name, and the envelope options.

Workers get these and nothing else, so that a mail's verdict does not depend on who judges it, or when.
"""

from __future__ import annotations

import hashlib
import os
from typing import Any, NamedTuple

from mailscan.errors import PolicyError
from mailscan.policy import STARTER, build_policy, load_policy, starter_text
from mailscan.trusted import Copies

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from mailscan.policy import Policy


class PolicyText(NamedTuple):
    """A policy: where it came from, its text, where its relative paths start, and the files that it names, by path:
    lists, and the postmaster's own Python. `digest` is of all these.
    """

    source: str
    octets: bytes
    folder: str
    files: dict[str, bytes]
    digest: str


class Settings(NamedTuple):
    """All that decides what a row says, beside the mail. `envelope`: the facts that overrule the archive's. `rule`:
    the one of `mailscan.mailboxes.dialects` by which mboxes are read; None: the one that each was written for.
    """

    policies: tuple[PolicyText, ...]
    envelope: dict[str, Any]
    network: bool
    replay: bytes | None
    rule: int | None
    digest: str


def read_policy(path: str | None) -> PolicyText:
    """The policy at a path (None: the starter policy) with all that it names. Raises `PolicyError`."""
    with Copies() as copies:
        load_policy(path)
    if path is None:
        return _policy_text(STARTER, starter_text().encode(), os.path.dirname(__file__), {})
    folder = os.path.dirname(os.path.abspath(path))
    octets = copies.files.pop(path)
    return _policy_text(path, octets, folder, copies.files)


def _policy_text(source: str, octets: bytes, folder: str, files: dict[str, bytes]) -> PolicyText:
    digest = hashlib.sha256(octets)
    for name, content in sorted(files.items()):
        digest.update(b"\0" + os.fsencode(name) + b"\0" + hashlib.sha256(content).digest())
    return PolicyText(source, octets, folder, files, digest.hexdigest())


def settings(
    policies: list[PolicyText],
    *,
    envelope: Mapping[str, Any] | None = None,
    network: bool = False,
    replay: bytes | None = None,
    rule: int | None = None,
) -> Settings:
    """The settings of an audit under one policy, or of several that are asked about each mail.

    `envelope`: values of `mailscan.envelope.Envelope` that hold for every mail. Rules that ask the network are left
    out unless `network` is set, or `replay` is a record that answers.
    """
    facts = dict(envelope or {})
    digest = hashlib.sha256(repr((sorted(facts.items()), network, rule)).encode("utf-8", "backslashreplace"))
    digest.update(hashlib.sha256(replay or b"").digest())
    for policy in policies:
        digest.update(policy.digest.encode())
    return Settings(tuple(policies), facts, network, replay, rule, digest.hexdigest())


def load(text: PolicyText, *, network: bool) -> tuple[Policy, list[str]]:
    """(the policy without the rules that ask a network which must not be asked, the names of those).

    Raises `PolicyError`.
    """
    import tomllib

    try:
        tables = tomllib.loads(text.octets.decode("utf-8"))
    except ValueError as error:
        raise PolicyError([f"{text.source}: not valid TOML: {error}"]) from None
    with Copies(text.files):
        policy = build_policy(text.source, text.octets, tables, text.folder)
    left_out = [rule.name for rule in policy.rules if rule.filter.asks_network and not network]
    policy.rules = tuple(rule for rule in policy.rules if rule.name not in left_out)
    return policy, left_out
