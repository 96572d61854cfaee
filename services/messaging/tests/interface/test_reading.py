import base64
import json
import uuid
from concurrent.futures import ThreadPoolExecutor

import psycopg2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chassis.errors import Forbidden, Invalid, NotFound
from chassis.pages import encoded_size
from chassis.testing import actor


def listed(service, reader, **arguments):
    return service.call("list_conversations", actor=reader, **arguments)


def test_messages_come_newest_first_and_page_by_page(service, talk):
    for number in range(5):
        talk.send(talk.student, str(number))
    arguments = {"actor": talk.instructor, "conversation_id": talk.id, "limit": 2}
    first = service.call("list_messages", **arguments)
    talk.send(talk.student, "came in between")
    second = service.call("list_messages", cursor=first["next_cursor"], **arguments)
    third = service.call("list_messages", cursor=second["next_cursor"], **arguments)
    pages = [[message["body"] for message in page["items"]] for page in (first, second, third)]
    assert pages == [["4", "3"], ["2", "1"], ["0"]]
    assert third["next_cursor"] is None


def test_a_page_of_the_longest_messages_ends_early_and_none_is_missing(service, talk):
    for number in range(40):
        talk.send(talk.student, f"{number}" + "😀" * 9_990)
    seen, cursor = [], None
    while cursor or not seen:
        arguments = {"actor": talk.instructor, "conversation_id": talk.id, "limit": 200}
        page = service.call("list_messages", cursor=cursor, **arguments)
        assert encoded_size(page) < 1_100_000
        seen += [message["body"].rstrip("😀") for message in page["items"]]
        cursor = page["next_cursor"]
    assert seen == [str(number) for number in reversed(range(40))]


def test_conversations_come_newest_activity_first_and_page_by_page(service, talk, assignment):
    ids = [talk.id]
    for _ in range(4):
        student = talk.anybody("student")
        assignment.assign(talk.instructor, student)
        opened = service.call(
            "open_conversation", actor=talk.instructor, participant_id=student.user_id
        )
        ids.append(opened["conversation"]["id"])
    talk.send(talk.student, "Now this one is the newest")
    seen, cursor = [], None
    while cursor or not seen:
        page = listed(service, talk.instructor, limit=2, cursor=cursor)
        seen += [conversation["id"] for conversation in page["items"]]
        cursor = page["next_cursor"]
    assert seen == [talk.id, *reversed(ids[1:])]


def test_a_list_shows_only_ones_own_conversations(service, talk, pair):
    assert [c["id"] for c in listed(service, talk.student)["items"]] == [talk.id]
    assert listed(service, talk.anybody("student"))["items"] == []
    assert listed(service, actor("student", user_id=talk.student.user_id))["items"] == []


def test_someone_with_both_roles_sees_both_kinds_in_one_list(service, talk, assignment):
    both = talk.anybody("instructor", "student")
    assignment.assign(both, talk.student)
    assignment.assign(talk.instructor, both)
    for other in (talk.student, talk.instructor):
        service.call("open_conversation", actor=both, participant_id=other.user_id)
    items = listed(service, both)["items"]
    assert [str(both.user_id) in (c["instructor_id"], c["student_id"]) for c in items] == [True] * 2
    assert listed(service, both, limit=1)["next_cursor"]


def test_the_others_messages_are_unread_and_ones_own_never(service, talk):
    first = talk.send(talk.student)
    last = talk.send(talk.student)
    talk.send(talk.instructor)
    assert talk.seen_by(talk.instructor)["unread_count"] == 2
    assert talk.seen_by(talk.student)["unread_count"] == 1
    talk.mark_read(talk.instructor, first["id"])
    assert talk.seen_by(talk.instructor)["unread_count"] == 1
    talk.mark_read(talk.instructor, last["id"])
    assert talk.seen_by(talk.instructor)["unread_count"] == 0
    assert listed(service, talk.student)["items"][0]["unread_count"] == 1


def test_a_read_position_never_moves_back(service, talk):
    first, last = talk.send(talk.student), talk.send(talk.student)
    talk.mark_read(talk.instructor, last["id"])
    talk.mark_read(talk.instructor, first["id"])
    assert talk.seen_by(talk.instructor)["unread_count"] == 0
    read = [e for e in service.events("conversation_read") if e.subject == talk.id]
    assert [event.data["message_id"] for event in read] == [last["id"]]


