"""Erasure of a person: whoever was erased has no name to be reached by."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from chassis.migrations import create_erased_people, enable_tenancy

revision = "0004"
down_revision = "0003"

REACHABLE = "users_reachable_check"
NAMED = "coalesce(email, username, external_id) IS NOT NULL"
NOTHING_LEFT = (
    "erased_at IS NULL OR (status = 'archived' AND email IS NULL AND username IS NULL AND external_id IS NULL "
    "AND phone IS NULL AND password_hash IS NULL)"
)


def upgrade() -> None:
    op.add_column("users", sa.Column("erased_at", sa.DateTime(timezone=True)))
    op.drop_constraint(REACHABLE, "users")
    op.create_check_constraint(REACHABLE, "users", f"erased_at IS NOT NULL OR {NAMED}")
    op.create_check_constraint("users_erased_check", "users", NOTHING_LEFT)
    create_erased_people(op)
    op.create_table(
        "former_names",
        sa.Column("organization_id", sa.Uuid, primary_key=True),
        sa.Column("user_id", sa.Uuid, primary_key=True),
        sa.Column("names", JSONB, nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "user_id"],
            ["users.organization_id", "users.id"],
            name="former_names_user_fkey",
            ondelete="CASCADE",
        ),
    )
    enable_tenancy(op, "former_names")


def downgrade() -> None:
    op.drop_table("former_names")
    op.drop_table("erased_people")
    op.drop_constraint("users_erased_check", "users")
    op.execute("UPDATE users SET external_id = 'erased:' || id WHERE erased_at IS NOT NULL")
    op.drop_constraint(REACHABLE, "users")
    op.drop_column("users", "erased_at")
    op.create_check_constraint(REACHABLE, "users", NAMED)
