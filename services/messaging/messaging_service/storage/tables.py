"""The tables of messaging.

Messages of a conversation are numbered by `sequence`, without gaps; read positions are sequences. Unread counts are
kept beside the positions, so that a list of conversations costs the same however long they are.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from chassis import erasing, plumbing
from messaging_service.domain import BODY_MAX

metadata = sa.MetaData()
plumbing.add_to(metadata)
erasing.add_to(metadata)

TENANT_TABLES: Final = ("conversations", "messages", "conversation_readings")


def _moment(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now())


def _counter(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False, server_default="0")


conversations = sa.Table(
    "conversations",
    metadata,
    sa.Column("organization_id", sa.Uuid, nullable=False),
    sa.Column("id", sa.Uuid, nullable=False),
    sa.Column("instructor_id", sa.Uuid, nullable=False),
    sa.Column("student_id", sa.Uuid, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("assignment_id", sa.Uuid, nullable=False),
    _moment("status_as_of"),
    _moment("created_at"),
    _moment("last_activity_at"),
    _counter("last_sequence"),
    _counter("instructor_read"),
    _counter("student_read"),
    _counter("instructor_unread"),
    _counter("student_unread"),
    # When one of the two was erased: then nothing opens it again.
    sa.Column("erased_at", sa.DateTime(timezone=True)),
    sa.PrimaryKeyConstraint("organization_id", "id", name="conversations_pkey"),
    sa.UniqueConstraint(
        "organization_id", "instructor_id", "student_id", name="conversations_one_per_pair"
    ),
    sa.CheckConstraint("status IN ('open', 'closed')", name="conversations_status"),
    sa.CheckConstraint("instructor_id <> student_id", name="conversations_two_people"),
    sa.CheckConstraint(
        "instructor_read BETWEEN 0 AND last_sequence AND student_read BETWEEN 0 AND last_sequence",
        name="conversations_read_positions",
    ),
    sa.CheckConstraint(
        "instructor_unread BETWEEN 0 AND last_sequence - instructor_read "
        "AND student_unread BETWEEN 0 AND last_sequence - student_read",
        name="conversations_unread",
    ),
    sa.CheckConstraint("erased_at IS NULL OR status = 'closed'", name="conversations_erased"),
    sa.Index("conversations_by_activity", "organization_id", "last_activity_at", "id"),
    sa.Index(
        "conversations_of_instructor", "organization_id", "instructor_id", "last_activity_at", "id"
    ),
    sa.Index("conversations_of_student", "organization_id", "student_id", "last_activity_at", "id"),
)

messages = sa.Table(
    "messages",
    metadata,
    sa.Column("organization_id", sa.Uuid, nullable=False),
    sa.Column("id", sa.Uuid, nullable=False),
    sa.Column("conversation_id", sa.Uuid, nullable=False),
    sa.Column("sequence", sa.BigInteger, nullable=False),
    sa.Column("sender_id", sa.Uuid, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint("organization_id", "id", name="messages_pkey"),
    sa.UniqueConstraint(
        "organization_id", "conversation_id", "sequence", name="messages_in_sequence"
    ),
    sa.ForeignKeyConstraint(
        ["organization_id", "conversation_id"],
        ["conversations.organization_id", "conversations.id"],
        name="messages_conversation",
    ),
    sa.CheckConstraint(f"char_length(body) BETWEEN 1 AND {BODY_MAX}", name="messages_body"),
    sa.CheckConstraint("sequence > 0", name="messages_sequence"),
)

# Which administrator saw what of whose conversation. A trigger refuses to change or delete what stands here.
conversation_readings = sa.Table(
    "conversation_readings",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), nullable=False),
    sa.Column("organization_id", sa.Uuid, nullable=False),
    sa.Column("conversation_id", sa.Uuid, nullable=False),
    sa.Column("reader_id", sa.Uuid, nullable=False),
    sa.Column("shown", sa.Text, nullable=False),
    sa.Column("up_to_sequence", sa.BigInteger, nullable=False),
    _moment("read_at"),
    sa.PrimaryKeyConstraint("id", name="conversation_readings_pkey"),
    sa.ForeignKeyConstraint(
        ["organization_id", "conversation_id"],
        ["conversations.organization_id", "conversations.id"],
        name="conversation_readings_conversation",
    ),
    sa.CheckConstraint("shown IN ('messages', 'last_message')", name="conversation_readings_shown"),
    sa.Index(
        "conversation_readings_by_reader",
        "organization_id",
        "conversation_id",
        "reader_id",
        "up_to_sequence",
    ),
)
