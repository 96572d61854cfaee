"""Finding people by what somebody types, best match first.

A result's place is (class, key, id), which is also what a cursor holds:

1. `q` is the beginning of "first last", of the last name, e-mail address, username or external id. The key is the
   least of those that match, so that a whole name comes before a longer one. Each kind of key has a B-tree, from which
   only as many rows are read as the page needs: the first letter, which matches tens of thousands, is quick too.
2. Each word of `q` begins a word of the person (not asked for a single address or number).
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
from typing import Any, Final

import orjson

from chassis.database import TookTooLong, UnitOfWork
from chassis.prepared import Prepared
from identity_service.domain import spelling
from identity_service.storage import search_statements as statements

FIRST_PLACE: Final = (0, "", "00000000-0000-0000-0000-000000000000")
SHORTEST_LIKE: Final = 3
MOST_LIKE: Final = 500
MOST_WORDS: Final = 60
# Of one statement. Usually it takes milliseconds.
SECONDS_FOR_MEANINGS: Final = 0.5
IN_NO_NAME: Final = re.compile(r"[0-9@]")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a search looks for. `place` is that of the last person shown, FIRST_PLACE at the beginning."""

    q: str
    role: str | None
    status: str | None
    limit: int
    place: tuple[int, str, str] = FIRST_PLACE

    def parameters(self, organization_id: uuid.UUID) -> dict[str, Any]:
        """For the statements."""
        return {
            "organization_id": str(organization_id),
            "q": self.q,
            "highest": statements.HIGHEST,
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
    if reached <= 2 and may_be_inside(wanted.q) and (found or are_known(uow, wanted)):
        found += having_words(uow, wanted, wanted.limit - len(found))
    if reached >= 3 or (wanted.place == FIRST_PLACE and not found):
        found += misspelled(uow, wanted)
    return found


def listed(uow: UnitOfWork, wanted: Wanted) -> Sequence[Any]:
    """Everybody, by last name, first name, id."""
    statement = statements.list_statement(wanted.role, has_status=wanted.status is not None)
    return run(uow, statement, wanted.parameters(uow.organization_id))


def beginning(uow: UnitOfWork, wanted: Wanted) -> Sequence[Any]:
    """The first class."""
    statement = statements.beginning_statement(
        wanted.role,
        has_status=wanted.status is not None,
        is_first_page=wanted.place == FIRST_PLACE,
    )
    return run(uow, statement, wanted.parameters(uow.organization_id))


def may_be_inside(q: str) -> bool:
    """Whether somebody may have `q` elsewhere than where the first class looks.

    A single word can only be a later one of somebody's names then, which has no digit and no @. An address or a number
    is what a trigram index is slowest for: everybody's are made of the same few trigrams.
    """
    return " " in q or not IN_NO_NAME.search(q)


def having_words(uow: UnitOfWork, wanted: Wanted, limit: int) -> Sequence[Any]:
    """The second class."""
    patterns = [[pattern] for pattern in patterns_of(wanted.q)]
    own: dict[str, Any] = {"patterns": patterns, "not_beginning": wanted.q, "limit": limit}
    return alike(uow, statements.HAVING_WORDS, wanted, own) if patterns else []


def are_known(uow: UnitOfWork, wanted: Wanted) -> bool:
    """Whether each word begins one that somebody is called: a quick way to see that a word is misspelled."""
    words = {"words": spelling.words_in(wanted.q)}
    [row] = run(uow, statements.WORDS_KNOWN, {**wanted.parameters(uow.organization_id), **words})
    return row[0] is not False


def misspelled(uow: UnitOfWork, wanted: Wanted) -> Sequence[Any]:
    """The third class or, if that has nobody, the fourth; nobody where people are too much alike to tell in time."""
    try:
        with uow.brief(SECONDS_FOR_MEANINGS):
            return meant(uow, wanted)
    except TookTooLong:
        return []


def meant(uow: UnitOfWork, wanted: Wanted) -> Sequence[Any]:
    """The same, however long it takes."""
    found = meanings(uow, spelling.words_in(wanted.q))
    if not any(found.values()) and "@" not in wanted.q:
        return []
    rows: Sequence[Any] = []
    if wanted.place[0] <= 3:
        parameters = wanted.parameters(uow.organization_id)
        statement = statements.meant_statement(wanted.role, has_status=wanted.status is not None)
        rows = run(uow, statement, {**parameters, "variants": spelling.variants(wanted.q, found)})
    if rows or wanted.place[0] == 3:
        return rows
    patterns = spelling.alternatives(wanted.q, found)
    own: dict[str, Any] = {"patterns": patterns, "not_beginning": None}
    return alike(uow, statements.HAVING_MEANT_WORDS, wanted, own) if patterns else []


def meanings(uow: UnitOfWork, words: Sequence[str]) -> dict[str, list[str]]:
    """For each word those that it may be a misspelling of."""
    if not words:
        return {}
    near: dict[tuple[str, str], list[str]] = {}
    for row in run(uow, statements.WORDS_NEAR, {"words": list(words), "most": MOST_WORDS}):
        near.setdefault((row.needle, row.folded_needle), []).append(row.word)
    return {word: spelling.meanings(folded, found) for (word, folded), found in near.items()}


def alike(
    uow: UnitOfWork, statement: Prepared, wanted: Wanted, own: dict[str, Any]
) -> Sequence[Any]:
    """The people whom `people_like` finds."""
    parameters = {**wanted.parameters(uow.organization_id), "most": MOST_LIKE, **own}
    parameters["patterns"] = orjson.dumps(parameters["patterns"]).decode()
    return run(uow, statement, parameters)


def among(uow: UnitOfWork, wanted: Wanted, ids: Sequence[uuid.UUID]) -> Sequence[Any]:
    """The same order among a few people only, who are looked at one by one."""
    parameters = {
        **wanted.parameters(uow.organization_id),
        "ids": [str(one) for one in ids],
        "typed": " ".join(words_of(wanted.q)),
        "beginnings": patterns_of(wanted.q) or ["-"],
    }
    return run(uow, statements.AMONG if wanted.q else statements.LIST_AMONG, parameters)


def patterns_of(q: str) -> list[str]:
    """A pattern for each word: it begins a word of the person."""
    return [f"% {escaped(word)}%" for word in words_of(q)]


def words_of(q: str) -> list[str]:
    """The words of `q`; of an address only the part before the @, as in `search_text`."""
    return [word.partition("@")[0] for word in q.split() if word.partition("@")[0]]


def escaped(word: str) -> str:
    """Without meaning for LIKE."""
    return re.sub(r"([\\%_])", r"\\\1", word)


def run(uow: UnitOfWork, statement: Prepared, parameters: dict[str, Any]) -> Sequence[Any]:
    """Rows of one statement."""
    return uow.run(statement, parameters).all()
