"""People who come, change, go and come back."""

from __future__ import annotations

import uuid

from chaos.clients.client import Client
from chaos.clients.wire import Call


def create_student(client: Client) -> None:
    """A student together with one or two instructors: way 1. The e-mail address holds the key."""
    organization, key = client.organization, str(uuid.uuid4())
    chosen = client.rng.sample(organization.instructors, client.rng.choice((1, 2)))
    body = {
        "roles": ["student"],
        "first_name": "Sam",
        "last_name": organization.text("Student"),
        "email": f"{key}@example.org",
        "instructor_ids": [instructor.id for instructor in chosen],
        "send_invitation": client.rng.random() < 0.1,
    }
    answer = client.perform(Call("create_student", "POST", "/users", body, key=key))
    if answer.is_ok:
        organization.learn(organization.others, answer.body["id"])


def change_person(client: Client) -> None:
    """Another telephone number, or another name."""
    organization = client.organization
    user_id = organization.some(client.rng, organization.others)
    if user_id is None:
        return
    phone = {"phone": f"+1 555 {client.rng.randrange(10**7):07}"}
    name = {"first_name": f"Sam{client.rng.randrange(1000)}"}
    body = phone if client.rng.random() < 0.5 else name
    client.change("change_person", "PATCH", f"/users/{user_id}", body, about={"user_id": user_id})


def archive_and_restore(client: Client) -> None:
    """Archives a student, mostly for a moment only."""
    organization = client.organization
    user_id = organization.some(client.rng, organization.others)
    if user_id is None:
        return
    about = {"user_id": user_id}
    client.change("archive_person", "POST", f"/users/{user_id}/archive", about=about)
    if client.rng.random() < 0.8:
        client.change("restore_person", "POST", f"/users/{user_id}/restore", about=about)
