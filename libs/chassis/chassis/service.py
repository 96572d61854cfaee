"""What every service class has: its call context, database and RPC client, and its relay.

class Service(ServiceBase):
    name = "example"

    @rpc
    def do_thing(self, **payload): ...

    @on_event("other", "thing_done")
    def on_other_thing_done(self, event): ...
"""

from __future__ import annotations

from typing import Any

from nameko.extensions import DependencyProvider

from chassis.context import CallContext
from chassis.database import Database
from chassis.rpc.client import RpcClient


class BoundCall(DependencyProvider):
    """The context of the call that this worker handles."""

    def get_dependency(self, worker_ctx: Any) -> CallContext:
        """Called by Nameko for each worker."""
        call: CallContext = worker_ctx.data["call"]
        return call


class Shared(DependencyProvider):
    """An object that the runner made once for the process, from the container's configuration."""

    def __init__(self, key: str) -> None:
        self._key = key

    def setup(self) -> None:
        """Called by Nameko."""
        self._value = self.container.config[self._key]

    def get_dependency(self, worker_ctx: Any) -> Any:
        """Called by Nameko for each worker."""
        return self._value


class ServiceBase:
    """Base of the services' classes; a fresh instance serves each call."""

    name: str
    call: CallContext = BoundCall()
    database: Database = Shared("DATABASE")
    neighbours: RpcClient = Shared("RPC_CLIENT")

    @classmethod
    def waiting_room(cls) -> int:
        """How many calls at most step aside at once (`chassis.rpc.places`): none, unless a service says so."""
        return 0