def test_that_someone_read_is_told(service, talk):
    message = talk.send(talk.student)
    talk.mark_read(talk.instructor, message["id"])
    event = next(e for e in service.events("conversation_read") if e.subject == talk.id)
    assert event.data == {
        "conversation_id": talk.id,
        "reader_id": str(talk.instructor.user_id),
        "message_id": message["id"],
        "read_at": event.data["read_at"],
    }


def test_one_marks_as_read_what_is_in_the_conversation(service, talk, assignment):
    other_student = talk.anybody("student")
    assignment.assign(talk.instructor, other_student)
    other = service.call(
        "open_conversation", actor=talk.instructor, participant_id=other_student.user_id
    )["conversation"]
    elsewhere = service.call(
        "send_message", actor=other_student, conversation_id=other["id"], body="Hello"
    )
    for message_id in (elsewhere["id"], str(uuid.uuid4())):
        with pytest.raises(NotFound, match=r"messaging.unknown_message"):
            talk.mark_read(talk.instructor, message_id)


@pytest.mark.parametrize("message_id", [None, 5, "", "x", [], "\x00"])
def test_a_message_id_that_is_none_is_refused_by_name(talk, message_id):
    with pytest.raises(Invalid) as refused:
        talk.mark_read(talk.instructor, message_id)
    assert [error.pointer for error in refused.value.errors] == ["/message_id"]


def test_reading_goes_on_after_the_assignment_ended(talk):
    message = talk.send(talk.student)
    talk.assignment.end(talk.instructor, talk.student)
    talk.mark_read(talk.instructor, message["id"])
    assert talk.seen_by(talk.instructor)["unread_count"] == 0


def test_a_repeated_mark_read_is_a_replay(service, talk):
    message = talk.send(talk.student)
    operation_id = uuid.uuid4()
    for is_replay in (False, True):
        arguments = {"conversation_id": talk.id, "message_id": message["id"]}
        call = {"actor": talk.instructor, "operation_id": operation_id}
        assert service.call("mark_read", **call, **arguments) is None
        assert service.last_replayed is is_replay


COUNT_AGAIN = """
    SELECT instructor_unread,
           (SELECT count(*) FROM messages
             WHERE conversation_id = c.id AND sequence > instructor_read AND sender_id = student_id)
      FROM conversations c WHERE id = %s
"""


def test_unread_counts_are_right_when_one_reads_while_the_other_writes(service, talk):
    sent = [talk.send(talk.student)["id"]]

    def act(number: int) -> None:
        if number % 3:
            sent.append(talk.send(talk.student)["id"])
        else:
            talk.mark_read(talk.instructor, sent[-1])

    with ThreadPoolExecutor(12) as threads:
        list(threads.map(act, range(90)))
    [(kept, counted)] = service.sql(COUNT_AGAIN, (talk.id,))
    assert kept == counted
    talk.mark_read(talk.instructor, talk.rows("sequence, id", "messages")[-1][1])
    assert service.sql(COUNT_AGAIN, (talk.id,)) == [(0, 0)]


STEPS = st.lists(
    st.tuples(st.sampled_from(["send", "read"]), st.booleans(), st.integers(0, 30)), max_size=14
)


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=STEPS)
def test_unread_counts_follow_their_definition_whatever_happens(talk, steps):
    """unread = messages of the other after one's read position, which never moves back."""
    talk.student = talk.anybody("student")
    talk.assignment.assign(talk.instructor, talk.student)
    talk.open()
    people = (talk.instructor, talk.student)
    sent: list[tuple[int, str]] = []
    positions = [0, 0]
    for what, who, number in steps:
        if what == "send":
            sent.append((who, talk.send(people[who])["id"]))
        elif sent:
            index = number % len(sent)
            talk.mark_read(people[who], sent[index][1])
            positions[who] = max(positions[who], index + 1)
    for who, person in enumerate(people):
        unread = sum(sender != who for sender, _ in sent[positions[who] :])
        assert talk.seen_by(person)["unread_count"] == unread


