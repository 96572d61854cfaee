"""The audit log's tables. Entries refer to nobody's row: they outlive what they tell of."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from identity_service.storage.tables import metadata

audit_entries = sa.Table(
    "audit_entries",
    metadata,
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
    sa.CheckConstraint("number > 0", name="audit_entries_number_check"),
    sa.CheckConstraint(
        "octet_length(hash) = 32 AND octet_length(previous_hash) = 32",
        name="audit_entries_hash_check",
    ),
    sa.Index("audit_entries_by_time", "organization_id", "at", "number"),
    sa.Index("audit_entries_by_actor", "organization_id", "actor_id", "at", "number"),
    sa.Index("audit_entries_by_action", "organization_id", "action", "at", "number"),
    sa.Index("audit_entries_by_target", "organization_id", "targets", postgresql_using="gin"),
)

# A trigger on `organizations` adds the row of a new one.
audit_heads = sa.Table(
    "audit_heads",
    metadata,
    sa.Column("organization_id", sa.Uuid, primary_key=True),
    sa.Column("number", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column(
        "hash",
        sa.LargeBinary,
        nullable=False,
        server_default=sa.text("decode(repeat('00', 32), 'hex')"),
    ),
    sa.ForeignKeyConstraint(
        ["organization_id"],
        ["organizations.organization_id"],
        name="audit_heads_organization_fkey",
    ),
    sa.CheckConstraint("octet_length(hash) = 32", name="audit_heads_hash_check"),
)
