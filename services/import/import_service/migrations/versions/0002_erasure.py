"""Erasure of a person: what rows say can change while an import goes on."""

import sqlalchemy as sa
from alembic import op

from chassis.migrations import create_erased_people

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("imports", sa.Column("revision", sa.Integer, nullable=False, server_default="0"))
    create_erased_people(op)


def downgrade() -> None:
    op.drop_table("erased_people")
    op.drop_column("imports", "revision")
