"""Reads and lists, and what is asked with ids of another organization, on purpose."""

from __future__ import annotations

from collections.abc import Iterator

from chaos.clients.client import Client
from chaos.clients.world import Organization

PAGE = {"limit": 20}
LISTS = {
    "owner": ("/users", "/assignments", "/sessions", "/conversations", "/audit"),
    "admin": ("/users", "/assignments", "/sessions", "/conversations"),
    "instructor": ("/users", "/assignments", "/sessions", "/conversations"),
    "student": ("/users", "/assignments", "/sessions", "/conversations"),
}


def list_something(client: Client) -> None:
    """A page of one of the lists."""
    path = client.rng.choice(LISTS[client.person.role])
    client.read(f"list_{path[1:]}", path, PAGE)


def get_session(client: Client) -> None:
    """One session."""
    session = client.organization.some_session(client.rng, client.person)
    if session is not None:
        client.read("get_session", f"/sessions/{session.id}")


def read_foreign(client: Client) -> None:
    """Something of another organization: there is no such thing."""
    foreign = client.rng.choice(client.others)
    path = client.rng.choice(list(foreign_paths(client, foreign)))
    client.read("read_foreign", path)


def foreign_paths(client: Client, foreign: Organization) -> Iterator[str]:
    """Where its things would be."""
    rng = client.rng
    yield f"/users/{rng.choice(foreign.members).id}"
    yield f"/students/{rng.choice(foreign.students).id}/instructors"
    yield f"/instructors/{rng.choice(foreign.instructors).id}/students"
    if session := foreign.some_session(rng, foreign.owner):
        yield f"/sessions/{session.id}"
    if conversation_id := foreign.some_conversation(rng, foreign.owner):
        yield f"/conversations/{conversation_id}"
        yield f"/conversations/{conversation_id}/messages"
    if client.person.role in {"owner", "admin"} and (
        import_id := foreign.some(rng, foreign.imports)
    ):
        yield f"/imports/{import_id}"
        yield f"/imports/{import_id}/rows"


def change_foreign(client: Client) -> None:
    """Changes something of another organization, or with its people."""
    rng, own = client.rng, client.organization
    foreign = rng.choice(client.others)
    session = foreign.some_session(rng, foreign.owner)
    if session is not None and rng.random() < 0.5:
        client.change("change_foreign", "POST", f"/sessions/{session.id}/cancel", {})
        return
    body = {
        "instructor_id": rng.choice(own.instructors).id,
        "student_id": rng.choice(foreign.students).id,
        "starts_at": own.hour(rng),
        "duration_minutes": 30,
    }
    client.change("change_foreign", "POST", "/sessions", body)
