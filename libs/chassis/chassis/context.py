"""Who is calling, on whose behalf, until when: bound once per request, read anywhere below.

The context travels as AMQP headers. Each thread and each green thread has its own.
"""

from __future__ import annotations

import hashlib
import os
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import orjson

from chassis.errors import Forbidden, Unavailable

if TYPE_CHECKING:
    from chassis.rpc.places import Place

HEADER_PREFIX = "nameko."

# The longest text of an IPv6 address with a zone; more is no address.
ADDRESS_LENGTH = 64


@dataclass(frozen=True, slots=True)
class Actor:
    """The signed-in person a call acts for, and the organization the call is confined to."""

    user_id: uuid.UUID
    organization_id: uuid.UUID
    roles: frozenset[str]

    def has_role(self, *roles: str) -> bool:
        """Whether the actor holds at least one of `roles`."""
        return not self.roles.isdisjoint(roles)


@dataclass(frozen=True, slots=True)
class Operation:
    """One mutation as its caller names it; `fingerprint` tells whether the arguments are the same."""

    id: uuid.UUID
    fingerprint: str


def new_traceparent() -> str:
    """A fresh W3C Trace Context value."""
    return f"00-{os.urandom(16).hex()}-{os.urandom(8).hex()}-01"


@dataclass(slots=True)
class CallContext:
    """What holds for one request all the way through. `deadline` is in seconds since the epoch."""

    deadline: float
    request_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    traceparent: str = field(default_factory=new_traceparent)
    actor: Actor | None = None
    operation: Operation | None = None
    replayed: bool = False
    # The client's IP address as the gateway saw it; empty for work that began inside.
    address: str = ""
    # Who is behind work that no actor does: an event's handler has it from the event. A sign-in may set it, once it
    # knows who comes.
    caused_by: uuid.UUID | None = None
    # The token that proved `actor`, handed on to neighbours as it is; none where the actor is this process's own word.
    actor_token: tuple[Actor, str] | None = field(default=None, repr=False)
    # Where the call is at work in this process: `chassis.rpc.places`.
    place: Place | None = field(default=None, repr=False, compare=False)

    @property
    def actor_id(self) -> uuid.UUID | None:
        """Whom events name as their cause: the actor, else who caused what is handled here."""
        return self.actor.user_id if self.actor is not None else self.caused_by

    def seconds_left(self) -> float:
        """Time until the deadline; raises Unavailable when it has passed."""
        left = self.deadline - time.time()
        if left <= 0:
            raise deadline_exceeded()
        return left


def deadline_exceeded() -> Unavailable:
    """The call's time is over; nothing was decided."""
    return Unavailable("deadline.exceeded", "The request took too long; try again.")


_current: ContextVar[CallContext | None] = ContextVar("tandem_call_context", default=None)


def current() -> CallContext:
    """The bound context. A program error if there is none."""
    context = _current.get()
    if context is None:
        raise LookupError("no call context is bound")
    return context


def current_or_none() -> CallContext | None:
    """The bound context, or None outside of any call."""
    return _current.get()


def current_actor() -> Actor:
    """The signed-in actor; Forbidden when the call is anonymous."""
    actor = current().actor
    if actor is None:
        raise Forbidden("access.sign_in_required", "This call needs a signed-in person.")
    return actor


def current_operation() -> Operation:
    """The operation of a mutating call; one that can't be repeated when the caller named none."""
    context = current()
    if context.operation is None:
        context.operation = Operation(uuid.uuid4(), "")
    return context.operation


@contextmanager
def bound(context: CallContext) -> Iterator[CallContext]:
    """Binds `context` for the block."""
    token = _current.set(context)
    try:
        yield context
    finally:
        _current.reset(token)


@contextmanager
def acting_as(actor: Actor | None, *, seconds: float) -> Iterator[CallContext]:
    """Binds a context for work that no caller waits for (event handlers, commands)."""
    parent = _current.get()
    context = CallContext(deadline=time.time() + seconds, actor=actor)
    if parent is not None:
        context = replace(
            context,
            request_id=parent.request_id,
            traceparent=parent.traceparent,
            address=parent.address,
            caused_by=parent.caused_by,
        )
    with bound(context):
        yield context


def fingerprint(method: str, arguments: Mapping[str, Any]) -> str:
    """A digest that is equal for equal arguments, whatever their order."""
    canonical = orjson.dumps([method, arguments], option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(canonical).hexdigest()


def to_headers(
    context: CallContext, operation_id: uuid.UUID | None, sign: Callable[[Actor], str] | None
) -> dict[str, Any]:
    """The context as AMQP headers; `sign` vouches for an actor that came without a token."""
    headers: dict[str, Any] = {
        "nameko.request_id": context.request_id,
        "nameko.traceparent": context.traceparent,
        "nameko.deadline": int(context.deadline * 1000),
    }
    if context.actor is not None:
        headers["nameko.actor"] = token_of(context, context.actor, sign)
    if context.address:
        headers["nameko.address"] = context.address
    if operation_id is not None:
        headers["nameko.operation_id"] = str(operation_id)
    return headers


def token_of(context: CallContext, actor: Actor, sign: Callable[[Actor], str] | None) -> str:
    """The token that came with the actor, else one of our own. LookupError where this process may not sign."""
    if context.actor_token is not None and context.actor_token[0] == actor:
        return context.actor_token[1]
    if sign is None:
        raise LookupError("this process has no key to vouch for an actor: ACTOR_SIGNING_KEY")
    return sign(actor)


def from_headers(
    headers: Mapping[str, Any],
    *,
    default_seconds: float,
    verify: Callable[[Any], Actor],
    fingerprint_of: Any = None,
) -> CallContext:
    """The context that `to_headers` wrote, with what `verify` makes of the actor's token.

    Raises ValueError or TypeError on headers that make no sense, and what `verify` raises.
    """
    deadline_ms = headers.get("nameko.deadline")
    deadline = deadline_ms / 1000 if deadline_ms is not None else time.time() + default_seconds
    context = CallContext(
        deadline=deadline,
        request_id=str(headers.get("nameko.request_id") or uuid.uuid4().hex),
        traceparent=str(headers.get("nameko.traceparent") or new_traceparent()),
        address=str(headers.get("nameko.address") or "")[:ADDRESS_LENGTH],
    )
    if (token := headers.get("nameko.actor")) is not None:
        context.actor = verify(token)
        context.actor_token = (context.actor, token)
    if operation_id := headers.get("nameko.operation_id"):
        context.operation = Operation(uuid.UUID(str(operation_id)), fingerprint_of())
    return context
