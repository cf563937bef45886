"""What the tests of openers share: a budget, and what an opener finds, as values."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from mailscan.unpack import Budget
from mailscan.unpack.found import Found, Remark, Unopened

Opener = Callable[[bytes, Budget], Iterator[Found | Remark]] | Callable[[bytes, Budget], Iterator[Found]]


def budget(**limits: int | float) -> Budget:
    end = time.monotonic() + 60
    return Budget(lambda: end - time.monotonic(), **limits)  # type: ignore[arg-type]


def spent() -> Budget:
    """One that has no time left."""
    return Budget(lambda: 1.0, seconds=0)


def read(found: Found, most: int = 1 << 22) -> bytes | str:
    """Its octets, or why there are none."""
    try:
        return found.read(most)
    except Unopened as why:
        return str(why)


def opened(opener: Opener, data: bytes, most: int = 1 << 22) -> list[tuple[tuple[str, ...], bytes | str]]:
    """(names, octets or why there are none) of each member; ((), text) of each remark, and of why the opener ended."""
    found: list[tuple[tuple[str, ...], bytes | str]] = []
    try:
        for one in opener(data, budget()):
            found.append((one.names, read(one, most)) if isinstance(one, Found) else ((), one.text))
    except Unopened as why:
        found.append(((), str(why)))
    return found


def survives(opener: Opener, data: bytes, members: int = 200) -> None:
    """Any octets: only `Unopened` comes, and the octets of a member are as many as were asked for, the same again."""
    limited = budget(seconds=20)
    try:
        for number, one in enumerate(opener(data, limited)):
            if number == members:
                break
            if isinstance(one, Remark):
                continue
            assert all(isinstance(name, str) for name in one.names)
            heads = [_head(one, 100), _head(one, 7)]
            assert heads[0][:7] == heads[1]
            _head(one, 100_000)
    except Unopened:
        pass
    assert not limited.late()


def _head(found: Found, most: int) -> bytes:
    try:
        data = found.read(most)
    except Unopened as why:
        data = why.partly
    assert isinstance(data, bytes)
    assert len(data) <= most
    return data
