"""Tells the services that keep copies of people and organizations about a change, ahead of its event.

The event does it anyway; this only spares the next request the moment until then.
"""

from __future__ import annotations

from gateway import rpc


def people(*user_ids: str) -> None:
    """After a change of people."""
    ids = list(user_ids)
    rpc.attempt("assignment", "refresh_participants", user_ids=ids)
    rpc.attempt("booking", "refresh_participants", user_ids=ids)


def organization() -> None:
    """After a change of the organization."""
    rpc.attempt("booking", "refresh_organization")
