"""The tables of the import service."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from chassis.migrations import create_plumbing, enable_tenancy

revision = "0001"
down_revision = None

MOMENT = sa.DateTime(timezone=True)
TENANT_TABLES = ("imports", "import_chunks", "import_rows", "import_keys", "import_pairs")


def upgrade() -> None:
    create_plumbing(op)
    create_imports()
    create_chunks()
    create_rows()
    create_keys()
    create_pairs()
    for table in TENANT_TABLES:
        enable_tenancy(op, table)


def owner_columns() -> list[sa.Column[Any]]:
    return [
        sa.Column("organization_id", sa.Uuid, nullable=False),
        sa.Column("import_id", sa.Uuid, nullable=False),
    ]


def of_import(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["organization_id", "import_id"],
        ["imports.organization_id", "imports.id"],
        name=f"{table}_import",
        ondelete="CASCADE",
    )


def create_imports() -> None:
    op.create_table(
        "imports",
        sa.Column("organization_id", sa.Uuid, nullable=False),
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("number", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("filename", sa.Text, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("associations", sa.Text, nullable=False),
        sa.Column("send_invitations", sa.Boolean, nullable=False),
        sa.Column("apply", sa.Boolean, nullable=False),
        sa.Column("actor", JSONB, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("step", sa.Text),
        sa.Column("chunk", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("announced_step", sa.Text),
        sa.Column("announced_chunk", sa.BigInteger),
        sa.Column("rows", sa.Integer, nullable=False, server_default="0"),
        sa.Column("work_done", sa.Integer, nullable=False, server_default="0"),
        sa.Column("work_total", sa.Integer, nullable=False, server_default="0"),
        sa.Column("detected", JSONB),
        sa.Column("counts", JSONB, nullable=False),
        sa.Column("errors", JSONB, nullable=False, server_default="[]"),
        sa.Column("created_at", MOMENT, nullable=False, server_default=sa.func.now()),
        sa.Column("finished_at", MOMENT),
        sa.PrimaryKeyConstraint("organization_id", "id", name="imports_pkey"),
        sa.CheckConstraint(
            "associations IN ('add', 'replace', 'remove')", name="imports_associations"
        ),
        sa.CheckConstraint(
            "status IN ('reading', 'planned', 'applying', 'finished', 'failed', 'cancelled')",
            name="imports_status",
        ),
    )


def create_chunks() -> None:
    op.create_table(
        "import_chunks",
        *owner_columns(),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False, server_default=sa.func.now()),
        sa.PrimaryKeyConstraint(
            "organization_id", "import_id", "position", name="import_chunks_pkey"
        ),
        of_import("import_chunks"),
    )
    op.create_index("import_chunks_age", "import_chunks", ["organization_id", "created_at"])
    # Compressing would cost more than it saves: the file is read once, soon, and then deleted.
    op.execute("ALTER TABLE import_chunks ALTER COLUMN content SET STORAGE EXTERNAL")


def create_rows() -> None:
    op.create_table(
        "import_rows",
        sa.Column("position", sa.BigInteger, nullable=False, autoincrement=False),
        *owner_columns(),
        sa.Column("line", sa.Integer, nullable=False),
        sa.Column("cells", JSONB, nullable=False),
        sa.Column("person", JSONB, nullable=False),
        sa.Column("role", sa.Text),
        sa.Column("instructors", JSONB),
        sa.Column("students", JSONB),
        sa.Column("known_as", JSONB),
        sa.Column("outcome", sa.Text),
        sa.Column("applied", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("user_id", sa.Uuid),
        sa.Column("changes", JSONB),
        sa.Column("errors", JSONB, nullable=False),
        sa.PrimaryKeyConstraint("position", name="import_rows_pkey"),
        of_import("import_rows"),
        sa.CheckConstraint(
            "outcome IN ('create', 'update', 'unchanged', 'invalid')", name="import_rows_outcome"
        ),
    )
    op.execute("ALTER TABLE import_rows SET (fillfactor = 60)")


def create_keys() -> None:
    op.create_table(
        "import_keys",
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("organization_id", sa.Uuid, nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("line", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("key", name="import_keys_pkey"),
    )


def create_pairs() -> None:
    op.create_table(
        "import_pairs",
        sa.Column("number", sa.BigInteger, sa.Identity(always=True), nullable=False),
        *owner_columns(),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("instructor_id", sa.Uuid),
        sa.Column("student_id", sa.Uuid),
        sa.Column("instructor_position", sa.BigInteger),
        sa.Column("student_position", sa.BigInteger),
        sa.Column("named_by_instructor", sa.Boolean, nullable=False),
        sa.Column("named_by_student", sa.Boolean, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("planned", sa.Text, nullable=False),
        sa.Column("outcome", sa.Text),
        sa.PrimaryKeyConstraint("number", name="import_pairs_pkey"),
        sa.UniqueConstraint("key", name="import_pairs_key"),
        of_import("import_pairs"),
        sa.CheckConstraint("action IN ('assign', 'end')", name="import_pairs_action"),
    )
    op.create_index("import_pairs_import", "import_pairs", ["import_id", "number"])
    op.create_index("import_pairs_instructor", "import_pairs", ["instructor_position"])
    op.create_index("import_pairs_student", "import_pairs", ["student_position"])
