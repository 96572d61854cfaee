"""Whom the gateway calls and hears. It publishes nothing, and its processes hear in short-lived queues of their own."""

from __future__ import annotations

from chassis.events import Contract

CONTRACT = Contract(
    service="gateway",
    calls=("identity", "assignment", "booking", "messaging", "import"),
    hears=("identity", "assignment"),
)
