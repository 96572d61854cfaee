"""The tables, with the rules that the database itself holds."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from assignment_service.domain import Source
from chassis import erasing, plumbing

metadata = sa.MetaData()
plumbing.add_to(metadata)
erasing.add_to(metadata)

SOURCES: Final = ", ".join(f"'{source.value}'" for source in Source)

assignments = sa.Table(
    "assignments",
    metadata,
    sa.Column("organization_id", sa.Uuid, nullable=False),
    sa.Column("id", sa.Uuid, nullable=False),
    sa.Column("instructor_id", sa.Uuid, nullable=False),
    sa.Column("student_id", sa.Uuid, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("assigned_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("assigned_by", sa.Uuid, nullable=False),
    sa.Column("ended_at", sa.DateTime(timezone=True)),
    sa.Column("ended_by", sa.Uuid),
    # No foreign keys to participants: a booking's event may come before the event of its people.
    sa.PrimaryKeyConstraint("organization_id", "id", name="assignments_pkey"),
    sa.CheckConstraint("instructor_id <> student_id", name="assignments_two_people"),
    sa.CheckConstraint(f"source IN ({SOURCES})", name="assignments_source"),
    sa.CheckConstraint("ended_at >= assigned_at", name="assignments_end_after_start"),
    sa.CheckConstraint("(ended_at IS NULL) = (ended_by IS NULL)", name="assignments_ended_by"),
    # The rule "one active assignment per pair", and all that authorize reads of an assignment.
    sa.Index(
        "assignments_active_pair",
        "organization_id",
        "instructor_id",
        "student_id",
        unique=True,
        postgresql_include=["id"],
        postgresql_where=sa.text("ended_at IS NULL"),
    ),
    # Every index with one half of a pair has the other half too: whichever the planner takes for a pair on a table that
    # has no statistics yet (a first upload), it is a good one.
    sa.Index(
        "assignments_of_instructor", "organization_id", "instructor_id", "student_id", "ended_at"
    ),
    sa.Index("assignments_of_student", "organization_id", "student_id", "instructor_id"),
    sa.Index("assignments_newest", "organization_id", "assigned_at", "id"),
    sa.Index(
        "assignments_newest_ended",
        "organization_id",
        "assigned_at",
        "id",
        postgresql_where=sa.text("ended_at IS NOT NULL"),
    ),
)

participants = sa.Table(
    "participants",
    metadata,
    sa.Column("organization_id", sa.Uuid, nullable=False),
    sa.Column("id", sa.Uuid, nullable=False),
    sa.Column("is_instructor", sa.Boolean, nullable=False),
    sa.Column("is_student", sa.Boolean, nullable=False),
    sa.Column("is_archived", sa.Boolean, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    # A unique index rather than a primary key, which can't include what authorize reads under SQLAlchemy.
    sa.Index(
        "participants_person",
        "organization_id",
        "id",
        unique=True,
        postgresql_include=["is_instructor", "is_student", "is_archived"],
    ),
)
