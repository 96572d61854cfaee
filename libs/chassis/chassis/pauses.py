"""Long work gives way: all green threads of a process share one processor, and none is interrupted.

Who computes for a second keeps everybody's requests, and the heartbeats to the broker, waiting for that second.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")


def give_way() -> None:
    """Lets the other green threads that are ready go on first."""
    time.sleep(0)


def unhurried(items: Iterable[Item], *, every: int = 100) -> Iterator[Item]:
    """The items, giving way after each `every` of them."""
    for number, item in enumerate(items, start=1):
        yield item
        if number % every == 0:
            give_way()
