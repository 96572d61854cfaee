"""Assignments and the people in them."""

import sqlalchemy as sa
from alembic import op

from chassis.migrations import create_plumbing, drop_plumbing, enable_tenancy

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_plumbing(op)
    create_assignments()
    create_participants()
    for table in ("assignments", "participants"):
        enable_tenancy(op, table)


def downgrade() -> None:
    op.drop_table("participants")
    op.drop_table("assignments")
    drop_plumbing(op)


def create_assignments() -> None:
    op.create_table(
        "assignments",
        sa.Column("organization_id", sa.Uuid, nullable=False),
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("instructor_id", sa.Uuid, nullable=False),
        sa.Column("student_id", sa.Uuid, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("assigned_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("assigned_by", sa.Uuid, nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.Column("ended_by", sa.Uuid),
        sa.PrimaryKeyConstraint("organization_id", "id", name="assignments_pkey"),
        sa.CheckConstraint("instructor_id <> student_id", name="assignments_two_people"),
        sa.CheckConstraint(
            "source IN ('student_creation', 'booking', 'manual', 'import')",
            name="assignments_source",
        ),
        sa.CheckConstraint("ended_at >= assigned_at", name="assignments_end_after_start"),
        sa.CheckConstraint("(ended_at IS NULL) = (ended_by IS NULL)", name="assignments_ended_by"),
    )
    op.create_index(
        "assignments_active_pair",
        "assignments",
        ["organization_id", "instructor_id", "student_id"],
        unique=True,
        postgresql_include=["id"],
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_index(
        "assignments_of_instructor",
        "assignments",
        ["organization_id", "instructor_id", "student_id", "ended_at"],
    )
    op.create_index(
        "assignments_of_student", "assignments", ["organization_id", "student_id", "instructor_id"]
    )
    newest = ["organization_id", "assigned_at", "id"]
    op.create_index("assignments_newest", "assignments", newest)
    op.create_index(
        "assignments_newest_ended",
        "assignments",
        newest,
        postgresql_where=sa.text("ended_at IS NOT NULL"),
    )


def create_participants() -> None:
    op.create_table(
        "participants",
        sa.Column("organization_id", sa.Uuid, nullable=False),
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("is_instructor", sa.Boolean, nullable=False),
        sa.Column("is_student", sa.Boolean, nullable=False),
        sa.Column("is_archived", sa.Boolean, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
    )
    op.create_index(
        "participants_person",
        "participants",
        ["organization_id", "id"],
        unique=True,
        postgresql_include=["is_instructor", "is_student", "is_archived"],
    )
