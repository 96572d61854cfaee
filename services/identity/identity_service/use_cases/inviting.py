"""Making invitations: part of adding people, and an operation of its own."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from chassis import audit
from chassis.database import UnitOfWork
from identity_service.domain.links import INVITATION, Links
from identity_service.storage import links as rows


def invite(
    uow: UnitOfWork, organization_id: uuid.UUID, user_ids: Sequence[uuid.UUID], links: Links
) -> None:
    """Invites people whom the caller has locked and found fit for it: a few statements, however many they are."""
    if not user_ids:
        return
    rows.add(uow, organization_id, user_ids, INVITATION, links.invitation_life)
    for start in range(0, len(user_ids), audit.MAX_TARGETS):
        some = user_ids[start : start + audit.MAX_TARGETS]
        audit.record(uow, "invitation.sent", targets=some)
