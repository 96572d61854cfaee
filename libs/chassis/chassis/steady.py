"""Nameko's connection for consuming, to whichever of the broker's nodes answers."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from kombu import Connection
from nameko.messaging import QueueConsumer

from chassis.addresses import nodes_of
from chassis.connections import CONNECT_SECONDS, abandoned


class SteadyConnection(Connection):  # type: ignore[misc,unused-ignore]
    """One that failed is left as it is: a dead node would never say its part of the goodbye."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """As kombu's where all is well."""
        if error is not None:
            abandoned(self)
        super().__exit__(kind, error, trace)


class SteadyConsumer(QueueConsumer):
    """Nameko's queue consumer with several nodes to turn to."""

    @property
    def amqp_uri(self) -> str:
        """All nodes, as kombu writes them; after a failure it turns to the next."""
        return ";".join(nodes_of(self.container.config["AMQP_URI"]))

    @property
    def connection(self) -> Any:
        """Read by kombu at each (re)connection."""
        return SteadyConnection(
            self.amqp_uri,
            connect_timeout=CONNECT_SECONDS,
            heartbeat=self.container.config["heartbeat"],
            transport_options={},
        )
