"""Tells the other gateway processes what was let through here, and hears it from them.

One thread with a connection of its own. Nothing here is a promise: what is lost is merely not counted elsewhere. A
process hears of the others' requests one ROUND and a moment later, so together they let through at most what comes
within that time too much.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from typing import Any

import orjson
import structlog
from amqp import Message

from chassis.connections import send
from gateway.bus_thread import BusThread, drain
from gateway.limits.windows import Window

log = structlog.get_logger()

EXCHANGE = "gateway.limits"
ROUND = 0.2
# A process that is stuck must not fill the broker's memory, nor count in this period what came in one long ago.
QUEUE = {"x-max-length": 200, "x-message-ttl": 2000}
MOST_KEYS_IN_A_MESSAGE = 5000


class Gossip(BusThread):
    """The process's voice and ear."""

    name = "limits"

    def __init__(self, amqp_url: str, windows: Mapping[str, Window]) -> None:
        super().__init__(amqp_url)
        self._windows = windows
        self._name = ""

    def connected(self, channel: Any) -> None:
        """Begins to listen, under a name that no other process has."""
        self._name = uuid.uuid4().hex
        channel.exchange_declare(EXCHANGE, "fanout", durable=False, auto_delete=False)
        queue = channel.queue_declare("", exclusive=True, auto_delete=True, arguments=QUEUE).queue
        channel.queue_bind(queue, EXCHANGE)
        channel.basic_consume(queue, no_ack=True, callback=self._on_message)
        # What was counted meanwhile belongs to periods that may be over.
        self._collect()

    def turn(self, channel: Any, connection: Any) -> None:
        """Hears for a round what the others say, then says what was counted here."""
        drain(connection, ROUND)
        self._tell(channel)

    def _tell(self, channel: Any) -> None:
        for counts in self._collect():
            body = orjson.dumps({"from": self._name, **counts})
            send(channel, Message(body), EXCHANGE, "")

    def _collect(self) -> list[dict[str, dict[str, int]]]:
        """What was counted since the last time, in pieces that are no burden to anybody."""
        messages: list[dict[str, dict[str, int]]] = [{}]
        for name, window in self._windows.items():
            items = list(window.unsent().items())
            for start in range(0, len(items), MOST_KEYS_IN_A_MESSAGE):
                if name in messages[-1] or start:
                    messages.append({})
                messages[-1][name] = dict(items[start : start + MOST_KEYS_IN_A_MESSAGE])
        return [counts for counts in messages if counts]

    def _on_message(self, message: Any) -> None:
        try:
            told = orjson.loads(message.body)
            if told.pop("from") != self._name:
                self._count(told)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            log.error("limits.unreadable", error=type(error).__name__)

    def _count(self, told: dict[str, dict[str, int]]) -> None:
        now = time.time()
        for name, counts in told.items():
            # A newer process may have limits that this one doesn't know.
            if window := self._windows.get(name):
                for key, count in counts.items():
                    window.add(key, count, now)
