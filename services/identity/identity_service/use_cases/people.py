"""Adding and reading people."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from chassis.context import Actor, Operation
from chassis.database import Database, UnitOfWork
from identity_service import access, errors, events, schemas
from identity_service.domain.links import Links
from identity_service.domain.people import is_reachable, ordered_roles, status_of
from identity_service.storage import organizations, people
from identity_service.use_cases.hashing import Hashing
from identity_service.use_cases.inviting import invite
from identity_service.use_cases.new_passwords import require_strong

UNREACHABLE = ("/email", "A person needs an e-mail address, a username or an external id.")


def create_user(
    database: Database,
    hashing: Hashing,
    links: Links,
    actor: Actor,
    arguments: dict[str, Any],
    operation: Operation,
) -> dict[str, Any]:
    """A new person, and the assignments to make for them.

    Instructors chosen for a new student (way 1 of the help article) are told to the assignment service by the event
    that is stored with the person. One wrong choice, and nothing is stored.
    """
    access.require_manager(actor)
    access.require_may_change_roles(actor, (), arguments["roles"])
    check_person(arguments)
    password_hash = hash_of_first_password(database, hashing, actor, arguments, operation)
    with database.unit_of_work(actor.organization_id) as uow:
        if (done := uow.replay(operation)) is not None:
            return dict(done)
        result = store_person(uow, actor, arguments, password_hash)
        if is_to_be_invited(arguments):
            invite(uow, actor.organization_id, [uuid.UUID(result["user"]["id"])], links)
        uow.record(operation, result)
        uow.commit()
    return result


def hash_of_first_password(
    database: Database,
    hashing: Hashing,
    actor: Actor,
    arguments: dict[str, Any],
    operation: Operation,
) -> str | None:
    """The hash of the password that was given, if any, which must be fit for this person. A repeated call has none."""
    password: str | None = arguments["password"]
    if not password:
        return None
    with hashing.place(account=str(actor.user_id)) as place:
        with database.unit_of_work(actor.organization_id) as uow:
            if uow.replay(operation) is not None:
                return None
            organization = organizations.find_organization(uow, actor.organization_id)
        names = [organization.name] if organization is not None else []
        require_strong(password, "/password", arguments, names)
        return place.hash(password)


def is_to_be_invited(arguments: dict[str, Any]) -> bool:
    """Asked for, and there is somewhere to send it and something to choose."""
    return bool(
        arguments["send_invitation"] and arguments.get("email") and not arguments["password"]
    )


def check_person(arguments: dict[str, Any]) -> None:
    """The fields fit each other."""
    problems = []
    if not is_reachable(arguments):
        problems.append(UNREACHABLE)
    for field, role in (("instructor_ids", "student"), ("student_ids", "instructor")):
        if arguments[field] and role not in arguments["roles"]:
            problems.append((f"/{field}", f"Only for a person with the role {role}."))
    if problems:
        raise errors.invalid_fields(problems)


def store_person(
    uow: UnitOfWork, actor: Actor, arguments: dict[str, Any], password_hash: str | None
) -> dict[str, Any]:
    """Person, assignments' ids and event, in one transaction."""
    instructor_ids = unique(arguments["instructor_ids"])
    student_ids = unique(arguments["student_ids"])
    check_choices(uow, actor.organization_id, arguments)
    row = people.add_user(
        uow, actor.organization_id, new_person(uow, actor, arguments, password_hash)
    )
    pairs = [(instructor_id, row.id) for instructor_id in instructor_ids]
    pairs += [(row.id, student_id) for student_id in student_ids]
    assignments = [new_assignment(*pair) for pair in pairs]
    data = events.users_created([row], assignments, str(actor.user_id))
    uow.publish("user_created", subject=str(row.id), data=data)
    return {"user": schemas.user_json(row), "assignments": assignments}


def new_person(
    uow: UnitOfWork, actor: Actor, arguments: dict[str, Any], password_hash: str | None
) -> dict[str, Any]:
    """The values of a new row; a person without a time zone has the organization's."""
    fields = ("first_name", "last_name", "email", "username", "phone", "external_id")
    return {
        **{field: arguments.get(field) for field in fields},
        "id": uuid.uuid4(),
        "roles": ordered_roles(arguments["roles"]),
        "time_zone": arguments.get("time_zone") or default_zone(uow, actor.organization_id),
        "status": status_of(has_password=password_hash is not None),
        "password_hash": password_hash,
    }


def default_zone(uow: UnitOfWork, organization_id: uuid.UUID) -> str:
    """The organization's time zone."""
    organization = organizations.find_organization(uow, organization_id)
    if organization is None:
        raise errors.unknown_user()
    zone: str = organization.time_zone
    return zone


def check_choices(
    uow: UnitOfWork, organization_id: uuid.UUID, arguments: Mapping[str, Any]
) -> None:
    """Everybody chosen is there, not archived, and has the role; else Invalid names each who is not."""
    instructors, students = arguments["instructor_ids"] or [], arguments["student_ids"] or []
    rows = people.hold_users(uow, organization_id, {*instructors, *students})
    problems = [
        *wrong_choices("instructor", instructors, rows),
        *wrong_choices("student", students, rows),
    ]
    if problems:
        raise errors.invalid_fields(problems)


def wrong_choices(
    role: str, chosen: Sequence[uuid.UUID], rows: Mapping[uuid.UUID, Any]
) -> Iterable[tuple[str, str]]:
    """Pointer and reason for each that can't be chosen."""
    for position, user_id in enumerate(chosen):
        row = rows.get(user_id)
        if row is None or role not in row.roles:
            yield f"/{role}_ids/{position}", f"There is no such {role}."
        elif row.status == "archived":
            yield f"/{role}_ids/{position}", f"This {role} is archived."


def new_assignment(instructor_id: uuid.UUID, student_id: uuid.UUID) -> dict[str, str]:
    """An assignment to be made; its id is chosen here, so that the answer can show it at once."""
    return {
        "id": str(uuid.uuid4()),
        "instructor_id": str(instructor_id),
        "student_id": str(student_id),
    }


def unique(ids: Iterable[uuid.UUID] | None) -> list[uuid.UUID]:
    """Each once, in order."""
    return list(dict.fromkeys(ids or ()))


def get_user(database: Database, actor: Actor, user_id: uuid.UUID) -> dict[str, Any]:
    """One person of the organization."""
    with database.unit_of_work(actor.organization_id) as uow:
        row = people.find_user(uow, actor.organization_id, user_id)
    if row is None:
        raise errors.unknown_user()
    return schemas.user_json(row)


def get_users(
    database: Database, actor: Actor, user_ids: Sequence[uuid.UUID]
) -> list[dict[str, Any]]:
    """Those of `user_ids` who are there, each once, in the order asked for."""
    with database.unit_of_work(actor.organization_id) as uow:
        rows = people.find_users(uow, actor.organization_id, user_ids)
    by_id = {row.id: row for row in rows}
    return [schemas.user_json(by_id[user_id]) for user_id in unique(user_ids) if user_id in by_id]
