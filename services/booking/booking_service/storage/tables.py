"""The tables. Migrations create them by hand; `python -m chassis check-migrations` compares the two."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, ExcludeConstraint

from booking_service.domain import MAX_MINUTES, MIN_MINUTES, STATUSES
from chassis import erasing, plumbing

metadata = sa.MetaData()
plumbing.add_to(metadata)
erasing.add_to(metadata)

Moment = sa.DateTime(timezone=True)

organizations = sa.Table(
    "organizations",
    metadata,
    sa.Column("organization_id", sa.Uuid, nullable=False),
    sa.Column("time_zone", sa.Text, nullable=False),
    sa.Column("conflict_policy", sa.Text, nullable=False),
    sa.Column("students_may_book", sa.Text, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.PrimaryKeyConstraint("organization_id", name="organizations_pkey"),
)

participants = sa.Table(
    "participants",
    metadata,
    sa.Column("organization_id", sa.Uuid, nullable=False),
    sa.Column("id", sa.Uuid, nullable=False),
    sa.Column("roles", ARRAY(sa.Text), nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.PrimaryKeyConstraint("organization_id", "id", name="participants_pkey"),
)

# Sessions that overlap on purpose stand outside of the constraints; the query before each insert sees them.
BLOCKING = sa.text("status <> 'cancelled' AND NOT allow_overlap")


def never_two_at_once(person: str) -> ExcludeConstraint:
    """At most one session at a time for the person in this column."""
    return ExcludeConstraint(
        (sa.column(f"{person}_id"), "="),
        (sa.text("tstzrange(starts_at, ends_at, '[)')"), "&&"),
        (sa.column("organization_id"), "="),
        where=BLOCKING,
        using="gist",
        name=f"sessions_{person}_free",
    )


sessions = sa.Table(
    "sessions",
    metadata,
    sa.Column("organization_id", sa.Uuid, nullable=False),
    sa.Column("id", sa.Uuid, nullable=False),
    # For recurrence; nothing sets it yet.
    sa.Column("series_id", sa.Uuid),
    sa.Column("instructor_id", sa.Uuid, nullable=False),
    sa.Column("student_id", sa.Uuid, nullable=False),
    sa.Column("starts_at", Moment, nullable=False),
    sa.Column("ends_at", Moment, nullable=False),
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
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("updated_at", Moment, nullable=False),
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
        f"status IN ({', '.join(repr(status) for status in STATUSES)})", name="sessions_status"
    ),
    # The clash query looks back no further than the longest session.
    sa.CheckConstraint(
        f"ends_at >= starts_at + interval '{MIN_MINUTES} minutes' "
        f"AND ends_at <= starts_at + interval '{MAX_MINUTES} minutes'",
        name="sessions_length",
    ),
    never_two_at_once("instructor"),
    never_two_at_once("student"),
    sa.Index("sessions_by_start", "organization_id", "starts_at", "id"),
    sa.Index("sessions_of_instructor", "organization_id", "instructor_id", "starts_at", "id"),
    sa.Index("sessions_of_student", "organization_id", "student_id", "starts_at", "id"),
    # The few of an organization that are neither scheduled nor completed.
    sa.Index(
        "sessions_of_rare_status",
        "organization_id",
        "status",
        "starts_at",
        "id",
        postgresql_where=sa.text("status IN ('pending', 'cancelled', 'missed')"),
    ),
    sa.Index(
        "sessions_pairs_booked_by_admin",
        "organization_id",
        "instructor_id",
        "student_id",
        postgresql_where=sa.text("booked_by_admin"),
    ),
)
