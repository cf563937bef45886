"""Debian's own Postfix before each door, and clients that are not loopback: no way to it makes a rule deaf."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from machines import SERVER
from mta.columns import BY_NAME, RECIPIENT, SENDER
from mta.matrix import WAY_ROWS, row
from mta.postfix import Postfix, page_check, starter
from mta.site import Site
from mta.ways import WAYS, Way, run_way

# The plain queue is last: its test of what is not judged is test_mta_postfix.py's.
_DOORS = sorted(WAY_ROWS, key=lambda one: one[0] == "postfix")


@pytest.fixture(scope="module", params=_DOORS, ids=lambda one: one[0])
def door(request: pytest.FixtureRequest) -> Iterator[Postfix]:
    one: Postfix = row(request.param[1])
    with tempfile.TemporaryDirectory(prefix="mailscan-", ignore_cleanup_errors=True) as folder:
        try:
            one.start(Site(Path(folder)))
            one.open()
            yield one
        finally:
            one.stop()


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
def test_way(way: Way, door: Postfix) -> None:
    run_way(way, door, door.site)


@pytest.mark.parametrize("door", _DOORS[:-1], indirect=True, ids=lambda one: one[0])
@pytest.mark.parametrize("name", ["missing", "pythonhome", "exits", "orphan"])
def test_what_is_not_judged_waits(name: str, door: Postfix) -> None:
    """Postfix looks at words too, and waits until its pipes are closed: 14 s here, and then it bounces."""
    column = BY_NAME[name]
    door.site.become(column.state, column.files())
    door.set("command_time_limit = 14s")
    door.reload()
    try:
        assert door.submit(SENDER, [RECIPIENT], column.octets)[0] == 250
        assert door.fates(SENDER, (RECIPIENT,))[RECIPIENT].word == "deferred"
    finally:
        door.set("command_time_limit = 1000s")
        door.reload()


def test_the_check_of_the_page(door: Postfix) -> None:
    """From another host, with the starter policy for our domain: it is the envelope that is looked at."""
    door.site.become("well", {"policy.toml": starter()})
    command = page_check(door.name.removesuffix("-own"), SERVER)
    done = door.machine.client("sh", "-c", command)
    assert done.returncode == 0, done.stderr
    fates = door.fates("you@example.org", ("spamtrap@rcpt.example", RECIPIENT))
    assert fates["spamtrap@rcpt.example"].word in ("marked", "refused")
    assert fates[RECIPIENT].word == ("marked" if door.whole else "delivered")
