"""Work that takes as long as its client: each step of it has a deadline of its own, the whole has none."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

from chassis import context
from gateway.parts import parts


def renew() -> None:
    """Gives the request its full time again, after a step of a long transfer was done."""
    context.current().deadline = time.time() + parts().settings.request_seconds


class Detached:
    """Calls on behalf of the request while its answer is being streamed, when it is no longer bound."""

    def __init__(self) -> None:
        self._call = context.current()
        self._parts = parts()

    def call(self, service: str, method: str, **arguments: Any) -> Any:
        """The service's result, within the time of one request."""
        deadline = time.time() + self._parts.settings.request_seconds
        with context.bound(replace(self._call, deadline=deadline)):
            return self._parts.rpc.call(service, method, **arguments)