def test_what_an_administrator_reads_is_on_record(service, talk):
    admin = talk.anybody("admin")
    talk.send(talk.student, "One")
    talk.send(talk.student, "Two")
    assert talk.bodies(admin) == ["Two", "One"]
    assert talk.bodies(admin) == ["Two", "One"]
    columns = "reader_id::text, shown, up_to_sequence"
    seen = (str(admin.user_id), "messages", 2)
    assert talk.rows(columns, "conversation_readings") == [seen, seen]


def test_the_record_says_which_page_was_read(service, talk):
    owner = talk.anybody("owner")
    for number in range(4):
        talk.send(talk.student, str(number))
    arguments = {"actor": owner, "conversation_id": talk.id, "limit": 2}
    cursor = service.call("list_messages", **arguments)["next_cursor"]
    service.call("list_messages", cursor=cursor, **arguments)
    assert talk.rows("id, up_to_sequence", "conversation_readings")[0][1] == 4
    assert talk.rows("id, up_to_sequence", "conversation_readings")[1][1] == 2


def test_last_messages_that_a_list_shows_an_administrator_are_on_record_once(service, talk):
    admin = talk.anybody("admin")
    listed(service, admin)
    assert talk.rows("shown", "conversation_readings") == []
    talk.send(talk.student, "One")
    for _ in range(3):
        assert listed(service, admin)["items"][0]["last_message"]["body"] == "One"
        assert talk.seen_by(admin)["last_message"]["body"] == "One"
    talk.send(talk.student, "Two")
    listed(service, admin)
    found = talk.rows("up_to_sequence, shown", "conversation_readings")
    assert found == [(1, "last_message"), (2, "last_message")]


def audited(service, talk):
    return [
        event
        for event in service.events("audit_recorded")
        if event.organization_id == talk.instructor.organization_id
    ]


def test_last_messages_beyond_the_end_of_a_page_are_not_on_record(service, talk, assignment):
    owner = talk.anybody("owner")
    for _ in range(26):
        student = talk.anybody("student")
        assignment.assign(talk.instructor, student)
        opened = service.call(
            "open_conversation", actor=talk.instructor, participant_id=student.user_id
        )
        talk.id = opened["conversation"]["id"]
        talk.send(talk.instructor, "😀" * 10_000)
    page = listed(service, owner, limit=200)
    assert 20 < len(page["items"]) < 26
    seen = service.sql(
        "SELECT count(*) FROM conversation_readings WHERE reader_id = %s", (str(owner.user_id),)
    )
    assert seen == [(len(page["items"]),)]


def test_what_an_administrator_reads_is_told_to_the_audit_log(service, talk):
    talk.send(talk.student, "Hello")
    admin = talk.anybody("admin")
    service.call("list_messages", actor=admin, conversation_id=talk.id)
    [event] = audited(service, talk)
    assert event.data == {
        "action": "conversation.read_by_admin",
        "actor_id": str(admin.user_id),
        "targets": [talk.id, str(talk.instructor.user_id), str(talk.student.user_id)],
        "details": {"shown": "messages"},
    }


def test_last_messages_are_told_to_the_audit_log_when_they_are_new_to_the_reader(service, talk):
    admin = talk.anybody("owner")
    listed(service, admin)
    assert audited(service, talk) == []
    talk.send(talk.student, "Hello")
    for _ in range(2):
        listed(service, admin)
        service.call("get_conversation", actor=admin, conversation_id=talk.id)
    [event] = audited(service, talk)
    assert event.data["details"] == {"shown": "last_message"}
    assert event.data["targets"][0] == talk.id


def test_the_pair_itself_reads_without_telling_the_audit_log(service, talk):
    talk.send(talk.student, "Hello")
    for reader in (talk.instructor, talk.student):
        listed(service, reader)
        service.call("list_messages", actor=reader, conversation_id=talk.id)
    assert audited(service, talk) == []


