"""Signing in with a password: by the API and by the portal's form."""

from __future__ import annotations

from typing import Any

from chassis import context
from chassis.errors import Forbidden
from gateway import refusals, rpc
from gateway.parts import parts


def authenticate(credentials: dict[str, Any]) -> dict[str, Any]:
    """What identity answers; Forbidden `identity.too_many_attempts` without asking it while it would only refuse."""
    key = refusals.key_of(credentials, context.current().address)
    parts().refusals.require_none(key)
    try:
        signed_in: dict[str, Any] = rpc.change_costly("authenticate", **credentials)
    except Forbidden as error:
        parts().refusals.note(key, error)
        raise
    return signed_in
