"""The id under which a service remembers a POST, derived from its Idempotency-Key.

The key is the caller's own: two people, or two paths, may use the same one. An anonymous call's key is shared by all
anonymous calls of its path.
"""

from __future__ import annotations

import uuid

from flask import request
from werkzeug.exceptions import BadRequest

from chassis.context import Actor, Operation, current

NAMESPACE = uuid.UUID("8c5e8a1e-5f0a-5f5e-9d4e-0d1f6a3b7c21")
LONGEST_KEY = 255


def bind_operation() -> None:
    """Gives the request its operation: the same again for the same key, a fresh one without a key."""
    call = current()
    key = request.environ.get("HTTP_IDEMPOTENCY_KEY")
    if key is None or request.method != "POST":
        operation_id = uuid.uuid4()
    else:
        operation_id = operation_id_of(checked(key), call.actor, request.method, request.path)
    call.operation = Operation(operation_id, "")


def operation_id_of(key: str, actor: Actor | None, method: str, path: str) -> uuid.UUID:
    """The same for the same caller, method, path and key, and only then."""
    caller = (str(actor.organization_id), str(actor.user_id)) if actor else ("", "")
    # A line break can be in none of the parts, so no two requests are written the same.
    return uuid.uuid5(NAMESPACE, "\n".join((*caller, method, path, key)))


def checked(key: str) -> str:
    """The key; BadRequest unless it is 1 to 255 printable ASCII characters."""
    if not 1 <= len(key) <= LONGEST_KEY or not key.isascii() or not key.isprintable():
        raise BadRequest(
            f"The Idempotency-Key header must be 1 to {LONGEST_KEY} printable ASCII characters."
        )
    return key
