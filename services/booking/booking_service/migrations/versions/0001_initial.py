"""Sessions, and the replicas of identity's people and organizations."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

from chassis.migrations import create_plumbing, drop_plumbing, enable_tenancy

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TENANT_TABLES = ("organizations", "participants", "sessions")


def upgrade() -> None:
    op.execute("CREATE EXTENSION IF NOT EXISTS btree_gist")
    create_plumbing(op)
    create_replicas()
    create_sessions()
    for person in ("instructor", "student"):
        never_two_at_once(person)
    create_indexes()
    for table in TENANT_TABLES:
        enable_tenancy(op, table)


def create_replicas() -> None:
    op.create_table(
        "organizations",
        sa.Column("organization_id", sa.Uuid, nullable=False),
        sa.Column("time_zone", sa.Text, nullable=False),
        sa.Column("conflict_policy", sa.Text, nullable=False),
        sa.Column("students_may_book", sa.Text, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("organization_id", name="organizations_pkey"),
    )
    op.create_table(
        "participants",
        sa.Column("organization_id", sa.Uuid, nullable=False),
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("roles", ARRAY(sa.Text), nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "id", name="participants_pkey"),
    )


def create_sessions() -> None:
    op.create_table(
        "sessions",
        sa.Column("organization_id", sa.Uuid, nullable=False),
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("series_id", sa.Uuid),
        sa.Column("instructor_id", sa.Uuid, nullable=False),
        sa.Column("student_id", sa.Uuid, nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("time_zone", sa.Text, nullable=False),
        sa.Column("wall_clock", sa.DateTime(timezone=False), nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("title", sa.Text),
        sa.Column("notes", sa.Text),
        sa.Column("location", sa.Text),
        sa.Column("allow_overlap", sa.Boolean, nullable=False),
        sa.Column("booked_by", sa.Uuid, nullable=False),
        sa.Column("booked_by_admin", sa.Boolean, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "id", name="sessions_pkey"),
        sa.ForeignKeyConstraint(
            ["organization_id", "instructor_id"],
            ["participants.organization_id", "participants.id"],
            name="sessions_instructor_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "student_id"],
            ["participants.organization_id", "participants.id"],
            name="sessions_student_fkey",
        ),
        sa.CheckConstraint("instructor_id <> student_id", name="sessions_two_people"),
        sa.CheckConstraint(
            "status IN ('pending', 'scheduled', 'completed', 'missed', 'cancelled')",
            name="sessions_status",
        ),
        sa.CheckConstraint(
            "ends_at >= starts_at + interval '5 minutes' "
            "AND ends_at <= starts_at + interval '720 minutes'",
            name="sessions_length",
        ),
    )


def never_two_at_once(person: str) -> None:
    op.execute(
        f"""
        ALTER TABLE sessions ADD CONSTRAINT sessions_{person}_free EXCLUDE USING gist (
            {person}_id WITH =,
            tstzrange(starts_at, ends_at, '[)') WITH &&,
            organization_id WITH =
        ) WHERE (status <> 'cancelled' AND NOT allow_overlap)
        """
    )


def create_indexes() -> None:
    op.create_index("sessions_by_start", "sessions", ["organization_id", "starts_at", "id"])
    for person in ("instructor", "student"):
        op.create_index(
            f"sessions_of_{person}",
            "sessions",
            ["organization_id", f"{person}_id", "starts_at", "id"],
        )
    op.create_index(
        "sessions_pairs_booked_by_admin",
        "sessions",
        ["organization_id", "instructor_id", "student_id"],
        postgresql_where=sa.text("booked_by_admin"),
    )


def downgrade() -> None:
    for table in reversed(TENANT_TABLES):
        op.drop_table(table)
    drop_plumbing(op)
