"""Things and arrivals."""

import sqlalchemy as sa
from alembic import op

from chassis.migrations import create_plumbing, enable_tenancy

revision = "0001"
down_revision = None


def upgrade() -> None:
    for table, columns in (
        ("things", [sa.Column("label", sa.Text, nullable=False)]),
        (
            "arrivals",
            [
                sa.Column("event_id", sa.Uuid, nullable=False),
                sa.Column("subject", sa.Text, nullable=False),
                sa.Column("number", sa.BigInteger, nullable=False),
            ],
        ),
    ):
        op.create_table(
            table,
            sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
            sa.Column("organization_id", sa.Uuid, nullable=False),
            *columns,
        )
        enable_tenancy(op, table)
    create_plumbing(op)
