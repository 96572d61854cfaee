"""Assignments by hand, one and many, and their ends: way 3."""

from __future__ import annotations

from chaos.clients.client import Client


def assign(client: Client) -> None:
    """On the Student Instructors page."""
    pair = client.organization.wide_pair(client.rng)
    client.change("assign", "PUT", pair.path, about={"pairs": [pair.body]})


def end(client: Client) -> None:
    """Ends an assignment, often the one that others just work on."""
    pair = client.organization.wide_pair(client.rng)
    choice = client.rng.choice(("keep", "keep", "cancel"))
    client.change(
        "end_assignment",
        "DELETE",
        pair.path,
        parameters={"future_sessions": choice},
        about={"pairs": [pair.body], "future_sessions": choice},
    )


def assign_many(client: Client) -> None:
    """Several pairs at once."""
    batch(client, "assign_many", "assign")


def end_many(client: Client) -> None:
    """Ends several at once."""
    batch(client, "end_many", "end")


def batch(client: Client, operation: str, verb: str) -> None:
    """The batch, some of whose pairs may be the same."""
    pairs = [
        client.organization.wide_pair(client.rng).body for _ in range(client.rng.choice((2, 3, 5)))
    ]
    body = {"pairs": pairs, "operation": verb}
    client.change(operation, "POST", "/assignments/batch", body, about={"pairs": pairs})


def explain(client: Client) -> None:
    """Asks for the decision."""
    pair = client.organization.wide_pair(client.rng)
    client.read("explain", "/assignments/explain", pair.body)
