"""What people did, told to the audit log that identity keeps: who did what to whom, when, from where.

Actions that have a domain event of their own (an assignment, a finished upload) are recorded from that event. This is
for the others: a sign-in, an admin who reads a conversation, an overlap that an admin allowed.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Mapping
from typing import Any, Final

from marshmallow import Schema, fields, validate

from chassis import context
from chassis.database import UnitOfWork
from chassis.events import Event, Published

EVENT: Final = "audit_recorded"
ACTION: Final = re.compile(r"[a-z][a-z_]*(\.[a-z][a-z_]*)?")
MAX_TARGETS: Final = 1_000

# JSON keeps whole numbers exact up to here in every language (RFC 8785 and I-JSON).
EXACT: Final = 2**53 - 1

UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff]")


class AuditRecordedSchema(Schema):
    """An action for the audit log; when and from where it came is in the envelope."""

    action = fields.String(required=True, validate=validate.Length(min=1, max=60))
    actor_id = fields.UUID(required=True, allow_none=True)
    targets = fields.List(fields.UUID(), required=True, validate=validate.Length(max=MAX_TARGETS))
    details = fields.Dict(required=True)


AUDIT_RECORDED: Final = Published(
    EVENT,
    AuditRecordedSchema,
    "Somebody did what the audit log keeps and no other event tells.",
    required=True,
)


def record(
    uow: UnitOfWork,
    action: str,
    *,
    targets: Iterable[uuid.UUID | str] = (),
    details: Mapping[str, Any] | None = None,
    actor_id: uuid.UUID | None = None,
    organization_id: uuid.UUID | None = None,
) -> Event:
    """Puts an action into the audit log, with the commit of `uow`: not without the change, nor the change without it.

    Time, actor and address are the context's. Give `actor_id` where the call is anonymous but the person is known (a
    sign-in), and `organization_id` in a system-wide unit of work. `targets` are ids of whom or what it was done to.
    `details` are facts and ids: never names, e-mail addresses, tokens or texts; of JSON's kinds, but no fractions.
    Needs `AUDIT_RECORDED` among the events of the service's contract.
    """
    if not ACTION.fullmatch(action):
        raise ValueError(f"not the name of an action: {action!r}")
    facts = dict(details or {})
    require_plain(facts)
    ids = [str(target) for target in targets]
    organization = organization_id or uow.organization_id
    caller = context.current_or_none()
    if actor_id is None and caller is not None:
        actor_id = caller.actor_id
    return uow.publish(
        EVENT,
        # Not the aggregate's own subject: an audit event that has to wait must not hold its other events back.
        subject=f"audit:{ids[0] if ids else organization}",
        data={
            "action": action,
            "actor_id": None if actor_id is None else str(actor_id),
            "targets": ids,
            "details": facts,
        },
        organization_id=organization,
    )


def require_plain(value: Any) -> None:
    """ValueError for what has no single spelling in JSON, or none that PostgreSQL could store."""
    if isinstance(value, dict):
        for key, item in value.items():
            if not (isinstance(key, str) and key.isascii() and key.isprintable()):
                raise ValueError("a key in the details is no plain word")
            require_plain(item)
    elif isinstance(value, list):
        for item in value:
            require_plain(item)
    elif not is_plain(value):
        raise ValueError("a value in the details has no plain spelling")


def is_plain(value: Any) -> bool:
    """Whether a single value is spelled the same everywhere."""
    if isinstance(value, str):
        return not UNSTORABLE.search(value)
    return value is None or (isinstance(value, int) and abs(value) <= EXACT)
