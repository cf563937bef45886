"""The policy file: found, read, and every mistake in it named with its place."""

from __future__ import annotations

import os

from mailscan.addressing import resolvers
from mailscan.errors import PolicyError
from mailscan.keys import (
    Table,
    choice,
    flag,
    meant,
    number,
    option,
    optional,
    options_of,
    read_keys,
    seconds,
    size,
    text,
)
from mailscan.networks import networks
from mailscan.outside import DNS_TIMEOUT
from mailscan.rule import Rule
from mailscan.trusted import read_trusted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TypeVar

    from mailscan.filters import Filter
    from mailscan.networks import Network

    T = TypeVar("T", bound=Table)

STARTER = "the starter policy"
MOST_OCTETS = 1_000_000
MOST_RULES = 1_000
TABLES = ("site", "score", "filter", "limits", "log", "outside")


class Site(Table):
    """`[site]`: who we are."""

    trusted = option(networks, (), "our own networks")
    trial = option(flag, False, "accept everything; tag and log what would have happened")


class Score(Table):
    """`[score]`: what the sum of the scores means."""

    tag = optional(number, "this or more: X-Mailscan-Score is added")
    reject = optional(number, "this or more: rejected")

    def prepare(self) -> None:
        """Refuses thresholds that everything would meet, and those in the wrong order."""
        for key in ("tag", "reject"):
            if (limit := getattr(self, key)) is not None and limit <= 0:
                raise ValueError(f"{key}: more than 0 is wanted; every mail has 0")
        if self.tag is not None and self.reject is not None and self.tag > self.reject:
            raise ValueError("tag is above reject: mail would be rejected before it could be tagged")


class Limits(Table):
    """`[limits]`: what one mail may cost."""

    message_size = option(size, 150_000_000, "a larger message is put off (75), with this reason in the log")
    child_memory = option(size, 512_000_000, "what a Python file of the postmaster's may take")


class Log(Table):
    """`[log]`: where the line about each verdict goes."""

    to = option(text, "syslog", '"syslog", "stderr", "none", or the path of a file')
    format = option(choice("logfmt", "json"), "logfmt", "how the line is written")

    def prepare(self) -> None:
        """Refuses a word that is neither a place nor a path."""
        if self.to not in ("syslog", "stderr", "none") and "/" not in self.to:
            raise ValueError(f'to: "syslog", "stderr", "none" or a path (it holds a "/") is wanted, not "{self.to}"')


class OutsideTable(Table):
    """`[outside]`: who answers our questions."""

    resolvers = option(resolvers, (), "the DNS resolvers, in their order; when not said, those of this machine")
    timeout = option(seconds, DNS_TIMEOUT, "seconds that one question to the DNS may take, with all its repetitions")


class Policy:
    """A whole policy, ready to judge. `source` says where it came from, for people."""

    def __init__(
        self,
        source: str,
        text_of: bytes,
        rules: tuple[Rule, ...],
        site: Site,
        score: Score,
        limits: Limits,
        log: Log,
        outside: OutsideTable | None = None,
    ) -> None:
        self.source = source
        self.rules = rules
        self.site = site
        self.score = score
        self.limits = limits
        self.log = log
        self.outside = outside or OutsideTable({})
        self._text = text_of
        self._writes: tuple[tuple[Rule, ...], tuple[str, ...]] | None = None

    @property
    def trial(self) -> bool:
        """Whether everything is accepted and only tagged with what would have happened."""
        return self.site.trial

    @property
    def trusted(self) -> tuple[Network, ...]:
        """The site's own networks."""
        return self.site.trusted

    @property
    def digest(self) -> str:
        """SHA-256 of the file's octets, 64 hexadecimal digits."""
        import hashlib

        return hashlib.sha256(self._text).hexdigest()

    @property
    def writes(self) -> tuple[str, ...]:
        """The header fields that a rule, or we, can write, lower case; a final `*` stands for any ending."""
        if self._writes is None or self._writes[0] is not self.rules:
            names = {"x-mailscan-*"}
            for rule in self.rules:
                names.update(name.lower() for name in rule.filter.writes)
            self._writes = self.rules, tuple(sorted(names))
        return self._writes[1]


def find_policy(named: str | None, environ: Mapping[str, str], uid: int) -> str | None:
    """The path of the policy in force (CONTRACT 1, `--policy`), or None for the starter policy.

    `named` is what the caller said. Only a default path that does not exist is passed over.
    """
    named = named or environ.get("MAILSCAN_POLICY")
    if named:
        return named
    candidates = ["/etc/mailscan/policy.toml"]
    if uid != 0:
        config = environ.get("XDG_CONFIG_HOME") or (environ["HOME"] + "/.config" if environ.get("HOME") else "")
        if config:
            candidates.insert(0, config + "/mailscan/policy.toml")
    for path in candidates:
        try:
            os.stat(path)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError:
            return path  # it is there and cannot be looked at: opening it says why
        return path
    return None


