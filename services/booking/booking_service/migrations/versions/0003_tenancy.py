"""An index of rare statuses; the system's own work reaches only what it needs."""

import sqlalchemy as sa
from alembic import op

from chassis.migrations import keep_from_application, narrow_system_scope, widen_system_scope

revision = "0003"
down_revision = "0002"

# The relay and pruning; nothing else of this service belongs to no organization.
IN_SYSTEM_SCOPE = ("outbox", "operations")


def upgrade() -> None:
    narrow_system_scope(op, IN_SYSTEM_SCOPE)
    keep_from_application(op, "alembic_version")
    # A list of the few that are neither scheduled nor completed must not read all the others; storing those costs no more.
    op.create_index(
        "sessions_of_rare_status",
        "sessions",
        ["organization_id", "status", "starts_at", "id"],
        postgresql_where=sa.text("status IN ('pending', 'cancelled', 'missed')"),
    )


def downgrade() -> None:
    op.drop_index("sessions_of_rare_status", "sessions")
    widen_system_scope(op)
