"""A login that was ended is refused everywhere a second later."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from chaos.checker.calls import Violation
from chaos.final import FinalState
from chaos.history import Entry

REVOKED = "a revoked token is refused within a second"


def refused(entries: Sequence[Entry], final: FinalState) -> Iterator[Violation]:
    """The client shows the token a second after it was signed out."""
    for entry in entries:
        if entry.operation == "use_revoked_token" and entry.outcome == "ok":
            yield Violation(REVOKED, f"{entry.client} was let in", (entry,))
