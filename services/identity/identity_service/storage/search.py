"""Finding people by what somebody types, best match first.

A result's place is (class, key, id), which is also what a cursor holds:

1. `q` is the beginning of "first last", of the last name, e-mail address, username or external id. The key is the least
   of those that match, so that a whole name comes before a longer one. Each kind of key has a B-tree, from which only as
   many rows are read as the page needs: the first letter, which matches tens of thousands, is quick too.
2. Each word of `q` begins a word of the person.
3. Nearly so, the nearest first; only when the others have nobody, so that who is spelled right is not drowned.

Only a page that the first class can't fill looks into the trigram index, by the function `people_like`.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from chassis.database import UnitOfWork
from identity_service.storage.people import COLUMNS

FIRST_PLACE: Final = (0, "", "00000000-0000-0000-0000-000000000000")
SHORTEST_LIKE: Final = 3
MOST_LIKE: Final = 500

KEYS: Final = ("sort_key", "name_key", "email", "username_key", "external_key")
SHOWN: Final = ", ".join(f"u.{column.name}" for column in COLUMNS)
# Staff and managers have indexes of their own, which the planner takes when it sees these very conditions.
OF_ROLE: Final = {
    None: "",
    "student": "AND u.roles @> ARRAY['student'] ",
    "instructor": "AND u.roles && ARRAY['owner', 'admin', 'instructor'] AND u.roles @> ARRAY['instructor'] ",
    "admin": "AND u.roles && ARRAY['owner', 'admin'] AND u.roles @> ARRAY['admin'] ",
    "owner": "AND u.roles && ARRAY['owner', 'admin'] AND u.roles @> ARRAY['owner'] ",
}
BEGINS: Final = "u.{key} >= folded(%(q)s) AND u.{key} < folded(%(q)s) || %(highest)s"
LEAST: Final = (
    "least("
    + ", ".join(f"CASE WHEN {BEGINS.format(key=key)} THEN u.{key} END" for key in KEYS)
    + ")"
)
# Who was shown before, by a lesser key, is not shown again.
NEXT: Final = (
    "(u.{key}, u.id) > (%(after_key)s, %(after_id)s) AND u.{key} < folded(%(q)s) || %(highest)s "
    f"AND ({LEAST}, u.id) > (%(after_key)s, %(after_id)s)"
)
HIGHEST: Final = "\U0010ffff"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a search looks for. `place` is that of the last person shown, FIRST_PLACE at the beginning."""

    q: str
    role: str | None
    status: str | None
    limit: int
    place: tuple[int, str, str] = FIRST_PLACE

    def parameters(self, organization_id: uuid.UUID) -> dict[str, Any]:
        """For psycopg2."""
        return {
            "organization_id": str(organization_id),
            "q": self.q,
            "highest": HIGHEST,
            "role": self.role,
            "status": self.status,
            "limit": self.limit,
            "after_class": self.place[0],
            "after_key": self.place[1],
            "after_id": self.place[2],
        }


def search(uow: UnitOfWork, wanted: Wanted) -> Sequence[Any]:
    """Up to `limit` rows of people with `class` and `key`."""
    if not wanted.q:
        return listed(uow, wanted)
    found = beginning(uow, wanted) if wanted.place[0] <= 1 else []
    missing = wanted.limit - len(found)
    if missing == 0 or len(wanted.q) < SHORTEST_LIKE:
        return found
    also_near = wanted.place[0] == 3 or (wanted.place == FIRST_PLACE and not found)
    return [*found, *alike(uow, wanted, missing, also_near=also_near)]


def listed(uow: UnitOfWork, wanted: Wanted) -> Sequence[Any]:
    """Everybody, by last name, first name, id."""
    statement = list_statement(wanted.role, has_status=wanted.status is not None)
    return run(uow, statement, wanted.parameters(uow.organization_id))


def beginning(uow: UnitOfWork, wanted: Wanted) -> Sequence[Any]:
    """The first class."""
    statement = beginning_statement(
        wanted.role,
        has_status=wanted.status is not None,
        is_first_page=wanted.place == FIRST_PLACE,
    )
    return run(uow, statement, wanted.parameters(uow.organization_id))


def alike(uow: UnitOfWork, wanted: Wanted, limit: int, *, also_near: bool) -> Sequence[Any]:
    """The second class or, if that has nobody, perhaps the third."""
    words = words_of(wanted.q)
    if not words:
        return []
    parameters = {
        **wanted.parameters(uow.organization_id),
        "words": " ".join(words),
        "patterns": [f"% {escaped(word)}%" for word in words],
        "also_near": also_near,
        "most": MOST_LIKE,
        "limit": limit,
    }
    return run(uow, ALIKE, parameters)


def among(uow: UnitOfWork, wanted: Wanted, ids: Sequence[uuid.UUID]) -> Sequence[Any]:
    """The same order among a few people only, who are looked at one by one."""
    words = words_of(wanted.q)
    parameters = {
        **wanted.parameters(uow.organization_id),
        "ids": [str(one) for one in ids],
        "words": " ".join(words),
        "patterns": [f"% {escaped(word)}%" for word in words],
    }
    return run(uow, AMONG if wanted.q else LIST_AMONG, parameters)


