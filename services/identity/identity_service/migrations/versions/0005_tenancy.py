"""The system's own work reaches only the tables that it needs, and the application not the schema's version."""

from alembic import op

from chassis.migrations import keep_from_application, narrow_system_scope, widen_system_scope

revision = "0005"
down_revision = "0004"

# The relay and pruning; signing up and in, tokens, links and mails, which are there before the organization is known.
IN_SYSTEM_SCOPE = (
    "outbox",
    "operations",
    "organizations",
    "users",
    "name_words",
    "logins",
    "access_tokens",
    "refresh_tokens",
    "links",
    "mails",
)


def upgrade() -> None:
    narrow_system_scope(op, IN_SYSTEM_SCOPE)
    keep_from_application(op, "alembic_version")


def downgrade() -> None:
    widen_system_scope(op)
