"""Watches that the service's queues are consumed; connects anew when they are not, and then ends the process.

It trusts neither side alone. A process may believe in a consumer that the broker has forgotten, and the broker may
count a consumer whose process does not read. A queue that is gone is no such case: it is looked for until it is back.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn, Protocol

import structlog
from amqp.exceptions import AMQPError

from chassis.connections import RECOVERABLE
from chassis.errors import Unavailable

log = structlog.get_logger()

LOOK_SECONDS = 2.0
# An answer of the broker's that is older says nothing of now.
OLD_SECONDS = 6.0
DEAD_SECONDS = 60.0


class Consumer(Protocol):
    """A consuming connection of the process."""

    def queues(self) -> list[str]:
        """Queues that it ought to consume."""

    def unconsumed_queues(self) -> list[str]:
        """Those that it does not consume now, though they are there."""

    def begin_anew(self) -> None:
        """Makes it connect again."""


class Counts(Protocol):
    """Somebody who knows the broker's view."""

    def of(self, queues: Iterable[str]) -> dict[str, int]:
        """Consumers of all processes, by queue; a queue that is gone is left out.

        Raises one of RECOVERABLE or an AMQPError when there is no answer in time.
        """


class ConsumerWatch:
    """Looks every two seconds. Queues may be left for `patience` seconds, before and again after connecting anew."""

    def __init__(
        self,
        counts: Counts,
        consumers: Sequence[Consumer],
        *,
        patience: float,
        end: Callable[[], Any],
    ) -> None:
        self._counts = counts
        self._consumers = consumers
        # Looks are counted rather than seconds: a process that was stopped meanwhile has not waited.
        self._patience = max(1, round(patience / LOOK_SECONDS))
        self._end = end
        self._left: list[str] = []
        self._looks_in_vain = 0
        self._is_silent = False
        self._answered_at = self._looked_at = float("-inf")

    def run(self) -> NoReturn:
        """Looks for ever."""
        while True:
            try:
                self.look()
            except Exception:
                log.exception("bus.look_failed")
            time.sleep(LOOK_SECONDS)

    def look(self) -> None:
        """Asks once, and acts. While the broker does not answer there is nothing to mend here."""
        self._looked_at = time.monotonic()
        names = {name for consumer in self._consumers for name in consumer.queues()}
        try:
            counts = self._counts.of(sorted(names))
        except (*RECOVERABLE, AMQPError) as error:
            self._note_silence(error)
            return
        self._is_silent = False
        self._answered_at = time.monotonic()
        self._left = [name for name, count in counts.items() if not count]
        self._judge(sorted({*self._left, *(counts.keys() & self._unconsumed())}))

    def _note_silence(self, error: BaseException) -> None:
        if not self._is_silent:
            log.warning("bus.consumers_unknown", error=type(error).__name__)
        self._is_silent = True
        self._looks_in_vain = 0

    def _judge(self, left: list[str]) -> None:
        if not left:
            self._looks_in_vain = 0
            return
        self._looks_in_vain += 1
        if self._looks_in_vain == self._patience:
            log.error("bus.not_consuming", queues=left)
            for consumer in self._consumers:
                consumer.begin_anew()
        if self._looks_in_vain >= 2 * self._patience:
            log.critical("bus.not_consuming_for_good", queues=left)
            self._end()

    def _unconsumed(self) -> set[str]:
        return {name for consumer in self._consumers for name in consumer.unconsumed_queues()}

    def check_broker(self) -> None:
        """Passes if the broker answered a moment ago."""
        if time.monotonic() - self._answered_at > OLD_SECONDS:
            raise Unavailable("broker.unavailable", "The message broker does not answer.")

    def check_consumers(self) -> None:
        """Passes if all queues that are there are consumed, as this process sees it and as the broker last said."""
        if left := {*self._left, *self._unconsumed()}:
            raise Unavailable("service.not_consuming", f"Nobody consumes {min(left)}.")

    def check_alive(self) -> None:
        """Passes unless this watch itself has failed: it is dead, or its end of the process was none."""
        is_dead = time.monotonic() - self._looked_at > DEAD_SECONDS
        if is_dead or self._looks_in_vain > 2 * self._patience:
            raise Unavailable("service.not_consuming", "The queues are not consumed any more.")