def words_of(q: str) -> list[str]:
    """What the trigram index is asked for: of an address only the part before the @, as in `search_text`."""
    return [word.partition("@")[0] for word in q.split() if word.partition("@")[0]]


def escaped(word: str) -> str:
    """Without meaning for LIKE."""
    return re.sub(r"([\\%_])", r"\\\1", word)


def run(uow: UnitOfWork, statement: str, parameters: dict[str, Any]) -> Sequence[Any]:
    """Rows of one statement."""
    return uow.connection.exec_driver_sql(statement, parameters).all()


@cache
def list_statement(role: str | None, *, has_status: bool) -> str:
    """Reads one B-tree in order."""
    status = "AND u.status = %(status)s " if has_status else ""
    return f"""
        SELECT {SHOWN}, 1 AS class, u.sort_key AS key FROM users AS u
         WHERE u.organization_id = %(organization_id)s {OF_ROLE[role]}{status}
           AND (u.sort_key, u.id) > (%(after_key)s, %(after_id)s)
         ORDER BY u.sort_key, u.id LIMIT %(limit)s
    """  # noqa: S608 - constants only


@cache
def beginning_statement(role: str | None, *, has_status: bool, is_first_page: bool) -> str:
    """Reads a B-tree for each kind of key in order and merges.

    Who is found by several keys counts by the least of those that were read. A lesser one that was not read lies behind
    a whole page of others, and so does the person.
    """
    status = "AND u.status = %(status)s " if has_status else ""
    # One lower bound, not both: PostgreSQL would start the scan at either.
    bounds = BEGINS if is_first_page else NEXT
    branches = [
        f"""(SELECT u.id, u.{key} AS key FROM users AS u
              WHERE u.organization_id = %(organization_id)s AND {bounds.format(key=key)} {OF_ROLE[role]}{status}
              ORDER BY u.{key}, u.id LIMIT %(limit)s)"""  # noqa: S608 - constants only
        for key in KEYS
    ]
    return f"""
        SELECT {SHOWN}, 1 AS class, m.key
          FROM (SELECT min(b.key) AS key, b.id FROM ({" UNION ALL ".join(branches)}) AS b
                 GROUP BY b.id ORDER BY 1, 2 LIMIT %(limit)s) AS m
          JOIN users AS u ON u.organization_id = %(organization_id)s AND u.id = m.id
         ORDER BY m.key, m.id
    """  # noqa: S608 - constants only


ALIKE: Final = f"""
    SELECT {SHOWN}, l.class, l.key
      FROM people_like(%(q)s, %(words)s, %(patterns)s, %(role)s, %(status)s, %(also_near)s, %(most)s) AS l
      JOIN users AS u ON u.organization_id = %(organization_id)s AND u.id = l.id
     WHERE (l.class, l.key COLLATE "C", l.id) > (%(after_class)s, %(after_key)s, %(after_id)s)
     ORDER BY l.class, l.key COLLATE "C", l.id LIMIT %(limit)s
"""  # noqa: S608 - constants only

FEW: Final = """
    u.organization_id = %(organization_id)s AND u.id = ANY (%(ids)s::uuid[])
    AND (%(role)s IS NULL OR %(role)s = ANY (u.roles)) AND (%(status)s IS NULL OR u.status = %(status)s)
"""

LIST_AMONG: Final = f"""
    SELECT {SHOWN}, 1 AS class, u.sort_key AS key FROM users AS u
     WHERE {FEW} AND (u.sort_key, u.id) > (%(after_key)s, %(after_id)s)
     ORDER BY u.sort_key, u.id LIMIT %(limit)s
"""  # noqa: S608 - constants only

AMONG: Final = f"""
    SELECT {SHOWN}, r.class, r.key
      FROM users AS u,
           LATERAL (SELECT {LEAST} AS least, word_similarity(folded(%(words)s), u.search_text) AS nearness) AS m,
           LATERAL (SELECT CASE WHEN m.least IS NOT NULL THEN 1
                                WHEN u.search_text LIKE ALL (
                                    SELECT folded(pattern) FROM unnest(%(patterns)s::text[]) AS pattern) THEN 2
                                WHEN length(%(words)s) > 3 AND m.nearness >= 0.4 THEN 3 END AS class) AS c,
           LATERAL (SELECT c.class, CASE c.class WHEN 1 THEN m.least WHEN 2 THEN u.sort_key
                                    ELSE to_char(1 - m.nearness, 'FM0.000') || u.sort_key END COLLATE "C" AS key) AS r
     WHERE {FEW} AND (r.class, r.key, u.id) > (%(after_class)s, %(after_key)s, %(after_id)s)
     ORDER BY r.class, r.key, u.id LIMIT %(limit)s
"""  # noqa: S608 - constants only
