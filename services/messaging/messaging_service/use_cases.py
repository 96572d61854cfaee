"""What people do with conversations; each function is one operation and owns its transaction."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from chassis import audit
from chassis.context import Actor, Operation
from chassis.database import Database, UnitOfWork
from chassis.erasing import erase, is_any_erased
from chassis.errors import Forbidden, Unavailable
from chassis.events import Event
from chassis.pages import decode_cursor, moment, page
from messaging_service import access, errors, events, schemas
from messaging_service.clients import Assignments
from messaging_service.domain import Fact, Pair
from messaging_service.storage import conversations, erasing, messages


def open_conversation(
    database: Database,
    assignments: Assignments,
    actor: Actor,
    operation: Operation,
    *,
    participant_id: uuid.UUID,
) -> dict[str, Any]:
    """The conversation of the actor and the other person, made if this is the first time; one per pair."""
    candidates = access.pairs_to_open(actor, participant_id)
    try:
        pair, assignment_id = _first_authorized(assignments, candidates)
    except (Forbidden, Unavailable) as refusal:
        return _done_before(database, actor, operation, refusal)
    with database.unit_of_work(actor.organization_id) as uow:
        if (done := uow.replay(operation)) is not None:
            return dict(done)
        erasing.hold_people(uow, (pair.instructor_id, pair.student_id))
        if is_any_erased(uow, (pair.instructor_id, pair.student_id)):
            raise errors.pair_not_assigned()
        conversation_id = conversations.add(uow, pair, assignment_id)
        created = conversation_id is not None
        if conversation_id is None:
            conversation_id = _reopen(uow, pair, assignment_id)
        row = conversations.find(uow, conversation_id)
        result = {
            "conversation": schemas.conversation_answer(row, actor.user_id),
            "created": created,
        }
        uow.record(operation, result)
        uow.commit()
    return result


def _first_authorized(
    assignments: Assignments, candidates: Sequence[Pair]
) -> tuple[Pair, uuid.UUID]:
    for pair in candidates:
        if (assignment_id := assignments.authorized_by(pair)) is not None:
            return pair, assignment_id
    raise errors.pair_not_assigned()


def _reopen(uow: UnitOfWork, pair: Pair, assignment_id: uuid.UUID) -> uuid.UUID:
    conversation_id, standing = conversations.lock_by_pair(uow, pair)
    now_standing = standing.after_authorized(assignment_id, datetime.now(UTC))
    if now_standing != standing:
        conversations.set_standing(uow, {conversation_id: now_standing})
    return conversation_id


def _done_before(
    database: Database, actor: Actor, operation: Operation, refusal: Exception
) -> dict[str, Any]:
    """The result of an operation that was done while the pair was still assigned; else raises the refusal."""
    with database.unit_of_work(actor.organization_id) as uow:
        done = uow.replay(operation)
    if done is None:
        raise refusal
    return dict(done)


def send_message(
    database: Database,
    assignments: Assignments,
    actor: Actor,
    operation: Operation,
    *,
    conversation_id: uuid.UUID,
    body: str,
) -> dict[str, Any]:
    """Says something to the other of the pair, if the two are assigned to each other now."""
    found = conversations.pair_of(database, actor.organization_id, conversation_id)
    pair = access.admit_participant(actor, found)
    try:
        _first_authorized(assignments, [pair])
    except (Forbidden, Unavailable) as refusal:
        return _done_before(database, actor, operation, refusal)
    with database.unit_of_work(actor.organization_id) as uow:
        if (done := uow.replay(operation)) is not None:
            return dict(done)
        added = messages.add(uow, conversation_id, actor.user_id, body)
        if added is None:
            raise errors.pair_not_assigned()
        message_id, sent_at = added
        result = schemas.message_answer(
            id=message_id,
            conversation_id=conversation_id,
            sender_id=actor.user_id,
            body=body,
            sent_at=sent_at,
        )
        data = events.message_sent(result, pair)
        uow.publish("message_sent", subject=str(conversation_id), data=data)
        uow.record(operation, result)
        uow.commit()
    return result


def get_conversation(
    database: Database, actor: Actor, *, conversation_id: uuid.UUID
) -> dict[str, Any]:
    """One conversation. An overseer's look at its last message is recorded."""
    pair = conversations.pair_of(database, actor.organization_id, conversation_id)
    access.admit_reader(actor, pair)
    with database.unit_of_work(actor.organization_id) as uow:
        row = conversations.find(uow, conversation_id)
        _record_last_messages(uow, actor, [row])
    return schemas.conversation_answer(row, actor.user_id)