def load_policy(path: str | None) -> Policy:
    """Read the policy at `path`, or the starter policy for None. Raises `PolicyError` with every mistake."""
    if path is None:
        from mailscan import starter

        return build_policy(STARTER, b"starter", starter.TABLES, os.path.dirname(__file__))
    try:
        octets = read_trusted(path)
        if len(octets) > MOST_OCTETS:
            raise ValueError(f"{path}: is larger than {MOST_OCTETS} octets; long lists stand in files of their own")
    except ValueError as error:
        raise PolicyError([str(error)]) from None
    import tomllib

    try:
        tables = tomllib.loads(octets.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise PolicyError([f"{path}: not UTF-8 (octet {error.start}); TOML is written in UTF-8"]) from None
    except tomllib.TOMLDecodeError as error:
        raise PolicyError([f"{path}: not valid TOML: {error}"]) from None
    except RecursionError:
        raise PolicyError([f"{path}: not valid TOML: nested too deeply"]) from None
    except (ValueError, MemoryError) as error:  # a number of 5,000 digits, a key of 20,000 parts
        raise PolicyError([f"{path}: not TOML that can be used: {error or 'too large'}"]) from None
    return build_policy(path, octets, tables, os.path.dirname(os.path.abspath(path)))


def starter_text() -> str:
    """The starter policy as `mailscan init` writes it."""
    with open(os.path.join(os.path.dirname(__file__), "starter.toml"), encoding="utf-8") as file:
        return file.read()


def build_policy(source: str, octets: bytes, tables: Mapping[str, object], folder: str) -> Policy:
    """The policy that these tables say; `folder` is where its relative paths start. Raises `PolicyError`."""
    builder = _Builder(source, octets, folder)
    policy = builder.build(tables)
    if builder.problems:
        raise PolicyError(builder.problems)
    return policy


class _Builder:
    """Reads the tables one by one and gathers what is wrong with them."""

    def __init__(self, source: str, octets: bytes, folder: str) -> None:
        self.source = source
        self.octets = octets
        self.folder = folder
        self.problems: list[str] = []
        self.memory = 0
        self.trusted: tuple[Network, ...] = ()
        self.keys = tuple(options_of(Rule))
        # Folders that nobody else may write to, as far as they have been looked at.
        self.sound: set[str] = set()

    def build(self, tables: Mapping[str, object]) -> Policy:
        for name, value in tables.items():
            if name not in TABLES:
                kind = "table" if isinstance(value, (dict, list)) else "key"
                self.wrong("", f"unknown {kind} '{name}'{meant(name, list(TABLES))}", name)
        site = self.table(Site, tables.get("site", {}), "[site]") or Site({})
        score = self.table(Score, tables.get("score", {}), "[score]") or Score({})
        limits = self.table(Limits, tables.get("limits", {}), "[limits]") or Limits({})
        self.memory = limits.child_memory
        self.trusted = site.trusted
        log = self.table(Log, tables.get("log", {}), "[log]") or Log({})
        outside = self.table(OutsideTable, tables.get("outside", {}), "[outside]") or OutsideTable({})
        blocks = tables.get("filter", [])
        if not isinstance(blocks, list) or not all(isinstance(block, dict) for block in blocks):
            self.wrong("", "rules are written as [[filter]] tables, with two brackets")
            blocks = []
        if len(blocks) > MOST_RULES:
            self.wrong("", f"{len(blocks)} rules are more than {MOST_RULES}")
            blocks = []
        rules = [rule for number, block in enumerate(blocks, 1) if (rule := self.rule(block, number))]
        self.name_apart(rules)
        if any(rule.score is not None for rule in rules) and score.tag is None and score.reject is None:
            self.wrong("[score]", "a rule has a score, but neither `tag` nor `reject` says what the sum means")
        log.to = (
            log.to if log.to in ("syslog", "stderr", "none") else os.path.normpath(os.path.join(self.folder, log.to))
        )
        return Policy(self.source, self.octets, tuple(rules), site, score, limits, log, outside)

    def table(self, kind: type[T], raw: object, place: str, also: tuple[str, ...] = ()) -> T | None:
        """A table of one class, or None after a mistake. Keys in `also` are somebody else's."""
        if not isinstance(raw, dict):
            self.wrong(place, "is a table")
            return None
        values, mistakes = read_keys(kind, raw, self.folder, also)
        for key, what in mistakes:
            self.wrong(place, what, key)
        if mistakes:
            return None
        try:
            return kind(values)
        except ValueError as error:
            self.wrong(place, str(error))
            return None

    def rule(self, raw: dict[str, object], number_of: int) -> Rule | None:
        """One `[[filter]]` table; None if something in it is wrong."""
        use = raw.get("use")
        place = f"[[filter]] {number_of}" + (f" ({use})" if isinstance(use, str) and use else "")
        if not isinstance(use, str) or not use:
            self.wrong(place, "needs `use`, the name of a filter" if use is None else "use: a string is wanted")
            return None
        keys = self.keys
        own = {key: value for key, value in raw.items() if key not in keys}
        try:
            kind = built_in(use) or self.own(use, own)
        except ValueError as error:
            self.wrong(place, f"use: {error}", "use")
            return None
        rule = self.table(Rule, {key: value for key, value in raw.items() if key in keys}, place)
        # What keys there are cannot be known of Python that does not load: such a rule is `on_error`.
        chosen = self.table(kind, {} if getattr(kind, "broken", "") else own, place, also=keys)
        if rule is None or chosen is None:
            return None
        try:
            rule.settle(chosen, self.trusted)
        except ValueError as error:
            self.wrong(place, str(error))
            return None
        return rule

    def own(self, use: str, keys: dict[str, object]) -> type[Filter]:
        """The class of somebody's own Python that `use` names, for a rule with these keys. Raises `ValueError`."""
        from mailscan.own.source import Setting
        from mailscan.userfile import UserFile

        setting = Setting(keys, self.folder, self.keys, filter_names, self.sound)
        return UserFile.of(use, setting, self.memory)

    def name_apart(self, rules: list[Rule]) -> None:
        """Give each rule a name of its own: its `use`, with a number from the second one on."""
        taken: set[str] = set()
        for rule in rules:
            if rule.name in taken:
                self.wrong("", f"two rules have the name '{rule.name}'")
            if rule.name:
                taken.add(rule.name)
        for rule in rules:
            if not rule.name:
                name = rule.use.rstrip("/").rpartition("/")[2].removesuffix(".py").replace(".py:", ":")
                rule.name = next(
                    one for n in range(1, len(rules) + 2) if (one := name if n == 1 else f"{name}-{n}") not in taken
                )
                taken.add(rule.name)

    def wrong(self, place: str, what: str, key: str = "") -> None:
        """Note a mistake, with the line where the key stands if it can be found."""
        line = _line_of(self.octets, place, key)
        where = " ".join(filter(None, (place, f"line {line}" if line else "")))
        self.problems.append(f"{self.source}: {where}: {what}" if where else f"{self.source}: {what}")


def built_in(use: str) -> type[Filter] | None:
    """The class of a built-in filter; None if there is none of that name."""
    from mailscan.filters import Filter

    if use.isidentifier() and use.isascii() and use[0].islower():
        name = f"mailscan.filters.{use}"
        try:
            module = __import__(name, fromlist=[use])
        except ModuleNotFoundError as error:
            if error.name != name:
                raise
        else:
            for value in vars(module).values():
                if isinstance(value, type) and issubclass(value, Filter) and value.__module__ == name:
                    return value
    return None


def find_filter(use: str) -> type[Filter]:
    """The class of a built-in filter. Raises `PolicyError`."""
    if kind := built_in(use):
        return kind
    raise PolicyError([f"there is no filter '{use}'{meant(use, filter_names())}; a Python file is written with a `/`"])


def filter_names() -> list[str]:
    """The names of the built-in filters."""
    folder = os.path.join(os.path.dirname(__file__), "filters")
    names = (name.partition(".") for name in sorted(os.listdir(folder)))
    return [stem for stem, _, ending in names if ending == "py" and not stem.startswith("_")]


def _line_of(octets: bytes, place: str, key: str) -> int:
    """The line, from 1, on which the mistake stands; 0 if it cannot be told."""
    lines = octets.decode("utf-8", "replace").splitlines()
    header, _, rest = place.partition(" ")
    nth = int(digits) if (digits := rest.partition(" ")[0]).isdigit() else 1
    start = 0
    if header:
        found = [at for at, line in enumerate(lines) if "".join(line.split("#")[0].split()) == header]
        if len(found) < nth:
            return 0
        start = found[nth - 1]
    if not key:
        return start + 1 if header else 0
    for at in range(start + 1 if header else 0, len(lines)):
        line = lines[at].strip()
        if line.split("=")[0].strip().strip("\"'") == key or (not header and line.strip("[] ") == key):
            return at + 1
        if header and line.startswith("["):
            break
    return start + 1 if header else 0
