"""Nameko's connection for consuming, to whichever of the broker's nodes answers."""

from __future__ import annotations

from typing import Any

from nameko.messaging import QueueConsumer

from chassis.addresses import nodes_of
from chassis.connections import CONNECT_SECONDS, Connection


class SteadyConsumer(QueueConsumer):
    """Nameko's queue consumer with several nodes to turn to."""

    @property
    def amqp_uri(self) -> str:
        """All nodes, as kombu writes them; after a failure it turns to the next."""
        return ";".join(nodes_of(self.container.config["AMQP_URI"]))

    @property
    def connection(self) -> Any:
        """Read by kombu at each (re)connection."""
        return Connection(
            self.amqp_uri,
            connect_timeout=CONNECT_SECONDS,
            heartbeat=self.container.config["heartbeat"],
            transport_options={},
        )
