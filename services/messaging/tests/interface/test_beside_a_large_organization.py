"""What is asked in a new organization costs as much as it finds, whatever another one has that the statistics know."""

import uuid

import pytest

from chassis.testing.plans import rows_read
from messaging_service.domain import Pair
from messaging_service.storage import conversations, messages

CONVERSATIONS = """
    INSERT INTO conversations (organization_id, id, instructor_id, student_id, status, assignment_id, last_sequence)
    SELECT %(organization)s::uuid, md5(%(organization)s || n)::uuid, md5('instructor' || n %% 10)::uuid,
           md5('student' || n)::uuid, 'open', gen_random_uuid(), 1
      FROM generate_series(1, %(count)s) AS n
"""
MESSAGES = """
    INSERT INTO messages (organization_id, id, conversation_id, sequence, sender_id, body, sent_at)
    SELECT organization_id, gen_random_uuid(), id, 1, instructor_id, 'Hello', now()
      FROM conversations WHERE organization_id = %(organization)s
"""
READINGS = """
    INSERT INTO conversation_readings (organization_id, conversation_id, reader_id, shown, up_to_sequence)
    SELECT organization_id, id, student_id, 'last_message', 1
      FROM conversations WHERE organization_id = %(organization)s
"""


def fill(service, count):
    organization_id = uuid.uuid4()
    for statement in (CONVERSATIONS, MESSAGES, READINGS):
        service.sql(statement, {"organization": str(organization_id), "count": count})
    return organization_id


@pytest.fixture(scope="module")
def new_one(service):
    """Two thousand conversations that came after the last ANALYZE of twenty thousand of another organization."""
    fill(service, 20_000)
    service.sql("ANALYZE")
    return fill(service, 2_000)


@pytest.fixture(scope="module")
def pairs(service, new_one):
    statement = (
        "SELECT instructor_id::text, student_id::text FROM conversations "
        "WHERE organization_id = %s LIMIT 50"
    )
    rows = service.sql(statement, (str(new_one),))
    return [Pair(*map(uuid.UUID, row)) for row in rows]


def test_a_list_reads_its_own_conversations_and_their_last_messages(service, new_one, pairs):
    for person in (None, pairs[0].instructor_id):
        read = rows_read(
            service.database,
            new_one,
            lambda uow, person=person: conversations.newest(uow, person, before=None, limit=50),
        )
        assert read <= 2 * 50 + 2


def test_many_pairs_are_each_looked_up(service, new_one, pairs):
    read = rows_read(service.database, new_one, lambda uow: conversations.lock_by_pairs(uow, pairs))
    assert read <= 3 * len(pairs)


def test_what_was_shown_is_recorded_without_reading_what_others_were_shown(service, new_one, pairs):
    statement = "SELECT id::text FROM conversations WHERE organization_id = %s LIMIT 50"
    ids = [row[0] for row in service.sql(statement, (str(new_one),))]
    shown = {uuid.UUID(one): 1 for one in ids}
    read = rows_read(
        service.database,
        new_one,
        lambda uow: messages.record_last_messages_shown(uow, uuid.uuid4(), shown),
    )
    assert read <= 2 * len(ids)
