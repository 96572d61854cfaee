"""Erasure of a person."""

from alembic import op

from chassis.migrations import create_erased_people

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_erased_people(op)


def downgrade() -> None:
    op.drop_table("erased_people")
