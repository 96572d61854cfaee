"""The tables. Rows, keys and pairs are written some hundred at a time, and read by their import only."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from chassis import erasing, plumbing

metadata: Final = sa.MetaData()
MOMENT: Final = sa.DateTime(timezone=True)
PERSON: Final = sa.Uuid(as_uuid=False)  # people only pass through here, as JSON

imports = sa.Table(
    "imports",
    metadata,
    sa.Column("organization_id", sa.Uuid, nullable=False),
    sa.Column("id", sa.Uuid, nullable=False),
    # Numbers the import's rows and keys: see ROWS_PER_IMPORT.
    sa.Column("number", sa.BigInteger, sa.Identity(always=True), nullable=False),
    sa.Column("filename", sa.Text, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("associations", sa.Text, nullable=False),
    sa.Column("send_invitations", sa.Boolean, nullable=False),
    sa.Column("apply", sa.Boolean, nullable=False),
    # On whose behalf the steps run: who uploaded the file, then who applied it.
    sa.Column("actor", JSONB, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    # The one step that is due, and where its chunk starts; null before the upload is complete.
    sa.Column("step", sa.Text),
    sa.Column("chunk", sa.BigInteger, nullable=False, server_default="0"),
    # Where the step that was announced last started: its message goes on from where the import is by now.
    sa.Column("announced_step", sa.Text),
    sa.Column("announced_chunk", sa.BigInteger),
    # Counts how often what its rows say was changed from outside: a step that read them before begins again.
    sa.Column("revision", sa.Integer, nullable=False, server_default="0"),
    sa.Column("rows", sa.Integer, nullable=False, server_default="0"),
    sa.Column("work_done", sa.Integer, nullable=False, server_default="0"),
    sa.Column("work_total", sa.Integer, nullable=False, server_default="0"),
    sa.Column("detected", JSONB),
    sa.Column("counts", JSONB, nullable=False),
    sa.Column("errors", JSONB, nullable=False, server_default="[]"),
    sa.Column("created_at", MOMENT, nullable=False, server_default=sa.func.now()),
    sa.Column("finished_at", MOMENT),
    sa.PrimaryKeyConstraint("organization_id", "id", name="imports_pkey"),
    sa.CheckConstraint("associations IN ('add', 'replace', 'remove')", name="imports_associations"),
    sa.CheckConstraint(
        "status IN ('reading', 'planned', 'applying', 'finished', 'failed', 'cancelled')",
        name="imports_status",
    ),
)


def of_import(table: str) -> sa.ForeignKeyConstraint:
    """The reference to the import that a row belongs to."""
    return sa.ForeignKeyConstraint(
        ["organization_id", "import_id"],
        ["imports.organization_id", "imports.id"],
        name=f"{table}_import",
        ondelete="CASCADE",
    )


import_chunks = sa.Table(
    "import_chunks",
    metadata,
    sa.Column("organization_id", sa.Uuid, nullable=False),
    sa.Column("import_id", sa.Uuid, nullable=False),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("content", sa.LargeBinary, nullable=False),
    sa.Column("size", sa.Integer, nullable=False),
    sa.Column("created_at", MOMENT, nullable=False, server_default=sa.func.now()),
    sa.PrimaryKeyConstraint("organization_id", "import_id", "position", name="import_chunks_pkey"),
    of_import("import_chunks"),
    sa.Index("import_chunks_age", "organization_id", "created_at"),
)

# `position` is unique across imports, so that rows are found by one number and by one index only: fresh rows are
# unknown to the planner's statistics; with the import's id in every index it would read all of it for each chunk.
# No index on what the steps change, and room on each page: so an update stays a small one (heap-only tuple).
import_rows = sa.Table(
    "import_rows",
    metadata,
    sa.Column("position", sa.BigInteger, nullable=False, autoincrement=False),
    sa.Column("organization_id", sa.Uuid, nullable=False),
    sa.Column("import_id", sa.Uuid, nullable=False),
    sa.Column("line", sa.Integer, nullable=False),
    sa.Column("cells", JSONB, nullable=False),
    sa.Column("person", JSONB, nullable=False),
    sa.Column("role", sa.Text),
    sa.Column("instructors", JSONB),
    sa.Column("students", JSONB),
    sa.Column("known_as", JSONB),
    sa.Column("outcome", sa.Text),
    sa.Column("applied", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("user_id", PERSON),
    sa.Column("changes", JSONB),
    sa.Column("errors", JSONB, nullable=False),
    sa.PrimaryKeyConstraint("position", name="import_rows_pkey"),
    of_import("import_rows"),
    sa.CheckConstraint(
        "outcome IN ('create', 'update', 'unchanged', 'invalid')", name="import_rows_outcome"
    ),
)

# Which row first had an e-mail, username, external id or found person: duplicates and references are told by it.
# A key starts with its import's number.
import_keys = sa.Table(
    "import_keys",
    metadata,
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("organization_id", sa.Uuid, nullable=False),
    sa.Column("position", sa.BigInteger, nullable=False),
    sa.Column("line", sa.Integer, nullable=False),
    sa.PrimaryKeyConstraint("key", name="import_keys_pkey"),
)

# A pair that the file names, once, however often it does: its key starts with the import's number and says who the two
# are, by id or, where they are yet to be created, by their row's position.
import_pairs = sa.Table(
    "import_pairs",
    metadata,
    sa.Column("number", sa.BigInteger, sa.Identity(always=True), nullable=False),
    sa.Column("organization_id", sa.Uuid, nullable=False),
    sa.Column("import_id", sa.Uuid, nullable=False),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("instructor_id", PERSON),
    sa.Column("student_id", PERSON),
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
    sa.Index("import_pairs_import", "import_id", "number"),
    sa.Index("import_pairs_instructor", "instructor_position"),
    sa.Index("import_pairs_student", "student_position"),
)

plumbing.add_to(metadata)
erasing.add_to(metadata)
