"""The tables that every service has: outbox (which is also its event log), inbox, operations."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from chassis.prepared import Prepared

metadata = sa.MetaData()
OPERATIONS_KEY: Final = "operations_pkey"

# Every index of the outbox is written twice per event (insert, mark), so it has only the one that the relay needs.
outbox = sa.Table(
    "outbox",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("event_id", sa.Uuid, nullable=False),
    sa.Column("organization_id", sa.Uuid, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column(
        "created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()
    ),
    sa.Column("due_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
    sa.Column("sent_at", sa.DateTime(timezone=True)),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("last_error", sa.Text),
    sa.Index("outbox_unsent", "id", postgresql_where=sa.text("sent_at IS NULL")),
)

inbox = sa.Table(
    "inbox",
    metadata,
    sa.Column("event_id", sa.Uuid, primary_key=True),
    sa.Column("handler", sa.Text, primary_key=True),
    sa.Column(
        "received_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()
    ),
    sa.Index("inbox_received", "received_at", postgresql_using="brin"),
)

operations = sa.Table(
    "operations",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("organization_id", sa.Uuid),
    sa.Column("fingerprint", sa.Text, nullable=False),
    sa.Column("result", JSONB, nullable=False),
    sa.Column(
        "created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()
    ),
    sa.Index("operations_created", "created_at", postgresql_using="brin"),
)

# Tables whose rows belong to one organization and are confined by row level security.
TENANT_TABLES: Final = ("outbox", "operations")

INSERT_INBOX_ENTRY: Final = """
    INSERT INTO inbox (event_id, handler) VALUES (%(event_id)s, %(handler)s) ON CONFLICT DO NOTHING
"""

# One round trip for both: is another transaction busy with this operation, and was it done before? The snapshot is
# older than the lock, so a result stored in between is missed here and found by the primary key at the commit.
FIND_OPERATION: Final = Prepared(
    "find_operation",
    {"id": "text", "organization_id": "uuid"},
    """
    SELECT pg_try_advisory_xact_lock(hashtextextended(:id, 1)) AS locked,
           operations.fingerprint, operations.result
      FROM (SELECT) AS always LEFT JOIN operations
        ON operations.id = CAST(:id AS uuid) AND operations.organization_id IS NOT DISTINCT FROM :organization_id
    """,
)

INSERT_OPERATION: Final = (
    "INSERT INTO operations (id, organization_id, fingerprint, result) VALUES (%s, %s, %s, %s)"
)

TAKE_LOCKS: Final = """
    SELECT pg_advisory_xact_lock(key)
      FROM (SELECT hashtextextended(name, 0) AS key FROM unnest(%(keys)s) AS name ORDER BY 1) AS ordered
"""


def insert_events(count: int) -> str:
    """An INSERT of that many outbox rows, in the order of their publication."""
    row = "(%s, %s, %s, %s, %s)"
    rows = ", ".join([row] * count)
    return f"INSERT INTO outbox (event_id, organization_id, name, subject, body) VALUES {rows}"  # noqa: S608 - our own words, values are parameters # nosec B608


def add_to(target: sa.MetaData) -> None:
    """Adds the plumbing tables to a service's metadata, so that Alembic compares them too."""
    for table in metadata.sorted_tables:
        table.to_metadata(target)
