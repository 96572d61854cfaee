"""The system's own work reaches only the tables that it needs, and the application not the schema's version."""

from alembic import op

from chassis.migrations import keep_from_application, narrow_system_scope, widen_system_scope

revision = "0003"
down_revision = "0002"

# The relay and pruning; nothing else of this service belongs to no organization.
IN_SYSTEM_SCOPE = ("outbox", "operations")


def upgrade() -> None:
    narrow_system_scope(op, IN_SYSTEM_SCOPE)
    keep_from_application(op, "alembic_version")


def downgrade() -> None:
    widen_system_scope(op)
