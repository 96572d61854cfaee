"""People."""

from __future__ import annotations

from functools import partial
from typing import Any

from werkzeug.wrappers import Response

from chassis.context import current, current_actor
from gateway import access, answers, archives, etag, refreshing, rpc, settling, visibility
from gateway.declarations import Answer
from gateway.parts import parts
from gateway.reading import JsonBody
from gateway.routes import Routes
from gateway.schemas.people import (
    CreatedUser,
    Erasure,
    Invitations,
    Invited,
    NewUser,
    User,
    UserChanges,
    UserPage,
    UserQuery,
)
from gateway.waiting import Pair

routes = Routes("people", "Administrators, instructors and students")


@routes.post(
    "/users",
    who=access.PEOPLE_ADMINS,
    body=JsonBody(NewUser),
    prefers_wait=True,
    answers={201: Answer(CreatedUser, "The person.", has_tag=True)},
)
def create_user(body: dict[str, Any]) -> Response:
    """Add a person; a student's instructors and an instructor's students can be chosen at once.

    Waits up to 2 seconds for the assignments to become active.
    """
    if is_to_be_invited(body):
        body.setdefault("send_invitation", True)
    change = rpc.change_costly if body.get("password") else partial(rpc.change, "identity")
    created = change("create_user", **body)
    user = created["user"]
    headers = {"ETag": etag.tag_of(user)}
    if "instructor_ids" in body or "student_ids" in body:
        wait = settling.preferred_wait()
        user = {**user, "assignments": settled(created["assignments"], wait)}
        headers |= settling.applied(wait)
    return answers.json(user, 201, headers)


def is_to_be_invited(body: dict[str, Any]) -> bool:
    """Whether a new person has an address and no password: whoever has one can sign in already."""
    return bool(body.get("email")) and body.get("password") is None


def settled(made: list[dict[str, Any]], wait: int | None) -> list[dict[str, Any]]:
    """The assignments, each with its status."""
    organization_id = str(current_actor().organization_id)
    pairs = [Pair(organization_id, a["instructor_id"], a["student_id"]) for a in made]
    seconds = settling.WAIT_SECONDS if wait is None else wait
    with parts().arrivals.registry.expecting(pairs) as expectation:
        seen = settling.settle(expectation, likely=current().replayed, seconds=seconds)
    return [
        {**assignment, "status": "active" if pair in seen else "pending"}
        for assignment, pair in zip(made, pairs, strict=True)
    ]


@routes.get(
    "/users",
    who=access.THEIRS,
    query=UserQuery,
    answers={200: Answer(UserPage, "Best match first.")},
)
def list_users(query: dict[str, Any]) -> Response:
    """Search people; those who are no administrators find those they are assigned to."""
    actor = current_actor()
    if not visibility.sees_everyone(actor):
        query["among"] = visibility.visible_ids(actor)
    return answers.json(rpc.call("identity", "search_users", **query))


@routes.get(
    "/users/<uuid:user_id>",
    who=access.PERSON,
    has_tag=True,
    answers={200: Answer(User, "The person.")},
)
def get_user(user_id: str) -> Response:
    """One person."""
    visibility.require_visible(current_actor(), user_id)
    return etag.answer(rpc.call("identity", "get_user", user_id=user_id))


@routes.patch(
    "/users/<uuid:user_id>",
    who=access.PEOPLE_ADMINS,
    has_tag=True,
    body=JsonBody(UserChanges),
    answers={200: Answer(User, "The person as changed.")},
)
def change_user(user_id: str, body: dict[str, Any]) -> Response:
    """Change a person."""
    condition = etag.if_version()
    user = rpc.change("identity", "update_user", user_id=user_id, changes=body, **condition)
    refreshing.people(user_id)
    return etag.answer(user)


@routes.post(
    "/users/<uuid:user_id>/archive",
    who=access.PEOPLE_ADMINS,
    answers={200: Answer(User, "The person as changed.", has_tag=True)},
)
def archive_user(user_id: str) -> Response:
    """Archive a person, who can then neither sign in nor be booked; history stays."""
    return changed("archive_user", user_id)


@routes.post(
    "/users/<uuid:user_id>/restore",
    who=access.PEOPLE_ADMINS,
    answers={200: Answer(User, "The person as changed.", has_tag=True)},
)
def restore_user(user_id: str) -> Response:
    """Restore an archived person."""
    return changed("restore_user", user_id)


@routes.post(
    "/users/<uuid:user_id>/invite",
    who=access.PEOPLE_ADMINS,
    answers={200: Answer(User, "The person, to whom an invitation is mailed.", has_tag=True)},
)
def invite_user(user_id: str) -> Response:
    """Mail a person an invitation, which ends an earlier one.

    409 for somebody who is active or archived, or has no e-mail address.
    """
    return etag.answer(rpc.change("identity", "invite_user", user_id=user_id))


@routes.post(
    "/users/invitations",
    who=access.PEOPLE_ADMINS,
    body=JsonBody(Invitations),
    answers={202: Answer(Invited, "The invitations are on their way.")},
)
def invite_users(body: dict[str, Any]) -> Response:
    """Mail the invitations that were held back: those of some people, or all of them."""
    return answers.json(rpc.change("identity", "invite_users", **body), 202)


@routes.get(
    "/users/<uuid:user_id>/export",
    who=access.THEMSELVES_OR_OWNERS,
    answers={200: Answer(None, "A ZIP file; README.txt in it.", content_type=archives.ZIP)},
)
def export_user(user_id: str) -> Response:
    """Everything that is kept about a person, over all services, as one archive.

    It is complete, or there is none: 503 when a service does not answer.
    """
    return archives.of_person(user_id)


@routes.post(
    "/users/<uuid:user_id>/erase",
    who=access.OWNERS,
    body=JsonBody(Erasure),
    answers={200: Answer(User, "The person, erased.", has_tag=True)},
)
def erase_user(user_id: str, body: dict[str, Any]) -> Response:
    """Erase a person, for good: names, addresses and what they wrote go, history stays by their id.

    Assignments end and coming sessions are cancelled. The other services follow within moments.
    """
    user = rpc.change("identity", "erase_user", user_id=user_id, **body)
    refreshing.people(user_id)
    return etag.answer(user)


def changed(method: str, user_id: str) -> Response:
    """Changes a person's status."""
    user = rpc.change("identity", method, user_id=user_id)
    refreshing.people(user_id)
    return etag.answer(user)
