"""What each kind of person does, and how often beside the rest."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from chaos.clients.client import Client
from chaos.clients.operations import (
    assigning,
    messages,
    people,
    reading,
    sessions,
    signing_in,
    uploads,
)

Operation = Callable[[Client], None]
Weighted = Sequence[tuple[int, Operation]]

EVERYBODY: Weighted = (
    (6, reading.list_something),
    (3, reading.get_session),
    (4, reading.read_foreign),
    (2, signing_in.refresh),
    (1, signing_in.sign_in_and_out),
)
ADMINS: Weighted = (
    *EVERYBODY,
    (22, sessions.book),
    (9, sessions.reschedule),
    (7, sessions.cancel),
    (4, sessions.answer_request),
    (3, sessions.complete),
    (8, people.create_student),
    (4, people.change_person),
    (2, people.archive_and_restore),
    (8, assigning.assign),
    (3, assigning.assign_many),
    (8, assigning.end),
    (2, assigning.end_many),
    (3, assigning.explain),
    (2, uploads.upload),
    (2, uploads.look_at_upload),
    (2, messages.read),
    (2, reading.change_foreign),
)
INSTRUCTORS: Weighted = (
    *EVERYBODY,
    (14, sessions.book_own),
    (6, sessions.reschedule),
    (5, sessions.cancel),
    (6, sessions.answer_request),
    (5, messages.open_conversation),
    (25, messages.send),
    (6, messages.mark_read),
    (5, messages.read),
    (2, reading.change_foreign),
)
STUDENTS: Weighted = (
    *EVERYBODY,
    (10, sessions.book_own),
    (4, sessions.cancel),
    (5, messages.open_conversation),
    (25, messages.send),
    (6, messages.mark_read),
    (5, messages.read),
)
BY_ROLE: Mapping[str, Weighted] = {
    "owner": ADMINS,
    "admin": ADMINS,
    "instructor": INSTRUCTORS,
    "student": STUDENTS,
}


def do_something(client: Client) -> None:
    """One operation that suits the client's role."""
    offered = BY_ROLE[client.person.role]
    (chosen,) = client.rng.choices(
        [operation for _, operation in offered], [weight for weight, _ in offered]
    )
    chosen(client)
