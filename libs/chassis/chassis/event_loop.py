"""Watches the event loop: measures how long it stands still, and ends the process when it does for good.

All green threads share the loop. One that computes for long, or waits without giving way, stops everything: requests,
heartbeats, health. Nothing that needs the loop, or Python's interpreter lock, can notice then.
"""

from __future__ import annotations

import faulthandler
import time
from collections import deque
from typing import NoReturn

import structlog

from chassis import metrics

log = structlog.get_logger()

TICK_SECONDS = 0.25
TICKS_BETWEEN_ARMINGS = 4
TOLD_SECONDS = 1.0
WORST_OF_SECONDS = 300.0


class LoopWatch:
    """Runs in a green thread. After `seconds` in which it did not get its turn the process ends with status 1.

    It then prints where each thread stood, by a thread of C's own (faulthandler), which needs no Python. A process that
    is stopped (SIGSTOP) for longer ends when it goes on.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        # When it was noticed and how long it was; no later one was longer than one before it.
        self._stalls: deque[tuple[float, float]] = deque()
        metrics.event_loop_stall.set_function(self.worst)

    def run(self) -> NoReturn:
        """Watches for ever."""
        while True:
            faulthandler.dump_traceback_later(self._seconds, exit=True)
            for _ in range(TICKS_BETWEEN_ARMINGS):
                self._tick()

    def _tick(self) -> None:
        began = time.monotonic()
        time.sleep(TICK_SECONDS)
        now = time.monotonic()
        self.note(now, now - began - TICK_SECONDS)

    def note(self, now: float, stall: float) -> None:
        """Keeps one measurement of the moment `now`, and says so in the log if it was long."""
        if stall > TOLD_SECONDS:
            log.warning("event_loop.stalled", seconds=round(stall, 1))
        while self._stalls and self._stalls[-1][1] <= stall:
            self._stalls.pop()
        self._stalls.append((now, stall))
        while self._stalls[0][0] < now - WORST_OF_SECONDS:
            self._stalls.popleft()

    def worst(self) -> float:
        """Seconds of the longest stall in the last minutes."""
        return self._stalls[0][1] if self._stalls else 0.0
