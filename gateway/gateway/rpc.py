"""Calls to the services on behalf of the request: reading, changing, and trying without insisting."""

from __future__ import annotations

import uuid
from typing import Any

import structlog

from chassis import context
from chassis.errors import ServiceError, Unavailable
from gateway.addresses import client_of
from gateway.parts import parts

log = structlog.get_logger()


def call(service: str, method: str, **arguments: Any) -> Any:
    """Reads; the service's result or its error."""
    return parts().rpc.call(service, method, **arguments)


def change(service: str, method: str, *, step: str = "", **arguments: Any) -> Any:
    """Changes, at most once however often the request is repeated with its Idempotency-Key.

    A request that calls one service several times names each `step`.
    """
    operation_id = context.current_operation().id
    if step:
        operation_id = uuid.uuid5(operation_id, step)
    return parts().rpc.call(service, method, operation_id=operation_id, **arguments)


def change_costly(method: str, **arguments: Any) -> Any:
    """As `change` of identity, for what hashes a password; refused when too many wait for that already."""
    with parts().costly.place(client_of(context.current().address)):
        return change("identity", method, **arguments)


def attempt(service: str, method: str, *, seconds: float = 0.5, **arguments: Any) -> Any:
    """The result, or None when the service refuses or does not answer: for what an event does anyway."""
    try:
        return parts().rpc.call(service, method, timeout=seconds, **arguments)
    except ServiceError as error:
        level = log.info if isinstance(error, Unavailable) else log.warning
        level("rpc.attempt_failed", service=service, method=method, code=error.code)
        return None


def attempt_change(
    service: str, method: str, *, step: str, seconds: float = 0.5, **arguments: Any
) -> Any:
    """As `attempt`, for a change."""
    operation_id = uuid.uuid5(context.current_operation().id, step)
    return attempt(service, method, seconds=seconds, operation_id=operation_id, **arguments)
