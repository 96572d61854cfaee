"""The audit log."""

from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from chassis.migrations import enable_tenancy

revision = "0003"
down_revision = "0002"

PROTECTION = Path(__file__).with_name("0003_protection.sql")
ZEROS = "decode(repeat('00', 32), 'hex')"


def upgrade() -> None:
    create_heads()
    create_entries()
    for table in ("audit_heads", "audit_entries"):
        enable_tenancy(op, table, in_system_scope=False)
    op.execute(
        "INSERT INTO audit_heads (organization_id) SELECT organization_id FROM organizations"
    )
    op.execute(PROTECTION.read_text())


def create_heads() -> None:
    op.create_table(
        "audit_heads",
        sa.Column("organization_id", sa.Uuid, primary_key=True),
        sa.Column("number", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("hash", sa.LargeBinary, nullable=False, server_default=sa.text(ZEROS)),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.organization_id"],
            name="audit_heads_organization_fkey",
        ),
        sa.CheckConstraint("octet_length(hash) = 32", name="audit_heads_hash_check"),
    )
    # Each append changes its organization's row in place; room for that keeps the indexes out of it.
    op.execute("ALTER TABLE audit_heads SET (fillfactor = 50)")


def create_entries() -> None:
    op.create_table(
        "audit_entries",
        *entry_columns(),
        sa.CheckConstraint("number > 0", name="audit_entries_number_check"),
        sa.CheckConstraint(
            "octet_length(hash) = 32 AND octet_length(previous_hash) = 32",
            name="audit_entries_hash_check",
        ),
    )
    for name, columns in (
        ("audit_entries_by_time", ["organization_id", "at", "number"]),
        ("audit_entries_by_actor", ["organization_id", "actor_id", "at", "number"]),
        ("audit_entries_by_action", ["organization_id", "action", "at", "number"]),
    ):
        op.create_index(name, "audit_entries", columns)
    op.create_index(
        "audit_entries_by_target",
        "audit_entries",
        ["organization_id", "targets"],
        postgresql_using="gin",
    )


def entry_columns() -> list[sa.Column[Any]]:
    return [
        sa.Column("organization_id", sa.Uuid, primary_key=True),
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_id", sa.Uuid),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("targets", ARRAY(sa.Uuid), nullable=False),
        sa.Column("details", JSONB, nullable=False),
        sa.Column("previous_hash", sa.LargeBinary, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
    ]


def downgrade() -> None:
    op.execute("DROP TRIGGER organizations_begin_audit ON organizations")
    op.drop_table("audit_entries")
    op.drop_table("audit_heads")
    for function in (
        "audit_numbers_of",
        "begin_audit",
        "refuse_audit_change",
        "refuse_audit_retreat",
    ):
        op.execute(f"DROP FUNCTION {function}")
