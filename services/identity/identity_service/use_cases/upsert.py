"""Adding and updating many people at once, and finding people by what others call them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from types import SimpleNamespace
from typing import Any

from sqlalchemy.exc import IntegrityError

from chassis.context import Actor, Operation
from chassis.database import Contention, Database, UnitOfWork, constraint_of
from chassis.errors import Invalid
from chassis.fields import load
from identity_service import access, errors, events, schemas
from identity_service.domain.links import Links
from identity_service.domain.people import normalized_email, ordered_roles
from identity_service.domain.upsert import Batch, Outcome, Person, Problem, naming_key, naming_keys
from identity_service.storage import links as link_rows
from identity_service.storage import upsert as rows
from identity_service.use_cases.inviting import invite
from identity_service.use_cases.people import default_zone
from identity_service.use_cases.recording import Change, record_people_changed

Item = dict[str, Any]


def upsert_users(
    database: Database,
    links: Links,
    actor: Actor,
    people: Sequence[Any],
    *,
    dry_run: bool,
    send_invitations: bool,
    operation: Operation,
) -> dict[str, Any]:
    """Adds who is unknown and updates who is known; one invalid item stops no other.

    With `send_invitations`, whoever of them was held back so far is invited, new or not.
    A dry run only says what would be. A run that meets another one which adds the same person is run again, and then
    finds that person.
    """
    access.require_manager(actor)
    items = [load_item(one) for one in people]
    with database.unit_of_work(actor.organization_id) as uow:
        if not dry_run and (done := uow.replay(operation)) is not None:
            return dict(done)
        batch, outcomes = plan(uow, actor, items, for_update=not dry_run)
        result = {"results": [outcome_json(one, batch, dry_run=dry_run) for one in outcomes]}
        if not dry_run:
            store(uow, actor, batch)
            if send_invitations:
                invite_held_back(uow, actor, batch, links)
            uow.record(operation, result)
            uow.commit()
    return result


def load_item(item: Any) -> Item | Outcome:
    """One person's fields checked, or the outcome that says which are wrong."""
    if not isinstance(item, dict):
        return Outcome("invalid", problems=[Problem("", "request.invalid", "Not an object.")])
    try:
        loaded = load(schemas.ImportedPersonSchema, item)
    except Invalid as error:
        problems = [Problem(e.pointer, error.code, e.detail) for e in error.errors]
        return Outcome("invalid", problems=problems)
    role = loaded.pop("role", None)
    loaded["roles"] = ordered_roles([*loaded.get("roles", ()), *([role] if role else ())])
    if "owner" in loaded["roles"]:
        detail = "Ownership can't be given to many at once."
        return Outcome("invalid", problems=[Problem("/role", "identity.owner_by_batch", detail)])
    return loaded


def plan(
    uow: UnitOfWork, actor: Actor, items: Sequence[Item | Outcome], *, for_update: bool
) -> tuple[Batch, list[Outcome]]:
    """What becomes of each item, in order."""
    keys = {key for one in items if isinstance(one, dict) for key in naming_keys(one)}
    stored = rows.find_named(uow, actor.organization_id, keys, for_update=for_update)
    batch = Batch(
        stored,
        default_zone(uow, actor.organization_id),
        may_change_owners=actor.has_role("owner"),
    )
    return batch, [
        one if isinstance(one, Outcome) else batch.apply(one, uuid.uuid4()) for one in items
    ]


def store(uow: UnitOfWork, actor: Actor, batch: Batch) -> None:
    """Two statements and two events at most, however many people."""
    try:
        added = rows.add_people(uow, actor.organization_id, values_of(batch.created()))
        changed = rows.change_people(uow, actor.organization_id, values_of(batch.updated()))
    except IntegrityError as error:
        if constraint_of(error) in errors.TAKEN:
            raise Contention from error
        raise
    if added:
        data = events.users_created(added, [], str(actor.user_id))
        uow.publish("user_created", subject=f"batch:{uuid.uuid4()}", data=data)
    if changed:
        data = events.users_changed(changed)
        uow.publish("user_updated", subject=f"batch:{uuid.uuid4()}", data=data)
        record_people_changed(uow, map(change_of, batch.updated()))
        end_links_of_moved(uow, actor, batch.updated())


def invite_held_back(uow: UnitOfWork, actor: Actor, batch: Batch, links: Links) -> None:
    """Invites those of the batch who can be and have no open invitation."""
    found = link_rows.hold_invitable(
        uow, actor.organization_id, list(batch.people), only_held_back=True
    )
    invite(uow, actor.organization_id, found, links)


def end_links_of_moved(uow: UnitOfWork, actor: Actor, changed: Sequence[Person]) -> None:
    """What was sent to an old address must not open anything."""
    moved = [
        person.id
        for person in changed
        if person.before is not None and person.before["email"] != person.values["email"]
    ]
    if moved:
        link_rows.end(uow, actor.organization_id, moved)


def change_of(person: Person) -> Change:
    """What the batch changed of somebody who was there."""
    before = person.before or {}
    fields = [field for field, value in person.values.items() if before[field] != value]
    return Change(person.id, fields, before["roles"], person.values["roles"])


def values_of(people: Sequence[Person]) -> list[dict[str, Any]]:
    """The rows to write."""
    return [person.values for person in people]


def outcome_json(outcome: Outcome, batch: Batch, *, dry_run: bool) -> dict[str, Any]:
    """One result. A person whom a dry run would add has no id yet."""
    person = batch.people.get(outcome.user_id) if outcome.user_id else None
    has_id = person is not None and not (dry_run and person.is_new)
    return {
        "outcome": outcome.outcome,
        "user_id": str(outcome.user_id) if has_id else None,
        "changes": outcome.changes,
        "errors": [asdict(problem) for problem in outcome.problems],
    }


def resolve_people(database: Database, actor: Actor, logins: Sequence[str]) -> list[dict[str, Any]]:
    """For each login, in order, whom it names by e-mail, else username, else external id; None if nobody."""
    access.require_manager(actor)
    keys = {key for login in logins for key in possible_keys(login)}
    with database.unit_of_work(actor.organization_id) as uow:
        found = rows.find_named(uow, actor.organization_id, keys)
    by_key = {key: row for row in found for key in naming_keys(row)}
    return [{"login": login, "user": first_match(login, by_key)} for login in logins]


def possible_keys(login: str) -> list[tuple[str, str]]:
    """What a login may be, in the order in which it is tried."""
    email = [("email", normalized_email(login))] if "@" in login else []
    return [*email, naming_key("username", login), naming_key("external_id", login)]


def first_match(
    login: str, by_key: Mapping[tuple[str, str], Mapping[str, Any]]
) -> dict[str, Any] | None:
    """The person whom a login names first."""
    for key in possible_keys(login):
        if key in by_key:
            return schemas.user_json(SimpleNamespace(**by_key[key]))
    return None
