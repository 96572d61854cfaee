import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from chassis.errors import Conflict, Forbidden, Invalid, NotFound, Unavailable
from chassis.testing import actor


def test_a_message_is_kept_as_it_was_written(talk):
    body = "  Dear Sam,\n\n\tsee you – on Tuesday \U0001f44b \r\n"
    message = talk.send(talk.instructor, body)
    assert message == {
        "id": message["id"],
        "conversation_id": talk.id,
        "sender_id": str(talk.instructor.user_id),
        "body": body,
        "attachments": [],
        "sent_at": message["sent_at"],
    }
    assert talk.bodies(talk.student) == [body]


def test_others_learn_that_a_message_was_sent_but_not_what_it_says(service, talk):
    message = talk.send(talk.student, "A secret")
    event = next(e for e in service.events("message_sent") if e.subject == talk.id)
    assert event.organization_id == talk.student.organization_id
    assert event.data == {
        "message": {key: value for key, value in message.items() if key != "body"},
        "instructor_id": str(talk.instructor.user_id),
        "student_id": str(talk.student.user_id),
    }
    assert "A secret" not in service.log()


def test_two_people_who_write_at_once_are_put_in_one_order_without_gaps(talk):
    def write(number: int) -> None:
        talk.send(talk.instructor if number % 2 else talk.student, f"{number}")

    with ThreadPoolExecutor(12) as threads:
        list(threads.map(write, range(60)))
    rows = talk.rows("sequence, sent_at", "messages")
    assert [sequence for sequence, _ in rows] == list(range(1, 61))
    moments = [sent_at for _, sent_at in rows]
    assert moments == sorted(moments)


def test_a_repeated_call_stores_one_message(service, talk):
    operation_id = uuid.uuid4()
    first = talk.send(talk.student, "Once", operation_id)
    assert talk.send(talk.student, "Once", operation_id) == first
    assert service.last_replayed
    assert talk.bodies(talk.student) == ["Once"]


def test_the_same_call_at_the_same_moment_stores_one_message(talk):
    operation_id = uuid.uuid4()

    def send(_: int) -> str:
        try:
            return talk.send(talk.student, "Once", operation_id)["id"]
        except Conflict as conflict:
            return conflict.code

    with ThreadPoolExecutor(10) as threads:
        answers = set(threads.map(send, range(20)))
    assert len(answers - {"idempotency.in_progress"}) == 1
    assert talk.bodies(talk.student) == ["Once"]


def test_an_operation_id_is_good_for_one_message(talk):
    operation_id = uuid.uuid4()
    talk.send(talk.student, "One", operation_id)
    with pytest.raises(Invalid, match=r"idempotency.key_reused"):
        talk.send(talk.student, "Two", operation_id)


@pytest.mark.parametrize("side", ["instructor", "student"])
def test_after_the_assignment_ended_nobody_writes_but_both_read(talk, side):
    talk.send(talk.instructor, "Goodbye")
    talk.assignment.end(talk.instructor, talk.student)
    with pytest.raises(Forbidden, match=r"assignment.pair_not_assigned"):
        talk.send(getattr(talk, side))
    assert talk.bodies(getattr(talk, side)) == ["Goodbye"]


def test_a_repeat_of_what_was_sent_before_the_end_answers_the_first_answer(service, talk):
    operation_id = uuid.uuid4()
    first = talk.send(talk.student, "In time", operation_id)
    talk.assignment.end(talk.instructor, talk.student)
    assert talk.send(talk.student, "In time", operation_id) == first
    assert service.last_replayed