def test_nobody_reads_unseen_when_the_record_cannot_be_written(service, talk):
    talk.send(talk.student, "One")
    service.sql("ALTER TABLE conversation_readings ADD CONSTRAINT full_ CHECK (false) NOT VALID")
    try:
        for method in ("list_messages", "get_conversation"):
            with pytest.raises(Exception, match="internal"):
                service.call(method, actor=talk.anybody("admin"), conversation_id=talk.id)
    finally:
        service.sql("ALTER TABLE conversation_readings DROP CONSTRAINT full_")


def test_the_pair_reads_off_the_record_also_when_one_is_an_administrator(service, assignment):
    teaching = actor("admin", "instructor")
    student = actor("student", organization_id=teaching.organization_id)
    assignment.assign(teaching, student)
    opened = service.call("open_conversation", actor=teaching, participant_id=student.user_id)
    conversation_id = opened["conversation"]["id"]
    service.call("send_message", actor=student, conversation_id=conversation_id, body="Hello")
    for reader in (teaching, student):
        service.call("list_messages", actor=reader, conversation_id=conversation_id)
        listed(service, reader)
    statement = "SELECT count(*) FROM conversation_readings WHERE organization_id = %s"
    assert service.sql(statement, (str(teaching.organization_id),)) == [(0,)]
    assert listed(service, teaching)["items"][0]["unread_count"] == 1


def test_an_administrator_sees_all_of_the_organization_with_nothing_unread(service, talk):
    talk.send(talk.student)
    items = listed(service, talk.anybody("admin"))["items"]
    assert [(c["id"], c["unread_count"]) for c in items] == [(talk.id, 0)]
    assert listed(service, actor("admin"))["items"] == []


def test_an_administrator_cannot_mark_others_messages_read(talk):
    message = talk.send(talk.student)
    with pytest.raises(Forbidden, match=r"messaging.not_a_participant"):
        talk.mark_read(talk.anybody("admin"), message["id"])


@pytest.mark.parametrize("role", ["instructor", "student"])
@pytest.mark.parametrize("method", ["get_conversation", "list_messages"])
def test_nobody_else_reads(service, talk, role, method):
    with pytest.raises(NotFound, match=r"messaging.unknown_conversation"):
        service.call(method, actor=talk.anybody(role), conversation_id=talk.id)


@pytest.mark.parametrize("change", ["UPDATE conversation_readings SET shown = 'messages'",
                                    "DELETE FROM conversation_readings",
                                    "TRUNCATE conversation_readings"])  # fmt: skip
def test_the_record_of_readings_only_grows(service, change):
    with pytest.raises(psycopg2.errors.InsufficientPrivilege, match="only grows"):
        service.sql(change)


def cursor_of(*keys):
    return base64.urlsafe_b64encode(json.dumps(keys).encode()).decode().rstrip("=")


BAD_CURSORS = [
    5, [], "x", "\x00", "é", "a" * 501, cursor_of(), cursor_of(1, 2, 3), cursor_of("a", "b"), cursor_of(2**63),
    cursor_of(-1), cursor_of(1.5), cursor_of(True), cursor_of(None),
    cursor_of("2030-01-01T00:00:00", str(uuid.uuid4())), cursor_of("2030-01-01T00:00:00+00:00", "x"),
    cursor_of([], {}), "W10", "e30",
]  # fmt: skip


@pytest.mark.parametrize("cursor", BAD_CURSORS)
@pytest.mark.parametrize("method", ["list_conversations", "list_messages"])
def test_a_cursor_that_is_none_is_refused_by_name(service, talk, method, cursor):
    more = {"conversation_id": talk.id} if method == "list_messages" else {}
    with pytest.raises(Invalid) as refused:
        service.call(method, actor=talk.student, cursor=cursor, **more)
    assert {error.pointer for error in refused.value.errors} == {"/cursor"}


@pytest.mark.parametrize("limit", [0, 201, -1, 2**63, "50", 1.5, True, None, []])
@pytest.mark.parametrize("method", ["list_conversations", "list_messages"])
def test_a_limit_that_is_none_is_refused_by_name(service, talk, method, limit):
    more = {"conversation_id": talk.id} if method == "list_messages" else {}
    with pytest.raises(Invalid) as refused:
        service.call(method, actor=talk.student, limit=limit, **more)
    assert {error.pointer for error in refused.value.errors} == {"/limit"}
