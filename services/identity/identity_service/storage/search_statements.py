"""The statements of the searches, put together once for each kind of search and planned once per connection.

Planning one took several times as long as running it: five branches, each with some twenty indexes to choose from.
"""

from __future__ import annotations

from functools import cache
from typing import Final

from chassis.prepared import PLACEHOLDER, Prepared
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
BEGINS: Final = "u.{key} >= folded(:q) AND u.{key} < folded(:q) || :highest"
LEAST: Final = (
    "least("
    + ", ".join(f"CASE WHEN {BEGINS.format(key=key)} THEN u.{key} END" for key in KEYS)
    + ")"
)
# Who was shown before, by a lesser key, is not shown again.
NEXT: Final = (
    "(u.{key}, u.id) > (:after_key, :after_id) AND u.{key} < folded(:q) || :highest "
    f"AND ({LEAST}, u.id) > (:after_key, :after_id)"
)
HIGHEST: Final = "\U0010ffff"

TYPES: Final = {
    "organization_id": "uuid",
    "q": "text",
    "highest": "text",
    "role": "text",
    "status": "text",
    "limit": "integer",
    "after_class": "integer",
    "after_key": "text",
    "after_id": "uuid",
    "variants": "text[]",
    "patterns": "jsonb",
    "not_beginning": "text",
    "most": "integer",
    "words": "text[]",
    "ids": "text[]",
    "typed": "text",
    "beginnings": "text[]",
}


def prepared(name: str, sql: str) -> Prepared:
    """The statement with those of `TYPES` that it has as parameters."""
    used = set(PLACEHOLDER.findall(sql))
    return Prepared(name, {key: kind for key, kind in TYPES.items() if key in used}, sql)


def name_of(kind: str, role: str | None, *flags: bool) -> str:
    """A name of its own for each statement of a kind."""
    return "_".join(["people", kind, role or "anybody", *("ny"[flag] for flag in flags)])


@cache
def list_statement(role: str | None, *, has_status: bool) -> Prepared:
    """Reads one B-tree in order."""
    status = "AND u.status = :status " if has_status else ""
    sql = f"""
        SELECT {SHOWN}, 1 AS class, u.sort_key AS key FROM users AS u
         WHERE u.organization_id = :organization_id {OF_ROLE[role]}{status}
           AND (u.sort_key, u.id) > (:after_key, :after_id)
         ORDER BY u.sort_key, u.id LIMIT :limit
    """  # noqa: S608 - constants only # nosec B608
    return prepared(name_of("listed", role, has_status), sql)


@cache
def meant_statement(role: str | None, *, has_status: bool) -> Prepared:
    """As `beginning_statement`, with several texts, which come in order."""
    status = "AND u.status = :status " if has_status else ""
    branches = [
        f"""(SELECT u.id FROM users AS u
              WHERE u.organization_id = :organization_id AND u.{key} >= v.q AND u.{key} < v.q || :highest
                    {OF_ROLE[role]}{status}
              ORDER BY u.{key} LIMIT {MOST_MEANT})"""  # noqa: S608 - constants only # nosec B608
        for key in KEYS
    ]
    sql = f"""
        SELECT {SHOWN}, 3 AS class, k.key
          FROM (SELECT b.id, min(v.number) AS number
                  FROM (SELECT folded(given.q) COLLATE "C" AS q, given.number
                          FROM unnest(:variants::text[]) WITH ORDINALITY AS given (q, number)) AS v,
                       LATERAL ({" UNION ALL ".join(branches)}) AS b
                 GROUP BY b.id) AS m
          JOIN users AS u ON u.organization_id = :organization_id AND u.id = m.id
         CROSS JOIN LATERAL (SELECT (to_char(m.number, 'FM000') || u.sort_key) COLLATE "C" AS key) AS k
         WHERE (3, k.key, u.id) > (:after_class, :after_key, :after_id)
         ORDER BY k.key, u.id LIMIT :limit
    """  # noqa: S608 - constants only # nosec B608
    return prepared(name_of("meant", role, has_status), sql)


