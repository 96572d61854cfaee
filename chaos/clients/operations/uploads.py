"""The Multi-User Upload Tool: new people, known ones, broken rows, and associations. Way 4."""

from __future__ import annotations

import csv
import io
import uuid

from chaos.clients.client import Client
from chaos.clients.wire import Call

HEADER = ("role", "first_name", "last_name", "email", "instructors")
SIZES = (20, 50, 100, 200)
BIG = 1_500

# How many addresses of an upload others may bring again.
SHARED_ROWS = 10


def upload(client: Client) -> None:
    """Uploads a file and has it applied; its name holds the key."""
    organization, rng, key = client.organization, client.rng, str(uuid.uuid4())
    size = BIG if rng.random() < 0.04 else rng.choice(SIZES)
    associations = rng.choices(("add", "replace", "remove"), (8, 1, 1))[0]
    rows = rows_of(client, key, size)
    name = f"{key}.csv"
    call = Call(
        "upload",
        "POST",
        "/imports",
        files={"file": (name, csv_of(rows), "text/csv")},
        form={"apply": "true", "associations": associations, "send_invitations": "false"},
        about={"rows": len(rows), "associations": associations, "filename": name},
        key=key,
    )
    answer = client.perform(call)
    if answer.is_ok:
        organization.learn(organization.imports, answer.body["id"])
        organization.learn(organization.uploaded, *(row[3] for row in rows[:SHARED_ROWS]))


def rows_of(client: Client, key: str, size: int) -> list[tuple[str, ...]]:
    """Mostly new students, some of earlier files, some that are no good."""
    return [row(client, key, number) for number in range(size)]


def row(client: Client, key: str, number: int) -> tuple[str, ...]:
    """One student."""
    rng, organization = client.rng, client.organization
    email = f"{number}.{key}@example.org"
    if number % 10 == 9:
        email = organization.some(rng, organization.uploaded) or email
    if number % 25 == 24:
        email = "nobody at nowhere"
    instructors = ";".join(
        person.email for person in rng.sample(organization.instructors, rng.choice((0, 1, 1, 2)))
    )
    first_name = f"Uma{rng.randrange(100)}"
    return ("student", first_name, organization.text("Uploaded"), email, instructors)


def csv_of(rows: list[tuple[str, ...]]) -> bytes:
    """The file."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(HEADER)
    writer.writerows(rows)
    return text.getvalue().encode()


def look_at_upload(client: Client) -> None:
    """How far one is, or what became of its rows."""
    import_id = client.organization.some(client.rng, client.organization.imports)
    if import_id is None:
        return
    if client.rng.random() < 0.5:
        client.read("get_import", f"/imports/{import_id}")
    else:
        client.read("list_rows", f"/imports/{import_id}/rows", {"limit": 20})
