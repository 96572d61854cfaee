"""The text of the searches: constants and parameters only, put together once for each kind of search."""

from __future__ import annotations

from functools import cache
from typing import Final

from identity_service.storage.people import COLUMNS
from identity_service.storage.tables import MANAGERS, STAFF

MOST_MEANT: Final = 50
KEYS: Final = ("sort_key", "name_key", "email", "username_key", "external_key")
SHOWN: Final = ", ".join(f"u.{column.name}" for column in COLUMNS)
# Staff and managers have indexes of their own, which the planner takes when it sees their very conditions.
OF_STAFF: Final = f"AND u.{STAFF} "
OF_ROLE: Final = {
    None: "",
    "student": "AND u.roles @> ARRAY['student'] ",
    "instructor": OF_STAFF + "AND u.roles @> ARRAY['instructor'] ",
    "admin": OF_STAFF + f"AND u.{MANAGERS} AND u.roles @> ARRAY['admin'] ",
    "owner": OF_STAFF + f"AND u.{MANAGERS} AND u.roles @> ARRAY['owner'] ",
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


@cache
def list_statement(role: str | None, *, has_status: bool) -> str:
    """Reads one B-tree in order."""
    status = "AND u.status = %(status)s " if has_status else ""
    return f"""
        SELECT {SHOWN}, 1 AS class, u.sort_key AS key FROM users AS u
         WHERE u.organization_id = %(organization_id)s {OF_ROLE[role]}{status}
           AND (u.sort_key, u.id) > (%(after_key)s, %(after_id)s)
         ORDER BY u.sort_key, u.id LIMIT %(limit)s
    """  # noqa: S608 - constants only # nosec B608


@cache
def meant_statement(role: str | None, *, has_status: bool) -> str:
    """As `beginning_statement`, with several texts, which come in order."""
    status = "AND u.status = %(status)s " if has_status else ""
    branches = [
        f"""(SELECT u.id FROM users AS u
              WHERE u.organization_id = %(organization_id)s AND u.{key} >= v.q AND u.{key} < v.q || %(highest)s
                    {OF_ROLE[role]}{status}
              ORDER BY u.{key} LIMIT {MOST_MEANT})"""  # noqa: S608 - constants only # nosec B608
        for key in KEYS
    ]
    return f"""
        SELECT {SHOWN}, 3 AS class, k.key
          FROM (SELECT b.id, min(v.number) AS number
                  FROM (SELECT folded(given.q) COLLATE "C" AS q, given.number
                          FROM unnest(%(variants)s::text[]) WITH ORDINALITY AS given (q, number)) AS v,
                       LATERAL ({" UNION ALL ".join(branches)}) AS b
                 GROUP BY b.id) AS m
          JOIN users AS u ON u.organization_id = %(organization_id)s AND u.id = m.id
         CROSS JOIN LATERAL (SELECT (to_char(m.number, 'FM000') || u.sort_key) COLLATE "C" AS key) AS k
         WHERE (3, k.key, u.id) > (%(after_class)s, %(after_key)s, %(after_id)s)
         ORDER BY k.key, u.id LIMIT %(limit)s
    """  # noqa: S608 - constants only # nosec B608


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
              ORDER BY u.{key}, u.id LIMIT %(limit)s)"""  # noqa: S608 - constants only # nosec B608
        for key in KEYS
    ]
    return f"""
        SELECT {SHOWN}, 1 AS class, m.key
          FROM (SELECT min(b.key) AS key, b.id FROM ({" UNION ALL ".join(branches)}) AS b
                 GROUP BY b.id ORDER BY 1, 2 LIMIT %(limit)s) AS m
          JOIN users AS u ON u.organization_id = %(organization_id)s AND u.id = m.id
         ORDER BY m.key, m.id
    """  # noqa: S608 - constants only # nosec B608


def alike_statement(number: int, key: str) -> str:
    """People of `people_like`, in the order of `key`."""
    return f"""
        SELECT {SHOWN}, {number} AS class, k.key
          FROM people_like(%(patterns)s, %(not_beginning)s, %(role)s, %(status)s, %(most)s) AS l
          JOIN users AS u ON u.organization_id = %(organization_id)s AND u.id = l.id
          CROSS JOIN LATERAL (SELECT ({key}) COLLATE "C" AS key) AS k
         WHERE ({number}, k.key, u.id) > (%(after_class)s, %(after_key)s, %(after_id)s)
         ORDER BY k.key, u.id LIMIT %(limit)s
    """  # noqa: S608 - constants only # nosec B608


HAVING_WORDS: Final = alike_statement(2, "u.sort_key")
HAVING_MEANT_WORDS: Final = alike_statement(
    4, "to_char(1 - word_similarity(folded(%(q)s), u.search_text), 'FM0.000') || u.sort_key"
)
WORDS_KNOWN: Final = """
    SELECT bool_and(EXISTS (SELECT FROM name_words AS known
                             WHERE known.organization_id = %(organization_id)s AND known.word >= folded(typed.word)
                               AND known.word < folded(typed.word) || %(highest)s))
      FROM unnest(%(words)s::text[]) AS typed (word)
"""
WORDS_NEAR: Final = "SELECT needle, folded_needle, word FROM words_near(%(words)s, %(most)s)"

FEW: Final = """
    u.organization_id = %(organization_id)s AND u.id = ANY (%(ids)s::uuid[])
    AND (%(role)s IS NULL OR %(role)s = ANY (u.roles)) AND (%(status)s IS NULL OR u.status = %(status)s)
"""

LIST_AMONG: Final = f"""
    SELECT {SHOWN}, 1 AS class, u.sort_key AS key FROM users AS u
     WHERE {FEW} AND (u.sort_key, u.id) > (%(after_key)s, %(after_id)s)
     ORDER BY u.sort_key, u.id LIMIT %(limit)s
"""  # noqa: S608 - constants only # nosec B608

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
"""  # noqa: S608 - constants only # nosec B608
