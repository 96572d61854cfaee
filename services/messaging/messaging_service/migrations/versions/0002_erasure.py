"""Erasure of a person: a conversation of which one of the two was erased is over."""

from alembic import op

from chassis.migrations import create_erased_people

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute("ALTER TABLE conversations ADD COLUMN erased_at timestamptz")
    op.execute(
        "ALTER TABLE conversations ADD CONSTRAINT conversations_erased "
        "CHECK (erased_at IS NULL OR status = 'closed')"
    )
    create_erased_people(op)


def downgrade() -> None:
    op.drop_table("erased_people")
    op.execute("ALTER TABLE conversations DROP COLUMN erased_at")