def list_conversations(
    database: Database, actor: Actor, *, limit: int, cursor: str | None
) -> dict[str, Any]:
    """The actor's conversations, an overseer's all; newest activity first."""
    before = _conversation_cursor(cursor)
    everyone = access.is_overseer(actor)
    with database.unit_of_work(actor.organization_id) as uow:
        of_whom = None if everyone else actor.user_id
        rows = conversations.newest(uow, of_whom, before=before, limit=limit + 1)
        found = page(
            rows,
            limit,
            lambda row: schemas.conversation_answer(row, actor.user_id),
            lambda row: (row.last_activity_at.isoformat(), row.id),
        )
        _record_last_messages(uow, actor, rows[: len(found["items"])])
    return found


def _conversation_cursor(cursor: str | None) -> tuple[datetime, uuid.UUID] | None:
    if cursor is None:
        return None
    last_activity_at, conversation_id = decode_cursor(cursor, moment, uuid.UUID)
    return last_activity_at, conversation_id


def _record_last_messages(uow: UnitOfWork, actor: Actor, rows: Sequence[Any]) -> None:
    """A list shows the last message of each: for those of other people that is a reading, too."""
    others = {
        row.id: row
        for row in rows
        if row.message_id is not None and not _pair(row).includes(actor.user_id)
    }
    if others:
        shown = {conversation_id: row.last_sequence for conversation_id, row in others.items()}
        new = messages.record_last_messages_shown(uow, actor.user_id, shown)
        _tell_audit(uow, "last_message", {key: _pair(others[key]) for key in others if key in new})
        uow.commit()


def _pair(row: Any) -> Pair:
    return Pair(row.instructor_id, row.student_id)


def _tell_audit(uow: UnitOfWork, shown: str, read: Mapping[uuid.UUID, Pair]) -> None:
    """Puts on record whose conversations an overseer read, and how much of them was shown."""
    if not read:
        return
    people = [person for pair in read.values() for person in (pair.instructor_id, pair.student_id)]
    audit.record(
        uow,
        "conversation.read_by_admin",
        targets=[*read, *dict.fromkeys(people)],
        details={"shown": shown},
    )


def list_messages(
    database: Database, actor: Actor, *, conversation_id: uuid.UUID, limit: int, cursor: str | None
) -> dict[str, Any]:
    """Messages, newest first. That an overseer reads them stands on record before they get the answer."""
    before = decode_cursor(cursor, schemas.sequence_key)[0] if cursor is not None else None
    pair = conversations.pair_of(database, actor.organization_id, conversation_id)
    is_overseeing = access.admit_reader(actor, pair)
    with database.unit_of_work(actor.organization_id) as uow:
        rows = messages.newest(uow, conversation_id, before=before, limit=limit + 1)
        if is_overseeing and pair is not None:
            up_to = rows[0].sequence if rows else 0
            messages.record_reading(uow, actor.user_id, conversation_id, up_to)
            _tell_audit(uow, "messages", {conversation_id: pair})
            uow.commit()
    return page(rows, limit, schemas.listed_message, lambda row: (row.sequence,))


def mark_read(
    database: Database,
    actor: Actor,
    operation: Operation,
    *,
    conversation_id: uuid.UUID,
    message_id: uuid.UUID,
) -> None:
    """Moves the actor's read position to a message, never back."""
    pair = conversations.pair_of(database, actor.organization_id, conversation_id)
    access.admit_participant(actor, pair)
    with database.unit_of_work(actor.organization_id) as uow:
        if uow.replay(operation) is not None:
            return
        sequence = messages.sequence_of(uow, conversation_id, message_id)
        if sequence is None:
            raise errors.unknown_message()
        position = messages.lock_read_position(uow, conversation_id, actor.user_id)
        if sequence > position.sequence:
            moved = replace(position, sequence=sequence)
            messages.set_read_position(uow, conversation_id, actor.user_id, moved)
            data = events.conversation_read(
                conversation_id, actor.user_id, message_id, datetime.now(UTC)
            )
            uow.publish("conversation_read", subject=str(conversation_id), data=data)
        uow.record(operation, {})
        uow.commit()


def note_assignments(
    database: Database, event: Event, handler: str, facts: Mapping[Pair, Fact]
) -> None:
    """Shows the conversations of pairs that were assigned as open, of those no longer assigned as closed."""
    with database.unit_of_work(event.organization_id) as uow:
        if not uow.is_first_delivery(event, handler):
            return
        known = conversations.lock_by_pairs(uow, list(facts))
        changed = {
            conversation_id: standing.after(facts[pair])
            for pair, (conversation_id, standing) in known.items()
        }
        conversations.set_standing(uow, changed)
        uow.commit()


def forget_erased(database: Database, event: Event) -> None:
    """Forgets whom identity has erased."""
    erase(database, event, "on_identity_user_erased", erasing.forget)
