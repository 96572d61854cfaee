"""A process of a service: its tasks, its clock, its connections. All of it ends with a kill."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from simulation.scheduler import Scheduler, Steps, Task

EPOCH: Final = datetime(2026, 1, 5, 8, tzinfo=UTC)


class Process:
    """One copy of a service, or a client. `skew` is how far its clock is ahead, in seconds."""

    def __init__(self, name: str, scheduler: Scheduler, skew: float = 0.0) -> None:
        self.name = name
        self.skew = skew
        self.connection = 0
        self.pending: set[Any] = set()
        self.tasks: list[Task] = []
        self._scheduler = scheduler

    def run(self, what: str, steps: Steps) -> None:
        """Starts a task in it."""
        self.tasks.append(self._scheduler.spawn(f"{self.name} {what}", steps))

    def clock(self) -> datetime:
        """What it takes for the time."""
        return EPOCH + timedelta(seconds=self._scheduler.now + self.skew)

    def freeze(self, seconds: float) -> None:
        """Nothing in it goes on for a while."""
        for task in self.tasks:
            task.frozen_until = self._scheduler.now + seconds

    def kill(self) -> None:
        """Ends it where it is."""
        for task in self.tasks:
            task.kill()
        self.tasks.clear()
        self.pending.clear()
