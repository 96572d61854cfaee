"""Who does the next step: a seeded choice. Time is virtual and passes with the steps."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Generator
from itertools import count
from typing import Any, Final

MOST_STEPS: Final = 200_000
STEP_SECONDS: Final = 0.004
LONGEST_STALL: Final = 8.0


class Parking:
    """Where tasks wait until something happens."""

    __slots__ = ("waiting",)

    def __init__(self) -> None:
        self.waiting: list[Task] = []


# What a task yields: a step it has done (for the trace), seconds to sleep, or where it waits.
Step = str | tuple[str, Any] | float | Parking
Steps = Generator[Step, None, Any]


class Stuck(Exception):
    """The schedule did not come to its end."""


class Task:
    """Something that runs, step by step. `lag` is how likely it is passed over."""

    __slots__ = ("frozen_until", "is_over", "lag", "name", "steps")

    def __init__(self, name: str, steps: Steps, lag: float) -> None:
        self.name = name
        self.steps = steps
        self.lag = lag
        self.is_over = False
        self.frozen_until = 0.0

    def kill(self) -> None:
        """Ends it where it is."""
        self.is_over = True
        self.steps.close()


class Scheduler:
    """All tasks of one schedule. The same seed gives the same schedule."""

    def __init__(self, seed: int, *, tracing: bool = False) -> None:
        self.random = random.Random(seed)  # nosec B311 # a seed must give the same choices again
        self.now = 0.0
        self.steps = 0
        self.trace: list[tuple[float, str, Step]] = []
        self._tracing = tracing
        self._ready: list[Task] = []
        self._due: list[tuple[float, int, Task | Callable[[], None]]] = []
        self._number = count()
        self.stall = self.random.choice((0.0, 0.0, 0.005, 0.03))
        self._laggards = self.random.choice((0.0, 0.3))

    def spawn(self, name: str, steps: Steps) -> Task:
        """Starts a task."""
        lag = 0.9 if self.random.random() < self._laggards else 0.0
        task = Task(name, steps, lag)
        self._ready.append(task)
        return task

    def later(self, seconds: float, action: Task | Callable[[], None]) -> None:
        """Does something, or goes on with a task, when so much time has passed."""
        heapq.heappush(self._due, (self.now + seconds, next(self._number), action))

    def wake(self, parking: Parking) -> None:
        """Lets everybody who waits there look again."""
        if parking.waiting:
            self._ready += parking.waiting
            parking.waiting = []

    def note(self, actor: str, what: str) -> None:
        """Adds a line to the trace."""
        if self._tracing:
            self.trace.append((self.now, actor, what))

    def run(self, is_done: Callable[[], bool]) -> None:
        """Runs until `is_done`. Stuck when it never comes to that."""
        while self.steps < MOST_STEPS:
            if self._due and self._due[0][0] <= self.now:
                self._wake_due()
            if not self._ready:
                if is_done():
                    return
                if not self._due:
                    raise Stuck("everybody waits for somebody")
                self.now = self._due[0][0]
                continue
            self._step()
            if self.steps % 32 == 0 and is_done():
                return
        raise Stuck("it never ends")

    def _wake_due(self) -> None:
        while self._due and self._due[0][0] <= self.now:
            action = heapq.heappop(self._due)[2]
            if isinstance(action, Task):
                self._ready.append(action)
            else:
                action()

    def _step(self) -> None:
        self.steps += 1
        chance = self.random.random
        self.now += chance() * STEP_SECONDS
        ready = self._ready
        place = int(chance() * len(ready))
        task = ready[place]
        if task.lag and chance() < task.lag:
            return
        ready[place] = ready[-1]
        ready.pop()
        if task.is_over:
            return
        if task.frozen_until > self.now:
            self.later(task.frozen_until - self.now, task)
            return
        self._go_on(task)

    def _go_on(self, task: Task) -> None:
        try:
            step = task.steps.send(None)
        except StopIteration:
            task.is_over = True
            return
        if self._tracing and not isinstance(step, float | Parking):
            self.trace.append((self.now, task.name, step))
        if isinstance(step, float):
            self.later(step, task)
        elif isinstance(step, Parking):
            step.waiting.append(task)
        elif self.stall and self.random.random() < self.stall:
            self.later(self.random.random() * LONGEST_STALL, task)
        else:
            self._ready.append(task)
