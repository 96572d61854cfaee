"""Erasure of a person: who was erased is not assigned again."""

from alembic import op

from chassis.migrations import create_erased_people

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    create_erased_people(op)


def downgrade() -> None:
    op.drop_table("erased_people")
