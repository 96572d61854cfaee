"""What the import service asks its neighbours, as typed functions. All calls act for the person who imports."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from chassis.errors import Conflict, Unavailable
from chassis.rpc.client import RpcClient
from import_service.domain import parts

# A neighbour is busy with our own earlier try.
BUSY: Final = "idempotency.in_progress"

MOST_LOGINS: Final = 1000
MOST_PAIRS: Final = 1000
MOST_PEOPLE: Final = 500

Ids = tuple[str, str]


class Identity:
    """The service that knows the people."""

    def __init__(self, neighbours: RpcClient) -> None:
        self._neighbours = neighbours

    def upsert(
        self,
        people: Sequence[Mapping[str, Any]],
        *,
        dry_run: bool,
        send_invitations: bool = False,
        operation_id: uuid.UUID | None = None,
    ) -> list[dict[str, Any]]:
        """What becomes of up to 500 people, in order; with `dry_run`, what would. Who was not invited yet may be."""
        if not people:
            return []
        answer = patiently(
            self._neighbours,
            "identity",
            "upsert_users",
            operation_id=operation_id,
            people=list(people),
            dry_run=dry_run,
            **({"send_invitations": True} if send_invitations else {}),
        )
        results: list[dict[str, Any]] = answer["results"]
        return results

    def resolve(self, logins: Iterable[str]) -> dict[str, dict[str, Any]]:
        """The users that these e-mails, usernames and external ids mean; unknown ones are left out."""
        found: dict[str, dict[str, Any]] = {}
        for part in parts(list(logins), MOST_LOGINS):
            answer = patiently(self._neighbours, "identity", "resolve_people", logins=part)
            found.update({item["login"]: item["user"] for item in answer["items"] if item["user"]})
        return found

    def former_names(self, user_id: uuid.UUID) -> dict[str, str]:
        """What an erased person was called; empty once that was forgotten."""
        answer = patiently(self._neighbours, "identity", "former_names", user_id=str(user_id))
        names: dict[str, str] = answer["names"]
        return names

    def forget_former_names(self, user_id: uuid.UUID) -> None:
        """Says that they are needed no more."""
        patiently(self._neighbours, "identity", "forget_former_names", user_id=str(user_id))


class Assignment:
    """The service that knows who is assigned to whom. Pairs are (instructor id, student id)."""

    def __init__(self, neighbours: RpcClient) -> None:
        self._neighbours = neighbours

    def active(self, pairs: Sequence[Ids]) -> set[Ids]:
        """Those of the pairs that are assigned now."""
        found: set[Ids] = set()
        for part in parts(pairs, MOST_PAIRS):
            answer = patiently(
                self._neighbours, "assignment", "authorize_many", pairs=list(map(pair_json, part))
            )
            decided = zip(part, answer["results"], strict=True)
            found.update(pair for pair, decision in decided if is_active(decision))
        return found

    def assign(self, pairs: Sequence[Ids], operation_id: uuid.UUID) -> list[str]:
        """Assigns up to 1000 pairs and says the outcome of each."""
        return self._change("assign_many", pairs, operation_id, source="import")

    def end(self, pairs: Sequence[Ids], operation_id: uuid.UUID) -> list[str]:
        """Ends the assignments of up to 1000 pairs and says the outcome of each."""
        return self._change("end_many", pairs, operation_id, source="import")

    def partners(self, role: str, user_ids: Iterable[str]) -> Mapping[str, Sequence[Ids]]:
        """The active pairs of each of these people, all being of one role; who has none is left out."""
        found: dict[str, list[Ids]] = defaultdict(list)
        for part in parts(list(user_ids), MOST_PEOPLE):
            for pair in self._pairs_of(f"{role}_ids", part):
                found[pair[f"{role}_id"]].append((pair["instructor_id"], pair["student_id"]))
        return dict(found)

    def _pairs_of(self, which: str, user_ids: Sequence[str]) -> Iterator[dict[str, str]]:
        cursor = None
        while True:
            people = {which: user_ids, "cursor": cursor}
            page = patiently(self._neighbours, "assignment", "list_partners", **people)
            yield from page["pairs"]
            cursor = page["next_cursor"]
            if cursor is None:
                return

    def _change(
        self, method: str, pairs: Sequence[Ids], operation_id: uuid.UUID, **options: str
    ) -> list[str]:
        if not pairs:
            return []
        answer = patiently(
            self._neighbours,
            "assignment",
            method,
            operation_id=operation_id,
            pairs=list(map(pair_json, pairs)),
            **options,
        )
        return [result["outcome"] for result in answer["results"]]


def patiently(neighbours: RpcClient, service: str, method: str, **arguments: Any) -> Any:
    """Calls a neighbour. What passes by itself is a reason to try again, not to fail."""
    try:
        return neighbours.call(service, method, **arguments)
    except Conflict as error:
        if error.code != BUSY:
            raise
        raise Unavailable(error.code, error.detail) from error


def is_active(decision: Mapping[str, Any]) -> bool:
    """Whether the pair is assigned, be it that one of the two is archived just now."""
    return bool(decision["allowed"] or decision["assignment_id"])


def pair_json(pair: Ids) -> dict[str, str]:
    """A pair as the bus carries it."""
    return {"instructor_id": pair[0], "student_id": pair[1]}