def test_while_assignment_is_silent_nothing_is_sent_and_the_sender_soon_knows(service, talk):
    operation_id = uuid.uuid4()
    started = time.monotonic()
    with talk.assignment.silent(), pytest.raises(Unavailable, match=r"service.timeout"):
        talk.send(talk.student, operation_id=operation_id)
    assert time.monotonic() - started < 5
    assert talk.rows("id", "messages") == []
    assert service.sql("SELECT 1 FROM operations WHERE id = %s", (str(operation_id),)) == []
    assert service.sql("SELECT 1 FROM outbox WHERE subject = %s", (talk.id,)) == []
    assert talk.send(talk.student, operation_id=operation_id)["id"]


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"allowed": "yes", "reason": "assigned", "assignment_id": str(uuid.uuid4())},
        {"allowed": True, "reason": "assigned", "assignment_id": None},
        {"allowed": True, "reason": "assigned", "assignment_id": "yes"},
    ],
)
def test_an_answer_that_makes_no_sense_allows_nothing(talk, answer):
    with talk.assignment.saying(answer), pytest.raises((Unavailable, Forbidden)):
        talk.send(talk.student)
    assert talk.rows("id", "messages") == []


@pytest.mark.parametrize("role", ["admin", "owner"])
def test_an_administrator_cannot_write_in_others_conversations(talk, role):
    with pytest.raises(Forbidden, match=r"messaging.not_a_participant"):
        talk.send(talk.anybody(role))


@pytest.mark.parametrize("role", ["instructor", "student"])
def test_for_others_the_conversation_does_not_exist(talk, role):
    with pytest.raises(NotFound, match=r"messaging.unknown_conversation"):
        talk.send(talk.anybody(role))


def test_for_other_organizations_the_conversation_does_not_exist(service, talk):
    talk.send(talk.instructor)
    for stranger in (actor("owner"), actor("student", user_id=talk.student.user_id)):
        for method, more in (
            ("send_message", {"body": "Hello"}),
            ("get_conversation", {}),
            ("list_messages", {}),
            ("mark_read", {"message_id": uuid.uuid4()}),
        ):
            with pytest.raises(NotFound, match=r"messaging.unknown_conversation"):
                service.call(method, actor=stranger, conversation_id=talk.id, **more)


BAD_BODIES = [
    None, 5, True, [], {}, "", " \n\t ", "\u200b\u00a0", "a" * 10_001, "NUL \x00", "bell \x07", "\x7f",
]  # fmt: skip


@pytest.mark.parametrize("body", BAD_BODIES)
def test_a_body_that_cannot_be_kept_is_refused_by_name(talk, body):
    with pytest.raises(Invalid) as refused:
        talk.send(talk.student, body)
    assert {error.pointer for error in refused.value.errors} == {"/body"}
    assert talk.rows("id", "messages") == []


@pytest.mark.parametrize("body", ["a", "a" * 10_000, "\U0001f44b" * 10_000])
def test_bodies_of_every_allowed_length_are_kept(talk, body):
    talk.send(talk.student, body)
    assert talk.bodies(talk.student) == [body]


@pytest.mark.parametrize("conversation_id", [None, 5, "", "x", [], {}, "\x00"])
@pytest.mark.parametrize(
    "method", ["send_message", "get_conversation", "list_messages", "mark_read"]
)
def test_a_conversation_id_that_is_none_is_refused_by_name(service, method, conversation_id):
    more = {"send_message": {"body": "a"}, "mark_read": {"message_id": uuid.uuid4()}}
    with pytest.raises(Invalid) as refused:
        service.call(
            method,
            actor=actor("student"),
            conversation_id=conversation_id,
            **more.get(method, {}),
        )
    assert [error.pointer for error in refused.value.errors] == ["/conversation_id"]


def test_what_is_shown_as_closed_may_still_be_open_for_those_who_decide(service, talk):
    service.sql("UPDATE conversations SET status = 'closed' WHERE id = %s", (talk.id,))
    assert talk.send(talk.student)["id"]


def test_a_message_that_fails_to_be_stored_does_not_get_into_the_log(service, talk):
    service.sql("ALTER TABLE messages ADD CONSTRAINT full_ CHECK (sequence < 0) NOT VALID")
    try:
        with pytest.raises(Unavailable, match="internal"):
            talk.send(talk.student, "A secret of mine")
    finally:
        service.sql("ALTER TABLE messages DROP CONSTRAINT full_")
    assert talk.bodies(talk.student) == []
    assert "full_" in service.log()
    assert "A secret of mine" not in service.log()