@cache
def beginning_statement(role: str | None, *, has_status: bool, is_first_page: bool) -> Prepared:
    """Reads a B-tree for each kind of key in order and merges.

    Who is found by several keys counts by the least of those that were read. A lesser one that was not read lies behind
    a whole page of others, and so does the person.
    """
    status = "AND u.status = :status " if has_status else ""
    # One lower bound, not both: PostgreSQL would start the scan at either.
    bounds = BEGINS if is_first_page else NEXT
    branches = [
        f"""(SELECT u.id, u.{key} AS key FROM users AS u
              WHERE u.organization_id = :organization_id AND {bounds.format(key=key)} {OF_ROLE[role]}{status}
              ORDER BY u.{key}, u.id LIMIT :limit)"""  # noqa: S608 - constants only # nosec B608
        for key in KEYS
    ]
    sql = f"""
        SELECT {SHOWN}, 1 AS class, m.key
          FROM (SELECT min(b.key) AS key, b.id FROM ({" UNION ALL ".join(branches)}) AS b
                 GROUP BY b.id ORDER BY 1, 2 LIMIT :limit) AS m
          JOIN users AS u ON u.organization_id = :organization_id AND u.id = m.id
         ORDER BY m.key, m.id
    """  # noqa: S608 - constants only # nosec B608
    return prepared(name_of("beginning", role, has_status, is_first_page), sql)


def alike_statement(number: int, key: str) -> Prepared:
    """People of `people_like`, in the order of `key`."""
    sql = f"""
        SELECT {SHOWN}, {number} AS class, k.key
          FROM people_like(:patterns, :not_beginning, :role, :status, :most) AS l
          JOIN users AS u ON u.organization_id = :organization_id AND u.id = l.id
          CROSS JOIN LATERAL (SELECT ({key}) COLLATE "C" AS key) AS k
         WHERE ({number}, k.key, u.id) > (:after_class, :after_key, :after_id)
         ORDER BY k.key, u.id LIMIT :limit
    """  # noqa: S608 - constants only # nosec B608
    return prepared(f"people_alike_{number}", sql)


HAVING_WORDS: Final = alike_statement(2, "u.sort_key")
HAVING_MEANT_WORDS: Final = alike_statement(
    4, "to_char(1 - word_similarity(folded(:q), u.search_text), 'FM0.000') || u.sort_key"
)
WORDS_KNOWN: Final = prepared(
    "people_words_known",
    """
    SELECT bool_and(EXISTS (SELECT FROM name_words AS known
                             WHERE known.organization_id = :organization_id AND known.word >= folded(typed.word)
                               AND known.word < folded(typed.word) || :highest))
      FROM unnest(:words) AS typed (word)
    """,
)
WORDS_NEAR: Final = prepared(
    "people_words_near", "SELECT needle, folded_needle, word FROM words_near(:words, :most)"
)

FEW: Final = """
    u.organization_id = :organization_id AND u.id = ANY (:ids::uuid[])
    AND (:role IS NULL OR :role = ANY (u.roles)) AND (:status IS NULL OR u.status = :status)
"""

LIST_AMONG: Final = prepared(
    "people_listed_among",
    f"""
    SELECT {SHOWN}, 1 AS class, u.sort_key AS key FROM users AS u
     WHERE {FEW} AND (u.sort_key, u.id) > (:after_key, :after_id)
     ORDER BY u.sort_key, u.id LIMIT :limit
    """,  # noqa: S608 - constants only # nosec B608
)

AMONG: Final = prepared(
    "people_among",
    f"""
    SELECT {SHOWN}, r.class, r.key
      FROM users AS u,
           LATERAL (SELECT {LEAST} AS least, word_similarity(folded(:typed), u.search_text) AS nearness) AS m,
           LATERAL (SELECT CASE WHEN m.least IS NOT NULL THEN 1
                                WHEN u.search_text LIKE ALL (
                                    SELECT folded(pattern) FROM unnest(:beginnings) AS pattern) THEN 2
                                WHEN length(:typed) > 3 AND m.nearness >= 0.4 THEN 3 END AS class) AS c,
           LATERAL (SELECT c.class, CASE c.class WHEN 1 THEN m.least WHEN 2 THEN u.sort_key
                                    ELSE to_char(1 - m.nearness, 'FM0.000') || u.sort_key END COLLATE "C" AS key) AS r
     WHERE {FEW} AND (r.class, r.key, u.id) > (:after_class, :after_key, :after_id)
     ORDER BY r.class, r.key, u.id LIMIT :limit
    """,  # noqa: S608 - constants only # nosec B608
)
