"""Finding people by what somebody types, best match first.

A result's place is (class, key, id), which is also what a cursor holds:

1. `q` is the beginning of "first last", of the last name, e-mail address, username or external id. The key is the
   least of those that match, so that a whole name comes before a longer one. Each kind of key has a B-tree, from which
   only as many rows are read as the page needs: the first letter, which matches tens of thousands, is quick too.
2. Each word of `q` begins a word of the person.
3. As the first, with what `q` may mean if it is misspelled; only when the others have nobody.
4. As the second, the same; only when all others have nobody.

Only a page that the first class can't fill looks into the trigram index, by the function `people_like`. A misspelled
word is looked up among the words that people of the organization are called, which are few, not among the people.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import orjson

from chassis.database import UnitOfWork
from identity_service.domain import spelling
from identity_service.storage.people import COLUMNS

FIRST_PLACE: Final = (0, "", "00000000-0000-0000-0000-000000000000")
SHORTEST_LIKE: Final = 3
MOST_LIKE: Final = 500
MOST_WORDS: Final = 60
MOST_MEANT: Final = 50

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
    reached = wanted.place[0]
    found = list(beginning(uow, wanted)) if reached <= 1 else []
    if len(found) == wanted.limit or len(wanted.q) < SHORTEST_LIKE:
        return found
    if reached <= 2:
        found += having_words(uow, wanted, wanted.limit - len(found))
    if reached >= 3 or (wanted.place == FIRST_PLACE and not found):
        found += misspelled(uow, wanted)
    return found


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


def having_words(uow: UnitOfWork, wanted: Wanted, limit: int) -> Sequence[Any]:
    """The second class."""
    patterns = [[pattern] for pattern in patterns_of(wanted.q)]
    own: dict[str, Any] = {"patterns": patterns, "not_beginning": wanted.q, "limit": limit}
    return alike(uow, HAVING_WORDS, wanted, own) if patterns else []


def misspelled(uow: UnitOfWork, wanted: Wanted) -> Sequence[Any]:
    """The third class or, if that has nobody, the fourth."""
    found = meanings(uow, spelling.words_in(wanted.q))
    if not any(found.values()) and "@" not in wanted.q:
        return []
    rows: Sequence[Any] = []
    if wanted.place[0] <= 3:
        parameters = wanted.parameters(uow.organization_id)
        rows = run(uow, MEANT, {**parameters, "variants": spelling.variants(wanted.q, found)})
    if rows or wanted.place[0] == 3:
        return rows
    patterns = spelling.alternatives(wanted.q, found)
    own: dict[str, Any] = {"patterns": patterns, "not_beginning": None}
    return alike(uow, HAVING_MEANT_WORDS, wanted, own) if patterns else []


def meanings(uow: UnitOfWork, words: Sequence[str]) -> dict[str, list[str]]:
    """For each word those that it may be a misspelling of."""
    if not words:
        return {}
    near: dict[tuple[str, str], list[str]] = {}
    for row in run(uow, WORDS_NEAR, {"words": list(words), "most": MOST_WORDS}):
        near.setdefault((row.needle, row.folded_needle), []).append(row.word)
    return {word: spelling.meanings(folded, found) for (word, folded), found in near.items()}


def alike(uow: UnitOfWork, statement: str, wanted: Wanted, own: dict[str, Any]) -> Sequence[Any]:
    """The people whom `people_like` finds."""
    parameters = {**wanted.parameters(uow.organization_id), "most": MOST_LIKE, **own}
    parameters["patterns"] = orjson.dumps(parameters["patterns"]).decode()
    return run(uow, statement, parameters)


def among(uow: UnitOfWork, wanted: Wanted, ids: Sequence[uuid.UUID]) -> Sequence[Any]:
    """The same order among a few people only, who are looked at one by one."""
    parameters = {
        **wanted.parameters(uow.organization_id),
        "ids": [str(one) for one in ids],
        "words": " ".join(words_of(wanted.q)),
        "patterns": patterns_of(wanted.q) or ["-"],
    }
    return run(uow, AMONG if wanted.q else LIST_AMONG, parameters)


def patterns_of(q: str) -> list[str]:
    """A pattern for each word: it begins a word of the person."""
    return [f"% {escaped(word)}%" for word in words_of(q)]


def words_of(q: str) -> list[str]:
    """The words of `q`; of an address only the part before the @, as in `search_text`."""
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


def alike_statement(number: int, key: str) -> str:
    """People of `people_like`, in the order of `key`."""
    return f"""
        SELECT {SHOWN}, {number} AS class, k.key
          FROM people_like(%(patterns)s, %(not_beginning)s, %(role)s, %(status)s, %(most)s) AS l
          JOIN users AS u ON u.organization_id = %(organization_id)s AND u.id = l.id
          CROSS JOIN LATERAL (SELECT ({key}) COLLATE "C" AS key) AS k
         WHERE ({number}, k.key, u.id) > (%(after_class)s, %(after_key)s, %(after_id)s)
         ORDER BY k.key, u.id LIMIT %(limit)s
    """  # noqa: S608 - constants only


HAVING_WORDS: Final = alike_statement(2, "u.sort_key")
HAVING_MEANT_WORDS: Final = alike_statement(
    4, "to_char(1 - word_similarity(folded(%(q)s), u.search_text), 'FM0.000') || u.sort_key"
)
MEANT_BRANCHES: Final = " UNION ALL ".join(
    f"""(SELECT u.id FROM users AS u
          WHERE u.organization_id = %(organization_id)s AND u.{key} >= v.q AND u.{key} < v.q || %(highest)s
            AND (%(role)s IS NULL OR %(role)s = ANY (u.roles)) AND (%(status)s IS NULL OR u.status = %(status)s)
          ORDER BY u.{key} LIMIT {MOST_MEANT})"""  # noqa: S608 - constants only
    for key in KEYS
)
MEANT: Final = f"""
    SELECT {SHOWN}, 3 AS class, k.key
      FROM (SELECT b.id, min(v.number) AS number
              FROM (SELECT folded(given.q) COLLATE "C" AS q, given.number
                      FROM unnest(%(variants)s::text[]) WITH ORDINALITY AS given (q, number)) AS v,
                   LATERAL ({MEANT_BRANCHES}) AS b
             GROUP BY b.id) AS m
      JOIN users AS u ON u.organization_id = %(organization_id)s AND u.id = m.id
     CROSS JOIN LATERAL (SELECT (to_char(m.number, 'FM000') || u.sort_key) COLLATE "C" AS key) AS k
     WHERE (3, k.key, u.id) > (%(after_class)s, %(after_key)s, %(after_id)s)
     ORDER BY k.key, u.id LIMIT %(limit)s
"""  # noqa: S608 - constants only
WORDS_NEAR: Final = "SELECT needle, folded_needle, word FROM words_near(%(words)s, %(most)s)"

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
