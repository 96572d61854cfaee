"""How many consumers queues have, as the broker says."""

from __future__ import annotations

from collections.abc import Iterable

import eventlet
from amqp.exceptions import NotFound

from chassis.connections import Connection, abandoned, opened

ANSWER_SECONDS = 1.5


class ConsumerCounts:
    """The broker's view, by a connection opened when needed and dropped after any error. For one green thread."""

    def __init__(self, amqp_url: str) -> None:
        self._url = amqp_url
        self._connection: Connection | None = None

    def of(self, queues: Iterable[str]) -> dict[str, int]:
        """Asks for all of them; a queue that is gone is left out.

        Raises one of RECOVERABLE or an AMQPError when there is no answer in time.
        """
        try:
            connection = self._connection = self._connection or opened(self._url)
            with eventlet.Timeout(ANSWER_SECONDS, TimeoutError("the broker does not answer")):
                counts = {name: consumers_of(connection, name) for name in queues}
        except BaseException:
            self.close()
            raise
        return {name: count for name, count in counts.items() if count is not None}

    def close(self) -> None:
        """Drops the connection."""
        connection, self._connection = self._connection, None
        abandoned(connection)


def consumers_of(connection: Connection, queue: str) -> int | None:
    """The broker's count; None if there is no such queue, which closes the channel it is asked on."""
    try:
        with connection.channel() as channel:
            count: int = channel.queue_declare(queue, passive=True).consumer_count
            return count
    except NotFound:
        return None
