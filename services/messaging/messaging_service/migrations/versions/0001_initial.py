"""Conversations, messages and who oversaw them."""

from alembic import op

from chassis.migrations import create_plumbing, drop_plumbing, enable_tenancy

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = (
    """
    CREATE TABLE conversations (
        organization_id uuid NOT NULL,
        id uuid NOT NULL,
        instructor_id uuid NOT NULL,
        student_id uuid NOT NULL,
        status text NOT NULL,
        assignment_id uuid NOT NULL,
        status_as_of timestamptz NOT NULL DEFAULT now(),
        created_at timestamptz NOT NULL DEFAULT now(),
        last_activity_at timestamptz NOT NULL DEFAULT now(),
        last_sequence bigint NOT NULL DEFAULT 0,
        instructor_read bigint NOT NULL DEFAULT 0,
        student_read bigint NOT NULL DEFAULT 0,
        instructor_unread bigint NOT NULL DEFAULT 0,
        student_unread bigint NOT NULL DEFAULT 0,
        CONSTRAINT conversations_pkey PRIMARY KEY (organization_id, id),
        CONSTRAINT conversations_one_per_pair UNIQUE (organization_id, instructor_id, student_id),
        CONSTRAINT conversations_status CHECK (status IN ('open', 'closed')),
        CONSTRAINT conversations_two_people CHECK (instructor_id <> student_id),
        CONSTRAINT conversations_read_positions CHECK (
            instructor_read BETWEEN 0 AND last_sequence AND student_read BETWEEN 0 AND last_sequence
        ),
        CONSTRAINT conversations_unread CHECK (
            instructor_unread BETWEEN 0 AND last_sequence - instructor_read
            AND student_unread BETWEEN 0 AND last_sequence - student_read
        )
    )
    """,
    """
    CREATE TABLE messages (
        organization_id uuid NOT NULL,
        id uuid NOT NULL,
        conversation_id uuid NOT NULL,
        sequence bigint NOT NULL,
        sender_id uuid NOT NULL,
        body text NOT NULL,
        sent_at timestamptz NOT NULL,
        CONSTRAINT messages_pkey PRIMARY KEY (organization_id, id),
        CONSTRAINT messages_in_sequence UNIQUE (organization_id, conversation_id, sequence),
        CONSTRAINT messages_conversation FOREIGN KEY (organization_id, conversation_id)
            REFERENCES conversations (organization_id, id),
        CONSTRAINT messages_body CHECK (char_length(body) BETWEEN 1 AND 10000),
        CONSTRAINT messages_sequence CHECK (sequence > 0)
    )
    """,
    """
    CREATE TABLE conversation_readings (
        id bigint GENERATED ALWAYS AS IDENTITY,
        organization_id uuid NOT NULL,
        conversation_id uuid NOT NULL,
        reader_id uuid NOT NULL,
        shown text NOT NULL,
        up_to_sequence bigint NOT NULL,
        read_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT conversation_readings_pkey PRIMARY KEY (id),
        CONSTRAINT conversation_readings_conversation FOREIGN KEY (organization_id, conversation_id)
            REFERENCES conversations (organization_id, id),
        CONSTRAINT conversation_readings_shown CHECK (shown IN ('messages', 'last_message'))
    )
    """,
)

INDEXES = (
    "CREATE INDEX conversations_by_activity ON conversations (organization_id, last_activity_at, id)",
    "CREATE INDEX conversations_of_instructor ON conversations (organization_id, instructor_id, last_activity_at, id)",
    "CREATE INDEX conversations_of_student ON conversations (organization_id, student_id, last_activity_at, id)",
    "CREATE INDEX conversation_readings_by_reader ON conversation_readings (organization_id, conversation_id, reader_id, up_to_sequence)",
)

# The application role may write every table; this is what makes the record of readings one that can only grow.
APPEND_ONLY = (
    """
    CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION '% only grows', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege'; END $$
    """,
    """
    CREATE TRIGGER conversation_readings_append_only
        BEFORE UPDATE OR DELETE OR TRUNCATE ON conversation_readings
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
    """,
)


def upgrade() -> None:
    for statement in (*TABLES, *INDEXES, *APPEND_ONLY):
        op.execute(statement)
    for table in ("conversations", "messages", "conversation_readings"):
        enable_tenancy(op, table)
    create_plumbing(op)


def downgrade() -> None:
    drop_plumbing(op)
    for table in ("conversation_readings", "messages", "conversations"):
        op.drop_table(table)
    op.execute("DROP FUNCTION refuse_change()")
