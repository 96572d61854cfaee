"""Who is calling: the bearer token, verified by identity and remembered for a moment."""

from __future__ import annotations

import re
import uuid
from datetime import datetime

from flask import request

from chassis import context
from chassis.context import Actor
from chassis.errors import Forbidden, Invalid
from gateway.parts import parts

# RFC 6750's b64token and a little more; anything else is no token of ours and not worth a call.
TOKEN = re.compile(r"Bearer +([!-~]{8,200})", re.IGNORECASE | re.ASCII)
BAD_TOKEN = "identity.bad_token"  # noqa: S105 - an error code # nosec B105


def sign_in() -> Actor:
    """Binds the caller to the request's context; Forbidden (401 over HTTP) without a good token."""
    return sign_in_with(bearer_token())


def sign_in_with(token: str) -> Actor:
    """Binds whom this access token stands for."""
    cache = parts().tokens
    actor = cache.get(token)
    if actor is None:
        asked_at = cache.now()
        actor, expires_at = _verify(token)
        cache.put(token, actor, asked_at=asked_at, expires_at=expires_at)
    context.current().actor = actor
    parts().limits.admit_actor(request.environ, actor)
    return actor


def bearer_token() -> str:
    """The request's token; Forbidden when there is none or it can't be one."""
    header = request.environ.get("HTTP_AUTHORIZATION", "")
    if not header:
        raise Forbidden(
            "access.sign_in_required", "Send an access token: Authorization: Bearer ..."
        )
    match = TOKEN.fullmatch(header.strip())
    if match is None:
        raise Forbidden(BAD_TOKEN, "The access token is not valid.")
    return match[1]


def _verify(token: str) -> tuple[Actor, float]:
    try:
        found = parts().rpc.call("identity", "verify_token", access_token=token)
    except Invalid as error:
        raise Forbidden(BAD_TOKEN, "The access token is not valid.") from error
    actor = Actor(
        uuid.UUID(found["user_id"]),
        uuid.UUID(found["organization_id"]),
        frozenset(found["roles"]),
    )
    return actor, datetime.fromisoformat(found["expires_at"]).timestamp()
